"""Somebody's own program as a workload: its scenario, and a coroutine function that is none."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.results import ProgramRecord, ScenarioRecord, from_json, to_json
from lab.workloads.http_replies import checked_path
from lab.workloads.own_program import checked_place
from lab.workloads.registry import workload


def scenario(text: str, path: str = "/", **values: int) -> ScenarioRecord:
    return workload("", ProgramRecord("command", text, path)).scenario(**values)


def test_a_scenario_names_the_program_without_what_differs_from_subject_to_subject() -> None:
    planned = scenario("uvicorn --workers 2 app:app --loop {loop} --port={port} --host {host}", "/items")
    assert planned.title == "uvicorn --workers 2 app:app, GET /items, 64 connections"
    assert planned.work == "your program: uvicorn --workers 2 app:app"
    assert (planned.workload, planned.unit, planned.load) == ("serve", "request", "closed")


def test_a_scenario_is_told_from_others_by_its_program_its_path_and_its_values() -> None:
    ids = [
        scenario(text, path, connections=connections).id
        for text in ("a {port}", "b {port}")
        for path in ("/", "/x")
        for connections in (1, 2)
    ]
    assert len(set(ids)) == 8
    assert ids[0].startswith("serve[connections=1,get=/,program=")


def test_a_scenario_keeps_its_program_when_it_is_stored() -> None:
    planned = scenario("server {port}")
    assert from_json(ScenarioRecord, to_json(planned)) == planned
    assert planned.program == ProgramRecord("command", "server {port}", "/", "same")


@pytest.mark.parametrize("path", ["items", "", "/a b", "/\u00fc", "/a\r\nHost: x"])
def test_a_path_that_cannot_stand_in_a_request_is_refused(path: str) -> None:
    with pytest.raises(LabError, match="expected a path such as"):
        checked_path(path)


@pytest.mark.parametrize("place", ["app", "app:", ":serve", "a-b:serve", "app:serve()"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(LabError, match="expected module:coroutine in --app"):
        checked_place(place)
    assert checked_place("package.app:factory.serve") == "package.app:factory.serve"


@pytest.fixture
def somebodys_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """``somebodys.py`` in the current directory, which is not on the path yet."""
    (tmp_path / "somebodys.py").write_text(
        "served = []\n"
        "async def serve(listener): served.append(listener)\n"
        "async def without(): pass\n"
        "def plain(listener): return 5\n"
        "number = 5\n"
    )
    (tmp_path / "lacking.py").write_text("import no_such_thing\n")
    monkeypatch.setattr("sys.path", ["/elsewhere"])
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("somebodys", None)


async def serve(place: str, listener: socket.socket) -> None:
    await workload("", ProgramRecord("coroutine", place, "/")).serve(listener)


def test_the_coroutine_is_given_the_listener(somebodys_module: None) -> None:
    with socket.socket() as listener:
        with pytest.raises(
            LabError, match="expected somebodys:serve to serve until it is cancelled, but it ret"
        ):
            asyncio.run(serve("somebodys:serve", listener))
        import somebodys

        assert somebodys.served == [listener]


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("nobodys:serve", "expected to find the module nobodys from .*, got: No module named"),
        ("somebodys:nothing", "expected to find somebodys:nothing, got: module"),
        ("somebodys:number", "expected somebodys:number to be a coroutine function, got 5"),
        ("somebodys:without", "the listening socket, as in .*, but it is without\\(\\): too many positional"),
        ("somebodys:plain", "async def serve.listener., but a call of it returned int"),
    ],
)
def test_what_is_no_coroutine_function_is_told(somebodys_module: None, place: str, complaint: str) -> None:
    with socket.socket() as listener, pytest.raises(LabError, match=complaint):
        asyncio.run(serve(place, listener))


def test_a_module_that_lacks_another_shows_where(somebodys_module: None) -> None:
    with socket.socket() as listener, pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        asyncio.run(serve("lacking:serve", listener))
