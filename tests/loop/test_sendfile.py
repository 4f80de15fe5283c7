"""Files to sockets: how much, from where, and where the file stands afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import pytest

from lab.loop.loop import Loop
from lab.loop.sendfile import LARGEST_BLOCK
from tests.loop.conftest import Pair, Run, turns

CONTENT = bytes(range(256)) * 8_000
SIZE = len(CONTENT)


@pytest.fixture(params=["a regular file", "a file in memory"])
def file(request: pytest.FixtureRequest) -> Iterator[BinaryIO]:
    """In the kernel for the one, through Python for the other."""
    with tempfile.TemporaryFile() if "regular" in request.param else io.BytesIO() as opened:
        opened.write(CONTENT)
        opened.flush()
        opened.seek(0)
        yield opened


@pytest.fixture
def small_pair(new_pair: Callable[..., Pair]) -> Pair:
    return new_pair(buffer=4_096)


async def send(loop: Loop, pair: Pair, file: BinaryIO, *arguments: Any) -> tuple[int, bytes]:
    """What ``sock_sendfile`` returned, and what arrived."""

    async def receive() -> bytes:
        got = bytearray()
        while data := await loop.sock_recv(pair[1], 1 << 20):
            got += data
        return bytes(got)

    receiving = loop.create_task(receive())
    sent = await loop.sock_sendfile(pair[0], file, *arguments)
    pair[0].shutdown(socket.SHUT_WR)
    return sent, await receiving


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), slice(None)),
        ((1_000,), slice(1_000, None)),
        ((0, 1_500_000), slice(0, 1_500_000)),
        ((7, 3), slice(7, 10)),
        ((SIZE - 5, 100), slice(SIZE - 5, None)),
        ((SIZE + 5,), slice(0, 0)),
    ],
    ids=["whole", "offset", "count", "both", "more than there is", "behind the end"],
)
def test_what_was_asked_for_is_sent_and_the_position_follows(
    loop: Loop, run: Run, small_pair: Pair, file: BinaryIO, arguments: tuple[int, ...], part: slice
) -> None:
    expected = CONTENT[part]
    assert run(send(loop, small_pair, file, *arguments)) == (len(expected), expected)
    if expected:
        assert file.tell() == (arguments[0] if arguments else 0) + len(expected)
    run(loop.shutdown_default_executor())


def test_the_offset_counts_from_the_beginning_wherever_the_file_stands(
    loop: Loop, run: Run, small_pair: Pair, file: BinaryIO
) -> None:
    """asyncio's fallback starts where the file stands, if the offset is zero."""
    file.seek(1_000)
    assert run(send(loop, small_pair, file)) == (SIZE, CONTENT)
    run(loop.shutdown_default_executor())


def test_while_a_reader_keeps_up_others_have_their_turn_between_two_blocks(
    loop: Loop, run: Run, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(os, "sendfile"):
        pytest.skip("this system has no sendfile(2)")
    diary: list[str] = []

    def take_all(_out: int, _in: int, _offset: int, count: int) -> int:
        diary.append(f"{count} bytes")
        return count

    async def others() -> None:
        while True:
            diary.append("others")
            await asyncio.sleep(0)

    async def main() -> int:
        beside = loop.create_task(others())
        with tempfile.TemporaryFile() as file:
            file.truncate(2 * LARGEST_BLOCK + 1)
            try:
                return await loop.sock_sendfile(pair[0], file)
            finally:
                beside.cancel()

    monkeypatch.setattr(os, "sendfile", take_all)
    assert run(main()) == 2 * LARGEST_BLOCK + 1
    full = f"{LARGEST_BLOCK} bytes"
    assert diary == [full, "others", full, "others", "1 bytes"]


def test_an_empty_file_sends_nothing(loop: Loop, run: Run, small_pair: Pair) -> None:
    with tempfile.TemporaryFile() as empty:
        assert run(send(loop, small_pair, empty)) == (0, b"")


def test_cancelled_in_the_middle_the_position_tells_how_far_it_came(
    loop: Loop, run: Run, small_pair: Pair, file: BinaryIO
) -> None:
    async def main() -> int:
        sending = loop.create_task(loop.sock_sendfile(small_pair[0], file))
        got = bytearray()
        while len(got) < 100_000:
            got += await loop.sock_recv(small_pair[1], 1_000)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        small_pair[0].shutdown(socket.SHUT_WR)
        while data := await loop.sock_recv(small_pair[1], 1 << 20):
            got += data
        assert bytes(got) == CONTENT[: len(got)]
        return len(got)

    arrived = run(main())
    run(loop.shutdown_default_executor())
    assert file.tell() == arrived < SIZE
    assert not loop.backend.interest.get(small_pair[0].fileno(), 0) & 4


def test_a_peer_that_goes_away_is_an_error(loop: Loop, run: Run, small_pair: Pair, file: BinaryIO) -> None:
    async def main() -> None:
        sending = loop.create_task(loop.sock_sendfile(small_pair[0], file))
        await loop.sock_recv(small_pair[1], 1_000)
        await turns(3)
        small_pair[1].close()
        with pytest.raises((BrokenPipeError, ConnectionError)):
            await sending

    run(main())
    run(loop.shutdown_default_executor())
    assert file.tell() < SIZE


def test_without_fallback_what_the_kernel_cannot_send_is_refused(
    loop: Loop, run: Run, small_pair: Pair
) -> None:
    with pytest.raises(asyncio.SendfileNotAvailableError):
        run(loop.sock_sendfile(small_pair[0], io.BytesIO(CONTENT), fallback=False))
    with contextlib.suppress(BlockingIOError):
        assert small_pair[1].recv(1) == b"", "nothing was sent"


def test_without_sendfile_in_the_system_python_does_it(
    loop: Loop, run: Run, small_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sendfile")
    with tempfile.TemporaryFile() as file:
        file.write(CONTENT)
        file.seek(0)
        assert run(send(loop, small_pair, file)) == (SIZE, CONTENT)
    run(loop.shutdown_default_executor())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-1,), ValueError),
        ((1.5,), TypeError),
        ((0, 0), ValueError),
        ((0, -1), ValueError),
        ((0, "all"), TypeError),
    ],
)
def test_bad_arguments_are_refused_as_by_asyncio(
    any_tasks: Loop, pair: Pair, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    file = io.BytesIO(CONTENT)
    with contextlib.closing(asyncio.SelectorEventLoop()) as stock, pytest.raises(error) as theirs:
        stock.run_until_complete(stock.sock_sendfile(pair[0], file, *arguments))
    with pytest.raises(error) as ours:
        any_tasks.run_until_complete(any_tasks.sock_sendfile(pair[0], file, *arguments))
    assert str(ours.value) == str(theirs.value)


def test_text_files_and_datagram_sockets_are_refused(any_tasks: Loop, pair: Pair) -> None:
    with open(os.devnull, encoding="utf-8") as text, pytest.raises(ValueError, match="binary"):
        any_tasks.run_until_complete(any_tasks.sock_sendfile(pair[0], text))
    with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(ValueError, match="SOCK_STREAM"):
        udp.setblocking(False)
        any_tasks.run_until_complete(any_tasks.sock_sendfile(udp, io.BytesIO(CONTENT)))
