"""Subprocesses: a process, and up to three pipes to it, behind one transport.

The standard library's `subprocess.Popen` starts the process; the pipes are transports of ``pipes.py``; that
the process has ended is told by ``children.py``. What is left is to tell one protocol of all four in a
sensible order, and the end only when all four have ended. ``asyncio.subprocess`` stands on top, unchanged.

asyncio's BaseSubprocessTransport is private and differs between 3.11 and 3.14 in just what matters here: in
3.11 it takes the exit status behind the back of whoever waits for it, from 3.12 on it may signal a number
that is another's by then. So this is written new. The order of events is asyncio's.

Rules
- ``connection_made`` comes first, ``connection_lost`` last. ``process_exited`` comes when the process has
  ended, the pipes' ends when they do: a grandchild may keep them open.
- ``wait()`` of `asyncio.subprocess.Process` returns when the process has ended, as documented, and as uvloop
  and later CPython do (issue 119710); asyncio up to 3.14 waits for the pipes too.
- Signals raise ProcessLookupError once the exit status is known, and are nothing to a zombie.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

from lab.loop.children import ChildrenLoop
from lab.loop.pipes import ReadPipeTransport, WritePipeTransport

logger = logging.getLogger("asyncio")

STDIN, STDOUT, STDERR = 0, 1, 2


class SubprocessTransport(asyncio.SubprocessTransport):
    """A running process. Made by ``subprocess_exec`` and ``subprocess_shell``."""

    _closed = True

    def __init__(self, loop: Any, protocol: asyncio.BaseProtocol, process: subprocess.Popen[bytes]) -> None:
        super().__init__({"subprocess": process})
        self._closed = False
        self._loop = loop
        self._protocol: Any = protocol
        self._process = process
        self._context = contextvars.copy_context()
        self._returncode: int | None = None
        self._waiters: list[asyncio.Future[int]] = []
        self._pipes: dict[int, Any] = {}
        self._open_pipes: set[int] = set()
        self._begun = [loop.create_future()]
        self._call(self._begin)
        for fd, file in enumerate((process.stdin, process.stdout, process.stderr)):
            if file is not None:
                self._connect(fd, file)
        loop._when_ended(process, self._process_ended)

    def _connect(self, fd: int, file: Any) -> None:
        waiter = self._loop.create_future()
        self._begun.append(waiter)
        self._open_pipes.add(fd)
        if fd == STDIN:
            self._pipes[fd] = WritePipeTransport(self._loop, file, _InputPipe(self, fd), waiter)
        else:
            self._pipes[fd] = ReadPipeTransport(self._loop, file, _OutputPipe(self, fd), waiter)

    def _begin(self) -> None:
        try:
            self._protocol.connection_made(self)
        finally:
            if not self._begun[0].done():
                self._begun[0].set_result(None)

    async def _connected(self) -> None:
        """Wait until the protocol knows of the process and its pipes are served."""
        await asyncio.gather(*self._begun)

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon(callback, *args, context=self._context)

    # -- what it is --------------------------------------------------------------------------------------

    def get_pid(self) -> int:
        """The process's number; kept after its end."""
        return self._process.pid

    def get_returncode(self) -> int | None:
        """None while it runs, then its exit status, or minus the signal that ended it."""
        return self._returncode

    def get_pipe_transport(self, fd: int) -> asyncio.BaseTransport | None:
        """The transport of its standard input (0), output (1) or errors (2); None if that is no pipe."""
        return self._pipes.get(fd)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Tell another protocol from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that is told; None after its ``connection_lost``."""
        return self._protocol

    def is_closing(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def __repr__(self) -> str:
        state = "running" if self._returncode is None else f"returncode={self._returncode}"
        names = ((STDIN, "stdin"), (STDOUT, "stdout"), (STDERR, "stderr"))
        pipes = "".join(f" {name}={self._pipes[fd]!r}" for fd, name in names if fd in self._pipes)
        closed = " closed" if self._closed else ""
        return f"<{type(self).__name__}{closed} pid={self._process.pid} {state}{pipes}>"

    # -- what is done to it ------------------------------------------------------------------------------

    def send_signal(self, signal: int) -> None:
        """Send a signal; ProcessLookupError if the process is known to have ended."""
        if self._returncode is not None:
            raise ProcessLookupError(f"process {self._process.pid} has ended: {self._returncode}")
        self._process.send_signal(signal)

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM)."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process (SIGKILL)."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Close the pipes and kill the process, unless it has ended. The protocol still hears of its end."""
        if self._closed:
            return
        self._closed = True
        if not self._loop.is_closed():  # else they end as what they are, transports that nobody closed
            for pipe in self._pipes.values():
                pipe.close()
        if self._returncode is None and self._process.poll() is None:
            if self._loop.get_debug():
                logger.warning("Close running child process: kill %r", self)
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it is gone, or another user's
                self._process.kill()

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._closed:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self.close()

    async def _wait(self) -> int:
        """The return code, when the process has ended (asyncio's name: its Process.wait() calls it)."""
        if self._returncode is not None:
            return self._returncode
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        return await waiter

    # -- what happens to it ------------------------------------------------------------------------------

    def _process_ended(self, returncode: int) -> None:
        if self._loop.get_debug():
            logger.info("%r exited with return code %r", self, returncode)
        self._returncode = returncode
        self._call(self._protocol.process_exited)
        self._finish_if_all_ended()
        self._call(self._wake_waiters)

    def _wake_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(self._returncode)

    def _pipe_ended(self, fd: int, error: BaseException | None) -> None:
        self._open_pipes.discard(fd)
        self._call(self._protocol.pipe_connection_lost, fd, error)
        self._finish_if_all_ended()

    def _finish_if_all_ended(self) -> None:
        if self._returncode is not None and not self._open_pipes:
            self._call(self._finish)

    def _finish(self) -> None:
        try:
            self._protocol.connection_lost(None)
        finally:
            self._protocol = None


