"""What a person asked for, and which subjects and scenarios that makes.

Rule: everything is validated here, before the first process starts; every complaint says what was expected,
what came and what to do.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.errors import LabError, UnknownNameError
from lab.harness.machine import allocator
from lab.harness.planning.profiles import Point, Profile, profile
from lab.harness.planning.rates import check_rate
from lab.harness.planning.stopping import DEFAULT_MAX_TIME_S, MAX_ROUNDS
from lab.results import ProgramRecord, ScenarioRecord
from lab.workloads.contract import Workload
from lab.workloads.registry import WORKLOADS, workload

Settings = Mapping[tuple[str, str], tuple[int, ...]]
"""(workload, parameter) -> values; several values make several scenarios."""

MIN_DURATION_S, MAX_DURATION_S = 0.02, 600.0
MIN_PRECISION, MAX_PRECISION = 0.001, 1.0
MAX_TIME_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Selection:
    """The options of one ``bench``. Empty or None: the profile decides."""

    profile: str = "quick"
    backends: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    rounds: int | None = None
    duration_s: float | None = None
    precision: float | None = None
    """As in `RunRecord`: a share."""
    max_time_s: float | None = None
    connections: tuple[int, ...] = ()
    """For each workload with connections: the parameter that `connections_parameter` names."""
    sizes: tuple[int, ...] = ()
    """For each workload with a parameter called ``size``, in bytes."""
    settings: Settings = field(default_factory=dict)
    """Wins over ``connections`` and ``sizes``."""
    rates: tuple[int, ...] = ()
    """Requests offered in a second, open-loop; empty: closed-loop."""
    knee: bool = False
    """Rates are chosen by trials, up to what the subjects can serve; in place of ``rates``."""
    programs: tuple[ProgramRecord, ...] = ()
    """Somebody's own, one and the same with each path that it is asked for. Without ``workloads`` the run has
    nothing else."""
    load_processes: int | None = None
    """As in `RunRecord`; None: one."""
    syscalls: bool | None = None
    """Whether to count system calls as well."""
    allocators: tuple[str, ...] = ()
    """Of `lab.harness.machine.allocator.STATES`; each scenario is planned once in each. Empty: the profile
    says."""
    nonconforming: bool = False
    """Whether to time loops that fail the conformance test too."""
    program: str = "muxlab"
    """What starts muxlab here, quoted for a shell; the recorded command begins with it."""

    @property
    def time_limit_s(self) -> float | None:
        """How long to measure at most.

        Precision never goes without a limit. A profile keeps its own as long as nobody has chosen what is
        measured or how often: who did gets that, and is told before how long it takes.
        """
        if self.max_time_s is not None:
            return self.max_time_s
        if self.precision is not None:
            return DEFAULT_MAX_TIME_S
        plain = Selection(
            profile=self.profile,
            load_processes=self.load_processes,
            syscalls=self.syscalls,
            nonconforming=self.nonconforming,
            program=self.program,
        )
        return profile(self.profile).max_time_s if self == plain else None

    def command(self, seed: int) -> str:
        """The command line that repeats this selection with this seed."""
        words = ["bench", "--profile", self.profile]
        words += [word for name in self.backends for word in ("--backend", name)]
        words += [word for name in self.workloads for word in ("--workload", name)]
        if self.rounds is not None:
            words += ["--rounds", str(self.rounds)]
        if self.duration_s is not None:
            words += ["--duration", f"{self.duration_s:g}s"]
        if self.precision is not None:
            words += ["--precision", f"{self.precision * 100:g}%"]
        if self.max_time_s is not None:
            words += ["--max-time", f"{self.max_time_s:g}s"]
        words += ["--nonconforming"] if self.nonconforming else []
        if self.syscalls is not None:
            words += ["--syscalls" if self.syscalls else "--no-syscalls"]
        if self.connections:
            words += ["--connections", _listed(self.connections)]
        if self.sizes:
            words += ["--size", _listed(self.sizes)]
        if self.allocators:
            words += ["--allocator", ",".join(self.allocators)]
        for (name, parameter), values in self.settings.items():
            words += ["--set", f"{name}.{parameter}={_listed(values)}"]
        if self.rates or self.knee:
            words += ["--rate", "knee" if self.knee else _listed(self.rates)]
        words += self._program_words()
        if self.load_processes is not None:
            words += ["--load-processes", str(self.load_processes)]
        return f"{self.program} {shlex.join([*words, '--seed', str(seed)])}"

    def _program_words(self) -> list[str]:
        words: list[str] = []
        for each in self.programs[:1]:
            words += ["--serve" if each.kind == "command" else "--app", each.text]
            words += ["--http-body", each.body] if each.body != "same" else []
        return words + [word for each in self.programs for word in ("--http", each.path)]


def chosen_profile(selection: Selection) -> Profile:
    """The profile, once the numbers that override it have been found good."""
    rounds, duration_s = selection.rounds, selection.duration_s
    if rounds is not None and not 1 <= rounds <= MAX_ROUNDS:
        raise LabError(f"expected 1 to {MAX_ROUNDS:,} rounds, got {rounds}: give --rounds in that range")
    if duration_s is not None and not MIN_DURATION_S <= duration_s <= MAX_DURATION_S:
        raise LabError(
            f"expected a window of {MIN_DURATION_S:g} to {MAX_DURATION_S:g} seconds, got {duration_s:g}: "
            "give --duration as 300ms, 0.3 or 2s"
        )
    _check_stopping(selection)
    for rate_per_s in selection.rates:
        check_rate(rate_per_s, duration_s or profile(selection.profile).window_s)
    allocator.check_states(selection.allocators)
    return profile(selection.profile)


def _check_stopping(selection: Selection) -> None:
    precision, max_time_s = selection.precision, selection.max_time_s
    if precision is not None and not MIN_PRECISION <= precision <= MAX_PRECISION:
        raise LabError(
            f"expected a precision of {MIN_PRECISION:.1%} to {MAX_PRECISION:.0%}, "
            f"got {precision * 100:.4g}%: give --precision as 5%"
        )
    if max_time_s is not None and not 0 < max_time_s <= MAX_TIME_S:
        raise LabError(
            f"expected a time above 0 s and up to a week, got {max_time_s:g} s: give --max-time as 10m or 2h"
        )


def chosen_workloads(selection: Selection, chosen: Profile) -> list[Workload]:
    """Somebody's own program, and the workloads in the registry's order; raises `UnknownNameError`."""
    own = [workload("", program) for program in selection.programs]
    if own and not selection.workloads:
        return own
    if selection.workloads:
        wanted = {workload(name).name for name in selection.workloads}
    else:
        wanted = {name for name in WORKLOADS if chosen.every_workload or name in chosen.points}
    return own + [each for name, each in WORKLOADS.items() if name in wanted]


def scenarios(selection: Selection) -> tuple[ScenarioRecord, ...]:
    """Every scenario of the run: the profile's points with the selection's values in their place."""
    chosen = chosen_profile(selection)
    workloads = chosen_workloads(selection, chosen)
    settings = _all_settings(selection, workloads)
    found: dict[str, ScenarioRecord] = {}
    for each in workloads:
        mine = {parameter: values for (name, parameter), values in settings.items() if name == each.name}
        fresh_too = () if selection.allocators else chosen.fresh_points.get(each.name, ())
        for points, states in (
            (chosen.points.get(each.name, ({},)), selection.allocators),
            (fresh_too, (allocator.FRESH,)),
        ):
            for point in _points(points, mine):
                for scenario in allocator.in_states(each.scenario(**point), states):
                    found[scenario.id] = scenario
    return tuple(found.values())


def connections_parameter(workload: Workload) -> str | None:
    """What ``--connections`` sets: ``connections``, else the axis of a workload that a client drives."""
    if _has(workload, "connections"):
        return "connections"
    return workload.axis if workload.load == "closed" else None


def _all_settings(selection: Selection, workloads: Sequence[Workload]) -> Settings:
    """``--connections``, ``--size`` and ``--set`` as one table."""
    settings: dict[tuple[str, str], tuple[int, ...]] = {}
    for option, values, parameters in (
        (
            "--connections",
            selection.connections,
            {each.name: connections_parameter(each) for each in workloads},
        ),
        (
            "--size",
            selection.sizes,
            {each.name: "size" if _has(each, "size") else None for each in workloads},
        ),
    ):
        fitting = {name: parameter for name, parameter in parameters.items() if parameter}
        if values and not fitting:
            names = ", ".join(parameters)
            raise LabError(
                f"{option} fits none of the selected workloads ({names}): select another with "
                "--workload, or name a parameter with --set workload.parameter=value"
            )
        settings |= {place: values for place in fitting.items() if values}
    for (name, parameter), values in selection.settings.items():
        own = next((each for each in workloads if each.name == name), None)
        _check_setting(own or workload(name), parameter, workloads)
        settings[name, parameter] = values
    return settings


def _check_setting(named: Workload, parameter: str, workloads: Sequence[Workload]) -> None:
    choices = [each.name for each in named.parameters]
    if parameter not in choices:
        raise UnknownNameError(f"parameter of {named.name}", parameter, choices)
    if named not in workloads:
        selected = ", ".join(each.name for each in workloads)
        raise LabError(
            f"--set {named.name}.{parameter} has nothing to set, as the run has {selected} only: "
            f"add --workload {named.name}"
        )


def _points(points: Iterable[Point], values: Mapping[str, tuple[int, ...]]) -> Iterable[Point]:
    """Each point with every combination of ``values`` put in; what coincides then is left to the caller."""
    for point in points:
        for combination in itertools.product(*values.values()):
            yield {**point, **dict(zip(values, combination, strict=True))}


def _has(workload: Workload, parameter: str) -> bool:
    return any(each.name == parameter for each in workload.parameters)


def _listed(values: Iterable[int]) -> str:
    return ",".join(map(str, values))
