"""The minutes of a session of one symbol as a strip: which are there, which are not, and which are not due yet.

Here: what is where on it. How it is drawn is `picture_of` in parts.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from market.sessions import BarSize, Session
from market.telling import new_york
from schemas.quality import Span


@dataclass(frozen=True)
class Stretch:
    """Consecutive minutes of a strip, in bars from its left."""

    start: float
    bars: float


@dataclass(frozen=True)
class Strip:
    """The minutes of a session of one symbol."""

    symbol: str
    bars: int
    """Which the session should have."""
    due: int
    """Of them, those that should be there by now."""
    missing: tuple[Span, ...] | None
    """None where nobody counted them."""
    gaps: tuple[Stretch, ...]
    faults: tuple[tuple[str, tuple[Span, ...], tuple[Stretch, ...]], ...]
    """Bars of which something else is said: what, the bars, and those of them that lie on the strip."""

    @property
    def count(self) -> int:
        """Of missing bars."""
        return sum(span.bars for span in self.missing or ())


def strip(
    symbol: str,
    of_session: Session,
    bar_size: BarSize,
    missing: Sequence[Span] | None,
    said: Mapping[str, Sequence[Span]],
    due: int | None = None,
) -> Strip:
    """A symbol's strip.

    Args:
        symbol: whose minutes.
        of_session: the exchange's session.
        bar_size: how long a bar is.
        missing: bars that should be there and are not; None where nobody counted.
        said: other bars, by what is said of them.
        due: how many bars should be there by now; None once all should.

    """
    bars = len(of_session.minutes(bar_size))
    return Strip(
        symbol,
        bars,
        bars if due is None else due,
        None if missing is None else tuple(missing),
        _stretches(missing or (), of_session, bar_size),
        tuple((what, tuple(found), _stretches(found, of_session, bar_size)) for what, found in said.items() if found),
    )


def hour_marks(of_session: Session) -> list[tuple[str, float]]:
    """The full hours of the session in New York, and where they are on a strip, per cent."""
    opened, closed = of_session.open, of_session.close
    hours = pd.date_range(opened.ceil("h"), closed, freq="h")
    return [(new_york(hour), round(100 * ((hour - opened) / (closed - opened)), 3)) for hour in hours]


def _stretches(of: Sequence[Span], of_session: Session, bar_size: BarSize) -> tuple[Stretch, ...]:
    """Those that lie in the session."""
    places = ((pd.Timestamp(span.first) - of_session.open) / bar_size.delta for span in of)
    bars = len(of_session.minutes(bar_size))
    return tuple(Stretch(place, span.bars) for place, span in zip(places, of, strict=True) if 0 <= place < bars)
