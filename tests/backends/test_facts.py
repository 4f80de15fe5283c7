"""The facts of each mechanism, as its file tells them."""

from __future__ import annotations

import pytest

from backends import registry
from backends.facts import IN_SHORT, facts, parsed


@pytest.mark.parametrize("name", registry.names())
def test_every_backend_tells_the_same_things_of_its_mechanism_in_the_same_order(name: str) -> None:
    told = facts(name)
    assert tuple(told.short) == IN_SHORT
    assert all(text.endswith(".") for text in (told.headline, *told.short.values()))
    assert list(told.sections)[-1] == "What this means here"
    assert all(bullets and all(bullets) for bullets in told.sections.values())


@pytest.mark.parametrize("name", registry.names())
def test_the_trigger_that_is_told_is_the_one_that_is_declared(name: str) -> None:
    assert registry.backend_class(name).trigger in facts(name).short["Trigger"]


def test_the_facts_are_the_text_at_the_top_of_the_file() -> None:
    told = facts("select")
    assert told.headline.startswith("select(2): three bit sets")
    assert "FD_SETSIZE: 1,024 on Linux" in told.short["Limits"]
    assert any("EINTR" in bullet for bullet in told.sections["Facts about select"])


def test_bullets_are_joined_to_lines_and_prose_is_left_out() -> None:
    text = """call(2): does
    a thing.

    Prose that wraps
    here.

    In short
    - Asks: one: or
      two?
    - Costs: little.

    More
    - This, and
      that.
    """
    told = parsed(text.replace("\n    ", "\n"))
    assert told.headline == "call(2): does a thing."
    assert told.short == {"Asks": "one: or two?", "Costs": "little."}
    assert told.sections == {"More": ("This, and that.",)}
