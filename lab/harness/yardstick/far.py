"""The process on the load's core that answers the yardstick's messages."""

from __future__ import annotations

import contextlib
import socket

from lab.harness.channel import Channel
from lab.harness.yardstick.exchange import CONNECTIONS, answer, send_at_once


def main() -> None:
    """Connect to the near end and answer it until it is gone."""
    channel = Channel()
    address = tuple(channel.start()["address"])
    try:
        with contextlib.ExitStack() as opened:
            connections = [
                opened.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS)
            ]
            send_at_once(connections)
            answer(connections)
    except BaseException as error:
        channel.fail(error)


if __name__ == "__main__":
    main()
