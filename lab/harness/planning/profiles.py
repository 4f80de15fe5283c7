"""How long and how wide a run is: the three profiles, as data.

Rule: a profile only chooses; what a workload's parameters mean, and whether a point fits on this machine,
is for the workload and the subjects to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import UnknownNameError

Point = Mapping[str, int]
"""Values for some of a workload's parameters; the others keep their defaults."""


@dataclass(frozen=True)
class Profile:
    """One answer to "how thorough?". ``points`` hold the scenarios of each workload, by its name."""

    name: str
    rounds: int
    warmup_rounds: int
    """Whole rounds that are recorded, marked and excluded, on top of the warm-up inside each sample."""
    window_s: float
    warmup_s: float
    """Load before the window in each sample: connections are open and caches warm when it begins."""
    points: Mapping[str, tuple[Point, ...]]
    subjects: tuple[str, ...] | None = None
    """Those of the default subjects that take part; None: all of them."""
    every_workload: bool = field(default=True)
    """Whether a workload without points takes part, with its defaults."""
    fresh_points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    """Those of ``points`` that are measured with a fresh allocator too, unless somebody says otherwise."""
    max_time_s: float | None = None
    """No round is begun that would end later, as long as nobody chooses what is measured or how often: a slow
    machine takes fewer rounds, and the profile keeps what it promises."""
    syscalls: bool = False
    """Whether system calls are counted, where they can be: a second or two for each cell, once."""


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        # Does everything work, and does the lab agree with itself? Under a minute.
        Profile(
            name="smoke",
            rounds=5,
            # Each sample warms up in its own fresh processes. A round of warm-up on top would only load
            # pages from the disk, and the shuffled order spreads that over all subjects.
            warmup_rounds=0,
            window_s=0.15,
            warmup_s=0.05,
            points={
                "echo-sockets": ({"connections": 64, "size": 1024},),
                "idle": ({"idle": 200},),
                "ring": ({"pairs": 100, "active": 20},),
            },
            subjects=("poll", "epoll", "kqueue", "asyncio", "uvloop", "floor"),
            every_workload=False,
        ),
        # The answer for this machine: three to four minutes on two cores.
        Profile(
            name="quick",
            rounds=6,
            warmup_rounds=0,
            # What scatters between the samples of a subject is time, not processes: half as long again in
            # the same number of them is worth more than half as many again, which all have to be started.
            window_s=0.3,
            warmup_s=0.03,
            max_time_s=220.0,
            points={
                "echo-sockets": ({"connections": 64, "size": 1024},),
                "echo-protocol": ({"connections": 64, "size": 1024},),
                "echo-streams": ({"connections": 64, "size": 1024},),
                # As many as select can watch. To open thousands takes long; what those cost, the ring tells.
                "idle": ({"idle": 100}, {"idle": 900}),
                "ring": tuple({"pairs": pairs, "active": 100} for pairs in (100, 9_000)),
            },
            every_workload=False,
        ),
        # More points, longer windows, narrower intervals, every workload: over an hour.
        Profile(
            name="full",
            rounds=9,
            # Over so long a run the clock settles after the first minutes: a round of warm-up lets it.
            warmup_rounds=1,
            window_s=0.5,
            warmup_s=0.1,
            syscalls=True,
            fresh_points=dict.fromkeys(
                ("echo-protocol", "echo-streams"), ({"connections": 64, "size": 1024},)
            ),
            points={
                "echo-sockets": (
                    *({"connections": connections, "size": 1024} for connections in (1, 64, 512)),
                    *({"connections": 64, "size": size} for size in (64, 16_384, 102_400)),
                ),
                "echo-protocol": tuple({"connections": 64, "size": size} for size in (1024, 102_400)),
                "echo-streams": tuple({"connections": 64, "size": size} for size in (1024, 102_400)),
                "idle": tuple({"idle": idle} for idle in (100, 1_000, 3_000, 10_000)),
                "held": tuple({"idle": idle} for idle in (1_000, 10_000)),
                "ring": tuple({"pairs": pairs, "active": 100} for pairs in (100, 1_000, 9_000, 30_000)),
                "callbacks": tuple({"chains": chains} for chains in (1, 100, 10_000)),
                "timers": tuple({"armed": armed} for armed in (1_000, 10_000)),
                "tasks": tuple({"switches": switches} for switches in (1, 100)),
                "wakeups": ({"threads": 1, "burst": 1}, {"threads": 4, "burst": 100}),
                "idle-cpu": tuple({"connections": connections} for connections in (100, 5_000)),
            },
        ),
    )
}


def profile(name: str) -> Profile:
    """The profile called ``name``; raises `UnknownNameError` with the nearest match."""
    if name not in PROFILES:
        raise UnknownNameError("profile", name, PROFILES)
    return PROFILES[name]
