"""A recorded session with everything that the gate can compare it with, ready to be spoiled in one way.

The base is the recorded Alpha Vantage pair. Spoiled bars stay consistent with everything else: the frame is built from
them, a second feed and the database have the same ones. So what a rule finds is the fault, not that its copies differ.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import islice
from typing import Any

import pandas as pd

from market.frames import build_frame
from market.labels import LabelSide
from market.normalise import Provenance, normalise
from market.quality.evidence import Evidence
from market.quality.gate import Gate
from market.quality.grid import Grid, bar_grid
from market.sessions import NEW_YORK, BarSize, Session, session, sessions_before
from market.splits import SplitTable
from schemas.quality import QualityReport
from schemas.tables import BAR_VALUES, KEPT
from tests.support import recorded

PAIR = recorded.SYMBOLS
ONE = BarSize.ONE_MINUTE
FULL_DAY, HALF_DAY = "2020-12-15", "2020-11-27"
SESSIONS_BEFORE = 10


@cache
def _recorded(symbol: str) -> pd.DataFrame:
    """The vendor's rows, moved to the start of the bar."""
    rows = recorded.vendor_rows(symbol)
    return rows.assign(stamp=rows["stamp"] - pd.Timedelta(minutes=1)).sort_values("stamp", ignore_index=True)


@cache
def vendor_rows(day: Session) -> pd.DataFrame:
    """What the vendor has of both symbols' day, extended hours too: New York stamps of the start of the bar."""
    first, end = day.midnights
    parts = [rows[(rows["stamp"] >= first) & (rows["stamp"] < end)] for rows in map(_recorded, PAIR)]
    return pd.concat(parts, ignore_index=True)


def normalised(rows: pd.DataFrame, day: Session) -> pd.DataFrame:
    """The bars of both symbols as a feed gives them."""
    provenance = Provenance("alpha_vantage", "unknown", LabelSide.START)
    parts = [normalise(rows[rows["symbol"] == symbol], day, ONE, provenance).bars for symbol in PAIR]
    return pd.concat(parts, ignore_index=True)


@cache
def clean_bars(day: Session) -> pd.DataFrame:
    """The recorded bars."""
    return normalised(vendor_rows(day), day)


@cache
def grids_before(day: Session) -> tuple[Grid, ...]:
    """The recorded sessions before, latest first."""
    return tuple(
        bar_grid(clean_bars(earlier), earlier, ONE, PAIR) for earlier in islice(sessions_before(day), SESSIONS_BEFORE)
    )


class Scene:
    """A session to be judged. A part that is set stays as it is set; the others follow from the bars."""

    def __init__(self, key: str) -> None:
        self.session = session(key)
        self.rows = vendor_rows(self.session)
        self.bars = clean_bars(self.session).copy()
        self.history: tuple[Grid, ...] = grids_before(self.session)
        self.splits: SplitTable | None = None

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Built as the graph builds it, warmed by the history that there is."""
        warm = [clean_bars(grid.session) for grid in self.history[:2]]
        return build_frame(self.bars, warm, self.session, ONE, PAIR, self.splits)

    @cached_property
    def second(self) -> pd.DataFrame:
        """The same bars from Yahoo."""
        return self.bars.assign(source="yahoo").astype({"source": "str"})

    @cached_property
    def stored(self) -> pd.DataFrame:
        """The same bars as `market_data` has them."""
        kept = self.bars[self.bars["mark"] == KEPT]
        return kept[["timestamp", "symbol", *BAR_VALUES, "source"]].reset_index(drop=True)

    def answered(self, rows: pd.DataFrame) -> None:
        """The vendor answered these rows."""
        self.bars = normalised(rows, self.session)

    def times(self, spans: str) -> pd.DatetimeIndex:
        """Minutes of the session's New York day, such as `09:30 11:00-11:06`, both ends included, in UTC."""
        parts = []
        for span in spans.split():
            first, _, last = span.partition("-")
            ends = [pd.Timestamp(f"{self.session.key} {time}", tz=NEW_YORK) for time in (first, last or first)]
            parts += list(pd.date_range(*ends, freq="min"))
        return pd.DatetimeIndex(parts, tz=NEW_YORK).tz_convert("UTC").as_unit("us")

    def at(self, table: pd.DataFrame, symbol: str, spans: str) -> pd.Series:
        """Which rows of a table are the symbol's at those minutes."""
        stamps = table["timestamp"] if "timestamp" in table else table["stamp"]
        return (table["symbol"] == symbol) & stamps.isin(self.times(spans))

    def change(self, part: str, symbol: str, spans: str, **values: Any) -> None:
        """Set columns of a part's rows at those minutes: to a value, or to what a function makes of the rows."""
        table = getattr(self, part).copy()
        rows = self.at(table, symbol, spans)
        assert rows.any()
        for name, value in values.items():
            table.loc[rows, name] = value(table[rows]) if callable(value) else value
        setattr(self, part, table)

    @property
    def evidence(self) -> Evidence:
        """What the gate looks at."""
        return Evidence(
            self.session, ONE, PAIR, self.bars, self.frame, self.history, second=self.second, stored=self.stored
        )

    def judged(self, gate: Gate) -> QualityReport:
        """What the gate says."""
        return gate.judge(self.evidence)


@dataclass(frozen=True)
class Fires:
    """What has to be found: by which rule, of which symbol (None: of the pair), and the New York minutes at fault."""

    rule: str
    symbol: str | None
    verdict: str
    minutes: str = ""


@dataclass(frozen=True)
class Case:
    """One way of spoiling a session, and everything that the gate has to say of it."""

    name: str
    spoil: Callable[[Scene], None]
    expected: tuple[Fires, ...]
    day: str = FULL_DAY
    environment: str = "prod"


@dataclass(frozen=True)
class Corpus:
    """Cases, each written as a function that spoils a scene."""

    cases: list[Case] = field(default_factory=list)

    def case(self, *expected: Fires, day: str = FULL_DAY, environment: str = "prod") -> Callable[..., Any]:
        """Add the decorated function; no expectations: the gate has nothing to say."""

        def add(spoil: Callable[[Scene], None]) -> Callable[[Scene], None]:
            self.cases.append(Case(spoil.__name__, spoil, expected, day, environment))
            return spoil

        return add


def warns(rule: str, symbol: str | None, minutes: str = "") -> Fires:
    """The rule warns of these minutes."""
    return Fires(rule, symbol, "WARN", minutes)


def fails(rule: str, symbol: str | None, minutes: str = "") -> Fires:
    """The rule holds these minutes against the session."""
    return Fires(rule, symbol, "FAIL", minutes)


def thinned(spans: str, step: int) -> str:
    """Every so many of the minutes of one span `HH:MM-HH:MM`."""
    first, last = (pd.Timestamp(f"2000-01-01 {time}") for time in spans.split("-"))
    return " ".join(pd.date_range(first, last, freq=f"{step}min").strftime("%H:%M"))
