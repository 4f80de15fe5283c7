"""What the process opens once and keeps is opened before the first test looks for leaks."""

from __future__ import annotations

import pytest

from lab.harness import subjects


@pytest.fixture(scope="session", autouse=True)
def probed_subjects() -> None:
    """Probe the default subjects once; libuv keeps one pipe for signals open for the rest of the process."""
    for name in subjects.default_names():
        subjects.unavailable(name)
