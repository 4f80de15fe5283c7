"""What a loop lacks for a workload, found before anything is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lab.harness import subjects
from lab.harness.trials.probe import missing, unsupported
from lab.workloads.registry import WORKLOADS, workload
from tests.harness.loops_for_tests import BareLoop, PlainLoop, RefusingLoop, ServerlessLoop, UnacceptingLoop


@pytest.mark.parametrize("name", WORKLOADS)
def test_asyncio_has_what_every_workload_calls(name: str) -> None:
    assert unsupported(asyncio.new_event_loop, workload(name)) is None


@pytest.mark.parametrize(
    ("loop", "name", "lacking"),
    [
        (ServerlessLoop, "echo-sockets", None),
        (ServerlessLoop, "echo-protocol", "create_server"),
        (UnacceptingLoop, "echo-sockets", "sock_accept"),
        (ServerlessLoop, "echo-streams", "create_server"),
        (ServerlessLoop, "echo-streams-unix", "create_unix_server"),
        (ServerlessLoop, "http", "create_server"),
        (ServerlessLoop, "udp", None),
        (ServerlessLoop, "ring", None),
        (BareLoop, "udp", "create_datagram_endpoint"),
        (PlainLoop, "signals", None),
        (BareLoop, "signals", "add_signal_handler"),
        (BareLoop, "subprocesses", "subprocess_exec"),
        (BareLoop, "dns", "getaddrinfo"),
        (BareLoop, "callbacks", None),
        (PlainLoop, "echo-buffered", None),
        (PlainLoop, "echo-buffered-tls", "create_server over TLS"),
        (RefusingLoop, "echo-protocol", None),
    ],
)
def test_what_a_loop_does_not_implement_is_named_and_other_trouble_is_left_to_the_sample(
    loop: Callable[[], asyncio.AbstractEventLoop], name: str, lacking: str | None
) -> None:
    assert unsupported(loop, workload(name)) == lacking


def test_a_cell_that_a_loop_cannot_do_has_that_as_its_reason() -> None:
    name = "tests.harness.loops_for_tests:PlainLoop"
    tls, plain = (workload(each).scenario() for each in ("echo-streams-tls", "echo-streams"))
    assert subjects.cannot_run(name, tls, 1024) == (
        f"unsupported: {name} does not implement create_server over TLS"
    )
    assert subjects.cannot_run(name, plain, 1024) is None
    assert subjects.cannot_run("floor", tls, 1024) is None


def test_an_error_from_outside_the_loop_speaks_for_itself() -> None:
    assert missing(NotImplementedError("sendfile on Tuesdays")) == "sendfile on Tuesdays"
    assert missing(NotImplementedError()) == "something that this workload calls"
