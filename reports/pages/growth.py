"""How cost grows with the descriptors, in words and tables: for the page and the summary alike.

Rule: every figure for each descriptor stands with its interval, here or in the table; "does not grow" is said
of a number that is shown.
"""

from __future__ import annotations

from collections.abc import Callable

from reports.analysis.judgement import Judgement
from reports.analysis.line import Line
from reports.analysis.scaling import Curve, Scaling, main_scalings, scalings
from reports.pages.phrases import brief, called, listed, number, percent, plural
from reports.pages.subject_table import SubjectTable

NOUNS = {"idle": "idle connection"}
"""What one more along an axis is, where it is not simply the axis without its plural."""

FAMILIES_AT_MOST = 6
"""As many as are drawn."""

LITTLE = 0.1
"""Of what the one that pays most pays: who pays no more is summed up with those who pay nothing."""
FEWEST_SUMMED_UP = 3


def sentences(judgement: Judgement) -> list[str]:
    """One a workload: who pays for each descriptor and how much, who does not, who ends."""
    return _one_each(judgement, _adding)


def pointers(judgement: Judgement) -> list[str]:
    """The same without how much, and a pointer to `markdown_table`, which is to follow."""
    said = _one_each(judgement, _changing)
    changing = any(map(_changing, main_scalings(judgement)))
    return [*said, "By how much, a table below says."] if changing else said


def _one_each(judgement: Judgement, cost: Callable[[Scaling], list[str]]) -> list[str]:
    """A sentence a workload: what ``cost`` says of it, and who ends."""
    said = []
    for family in main_scalings(judgement):
        if parts := [*cost(family), *_ending(family)]:
            span = f"From {family.values[0]:,} to {family.values[-1]:,} {axis_name(family.axis)}"
            said.append(f"{span} ({family.workload}): {'; '.join(parts)}.")
    return said


def _changing(family: Scaling) -> list[str]:
    """``the cost grows on poll, not beyond noise on the 3 others``."""
    paying, others = _parted(family)
    far = "hardly" if any(_tilted(line) for _, line in others) else "not beyond noise"
    if others and not paying:
        how = "hardly grows" if far == "hardly" else "does not grow beyond noise"
        return [f"the cost {how} on {_together(others, paying)}"]
    said = []
    if grows := listed(name for name, line in paying if line.grows):
        said.append(f"grows on {grows}")
    if falls := listed(name for name, line in paying if line.falls):
        said.append(f"falls on {falls}")
    if others:
        said.append(f"{far} on {_together(others, paying)}")
    return [f"the cost {', '.join(said)}"] if said else []


def _adding(family: Scaling) -> list[str]:
    """``each further pair adds 11 ns (10 to 12) on poll, nothing beyond noise on the 3 others (intervals
    within 0.2 ns)``: who pays by name, the others summed up, since the table has them all."""
    paying, others = _parted(family)
    if not (paying or others):
        return []
    said = [_named(paying)] if paying else []
    if others:
        said.append(_summed_up(others, _together(others, paying)))
    return [f"each further {noun(family.axis)} adds {', '.join(said)}"]


def _parted(family: Scaling) -> tuple[list[tuple[str, Line]], list[tuple[str, Line]]]:
    """Who pays for descriptors, who pays most first; and all others whose line can be told."""
    lines = [(called(curve.subject), curve.line) for curve in family.curves if curve.line]
    lines = sorted((each for each in lines if each[1].measurable), key=lambda each: -_size(each[1]))
    most = LITTLE * _size(lines[0][1]) if lines else 0.0
    paying = [each for each in lines if _tilted(each[1]) and _size(each[1]) > most]
    return paying, [each for each in lines if each not in paying]


def _together(others: list[tuple[str, Line]], paying: list[tuple[str, Line]]) -> str:
    """``epoll and uvloop``; three and more are ``the 6 others``, or ``all 7`` where nobody is named."""
    if len(others) < FEWEST_SUMMED_UP:
        return listed(name for name, _ in others)
    return f"the {len(others)} others" if paying else f"all {len(others)}"


def _named(lines: list[tuple[str, Line]]) -> str:
    """``11 ns (10 to 12) on poll``."""
    return listed(f"{_ns(line)} ns ({_interval(line)}) on {name}" for name, line in lines)


