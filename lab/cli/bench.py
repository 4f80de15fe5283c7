"""``muxlab bench``: plan, measure, report."""

from __future__ import annotations

import contextlib
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from lab.cli import bench_options, offering, own_program
from lab.cli.ending import close, keep_in
from lab.cli.invocation import program
from lab.errors import LabError
from lab.results import Environment, ProgramRecord, Run, RunRecord, Sample, SyscallCount, read_run

if TYPE_CHECKING:
    from lab.harness.machine.cores import Cores
    from lab.harness.planning.selection import Selection
    from lab.harness.runner import Outcome


@dataclass(frozen=True)
class Instruments:
    """What measures; handed in through click's context, so that a whole run can be tried without one."""

    measure: Callable[..., Sample]
    count: Callable[..., SyscallCount] | None = None
    """None: with strace."""


@click.command(short_help="Measure, and write a report.")
@bench_options.what
@bench_options.how_long
@bench_options.parameters
@bench_options.own_program
@bench_options.which_run
@click.pass_context
def bench(context: click.Context, **options: Any) -> None:
    """Measure the chosen subjects under the chosen workloads, side by side, and write a report.

    Every run also measures asyncio twice, to see whether the lab agrees with itself, and the floor: the same
    server on bare system calls. Ctrl-C keeps what was measured and reports it.
    """
    from lab.harness.machine.limits import raise_descriptor_limit

    raise_descriptor_limit()
    with _signals_as_interrupts():
        if options["resume"] is not None:
            _refuse_other_options(context)
            code = _resumed(context, options["resume"])
        else:
            code = _new(context, options)
    context.exit(code)


def _new(context: click.Context, options: dict[str, Any]) -> int:
    from lab.harness import counting, folders, sampling
    from lab.harness.machine import checks, neighbours
    from lab.harness.planning import plan, profiles

    selection, cores = _with_cores(_selection(options))
    environment = _environment(selection.backends, cores, selection.programs)
    seed = options["seed"] if options["seed"] is not None else random.SystemRandom().randrange(2**32)
    warnings = (*checks.warnings(environment), *checks.crowding(cores))
    record = plan.build(selection, environment, id="", seed=seed, warnings=warnings)
    instruments = context.find_object(Instruments)
    measure = instruments.measure if instruments else sampling.take_sample
    own_program.rehearsed(record, cores, measure)
    record = offering.offered(record, selection, measure, cores)
    record = counting.decided(record, selection.syscalls, profiles.profile(record.profile).syscalls)
    with folders.new_folder(options["out"]) as folder, neighbours.counted() as others:
        keep_in(context, folder)
        record = replace(record, id=folder.resolve().name, warnings=(*record.warnings, *_beside(others)))
        _announce(record, folder)
        return close(_measure(context, record, folder))


def _resumed(context: click.Context, named: Path) -> int:
    from lab.cli.report import tell_damage
    from lab.harness import folders
    from lab.harness.machine import neighbours
    from lab.harness.machine.cores import choose_cores

    folder = folders.find(named)
    planned = read_run(folder).record
    cores = choose_cores(planned.load_processes)
    programs = [each.program for each in planned.scenarios if each.program]
    environment = _environment([subject.name for subject in planned.subjects], cores, programs)
    with folders.open_for_resuming(folder, environment) as run, neighbours.counted() as others:
        keep_in(context, folder)
        changes = folders.changes_since(run.record.environment, environment)
        record = replace(run.record, warnings=(*run.record.warnings, *changes, *_beside(others)))
        _announce(record, folder)
        tell_damage(run)
        return close(_measure(context, record, folder, run))


def _beside(others: bool) -> tuple[str, ...]:
    """What a run should carry that was begun while other benches ran."""
    from lab.harness.machine import checks

    return (checks.examine_benches(others).text,) if others else ()


