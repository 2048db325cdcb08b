"""Figures as what a UI and a page can show, and the colours that all of them share.

Here: how a figure is laid out and becomes a PNG. What is drawn in it: `charts` and `quality_charts`.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

RISE, FALL, MISSING = "#1a7f5a", "#b3403a", "#f2b134"
CLOSED, UNKNOWN = "#e4e7eb", "#a9b1bc"

DOTS_PER_INCH = 80
WIDTH = 9.0
"""Of every picture, inches."""


@dataclass(frozen=True)
class Picture:
    """A PNG and what it shows, in words."""

    title: str
    png: bytes

    @property
    def data(self) -> str:
        """The picture as an address that needs no other file: what an `<img>` has as its source."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    @property
    def markdown(self) -> str:
        """The picture as the Dagster UI shows it."""
        return f"![{self.title}]({self.data})"


def picture(figure: Figure, title: str) -> Picture:
    """Draw a figure once; `Figure.savefig` would do it twice."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return Picture(title, buffer.getvalue())


def stacked(
    title: str, heights: Sequence[float], *, left: float, between: float = 0.33, below: float = 0.3, above: float = 0.48
) -> tuple[Figure, list[Axes]]:
    """A figure of panels over each other that share their horizontal axis; all sizes in inches.

    The margins are given and not found out: to measure every label costs more than to draw the picture.

    Args:
        title: over the panels.
        heights: of the panels, from above.
        left: the space for the labels of the vertical axes.
        between: the space over each panel but the first, for its title.
        below: the space for the labels of the horizontal axis.
        above: the space for the figure's title and that of the first panel.

    """
    height = above + sum(heights) + between * (len(heights) - 1) + below
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH)
    figure.suptitle(title, fontsize=10, y=1 - 0.07 / height, va="top")
    panels: list[Axes] = []
    top = height - above
    for panel_height in heights:
        place = (left / WIDTH, (top - panel_height) / height, (WIDTH - left - 0.22) / WIDTH, panel_height / height)
        panel = figure.add_axes(place, sharex=panels[0] if panels else None)
        lowest = len(panels) == len(heights) - 1
        panel.tick_params(labelsize=8, bottom=lowest, labelbottom=lowest)
        panels.append(panel)
        top -= panel_height + between
    return figure, panels
