"""What transports hand to protocols, seen: as bytes, into the protocol's own buffer, and out of TLS.

A transport that gets bytes keeps the method that takes them: that is wrapped. One that reads into its
protocol's buffer asks the protocol for its methods each time: there a `StandIn` answers for it. TLS is a
protocol below and a transport above; what comes out of it is seen where it leaves (`ObservedTlsProtocol`).

Rules
- All of this is asked anew each time, as protocols change.
- The program's protocol is never touched, and while any of its methods runs it stands in its own place.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from lab.loop.encryption import TlsProtocol
from lab.loop.transports import StreamTransport
from lab.tracing.recorder import LOOP, Recorder


@contextlib.contextmanager
def observed(transport: StreamTransport, recorder: Recorder) -> Iterator[None]:
    """Within, what the transport hands to its protocol is noted."""
    protocol = transport.get_protocol()
    _observe_tls(protocol)
    fd, deliver = transport._fd, transport._deliver
    if deliver is None and isinstance(protocol, asyncio.BufferedProtocol):
        with _stand_in(transport, "_protocol", Delivery(recorder, protocol, fd)):
            yield
        return
    if deliver is not None and not isinstance(deliver, _Deliver):
        transport._deliver = _Deliver(deliver, Delivery(recorder, protocol, fd))
    yield


def _observe_tls(protocol: Any) -> None:
    """What comes out of TLS is noted from now on, also of TLS inside TLS."""
    while isinstance(protocol, TlsProtocol):
        if type(protocol) is TlsProtocol:
            protocol.__class__ = ObservedTlsProtocol
        protocol = protocol._app_protocol


class Delivery:
    """Notes calls by which ``protocol`` is handed data that came on descriptor ``fd``."""

    def __init__(self, recorder: Recorder, protocol: Any, fd: int, **details: Any) -> None:
        self.protocol = protocol
        self._recorder, self._details = recorder, {"fd": fd, "delivery": True, **details}

    def call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        """Call one of the protocol's methods; what it takes is noted if it takes data."""
        if name not in ("data_received", "buffer_updated"):
            return method(*args)
        count = len(args[0]) if name == "data_received" else args[0]
        whose = type(self.protocol).__name__.removeprefix("Observed")
        span = self._recorder.begin(LOOP, f"{whose}.{name}", bytes=count, **self._details)
        try:
            return method(*args)
        finally:
            self._recorder.end(span)


class _Deliver:
    """A transport's way to its protocol's ``data_received``, noted."""

    def __init__(self, deliver: Callable[[bytes], object], delivery: Delivery) -> None:
        self._deliver, self._delivery = deliver, delivery

    def __call__(self, data: bytes) -> None:
        self._delivery.call("data_received", self._deliver, data)


class StandIn:
    """Answers for a protocol at ``place`` of ``owner``, which looks its methods up there."""

    def __init__(self, owner: Any, place: str, delivery: Delivery) -> None:
        self._owner, self._place, self._delivery = owner, place, delivery

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._delivery.protocol, name)
        return (lambda *args: self._call(name, value, *args)) if callable(value) else value

    def __repr__(self) -> str:
        return repr(self._delivery.protocol)

    def _call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        self.put(self._delivery.protocol, instead_of=self)
        try:
            return self._delivery.call(name, method, *args)
        finally:
            self.put(self, instead_of=self._delivery.protocol)

    def put(self, protocol: Any, instead_of: Any) -> None:
        """Change places, unless the program has put another protocol there."""
        if getattr(self._owner, self._place) is instead_of:
            setattr(self._owner, self._place, protocol)


@contextlib.contextmanager
def _stand_in(owner: Any, place: str, delivery: Delivery) -> Iterator[None]:
    stand_in = StandIn(owner, place, delivery)
    stand_in.put(stand_in, instead_of=delivery.protocol)
    try:
        yield
    finally:
        stand_in.put(delivery.protocol, instead_of=stand_in)


class ObservedTlsProtocol(TlsProtocol):
    """TLS whose decrypted data is seen on its way out. A `TlsProtocol` becomes one by its class."""

    def _do_read__copied(self) -> None:
        with _stand_in(self, "_app_protocol", self._delivery()):
            super()._do_read__copied()

    def _do_read__buffered(self) -> None:
        delivery, update = self._delivery(), self._app_protocol_buffer_updated
        self._app_protocol_buffer_updated = noted = lambda count: delivery.call(
            "buffer_updated", update, count
        )
        try:
            super()._do_read__buffered()
        finally:
            if self._app_protocol_buffer_updated is noted:
                self._app_protocol_buffer_updated = update

    def _delivery(self) -> Delivery:
        sock = self._transport.get_extra_info("socket")
        return Delivery(self._loop.recorder, self._app_protocol, sock.fileno(), decrypted=True)
