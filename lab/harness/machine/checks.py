"""What about this machine disturbs a measurement, and what to do about it.

Rule: each check looks at one fact of the environment, changes nothing, and says what it found, what that
does to the figures and what to do. `doctor` shows all of them; a run keeps those that are not fine as its
warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from lab.harness.machine.allocator import ALLOCATOR_VARIABLES
from lab.harness.machine.cores import Cores
from lab.results import Environment

WANTED_DESCRIPTORS = 18_100
"""What the largest scenario of the quick profile needs: a ring of 9,000 socket pairs, and headroom."""
BUSY_LOAD_PER_CORE = 0.5
"""Above this load average per core, other processes take visible shares of the server's core."""
STEADY_GOVERNORS = {"performance"}

Status = Literal["ok", "note", "warning"]


@dataclass(frozen=True)
class Check:
    """One finding. ``note``: cannot be known or changed here; ``warning``: ``advice`` says how to mend it."""

    title: str
    status: Status
    found: str
    advice: str = ""

    @property
    def text(self) -> str:
        """The finding and the advice as one sentence or two."""
        return f"{self.title}: {self.found}. {self.advice}".strip()


def examine(environment: Environment) -> tuple[Check, ...]:
    """Every check of the machine, what matters most first."""
    return tuple(check(environment) for check in CHECKS)


def examine_subjects(reasons: Mapping[str, str | None]) -> tuple[Check, ...]:
    """One check for the subjects that can run, one for each that cannot. ``reasons``: None where it can."""
    present = [name for name, reason in reasons.items() if reason is None]
    missing = {name: reason for name, reason in reasons.items() if reason is not None}
    notes = (Check(name, "note", f"left out of runs here: {reason}") for name, reason in missing.items())
    return (Check("subjects", "ok", ", ".join(present)), *notes)


def examine_benches(others: bool) -> Check:
    """Whether this is the only bench; ``others`` as `neighbours` tells."""
    if not others:
        return Check("benches", "ok", "no other of yours is running")
    return Check(
        "benches",
        "warning",
        "another of yours is running and takes the same cores, so the figures of both suffer",
        "Wait for its end, or end one of them.",
    )


def examine_syscalls(reason: str | None) -> Check:
    """Whether system calls can be counted; ``reason``: why not, None if they can."""
    if reason is None:
        return Check("system calls", "ok", "strace works here, so `--syscalls` can count them")
    return Check("system calls", "note", f"cannot be counted here: {reason}")


def warnings(environment: Environment) -> tuple[str, ...]:
    """What a run should carry: the text of every check that can be mended, and of no other."""
    return tuple(check.text for check in examine(environment) if check.status == "warning")


def crowding(cores: Cores) -> tuple[str, ...]:
    """What a run should carry where several load processes have fewer cores than there are of them."""
    count = len(cores.loads)
    if count == 1 or all(map(cores.has_own, range(count))):
        return ()
    check = Check(
        "load processes",
        "warning",
        f"{count} must share what there is ({cores.note}): they take turns, and are no faster than one",
        "Leave --load-processes out, or give the run more cores (taskset, docker --cpuset-cpus).",
    )
    return (check.text,)


def _cores(environment: Environment) -> Check:
    usable, logical = environment.cores_usable, environment.cores_logical
    found = f"{usable} of {logical} usable"
    if usable >= 2:
        return Check("cores", "ok", found)
    return Check(
        "cores",
        "warning",
        f"{found}, so server and load share one and take turns",
        "Latency and throughput mean little; give the process two cores (taskset, docker --cpuset-cpus).",
    )


def _quota(environment: Environment) -> Check:
    quota = environment.extra.get("cpu_quota")
    if quota is None or float(quota.split()[0]) >= 2:
        return Check("CPU quota", "ok", quota or "none")
    return Check(
        "CPU quota",
        "warning",
        f"the cgroup grants {quota}, so processes are stopped in the middle of a window",
        "Raise it to two cores or more (docker run --cpus=2).",
    )


def _load(environment: Environment) -> Check:
    if environment.load_average is None:
        return Check("load", "note", "the system does not say")
    load, cores = environment.load_average[0], environment.cores_usable
    found = f"{load:.2f} over the last minute on {cores} cores"
    if load <= BUSY_LOAD_PER_CORE * cores:
        return Check("load", "ok", found)
    return Check(
        "load",
        "warning",
        f"{found}; something else is running",
        f"Wait until it is below {BUSY_LOAD_PER_CORE * cores:.1f}, or close what is busy, and measure again.",
    )


def _descriptors(environment: Environment) -> Check:
    limit, hard = environment.descriptor_limit, environment.descriptor_limit_hard
    found = f"{limit:,} (hard limit {hard:,})"
    if max(limit, hard) >= WANTED_DESCRIPTORS:
        return Check("open files", "ok", found)
    return Check(
        "open files",
        "warning",
        f"{found}; scenarios that need more are left out",
        f"Allow {WANTED_DESCRIPTORS:,}: ulimit -n {WANTED_DESCRIPTORS} (Linux: limits.conf or "
        "LimitNOFILE=; macOS: launchctl limit maxfiles).",
    )


def _governor(environment: Environment) -> Check:
    governor = environment.governor
    if governor is None:
        return Check("frequency governor", "note", "the system does not say")
    if set(governor.split(", ")) <= STEADY_GOVERNORS:
        return Check("frequency governor", "ok", governor)
    return Check(
        "frequency governor",
        "warning",
        f"{governor}; the clock follows the load, and CPU time per request follows the clock",
        "Fix it for the run: sudo cpupower frequency-set -g performance.",
    )


def _power(environment: Environment) -> Check:
    if environment.extra.get("battery") != "yes":
        return Check("power", "ok", "mains" if environment.extra.get("battery") else "no battery")
    return Check("power", "warning", "on battery, so the clock is throttled", "Plug the machine in.")


def _pinning(environment: Environment) -> Check:
    # A system without affinity (macOS) leaves nothing to mend; a note is all there is to say.
    pinned = environment.pinning.startswith("server on core")
    return Check("pinning", "ok" if pinned else "note", environment.pinning)


def _virtualisation(environment: Environment) -> Check:
    kind = environment.virtualisation
    if kind == "none":
        return Check("virtualisation", "ok", "none")
    if kind is None:
        return Check("virtualisation", "note", "the system does not say")
    return Check("virtualisation", "note", f"{kind}; neighbours may take time that no process here sees")


def _python_switches(environment: Environment) -> Check:
    slowing = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC", "PYTHONMALLOC")
    effect = "makes every loop slower and not by the same factor"
    return _unset("Python's switches", environment, slowing, effect, "none set")


def _allocator(environment: Environment) -> Check:
    effect = "may change what large reads cost, and not for every loop"
    libc = environment.extra.get("libc", "as the system has it")
    return _unset("allocator", environment, ALLOCATOR_VARIABLES, effect, libc)


def _unset(title: str, environment: Environment, names: Iterable[str], effect: str, fine: str) -> Check:
    """Whether none of these variables of the environment is set."""
    found = [name for name in names if environment.extra.get(name)]
    if not found:
        return Check(title, "ok", fine)
    advice = f"Measure without: unset {' '.join(found)}."
    return Check(title, "warning", f"{', '.join(found)} set, which {effect}", advice)


def _python(environment: Environment) -> Check:
    return Check("Python", "ok", environment.python)


CHECKS: tuple[Callable[[Environment], Check], ...] = (
    _cores,
    _quota,
    _pinning,
    _load,
    _descriptors,
    _governor,
    _power,
    _virtualisation,
    _python,
    _python_switches,
    _allocator,
)
