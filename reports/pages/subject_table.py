"""A table with a row for each subject, as text: what the template's macro ``subject_tables`` shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SubjectTable:
    """One table, whose first column are the subjects."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Subject, then value and note of each column."""
