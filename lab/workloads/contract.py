"""What a workload must be: parameters, a server or an exercise for any loop, and the same by hand.

Rules of the contract
- Loop-agnostic: only asyncio's documented interface, so that every subject runs the very same code.
- Each workload also carries its *floor*: the same work on bare system calls, no event loop.
- A workload checks what it moves. A wrong or missing byte raises; it is never averaged away.
- Nothing here measures: the harness opens the window and reads the clocks.

Two kinds: a `ServedWorkload` runs a server, and the load process drives it from outside (`DrivenWorkload` is
what it shares with programs that run elsewhere); an `InProcessWorkload` drives itself, in the process that is
measured.
"""

from __future__ import annotations

import abc
import asyncio
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from lab.errors import LabError
from lab.workloads.clients import Clients

if TYPE_CHECKING:
    from lab.results import ScenarioRecord

DESCRIPTOR_HEADROOM = 32
"""Descriptors beside the workload's own: standard streams, pipes to the parent, the listener, the poller, the
loop's wake-up pair, what the interpreter opens while importing."""

Wire = Literal["tcp", "unix", "tls", "udp"]
"""What carries a served workload's bytes: TCP on loopback, a Unix socket, TLS over TCP, or UDP."""

Unit = Literal[
    "request",
    "connection",
    "delivery",
    "event",
    "callback",
    "timer",
    "task switch",
    "wake-up",
    "process",
    "signal",
    "idle millisecond",
    "lookup",
]
"""What one operation is; figures are per unit."""

Values = Mapping[str, int]
"""Parameter name -> value, complete and checked, as in `ScenarioRecord.parameters`."""


@dataclass(frozen=True)
class Parameter:
    """One knob of a workload; its bounds are inclusive."""

    name: str
    default: int
    minimum: int
    help: str
    maximum: int | None = None

    def check(self, workload: str, value: int) -> None:
        """Raise `LabError` that names the parameter, the bound and the value."""
        if value < self.minimum:
            raise LabError(_out_of_bounds(f"{workload}.{self.name}", f"at least {self.minimum:,}", value))
        if self.maximum is not None and value > self.maximum:
            raise LabError(_out_of_bounds(f"{workload}.{self.name}", f"at most {self.maximum:,}", value))


def _out_of_bounds(place: str, bound: str, value: int) -> str:
    return f"expected {place} of {bound}, got {value:,}: `muxlab workloads` lists the bounds"


class Workload(abc.ABC):
    """What server and clients do, and the question that answers."""

    name: str
    title: str
    question: str
    unit: ClassVar[Unit]
    load: ClassVar[Literal["closed", "in-process"]]
    parameters: ClassVar[tuple[Parameter, ...]]
    axis: ClassVar[str | None] = None
    """The parameter that adds descriptors, along which the workload is scaled; None: it has none."""
    latency: ClassVar[str] = "round trip"
    """What its latencies are the time of, for people; it matters where latencies are taken."""
    paced: ClassVar[bool] = False
    """The workload keeps a pace of its own, so that its throughput says nothing of the subject."""
    slices: ClassVar[bool] = True
    """Its window may be cut into slices that each begin and end at rest, without becoming another work."""

    def scenario(self, **values: int) -> ScenarioRecord:
        """The record of this workload with ``values``; what is not given has its default.

        Raises `LabError` for a parameter that does not exist or a value out of bounds.
        """
        # Imported here: the measured process does without the records, which take a sixth of its start.
        from lab.results import ScenarioRecord

        known = [parameter.name for parameter in self.parameters]
        for name in values:
            if name not in known:
                raise LabError(f"{self.name} has no parameter {name!r}; it has {', '.join(known)}")
        complete = {each.name: values.get(each.name, each.default) for each in self.parameters}
        for parameter in self.parameters:
            parameter.check(self.name, complete[parameter.name])
        self.check(complete)
        inner = ",".join(f"{name}={complete[name]}" for name in sorted(complete))
        return ScenarioRecord(
            id=f"{self.name}[{inner}]",
            workload=self.name,
            title=self.titled(complete),
            question=self.question,
            unit=self.unit,
            load=self.load,
            parameters=complete,
            axis=self.axis,
            labels=self.labels(complete),
            latency=self.latency,
            paced=self.paced,
        )

    def check(self, values: Values) -> None:
        """Raise `LabError` where values that are each in bounds do not fit together."""
        return None

    def labels(self, values: Values) -> tuple[str, ...]:
        """Warnings that hold for every sample with these values."""
        return ()

    @abc.abstractmethod
    def titled(self, values: Values) -> str:
        """The title with its values, for people: ``Echo over sockets, 64 connections, 1 KiB``."""

    @abc.abstractmethod
    def server_descriptors(self, values: Values) -> int:
        """How many descriptors the measured process may need, headroom included."""

    @abc.abstractmethod
    def load_descriptors(self, values: Values) -> int:
        """How many descriptors the load process may need, headroom included; 0 where there is none."""


