"""``idle``: a fixed busy set among ever more connections that are only held."""

from __future__ import annotations

import socket

from lab.workloads.clients import Asking
from lab.workloads.contract import Parameter, ServedWorkload, Values, byte_count
from lab.workloads.echo import MESSAGE_BYTES_MAX, PING_PONG
from lab.workloads.echo_server import serve_echo, serve_echo_by_hand


class Idle(ServedWorkload):
    """Echo on ``active`` connections while the server also waits on ``idle`` silent ones.

    Each idle connection has echoed one message before the window: the server has accepted it and waits on it.
    """

    name = "idle"
    title = "Echo among idle connections"
    question = "What does a request cost when most connections are idle?"
    unit = "request"
    axis = "idle"
    parameters = (
        Parameter("idle", 1000, 0, "connections that are open and silent"),
        Parameter("active", 32, 1, "connections with one message on the way each"),
        Parameter("size", 1024, 1, "bytes in a message", MESSAGE_BYTES_MAX),
    )

    async def serve(self, listener: socket.socket) -> None:
        await serve_echo(listener)

    def serve_by_hand(self, listener: socket.socket) -> None:
        serve_echo_by_hand(listener)

    def clients(self, values: Values) -> Asking:
        return Asking(
            values["active"] + values["idle"], active=values["active"], payload_bytes=values["size"]
        )

    def titled(self, values: Values) -> str:
        return (
            f"{self.title}, {values['active']:,} active among {values['idle']:,} idle, "
            f"{byte_count(values['size'])}"
        )

    def labels(self, values: Values) -> tuple[str, ...]:
        return (PING_PONG,) if values["active"] == 1 else ()
