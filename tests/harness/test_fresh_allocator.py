"""The measured process starts as a fresh one: what it imports must not have changed glibc's prices."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASYNCIOS_READ_BYTES = 256 * 1024

PROBE = f"""
import ctypes, lab.harness.worker

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c hblks d e f g h i".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype, libc.malloc.restype = Mallinfo2, ctypes.c_void_p
before = libc.mallinfo2().hblks
libc.malloc(ctypes.c_size_t({ASYNCIOS_READ_BYTES}))
print(libc.mallinfo2().hblks - before)
"""
"""How many blocks more are mapped after one that is as large as what asyncio's transports read."""


def test_a_buffer_of_asyncios_size_is_mapped_as_in_a_fresh_process() -> None:
    """Once the process has freed such a block it is not: asyncio would be measured at another price."""
    probed = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    if "mallinfo2" in probed.stderr:
        pytest.skip("no mallinfo2: not glibc, or one older than 2.33")
    assert probed.stdout == "1\n", probed.stderr
