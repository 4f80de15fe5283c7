"""The report as files: whole, self-contained, escaped, and never missing because a run went wrong."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from outline import Outline
from synthetic_run import COSTS_US, SUBJECTS, SyntheticRun, echo, idle, ring, write_folder

from lab.results import SubjectRecord
from reports import ReportFiles, write_report
from reports.analysis.judgement import judge
from reports.figures import latency
from reports.figures.style import PNG_DPI

SECTIONS = {
    "verdict",
    "answer",
    "map",
    "cpu",
    "scaling",
    "latency",
    "load",
    "why",
    "results",
    "microbenchmarks",
    "environment",
    "failed",
    "not-run",
    "repeat",
}


def outline(files: ReportFiles) -> Outline:
    return Outline(files.html.read_text("utf-8"))


RUN = SyntheticRun(scenarios=(echo(64), idle(100), idle(1000), idle(5000), ring(1000)), rounds=3)
"""What is seen as it is; few enough that drawing it takes a second or two."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    folder = tmp_path_factory.mktemp("run")
    RUN.write(folder)
    microbench = {
        "benchmarks": [
            {
                "group": "register",
                "name": "test_register[epoll-1000]",
                "params": {"backend": "epoll", "descriptors": 1000},
                "stats": {"median": 4.5e-7, "q1": 4e-7, "q3": 5e-7, "rounds": 1000},
            },
            {"group": None, "name": "test_odd", "stats": {}},
            "not an entry",
        ]
    }
    (folder / "microbench.json").write_text(json.dumps(microbench), "utf-8")
    return write_report(folder)


