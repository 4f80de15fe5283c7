"""Every subject by name: what it is, whether it can run here, and how its loop is made.

The only module of the harness that names concrete loops. It imports each one only when it is asked for, so
that a broken or missing loop leaves the others alone; one that is neither the lab's nor Python's is first
tried in a process of its own (`trial`). To add a subject, add its name to `_COMPARISONS`.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import os
import select
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from backends import registry
from lab.errors import LabError, UnknownNameError
from lab.harness.machine import allocator
from lab.harness.trials import entry_points
from lab.harness.trials.entry_points import Advertised
from lab.harness.trials.probe import unsupported
from lab.workloads.contract import InProcessWorkload, Workload
from lab.workloads.registry import workload

if TYPE_CHECKING:
    from lab.harness.trials.trial import Examination
    from lab.results import ScenarioRecord, SubjectRecord

CONTROL = "asyncio"
FLOOR = "floor"
twin_name = f"{CONTROL}-again"
"""The control measured a second time under this name: the A/A pair."""

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

_PYTHON_TASKS = "+pytasks"

_COMPARISONS = {
    "asyncio": "",
    "uvloop": "",
    "rloop": "",
    "rsloop": " (Linux 6.1 or macOS 13, and newer)",
    "zloop": " (Python 3.12 and newer)",
    "loopmini": "",
    "blazio": " (Python 3.12 and newer)",
}
"""What the mini-loop is compared with, and what its installation needs. Each is a module, in a package of the
same name, that has ``new_event_loop``."""


def names() -> list[str]:
    """Every subject that can be named here, in order of display; ``module:factory`` names any other."""
    *known, floor = _known()
    return [*known, *(each.name for each in advertised() if not each.refused), floor]


def _known() -> list[str]:
    mini_loops = registry.names()
    return [*mini_loops, *(name + _PYTHON_TASKS for name in mini_loops), *_COMPARISONS, FLOOR]


@functools.cache
def advertised() -> tuple[Advertised, ...]:
    """What installed packages advertise as subjects, those that cannot be used with the reason."""
    return entry_points.read([*_known(), twin_name])


def default_names() -> list[str]:
    """What a run measures when nothing is selected: what this kind of system has, installed or not."""
    epoll = ["epoll", "epoll-et", "selectors-epoll"] if hasattr(select, "epoll") else []
    kqueue = ["kqueue", "selectors-kqueue"] if hasattr(select, "kqueue") else []
    return ["select", "poll", *epoll, *kqueue, "asyncio", "uvloop", FLOOR]


def describe(name: str) -> SubjectRecord:
    """The record of subject ``name``.

    Raises `UnknownNameError` with the nearest match, `LabError` for a ``module:factory`` that is none.
    """
    # Imported here, as in `lab.workloads.contract`: the measured process only makes loops.
    from lab.results import SubjectRecord

    if name == FLOOR:
        return SubjectRecord(name, "floor", "bare system calls, no event loop", trigger="level")
    if name == twin_name:
        label = f"{describe(CONTROL).label}, measured again"
        return SubjectRecord(name, "comparison", label, trigger="level", twin_of=CONTROL)
    if name in _COMPARISONS:
        trigger = "level" if name == "asyncio" else None
        return SubjectRecord(name, "comparison", _label(name), trigger, control=name == CONTROL)
    if ":" in name:
        _check_custom(name)
        return SubjectRecord(name, "custom", name)
    if name not in _known():
        return _described_by_package(name)
    backend, python_tasks = _backend_of(name)
    label = f"mini-loop on {backend}" + (", tasks in Python" if python_tasks else "")
    return SubjectRecord(name, "mini-loop", label, registry.backend_class(backend).trigger)


def _described_by_package(name: str) -> SubjectRecord:
    from lab.results import SubjectRecord

    for each in advertised():
        if each.name == name and each.refused:
            raise LabError(f"{each.origin} advertises {name!r}, which cannot be used: {each.refused}")
        if each.name == name:
            return SubjectRecord(name, "custom", f"{each.origin}, {each.place}", place=each.place)
    raise UnknownNameError("subject", name, names())


def factory(name: str) -> LoopFactory:
    """What makes a new loop of subject ``name``; the floor has none (`ValueError`).

    Raises `UnknownNameError`, or whatever importing the loop's module raises.
    """
    record = describe(name)
    if record.kind == "floor":
        raise ValueError("the floor has no event loop: it is the workload by hand on bare system calls")
    if record.kind == "mini-loop":
        import lab

        backend, python_tasks = _backend_of(name)
        return functools.partial(lab.new_event_loop, backend=backend, tasks="python" if python_tasks else "c")
    if record.kind == "custom":
        return _custom_factory(record.place or name)
    return importlib.import_module(record.twin_of or name).new_event_loop


@functools.cache
def unavailable(name: str) -> str | None:
    """Why subject ``name`` cannot run on this machine, found by opening it; None: it can.

    The loop of a third party is tried in a process of its own: it may do anything.
    """
    if name == FLOOR:
        return None
    if name in _COMPARISONS and importlib.util.find_spec(name) is None:
        return f"{name} is not installed: pip install {name}{_COMPARISONS[name]}"
    return _examined(name).unavailable if _is_third_party(name) else unavailable_here(name)


def nonconforming(name: str) -> str | None:
    """What the loop of ``name`` does otherwise than workloads rely on; None: nothing, or it cannot run."""
    if not _is_third_party(name) or unavailable(name):
        return None
    deviations = _examined(name).deviations
    return f"fails the conformance test: {'; '.join(deviations)}" if deviations else None


def _is_third_party(name: str) -> bool:
    """Whether neither this lab nor Python answers for the loop of subject ``name``."""
    record = describe(name)
    return record.kind == "custom" or (record.kind == "comparison" and CONTROL not in (name, record.twin_of))


@functools.cache
def _examined(name: str) -> Examination:
    return _trial().examine(describe(name).place or name)


def unavailable_here(name: str) -> str | None:
    """As `unavailable`, tried in this process. The floor has no loop to be tried.

    Whatever a loop raises is a reason, `SystemExit` too: it must not end the run of the others.
    """
    step = f"finding {name}" if ":" in name else f"importing {name}"
    try:
        new_loop = factory(name)
        step = f"{name}()" if ":" in name else f"opening {name}"
        loop = new_loop()
        if not hasattr(loop, "run_until_complete"):
            return f"{step} returned {loop!r:.80}, expected an event loop"
        step = f"closing a loop of {name}"
        loop.close()
    except ModuleNotFoundError as error:
        if name in _COMPARISONS:
            return f"expected {name} to be whole, but {error.name} is missing: pip install {error.name}"
        return f"expected to import {error.name}, which is not there: {error}"
    except registry.BackendUnavailableError as error:
        return str(error)
    except (Exception, SystemExit) as error:
        return f"{step} raised {type(error).__name__}: {error}"
    return None


def cannot_run(name: str, scenario: ScenarioRecord, descriptor_limit: int) -> str | None:
    """Why this cell cannot run under ``descriptor_limit`` descriptors a process; None: it can."""
    work: Workload = workload(scenario.workload, scenario.program)
    watched = work.server_descriptors(scenario.parameters)
    needed = max(watched, work.load_descriptors(scenario.parameters))
    watchable = _watchable(name)
    if watchable is not None and watched > watchable:
        mechanism = _backend_of(name)[0]
        return f"{mechanism} watches descriptors below {watchable:,} only; this scenario needs {watched:,}"
    if needed > descriptor_limit:
        return (
            f"this scenario needs {needed:,} descriptors a process, the limit here is {descriptor_limit:,}, "
            "raised as far as allowed: take fewer connections, or have the administrator raise the hard limit"
        )
    if scenario.allocator == allocator.FRESH and (reason := allocator.cannot_be_fresh(scenario.program)):
        return reason
    if scenario.program:
        return "a program of your own cannot run without an event loop" if name == FLOOR else None
    if lacking := _lacking(name, scenario.workload):
        return f"unsupported: {name} does not implement {lacking}"
    return _without_surroundings(scenario.workload, tuple(scenario.parameters.items()))


@functools.cache
def _without_surroundings(workload_name: str, values: tuple[tuple[str, int], ...]) -> str | None:
    """Why what must be around the measured process cannot be had here; None: it can, or nothing must."""
    work = workload(workload_name)
    if not isinstance(work, InProcessWorkload) or work.surroundings(dict(values)) is None:
        return None
    return _trial().without_surroundings(workload_name, dict(values))


@functools.cache
def _lacking(name: str, workload_name: str) -> str | None:
    """What the workload calls that the subject's loop does not implement; None: nothing."""
    if name == FLOOR or unavailable(name):
        return None
    if _is_third_party(name):
        return _examined(name).lacking.get(workload_name)
    return lacking_here(name, workload_name)


