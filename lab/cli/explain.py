"""``muxlab explain``: one screen on a readiness mechanism, with this machine's own figures."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.invocation import as_started, program
from lab.errors import LabError
from lab.results import read_run

if TYPE_CHECKING:
    from reports.analysis.cells import Cell
    from reports.analysis.judgement import Judgement
    from reports.analysis.scaling import Curve, Scaling

WIDTH = 100
"""Columns at most: longer lines are hard to read."""

WAITS_IN = {
    "asyncio": "Waits in the standard library's `selectors.DefaultSelector`, the best of the selectors-* "
    "backends, and changes the interest set for every wait.",
    "uvloop": "Waits in libuv, in C: on Linux in epoll, on macOS and the BSDs in kqueue.",
    "floor": "Waits in the bare system call: epoll where there is one, else kqueue, else poll.",
}
"""Who is measured beside the mini-loop, and has no backend of ours."""


@click.command(short_help="Explain a readiness mechanism, with this machine's own figures.")
@click.argument("backend", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="Tell every fact that is known, not only the main ones."
)
def explain(backend: str | None, everything: bool) -> None:
    """Explain BACKEND on one screen: what it asks the kernel, what that costs, its limits, level or edge.

    The text is the one that opens the backend's file; the figures are those of the newest run under runs/.
    Any name of `muxlab backends` will do, whether it can run here or not.
    """
    from lab.harness import subjects

    if backend is None:
        raise click.UsageError(as_started("expected a BACKEND, got none: `muxlab backends` lists them"))
    record, reason = subjects.describe(backend), subjects.unavailable(backend)
    lines = _mechanism(backend, everything) or [f"{backend}: {record.label}", *_waits_in(backend)]
    lines += ["", f"Here: {'yes' if reason is None else f'no: {reason}'}", ""]
    _show([*lines, *_figures(backend, reason is None)])


def _mechanism(name: str, everything: bool) -> list[str]:
    """The facts of the subject's backend; nothing if it has none of ours."""
    from backends import registry
    from backends.facts import facts

    mechanism = name.partition("+")[0]
    if mechanism not in registry.names():
        return []
    told = facts(mechanism)
    lines = [f"{name}: {told.headline}", ""]
    lines += [f"{word:8}  {text}" for word, text in told.short.items()]
    if everything:
        for heading, bullets in told.sections.items():
            lines += ["", heading, *(f"- {bullet}" for bullet in bullets)]
    else:
        lines += ["", f"All the facts, with sources: `{program()} explain {name} --all`"]
    return lines


def _waits_in(name: str) -> list[str]:
    return [WAITS_IN[name]] if name in WAITS_IN else []


def _figures(name: str, available: bool) -> list[str]:
    """What the newest run found about the subject, or that there is nothing and how to get it."""
    from lab.harness import folders

    try:
        folder = folders.newest()
        run = read_run(folder)
    except LabError as error:
        return [as_started(f"No figures: {error}")]
    from reports.analysis.judgement import judge
    from reports.analysis.standing import standing

    judgement = judge(run)
    found = standing(judgement, name)
    if not any(cell.cost for cell in found.cells):
        why = next((f": {cell.missing}" for cell in found.cells if cell.missing), "")
        way = f". `{program()} bench --backend {name}` takes some" if available and not why else ""
        return [f"The newest run, {folder}, has no figures of it{why}{way}"]
    return [
        _heading(judgement, folder),
        *map(_cell, found.cells),
        *(_growth(*each) for each in found.growths),
    ]


def _heading(judgement: Judgement, folder: Path) -> str:
    from reports.analysis.noise import Trust

    profile = judgement.run.record.profile
    doubt = (
        " That run is not to be trusted: its A/A pair differs."
        if judgement.noise.trust is Trust.DIFFERS
        else ""
    )
    return f"On this machine, by the newest run ({folder}, profile {profile}), in CPU of the server:{doubt}"


def _cell(cell: Cell) -> str:
    from reports.pages import phrases

    if not cell.cost:
        return f"- {cell.scenario.title}: not measured: {cell.missing}"
    found, beside = cell.to_control, ""
    if found and found.ratio and found.reference != cell.subject.name:
        ratio, interval = phrases.times(found.ratio.value), phrases.interval(found.ratio)
        beside = f", {ratio} {found.reference}'s ({interval})"
    return f"- {cell.scenario.title}: {phrases.number(cell.cost.value)} us per {cell.scenario.unit}{beside}"


def _growth(scaling: Scaling, curve: Curve) -> str:
    from reports.pages import growth, phrases

    line, end, told = curve.line, curve.ends, []
    if line:
        added_ns = phrases.number(line.each_us.value * 1e3)
        told.append(f"{added_ns} ns from {line.first:,} to {line.last:,}, {growth.verdict(line)}")
    if end:
        told.append(f"not at {end[0]:,}: {end[1]}")
    return f"- Each further {growth.noun(scaling.axis)} ({scaling.title}): {'; '.join(told)}"


def _show(lines: list[str]) -> None:
    from lab.cli.terminal import console

    out = console(sys.stdout)
    width = min(out.width, WIDTH)
    for line in lines:
        hang = 10 if line[8:10] == "  " else 2 if line.startswith("- ") else 0
        wrapped = textwrap.wrap(
            line, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
        )
        out.print("\n".join(wrapped), soft_wrap=True)
