"""Encryption: a protocol between a stream transport and the program's, with a transport of its own.

Encryption is no matter of sockets: the bytes that a transport reads go into OpenSSL, what comes out goes to
the program's protocol, and back. The protocol in between is the standard library's own
(``asyncio.sslproto.SSLProtocol``): its state machine of handshake, renegotiated wishes and shutdown has been
reviewed for years, and a second one would be a second place for security mistakes. Only the way of data that
is under way is written anew, and what is a pitfall.

What it needs, on Python 3.11 to 3.13: of its transport ``write``, ``close``, ``abort``, ``pause_reading``,
``resume_reading``, ``get_extra_info`` and ``_force_close(error)``; of the loop ``call_soon``, ``call_later``,
``time``, ``get_debug`` and ``call_exception_handler``. Its own transport is made in its constructor, as
``_app_transport``.

Pitfalls of asyncio's
- It reads from OpenSSL until there is no more, and is told so by an exception, which takes as long to make
  and to catch as a kilobyte takes to decrypt. But a read takes a whole record, and what has not been read
  yet is in the incoming BIO: where that is empty, there is no more.
- It asks OpenSSL for ``max_size`` bytes at a time, and ``SSLObject.read`` allocates that much. By default
  these are 256 KiB, above glibc's mmap threshold (`SMALLEST_READ` tells what that costs), though a TLS
  record, and so a read, never has more than 16 KiB.
- The buffer that its transport reads into is as large, and kept per connection, though it is copied into the
  incoming BIO at once. Here the transport hands it bytes.
- It slices the buffer of a ``BufferedProtocol`` for each further record. A slice of a ``bytearray`` is a
  copy, and what is read into it is lost. Here that is done with a view.
"""

from __future__ import annotations

import asyncio
import traceback
from asyncio import sslproto
from collections.abc import Iterable
from typing import Any

from lab.loop.readiness import SMALLEST_READ
from lab.loop.transports import TakesBytes

WRAPPED, FLUSHING = sslproto.SSLProtocolState.WRAPPED, sslproto.SSLProtocolState.FLUSHING
"""Shaken hands; and closing, while data may still come. (Members of an enumeration take long to look up.)"""
LARGEST_RECORD = 16 * 1024
"""Bytes of data in one (RFC 8446, section 5.1)."""


