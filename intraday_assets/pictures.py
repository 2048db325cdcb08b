"""Pictures as what a UI and a page can show, and the colours that all of them share.

Here: the frame of a picture, its words, and how it becomes an address. What is drawn in it: `charts` and
`quality_charts`. They are written as SVG: a hundredth of the time that a drawing library takes, and less to keep.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

RISE, FALL, MISSING = "#1a7f5a", "#b3403a", "#f2b134"
CLOSED, UNKNOWN = "#e4e7eb", "#a9b1bc"

WIDTH, RIGHT = 720, 18
"""Pixels: of every picture, and of the margin on its right."""
HATCHED = "url(#hatched)"
"""A fill: strokes over what lies below."""


@dataclass(frozen=True)
class Picture:
    """An SVG document and what it shows, in words."""

    title: str
    svg: str

    @property
    def data(self) -> str:
        """The picture as an address that needs no other file: what an `<img>` has as its source."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"

    @property
    def markdown(self) -> str:
        """The picture as the Dagster UI shows it."""
        return f"![{self.title}]({self.data})"


def picture(title: str, height: float, parts: Iterable[str]) -> Picture:
    """The parts, elements of SVG, on white under the title; `height` in pixels."""
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="10.5">'
        '<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<path d="M-1 1l2-2M0 6l6-6M5 7l2-2" stroke="{UNKNOWN}" stroke-width="0.8"/></pattern></defs>'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
    )
    return Picture(title, "".join([begin, words(title, WIDTH / 2, 16, anchor="middle", size=12.5), *parts, "</svg>"]))


def words(
    said: str, x: float, y: float, *, anchor: str = "start", size: float | None = None, colour: str | None = None
) -> str:
    """A line of text that stands on `y`; it begins, ends or has its middle at `x`."""
    sized = f' font-size="{size}"' if size else ""
    coloured = f' fill="{colour}"' if colour else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{sized}{coloured}>{escape(said)}</text>'


def legend(entries: Iterable[tuple[str, str, bool]], y: float) -> str:
    """A line of squares with names, at the right end: colour, name, and whether the square is hatched."""
    parts, x = [], float(WIDTH - RIGHT)
    for colour, name, hatched in reversed(list(entries)):
        x -= 6.4 * len(name)
        parts.append(words(name, x, y))
        x -= 15
        for fill in (colour, *([HATCHED] if hatched else [])):
            parts.append(
                f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="11" height="10" fill="{fill}" stroke="{UNKNOWN}" '
                'stroke-width="0.6"/>'
            )
        x -= 12
    return "".join(parts)
