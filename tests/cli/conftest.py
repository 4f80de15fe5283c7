"""What the process opens once and keeps is opened before the first test looks for leaks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import reports
from lab.harness import subjects
from lab.harness.machine import neighbours
from lab.results import read_run
from tests.cli.benching import FakeFiles


@pytest.fixture(scope="session", autouse=True)
def probed_subjects() -> None:
    """Probe the default subjects once; libuv keeps one pipe for signals open for the rest of the process."""
    for name in subjects.default_names():
        subjects.unavailable(name)


@pytest.fixture(scope="session", autouse=True)
def no_neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Benches of other processes are not noticed."""
    with pytest.MonkeyPatch.context() as patch:
        mark = tmp_path_factory.mktemp("neighbours") / "mark"
        patch.setattr(neighbours, "mark", lambda: mark)
        yield


@pytest.fixture(autouse=True)
def ctrl_c_as_before() -> Iterator[None]:
    """A program that is interrupted goes deaf to Ctrl-C on its way out; these tests are that program."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; reports are two lines of text, so that these tests do not draw."""

    def write_report(folder: Path) -> FakeFiles:
        (folder / "summary.md").write_text(f"# Summary of {len(read_run(folder).samples)} samples\n")
        return FakeFiles(folder / "report.html", folder / "summary.md", folder / "samples.csv")

    monkeypatch.setattr(reports, "write_report", write_report)
    monkeypatch.chdir(tmp_path)
    return tmp_path