def small(folder: Path, **changes: object) -> ReportFiles:
    SyntheticRun(**({"scenarios": (echo(),), "rounds": 3} | changes)).write(folder)  # type: ignore[arg-type]
    return write_report(folder)


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are laid out and left blank, for tests of what stands beside them: rendering takes longest."""

    def leave_blank(figure: Figure, file: IO[Any], format: str, **more: object) -> None:
        file.write("<svg></svg>" if format == "svg" else b"")

    monkeypatch.setattr(Figure, "savefig", leave_blank)


def test_the_page_is_well_formed_and_has_every_section(files: ReportFiles) -> None:
    found = outline(files)
    assert set(found.ids) >= SECTIONS
    assert len(found.ids) == len(set(found.ids))


def test_the_page_loads_nothing(files: ReportFiles) -> None:
    found = outline(files)
    assert all(address.startswith("#") for address in found.loads)
    assert not found.tags & {"script", "link", "iframe", "img", "object"}
    page = files.html.read_text("utf-8")
    assert "@import" not in page
    assert all(address.startswith("url(#") for address in re.findall(r"url\([^)]*\)?", page))


def test_references_inside_the_pictures_find_their_target(files: ReportFiles) -> None:
    found = outline(files)
    page = files.html.read_text("utf-8")
    targets = [address.lstrip("#") for address in found.loads] + re.findall(r"url\(#([^)]+)\)", page)
    assert set(targets) <= set(found.ids)


def test_every_picture_says_what_it_shows_and_how_to_read_it(files: ReportFiles) -> None:
    found = outline(files)
    assert len(found.labels) == len(files.figures) == files.html.read_text("utf-8").count("<figcaption>")
    assert all(label and len(label) > 20 for label in found.labels)


def test_noise_is_told_under_every_figure_and_in_the_summary(files: ReportFiles) -> None:
    text = outline(files).text
    of_cpu = re.findall(r"noise floor \([\d.]+\s%[^()]*from the A/A pair\) count as none", text)
    of_latency = re.findall(
        r"asyncio-again, the same loop, lie up to [\d.]+\s% in p50, [\d.]+\s% in p99 and", text
    )
    assert (len(of_cpu), len(of_latency)) == (len(files.figures) - 1, 1)
    assert "noise floor (" in files.summary.read_text("utf-8")


def test_the_answer_comes_first_with_ratio_and_interval(files: ReportFiles) -> None:
    text = outline(files).text
    start = text.index("which readiness backend serves sockets best on this machine?")
    assert "epoll-et serve sockets best on this machine." in text[start : start + 200] or (
        "epoll serve sockets best on this machine." in text[start : start + 200]
    )
    assert re.search("0\\.\\d\\d\N{MULTIPLICATION SIGN} ?uvloop's CPU per request", text[start : start + 500])
    assert "no difference beyond noise between epoll" in text
    assert "1.3" in text[start : start + 500] and "the floor's" in text[start : start + 500]


def test_what_cannot_run_is_a_row_with_its_reason(files: ReportFiles) -> None:
    text = outline(files).text
    assert "not run: select watches descriptors below 1,024 only; this scenario needs 5,064" in text
    assert "select.kqueue does not exist on Linux" in text


def test_microbenchmarks_are_shown_in_nanoseconds(files: ReportFiles) -> None:
    text = outline(files).text
    assert "backend epoll, descriptors 1000 450 400\N{EN DASH}500" in text


def test_colours_follow_light_and_dark(files: ReportFiles) -> None:
    page = files.html.read_text("utf-8")
    assert "prefers-color-scheme: dark" in page
    assert page.count("--figure-ink:") == 2 and "var(--figure-ink)" in page
    assert "#1b1f24;" not in page[page.index("<svg") :]


def test_a_panel_of_one_row_has_room_for_its_title_and_its_axis() -> None:
    titled = dataclasses.replace(echo(), title="python server.py {port}, GET /items?page=1, 64 connections")
    alone = tuple(each for each in SUBJECTS if each.name == "epoll")
    (picture,) = latency.draw(judge(SyntheticRun(rounds=1, scenarios=(titled,), subjects=alone).build()))
    height_px = int.from_bytes(picture.png[20:24])
    assert height_px / PNG_DPI > latency.LEAST_IN


def test_every_picture_is_a_png(files: ReportFiles) -> None:
    names = {path.name for path in files.figures}
    assert {"heat-map.png", "cpu-echo-sockets.png", "scaling-1.png", "latency.png"} <= names
    for path in files.figures:
        png = path.read_bytes()
        assert png.startswith(b"\x89PNG\r\n\x1a\n") and png.rstrip().endswith(b"IEND\xaeB`\x82")


def test_the_table_of_samples_holds_every_sample(files: ReportFiles) -> None:
    table = pd.read_csv(files.csv)
    run = RUN.build()
    assert len(table) == len(run.samples)
    first = table.iloc[0]
    assert first["cpu_us_per_operation"] == pytest.approx(run.samples[0].cpu_us_per_operation)
    assert table["latency_p99_ns"].notna().any() and table["counter_events"].notna().any()


def test_the_summary_has_verdicts_table_and_a_a_statement(files: ReportFiles) -> None:
    text = files.summary.read_text("utf-8")
    assert text.startswith("# epoll") and "serve sockets best on this machine." in text.splitlines()[0]
    assert "A/A check passed" in text and "muxlab bench --profile quick --seed 7" in text
    rows = [line for line in text.splitlines() if line.startswith("| idle[")]
    assert len(rows) == 3 and "**" in rows[0] and rows[-1].split(" | ")[1] == "-"
    assert len(text.splitlines()) < 40


@pytest.mark.usefixtures("blank")
def test_an_a_a_alarm_is_a_banner_that_says_what_to_do(tmp_path: Path) -> None:
    costs = dict(COSTS_US, **{"asyncio-again": 30.0})
    files = small(tmp_path, costs_us=costs, rounds=9)
    text = outline(files).text
    assert "This run is not to be trusted" in text and "--rounds" in text
    assert "not to be trusted" in files.summary.read_text("utf-8").splitlines()[2]


@pytest.mark.usefixtures("blank")
def test_an_interrupted_run_says_how_far_it_came(tmp_path: Path) -> None:
    files = small(tmp_path, keep_samples=20, status="interrupted")
    assert "ended early, after 20 of 36 samples" in outline(files).text
    assert "--resume" in files.summary.read_text("utf-8")


def test_nothing_in_a_run_can_become_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>&\"'$|{{ 7*7 }}"
    subjects = (SubjectRecord(evil, "custom", evil), *SUBJECTS)
    scenario = dataclasses.replace(echo(), id=f"a[{evil}]", workload=evil, title=evil, labels=(evil,))
    run = SyntheticRun(subjects=subjects, scenarios=(scenario,), rounds=3).build()
    bad = dataclasses.replace(run.samples[-1], status="failed", reason=evil, stderr_tail=evil)
    write_folder(dataclasses.replace(run, folder=tmp_path, samples=(*run.samples[:-1], bad)))
    found = outline(write_report(tmp_path))
    assert "script" not in found.tags
    assert evil in found.text


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"keep_samples": 0}, id="no samples"),
        pytest.param({"keep_samples": 5}, id="warm-ups only"),
        pytest.param({"rounds": 1, "subjects": SUBJECTS[2:4]}, id="one round"),
        pytest.param({"subjects": SUBJECTS[2:3]}, id="one subject"),
        pytest.param({"subjects": SUBJECTS[7:8]}, id="the floor alone"),
        pytest.param({"subjects": SUBJECTS[5:7]}, id="no backend"),
        pytest.param({"subjects": SUBJECTS[:5]}, id="no control and no floor"),
        pytest.param({"scenarios": ()}, id="no scenario"),
        pytest.param({"subjects": ()}, id="no subject"),
        pytest.param({"scenarios": (idle(0), idle(100)), "subjects": SUBJECTS[2:4]}, id="an axis from zero"),
        pytest.param(
            {"subjects": (SubjectRecord("a.very.long.package.name:" + "f" * 80, "custom", "x"),)},
            id="long names",
        ),
    ],
)
def test_a_thin_run_still_gets_a_whole_report(tmp_path: Path, changes: dict[str, object]) -> None:
    files = small(tmp_path, **changes)
    found = outline(files)
    assert set(found.ids) >= SECTIONS
    assert files.summary.read_text("utf-8").startswith("# ")


def test_a_run_of_failures_shows_reasons_and_standard_error(tmp_path: Path) -> None:
    run = SyntheticRun(scenarios=(echo(),), rounds=2).build()
    trouble = {
        "status": "failed",
        "reason": "expected a reply, got silence",
        "stderr_tail": "Traceback: boom",
    }
    samples = tuple(dataclasses.replace(each, **trouble, operations=0) for each in run.samples)
    write_folder(dataclasses.replace(run, folder=tmp_path, samples=samples))
    text = outline(write_report(tmp_path)).text
    assert "All 27 samples of this run failed, so there is nothing to judge." in text
    assert "expected a reply, got silence" in text and "Traceback: boom" in text


@pytest.mark.usefixtures("blank")
def test_nan_in_a_sample_harms_only_that_sample(tmp_path: Path) -> None:
    run = SyntheticRun(scenarios=(echo(),), rounds=3).build()
    odd = dataclasses.replace(run.samples[-1], cpu_user_s=math.nan, window_s=0.0)
    write_folder(dataclasses.replace(run, folder=tmp_path, samples=(*run.samples[:-1], odd)))
    text = outline(write_report(tmp_path)).text
    assert f"samples.jsonl, line {len(run.samples)}, is damaged and was left out" in text
    assert f"{len(run.samples) - 1} samples were taken" in text


@pytest.mark.usefixtures("blank")
def test_many_scenarios_are_all_in_the_tables_and_few_in_the_pictures(tmp_path: Path) -> None:
    scenarios = tuple(echo(connections) for connections in range(1, 46))
    files = small(tmp_path, scenarios=scenarios, subjects=SUBJECTS[5:6], rounds=1)
    page = files.html.read_text("utf-8")
    assert page.count('<span class="whole">echo-sockets</span><wbr>[connections=') >= 45
    assert "40 of 45 scenarios are shown" in page
    assert len(files.figures) == 4
