"""The machine and the software that a run was taken on, as one record.

Rule: nothing here fails because a system does not say something; what it does not say is None, or missing
from ``extra``. Every question to another program is bounded in time.

Pitfalls
- A cgroup may grant a fraction of a core while the affinity mask still shows all of them (cgroups(7),
  ``cpu.max``): the kernel then stops the process for the rest of each period, in the middle of a window.
- macOS reports no limit on descriptors, yet refuses more than ``kern.maxfilesperproc`` (setrlimit(2)).
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from lab.harness.machine.allocator import ALLOCATOR_VARIABLES
from lab.results import Environment

ROOT = Path("/")
ASK_TIMEOUT_S = 2.0
PACKAGES = ("uvloop", "httptools", "numpy", "pandas")
"""Recorded in every run where installed; the subjects' own packages come on top."""
WATCHED_VARIABLES = (
    "PYTHONASYNCIODEBUG",
    "PYTHONDEVMODE",
    "PYTHONMALLOC",
    "PYTHONTRACEMALLOC",
    *ALLOCATOR_VARIABLES,
)
"""Environment variables that change what Python or its allocator costs."""
MACOS_OPEN_MAX = 10_240
"""What macOS accepts in any case (OPEN_MAX, syslimits.h); counts where ``kern.maxfilesperproc`` is silent."""

Ask = Callable[..., "str | None"]


def ask(*command: str) -> str | None:
    """The standard output of a command, stripped; None if it is missing, fails without output or hangs."""
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ASK_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def capture(
    pinning: str,
    packages: Iterable[str] = (),
    *,
    root: Path = ROOT,
    ask: Ask = ask,
    system: str = sys.platform,
) -> Environment:
    """Describe this machine now. ``pinning`` says which cores are used; ``packages`` are looked up besides
    `PACKAGES`. ``root``, ``ask`` and ``system`` stand for the machine in tests."""
    uname = platform.uname()
    soft, hard = descriptor_limits()
    return Environment(
        captured_at=now(),
        system=f"{uname.system} {uname.release} {uname.machine}",
        machine=uname.machine,
        cpu_model=cpu_model(root, ask, system),
        cores_logical=os.cpu_count() or 1,
        cores_usable=cores_usable(),
        memory_bytes=psutil.virtual_memory().total,
        governor=governor(root),
        virtualisation=virtualisation(root, ask, system),
        load_average=load_average(),
        descriptor_limit=soft,
        descriptor_limit_hard=hard,
        pinning=pinning,
        python=python(),
        packages=versions([*PACKAGES, *packages]),
        muxlab=muxlab_version(),
        extra=extra(root),
    )


def now() -> str:
    """This moment, ISO 8601 with the local offset, to the second."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def python() -> str:
    """``CPython 3.11.7 (main, GCC 12.2.0)``."""
    build = f"{platform.python_build()[0]}, {platform.python_compiler()}"
    return f"{platform.python_implementation()} {platform.python_version()} ({build})"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions, by distribution name; what is not installed is left out."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def muxlab_version() -> str:
    """muxlab's own version; ``unknown`` when it runs from a source tree that was never installed."""
    return versions(["muxlab"]).get("muxlab", "unknown")


def cpu_model(root: Path = ROOT, ask: Ask = ask, system: str = sys.platform) -> str | None:
    """The processor's name for people."""
    if system == "darwin":
        return ask("sysctl", "-n", "machdep.cpu.brand_string")
    for key in ("model name", "Model", "cpu model", "Hardware"):
        if value := _cpuinfo(root, key):
            return value
    return platform.processor() or None


def governor(root: Path = ROOT) -> str | None:
    """The CPU frequency governor; several, joined by commas, where cores differ."""
    policies = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    found = {text for text in map(_read, policies) if text}
    return ", ".join(sorted(found)) or None


def virtualisation(root: Path = ROOT, ask: Ask = ask, system: str = sys.platform) -> str | None:
    """``none``, or what kind of virtual machine or container this is, as far as it shows."""
    if system == "darwin":
        return {"0": "none", "1": "virtual machine"}.get(ask("sysctl", "-n", "kern.hv_vmm_present") or "")
    if answer := ask("systemd-detect-virt"):
        return answer
    product = _read(root / "sys/class/dmi/id/product_name")
    if "hypervisor" in (_cpuinfo(root, "flags") or "").split():
        return f"virtual machine ({product})" if product else "virtual machine"
    return None


def load_average() -> tuple[float, float, float] | None:
    """The run queue's mean length over 1, 5 and 15 minutes."""
    try:
        return os.getloadavg()
    except OSError:
        return None


def cores_usable() -> int:
    """The cores that this process may run on: its affinity where the system has one, else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_battery() -> bool | None:
    """Whether the machine runs on its battery; None without one, or where it does not say."""
    sensors = getattr(psutil, "sensors_battery", None)
    try:
        battery = sensors() if sensors else None
    except (OSError, RuntimeError):
        return None
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged


def cpu_quota(root: Path = ROOT) -> float | None:
    """How many cores' worth of time the cgroup grants; None without such a limit (cgroup v2 and v1)."""
    text = _read(root / "sys/fs/cgroup/cpu.max")
    if text is None:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        text = " ".join(_read(root / "sys/fs/cgroup/cpu" / name) or "" for name in names)
    quota, _, period = text.strip().partition(" ")
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    return int(quota) / int(period)


def extra(root: Path = ROOT) -> dict[str, str]:
    """What else may explain a figure: libc, the cgroup's share, turbo, socket limits, Python's switches."""
    libc = " ".join(platform.libc_ver()).strip()
    quota = cpu_quota(root)
    no_turbo = _read(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    facts = {
        "libc": libc or None,
        "cpu_quota": f"{quota:.2f} cores" if quota is not None else None,
        "turbo": {"0": "on", "1": "off"}.get(no_turbo or ""),
        "battery": {True: "yes", False: "no"}.get(on_battery()),
        "somaxconn": _read(root / "proc/sys/net/core/somaxconn"),
        "port_range": _read(root / "proc/sys/net/ipv4/ip_local_port_range"),
    }
    facts |= {name: os.environ.get(name) for name in WATCHED_VARIABLES}
    return {name: " ".join(value.split()) for name, value in facts.items() if value}


def descriptor_limits() -> tuple[int, int]:
    """The soft and the hard limit on open descriptors; "no limit" becomes what the system really allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard):
        ceiling = _descriptor_ceiling()
        soft = ceiling if soft == resource.RLIM_INFINITY else soft
        hard = ceiling if hard == resource.RLIM_INFINITY else hard
    return soft, hard


def _descriptor_ceiling() -> int:
    if sys.platform == "darwin":
        answer = ask("sysctl", "-n", "kern.maxfilesperproc") or ""
        return int(answer) if answer.isdigit() else MACOS_OPEN_MAX
    answer = _read(ROOT / "proc/sys/fs/nr_open") or ""
    return int(answer) if answer.isdigit() else 1_048_576


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace").strip() or None
    except OSError:
        return None


def _cpuinfo(root: Path, key: str) -> str | None:
    for line in (_read(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key and value.strip():
            return value.strip()
    return None
