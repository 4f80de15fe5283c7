"""What is recorded of a machine, from a made-up one under a temporary root."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import pytest

from lab.harness.machine import environment


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def silent(*command: str) -> None:
    """A system on which no other program answers."""


def test_a_capture_of_this_machine_has_what_every_system_knows() -> None:
    found = environment.capture("not pinned")
    assert found.pinning == "not pinned"
    assert found.cores_usable >= 1
    assert found.memory_bytes
    assert 0 < found.descriptor_limit <= found.descriptor_limit_hard
    assert found.python.startswith("CPython ")
    assert ".".join(map(str, sys.version_info[:3])) in found.python


def test_a_system_that_says_nothing_gives_none_instead_of_failing(tmp_path: Path) -> None:
    found = environment.capture("not pinned", root=tmp_path, ask=silent, system="linux")
    assert (found.governor, found.virtualisation) == (None, None)
    assert "cpu_quota" not in found.extra


def test_the_processor_is_named_on_x86_and_on_arm(tmp_path: Path) -> None:
    put(tmp_path, "x86/proc/cpuinfo", "processor\t: 0\nmodel name\t: Example 9000\n")
    put(tmp_path, "arm/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50\n\nModel\t\t: Example Pi 5\n")
    assert environment.cpu_model(tmp_path / "x86", silent, "linux") == "Example 9000"
    assert environment.cpu_model(tmp_path / "arm", silent, "linux") == "Example Pi 5"


def test_macos_is_asked_through_sysctl(tmp_path: Path) -> None:
    answers = {"machdep.cpu.brand_string": "Apple M9", "kern.hv_vmm_present": "1"}

    def sysctl(*command: str) -> str | None:
        return answers.get(command[-1])

    assert environment.cpu_model(tmp_path, sysctl, "darwin") == "Apple M9"
    assert environment.virtualisation(tmp_path, sysctl, "darwin") == "virtual machine"


def test_governors_that_differ_are_all_named(tmp_path: Path) -> None:
    for core, name in enumerate(("performance", "powersave", "powersave")):
        put(tmp_path, f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor", name + "\n")
    assert environment.governor(tmp_path) == "performance, powersave"


def test_a_hypervisor_shows_in_the_processors_flags(tmp_path: Path) -> None:
    put(tmp_path, "proc/cpuinfo", "flags\t: fpu hypervisor sse\n")
    put(tmp_path, "sys/class/dmi/id/product_name", "Example Cloud\n")
    assert environment.virtualisation(tmp_path, silent, "linux") == "virtual machine (Example Cloud)"


def test_what_systemd_says_about_virtualisation_is_believed(tmp_path: Path) -> None:
    assert environment.virtualisation(tmp_path, lambda *command: "none", "linux") == "none"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"}, None),
        ({}, None),
    ],
)
def test_a_share_of_the_processor_is_read_from_either_cgroup(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    for path, text in files.items():
        put(tmp_path, path, text)
    assert environment.cpu_quota(tmp_path) == quota


def test_switches_of_python_that_change_its_cost_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONMALLOC", "debug")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "131072")
    found = environment.extra()
    assert (found["PYTHONMALLOC"], found["MALLOC_MMAP_THRESHOLD_"]) == ("debug", "131072")


def test_packages_that_are_not_installed_are_left_out() -> None:
    found = environment.versions(["pytest", "no-such-package-here"])
    assert list(found) == ["pytest"]


def test_a_command_that_is_missing_answers_nothing() -> None:
    assert environment.ask("no-such-command-here") is None
    assert environment.ask("echo", "yes") == "yes"


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "ASK_TIMEOUT_S", 0.01)
    assert environment.ask("tail", "-f", "/dev/null") is None


def test_no_limit_on_descriptors_becomes_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda which: (256, unlimited))
    soft, hard = environment.descriptor_limits()
    assert soft == 256
    assert 256 < hard < sys.maxsize


def test_the_cores_are_those_that_the_process_may_use() -> None:
    assert 1 <= environment.cores_usable() <= (os.cpu_count() or 1)
