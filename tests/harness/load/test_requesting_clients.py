"""Requests to a server whose replies are not known: what is accepted as a reply, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from lab.harness.load.client_kinds import open_clients
from lab.harness.load.clients import Exchanged, ReplyError
from lab.harness.load.requesting_clients import RequestingClients
from lab.harness.measured.listener import listen
from lab.workloads.clients import OfferingRequests, Requesting
from tests.harness import own_server

CONNECTIONS = 3


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Where the server of a test listens; it runs in a thread."""
    to_end: Future[Callable[[], object]] = Future()

    async def serve_until_told() -> None:
        loop, serving = asyncio.get_running_loop(), asyncio.create_task(own_server.serve(listener))
        to_end.set_result(lambda: loop.call_soon_threadsafe(serving.cancel))
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    with listen("tcp", None) as listener:
        thread = threading.Thread(target=asyncio.run, args=(serve_until_told(),))
        thread.start()
        yield listener.getsockname()
        to_end.result()()
        thread.join()


def exchanged(address: tuple[str, int], path: str, body: str = "same") -> Exchanged:
    clients = RequestingClients(address, "tcp", Requesting(CONNECTIONS, path=path, body=body), 1)
    with contextlib.closing(clients):
        assert clients.connect_some() == CONNECTIONS
        assert clients.connect_some() == 0
        done = clients.run(0.02)
        clients.check_silence()
        assert all(latency > 0 for latency in clients.latencies_ns[: done.operations])
        return done


@pytest.mark.parametrize("path", ["/", "/chunked", "/dated", "/large"])
def test_well_formed_replies_with_one_body_are_counted(address: tuple[str, int], path: str) -> None:
    done = exchanged(address, path)
    assert done.operations >= CONNECTIONS
    assert done.elapsed_ns > 0


@pytest.mark.parametrize(
    ("path", "body"), [("/numbered", "length"), ("/numbered", "any"), ("/growing", "any")]
)
def test_bodies_may_vary_where_that_was_said(address: tuple[str, int], path: str, body: str) -> None:
    assert exchanged(address, path, body).operations >= CONNECTIONS


def test_requests_can_be_offered_at_a_rate(address: tuple[str, int]) -> None:
    described = OfferingRequests(CONNECTIONS, path="/dated", body="same", rate_per_s=2000)
    with contextlib.closing(open_clients(described, address, "tcp", 1)) as clients:
        assert clients.connect_some() == CONNECTIONS
        done = clients.run(0.02)
        clients.check_silence()
    assert 0 < done.operations <= done.schedule["offered"]
    assert len(done.series["uncorrected"]) == done.operations


def test_a_reply_that_nobody_asked_for_is_noticed_at_a_rate_too(address: tuple[str, int]) -> None:
    described = OfferingRequests(1, path="/twice", body="any", rate_per_s=2000)
    clients = open_clients(described, address, "tcp", 1)
    with contextlib.closing(clients), pytest.raises(ReplyError, match="that nobody asked for"):
        clients.connect_some()


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        (
            "/nowhere",
            "any",
            "expected a status of 200 to 299, got 404 Not Found with 12 bytes .b'no such page'.",
        ),
        ("/moved", "any", "got 307 Temporary Redirect to /there"),
        ("/numbered", "same", "expected the same body as in the first reply, 9 bytes"),
        ("/growing", "length", "expected a body as long as the first reply's"),
        ("/closing", "any", "expected a connection that is kept alive"),
        ("/twice", "same", "got bytes behind it that nobody asked for"),
        ("/other", "any", "expected an HTTP/1.1 reply, got b'SSH-2.0-OpenSSH"),
    ],
)
def test_any_other_reply_fails_and_says_what_came(
    address: tuple[str, int], path: str, body: str, complaint: str
) -> None:
    with pytest.raises(ReplyError, match=complaint):
        exchanged(address, path, body)
