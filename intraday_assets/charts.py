"""Pictures for the UI: a session's candles, one panel per symbol, missing minutes marked.

Each session of a run has one, so it may cost only milliseconds.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from intraday_assets.pictures import FALL, MISSING, RIGHT, RISE, WIDTH, Picture, picture, words
from market.sessions import NEW_YORK
from schemas.tables import PRICE_COLUMNS

CANDLE_MINUTES = 5
"""Candles are drawn over five minutes: 390 would be narrower than a pixel. Missing bars are marked to the minute."""

LEFT, ABOVE, PANEL, BETWEEN, BELOW = 52, 40, 166, 27, 24
"""Pixels: margins, the height of a panel, and the space over each but the first."""
TICKS = 6
"""At most, on the axis of prices."""
BODY, WICK = 3.6, 1.0

Numbers = npt.NDArray[np.float64]


class Panel(NamedTuple):
    """One symbol's bars and where they are drawn."""

    symbol: str
    top: int
    minutes: Numbers
    """When each bar starts, since the session's first."""
    prices: Numbers
    """Open, high, low, close of each bar, shape (n, 4)."""
    missing: npt.NDArray[np.bool_]


class Candles(NamedTuple):
    """One symbol's candles, an array each: the middle in minutes since the first bar of the session, and the prices."""

    middle: Numbers
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers


class Scale(NamedTuple):
    """Where a panel has its minutes and prices."""

    minutes: float
    top: float
    low: float
    high: float

    def x(self, minute: npt.ArrayLike) -> Numbers:
        """Pixels from the left."""
        return LEFT + np.asarray(minute, dtype="float64") * ((WIDTH - LEFT - RIGHT) / self.minutes)

    def y(self, price: npt.ArrayLike) -> Numbers:
        """Pixels from above; a price that no panel can hold lies on its edge."""
        return self.top + (self.high - np.clip(price, self.low, self.high)) * (PANEL / (self.high - self.low))


def candles(frame: pd.DataFrame, symbols: Sequence[str], title: str) -> str:
    """A frame (`schemas.tables.Frame`) as a Markdown image, in New York time."""
    return candle_picture(frame, symbols, title).markdown


def candle_picture(frame: pd.DataFrame, symbols: Sequence[str], title: str) -> Picture:
    """The picture itself: a panel per symbol, one time axis."""
    parts: list[str] = []
    stamps = pd.DatetimeIndex(frame["timestamp"])
    minutes = (stamps - stamps[0]).to_numpy() / np.timedelta64(1, "m")
    prices = frame[list(PRICE_COLUMNS)].to_numpy("float64")
    missing, of = frame["missing"].to_numpy("bool"), frame["symbol"].to_numpy()
    for place, symbol in enumerate(symbols):
        rows = of == symbol
        panel = Panel(symbol, ABOVE + place * (PANEL + BETWEEN), minutes[rows], prices[rows], missing[rows])
        parts += _drawn(panel, stamps[0], labelled=place == len(symbols) - 1)
    return picture(title, ABOVE + len(symbols) * (PANEL + BETWEEN) - BETWEEN + BELOW, parts)


def candles_of(minutes: Numbers, prices: Numbers) -> Candles:
    """Candles of the bars that exist: first open, highest high, lowest low, last close of each five minutes.

    Args:
        minutes: when each bar starts, since the session's first, ascending.
        prices: open, high, low, close of the same bars, shape (n, 4).

    """
    if not len(minutes):
        return Candles(*np.empty((5, 0)))
    begins = minutes // CANDLE_MINUTES
    first = np.flatnonzero(np.append(True, begins[1:] != begins[:-1]))
    last = np.append(first[1:], len(begins)) - 1
    highs, lows = np.maximum.reduceat(prices[:, 1], first), np.minimum.reduceat(prices[:, 2], first)
    return Candles((begins[first] + 0.5) * CANDLE_MINUTES, prices[first, 0], highs, lows, prices[last, 3])


