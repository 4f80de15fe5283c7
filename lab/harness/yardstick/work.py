"""A fixed piece of work, timed: how fast the core is at this moment.

Rules
- It is like what is measured: broad. A server runs through much code for each request, of the interpreter, of
  its library and of the kernel, and others have had the core and its caches in between. A narrow loop, which
  fits the first-level caches, sees the clock and the other hardware thread, and nothing of those who fill the
  caches (docs/method.md, "The speed of the core").
- All of it counts, the first pass included, which finds the caches as they are.
- The thread's own CPU time counts: another process on the core is no lack of speed.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from time import thread_time_ns

PASSES = 24
_FIELDS = re.compile(r"(\w+)=(\d+);?")


def work_ns() -> int:
    """How much CPU time the work takes now, in nanoseconds: about 300,000 on the machines of 2022."""
    began_ns = thread_time_ns()
    for number in range(PASSES):
        _pass(number)
    return thread_time_ns() - began_ns


def _pass(number: int) -> None:
    """Text, numbers, objects and an exception: a little of many things."""
    text = json.dumps({"a": [1, 2, number], "b": {"c": "text", "d": 1.5}})
    json.loads(text)
    fields = _FIELDS.findall("alpha=1;beta=22;gamma=333")
    packed = struct.unpack("!IHH", struct.pack("!IHH", number, 2, 3))
    line = "%s-%d-%r" % (text[:5], number, packed)  # noqa: UP031  one more way through the interpreter
    sorted(fields, key=lambda field: field[1])
    words = line.encode().decode().upper().split("-")
    kept = [_Kept(word).get() for word in words]
    try:
        raise ValueError(kept)
    except ValueError as error:
        str(error)
    sum(_counting(10))
    set(words) | {1, 2}
    b"".join([b"ab", bytes(20)])
    int("12345") * 98765432109876543210 % 1234567


class _Kept:
    def __init__(self, value: str) -> None:
        self.value = value

    def get(self) -> str:
        return self.value


def _counting(end: int) -> Iterator[int]:
    yield from range(end)
