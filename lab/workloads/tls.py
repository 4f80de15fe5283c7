"""TLS by hand: what a floor and the load speak where a subject has its own TLS transport.

A `TlsSocket` stands in for a non-blocking socket, with one difference: what has come may be less than one
record, or no data at all (a session ticket), and then `recv_into` returns None, as the raw streams of `io`
do.

It runs OpenSSL between two memory buffers, not on the descriptor: one ``recv`` takes all records that have
come, `CIPHERTEXT_BYTES` at most, where `ssl.SSLSocket` makes OpenSSL read each record's header and body by a
system call of their own. That is a quarter cheaper for small messages, and a floor has to be the cheapest way
there is.

Both ends use the certificate in ``loopback.pem``, which is public and good for nothing but loopback.
"""

from __future__ import annotations

import functools
import socket
import ssl
from importlib import resources

SERVER_NAME = "localhost"
"""What the certificate is for, and what a client insists on."""
CIPHERTEXT_BYTES = 64 * 1024
"""Asked for at once: four of the largest records, and below glibc's mmap threshold (see `echo_server`)."""


@functools.cache
def server_context() -> ssl.SSLContext:
    """A server's context with the loopback certificate; else the standard library's defaults."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with resources.as_file(resources.files(__package__) / "loopback.pem") as path:
        context.load_cert_chain(path)
    return context


@functools.cache
def client_context() -> ssl.SSLContext:
    """A client's context that trusts the loopback certificate and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=(resources.files(__package__) / "loopback.pem").read_text("ascii"))
    return context


class TlsSocket:
    """One end of a TLS connection over ``plain``, which it owns from now on. A server end waits for the
    client's handshake; a client end is made by `connected`."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, server_name: str | None = None) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server_side = server_name is None
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_name)
        self._established = False
        self._unsent: bytes | memoryview = b""
        self.fileno, self.close = plain.fileno, plain.close

    @classmethod
    def connected(cls, plain: socket.socket) -> TlsSocket:
        """The client's end, its handshake done. ``plain`` is connected and blocking, and stays so."""
        opened = cls(plain, client_context(), SERVER_NAME)
        while not opened._shake_hands():
            if not (data := plain.recv(CIPHERTEXT_BYTES)):
                raise ConnectionResetError("the server closed the connection during the TLS handshake")
            opened._incoming.write(data)
        return opened

    def setblocking(self, flag: bool) -> None:
        """As of the plain socket."""
        self._plain.setblocking(flag)

    def recv_into(self, buffer: bytearray) -> int | None:
        """Fill ``buffer`` as far as what has come goes; return the bytes.

        0 at the end of the stream, None where no data has come; raises `BlockingIOError` where nothing at
        all has, and nothing is left from before. In a buffer of twice `CIPHERTEXT_BYTES` nothing ever is.
        """
        try:
            data = self._plain.recv(CIPHERTEXT_BYTES)
        except BlockingIOError:
            if not (self._tls.pending() or self._incoming.pending):
                raise
        else:
            if not data:
                return 0
            self._incoming.write(data)
            if not self._established and not self._shake_hands():
                return None
        received, size = 0, len(buffer)
        # A read that finds nothing raises, which is dear: none is tried without cause.
        while received < size and (self._incoming.pending or self._tls.pending()):
            room = memoryview(buffer)[received:] if received else buffer
            try:
                received += self._tls.read(size - received, room)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                return received
        return received or None

    def send(self, data: bytes | memoryview) -> int:
        """Send ``data`` as records; return its length once they are out, 0 while a part of them is not.

        After a 0 or a `BlockingIOError`, call again with the same data when there is room, as with
        SSL_write(3).
        """
        if not self._unsent:
            self._tls.write(data)
            self._unsent = self._outgoing.read()
        sent = self._plain.send(self._unsent)
        if sent == len(self._unsent):
            self._unsent = b""
            return len(data)
        self._unsent = memoryview(self._unsent)[sent:]
        return 0

    def _shake_hands(self) -> bool:
        """Take the handshake as far as what has come allows; say whether it is done."""
        try:
            self._tls.do_handshake()
            self._established = True
        except ssl.SSLWantReadError:
            pass
        # A flight is a few kilobytes on a connection that has carried nothing: it always fits.
        if flight := self._outgoing.read():
            self._plain.sendall(flight)
        return self._established
