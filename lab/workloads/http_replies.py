"""HTTP/1.1 requests to somebody else's server, and its replies, judged by what the first one was.

Which bytes a program sends is not known beforehand: its framework writes the head. What can be asked of a
reply is that it is whole and well-formed, that its status is 2xx, that it leaves the connection open, and
that its body is the one that came first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httptools

from lab.errors import LabError

if TYPE_CHECKING:
    from lab.results import BodyCheck

SHOWN_BYTES = 60
"""So much of a body stands in a message."""
_PATH = re.compile(r"/[!-~]*")


def checked_path(path: str) -> str:
    """``path`` if it can stand in a request; raises `LabError` otherwise."""
    if not _PATH.fullmatch(path):
        raise LabError(
            f"expected a path such as /items?page=1, got {path!r}: begin with a slash, and write what is not "
            "plain ASCII, and spaces, as %20"
        )
    return path


def get(path: str, host: str) -> bytes:
    """A whole GET request, kept short, as `lab.workloads.exchanges.http` has it."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: muxlab\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\r\n"
    ).encode("ascii")


class Reply:
    """One reply, fed in pieces as they come."""

    def __init__(self) -> None:
        self.complete = False
        self.keeps_open = True
        self.body = bytearray()
        self._messages = 0
        self._reason = b""
        self._location = ""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> bool:
        """Take what has come; whether the reply is whole now. Raises `LabError` where it is no HTTP/1.1
        reply, or something follows it."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise LabError(
                f"expected an HTTP/1.1 reply, got {bytes(data[:SHOWN_BYTES])!r}: {error}"
            ) from error
        if self._messages > 1:
            raise LabError("expected one reply to one request, got bytes behind it that nobody asked for")
        return self.complete

    def check(self) -> None:
        """Raise `LabError` unless the status is 2xx and the connection stays open."""
        status = self._parser.get_status_code()
        if not 200 <= status <= 299:
            said = f"{status} {self._reason.decode('latin-1')}".strip()
            told = f" to {self._location}" if self._location else f" with {shown(self.body)}"
            raise LabError(f"expected a status of 200 to 299, got {said}{told}")
        if not self.keeps_open:
            raise LabError(
                "expected a connection that is kept alive, got a reply that closes it (Connection: close, or "
                "HTTP/1.0): let the server keep connections open"
            )

    def check_body(self, first: bytes, how: BodyCheck) -> None:
        """Raise `LabError` unless the body is like that of the first reply in the way that is wanted."""
        if how == "length" and len(self.body) != len(first):
            raise LabError(
                f"expected a body as long as the first reply's, {len(first):,} bytes, got "
                f"{len(self.body):,}: if bodies vary by design, give --http-body any"
            )
        if how == "same" and self.body != first:
            raise LabError(
                f"expected the same body as in the first reply, {shown(first)}, got {shown(self.body)}: if "
                "bodies vary by design, give --http-body length or any"
            )

    def on_message_begin(self) -> None:
        """The parser: a reply begins."""
        self._messages += 1

    def on_status(self, reason: bytes) -> None:
        """The parser: a part of the words behind the status code."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser: a header."""
        if name.lower() == b"location":
            self._location = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """The parser: a part of the body, without the frames of chunks."""
        self.body += data

    def on_message_complete(self) -> None:
        """The parser: the reply is whole."""
        self.complete = True
        self.keeps_open = self._parser.should_keep_alive()


def shown(body: bytes | bytearray) -> str:
    """A body in a message: its length, and how it begins."""
    begins = bytes(body[:SHOWN_BYTES])
    return f"{len(body):,} bytes" + (
        f" ({begins!r}{' ...' if len(body) > SHOWN_BYTES else ''})" if body else ""
    )
