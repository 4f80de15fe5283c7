"""Questions and answers over UDP, and what the ends are told when nobody answers."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from typing import Any

import pytest

from tests.programs.conftest import RunProgram


class Oracle(asyncio.DatagramProtocol):
    """Answers each question with its digest, to whoever asked."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(hashlib.sha256(data).digest() + data, addr)


class Asking(asyncio.DatagramProtocol):
    """Keeps what comes in a queue, and writes down what it is told."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes | OSError] = asyncio.Queue()
        self.log: list[str] = []
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.log.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.log.append("received")
        self.answers.put_nowait(data)

    def error_received(self, exc: OSError) -> None:
        self.log.append(type(exc).__name__)
        self.answers.put_nowait(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.log.append(f"lost: {exc}")
        self.over.set_result(self.log)


async def asked(address: Any, questions: list[bytes]) -> list[bool]:
    """Ask one after the other from an endpoint of one's own; whether each was answered right."""
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(Asking, remote_addr=address)
    right = []
    for question in questions:
        transport.sendto(question)
        right.append(await asking.answers.get() == hashlib.sha256(question).digest() + question)
    transport.close()
    assert await asking.over == ["made", *["received"] * len(questions), "lost: None"]
    return right


def test_everybody_gets_the_answers_to_their_own_questions(run_program: RunProgram) -> None:
    async def main() -> list[list[bool]]:
        loop = asyncio.get_running_loop()
        oracle, _ = await loop.create_datagram_endpoint(Oracle, local_addr=("127.0.0.1", 0))
        address = oracle.get_extra_info("sockname")
        # All that is under way fits the receive buffer; a message without a byte, asyncio sends from 3.13 on.
        questions = [[bytes([who, size % 251]) * size for size in (1, 30, 300, 700)] for who in range(10)]
        answers = await asyncio.gather(*(asked(address, each) for each in questions))
        oracle.close()
        return answers

    assert run_program(main()) == [[True] * 4] * 10


def test_nobody_there_is_an_error_that_is_told_and_the_endpoint_lives_on(run_program: RunProgram) -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            address = gone.getsockname()
        transport, asking = await loop.create_datagram_endpoint(Asking, remote_addr=address)
        transport.sendto(b"anybody?")
        assert isinstance(await asking.answers.get(), ConnectionRefusedError)
        oracle, _ = await loop.create_datagram_endpoint(Oracle, local_addr=address)
        transport.sendto(b"and now?")
        assert (await asking.answers.get())[32:] == b"and now?"
        with pytest.raises(ValueError, match="Invalid address"):
            transport.sendto(b"elsewhere", ("127.0.0.1", 9))
        with pytest.raises(TypeError):
            transport.sendto("text")
        transport.abort()
        transport.sendto(b"too late")
        oracle.close()
        return await asking.over

    assert run_program(main()) == ["made", "ConnectionRefusedError", "received", "lost: None"]
