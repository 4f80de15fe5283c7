"""Which of CPython's asyncio tests are run, and which are not, and why.

Rule: a test is left out only for what it is, never for how it ends. The reasons here all say that it looks
inside asyncio's own loop.

Pitfall: some of these tests race the clock, and fail on stock asyncio as well where a machine holds them up.
In ``test_ssl``, ``test_remote_shutdown_receives_trailing_data`` fails (``0 != 4194304``) if its client gets
no core for the 0.2 s that its server sleeps; in ``test_subprocess``, ``test_kill_issue43884`` does
(`ProcessLookupError`) if its second of sleep takes two.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import unittest
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from tests.conformance.replacing import (
    TEST_PACKAGE,
    LoopFromFactory,
    LoopInSetUp,
    LoopNotingShutdown,
    LoopRunBriefly,
    LoopStopsServing,
    Subject,
)


class Selection(NamedTuple):
    """The tests to take from a class, and how its loop is replaced."""

    mixin: type = LoopFromFactory
    tests: tuple[str, ...] = ("test_*",)


EVERY_CLASS = "*"

SUITE: dict[str, dict[str, Selection]] = {
    "test_base_events": {
        "RunningLoopTests": Selection(),
        # These two test asyncio's base class by way of its private parts; the tests named here need none of
        # them. (Some set private attributes, which does no harm to a loop without them.)
        "BaseEventLoopTests": Selection(
            LoopInSetUp,
            (
                "test_asyncgen_finalization_by_gc",
                "test_call_later_negative_delays",
                "test_call_soon_non_callable",
                "test_close",
                "test_create_named_task_with_custom_factory",
                "test_create_named_task_with_default_factory",
                "test_create_task_error_closes_coro",
                "test_run_forever_keyboard_interrupt",
                "test_run_once",
                "test_run_until_complete_baseexception",
                "test_run_until_complete_loop",
                "test_run_until_complete_loop_orphan_future_close_loop",
                "test_run_until_complete_type_error",
                "test_set_debug",
                "test_set_exc_handler_invalid",
                "test_set_task_factory",
                "test_set_task_factory_invalid",
                "test_shutdown_default_executor_timeout",
                "test_time_and_call_at",
            ),
        ),
        "BaseEventLoopWithSelectorTests": Selection(
            LoopInSetUp,
            (
                "test_call_coroutine",
                "test_create_connection_no_host_port_sock",
                "test_create_connection_ssl_server_hostname_errors",
                "test_create_connection_wrong_sock",
                "test_create_datagram_endpoint_addr_error",
                "test_create_datagram_endpoint_existing_sock_unix",
                "test_create_datagram_endpoint_no_matching_family",
                "test_create_datagram_endpoint_noaddr_nofamily",
                "test_create_datagram_endpoint_sock",
                "test_create_datagram_endpoint_sock_sockopts",
                "test_create_datagram_endpoint_sockopts",
                "test_create_datagram_endpoint_wrong_sock",
                "test_create_server_host_port_sock",
                "test_create_server_ipv6",
                "test_create_server_no_host_port_sock",
                "test_create_server_stream_bittype",
                "test_create_server_wrong_sock",
            ),
        ),
    },
    "test_buffered_proto": {"BufferedProtocolSelectorTests": Selection()},
    "test_context": {EVERY_CLASS: Selection()},
    "test_eager_task_factory": {
        "CEagerTaskFactoryLoopTests": Selection(),
        "EagerCTaskTests": Selection(),
        "NonEagerCTaskTests": Selection(),
    },
    "test_events": {
        "EventLoopTestsMixin": Selection(LoopStopsServing),
        "SubprocessTestsMixin": Selection(LoopInSetUp),
        "TestCGetEventLoop": Selection(),
        "TestServer": Selection(),
    },
    "test_futures": {"CFutureDoneCallbackTests": Selection(), "CFutureTests": Selection()},
    "test_futures2": {"CFutureTests": Selection()},
    "test_locks": {EVERY_CLASS: Selection()},
    "test_pep492": {EVERY_CLASS: Selection(LoopInSetUp)},
    "test_queues": {EVERY_CLASS: Selection()},
    "test_runners": {
        "RunTests": Selection(LoopNotingShutdown),
        "RunnerTests": Selection(LoopNotingShutdown),
    },
    "test_sendfile": {"SelectEventLoopTests": Selection()},
    "test_server": {
        "SelectorStartServerTests": Selection(),
        "TestServer2": Selection(),
        "UnixServerCleanupTests": Selection(),
    },
    "test_sock_lowlevel": {"SelectEventLoopTests": Selection()},
    "test_ssl": {"TestSSL": Selection()},
    "test_sslproto": {"SelectorStartTLSTests": Selection()},
    "test_streams": {"StreamTests": Selection()},
    "test_subprocess": {"SubprocessMixin": Selection(LoopInSetUp)},
    "test_taskgroups": {EVERY_CLASS: Selection()},
    "test_tasks": {
        "CCurrentLoopTests": Selection(),
        "CTask_CFuture_Tests": Selection(),
        "CTask_Future_Tests": Selection(),
        "CoroutineGatherTests": Selection(LoopRunBriefly),
        "FutureGatherTests": Selection(LoopRunBriefly),
        "RunCoroutineThreadsafeTests": Selection(),
        "SleepTests": Selection(),
    },
    "test_threads": {EVERY_CLASS: Selection()},
    "test_timeouts": {EVERY_CLASS: Selection()},
    "test_unix_events": {
        "SelectorEventLoopSignalTests": Selection(LoopInSetUp, ("test_add_signal_handler_coroutine_error",)),
        "SelectorEventLoopUnixSocketTests": Selection(LoopInSetUp),
        "TestFork": Selection(),
        "TestFunctional": Selection(),
    },
    "test_waitfor": {EVERY_CLASS: Selection()},
}
"""Module -> class -> selection. A class that is written several times, once for each selector or once for C
tasks and once for Python ones, is run once. Classes that a Python version does not have are passed over."""

EXCLUDED = {
    "test_events.EventLoopTestsMixin.test_create_server_multiple_hosts_ipv?": (
        "replaces the socket module in asyncio.base_events"
    ),
    "test_events.EventLoopTestsMixin.test_timeout_rounding": "counts the calls of loop._run_once()",
    "test_subprocess.SubprocessMixin.test_pause_reading": (
        "replaces loop.connect_read_pipe() to get at the transport of a process's pipe"
    ),
    "test_tasks.*.test_issue46672": "replaces a method of asyncio.base_events.BaseEventLoop",
    "test_tasks.*.test_log_destroyed_pending_task": "calls loop._run_once() and looks at loop._ready",
    "test_unix_events.*.test_create_unix_server_bind_error": (
        "replaces the socket module in asyncio.unix_events"
    ),
}
"""Pattern of test ids -> why these tests are not run."""

EXCLUDED_WITH_PYTHON_TASKS = {
    "test_base_events.BaseEventLoopTests.test_set_task_factory": "asks for an instance of asyncio's C Task",
    "test_tasks.FutureGatherTests.test_constructor_empty_sequence_use_*": (
        "asks for an instance of asyncio's C Future"
    ),
}
"""The same for loops with ``tasks="python"``, whose futures and tasks are of other classes."""


def installed_modules() -> list[str]:
    """The suite's modules that this Python version has."""
    return [module for module in SUITE if importlib.util.find_spec(f"{TEST_PACKAGE}.{module}")]


def why_excluded(name: str, subject: Subject) -> str | None:
    """Why the test of this id is not run; None if it is."""
    tables = [EXCLUDED, EXCLUDED_WITH_PYTHON_TASKS] if subject.tasks == "python" else [EXCLUDED]
    for table in tables:
        for pattern, reason in table.items():
            if fnmatch.fnmatchcase(name, pattern):
                return reason
    return None


def selected_classes(module: ModuleType) -> Iterator[tuple[type, Selection]]:
    """The classes of an imported test module that `SUITE` names."""
    for name, selection in SUITE[module.__name__.rpartition(".")[2]].items():
        if name == EVERY_CLASS:
            for each in vars(module).values():
                if (
                    isinstance(each, type)
                    and issubclass(each, unittest.TestCase)
                    and each.__module__ == module.__name__
                ):
                    yield each, selection
        elif hasattr(module, name):
            yield getattr(module, name), selection
