"""From plain JSON values to the records: every value is held against the annotation of its field.

Rule: what gets through is what the annotations say, all the way down, so that whoever reads a record need not
doubt it. Keys that a record does not know are ignored; a key that it needs and does not find is refused.

Pitfalls: to Python ``True`` is an ``int`` and to JSON it is not. JSON writes 2.0 as 2, so a float may come as
an int; an int of a size that no counter has would not fit a column of numbers. Python's reader also takes
``NaN`` and half of a surrogate pair, which no file in UTF-8 can hold again.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from typing import Any, Literal

_WIDEST = 2**63
_EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def decode(kind: Any, value: Any, place: str = "") -> Any:
    """``value``, as `json.loads` gives it, as a ``kind``: a record or an annotation that records use.

    Raises `ValueError` that names the ``place``, what was expected there and what came.
    """
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, place)
    if origin in (typing.Union, types.UnionType):
        (choice,) = (each for each in typing.get_args(kind) if each is not type(None))
        return None if value is None else decode(choice, value, place)
    if origin is tuple:
        return _tuple(typing.get_args(kind), value, place)
    if origin is dict:
        _, inner = typing.get_args(kind)
        return {
            _plain(str, key, place): decode(inner, item, _inside(place, key))
            for key, item in _container(dict, value, place).items()
        }
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise _misfit(place, f"one of {', '.join(map(repr, typing.get_args(kind)))}", value)
        return value
    return _plain(kind, value, place)


def _record(kind: Any, value: Any, place: str) -> Any:
    found = _container(dict, value, place)
    hints = _hints(kind)
    fields = dataclasses.fields(kind)
    for field in fields:
        absent = field.default is field.default_factory is dataclasses.MISSING and field.name not in found
        if absent:
            raise ValueError(f"expected {_inside(place, field.name)}, which is not there")
    return kind(
        **{
            field.name: decode(hints[field.name], found[field.name], _inside(place, field.name))
            for field in fields
            if field.name in found
        }
    )


def _tuple(inner: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    items = _container(list, value, place)
    kinds = [inner[0]] * len(items) if inner[-1] is Ellipsis else inner
    if len(kinds) != len(items):
        raise _misfit(place, f"{len(kinds)} values", value)
    places = (_inside(place, number) for number in range(len(items)))
    return tuple(decode(each, item, at) for each, item, at in zip(kinds, items, places, strict=True))


def _container(kind: type, value: Any, place: str) -> Any:
    if not isinstance(value, kind):
        raise _misfit(place, "a list" if kind is list else "an object", value)
    return value


def _plain(kind: type, value: Any, place: str) -> Any:
    """A text, a number, or true or false."""
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise _misfit(place, _EXPECTED[kind], value)
    if kind in (int, float) and not -_WIDEST < value < _WIDEST:
        raise _misfit(place, f"{_EXPECTED[kind]} that can be counted with", value)
    if kind is str and not _fits_a_file(value):
        raise _misfit(place, "a text of whole characters", value)
    return kind(value)


def _fits_a_file(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _inside(place: str, part: object) -> str:
    return f"{place}.{part}" if place else str(part)


def _misfit(place: str, expected: str, value: Any) -> ValueError:
    came = json.dumps(value)
    shown = came if len(came) <= 40 else f"{came[:39]}…"
    return ValueError(f"expected {expected} as {place or 'the whole'}, got {shown}")
