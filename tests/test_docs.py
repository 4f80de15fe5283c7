"""What the documents say of the tree is true: links, paths, names, tables that repeat the code, glossary."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import loop
from lab.harness.planning.profiles import PROFILES
from lab.workloads.contract import ServedWorkload
from lab.workloads.registry import WORKLOADS
from tests.codebase import ROOT
from tests.test_architecture import MAY_IMPORT

DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
TOP = {"backends", "lab", "reports", "tests", "docs", ".ci", ".github"}
"""A name in backticks that begins with one of these folders is a path."""

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
ENTRY = re.compile(r"^- \*\*(.+?)\*\*: ", re.MULTILINE)

WORDS = """
    readiness, interest set, event mask, level-triggered, edge-triggered, backend, contract, loop, turn,
    ready queue, handle, timer, future, task, transport, protocol, subject, control, twin, floor, noise floor,
    workload, scenario, operation, closed-loop, open-loop, coordinated omission, client-limited, window,
    warm-up, cell, sample, round, run, profile, seed
"""
"""What a reader of a report or of the code meets, and must find in the glossary."""


def prose(document: Path) -> str:
    """A document without its code blocks."""
    return FENCE.sub("", document.read_text("utf-8"))


def section(document: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    text = (ROOT / document).read_text("utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^#{{1,2}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{document} has no section {heading!r}"
    return found[2]


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    lines = [line for line in section(document, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def anchors(document: Path) -> set[str]:
    """What its headings can be linked by, as GitHub forms it."""
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(prose(document)))
    return {title.replace(" ", "-") for title in plain}


def broken_links(document: Path) -> Iterator[str]:
    for target in LINK.findall(prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def unknown_names(document: Path) -> Iterator[str]:
    for name in CODE.findall(prose(document)):
        path, _, inside = name.partition("::")
        if "/" not in path or path.split("/")[0] not in TOP or re.search(r"[<>*{}\s]", name):
            continue
        file = ROOT / path
        if not file.exists() or (inside and definition(file, inside) is None):
            yield name


def definition(file: Path, dotted: str) -> ast.AST | None:
    """The class or function called ``Class.method`` in a source file."""
    node: ast.AST = ast.parse(file.read_text("utf-8"))
    for part in dotted.split("."):
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        inner = (each for each in ast.iter_child_nodes(node) if isinstance(each, kinds) and each.name == part)
        found = next(inner, None)
        if found is None:
            return None
        node = found
    return node


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_and_function_that_is_named_exists(document: Path) -> None:
    assert list(unknown_names(document)) == []


def test_every_word_has_one_entry_in_the_glossary() -> None:
    entries = Counter(ENTRY.findall(section("docs/method.md", "Glossary")))
    assert [word for word, count in entries.items() if count > 1] == []
    wanted = {" ".join(word.split()) for word in WORDS.split(",")}
    assert wanted - set(entries) == set()


def test_the_tower_is_told_in_its_reading_order() -> None:
    told = rows("docs/architecture.md", "The tower of the loop")
    assert tuple(row[0].strip("`") for row in told) == loop.READING_ORDER
    for chapter, storey, _ in told:
        file = ROOT / "lab" / "loop" / f"{chapter.strip('`')}.py"
        assert not storey or definition(file, storey.strip("`")), f"{file.name} has no {storey}"


def test_each_of_the_seven_steps_is_marked_where_the_table_says() -> None:
    told = rows("docs/architecture.md", "The seven steps of one `recv`")
    assert [int(row[0]) for row in told] == [1, 2, 3, 4, 5, 6, 7]
    for number, _, place in told:
        path, _, inside = place.strip("`").partition("::")
        found = definition(ROOT / path, inside)
        assert found is not None
        source = ast.get_source_segment((ROOT / path).read_text("utf-8"), found) or ""
        assert f"Step {number} of 7" in source, place


def test_the_table_of_imports_is_the_one_that_is_enforced() -> None:
    told = {
        room.strip("`"): tuple(CODE.findall(may))
        for room, may in rows("docs/architecture.md", "Who may import whom")
    }
    assert told == MAY_IMPORT


def test_the_table_of_profiles_holds_their_numbers() -> None:
    told = {row[0].strip("`"): row[1:5] for row in rows("docs/method.md", "A run")}
    assert told == {
        name: [str(each.rounds), str(each.warmup_rounds), f"{each.window_s:g} s", f"{each.warmup_s:g} s"]
        for name, each in PROFILES.items()
    }


def test_the_table_of_workloads_with_a_server_has_every_one_and_no_other() -> None:
    told = [
        name for row in rows("docs/method.md", "The workloads with a server") for name in CODE.findall(row[0])
    ]
    served = [name for name, work in WORKLOADS.items() if isinstance(work, ServedWorkload)]
    assert [name for name in served if not any(fnmatch.fnmatch(name, each) for each in told)] == []
    assert [each for each in told if not fnmatch.filter(served, each)] == []
