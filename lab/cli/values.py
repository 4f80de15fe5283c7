"""What people type as a value: durations, sizes, lists, settings."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

DURATION_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "min": 60.0, "m": 60.0, "h": 3600.0}
SHARE_UNITS = {"": 1.0, "%": 0.01}
SIZE_UNITS = {
    "": 1,
    "b": 1,
    "k": 1_000,
    "kb": 1_000,
    "kib": 1_024,
    "m": 1_000_000,
    "mb": 1_000_000,
    "mib": 1_048_576,
}
KNEE = "knee"
"""The rate that stands for those that lead to what the subjects can serve."""
MOST_DIGITS = 20
"""A number of more is a slip; up to these it is taken, and told, digit for digit."""
NUMBER = re.compile(r"(\d+(?:[._]\d+)*)\s*([a-z]*|%)", re.IGNORECASE)


def duration_s(text: str) -> float:
    """``0.3``, ``300ms``, ``2s``, ``10m`` as seconds; raises `ValueError` that says what was expected."""
    number, unit = _number_and_unit(text, DURATION_UNITS, "a duration such as 0.3, 300ms, 2s or 10m")
    return float(number) * DURATION_UNITS[unit]


def share(text: str) -> float:
    """``5%`` or ``0.05`` as a share of 1; raises `ValueError` that says what was expected."""
    number, unit = _number_and_unit(text, SHARE_UNITS, "a share such as 5% or 0.05")
    return float(number) * SHARE_UNITS[unit]


def size_bytes(text: str) -> int:
    """``1024``, ``1KiB``, ``100k`` as bytes; raises `ValueError` that says what was expected."""
    expected = "a whole number of bytes such as 1024, 1KiB or 100k"
    number, unit = _number_and_unit(text, SIZE_UNITS, expected)
    size = number * SIZE_UNITS[unit]
    if size != int(size):
        raise _unexpected(expected, text)
    return int(size)


def whole(text: str) -> int:
    """``5000``, ``5_000`` or ``5k`` as a number; raises `ValueError` that says what was expected."""
    expected = "a whole number such as 64 or 5000"
    number, unit = _number_and_unit(text, {"": 1, "k": 1_000}, expected)
    count = number * {"": 1, "k": 1_000}[unit]
    if count != int(count):
        raise _unexpected(expected, text)
    return int(count)


def whole_within(least: int, most: int | None = None) -> Callable[[str], int]:
    """`whole` with bounds, both included; what comes back raises `ValueError` for a number beyond them."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def convert(text: str) -> int:
        with contextlib.suppress(ValueError):
            number = whole(text)
            if number >= least and (most is None or number <= most):
                return number
        raise _unexpected(f"a whole number {bounds}", text)

    return convert


def folder(text: str) -> Path:
    """A folder by its name; raises `ValueError` for an empty one, which would be the working directory."""
    if not text:
        raise ValueError("expected a folder, got an empty name: leave it out, or name it")
    return Path(text)


def rate(text: str) -> int | str:
    """``20000`` or ``20k`` as a number, ``knee`` as itself; raises `ValueError` for anything else."""
    try:
        return text if text == KNEE else whole(text)
    except ValueError:
        raise _unexpected(f"requests per second such as 20000 or 20k, or {KNEE}", text) from None


def one_of(*choices: str) -> Callable[[str], str]:
    """What is given back raises `ValueError` for anything but ``choices``."""

    def convert(text: str) -> str:
        if text not in choices:
            raise _unexpected(" or ".join([", ".join(choices[:-1]), choices[-1]]), text)
        return text

    return convert


def names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names given one by one, with commas or with spaces, each once, in order; raises `ValueError`."""
    return tuple(dict.fromkeys(name for text in texts for name in _parts(text, "a name or names")))


def setting(text: str) -> tuple[tuple[str, str], tuple[int, ...]]:
    """``ring.pairs=100,1000`` as ``(("ring", "pairs"), (100, 1000))``; raises `ValueError`."""
    place, equals, values = text.partition("=")
    workload, dot, parameter = place.strip().partition(".")
    if not (equals and dot and workload and parameter and values.strip()):
        raise ValueError(f"expected workload.parameter=value, such as ring.pairs=100,1000; got {text!r}")
    if "=" in values:
        raise ValueError(
            f"expected one parameter's values, such as ring.pairs=100,1000; got {text!r}: "
            "repeat --set for each further parameter"
        )
    # Only sizes are written with units of bytes; whichever parameter it is, the registry checks its range.
    convert = size_bytes if parameter == "size" else whole
    return (workload, parameter), tuple(_each(convert, values))


def option(convert: Callable[[str], Any]) -> Callable[..., Any]:
    """A click callback: one converted value, None where the option is absent."""
    return lambda _context, _parameter, text: None if text is None else _usage(convert, text)


def list_option(convert: Callable[[str], Any]) -> Callable[..., Any]:
    """A click callback for an option that may be repeated and hold lists: all converted values."""
    return lambda _context, _parameter, texts: tuple(
        value for text in texts for value in _usage(lambda each: _each(convert, each), text)
    )


def names_option(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    """A click callback: `names`."""
    return _usage(names, texts)


def settings_option(
    _context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[tuple[str, str], tuple[int, ...]]:
    """A click callback: every `setting`, the last one winning."""
    return dict(_usage(setting, text) for text in texts)


def _each(convert: Callable[[str], Any], text: str) -> list[Any]:
    return [convert(part) for part in _parts(text, "a value or values")]


def _parts(text: str, expected: str) -> list[str]:
    """What commas or spaces part. Nothing between two commas is a slip, not a wish for the default."""
    parts = re.split(r"\s*,\s*|\s+", text.strip())
    if not all(parts):
        came = "an empty one" if len(parts) == 1 else f"an empty place in {text!r}"
        raise ValueError(
            f"expected {expected} with commas between, got {came}: leave the option out for the default"
        )
    return parts


def _usage(convert: Callable[[Any], Any], text: Any) -> Any:
    try:
        return convert(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _number_and_unit(text: str, units: Iterable[str], expected: str) -> tuple[Decimal, str]:
    match = NUMBER.fullmatch(text.strip())
    if not match or match[2].lower() not in units or len(match[1]) > MOST_DIGITS:
        raise _unexpected(expected, text)
    try:
        return Decimal(match[1]), match[2].lower()
    except InvalidOperation:
        raise _unexpected(expected, text) from None


def _unexpected(expected: str, text: str) -> ValueError:
    return ValueError(f"expected {expected}, got {text!r}: give one, or leave the option out")
