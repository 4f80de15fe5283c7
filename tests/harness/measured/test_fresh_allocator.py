"""What ends the fresh state: seasoning the process, and the first client that leaves; not what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASYNCIOS_READ_BYTES = 256 * 1024
BLOCKS = 4

PROBE = f"""
import ctypes

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c hblks d e f g h i".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype, libc.malloc.restype = Mallinfo2, ctypes.c_void_p
before = libc.mallinfo2().hblks
for _ in range({BLOCKS}):
    libc.malloc(ctypes.c_size_t({ASYNCIOS_READ_BYTES}))
print("fresh" if libc.mallinfo2().hblks > before else "seasoned")
"""
"""Are blocks as large as what asyncio's transports read mapped? Several: the heap may have room for one."""

ECHO_READS = f"""
import socket
here, there = socket.socketpair()
for _ in range(3):
    there.send(b"a message")
    here.recv({ASYNCIOS_READ_BYTES})
"""
THE_LAST_READ = f"""
there.close()
here.recv({ASYNCIOS_READ_BYTES})
"""


def state_after(program: str) -> str:
    """The state of the allocator in a process that has run ``program``."""
    words = [sys.executable, "-c", program + PROBE]
    probed = subprocess.run(words, capture_output=True, text=True, check=False)
    if "mallinfo2" in probed.stderr:
        pytest.skip("no mallinfo2: not glibc, or one older than 2.33")
    assert not probed.stderr
    return probed.stdout.strip()


def test_a_buffer_of_asyncios_size_is_mapped_as_in_a_fresh_process() -> None:
    """Once the process has freed such a block it is not: asyncio would be measured at another price."""
    worker = "import lab.harness.measured.worker\nfrom lab.harness.machine import allocator\n"
    assert state_after(worker + "allocator.keep_fresh()\n") == "fresh"


def test_seasoning_ends_the_fresh_state() -> None:
    assert state_after("from lab.harness.machine import allocator\nallocator.season()\n") == "seasoned"


def test_the_first_end_of_a_stream_ends_the_fresh_state_and_reading_messages_does_not() -> None:
    assert state_after(ECHO_READS) == "fresh"
    assert state_after(ECHO_READS + THE_LAST_READ) == "seasoned"
