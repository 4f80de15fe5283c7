"""``mixed``: small requests beside bulk: who answers everybody in time?

The server is that of `bulk-download`, which writes pieces as long as its transport lets it. While slow
readers of bulk replies hold it up, small requests come in; how long these wait is the loop's fairness, and
stands in the latency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.workloads.bulk import READER_BYTES, Pieces
from lab.workloads.clients import Mixing
from lab.workloads.contract import Parameter, Values, byte_count
from lab.workloads.exchanges import BODY_BYTES_MAX
from lab.workloads.protocol_workload import ProtocolWorkload


class Mixed(ProtocolWorkload):
    """Each operation is a small request and its share of a bulk reply: one in ``every``."""

    name = "mixed"
    title = "Small requests beside bulk"
    question = "How long do small requests wait while large replies are under way?"
    unit = "request"
    latency = "round trip of a small request"
    slices = False  # each begins with all large replies at once, so that short ones would hold more of them
    parameters = (
        Parameter("connections", 32, 1, "connections, each with one small request on the way"),
        Parameter("bulk", 4, 1, "connections with large replies to slow readers", 100),
        Parameter("every", 50, 1, "small requests to one large reply"),
        Parameter("size", 128, 1, "bytes in a small reply's body", 4096),
        Parameter("body", 256 * 1024, 4097, "bytes in a large reply's body", BODY_BYTES_MAX),
    )

    def protocols(self) -> Callable[[], asyncio.Protocol]:
        return Pieces

    def clients(self, values: Values) -> Mixing:
        return Mixing(
            values["connections"] + values["bulk"],
            bulk=values["bulk"],
            every=values["every"],
            message_bytes=values["size"],
            bulk_bytes=values["body"],
            receive_buffer_bytes=READER_BYTES,
        )

    def titled(self, values: Values) -> str:
        return f"{super().titled(values)}, beside {values['bulk']:,} with {byte_count(values['body'])}"

    def labels(self, values: Values) -> tuple[str, ...]:
        return ()
