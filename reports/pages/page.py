"""The report as one HTML file: nothing is loaded from anywhere, nothing needs JavaScript.

Rule: everything that comes from a run is escaped; only the lab's own SVG and style sheet go in as they are.
"""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.analysis.judgement import Judgement
from reports.figures.style import Picture, palette_css
from reports.pages.context import context

NUMBER = r"\d{1,3}(?:,\d{3})*(?:\.\d+)?"
"""As reports write it. The folder of a run, ``runs/20260102-030405``, is no interval."""


def html(judgement: Judgement, pictures: dict[str, list[Picture]]) -> str:
    """The whole page."""
    environment = _environment()
    source, _, _ = environment.loader.get_source(environment, "report.css")  # type: ignore[union-attr]
    style = source.replace("/*light-palette*/", palette_css(dark=False))
    style = style.replace("/*dark-palette*/", palette_css(dark=True))
    template = environment.get_template("report.html.j2")
    return template.render(**context(judgement), pictures=pictures, style=Markup(style), svg=_svg)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    return environment


def typeset(text: str) -> Markup:
    """A sentence as a typesetter would: escaped, true signs, numbers kept with their units and intervals.

    The name of a scenario, ``ring[active=100,pairs=1000]``, may be broken between its parameters.
    """
    safe = str(escape(text))
    safe = re.sub(r"[\w+-]+\[[^\]\s]+=[^\]\s]*\]", _breakable, safe)
    safe = re.sub(r"(?<![\w-])(\d[\d.,]*)x(?!\w)", r"\1&times;", safe)
    safe = re.sub(
        rf"(?<![\w/-])({NUMBER})-({NUMBER})(?![\w/-])", r'<span class="whole">\1&ndash;\2</span>', safe
    )
    return Markup(re.sub(r"(?<=\d) (µs|ms|ns|s|%|[KMG]?i?B)(?!\w)", r"&nbsp;\1", safe))


def _breakable(name: re.Match[str]) -> str:
    """The same with the places at which a narrow page may break it, and no others; browsers know of none."""
    workload, parameters = name[0].split("[", 1)
    parts = parameters.replace(",", ",<wbr>")
    return f'<span class="whole">{workload}</span><wbr>[{parts}'


def _svg(picture: Picture) -> Markup:
    """The drawing itself: made by matplotlib, which escapes the text that it draws."""
    return Markup(picture.svg)
