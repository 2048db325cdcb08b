"""Pictures for the UI: a session's candles, one panel per symbol, missing minutes marked."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from intraday_assets.pictures import FALL, MISSING, RISE, picture, stacked
from market.sessions import NEW_YORK

CANDLE = pd.Timedelta(minutes=5)
"""Candles are drawn over five minutes: 390 would be narrower than a pixel. Missing bars are marked to the minute."""


def candles(frame: pd.DataFrame, symbols: Sequence[str], title: str) -> str:
    """A frame (`schemas.tables.Frame`) as a Markdown image, in New York time."""
    return picture(candle_figure(frame, symbols, title), title).markdown


def candle_figure(frame: pd.DataFrame, symbols: Sequence[str], title: str) -> Figure:
    """The picture itself: a panel per symbol, one time axis."""
    figure, panels = stacked(title, [2.08] * len(symbols), left=0.55)
    for panel, symbol in zip(panels, symbols, strict=True):
        _draw(panel, frame[(frame["symbol"] == symbol).to_numpy()], symbol)
    first, last = frame["timestamp"].iloc[0], frame["timestamp"].iloc[-1]
    hours = pd.date_range(first.ceil("h"), last.ceil("h"), freq="h").tz_convert(NEW_YORK)
    panels[0].set_xticks(date2num(hours), [f"{hour:%H:%M}" for hour in hours])
    return figure


def _draw(panel: Axes, rows: pd.DataFrame, symbol: str) -> None:
    starts, missing = pd.DatetimeIndex(rows["timestamp"]), rows["missing"].to_numpy("bool")
    bar = starts[1] - starts[0]
    # Numbers, never timestamps: setting an axis's unit late makes matplotlib forget the candles' limits.
    for minute in date2num(starts[missing]):
        span = Rectangle((minute, 0), bar / pd.Timedelta(days=1), 1, color=MISSING, linewidth=0)
        span.set_transform(panel.get_xaxis_transform())
        panel.add_artist(span)
    _draw_candles(panel, starts[~missing], rows.loc[~missing, ["open", "high", "low", "close"]])
    count = f"{missing.sum()} missing" if missing.any() else "none missing"
    panel.set_title(f"{symbol}, {count} of {len(rows)}", loc="left", fontsize=9, y=1)  # y: not to be looked for
    panel.grid(alpha=0.25)
    panel.set_xlim(date2num(starts[0]), date2num(starts[-1] + bar))


def _draw_candles(panel: Axes, starts: pd.DatetimeIndex, prices: pd.DataFrame) -> None:
    if not len(starts):
        return
    candle = starts.floor(CANDLE)
    first = np.flatnonzero(np.append(True, candle[1:] != candle[:-1]))
    opens, closes = prices["open"].to_numpy()[first], prices["close"].to_numpy()[np.append(first[1:], len(starts)) - 1]
    highs = np.maximum.reduceat(prices["high"].to_numpy(), first)
    lows = np.minimum.reduceat(prices["low"].to_numpy(), first)
    middle = date2num(candle[first] + CANDLE / 2)
    colours = np.where(closes >= opens, RISE, FALL).tolist()
    for below, above, width in ((lows, highs, 0.8), (opens, closes, 3.2)):
        lines = np.stack([middle, below, middle, above], axis=1).reshape(-1, 2, 2)
        panel.add_collection(LineCollection(list(lines), colors=colours, linewidths=width))
    panel.autoscale_view()
