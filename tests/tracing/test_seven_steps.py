"""The seven steps of one recv are seen as they happen, on every backend and with both kinds of tasks."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import Iterator

import pytest

from backends.contract import READ, WRITE
from lab.tracing import example
from lab.tracing.recorder import COROUTINE, KERNEL, LOOP, TASK, Call, Recorder
from lab.tracing.traced_loop import TracedLoop
from tests.backends.conftest import KERNEL_BACKENDS
from tests.loop.conftest import tcp_pair
from tests.tracing.conftest import recorded

Pair = tuple[socket.socket, socket.socket]


@contextlib.contextmanager
def sockets(tcp: bool = False) -> Iterator[Pair]:
    left, right = tcp_pair(socket.AF_INET) if tcp else socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


def reset(sock: socket.socket) -> None:
    """Close it so that the peer gets an error instead of the end of the stream."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def only_call(recorder: Recorder, name: str) -> Call:
    (found,) = [call for call in recorder.calls if call.name == name]
    return found


@pytest.mark.parametrize("backend", KERNEL_BACKENDS)
def test_each_recv_that_waits_takes_the_seven_steps_in_order(backend: str, tasks: str) -> None:
    recorder = recorded(example.exchange, backend, tasks)
    waited = [call for call in recorder.calls if call.waited]
    assert [(call.name, call.task) for call in waited] == [("sock_recv", "echo"), ("sock_recv", "ask")]
    for call in waited:
        assert call.complete
        assert [step.future for step in call.steps] == ["PENDING"] * 3 + ["FINISHED"] * 3 + ["idle"]
        wait, report, data, _, wake, send, back = call.steps
        begins = [call.begin_ns, call.pending_ns, *(step.begin_ns for step in call.steps)]
        assert begins == sorted(begins)
        assert wait.end_ns == report.begin_ns <= report.end_ns == data.begin_ns <= data.end_ns
        assert wake.begin_ns <= send.begin_ns <= send.end_ns <= back.begin_ns <= wake.end_ns
        assert report.details["mask"] & READ
        assert data.details["value"] == back.details["outcome"] == f"{len(example.QUESTION)} bytes"
        assert wake.details["task"] == call.task
        assert send.details["chain"] == [call.task, "SocketsLoop.sock_recv"]


def test_a_loop_with_nothing_else_to_do_waits_without_limit() -> None:
    recorder = Recorder()
    example.run(functools.partial(TracedLoop, recorder))
    echo, _ = (call for call in recorder.calls if call.waited)
    assert echo.steps[0].details["timeout_s"] is None


def test_each_step_lies_inside_a_span_of_its_lane(tasks: str) -> None:
    recorder = recorded(example.exchange, tasks=tasks)
    for call in (call for call in recorder.calls if call.waited):
        for number, lane in ((1, KERNEL), (3, LOOP), (5, TASK), (6, COROUTINE), (7, COROUTINE)):
            moment = call.steps[number - 1].begin_ns
            around = [each for each in recorder.spans if each.begin_ns <= moment <= each.end_ns]
            assert lane in {span.lane for span in around}, f"step {number}"


def test_data_that_is_there_takes_no_step_at_all() -> None:
    async def program() -> None:
        with sockets() as (ours, theirs):
            theirs.send(b"early")
            assert await asyncio.get_running_loop().sock_recv(ours, 100) == b"early"

    call = only_call(recorded(program), "sock_recv")
    assert (call.waited, call.steps, call.outcome) == (False, [], "5 bytes")


def test_an_error_goes_the_same_way(tasks: str) -> None:
    async def program() -> None:
        with sockets(tcp=True) as (ours, theirs):
            asyncio.get_running_loop().call_soon(reset, theirs)
            with pytest.raises(ConnectionResetError):
                await asyncio.get_running_loop().sock_recv(ours, 100)

    call = only_call(recorded(program, tasks=tasks), "sock_recv")
    assert call.complete
    assert call.steps[2].details == {"error": "ConnectionResetError"}
    assert call.steps[3].details == {"error": "ConnectionResetError"}
    assert [step.future for step in call.steps[3:]] == ["FINISHED"] * 3 + ["idle"]
    assert call.steps[6].details["outcome"] == "raises ConnectionResetError"


def test_a_cancelled_wait_has_no_data_to_move(tasks: str) -> None:
    async def program() -> None:
        with sockets() as (ours, _):
            receiving = asyncio.create_task(asyncio.get_running_loop().sock_recv(ours, 100))
            await asyncio.sleep(0)
            receiving.cancel()
            await asyncio.wait([receiving])
            assert receiving.cancelled()

    call = only_call(recorded(program, tasks=tasks), "sock_recv")
    assert [step.number for step in call.steps] == [4, 5, 6, 7]
    assert [step.future for step in call.steps] == ["CANCELLED"] * 3 + ["idle"]
    assert call.steps[2].details["how"] == "throw(CancelledError)"
    assert all(step.end_ns is not None for step in call.steps[1:3])
    assert call.outcome == "raises CancelledError"


def test_a_false_report_of_the_kernel_begins_the_steps_anew() -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with sockets() as (ours, theirs):
            receiving = asyncio.create_task(loop.sock_recv(ours, 100))
            await asyncio.sleep(0)
            theirs.send(b"stolen")
            loop.call_soon(ours.recv, 100)  # after the kernel's report, before it is served
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            theirs.send(b"kept")
            assert await receiving == b"kept"

    call = only_call(recorded(program), "sock_recv")
    assert (call.false_reports, call.complete, call.outcome) == (1, True, "4 bytes")


def test_a_long_send_waits_as_often_as_it_must(tasks: str) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with sockets() as (ours, theirs):
            async with asyncio.TaskGroup() as group:
                group.create_task(loop.sock_sendall(ours, bytes(3_000_000)), name="sender")
                left = 3_000_000
                while left:
                    left -= len(await loop.sock_recv(theirs, 1_000_000))

    call = only_call(recorded(program, tasks=tasks), "sock_sendall")
    assert call.waits >= 2
    assert call.complete
    assert call.steps[1].details["mask"] & WRITE


def test_a_task_that_is_a_call_and_nothing_else_has_it_once_in_its_chain() -> None:
    async def program() -> None:
        with sockets() as (ours, theirs):
            receiving = asyncio.get_running_loop().create_task(
                asyncio.get_running_loop().sock_recv(ours, 10), name="bare"
            )
            await asyncio.sleep(0)
            theirs.send(b"!")
            assert await receiving == b"!"

    recorder = recorded(program)
    chains = [span.details["chain"] for span in recorder.spans if span.details.get("task") == "bare"]
    assert [chain[0] for chain in chains] == ["SocketsLoop.sock_recv"] * 2
    assert all(chain.count("SocketsLoop.sock_recv") == 1 for chain in chains)
    assert only_call(recorder, "sock_recv").complete


def test_what_transports_deliver_is_seen_with_its_size() -> None:
    async def program() -> None:
        with sockets() as (ours, theirs):
            reader, writer = await asyncio.open_connection(sock=ours)
            theirs.send(b"a line\n")
            assert await reader.readline() == b"a line\n"
            writer.close()
            await writer.wait_closed()

    spans = [span for span in recorded(program).spans if span.details.get("delivery")]
    assert [(span.name, span.details["bytes"]) for span in spans] == [
        ("StreamReaderProtocol.data_received", 7)
    ]
