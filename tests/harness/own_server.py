"""A small HTTP server on streams, as somebody might write it: ``own_server.py PORT [TRICK [NOTE]]``."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

BURN_NS = 500_000
"""CPU time that ``/burn`` takes of its thread."""

numbers = itertools.count()


def plain(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), more, body)


def burn() -> bytes:
    began = time.thread_time_ns()
    while time.thread_time_ns() - began < BURN_NS:
        pass
    return plain(b"burned")


def leave() -> bytes:
    print("on my way out", flush=True)
    os._exit(7)


def broken() -> bytes:
    print("why the page is broken", flush=True)
    return plain(b"", b"500 Internal Server Error")


PAGES: dict[bytes, Callable[[], bytes]] = {
    b"/": lambda: plain(b"hello"),
    b"/chunked": lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"/dated": lambda: plain(b"hello", more=b"Date: %d\r\n" % next(numbers)),
    b"/numbered": lambda: plain(b"%09d" % next(numbers)),
    b"/growing": lambda: plain(b"x" * next(numbers)),
    b"/large": lambda: plain(bytes(300_001)),
    b"/moved": lambda: plain(b"", b"307 Temporary Redirect", b"Location: /there\r\n"),
    b"/closing": lambda: plain(b"bye", more=b"Connection: close\r\n"),
    b"/twice": lambda: plain(b"hello") * 2,
    b"/other": lambda: b"SSH-2.0-OpenSSH\r\n",
    b"/burn": burn,
    b"/leave": leave,
    b"/broken": broken,
}


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            page = PAGES.get(head.split()[1])
            writer.write(page() if page else plain(b"no such page", b"404 Not Found"))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def serve(listener: socket.socket) -> None:
    """What ``--app`` takes."""
    server = await asyncio.start_server(handle, sock=listener)
    async with server:
        await server.serve_forever()


def daemonise() -> None:
    """Leave the session and the group that it was started in, and its parent."""
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()


def tell_when_asked_to_end(note: str) -> None:
    def end(_number: int, _frame: object) -> None:
        with open(note, "a", encoding="ascii") as file:
            file.write(" asked to end")
        os._exit(0)

    signal.signal(signal.SIGTERM, end)


def main(port: str, trick: str = "", note: str = "") -> None:
    """``note``: a file for the id of the process that serves."""
    if trick == "daemon":
        daemonise()
    if trick == "chatty":
        print("x" * (1 << 20), flush=True)
    if note:
        with open(note, "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
        tell_when_asked_to_end(note)
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        if trick == "own loop":
            asyncio.SelectorEventLoop().run_until_complete(serve(listener))
        asyncio.run(serve(listener))


if __name__ == "__main__":
    main(*sys.argv[1:])
