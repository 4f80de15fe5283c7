"""`muxlab bench` with a fake that measures, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from lab.cli.app import muxlab
from lab.cli.bench import Instruments
from lab.results import RUN_FILE
from tests.fake_measuring import FakeMeasure

SMALL = ("--profile", "smoke", "--backend", "poll", "--workload", "ring", "--rounds", "2")


@dataclass(frozen=True)
class FakeFiles:
    """Stands in for the files of a report."""

    html: Path
    summary: Path
    csv: Path
    figures: tuple[Path, ...] = ()


def muxlab_bench(*words: str, measure: Any = None) -> Result:
    instruments = Instruments(measure or FakeMeasure())
    return CliRunner().invoke(muxlab, ["bench", *words], obj=instruments, prog_name="muxlab")


def only_run(here: Path) -> Path:
    (record,) = here.glob(f"runs/*/{RUN_FILE}")
    return record.parent
