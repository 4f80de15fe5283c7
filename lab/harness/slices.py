"""How the window of a sample is cut into slices: the one rule that all its processes keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SLICE_S = 0.04
"""Seconds, about. Disturbances by neighbours mostly last longer, so that what holds on both sides of a slice
holds within it; and what it costs to come to rest after each is still a small part."""
CLIENTS = 64
"""Clients that are under way and at rest again in so short a slice without being most of it."""
TAKE_UP_S = 0.005
"""Seconds of the same work before each slice, which belong to none. Others have had the core and its caches
since the last; without it a slice costs about a thirtieth more than one that follows another at once
(docs/method.md, "Taken together")."""


def slice_s(window_s: float, clients: int) -> float:
    """The length of the equal slices of a window; the more ``clients`` have to come to rest, the longer."""
    return window_s / max(1, round(window_s / (SLICE_S * max(1, clients / CLIENTS))))


def is_whole(measured_s: float, job: Mapping[str, Any]) -> bool:
    """Whether slices of ``measured_s`` together are the window. They take a little longer than planned, and
    much longer where one pass of a workload does: then there are fewer."""
    return measured_s > job["window_s"] - job["slice_s"] / 10
