"""7. An event loop runs what is ready, and asks the kernel when nothing is.

Until now somebody had to call ``set_result``. For a socket, the kernel knows when, and ``select`` asks it.
"""

import select
import socket

from tour5_future import Future, ready
from tour6_task import Task


class Loop:
    def __init__(self):
        self.readers = {}  # Descriptor -> the socket, and the future of whoever waits for it.

    async def recv(self, sock):
        future = Future()
        self.readers[sock.fileno()] = sock, future
        return await future  # Step 7 of 7: the data is returned to the caller.

    def wait(self, timeout):
        return select.select(list(self.readers), [], [], timeout)[0]

    def turn(self):
        print(f"  turn: {len(ready)} ready, {len(self.readers)} waiting")
        for fd in self.wait(0 if ready else None):  # Steps 1 and 2 of 7: it waits; a descriptor comes back.
            sock, future = self.readers.pop(fd)
            data = sock.recv(1024)  # Step 3 of 7: the data moves into a buffer. This recv cannot block.
            print(f"    kernel: {data!r} has come")
            future.set_result(data)  # Step 4 of 7: the future has its result.
        for _ in range(len(ready)):  # What these add has to wait for its turn: the kernel is asked first.
            callback, argument = ready.popleft()
            callback(argument)  # Steps 5 and 6 of 7: the done-callback wakes the task, which calls send().

    def run(self, task):
        while task.state == "PENDING":
            self.turn()
        return task.result()


async def greet(loop, visitor):
    visitor.send(b"your name?")  # So little fits the socket's buffer at once; more would need a wait as well.
    return f"Hello, {(await loop.recv(visitor)).decode()}!"


async def visit(loop, door):
    print(f"      visitor reads {await loop.recv(door)!r}")
    door.send(b"Ada")


def converse(loop):
    inside, outside = socket.socketpair()
    with inside, outside:
        Task(visit(loop, outside), "visitor")
        return loop.run(Task(greet(loop, inside), "host"))


if __name__ == "__main__":
    print(converse(Loop()))
