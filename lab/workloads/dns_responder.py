"""A small DNS server for lookups on loopback, in a process of its own, so that its CPU is not the subject's.

It knows the names ``n0.muxlab.test``, ``n1.muxlab.test`` and so on (RFC 6761 keeps ``test`` free for such),
each with one IPv4 and one IPv6 address that follow from its number: whoever asks knows what must come. Any
other name does not exist (NXDOMAIN). A packet that is no single question is ignored, as if it had been lost.

Answers are written out in full, without the compression of names (RFC 1035, 4.1.4), which no client needs.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import select
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass

ZONE = "muxlab.test"
PORT = 53
HEADER = struct.Struct("!6H")
"""Id, flags, and how many questions, answers, authorities and additional records follow."""
KIND_AND_CLASS = struct.Struct("!2H")
RECORD = struct.Struct("!2HIH")
"""What follows a record's name: its type, its class, how long it may be kept, and the length of its data."""
A, AAAA, INTERNET = 1, 28, 1
RESPONSE, OPCODE, AUTHORITATIVE = 0x8000, 0x7800, 0x0400
RECURSION_DESIRED, RECURSION_AVAILABLE = 0x0100, 0x0080
NO_SUCH_NAME = 3
LONGEST_LABEL = 63
"""A longer one would be a pointer, which has no place in a question."""

IPV4_NET, IPV6_NET = int(ipaddress.IPv4Address("10.0.0.0")), int(ipaddress.IPv6Address("fd00::"))
NUMBERED = re.compile(rf"n([0-9]{{1,9}})\.{re.escape(ZONE)}")
DATAGRAM_BYTES = 4096


@dataclass(frozen=True)
class Question:
    """The one question of a packet."""

    identity: int
    flags: int
    name: str
    """In lower case, as names are compared."""
    kind: int
    """What is asked for: `A`, `AAAA` or anything else."""
    wire: bytes
    """The question as it came, to be sent back with the answer."""


def name_of(number: int) -> str:
    """The name of ``number``, which is below 1,000,000,000."""
    return f"n{number}.{ZONE}"


def addresses_of(number: int) -> tuple[ipaddress.IPv4Address, ipaddress.IPv6Address]:
    """The addresses of the name of ``number``; only the second is of that name alone."""
    return ipaddress.IPv4Address(IPV4_NET + number % 2**24), ipaddress.IPv6Address(IPV6_NET + number)


def parse(packet: bytes) -> Question | None:
    """The question in ``packet``; None if it holds anything else."""
    if len(packet) < HEADER.size:
        return None
    identity, flags, questions, *_ = HEADER.unpack_from(packet)
    if flags & (RESPONSE | OPCODE) or questions != 1:
        return None
    labels, position = [], HEADER.size
    while position < len(packet) and (length := packet[position]):
        if length > LONGEST_LABEL:
            return None
        labels.append(packet[position + 1 : position + 1 + length])
        position += 1 + length
    end = position + 1 + KIND_AND_CLASS.size
    if end > len(packet):
        return None
    kind, network = KIND_AND_CLASS.unpack_from(packet, position + 1)
    name = b".".join(labels).decode("ascii", "replace").lower()
    return Question(identity, flags, name, kind, packet[HEADER.size : end]) if network == INTERNET else None


def answer(packet: bytes) -> bytes | None:
    """The reply to ``packet``; None: there is none to be given."""
    question = parse(packet)
    if question is None:
        return None
    numbered = NUMBERED.fullmatch(question.name)
    flags = RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | (question.flags & RECURSION_DESIRED)
    if numbered is None:
        return HEADER.pack(question.identity, flags | NO_SUCH_NAME, 1, 0, 0, 0) + question.wire
    ipv4, ipv6 = addresses_of(int(numbered[1]))
    address = {A: ipv4.packed, AAAA: ipv6.packed}.get(question.kind)
    head = HEADER.pack(question.identity, flags, 1, 1 if address else 0, 0, 0) + question.wire
    if address is None:
        return head
    name = question.wire[: -KIND_AND_CLASS.size]
    return head + name + RECORD.pack(question.kind, INTERNET, 0, len(address)) + address


def serve(bound: socket.socket, until_fd: int, delay_s: float) -> None:
    """Answer on ``bound``, each question ``delay_s`` after it came, until ``until_fd`` is at its end."""
    waiting: deque[tuple[float, bytes, object]] = deque()
    poll = select.poll()
    poll.register(bound, select.POLLIN)
    poll.register(until_fd, select.POLLIN)
    while True:
        patience_ms = max(0.0, waiting[0][0] - time.monotonic()) * 1000 if waiting else None
        for fd, _mask in poll.poll(patience_ms):
            if fd == until_fd:
                return
            packet, sender = bound.recvfrom(DATAGRAM_BYTES)
            if reply := answer(packet):
                waiting.append((time.monotonic() + delay_s, reply, sender))
        while waiting and waiting[0][0] <= time.monotonic():
            _due, reply, sender = waiting.popleft()
            bound.sendto(reply, sender)


def main() -> None:
    """Serve until the standard input ends. Arguments: the inherited descriptor, the delay in milliseconds,
    and the core, where there is one to be kept to."""
    fd, delay_ms, *core = map(int, sys.argv[1:])
    if core:
        with contextlib.suppress(OSError):  # a core that is taken away meanwhile leaves it where it is
            os.sched_setaffinity(0, core)
    with socket.socket(fileno=fd) as bound:
        serve(bound, sys.stdin.fileno(), delay_ms / 1000)


if __name__ == "__main__":
    main()
