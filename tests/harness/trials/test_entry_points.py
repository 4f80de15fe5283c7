"""Loops that installed packages advertise: found, tried like any other, harmless where they are broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.app import muxlab
from lab.errors import LabError, UnknownNameError
from lab.harness import subjects
from lab.harness.trials import entry_points, trial
from lab.harness.trials.entry_points import Advertised
from lab.results import SubjectRecord

FACTORY = "import asyncio\n\n\ndef new_loop():\n    return asyncio.SelectorEventLoop()\n"


def package(folder: Path, name: str, points: str, version: str = "1.2") -> None:
    """A distribution as pip installs it, with these entry points."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[muxlab.subjects]\n{points}\n")


def read(folder: Path, *taken: str) -> list[Advertised]:
    return list(entry_points.read(taken, [str(folder)]))


def test_an_entry_point_says_its_name_its_place_and_its_package(tmp_path: Path) -> None:
    package(tmp_path, "fastloops", "quick = fastloops.core:Loops.new\nslow = fastloops:slow")
    assert read(tmp_path) == [
        Advertised("quick", "fastloops.core:Loops.new", "fastloops 1.2"),
        Advertised("slow", "fastloops:slow", "fastloops 1.2"),
    ]


def test_other_groups_are_none_of_ours(tmp_path: Path) -> None:
    package(tmp_path, "fastloops", "quick = fastloops:new\n\n[console_scripts]\nslow = fastloops:slow")
    assert [each.name for each in read(tmp_path)] == ["quick"]


def test_a_name_that_muxlab_has_is_refused_and_the_rest_stands(tmp_path: Path) -> None:
    package(tmp_path, "greedy", "epoll = greedy:new\nquick = greedy:new")
    clash, fine = read(tmp_path, "epoll")
    assert clash.refused == "the name belongs to muxlab itself; greedy:new can be selected by its place"
    assert (fine.name, fine.refused) == ("quick", None)


def test_of_two_packages_with_one_name_the_first_by_the_alphabet_has_it(tmp_path: Path) -> None:
    package(tmp_path, "zebra", "quick = zebra:new")
    package(tmp_path, "aardvark", "quick = aardvark:new")
    first, second = read(tmp_path)
    assert (first.origin, first.refused) == ("aardvark 1.2", None)
    assert str(second.refused).startswith("the name belongs to aardvark 1.2")


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("quick = fastloops", "expected module:factory, got 'fastloops'"),
        ("quick = fast loops:new", "expected module:factory, got 'fast loops:new'"),
        ("a,b = fastloops:new", "expected a name of letters"),
        ("my+loop = fastloops:new", "expected a name of letters"),
    ],
)
def test_an_entry_point_that_makes_no_sense_is_refused_with_its_reason(
    point: str, reason: str, tmp_path: Path
) -> None:
    package(tmp_path, "fastloops", point)
    (each,) = read(tmp_path)
    assert reason in str(each.refused)


def test_a_damaged_package_leaves_the_others_alone(tmp_path: Path) -> None:
    package(tmp_path, "broken", "this is no entry point\n[[[")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    package(tmp_path, "fastloops", "quick = fastloops:new")
    broken, fine = read(tmp_path)
    assert (fine.name, fine.refused) == ("quick", None)
    assert broken.origin == "broken 1.2"
    assert "its entry points cannot be read" in str(broken.refused)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that can be imported and are found."""
    package(
        tmp_path,
        "fastloops",
        "quick = fastloops_for_tests:new_loop\ngone = fastloops_for_tests:no_such\n"
        "crashed = crashing_for_tests:new\nepoll = fastloops_for_tests:new_loop",
    )
    (tmp_path / "fastloops_for_tests.py").write_text(FACTORY)
    (tmp_path / "crashing_for_tests.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    caches = (subjects.advertised, subjects.unavailable, subjects._examined)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    sys.modules.pop("fastloops_for_tests", None)
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("installed")
def test_an_advertised_loop_is_a_subject_that_runs() -> None:
    assert subjects.describe("quick") == SubjectRecord(
        "quick",
        "custom",
        "fastloops 1.2, fastloops_for_tests:new_loop",
        place="fastloops_for_tests:new_loop",
    )
    assert "quick" in subjects.names()
    assert (subjects.unavailable("quick"), subjects.nonconforming("quick")) == (None, None)
    loop = subjects.factory("quick")()
    loop.close()


@pytest.mark.usefixtures("installed")
def test_an_advertised_loop_that_cannot_be_made_says_why() -> None:
    assert "no_such" in str(subjects.unavailable("gone"))
    assert "ended early, with exit status 3" in str(subjects.unavailable("crashed"))


@pytest.mark.usefixtures("installed")
def test_the_lab_keeps_its_own_names() -> None:
    assert subjects.describe("epoll").kind == "mini-loop"


def test_an_entry_point_that_cannot_be_used_is_no_unknown_name(installed: Path) -> None:
    package(installed, "nonsense", "odd = nowhere")
    subjects.advertised.cache_clear()
    with pytest.raises(LabError, match=r"nonsense 1\.2 advertises 'odd', which cannot be used"):
        subjects.describe("odd")
    with pytest.raises(UnknownNameError, match="Did you mean 'quick'"):
        subjects.describe("quik")


@pytest.mark.usefixtures("installed")
def test_the_list_of_backends_says_where_they_come_from_and_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subjects, "_examined", lambda _name: trial.Examination())
    result = CliRunner().invoke(muxlab, ["backends"], prog_name="muxlab")
    assert result.exit_code == 0
    listed = " ".join(result.output.split())
    assert "fastloops 1.2, fastloops_for_tests:new_loop" in listed
    assert "Left out: epoll, which fastloops 1.2 advertises: the name belongs to muxlab itself" in listed
