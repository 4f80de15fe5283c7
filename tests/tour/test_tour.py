"""The tour keeps its word: its programs print what both pages say, and both pages say the same."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import loop
from tests.codebase import ROOT
from tests.test_docs import definition, rows

TOUR = ROOT / "docs" / "tour"
PROGRAMS = sorted(TOUR.glob("*.py"))
MAX_LINES = 60

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\$ (?:PYTHONPATH=(?P<path>\S+) )?python3 docs/tour/(?P<program>\w+\.py)")
CHAPTER = re.compile(r"^\| \[`(\w+)`\]\(\.\./\.\./lab/loop/(\w+)\.py\) \|", re.MULTILINE)
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Section:
    """What stands under one heading of the second level; the text before the first one has no heading."""

    text: str

    @property
    def code(self) -> list[str]:
        """The pieces of programs that it shows."""
        return [text for language, text in BLOCK.findall(self.text) if language == "python"]

    @property
    def sessions(self) -> list[tuple[str, str]]:
        """Each command line that it shows, with the output under it."""
        shown = [text for language, text in BLOCK.findall(self.text) if language == "console"]
        return [(first, output) for first, _, output in (text.partition("\n") for text in shown)]

    @property
    def program(self) -> Path | None:
        """The program that its command line starts."""
        commands = [COMMAND.fullmatch(command) for command, _ in self.sessions]
        return TOUR / commands[0]["program"] if commands and commands[0] else None

    @property
    def names(self) -> list[list[str]]:
        """For each row of its tables, the paths and pieces of output in it: what no translation changes."""
        named = [CODE.findall(row) for row in ROW.findall(BLOCK.sub("", self.text))]
        return [[name for name in names if "/" in name or ":" in name] for names in named]


def sections(page: Path) -> list[Section]:
    return [Section(text) for text in re.split(r"^(?=## )", page.read_text("utf-8"), flags=re.MULTILINE)]


ENGLISH, KOREAN = PAGES = (TOUR / "README.md", TOUR / "README.ko.md")
on_both_pages = pytest.mark.parametrize("page", PAGES, ids=("english", "korean"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_both_pages_say(program: Path) -> None:
    quoted = [session for page in PAGES for part in sections(page) for session in part.sessions]
    sessions = [(command, output) for command, output in quoted if command.endswith(f"/{program.name}")]
    command = COMMAND.fullmatch(sessions[0][0])
    assert command, f"{sessions[0][0]!r} is no command that starts a program of the tour"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", f"docs/tour/{command['program']}"],
        cwd=ROOT,
        env={"PYTHONPATH": command["path"] or "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    assert (ran.stderr, ran.returncode) == ("", 0)
    assert [output for _, output in sessions] == [ran.stdout] * len(PAGES)


@on_both_pages
def test_every_program_has_a_section_in_its_order(page: Path) -> None:
    assert 6 <= len(PROGRAMS) <= 8
    assert [part.program for part in sections(page) if part.sessions] == PROGRAMS


@on_both_pages
def test_code_on_a_page_stands_in_the_program_of_its_section(page: Path) -> None:
    parts = [part for part in sections(page) if part.code]
    assert len(parts) == len(PROGRAMS)
    for part in parts:
        assert part.program is not None
        source = part.program.read_text("utf-8")
        assert [code for code in part.code if code not in source] == [], part.program.name


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_is_short_and_says_what_it_shows(program: Path) -> None:
    source = program.read_text("utf-8")
    assert len(source.splitlines()) <= MAX_LINES
    number = PROGRAMS.index(program) + 1
    assert (ast.get_docstring(ast.parse(source)) or "").startswith(f"{number}. ")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_uses_only_what_the_reader_has_met(program: Path) -> None:
    earlier = {path.stem for path in PROGRAMS[: PROGRAMS.index(program)]}
    known = (sys.stdlib_module_names - {"asyncio"}) | earlier
    if program == PROGRAMS[-1]:
        known |= {"backends"}
    tree = ast.parse(program.read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported - known == set()


def test_both_languages_have_the_same_sections_programs_and_tables() -> None:
    english, korean = sections(ENGLISH), sections(KOREAN)
    assert len(english) == len(korean)
    for ours, theirs in zip(english, korean, strict=True):
        heading = ours.text.partition("\n")[0]
        assert (ours.code, ours.sessions) == (theirs.code, theirs.sessions), heading
        assert ours.names == theirs.names, heading


@on_both_pages
def test_the_chapters_of_the_loop_are_told_in_their_reading_order(page: Path) -> None:
    chapters = CHAPTER.findall(page.read_text("utf-8"))
    assert all(name == file for name, file in chapters)
    assert tuple(name for name, _ in chapters) == loop.READING_ORDER


def steps(page: Path) -> list[list[str]]:
    """The rows of the table of the seven steps, without its head: number, what, printed, tour, loop."""
    found = [part for part in sections(page) if "`lab/loop/readiness.py::Readiness.fire`" in part.text]
    assert len(found) == 1
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in ROW.findall(found[0].text)][2:]


@on_both_pages
def test_the_seven_steps_are_those_of_the_architecture(page: Path) -> None:
    told = rows("docs/architecture.md", "The seven steps of one `recv`")
    assert [(row[0], row[-1]) for row in steps(page)] == [(row[0], row[-1]) for row in told]


@on_both_pages
def test_each_step_has_its_place_in_the_tour_and_what_it_printed(page: Path) -> None:
    printed = next(part.sessions[0][1] for part in sections(page) if part.program == PROGRAMS[6])
    seen = 0
    for _, _, line, place, _ in steps(page):
        file, _, inside = place.strip("`").partition("::")
        assert definition(TOUR / file, inside) is not None, place
        where = printed.find(line.strip("`"), seen)
        assert where >= seen, f"{line} is not printed, or not in its order"
        seen = where
