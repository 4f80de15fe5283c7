"""Whether the report of a run is whole: ``python -m tests.check_report RUN`` says so by its exit code.

It looks from outside, as a reader would: at the files, not at the code that wrote them.
"""

from __future__ import annotations

import csv
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from lab.errors import LabError
from lab.results import read_run

LEAST_PAGE_BYTES = 20_000
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FETCHING = {"src", "href", "xlink:href", "action", "poster", "data", "srcset"}
LOCAL = ("data:", "#")


class Page(HTMLParser):
    """Collects what the page would fetch, the pictures it carries, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.pictures = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pictures += tag in ("img", "svg")
        for name, value in attrs:
            # A link that a reader may follow is no fetch: only <link> is, among what has an href.
            if name in FETCHING and value and not value.startswith(LOCAL) and tag != "a":
                self.fetched.append(f"<{tag} {name}={value[:60]!r}>")
            if name == "style" and re.search(r"url\((?!#|data:)", value or ""):
                self.fetched.append(f"<{tag} style={value!r}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def complaints(folder: Path) -> Iterator[str]:
    """Everything that is wrong with the report in ``folder``; nothing if it is whole."""
    run = read_run(folder)
    if run.record.status != "complete":
        yield f"the run is {run.record.status}, expected complete"
    for sample in run.samples:
        if sample.status != "ok":
            yield f"a sample failed: {sample.subject} under {sample.scenario}: {sample.reason}"
    yield from _page(folder / "report.html", [subject.name for subject in run.record.subjects])
    yield from _table(folder / "samples.csv", len(run.samples))
    yield from _figures(folder / "figures")
    summary = folder / "summary.md"
    if not summary.exists() or len(summary.read_text("utf-8")) < 200:
        yield "summary.md is missing or all but empty"


def _page(path: Path, subjects: list[str]) -> Iterator[str]:
    if not path.exists() or path.stat().st_size < LEAST_PAGE_BYTES:
        yield f"{path.name} is missing or has fewer than {LEAST_PAGE_BYTES:,} bytes"
        return
    html = path.read_text("utf-8")
    page = Page()
    page.feed(html)
    yield from (f"{path.name} is not self-contained: {fetch}" for fetch in page.fetched)
    yield from (f"{path.name} imports a style: {found}" for found in re.findall(r"@import[^;]*;", html))
    if not page.pictures:
        yield f"{path.name} has no picture"
    words = " ".join(page.text)
    yield from (f"{path.name} does not name {name}" for name in subjects if name not in words)
    if not html.rstrip().endswith("</html>"):
        yield f"{path.name} is cut off"


def _table(path: Path, samples: int) -> Iterator[str]:
    if not path.exists():
        yield f"{path.name} is missing"
        return
    with open(path, encoding="utf-8", newline="") as file:
        rows = len(list(csv.DictReader(file)))
    if rows != samples:
        yield f"{path.name} has {rows} rows, expected one for each of the {samples} samples"


def _figures(folder: Path) -> Iterator[str]:
    paths = sorted(folder.glob("*.png"))
    if not paths:
        yield "there is no PNG in figures/"
    for path in paths:
        if trouble := _png_trouble(path.read_bytes()):
            yield f"figures/{path.name}: {trouble}"


def _png_trouble(data: bytes) -> str | None:
    """What is wrong with a PNG: each chunk's checksum, the picture's size, its end."""
    if not data.startswith(PNG_SIGNATURE):
        return "no PNG signature"
    width, height = struct.unpack(">II", data[16:24])
    if width < 200 or height < 100:
        return f"only {width} x {height} pixels"
    position, kind = len(PNG_SIGNATURE), b""
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        if position + 12 + length > len(data):
            return "it is cut off"
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack(">I", data[position + 8 + length : position + 12 + length])
        if zlib.crc32(kind + body) != checksum:
            return f"the checksum of chunk {kind!r} is wrong"
        position += 12 + length
    return None if kind == b"IEND" else "it is cut off"


def main() -> None:
    """Print every complaint about the run named on the command line; exit 1 if there is one."""
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("check_report: expected one run folder: make check-report RUN=folder")
    try:
        found = list(complaints(Path(sys.argv[1])))
    except LabError as error:
        sys.exit(f"check_report: {error}")
    for complaint in found:
        print(f"check_report: {complaint}", file=sys.stderr)
    print(f"{sys.argv[1]}: {'the report is whole' if not found else f'{len(found)} complaints'}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