def spans(missing: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of missing bars: the place of the first, and of the one behind the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype("int8")))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def price_ticks(low: float, high: float) -> list[str]:
    """Round prices from low to high, evenly spaced, as they are written."""
    least = (high - low) / TICKS
    power = 10.0 ** np.floor(np.log10(least))
    step = next((power * times for times in (1, 2, 5) if power * times >= least), power * 10)
    decimals = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    return [f"{number * step:.{decimals}f}" for number in range(int(np.ceil(low / step)), int(high // step) + 1)]


def _drawn(panel: Panel, opens: pd.Timestamp, *, labelled: bool) -> Iterator[str]:
    minutes, missing, top = panel.minutes, panel.missing, panel.top
    bar = minutes[1] - minutes[0]
    there = ~missing & ~np.isnan(panel.prices).any(axis=1)
    drawn = candles_of(minutes[there], panel.prices[there])
    scale = _scale(drawn, minutes[-1] + bar, top)
    count = f"{missing.sum()} missing" if missing.any() else "none missing"
    yield words(f"{panel.symbol}, {count} of {len(minutes)}", LEFT, top - 6)
    for begin, end in spans(missing):
        left, right = scale.x(begin * bar), scale.x(end * bar)
        yield f'<rect x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{PANEL}" fill="{MISSING}"/>'
    yield from _axes(scale, opens, labelled=labelled, priced=len(drawn.middle) > 0)
    rising = drawn.close >= drawn.open
    for colour, which in ((RISE, rising), (FALL, ~rising)):
        yield _strokes(scale, drawn.middle[which], drawn.low[which], drawn.high[which], colour, WICK)
        yield _strokes(scale, drawn.middle[which], drawn.open[which], drawn.close[which], colour, BODY)
    yield f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{PANEL}" fill="none" stroke="#000"/>'


def _scale(drawn: Candles, minutes: float, top: int) -> Scale:
    """As high as the prices that can be drawn: what a vendor calls infinite is for the gate to find."""
    prices = np.concatenate([drawn.low, drawn.high])
    finite = prices[np.isfinite(prices)]
    if not len(finite):
        return Scale(minutes, top, 0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    margin = (high - low) / 20 or max(abs(high), 1.0) / 100
    return Scale(minutes, top, low - margin, high + margin)


def _axes(scale: Scale, opens: pd.Timestamp, *, labelled: bool, priced: bool) -> Iterator[str]:
    bottom, right = scale.top + PANEL, WIDTH - RIGHT
    for price in price_ticks(scale.low, scale.high) if priced else ():
        y = float(scale.y(float(price)))
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
        yield words(price, LEFT - 5, y + 4, anchor="end")
    begin = opens.tz_convert(NEW_YORK)
    for minute in range(-begin.minute % 60, int(scale.minutes) + 1, 60):
        x = float(scale.x(minute))
        yield f'<path d="M{x:.1f} {scale.top}V{bottom}" stroke="#ddd"/>'
        if labelled:
            hour = begin.hour + (begin.minute + minute) // 60
            yield words(f"{hour}:00", x, bottom + 15, anchor="middle")


def _strokes(scale: Scale, minutes: Numbers, ends: Numbers, others: Numbers, colour: str, width: float) -> str:
    """Vertical strokes from one price to another; one that has no length is still a pixel high."""
    xs, tops, bottoms = scale.x(minutes), scale.y(np.maximum(ends, others)), scale.y(np.minimum(ends, others))
    heights = np.maximum(bottoms - tops, 1.0)
    lines = "".join(
        f"M{x:.1f} {y:.1f}v{height:.1f}"
        for x, y, height in zip(xs.tolist(), tops.tolist(), heights.tolist(), strict=True)
    )
    return f'<path d="{lines}" stroke="{colour}" stroke-width="{width}"/>' if lines else ""