class TlsProtocol(TakesBytes, sslproto.SSLProtocol):
    """asyncio's, without its pitfalls, with names that outlive it, and a beginning that can be called off."""

    max_size = SMALLEST_READ

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self._ssl_buffer = bytearray()  # grows when asked for: by the transport of another TLS protocol
        self._ssl_buffer_view = memoryview(self._ssl_buffer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands, unless nobody wants to any more (asyncio's would, and keep the connection), or can.

        The names are kept for those who ask after the end, as plain transports keep them. Then it would be
        too late to ask: a TLS transport below, closed twice, has no names any more.
        """
        names = ((name, transport.get_extra_info(name)) for name in ("peername", "sockname"))
        self._extra.update((name, value) for name, value in names if value is not None)
        if self._app_transport is None:  # the connection was lost meanwhile, and who waits was told
            return
        if self._app_transport.is_closing():
            self._transport = transport
            transport.abort()
        else:
            super().connection_made(transport)

    def _on_handshake_complete(self, handshake_exc: Any) -> None:
        """Let go of a connection whose handshake failed, and of its buffers, without the garbage collector.

        asyncio's frame keeps the error (or its class), and the traceback of the error keeps the frame.
        """
        super()._on_handshake_complete(handshake_exc)
        if isinstance(handshake_exc, BaseException):
            traceback.clear_frames(handshake_exc.__traceback__)
        del handshake_exc  # so does this frame, which is reached from that one

    def _do_flush(self) -> None:
        """Deliver what has come, then end the stream; unless the program, told of it, has aborted.

        (asyncio's raises RuntimeError then, out of the program's own ``close``.)
        """
        self._do_read()
        if self._state is not sslproto.SSLProtocolState.UNWRAPPED:
            self._set_state(sslproto.SSLProtocolState.SHUTDOWN)
            self._do_shutdown()

    # -- data on its way in ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:  # HOT
        """What the transport has read.

        It stands for ``get_buffer`` and ``buffer_updated``, of which the latter is left for the states that
        are rare (make bench WORKLOAD=echo-protocol-tls, as for all of this kind here).
        """
        self._incoming.write(data)
        if self._state is WRAPPED:
            self._do_read()
        else:
            self.buffer_updated(0)

    def _do_read(self) -> None:  # HOT
        """Decrypt, deliver, and send what that made OpenSSL say.

        It stands for the same without the conditions, which ask beforehand whether there is anything to do.
        """
        state = self._state
        if state is not WRAPPED and state is not FLUSHING:
            return
        try:
            if not self._app_reading_paused:
                if self._app_protocol_is_buffer:
                    self._do_read__buffered()
                else:
                    self._do_read__copied()
                if self._write_backlog:
                    self._do_write()
                elif self._outgoing.pending or self._app_writing_paused or not self._outgoing_high_water:
                    self._process_outgoing()
            if self._ssl_reading_paused or self._incoming.pending >= self._incoming_high_water:
                self._control_ssl_reading()
        except Exception as error:
            self._fatal_error(error, "Fatal error on SSL protocol")

    def _do_read__copied(self) -> None:  # HOT
        """Decrypt all that is here, and hand it on in one piece.

        It stands for reading on until OpenSSL raises SSLWantReadError, without the last read.
        """
        incoming, pieces, ended = self._incoming, [], False
        try:
            while piece := self._sslobj.read(LARGEST_RECORD):
                pieces.append(piece)
                if not incoming.pending:
                    break
            else:
                ended = True
        except sslproto.SSLAgainErrors:
            pass
        if pieces:
            self._app_protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended:
            self._call_eof_received()
            self._start_shutdown()

    def _do_read__buffered(self) -> None:  # HOT
        """Decrypt into the protocol's own buffer, which it may resize when it hears of it.

        It stands for reading into a view of what is left of the buffer, which the first record does not need.
        """
        incoming, count, ended = self._incoming, 0, False
        buffer = self._app_protocol_get_buffer(incoming.pending)
        room = len(buffer)
        if not room:
            raise RuntimeError("get_buffer() returned an empty buffer")
        try:
            count = self._sslobj.read(room, buffer)
            ended = not count
            while incoming.pending and count < room and not ended:
                with memoryview(buffer).cast("B") as view:
                    got = self._sslobj.read(room - count, view[count:])
                count += got
                ended = not got
        except sslproto.SSLAgainErrors:
            pass
        if count:
            self._app_protocol_buffer_updated(count)
        if ended:
            self._call_eof_received()
            self._start_shutdown()
        elif count == room:
            self._loop.call_soon(self._do_read)

    # -- data on its way out ---------------------------------------------------------------------------

    def _write_appdata(self, list_of_data: Iterable[Any]) -> None:  # HOT
        """Encrypt and send.

        It stands for appending to the backlog and ``_do_write``, where nothing is in it and but one piece
        comes, as from ``write``.
        """
        backlog = self._state is not WRAPPED or self._write_backlog
        if backlog or list_of_data.__class__ is not tuple or len(list_of_data) != 1:
            super()._write_appdata(list_of_data)
            return
        data = list_of_data[0]
        try:
            written = self._sslobj.write(data)
            if written >= len(data):
                self._process_outgoing()
                return
        except sslproto.SSLAgainErrors:
            written = 0
        except Exception as error:
            self._fatal_error(error, "Fatal error on SSL protocol")
            return
        super()._write_appdata((data[written:],))

    def _process_outgoing(self) -> None:  # HOT
        """Hand to the transport what OpenSSL has made.

        It stands for the same with ``_control_app_writing`` called each time: here only if it would do
        anything.
        """
        outgoing = self._outgoing
        if not self._ssl_writing_paused and (data := outgoing.read()):
            self._transport.write(data)
        left = outgoing.pending + self._write_buffer_size
        if left >= self._outgoing_high_water or self._app_writing_paused:
            self._control_app_writing()
