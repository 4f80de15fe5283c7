"""A network and files of one's own, tried in processes that end: there is no way back."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.errors import LabError
from lab.workloads import private_network

ENTERING = """
import json, os, socket, sys
from lab.errors import LabError
from lab.workloads.private_network import enter

file, absent, folder = sys.argv[1:]
try:
    enter({file: "its own", absent: "nothing to replace"}, hidden=[folder, absent])
except LabError as error:
    sys.exit(f"forbidden: {error}")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
    bound.bind(("127.0.0.1", 53))
    bound.sendto(b"hello", bound.getsockname())
    heard = bound.recv(16).decode()
print(json.dumps({
    "file": open(file).read(),
    "absent": os.path.exists(absent),
    "folder": os.listdir(folder),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "heard": heard,
    "user": os.getuid(),
}))
"""

WITH_A_THREAD = """
import threading
from lab.workloads.private_network import enter

done = threading.Event()
thread = threading.Thread(target=done.wait)
thread.start()
try:
    enter({})
finally:
    done.set()
"""


def in_a_process(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if "forbidden: " in ended.stderr:
        pytest.skip(ended.stderr.strip())
    return ended


def test_a_process_has_loopback_ports_and_files_to_itself(tmp_path: Path) -> None:
    file, absent, folder = tmp_path / "resolv.conf", tmp_path / "absent", tmp_path / "nscd"
    file.write_text("the system's")
    folder.mkdir()
    (folder / "socket").touch()
    ended = in_a_process(ENTERING, file, absent, folder)
    assert json.loads(ended.stdout) == {
        "file": "its own",
        "absent": False,
        "folder": [],
        "interfaces": ["lo"],
        "heard": "hello",
        "user": os.getuid(),
    }, ended.stderr


def test_nobody_else_sees_any_of_it(tmp_path: Path) -> None:
    file, folder = tmp_path / "resolv.conf", tmp_path / "nscd"
    file.write_text("the system's")
    folder.mkdir()
    (folder / "socket").touch()
    before = socket.if_nameindex()
    assert in_a_process(ENTERING, file, tmp_path / "absent", folder).returncode == 0
    assert file.read_text() == "the system's"
    assert os.listdir(folder) == ["socket"]
    assert socket.if_nameindex() == before


def test_a_process_with_a_second_thread_is_refused() -> None:
    ended = in_a_process(WITH_A_THREAD)
    assert ended.returncode == 1
    assert "LabError: expected namespaces for a network of its own, got" in ended.stderr


@pytest.mark.parametrize(
    ("setting", "value", "advice"),
    [
        ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=1000"),
        ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict"),
        ("kernel/unprivileged_userns_clone", "1", "docker run --security-opt seccomp=unconfined"),
    ],
)
def test_a_refusal_says_what_stands_in_the_way(
    setting: str, value: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, *_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted", name)

    (tmp_path / setting).parent.mkdir()
    (tmp_path / setting).write_text(f"{value}\n")
    monkeypatch.setattr(private_network, "KERNEL", tmp_path)
    monkeypatch.setattr(private_network, "_call", refused)
    monkeypatch.setattr(private_network, "sys", SimpleNamespace(platform="linux"))
    with pytest.raises(LabError, match=rf"not permitted: 'unshare': .*{advice}"):
        private_network.enter({})


def test_other_systems_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_network, "sys", SimpleNamespace(platform="darwin"))
    with pytest.raises(LabError, match="which Linux alone has"):
        private_network.enter({})
