"""A network of this process's own, and files of its own in place of the system's: no privileges needed.

After `enter` this process, and whatever it starts, has a loopback interface to itself, on which it may bind
any port, and reads the given files where others read the system's. It cannot go back.

Linux only (namespaces(7)). The network and the mounts are made together with a user namespace, in which
whoever makes it has all capabilities (user_namespaces(7)); outside it, the process can do no more than
before.

Pitfalls
- unshare(2) refuses a process that has a second thread: `enter` comes before any loop, which may start one.
- The user keeps its id, so an ``exec`` drops the capabilities: a privileged port is bound before, and handed
  on.
- Ubuntu's AppArmor lets the namespace be made and takes the capabilities inside it away, containers forbid
  the whole call: each step may be the one that is refused.
- A name service cache daemon is asked over a Unix socket, which no network namespace cuts off, and asks its
  servers elsewhere (nscd(8)): its folder has to be hidden.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.errors import LabError

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
"""unshare(2); the standard library has them from 3.12 on."""
MS_BIND = 0x1000
"""mount(2)."""
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
"""netdevice(7): set the flags of an interface; the one that brings it up."""
INTERFACE_REQUEST = struct.Struct("16sh22x")
"""``struct ifreq``: a name, and here its flags."""

KERNEL = Path("/proc/sys")
REFUSALS = {
    (
        "user/max_user_namespaces",
        "0",
    ): "this system has none; sysctl user.max_user_namespaces=1000 allows some",
    ("kernel/unprivileged_userns_clone", "0"): (
        "this system keeps them to root; sysctl kernel.unprivileged_userns_clone=1 allows them"
    ),
    ("kernel/apparmor_restrict_unprivileged_userns", "1"): (
        "AppArmor restricts them; sysctl kernel.apparmor_restrict_unprivileged_userns=0 allows them"
    ),
}
"""Settings of the kernel that are known to stand in the way, and what to do about each."""
USUAL_REFUSAL = "a container may forbid them; docker run --security-opt seccomp=unconfined allows them"


def enter(files: Mapping[str, str], hidden: Iterable[str] = ()) -> None:
    """Give this process a network of its own, ``files`` (path -> text) in place of the system's, and nothing
    in the folders ``hidden``.

    What is not there to begin with is left out. Raises `LabError` where the system does not allow it.
    """
    if sys.platform != "linux":
        raise LabError("expected namespaces for a network of its own, which Linux alone has")
    try:
        _unshare()
        _bring_up_loopback()
        for path, text in files.items():
            _put_in_place(path, text)
        for path in hidden:
            _hide(path)
    except OSError as error:
        raise LabError(f"expected namespaces for a network of its own, got {error}: {_way_out()}") from error


def _unshare() -> None:
    """Leave the system's users, mounts and network, and keep this user's ids."""
    user, group = os.geteuid(), os.getegid()
    _call("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)
    # Without that, a process that has no privileges outside may not write its groups.
    Path("/proc/self/setgroups").write_text("deny", "ascii")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1", "ascii")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1", "ascii")


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, INTERFACE_REQUEST.pack(b"lo", IFF_UP))


def _put_in_place(path: str, text: str) -> None:
    """Have ``path`` hold ``text`` for this process: a file that has no name any more is mounted over it."""
    if not os.path.exists(path):
        return
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        _call("mount", file.name.encode(), path.encode(), None, ctypes.c_ulong(MS_BIND), None)


def _hide(path: str) -> None:
    if os.path.isdir(path):
        _call("mount", b"none", path.encode(), b"tmpfs", ctypes.c_ulong(0), None)


def _call(name: str, *arguments: object) -> None:
    """Call a function of the C library; raises `OSError` with what it was given."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        paths = [each.decode() for each in arguments if isinstance(each, bytes)]
        raise OSError(number, os.strerror(number), " ".join([name, *paths]))


def _way_out() -> str:
    """What probably stands in the way, and what to do about it."""
    for (setting, value), advice in REFUSALS.items():
        with contextlib.suppress(OSError):
            if (KERNEL / setting).read_text("ascii").strip() == value:
                return advice
    return USUAL_REFUSAL
