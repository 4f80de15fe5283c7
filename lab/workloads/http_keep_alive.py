"""``http``: HTTP/1.1 with keep-alive, parsed by httptools, as the fast Python web servers do.

The server is what is left of a web server without an application: parser callbacks on a protocol, and one
write for head and body. It is the same on every subject and on the floor, so the parser's share, written in
C, stands in all figures alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools

from lab.workloads.clients import Asking
from lab.workloads.contract import Parameter, Values
from lab.workloads.exchanges import BODY_BYTES_MAX, http_response
from lab.workloads.protocol_workload import Holding, ProtocolWorkload


class Http(ProtocolWorkload):
    """GET requests on connections that stay open."""

    name = "http"
    title = "HTTP keep-alive"
    question = "What does an HTTP request cost on a connection that is kept alive?"
    unit = "request"
    parameters = (
        Parameter("connections", 64, 1, "connections, each with one request on the way"),
        Parameter("size", 1024, 1, "bytes in a response's body", BODY_BYTES_MAX),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return HttpProtocol

    def clients(self, values: Values) -> Asking:
        connections = values["connections"]
        return Asking(connections, active=connections, payload_bytes=values["size"], exchange="http")


class HttpProtocol(Holding):
    """Answers ``GET /size/offset`` with so many bytes of the text, from there."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.parser = httptools.HttpRequestParser(self)
        self.target = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        """The parser: a request begins."""
        self.target = b""

    def on_url(self, url: bytes) -> None:
        """The parser: a part of the request's target, mostly all of it."""
        self.target += url

    def on_message_complete(self) -> None:
        """The parser: a whole request has been read."""
        _, size, offset = self.target.split(b"/")
        self.transport.write(http_response(int(size), int(offset)))
        if not self.parser.should_keep_alive():
            self.transport.close()
