"""Requests, and the replies that they must get: what servers build and the load compares, byte for byte.

Pure functions of a payload, known to both sides. For one length of payload all requests are equally long, and
all replies. Where a reply is made by rule, its body is a window on `text()` that the request chooses, so that
the reply to another request is noticed.

Imported by the load process, so nothing here needs asyncio; and by the measured one, so nothing here frees a
large block: from the first that is freed on, glibc serves such blocks from the heap, and a loop that reads
256 KiB at a time becomes cheap (docs/method.md).
"""

from __future__ import annotations

import functools
import random
import struct
import zlib
from collections.abc import Callable

Exchange = tuple[bytes, bytes]
"""A request, and its whole reply."""

BODY_BYTES_MAX = 1 << 20
"""The longest body of a reply that is made by rule."""
OFFSETS = 1 << 16
"""So many different bodies there are of each length: two bytes of the payload choose one."""

ORDER = struct.Struct("!II8s")
"""A request for a body: its length, its offset in the text, a token that the head of the reply repeats."""
RECEIPT = struct.Struct("!II")
"""The reply to an upload: how many bytes came, and their Adler-32."""
LENGTH = struct.Struct("!I")
"""What precedes an upload, and a published message: its length."""
SUBSCRIBE, PUBLISH = b"S", b"P"
"""The first byte of a connection to a publishing server; the server echoes it."""


@functools.cache
def text() -> bytes:
    """What every body is a window on; made piece by piece, see above, and only where it is needed."""
    source = random.Random("the text that every body is a window on")
    return b"".join(source.randbytes(OFFSETS) for _ in range(BODY_BYTES_MAX // OFFSETS + 1))


def echo(payload: bytes) -> Exchange:
    """The payload comes back."""
    return payload, payload


def ordered(payload: bytes) -> Exchange:
    """An `ORDER` as long as its own head, and the body behind it: as many bytes as the payload has."""
    head = ORDER.pack(len(payload), offset_of(payload), payload[:8])
    return head, head + body(len(payload), offset_of(payload))


def uploaded(payload: bytes) -> Exchange:
    """The payload behind its length; what comes back is the receipt."""
    return LENGTH.pack(len(payload)) + payload, RECEIPT.pack(len(payload), zlib.adler32(payload))


def http(payload: bytes) -> Exchange:
    """A GET as browsers' libraries write it, kept short, and the reply with a body as long as the payload."""
    offset = offset_of(payload)
    request = (
        f"GET /{len(payload)}/{offset:05} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: muxlab\r\n"
        "Accept: */*\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\r\n"
    )
    return request.encode("ascii"), http_response(len(payload), offset)


def http_response(size: int, offset: int) -> bytes:
    """The whole response to ``GET /size/offset``."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {size}\r\n\r\n"
    return head.encode("ascii") + body(size, offset)


def body(size: int, offset: int) -> bytes:
    """``size`` bytes of the text from ``offset``."""
    return text()[offset : offset + size]


def offset_of(payload: bytes) -> int:
    """Which window on the text a payload chooses."""
    return int.from_bytes(payload[:2].ljust(2, b"\0"), "big")


EXCHANGES: dict[str, Callable[[bytes], Exchange]] = {
    each.__name__: each for each in (echo, ordered, uploaded, http)
}
