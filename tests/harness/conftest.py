"""What libuv opens once a process is opened before any test counts descriptors."""

import pytest

from lab.harness import subjects


@pytest.fixture(autouse=True, scope="session")
def libuv_has_its_signal_pipe() -> None:
    """libuv keeps a pipe for signals from the first loop to the end of the process; it is no test's leak."""
    subjects.unavailable_here("uvloop")
