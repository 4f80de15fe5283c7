"""The DNS server: its answers byte for byte, what it does not know, and what it ignores."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from lab.workloads.dns_responder import AAAA, A, addresses_of, answer, name_of, serve

TXT = 16
RECURSION_DESIRED = 0x0100
KNOWN = b"\x02n7\x06muxlab\x04test\0"


def question(name: bytes = KNOWN, kind: int = A, *, flags: int = RECURSION_DESIRED, count: int = 1) -> bytes:
    return struct.pack("!6H", 0xBEEF, flags, count, 0, 0, 0) + name + struct.pack("!2H", kind, 1)


@pytest.mark.parametrize(("kind", "data"), [(A, b"\x0a\0\0\x07"), (AAAA, b"\xfd" + bytes(14) + b"\x07")])
def test_a_known_name_has_the_address_of_its_number(kind: int, data: bytes) -> None:
    asked = question(kind=kind)
    assert (
        answer(asked)
        == (
            b"\xbe\xef\x85\x80\0\1\0\1\0\0\0\0"  # a response, authoritative, recursion as asked and available
            + asked[12:]
            + KNOWN
            + struct.pack("!2HIH", kind, 1, 0, len(data))
            + data
        )
    )


def test_the_addresses_that_are_expected_are_those_that_are_served() -> None:
    assert name_of(7) == "n7.muxlab.test"
    assert [str(address) for address in addresses_of(7)] == ["10.0.0.7", "fd00::7"]
    assert len({addresses_of(number)[1] for number in (0, 1, 2**24, 2**24 + 1)}) == 4


def test_names_are_the_same_in_capitals_and_come_back_as_they_were_asked() -> None:
    loud = KNOWN.upper()
    reply = answer(question(loud))
    assert reply is not None
    assert reply.count(loud) == 2
    assert reply.endswith(b"\x0a\0\0\x07")


def test_a_known_name_without_a_record_of_that_kind_has_an_empty_answer() -> None:
    asked = question(kind=TXT)
    assert answer(asked) == b"\xbe\xef\x85\x80\0\1\0\0\0\0\0\0" + asked[12:]


@pytest.mark.parametrize(
    "name",
    [
        b"\x02n7\x06muxlab\x03org\0",
        b"\x06muxlab\x04test\0",
        b"\x02m7\x06muxlab\x04test\0",
        b"\x01n" + KNOWN,
        b"\0",
    ],
)
def test_any_other_name_does_not_exist(name: bytes) -> None:
    asked = question(name)
    assert answer(asked) == b"\xbe\xef\x85\x83\0\1\0\0\0\0\0\0" + asked[12:]


def test_what_follows_the_question_is_left_alone() -> None:
    assert answer(question() + b"\0\0\x29\x04\xd0\0\0\0\0\0\0") == answer(question())


@pytest.mark.parametrize("length", range(len(question())))
def test_a_packet_that_was_cut_off_is_ignored(length: int) -> None:
    assert answer(question()[:length]) is None


@pytest.mark.parametrize(
    "packet",
    [
        question(flags=0x8000),
        question(flags=0x2800),
        question(count=0),
        question(count=2),
        question(b"\xc0\x0c"),
        question(b"\x40" + b"n" * 64 + b"\0"),
        question()[:-2] + b"\0\x03",
        b"\xff" * 600,
    ],
    ids=["a reply", "an update", "no question", "two", "a pointer", "a long label", "chaos class", "noise"],
)
def test_a_packet_that_is_no_single_question_is_ignored(packet: bytes) -> None:
    assert answer(packet) is None


@pytest.fixture(params=[0.0, 0.002])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    """Where a server answers, with this delay, as long as the test runs."""
    until, end = os.pipe()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(bound, until, request.param))
        thread.start()
        try:
            yield bound.getsockname()
        finally:
            os.close(end)
            thread.join()
            os.close(until)


def test_who_asks_gets_the_answer_and_no_other(server: tuple[str, int]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for asking, kind in ((one, A), (other, AAAA)):
            asking.settimeout(30)
            asking.connect(server)
            asking.send(b"no question")
            asking.send(question(kind=kind))
        assert one.recv(512) == answer(question(kind=A))
        assert other.recv(512) == answer(question(kind=AAAA))
