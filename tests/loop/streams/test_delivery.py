"""Whose method takes the data of a stream: asyncio's by a shorter way, anybody else's as it stands."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from lab.loop import delivery
from lab.loop.delivery import delivery_to
from lab.loop.loop import Loop

Stream = asyncio.StreamReaderProtocol


@pytest.fixture
def reader(loop: Loop) -> asyncio.StreamReader:
    return asyncio.StreamReader(loop=loop)


def on(reader: asyncio.StreamReader, kind: type[Stream] = Stream) -> Stream:
    return kind(reader, loop=reader._loop)


def is_short(protocol: Stream) -> bool:
    return delivery_to(protocol).__name__ == "feed"


def test_asyncio_s_own_streams_are_fed_by_the_shorter_way(reader: asyncio.StreamReader) -> None:
    protocol = on(reader)
    assert is_short(protocol)
    delivery_to(protocol)(b"data")
    assert bytes(reader._buffer) == b"data"


def test_a_subclass_that_leaves_the_method_alone_is_fed_by_it_too(reader: asyncio.StreamReader) -> None:
    class Named(Stream):
        name = "streams of ours"

    assert is_short(on(reader, Named))


def test_a_subclass_that_overrides_the_method_has_its_own_called(reader: asyncio.StreamReader) -> None:
    class Doubled(Stream):
        def data_received(self, data: bytes) -> None:
            super().data_received(data * 2)

    delivery_to(on(reader, Doubled))(b"ab")
    assert bytes(reader._buffer) == b"abab"


def test_a_subclass_that_overrides_the_property_has_its_own_asked(reader: asyncio.StreamReader) -> None:
    other = asyncio.StreamReader(loop=reader._loop)

    class Elsewhere(Stream):
        _stream_reader = other

    delivery_to(on(reader, Elsewhere))(b"data")
    assert (bytes(reader._buffer), bytes(other._buffer)) == (b"", b"data")


def test_a_method_that_was_put_on_the_object_is_called(reader: asyncio.StreamReader) -> None:
    protocol, seen = on(reader), []
    protocol.data_received = seen.append  # type: ignore[method-assign]
    delivery_to(protocol)(b"data")
    assert seen == [b"data"]


def test_a_method_that_was_put_on_the_class_is_called(
    reader: asyncio.StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(Stream, "data_received", lambda _, data: seen.append(data))
    delivery_to(on(reader))(b"data")
    assert seen == [b"data"]


def test_the_reader_is_held_no_longer_than_asyncio_holds_it(loop: Loop) -> None:
    reader = asyncio.StreamReader(loop=loop)
    protocol = on(reader)
    deliver = delivery_to(protocol)
    deliver(b"data")
    weakly: Callable[[], Any] = protocol._stream_reader_wr  # type: ignore[attr-defined]
    del reader
    gc.collect()
    assert weakly() is None
    deliver(b"nobody is there any more")


def test_after_the_connection_was_lost_data_is_dropped(reader: asyncio.StreamReader) -> None:
    protocol = on(reader)
    deliver = delivery_to(protocol)
    protocol.connection_lost(None)
    deliver(b"late")
    assert bytes(reader._buffer) == b""


def test_what_the_reader_raises_comes_out(reader: asyncio.StreamReader) -> None:
    protocol = on(reader)
    reader.feed_eof()
    with pytest.raises(AssertionError, match="feed_data after feed_eof"):
        delivery_to(protocol)(b"data")


def test_another_python_s_method_is_called_itself(
    reader: asyncio.StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_KNOWN", False)
    protocol = on(reader)
    assert delivery_to(protocol) == protocol.data_received


def test_this_python_s_method_is_the_one_that_is_known() -> None:
    """Else streams are served all the same, only dearer: look at what it does now, and at `delivery`."""
    assert delivery._as_known()