class DrivenWorkload(Workload):
    """A server that a separate load drives: closed-loop, unless its scenario has a rate.

    Where it runs is for a kind of them to say.
    """

    load = "closed"
    wire: Wire = "tcp"
    closes: ClassVar[bool] = False
    """After the window all connections are closed, and what the server keeps of their memory is read."""

    @abc.abstractmethod
    def clients(self, values: Values) -> Clients:
        """What the load process is to be."""

    def server_descriptors(self, values: Values) -> int:
        return self.clients(values).connections + DESCRIPTOR_HEADROOM

    load_descriptors = server_descriptors


class ServedWorkload(DrivenWorkload):
    """Its server runs in the measured process, on a listener that the harness makes."""

    @abc.abstractmethod
    async def serve(self, listener: socket.socket) -> None:
        """Serve on the running loop until cancelled; any error ends it. ``listener`` is non-blocking."""

    @abc.abstractmethod
    def serve_by_hand(self, listener: socket.socket) -> None:
        """The floor: the same server on bare system calls. Returns only by an error."""


class Exercise(Protocol):
    """An in-process workload, set up and bound to a loop."""

    async def run(self, seconds: float) -> int:
        """Work for about ``seconds``, ending with nothing under way; return the verified units done."""


class ExerciseByHand(Protocol):
    """The floor of an in-process workload, set up."""

    def run(self, seconds: float) -> int:
        """As `Exercise.run`, without a loop."""


@runtime_checkable
class Timed(Protocol):
    """An exercise, on a loop or by hand, that takes latencies too."""

    latencies_ns: list[int]
    """One for each operation whose time was taken since the harness last emptied the list."""


class InProcessWorkload(Workload):
    """Work that drives itself in the measured process.

    The smallest values of all its parameters together are valid and quick: with them the harness finds out
    whether a loop has what the workload calls.
    """

    load = "in-process"

    @abc.abstractmethod
    def on_loop(self, loop: asyncio.AbstractEventLoop, values: Values) -> AbstractContextManager[Exercise]:
        """Set the work up on ``loop``, which is not running yet; leaving it gives everything back."""

    @abc.abstractmethod
    def by_hand(self, values: Values) -> AbstractContextManager[ExerciseByHand]:
        """Set the floor up; leaving it gives everything back."""

    def surroundings(self, values: Values, beside: int | None = None) -> AbstractContextManager[None] | None:
        """What the measured process must have around it, entered before it has a loop or a second thread.

        It may change the process for good, so it is entered only in a process that ends soon. Where it cannot
        be had, entering raises `LabError` with the reason. ``beside`` is the core of a process that helps;
        None: any. With the smallest values of all parameters nothing is needed, as with most workloads: None.
        """
        return None

    def load_descriptors(self, values: Values) -> int:
        return 0


def byte_count(size: int) -> str:
    """``size`` for people: ``1 KiB``, ``64 KiB``, ``100 bytes``."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit:,} {name}"
    return "1 byte" if size == 1 else f"{size:,} bytes"


def fail(finished: asyncio.Future[None] | None, message: str) -> None:
    """End an exercise whose callback found something wrong: whoever awaits ``finished`` gets a `LabError`.

    If nobody does, the error is raised here instead, and goes to the loop's exception handler.
    """
    if finished is None or finished.done():
        raise LabError(message)
    finished.set_exception(LabError(message))
