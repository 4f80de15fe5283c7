"""8. How the kernel is asked can be exchanged: coroutines, tasks and the rest of the loop stay as they are.

``select`` is told all descriptors in every call. epoll and kqueue keep the *interest set* in the kernel, and
are told only what changes: with thousands of connections that makes the difference. A *backend* is one such
mechanism behind one contract (``backends/contract.py``).
"""

import contextlib
import io

from backends import READ, names, open_backend, unavailable
from tour7_loop import Loop, converse


class BackendLoop(Loop):
    def __init__(self, backend):
        super().__init__()
        self.backend, self.changes = backend, 0

    def wait(self, timeout):  # All that differs from file 7.
        wanted, watched = set(self.readers), set(self.backend.interest)
        for fd in watched - wanted:
            self.backend.unregister(fd)
        for fd in wanted - watched:
            self.backend.register(fd, READ)
        self.changes += len(wanted ^ watched)
        return [fd for fd, _mask in self.backend.wait(timeout)]


def try_on(backend_name):
    """Hold the conversation of file 7; the greeting, all that was printed, and the interest changes."""
    printed = io.StringIO()
    with open_backend(backend_name) as backend, contextlib.redirect_stdout(printed):
        loop = BackendLoop(backend)
        return converse(loop), printed.getvalue(), loop.changes


def main():
    outcomes = {name: try_on(name) for name in names() if unavailable(name) is None}
    for name in ("select", "poll"):  # Linux and macOS have both.
        greeting, printed, changes = outcomes[name]
        print(f"{name}: {greeting} In {printed.count('turn')} turns, with {changes} interest changes.")
    print("The same on every other backend here:", len(set(outcomes.values())) == 1)


if __name__ == "__main__":
    main()
