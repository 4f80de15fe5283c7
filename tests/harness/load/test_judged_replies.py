"""Replies are judged by the first one, and parsed only where they differ from the last."""

from __future__ import annotations

import pytest

from lab.errors import LabError
from lab.harness.load.judged_replies import JudgedReplies
from lab.workloads import http_replies
from tests.harness.own_server import PAGES, plain

WHOLE = plain(b"hello")
CUTS = range(1, len(WHOLE))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[http_replies.Reply]:
    """Each parser that is made."""
    made: list[http_replies.Reply] = []

    class Counted(http_replies.Reply):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("lab.harness.load.judged_replies.Reply", Counted)
    return made


def test_a_reply_is_parsed_only_where_it_differs_from_the_last(parsed: list[http_replies.Reply]) -> None:
    replies = JudgedReplies("same")
    assert all(replies.take(0, plain(b"hello", more=b"Date: %d\r\n" % day)) for day in (1, 1, 1, 2, 2))
    assert len(parsed) == 2


@pytest.mark.parametrize("cut", CUTS)
def test_a_reply_may_come_in_pieces_over_several_connections(
    parsed: list[http_replies.Reply], cut: int
) -> None:
    replies = JudgedReplies("same")
    assert replies.take(0, WHOLE)
    assert [replies.take(connection, WHOLE[:cut]) for connection in (0, 1)] == [False, False]
    assert [replies.take(connection, WHOLE[cut:]) for connection in (1, 0)] == [True, True]
    assert (len(parsed), replies.midway) == (1, {})


@pytest.mark.parametrize("cut", CUTS)
def test_a_piece_that_differs_is_noticed_wherever_the_reply_was_cut(cut: int) -> None:
    replies = JudgedReplies("same")
    assert replies.take(0, WHOLE)
    assert not replies.take(0, (WHOLE[:-1] + b"!")[:cut])
    with pytest.raises(LabError, match="expected the same body"):
        replies.take(0, (WHOLE[:-1] + b"!")[cut:])


@pytest.mark.parametrize("cut", CUTS)
def test_the_first_reply_may_come_in_pieces_too(cut: int) -> None:
    replies = JudgedReplies("same")
    assert not replies.take(0, WHOLE[:cut])
    assert replies.take(0, WHOLE[cut:])
    assert replies.last == WHOLE


def test_a_reply_in_pieces_is_held_against_the_one_it_began_like() -> None:
    replies = JudgedReplies("same")
    first, second = (plain(b"hello", more=b"Date: %d\r\n" % day) for day in (1, 2))
    assert replies.take(0, first)
    assert not replies.take(0, first[:40])
    assert replies.take(1, second)
    assert replies.take(0, first[40:])


def test_a_chunked_body_is_compared_without_its_frames() -> None:
    replies = JudgedReplies("same")
    assert replies.take(0, WHOLE)
    assert replies.take(0, PAGES[b"/chunked"]())
