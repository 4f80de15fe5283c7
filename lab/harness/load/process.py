"""A load process of one sample: connects, warms up, runs the window's slices, all when the parent says so.

There may be several, each with a part of the clients; `loads` is what the parent sees of them. It is
started anew for every sample (``python -m lab.harness.load.process``), and imports as little as it can. Its
garbage collector is off from the first connection: the engine makes no cycles, and a collection in the window
would stand in the latencies of the server.
"""

from __future__ import annotations

import gc
import json
import time
from typing import Any

from lab.errors import LabError
from lab.harness.channel import Channel
from lab.harness.latency import write_raw
from lab.harness.load.client_kinds import from_job, open_clients
from lab.harness.load.clients import LoadClients
from lab.harness.slices import TAKE_UP_S


def main() -> None:
    """Run the job that comes on the standard input, then wait: the parent ends this process."""
    channel = Channel()
    job = channel.start()
    try:
        gc.disable()
        address = json.loads(channel.command())
        where = tuple(address) if isinstance(address, list) else address
        clients = open_clients(from_job(job["clients"]), where, job["wire"], job["seed"])
        clients.own_core = job["own_core"]
        _connect(channel, clients)
        clients.run(job["warmup_s"])
        channel.report("quiet", pinned=job["pinned"])
        while (command := channel.command()) != "close":
            if command == "take up":
                clients.run(TAKE_UP_S)
                channel.report("quiet")
            else:
                channel.report("measured", **_measure(clients, job["slice_s"], job["raw"]))
        clients.close()
        channel.report("closed")
        channel.command()
    except BaseException as error:
        channel.fail(error, sentences=(LabError,))


def _connect(channel: Channel, clients: LoadClients) -> None:
    """Connect the first batch, then all others; wait after each, while the server's memory is read."""
    clients.connect_some()
    channel.report("connected")
    channel.command()
    while clients.connect_some():
        pass
    channel.report("connected")
    channel.command()


def _measure(clients: LoadClients, slice_s: float, raw: str) -> dict[str, Any]:
    """Run a slice of the window; add the latencies to files whose names begin with ``raw``.

    Nothing is made of them here: another load process of this sample may still be in its slice.
    """
    clients.idle_ns = 0
    cpu_before_s, began_ns = time.process_time(), time.perf_counter_ns()
    exchanged = clients.run(slice_s)
    load_cpu_s = max(0.0, time.process_time() - cpu_before_s - clients.idle_ns / 1e9)
    clients.check_silence()
    write_raw(f"{raw}latency", clients.latencies_ns, exchanged.operations)
    for name, times_ns in exchanged.series.items():
        write_raw(f"{raw}{name}", times_ns, len(times_ns))
    return {
        "operations": exchanged.operations,
        "lost": exchanged.lost,
        "began_ns": began_ns,
        "ended_ns": began_ns + exchanged.elapsed_ns,
        "load_cpu_s": load_cpu_s,
        "busy_s": load_cpu_s if exchanged.busy_ns is None else exchanged.busy_ns / 1e9,
        "schedule": exchanged.schedule,
    }


if __name__ == "__main__":
    main()
