"""Somebody's own program as a workload: GET requests to whatever it serves.

``serve``: a command that the harness starts in processes of its own (`lab.harness.measured.program`).
``app``: a coroutine that runs on the subject's loop in the measured process, as the server of any workload.

Neither has a floor, since nobody can say what the program would be without a loop.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import socket
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace

from lab.errors import LabError
from lab.results import ProgramKind, ProgramRecord, ScenarioRecord
from lab.workloads.clients import Requesting
from lab.workloads.contract import DrivenWorkload, Parameter, ServedWorkload, Values
from lab.workloads.echo import PING_PONG


class OwnProgram(DrivenWorkload):
    """What both kinds have in common: the requests, and what they are called."""

    question = "Which loop serves your program best?"
    unit = "request"
    parameters = (Parameter("connections", 64, 1, "connections, each with one request on the way"),)

    def __init__(self, program: ProgramRecord) -> None:
        self.program = program
        self.title = f"{program.name}, GET {program.path}"

    def scenario(self, **values: int) -> ScenarioRecord:
        """As for any workload; the id says which program it is and what it is asked for."""
        scenario = super().scenario(**values)
        inner = ",".join(f"{name}={value}" for name, value in sorted(scenario.parameters.items()))
        program = f"program={zlib.crc32(self.program.text.encode()):08x}"
        named = f"{self.name}[{inner},get={self.program.path},{program}]"
        return replace(scenario, id=named, program=self.program)

    def clients(self, values: Values) -> Requesting:
        return Requesting(values["connections"], path=self.program.path, body=self.program.body)

    def titled(self, values: Values) -> str:
        count = values["connections"]
        return f"{self.title}, {count:,} connection{'' if count == 1 else 's'}"

    def labels(self, values: Values) -> tuple[str, ...]:
        return (PING_PONG,) if values["connections"] == 1 else ()


class Command(OwnProgram):
    """A command line that starts a server; it runs outside the lab's processes."""

    name = "serve"


class App(OwnProgram, ServedWorkload):
    """A coroutine function of somebody's module: ``async def serve(listener: socket.socket) -> None``.

    It is given a listening, non-blocking TCP socket, and serves HTTP on it until it is cancelled.
    """

    name = "app"

    async def serve(self, listener: socket.socket) -> None:
        function = self._coroutine_function()
        _check_takes_listener(self.program.text, function)
        serving = function(listener)
        if not inspect.isawaitable(serving):
            raise LabError(
                f"expected {self.program.text} to be a coroutine function, async def serve(listener), but a "
                f"call of it returned {type(serving).__name__}"
            )
        await serving
        raise LabError(
            f"expected {self.program.text} to serve until it is cancelled, but it returned: await "
            "serve_forever(), or something else that lasts, at its end"
        )

    def serve_by_hand(self, listener: socket.socket) -> None:
        raise LabError("a program of somebody's own has no floor")

    def _coroutine_function(self) -> Callable[[socket.socket], object]:
        """What is named, looked up in the current directory too, as for ``python -m``."""
        module, _, attribute = self.program.text.partition(":")
        if (here := os.getcwd()) not in sys.path:
            sys.path.insert(0, here)
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise
            raise LabError(f"expected to find the module {module} from {here}, got: {error}") from None
        try:
            found = functools.reduce(getattr, attribute.split("."), imported)
        except AttributeError as error:
            raise LabError(f"expected to find {self.program.text}, got: {error}") from None
        if not callable(found):
            raise LabError(f"expected {self.program.text} to be a coroutine function, got {found!r:.80}")
        return found


def _check_takes_listener(place: str, function: Callable[..., object]) -> None:
    """Raise `LabError` unless ``function`` can be called with one argument; unless nobody knows, as in C."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise LabError(
            f"expected {place} to take one argument, the listening socket, as in async def serve(listener), "
            f"but it is {place.rpartition('.')[2].rpartition(':')[2]}{signature}: {error}"
        ) from None


def checked_place(text: str) -> str:
    """``module:function`` as it is; raises `LabError` for what is none. Nothing is imported."""
    module, _, attribute = text.partition(":")
    if not all(word.isidentifier() for path in (module, attribute) for word in path.split(".")):
        raise LabError(
            f"expected module:coroutine in --app, such as mypackage.web:serve, got {text!r}: name a module "
            "that can be imported from here, and in it a coroutine function that takes a listening socket"
        )
    return text


OWN_PROGRAMS: dict[ProgramKind, type[OwnProgram]] = {"command": Command, "coroutine": App}
"""Each kind of program: the workload that it is."""
