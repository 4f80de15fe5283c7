"""The one look of all figures, and the two forms they leave in: SVG for the page, PNG for everyone else.

Rules: figures are built without pyplot and inside `rc_context`, so no global state is read or changed; the
output is deterministic (no dates, fixed ids). A figure is drawn once, for light paper. In the SVG, colours
of the palette become CSS variables and text stays text, so that the page sets them for light and dark. Kinds
of subjects differ in shape as well as in colour; the colours are Okabe and Ito's, safe for colour-blind eyes.

Pitfall: several inline SVGs share one document's ids; every id is prefixed with the figure's name.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from lab.results import SubjectRecord

INK, MUTED, RULE, PAPER = "#1b1f24", "#5b6470", "#d5d9df", "#fefefe"
MINI_LOOP, COMPARISON, FLOOR, CUSTOM = "#0068a8", "#c24e00", "#2e3338", "#8f4f86"

PALETTE: dict[str, tuple[str, str, str]] = {
    INK: ("--figure-ink", "#1b1f24", "#e6e9ec"),
    MUTED: ("--figure-muted", "#5b6470", "#9aa4af"),
    RULE: ("--figure-rule", "#d5d9df", "#3a424b"),
    PAPER: ("--figure-paper", "#ffffff", "#14181c"),
    MINI_LOOP: ("--figure-mini-loop", "#0068a8", "#6cb8ee"),
    COMPARISON: ("--figure-comparison", "#c24e00", "#f0985a"),
    FLOOR: ("--figure-floor", "#2e3338", "#c9d0d6"),
    CUSTOM: ("--figure-custom", "#8f4f86", "#d9a0d0"),
}
"""Drawn colour -> CSS variable, its value on light paper, its value on dark."""

KIND_COLOUR = {"mini-loop": MINI_LOOP, "comparison": COMPARISON, "floor": FLOOR, "custom": CUSTOM}
KIND_MARKER = {"mini-loop": "o", "comparison": "s", "floor": "|", "custom": "D"}

WIDTH_IN = 7.6
PNG_DPI = 160
NOTE_IN = 0.2
"""Height of the line at the foot of each figure."""
POINTS_PER_INCH = 72
TICK_STEPS = 5
ROUND_STEPS = (1, 2, 2.5, 5, 10)
"""What people count in: ticks lie one of these apart, times a power of ten."""

RC = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.size": 0,
    "xtick.major.size": 2.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "hatch.linewidth": 0.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "muxlab",
}


@dataclass(frozen=True)
class Picture:
    """A finished figure: what the page embeds, what the folder holds, and what both say about it."""

    name: str
    """File name without ending, and the id in the page."""
    title: str
    caption: str
    """How to read it."""
    alt: str
    """What it shows, for those who cannot see it."""
    note: str
    """What noise does to it: under the caption on the page, at the foot of the PNG."""
    svg: str
    png: bytes = field(repr=False)


@contextmanager
def sheet(
    height_in: float, rows: int = 1, columns: int = 1, **grid: object
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of the page's width with ``rows * columns`` axes and room for a note, in the lab's style while
    the block runs."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        figure = Figure(figsize=(WIDTH_IN, height_in + NOTE_IN), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)  # type: ignore[union-attr]
        axes = figure.subplots(rows, columns, squeeze=False, **grid)  # type: ignore[call-overload]
        yield figure, list(axes.flat)


def finish(figure: Figure, name: str, title: str, caption: str, alt: str, note: str) -> Picture:
    """Render as PNG with ``note`` at its foot, and as themable SVG without, since the page has the note as
    text; call it inside the `sheet` block."""
    foot = figure.supxlabel(note, x=0.01, ha="left", fontsize=7.5, color=MUTED)
    png, svg = io.BytesIO(), io.StringIO()
    figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
    figure.set_layout_engine(None)  # laid out once; each rendering would do it again, at twice its price
    FigureCanvasAgg(figure)
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    foot_pt = foot.get_window_extent().y1 / figure.dpi * POINTS_PER_INCH
    foot.set_visible(False)
    FigureCanvasSVG(figure)
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(svg, format="svg", transparent=True, metadata=metadata)
    drawn = themable(svg.getvalue(), name, foot_pt)
    return Picture(name, title, caption, alt, note, drawn, png.getvalue())


def themable(svg: str, name: str, foot_pt: float) -> str:
    """Make a drawn SVG fit to stand inside a page: own ids, colours as variables, size by the page, without
    the empty ``foot_pt`` at its lower end."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r"<svg [^>]*?viewBox=\"0 0 ([\d.]+) ([\d.]+)\"[^>]*>",
        lambda size: f'<svg viewBox="0 0 {size[1]} {float(size[2]) - foot_pt:.1f}" aria-hidden="true">',
        svg,
        count=1,
    )
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:)?href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    for colour, (variable, _, _) in PALETTE.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.strip()


def palette_css(dark: bool) -> str:
    """The palette as CSS declarations."""
    return " ".join(f"{name}: {on_dark if dark else light};" for name, light, on_dark in PALETTE.values())


def colour(subject: SubjectRecord) -> str:
    """The colour of a subject's kind."""
    return KIND_COLOUR[subject.kind]


def marker(subject: SubjectRecord) -> str:
    """The shape of a subject's kind."""
    return KIND_MARKER[subject.kind]


def shorten(text: str, limit: int = 22) -> str:
    """``text`` with its middle left out where it would not fit; ``$`` is no mathematics here."""
    if len(text) > limit:
        half = (limit - 1) // 2
        text = f"{text[:half]}…{text[-half:]}"
    return text.replace("$", r"\$")


def wrapped(text: str, width: int = 42) -> str:
    """A title on at most two lines, about equally long; a size keeps its unit."""
    text = re.sub(r"(?<=\d) (?=[KMG]?i?B\b)", "\N{NO-BREAK SPACE}", text)
    if len(text) > width:
        fitting = (n for n in range(len(text) // 2, width) if len(textwrap.wrap(text, n)) <= 2)
        width = next(fitting, width)
    return "\n".join(
        shorten(line, width) for line in textwrap.wrap(text, width, max_lines=2, placeholder="…")
    )


def log_ticks(axes: Axes, which: str) -> None:
    """Plain numbers, never powers of ten, on a logarithmic axis; minor labels stay out."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def few_ticks(axes: Axes) -> None:
    """At most five steps on a linear x axis: numbers of any length stand clear in a narrow panel."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=TICK_STEPS, steps=ROUND_STEPS))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