class _InputPipe(asyncio.BaseProtocol):
    """What the transport of a process's standard input tells goes on to the process's protocol."""

    def __init__(self, process: SubprocessTransport, fd: int) -> None:
        self.process = process
        self.fd = fd

    def connection_lost(self, exc: BaseException | None) -> None:
        """The process reads no more, or the pipe was closed here."""
        self.process._pipe_ended(self.fd, exc)

    def pause_writing(self) -> None:
        """Above the high-water mark."""
        self.process._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Below the low one."""
        self.process._protocol.resume_writing()


class _OutputPipe(_InputPipe, asyncio.Protocol):
    """The same for its output and errors."""

    def data_received(self, data: bytes) -> None:
        """The process wrote."""
        self.process._protocol.pipe_data_received(self.fd, data)


class SubprocessesLoop(ChildrenLoop):
    """The fifteenth storey runs other programs."""

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        program: Any,
        *args: Any,
        shell: bool = False,
        **options: Any,
    ) -> tuple[SubprocessTransport, asyncio.BaseProtocol]:
        """Run ``program`` with ``args`` and serve it by a protocol; its transport and the protocol.

        ``stdin``, ``stdout`` and ``stderr`` are pipes unless said otherwise; ``options`` go to
        `subprocess.Popen`, but for those about text and buffers. Raises ValueError for these, OSError if the
        program cannot be run.
        """
        if shell:
            raise ValueError("shell must be False")
        return await self._run_process(protocol_factory, (program, *args), False, **options)

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        cmd: str | bytes,
        *,
        shell: bool = True,
        **options: Any,
    ) -> tuple[SubprocessTransport, asyncio.BaseProtocol]:
        """The same for a command line, which the shell interprets."""
        if not isinstance(cmd, (bytes, str)):
            raise ValueError("cmd must be a string")
        if not shell:
            raise ValueError("shell must be True")
        return await self._run_process(protocol_factory, cmd, True, **options)

    async def _run_process(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        command: Any,
        shell: bool,
        **options: Any,
    ) -> tuple[SubprocessTransport, asyncio.BaseProtocol]:
        options = _checked(options)
        protocol = protocol_factory()
        transport = SubprocessTransport(self, protocol, _start(command, shell, options))
        try:
            await transport._connected()
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        if self._debug:  # the command may hold secrets: it is the program's to log
            logger.info("process %d started: %r", transport.get_pid(), transport)
        return transport, protocol


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` for `subprocess.Popen`; pipes carry bytes, unbuffered, and ValueError refuses the rest."""
    for name, wanted in (("universal_newlines", False), ("bufsize", 0), ("text", False)):
        if options.pop(name, wanted) not in (wanted, None):
            raise ValueError(f"{name} must be {wanted}")
    for name in ("encoding", "errors"):
        if options.pop(name, None) is not None:
            raise ValueError(f"{name} must be None")
    return {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}


def _start(command: Any, shell: bool, options: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start the process. On AIX, where a pipe's writer sees no hang-up, its input is a socket."""
    if options["stdin"] != subprocess.PIPE or not sys.platform.startswith("aix"):
        return subprocess.Popen(command, shell=shell, bufsize=0, **options)
    theirs, ours = socket.socketpair()
    with theirs, ours:
        process = subprocess.Popen(command, shell=shell, bufsize=0, **{**options, "stdin": theirs})
        process.stdin = open(ours.detach(), "wb", buffering=0)  # noqa: SIM115
    return process
