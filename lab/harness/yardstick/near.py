"""The process on the server's core that lays on the yardstick, whenever the parent says so.

It is a process of its own, beside the measured one, so that it takes nothing of that one's memory, and is the
same whatever is measured. While it waits it holds no core.
"""

from __future__ import annotations

import contextlib
import socket

from lab.harness.channel import Channel
from lab.harness.yardstick.exchange import CONNECTIONS, NearEnd, send_at_once
from lab.harness.yardstick.work import work_ns

HOST = "127.0.0.1"


def main() -> None:
    """Wait for the far end, then answer the parent, which ends this process."""
    channel = Channel()
    channel.start()
    try:
        with contextlib.ExitStack() as opened:
            near_end = NearEnd(_accepted(channel, opened))
            channel.report("ready")
            while True:
                exchanges = channel.command() == "work and exchanges"
                channel.report(
                    "laid on", work_ns=work_ns(), exchange_ns=near_end.exchange_ns() if exchanges else None
                )
    except BaseException as error:
        channel.fail(error)


def _accepted(channel: Channel, opened: contextlib.ExitStack) -> list[socket.socket]:
    with socket.create_server((HOST, 0), backlog=CONNECTIONS) as listener:
        channel.report("listening", address=listener.getsockname())
        connections = [opened.enter_context(listener.accept()[0]) for _ in range(CONNECTIONS)]
    send_at_once(connections)
    return connections


if __name__ == "__main__":
    main()
