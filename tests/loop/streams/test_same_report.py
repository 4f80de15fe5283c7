"""Transports that are ready in the same report, one of which decides for the others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.loop.loop import Loop
from tests.loop.conftest import Pair, Run, turns
from tests.loop.recording import StreamRecorder
from tests.loop.streams.conftest import PutOn


class StopsTheOthers(StreamRecorder):
    """Stops the other transports when data comes."""

    def __init__(self, receivers: list[StopsTheOthers], how: str) -> None:
        super().__init__()
        self.receivers = receivers
        self.how = how

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        for each in self.receivers:
            if each is not self:
                getattr(each.transport, self.how)()


@pytest.mark.parametrize("how", ["pause_reading", "close", "abort"])
@pytest.mark.parametrize("queued", [0, 500_000])
def test_a_transport_that_is_stopped_receives_nothing_more_even_if_it_has_something_to_send(
    loop: Loop, run: Run, put_on: PutOn, new_pair: Callable[..., Pair], how: str, queued: int
) -> None:
    async def main() -> list[int]:
        receivers: list[StopsTheOthers] = []
        pairs = [new_pair(buffer=8192) for _ in range(3)]
        for here, _ in pairs:
            receivers.append(await put_on(here, StopsTheOthers(receivers, how)))
            receivers[-1].transport.write(bytes(queued))
        for _, there in pairs:
            there.send(b"data")
        await turns(4)
        return sorted(len(each.data) for each in receivers)

    assert run(main()) == [0, 0, 4]
