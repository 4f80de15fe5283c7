"""Which backends there are: name -> class, in order of preference, probed by opening them.

Whether a mechanism works is found out by opening it, not by asking for an attribute of `select`: a kernel
or a sandbox may lack what Python was compiled with (VMware ESXi answers ENOSYS to epoll_create; CPython's
selectors.py does the same: https://github.com/python/cpython/issues/85354). A new backend is one new file
and one line in `BACKENDS`.
"""

from __future__ import annotations

import difflib

from backends.contract import Backend, BackendUnavailableError
from backends.epoll_backend import EpollBackend, EpollEdgeBackend
from backends.kqueue_backend import KqueueBackend
from backends.poll_backend import PollBackend
from backends.select_backend import SelectBackend
from backends.selectors_backend import (
    SelectorsEpollBackend,
    SelectorsKqueueBackend,
    SelectorsPollBackend,
    SelectorsSelectBackend,
)

# The default is the first one that opens, roughly: epoll|kqueue > poll > select; the others are never
# the default as they stand behind one that is always there.
BACKENDS: tuple[type[Backend], ...] = (
    EpollBackend,
    KqueueBackend,
    PollBackend,
    SelectBackend,
    EpollEdgeBackend,
    SelectorsEpollBackend,
    SelectorsKqueueBackend,
    SelectorsPollBackend,
    SelectorsSelectBackend,
)

_BY_NAME = {backend.name: backend for backend in BACKENDS}


class UnknownBackendError(LookupError):
    """No backend has this name; ``choices`` lists the names there are, ``nearest`` the likely intent."""

    def __init__(self, name: str) -> None:
        self.name, self.choices = name, names()
        self.nearest = next(iter(difflib.get_close_matches(name, self.choices, n=1)), None)
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        super().__init__(f"no backend is called {name!r}.{hint} Choose from: {', '.join(self.choices)}.")


def names() -> tuple[str, ...]:
    """Return the names of all backends, available or not, the most preferred first."""
    return tuple(_BY_NAME)


def backend_class(name: str) -> type[Backend]:
    """Return the class called ``name``; raise `UnknownBackendError`."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownBackendError(name) from None


def unavailable(name: str) -> str | None:
    """Return why the backend called ``name`` cannot be opened here, or None if it can."""
    try:
        backend_class(name)().close()
    except (BackendUnavailableError, OSError) as error:
        return str(error)
    return None


def open_backend(name: str | None = None) -> Backend:
    """Open the backend called ``name``, or the most preferred one that opens.

    Raises `UnknownBackendError`, `BackendUnavailableError`, or `OSError` when descriptors have run out.
    """
    if name is not None:
        return backend_class(name)()
    for candidate in BACKENDS:
        try:
            return candidate()
        except BackendUnavailableError:
            continue
    raise BackendUnavailableError("no readiness backend works here, not even select")
