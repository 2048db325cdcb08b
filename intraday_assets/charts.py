"""Pictures for the UI: a session's candles, one panel per symbol, missing minutes marked."""

import base64
import io
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, HourLocator, date2num
from matplotlib.figure import Figure

from market.sessions import NEW_YORK

RISE, FALL, MISSING = "#1a7f5a", "#b3403a", "#f2b134"
CANDLE_MINUTES = 5
"""Candles are drawn over five minutes: 390 would be narrower than a pixel. Missing bars are marked to the minute."""


def candles(frame: pd.DataFrame, symbols: Sequence[str], title: str) -> str:
    """A frame (`schemas.tables.Frame`) as a Markdown image, in New York time."""
    buffer = io.BytesIO()
    candle_figure(frame, symbols, title).savefig(buffer, format="png")
    return f"![{title}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"


def candle_figure(frame: pd.DataFrame, symbols: Sequence[str], title: str) -> Figure:
    """The picture itself: a panel per symbol, one time axis."""
    figure = Figure(figsize=(9, 2.6 * len(symbols)), dpi=80, layout="constrained")
    panels = figure.subplots(len(symbols), 1, sharex=True, squeeze=False)[:, 0]
    for panel, symbol in zip(panels, symbols, strict=True):
        _draw(panel, frame[frame["symbol"] == symbol], symbol)
    panels[-1].xaxis.set_major_locator(HourLocator(tz=NEW_YORK))
    panels[-1].xaxis.set_major_formatter(DateFormatter("%H:%M", tz=NEW_YORK))
    figure.suptitle(title, fontsize=10)
    return figure


def _draw(panel: Axes, rows: pd.DataFrame, symbol: str) -> None:
    by_minute = rows.set_index(rows["timestamp"].dt.tz_convert(NEW_YORK))
    bar = pd.Timedelta(by_minute.index[1] - by_minute.index[0])
    missing = pd.DatetimeIndex(by_minute.index[by_minute["missing"]])
    for minute in missing:
        # Numbers, never timestamps: setting an axis's unit late makes matplotlib forget the candles' limits.
        panel.axvspan(date2num(minute), date2num(minute + bar), color=MISSING, linewidth=0)
    prices = by_minute.loc[~by_minute["missing"], ["open", "high", "low", "close"]]
    columns = {"open": "first", "high": "max", "low": "min", "close": "last"}
    bars = prices.resample(f"{CANDLE_MINUTES}min").agg(columns).dropna()
    colours = [RISE if rises else FALL for rises in bars["close"] >= bars["open"]]
    middle = date2num(bars.index + pd.Timedelta(minutes=CANDLE_MINUTES / 2))
    panel.vlines(middle, bars["low"], bars["high"], color=colours, linewidth=0.8)
    panel.vlines(middle, bars["open"], bars["close"], color=colours, linewidth=3.2)
    count = f"{len(missing)} missing" if len(missing) else "none missing"
    panel.set_title(f"{symbol}, {count} of {len(rows)}", loc="left", fontsize=9)
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25)
    panel.set_xlim(date2num(by_minute.index[0]), date2num(by_minute.index[-1] + bar))