def _summed_up(others: list[tuple[str, Line]], together: str) -> str:
    """``nothing beyond noise on epoll (-0.01 to 0.02 ns)``, ``at most 0.07 ns on the 6 others``.

    What is said of all is what their intervals allow, not the figures that came out: those are no bounds.
    """
    most = brief(max(max(abs(line.each_us.low), abs(line.each_us.high)) for _, line in others) * 1e3)
    few = len(others) < FEWEST_SUMMED_UP
    if any(_tilted(line) for _, line in others):
        return _named(others) if few else f"at most {most} ns, by the intervals, on {together}"
    if few:
        return f"nothing beyond noise on {listed(f'{name} ({_interval(line)} ns)' for name, line in others)}"
    return f"nothing beyond noise on {together} (intervals within {most} ns)"


def _tilted(line: Line) -> bool:
    return line.grows or line.falls


def _size(line: Line) -> float:
    return abs(line.each_us.value)


def _ending(family: Scaling) -> list[str]:
    return [f"{called(c.subject)} cannot run {c.ends[0]:,}" for c in family.curves if c.points and c.ends]


def tables(judgement: Judgement) -> list[SubjectTable]:
    """A table a family, for the page."""
    families = [family for family in scalings(judgement) if any(curve.line for curve in family.curves)]
    return [_table(family) for family in families[:FAMILIES_AT_MOST]]


def markdown_table(judgement: Judgement) -> str:
    """One table for all workloads, for the summary; empty where nothing was scaled."""
    families = [family for family in main_scalings(judgement) if any(curve.line for curve in family.curves)]
    names = dict.fromkeys(c.subject.name for family in families for c in family.curves if c.line)
    if not names:
        return ""
    heads = [f"{family.workload}: each further {noun(family.axis)}, ns" for family in families]
    rows = ["| subject | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    for name in names:
        lines = [next((c.line for c in f.curves if c.subject.name == name), None) for f in families]
        cells = [f"{_ns(line)} ({_interval(line)})" if line else "-" for line in lines]
        rows.append(f"| {name.replace('|', '&#124;').replace('<', '&lt;')} | " + " | ".join(cells) + " |")
    return "Server CPU that each further descriptor adds to an operation (interval):\n\n" + "\n".join(rows)


def noun(axis: str) -> str:
    """``idle connection``, ``pair``, ``connection``."""
    return NOUNS.get(axis, axis.removesuffix("s"))


def axis_name(axis: str) -> str:
    """``idle connections``, ``pairs``, ``connections``."""
    return plural(noun(axis))


def _table(family: Scaling) -> SubjectTable:
    fixed = ", ".join([f"{name} {value:,}" for name, value in family.fixed.items()] + _state(family))
    each = f"each further {noun(family.axis)}, ns"
    return SubjectTable(
        title=family.workload + (f" ({fixed})" if fixed else ""),
        headings=(f"fixed, µs per {family.unit}", each, "over the axis", "verdict", "off the line, at most"),
        rows=tuple((c.subject.name, _cells(c, c.line)) for c in family.curves if c.line),
    )


def _state(family: Scaling) -> list[str]:
    """The allocator's state, where it is not the usual one."""
    return ["fresh allocator"] if family.allocator == "fresh" else []


def _cells(curve: Curve, line: Line) -> tuple[tuple[str, str], ...]:
    return (
        (number(line.fixed_us.value), ""),
        (_ns(line), _interval(line)),
        (f"{line.rise * 100:+,.0f} %", f"{line.first:,} to {line.last:,}"),
        (verdict(line), ""),
        (
            percent(line.misfit) if len(curve.points) > 2 else "-",
            "" if len(curve.points) > 2 else "two points",
        ),
    )


def verdict(line: Line) -> str:
    """``grows``, ``falls``, ``does not grow beyond noise`` or ``not measurable here``."""
    if not line.measurable:
        return "not measurable here"
    return "grows" if line.grows else "falls" if line.falls else "does not grow beyond noise"


def _ns(line: Line) -> str:
    return brief(line.each_us.value * 1e3)


def _interval(line: Line) -> str:
    if not line.each_us.has_interval:
        return "one round, no interval"
    return f"{brief(line.each_us.low * 1e3)} to {brief(line.each_us.high * 1e3)}"
