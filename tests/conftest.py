"""What every test keeps: it leaves no descriptor behind, and fails in bounded time."""

import gc
import os
import signal
from collections.abc import Generator, Iterator

import pytest

# Where one of these is set, pytest shows whole differences: minutes and gigabytes for two long messages.
for variable in ("CI", "BUILD_NUMBER"):
    os.environ.pop(variable, None)
# Where this is set, each process that a test starts would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts what runs in its background with SIGINT ignored; the tests of Ctrl-C mean the usual Python.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what collecting the tests has made out of the garbage collector's sight.

    Those are hundreds of thousands of objects that stay to the end, and there are tests that collect garbage:
    a quarter of a second each time if all of them were looked at.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def open_descriptors() -> set[int]:
    """Return the numbers of this process's open descriptors; /dev/fd exists on Linux and macOS."""
    listed = [int(entry) for entry in os.listdir("/dev/fd")]
    return {fd for fd in listed if _is_open(fd)}  # without the one that listed the directory


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _name_of(fd: int) -> str:
    """Return what ``fd`` is, for the message: its target on Linux, its type elsewhere."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return f"mode {os.fstat(fd).st_mode:o}"


@pytest.fixture(autouse=True)
def no_leaked_descriptors() -> Iterator[None]:
    """Fail a test that ends with descriptors open that were not open when it began."""
    before = open_descriptors()
    yield
    leaked = open_descriptors() - before
    if leaked:
        gc.collect()  # a reference cycle is no leak; an unclosed socket in it still warns
        leaked = open_descriptors() - before
    assert not leaked, f"left open: {', '.join(f'{fd} ({_name_of(fd)})' for fd in sorted(leaked))}"