def lacking_here(name: str, workload_name: str) -> str | None:
    """What the workload calls that the loop of ``name`` does not implement, tried in this process."""
    return unsupported(factory(name), workload(workload_name))


def _trial() -> ModuleType:
    # Imported here: the measured process imports this module, and starts no processes.
    from lab.harness.trials import trial

    return trial


@functools.cache
def _watchable(name: str) -> int | None:
    """How many descriptors the subject's mechanism can watch at most; None: no limit of its own."""
    if describe(name).kind != "mini-loop" or unavailable(name):
        return None
    with registry.open_backend(_backend_of(name)[0]) as backend:
        highest = backend.max_descriptor
    return None if highest is None else highest + 1


def _backend_of(name: str) -> tuple[str, bool]:
    """The mini-loop's backend, and whether its tasks are the ones written in Python."""
    return name.removesuffix(_PYTHON_TASKS), name.endswith(_PYTHON_TASKS)


def _label(name: str) -> str:
    if name == "asyncio":
        return f"asyncio {sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    # Imported here, since the measured process imports this module and would wait 25 ms for it.
    from importlib import metadata

    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return name


def _check_custom(name: str) -> None:
    module, _, attribute = name.partition(":")
    if not all(word.isidentifier() for path in (module, attribute) for word in path.split(".")):
        raise LabError(
            f"expected module:factory, such as mypackage.loops:new_event_loop, got {name!r}: name a module "
            "that can be imported from here, and what in it makes an event loop"
        )


def _custom_factory(name: str) -> LoopFactory:
    """``module:factory``, looked up in the current directory too, as for ``python -m``."""
    module, _, attribute = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    found = functools.reduce(getattr, attribute.split("."), importlib.import_module(module))
    if not callable(found):
        raise TypeError(f"expected {name} to be a callable that makes an event loop, got {found!r}")
    return found
