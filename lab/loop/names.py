"""Blocking work, off the loop's thread; above all, DNS.

``getaddrinfo`` blocks for as long as the network likes, and no descriptor tells when it will be done. So it
runs in a thread of an executor, and its result comes back as a future: the thread's done-callback uses
``call_soon_threadsafe``, which is the only door into a loop. Whatever else must block takes the same way
(``run_in_executor``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any

from lab.loop.wakeup import WakeupLoop

logger = logging.getLogger("asyncio")


class NamesLoop(WakeupLoop):
    """The fifth storey: a loop with an executor, which can therefore look up names."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._default_executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._executor_shutdown_called = False

    def close(self) -> None:
        """Close, without waiting for work that is still in a thread."""
        if self.is_running() or self._closed:
            super().close()
            return
        super().close()
        self._executor_shutdown_called = True
        executor, self._default_executor = self._default_executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    def run_in_executor(
        self, executor: concurrent.futures.Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call ``func(*args)`` in ``executor`` (None: the loop's threads); a future of what it returns."""
        self._check_closed()
        if self._debug:
            self._check_callback(func, "run_in_executor")
        if executor is None:
            if self._executor_shutdown_called:
                raise RuntimeError("Executor shutdown has been called")
            if self._default_executor is None:
                self._default_executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
            executor = self._default_executor
        return asyncio.wrap_future(executor.submit(func, *args), loop=self)

    def set_default_executor(self, executor: concurrent.futures.ThreadPoolExecutor) -> None:
        """Use ``executor`` for blocking work; TypeError unless it is a ThreadPoolExecutor."""
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        self._default_executor = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait, for ``timeout`` seconds at most, until the loop's threads have ended."""
        self._executor_shutdown_called = True
        executor = self._default_executor
        if executor is None:
            return
        ended = self.create_future()
        thread = threading.Thread(target=self._end_executor, args=(executor, ended))
        thread.start()
        try:
            async with asyncio.timeout(timeout):
                await ended
        except TimeoutError:
            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )
            executor.shutdown(wait=False)
        else:
            thread.join()

    def _end_executor(self, executor: concurrent.futures.Executor, ended: asyncio.Future[None]) -> None:
        try:
            executor.shutdown(wait=True)
            report: Callable[[], None] = functools.partial(_settle, ended, None)
        except Exception as error:
            report = functools.partial(_settle, ended, error)
        if not self._closed:
            self.call_soon_threadsafe(report)

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[tuple[Any, ...]]:
        """``socket.getaddrinfo`` in a thread."""
        call = self._getaddrinfo_debug if self._debug else socket.getaddrinfo
        return await self.run_in_executor(None, call, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """``socket.getnameinfo`` in a thread."""
        return await self.run_in_executor(None, socket.getnameinfo, sockaddr, flags)

    def _getaddrinfo_debug(self, host: Any, port: Any, *options: int) -> list[tuple[Any, ...]]:
        begin = self.time()
        found = socket.getaddrinfo(host, port, *options)
        took = self.time() - begin
        level = logging.INFO if took >= self.slow_callback_duration else logging.DEBUG
        logger.log(level, "Getting address info of %s:%s took %.3f ms: %r", host, port, took * 1e3, found)
        return found


def is_numeric(family: int, host: Any, port: Any) -> bool:
    """Whether ``host`` and ``port`` are numbers already, so that nobody needs to be asked."""
    if not isinstance(host, str) or "%" in host:  # a zone ("fe80::1%eth0") is the resolver's to translate
        return False
    if not isinstance(port, int):  # a service's name
        return False
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
