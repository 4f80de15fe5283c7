"""What drawing opens once and keeps is opened before the first test looks for leaks."""

from __future__ import annotations

import pytest

from reports.figures.style import finish, sheet


@pytest.fixture(scope="session", autouse=True)
def open_fonts() -> None:
    """Draw once in both weights: matplotlib keeps the files of its fonts open for the rest of the process."""
    with sheet(1.0) as (figure, [axes]):
        axes.set_title("bold")
        axes.set_xlabel("plain")
        finish(figure, "fonts", "", "", "", note="")