def _selection(options: dict[str, Any]) -> Selection:
    from lab.harness.planning.selection import Selection

    return Selection(
        profile=options["profile"],
        backends=options["backends"],
        workloads=options["workloads"],
        rounds=options["rounds"],
        duration_s=options["duration"],
        precision=options["precision"],
        max_time_s=options["max_time"],
        syscalls=options["syscalls"],
        nonconforming=options["nonconforming"],
        connections=options["connections"],
        sizes=options["size"],
        settings=options["settings"],
        **offering.chosen(options["rates"]),
        programs=own_program.chosen(options["serve"], options["app"], options["paths"], options["http_body"]),
        allocators=options["allocators"],
        load_processes=options["load_processes"],
        program=program(),
    )


def _with_cores(selection: Selection) -> tuple[Selection, Cores]:
    """The cores of a new run, and the selection with as many load processes as they are for."""
    from lab.harness.machine.cores import choose_cores

    cores = choose_cores(selection.load_processes)
    if len(cores.loads) > 1:
        selection = replace(selection, load_processes=len(cores.loads))
    return selection, cores


def _environment(names: Iterable[str], cores: Cores, programs: Iterable[ProgramRecord]) -> Environment:
    from lab.harness import subjects
    from lab.harness.machine import environment

    every = [subjects.describe(name) for name in (*subjects.default_names(), *names)]
    places = [each.place or each.name for each in every]
    packages = [place.partition(":")[0].partition(".")[0] for place in places]
    return environment.capture(cores.note, [*packages, *own_program.packages(programs)])


def _refuse_other_options(context: click.Context) -> None:
    """A resumed run goes on as it was planned; an option that would change the plan is a mistake."""
    given = [
        option.opts[-1]
        for option in context.command.params
        if option.name not in ("resume",)
        and context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise LabError(
            f"--resume goes on with a run as it was planned, so {', '.join(given)} cannot be given with it: "
            "leave that out, or start a new run"
        )


def _announce(record: RunRecord, folder: Path) -> None:
    """Say what will be run, where to, and about how long it takes."""
    from lab.cli.counting import announced
    from lab.cli.precision import stopping
    from lab.cli.terminal import console, counted, duration, short
    from lab.harness.planning import plan

    cells = sum(map(len, plan.rounds(record)))
    out = console(sys.stderr)
    out.print(
        f"muxlab {record.muxlab}, profile {record.profile}: {counted(len(record.subjects), 'subject')}, "
        f"{counted(len(record.scenarios), 'scenario')}, {counted(record.rounds, 'round')}: "
        f"{counted(cells, 'sample')}, about {duration(plan.estimate_s(record))} in all{stopping(record)}"
        f"{announced(record)}. "
        f"Seed {record.seed}, into {short(folder)}",
        soft_wrap=True,
    )
    for line in _left_out(record):
        out.print(line, soft_wrap=True)


def _left_out(record: RunRecord) -> Iterator[str]:
    """What will not run: one line a reason, each subject by its first, and where that holds."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for name in dict.fromkeys(row.subject for row in record.not_run):
        rows = [row for row in record.not_run if row.subject == name]
        where = ""
        if rows[0].scenario and len(record.scenarios) > 1:
            which = rows[0].scenario if len(rows) == 1 else f"for one, {rows[0].scenario}"
            where = f" in {len(rows)} of {len(record.scenarios)} scenarios ({which})"
        subjects.setdefault((where, rows[0].reason), []).append(name)
    for (where, reason), names in subjects.items():
        yield f"Left out: {', '.join(names)}{where}: {reason}"


def _measure(context: click.Context, record: RunRecord, folder: Path, earlier: Run | None = None) -> Outcome:
    """Take the samples of ``record``, those apart that ``earlier`` has."""
    from lab.cli.precision import how_precise
    from lab.cli.progress import progress
    from lab.harness import blocks, runner

    instruments = context.find_object(Instruments)
    chosen: dict[str, Any] = {}
    if instruments:
        chosen = {"measure": blocks.one_by_one(instruments.measure)}
        chosen |= {"count": instruments.count} if instruments.count else {}
    kept: dict[str, Any] = {}
    if earlier is not None:
        kept = dict(earlier=earlier.samples, counted=earlier.syscalls, told=earlier.record.warnings)
    with progress() as show:
        return runner.run(record, folder, on_event=show, how_precise=how_precise, **kept, **chosen)


@contextlib.contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does: children ended, samples kept, report written."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
