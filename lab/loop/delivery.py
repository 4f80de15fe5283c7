"""What takes a protocol's data: mostly its ``data_received``, and for asyncio's streams a shorter way.

``asyncio.StreamReaderProtocol`` holds its reader weakly, and asks a property for it whenever data comes: a
Python frame in which nothing happens but that a weak reference is asked. Asked here, a message of a stream
costs a hundredth less (make bench WORKLOAD=echo-streams).

Rules
- Whose methods they are is looked at, not which class it is: who overrides ``data_received`` or the property,
  in a class or on the object, gets its own called.
- Where Python's ``data_received`` is no longer the one that this stands for, it is called, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

_RECEIVED = asyncio.StreamReaderProtocol.data_received
_READER: Any = asyncio.StreamReaderProtocol._stream_reader  # type: ignore[attr-defined]


def _as_known() -> bool:
    """Whether asyncio's method and its property use nothing but what is used below."""
    try:
        names = _RECEIVED.__code__.co_names, _READER.fget.__code__.co_names
    except AttributeError:
        return False
    return names == (("_stream_reader", "feed_data"), ("_stream_reader_wr",))


_KNOWN = _as_known()


def delivery_to(protocol: asyncio.Protocol) -> Callable[[bytes], object]:
    """What is to be called with data for ``protocol``."""
    received = protocol.data_received
    plain = getattr(received, "__func__", None) is _RECEIVED
    if not (_KNOWN and plain and type(protocol)._stream_reader is _READER):  # type: ignore[attr-defined]
        return received

    def feed(data: bytes) -> None:  # HOT
        """It stands for ``protocol.data_received(data)``."""
        reader = protocol._stream_reader_wr  # type: ignore[attr-defined]
        if reader is not None and (reader := reader()) is not None:
            reader.feed_data(data)

    return feed
