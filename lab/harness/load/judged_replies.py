"""Replies of somebody's own HTTP server, judged with as little work as can be without believing anything.

Rules
- The first reply is learned, and every other one is held against it (`lab.workloads.http_replies`).
- A reply equal, byte for byte, to the last one that was judged needs no judging: where only the ``Date`` of a
  reply changes, once a second, the parser runs once a second. What differs in any byte is parsed whole.
- A proper beginning of a reply that was whole at its last byte is not whole: a reply in pieces is compared
  piece by piece, and parsed from its beginning where one differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.workloads.http_replies import Reply

if TYPE_CHECKING:
    from lab.results import BodyCheck


class JudgedReplies:
    """What comes over several connections, each with one request on the way."""

    def __init__(self, how: BodyCheck) -> None:
        self._how = how
        self._first_body: bytes | None = None
        self.last = b""
        """The last reply that was judged: one that equals it is good."""
        self.midway: dict[int, _Incoming] = {}
        """Connection -> a reply that has come in part."""

    def take(self, connection: int, data: bytes) -> bool:
        """Take what has come; whether the reply is whole and good now. Raises `LabError` where it is not."""
        incoming = self.midway.pop(connection, None) or _Incoming(self.last)
        if not incoming.take(data):
            self.midway[connection] = incoming
            return False
        if incoming.reply is not None:
            self._judge(incoming.reply)
            self.last = b"".join(incoming.pieces)
        return True

    def _judge(self, reply: Reply) -> None:
        reply.check()
        if self._first_body is None:
            self._first_body = bytes(reply.body)
        reply.check_body(self._first_body, self._how)


class _Incoming:
    """A reply that has not come whole yet: so far like one that was judged, or being parsed."""

    def __init__(self, like: bytes) -> None:
        self._like, self._upto = like, 0
        self.reply: Reply | None = None
        """Its parser, from the first byte on that differs."""
        self.pieces: list[bytes] = []

    def take(self, data: bytes) -> bool:
        """Whether it is whole with ``data``; raises `LabError` where it is no reply."""
        if self.reply is None:
            if self._like.startswith(data, self._upto):
                self._upto += len(data)
                return self._upto == len(self._like)
            self.reply = Reply()
            data = self._like[: self._upto] + data
        self.pieces.append(data)
        return self.reply.feed(data)
