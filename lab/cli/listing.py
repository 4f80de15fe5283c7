"""``muxlab backends`` and ``muxlab workloads``: what there is to choose from."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 160
"""Columns from which on a table of the subjects has room for every word."""

Row = tuple[str, str, str, str, str]
"""A subject: its name, trigger, whether it is here, what it is, its limits."""


@click.command(short_help="List what can be measured, and what cannot be here and why.")
def backends() -> None:
    """List every subject for --backend: what it is, whether it can run here, its limits.

    The mini-loop's names are its backends; the others are for comparison.
    """
    from lab.cli.terminal import console
    from lab.harness import subjects

    rows, variants = [], []
    for name in subjects.names():
        if "+" in name:
            variants.append(name)
            continue
        record, reason = subjects.describe(name), subjects.unavailable(name)
        here = "yes" if reason is None else f"no: {reason}"
        if strange := subjects.nonconforming(name):
            here = f"with --nonconforming only: {strange}"
        rows.append((name, record.trigger or "", here, *_what_and_limits(name, record.label)))
    out = console(sys.stdout)
    (_as_table if out.width >= WIDE else _as_list)(out, rows)
    if variants:
        out.print(f"\nWith tasks and futures in pure Python: {', '.join(variants)}", soft_wrap=True)
    for each in subjects.advertised():
        if each.refused:
            out.print(
                f"Left out: {each.name}, which {each.origin} advertises: {each.refused}", soft_wrap=True
            )
    out.print(
        "Any other asyncio loop: module:factory, such as mypackage.loops:new_event_loop", soft_wrap=True
    )


@click.command(short_help="List the workloads and their parameters.")
def workloads() -> None:
    """List every workload: the question it answers, and its parameters for --set."""
    from lab.cli.terminal import console
    from lab.harness.planning.rates import can_be_offered
    from lab.harness.planning.selection import connections_parameter
    from lab.workloads.registry import WORKLOADS

    out = console(sys.stdout)
    for workload in WORKLOADS.values():
        out.print(f"{workload.name}: {workload.title}", style="bold", soft_wrap=True)
        out.print(f"  {workload.question}", soft_wrap=True)
        rate = ", or at a rate (--rate)" if can_be_offered(workload) else ""
        out.print(f"  Counts one {workload.unit}; load: {workload.load}{rate}.")
        for each in workload.parameters:
            most = f" to {each.maximum:,}" if each.maximum is not None else " or more"
            bounds = f"default {each.default:,}, {each.minimum:,}{most}"
            also = {connections_parameter(workload): " (--connections)", "size": " (--size)"}.get(
                each.name, ""
            )
            out.print(f"  --set {workload.name}.{each.name}=N{also}: {each.help}; {bounds}", soft_wrap=True)
        out.print()
    own = "muxlab bench --serve COMMAND, or --app MODULE:COROUTINE"
    out.print(f"A program of your own in place of these: {own}", soft_wrap=True)


def _as_table(out: Console, rows: Iterable[Row]) -> None:
    """A line for each subject, to look down a column, or to grep in a pipe."""
    from rich.table import Table

    table = Table("Name", "Trigger", "Here", "What it is", "Limits", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _as_list(out: Console, rows: Iterable[Row]) -> None:
    """A paragraph for each subject: columns would be narrower than the names in them, and cut these off."""
    from rich.padding import Padding

    for name, trigger, here, what, limits in rows:
        out.print(f"{name} ({trigger}): {here}" if trigger else f"{name}: {here}", style="bold")
        out.print(Padding(f"{what}; {limits}" if limits else what, (0, 0, 0, 2)))


def _what_and_limits(name: str, label: str) -> tuple[str, str]:
    """A subject in one sentence; for a backend, how many descriptors and how short a wait it can do."""
    from backends import registry

    if name not in registry.names():
        return label, ""
    backend = registry.backend_class(name)
    highest = backend.max_descriptor
    if registry.unavailable(name) is None:
        with registry.open_backend(name) as opened:
            highest = opened.max_descriptor
    descriptors = "process limit" if highest is None else f"descriptors to {highest:,}"
    summary = " ".join((backend.__doc__ or "").partition("\n\n")[0].split()).rstrip(".")
    return f"{label}: {summary}", f"{descriptors}, waits to {backend.resolution * 1e3:g} ms"
