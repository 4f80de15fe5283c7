"""``bulk-download`` and ``bulk-upload``: large transfers, where back-pressure is the work.

Download: the server writes small pieces as long as its transport lets it, and goes on when it is told to. The
readers are slow by construction: the kernel keeps `READER_BYTES` for each that it has not read, less than
a transfer, so every transfer runs into the transport's queue and its water marks, however fast the load is.

Upload: the server takes the bytes as they come and answers with a receipt, their number and checksum.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable

from lab.workloads.clients import Asking
from lab.workloads.contract import Parameter, Values
from lab.workloads.exchanges import BODY_BYTES_MAX, LENGTH, ORDER, RECEIPT, text
from lab.workloads.protocol_workload import Holding, ProtocolWorkload
from lab.workloads.split_writes import Orders

PIECE_BYTES = 4096
"""What the download's server writes at once."""
READER_BYTES = 32 * 1024
"""What the kernel keeps for a reader of downloads; Linux doubles it."""


class Bulk(ProtocolWorkload):
    """Transfers so large that not even one alone measures wake-ups."""

    unit = "request"

    def labels(self, values: Values) -> tuple[str, ...]:
        return ()


class BulkDownload(Bulk):
    """Large replies to readers that are slow to take them, in many small writes."""

    name = "bulk-download"
    title = "Downloads to slow readers"
    question = "What does a large reply cost that is written in small pieces to slow readers?"
    parameters = (
        Parameter("connections", 8, 1, "connections, each with one download under way"),
        Parameter("size", 512 * 1024, 1, "bytes in a download", BODY_BYTES_MAX),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return Pieces

    def clients(self, values: Values) -> Asking:
        connections, size = values["connections"], values["size"]
        return Asking(connections, connections, size, "ordered", receive_buffer_bytes=READER_BYTES)


class Pieces(Orders):
    """Delivers in pieces while the transport's queue is below its high-water mark."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.paused = False
        self.to_write: deque[tuple[int, int]] = deque()
        """Where each piece begins and ends in the text."""

    def deliver(self, order: bytes) -> None:
        size, offset, _token = ORDER.unpack(order)
        self.transport.write(order)
        end = offset + size
        pieces = range(offset, end, PIECE_BYTES)
        self.to_write.extend((start, min(start + PIECE_BYTES, end)) for start in pieces)
        self._write_on()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._write_on()

    def _write_on(self) -> None:
        while self.to_write and not self.paused:
            start, end = self.to_write.popleft()
            self.transport.write(text()[start:end])


class BulkUpload(Bulk):
    """Large requests, each answered by a receipt."""

    name = "bulk-upload"
    title = "Uploads"
    question = "What does a large request cost that comes in as many reads as the loop needs?"
    parameters = (
        Parameter("connections", 8, 1, "connections, each with one upload under way"),
        Parameter("size", 512 * 1024, 1, "bytes in an upload", 16 << 20),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return Receipts

    def clients(self, values: Values) -> Asking:
        connections, size = values["connections"], values["size"]
        return Asking(connections, connections, size, "uploaded")


class Receipts(Holding):
    """Takes uploads, each behind its length, and answers with how much came and its checksum."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.head = b""
        self.left = self.size = 0
        self.checksum = 1

    def data_received(self, data: bytes) -> None:
        while data:
            if not self.left:
                data = self._begin(data)
            taken = memoryview(data)[: self.left]
            self.checksum = zlib.adler32(taken, self.checksum)
            self.left -= len(taken)
            data = data[len(taken) :] if len(taken) < len(data) else b""
            if self.size and not self.left:
                self.transport.write(RECEIPT.pack(self.size, self.checksum))
                self.head, self.size = b"", 0

    def _begin(self, data: bytes) -> bytes:
        """Take the length of the next upload; return what is behind it."""
        wanted = LENGTH.size - len(self.head)
        self.head += data[:wanted]
        if len(self.head) == LENGTH.size:
            (self.size,) = LENGTH.unpack(self.head)
            self.left, self.checksum = self.size, 1
        return data[wanted:]
