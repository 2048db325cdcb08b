"""From a vendor's rows to the project's bars: UTC, start of bar, every row kept and marked where it is odd.

Nothing is dropped or repaired here. Judging the marks is the quality gate's work; parsing a vendor's format is the
feed's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from market.labels import LabelEvidence, LabelSide, agreed_side, evidence_in_order, since_open
from market.quality.columns import Array, Arrays, Columns
from market.sessions import BarSize, Session
from schemas.errors import LabelSideUnclear
from schemas.tables import (
    BAD_PRINT,
    BAR_VALUES,
    DUPLICATE_CONFLICTING,
    DUPLICATE_EQUAL,
    EXTENDED_HOURS,
    KEPT,
    NO_VALUE,
    OFF_GRID,
    OUTSIDE_SESSION,
    PRICE_COLUMNS,
    PRIMARY,
    REMARKS,
    ZERO_VOLUME,
    Bars,
)
from schemas.texts import Texts, alike, encoded, placed

BAD_PRINT_REACH = 0.10
"""A high or low that lies further than this from both the open and the close of its own bar."""
TWO_SCALES = 1.4
"""An open and a close of one bar this far apart are prices from before and after a split; the smallest is 3 for 2."""

BY_RANK = (KEPT, EXTENDED_HOURS, OUTSIDE_SESSION, NO_VALUE, OFF_GRID, DUPLICATE_CONFLICTING, DUPLICATE_EQUAL)
"""The marks: none, then in the order in which the first that applies is given."""


@dataclass(frozen=True)
class Provenance:
    """What is known of a vendor's rows before they are looked at."""

    source: str
    """The feed that answered."""
    basis: str
    """The adjustment basis of the prices, one of `schemas.tables.BASES`."""
    side: LabelSide | None = None
    """What its stamps mark, where the feed leaves no doubt; None: it is read from the stamps."""


@dataclass(frozen=True)
class NormalisedBars:
    """One symbol's session, and what was seen on the way."""

    columns: Columns
    """`schemas.tables.Bars`."""
    side: LabelSide
    evidence: LabelEvidence
    origin: str = ""
    """Where they were read: a file's name; empty for a vendor's answer."""

    @property
    def bars(self) -> pd.DataFrame:
        """`schemas.tables.Bars`."""
        return self.columns.table

    @property
    def extended_rows(self) -> int:
        """Rows of pre-market and after-hours trading, which are no part of a session."""
        return int(np.count_nonzero(self.columns.texts("mark").are(EXTENDED_HOURS)))


def normalise(
    rows: pd.DataFrame,
    session: Session,
    bar_size: BarSize,
    provenance: Provenance,
    prevailing: LabelSide | None = None,
) -> NormalisedBars:
    """Turn one symbol's vendor rows into bars of one session.

    Args:
        rows: `stamp` (New York zone), `symbol`, open, high, low, close, volume; any order, any days.
        session: the day wanted.
        bar_size: the length of the bars.
        provenance: the feed that answered, the basis of its prices, what its stamps mark if that is certain.
        prevailing: the label side of most sessions of the same answer; a session without evidence takes it.

    Raises:
        LabelSideUnclear: the evidence is contradictory or against the prevailing side, or there is nothing to go by.

    """
    ordered = _Ordered.of(rows, [session])
    evidence = ordered.evidence(0, bar_size)
    side = provenance.side or _side(evidence, prevailing, session, len(ordered.chosen))
    return NormalisedBars(_bars(ordered, [side], bar_size, provenance), side, evidence)


class NormalisedSessions:
    """One symbol's sessions of one vendor answer, made bars together; each is held to the side that most agree on.

    Args:
        rows: as `normalise` takes them.
        sessions: those that the answer covers, in order.
        bar_size: the length of the bars.
        provenance: the feed that answered, the basis of its prices, what its stamps mark if that is certain.

    """

    def __init__(
        self, rows: pd.DataFrame, sessions: Sequence[Session], bar_size: BarSize, provenance: Provenance
    ) -> None:
        ordered = _Ordered.of(rows, sessions)
        self._bounds = ordered.bounds
        self._places = {one.day: place for place, one in enumerate(sessions) if ordered.count(place)}
        self._evidence = {place: ordered.evidence(place, bar_size) for place in self._places.values()}
        self._certain = provenance.side
        self._prevailing = None if self._certain else agreed_side(self._evidence.values())
        sides = [self._certain or self._likely(place) for place in range(len(sessions))]
        self._bars = _bars(ordered, sides, bar_size, provenance)

    def __contains__(self, session: Session) -> bool:
        """Whether the answer has rows of the session's day."""
        return session.day in self._places

    def bars(self, session: Session) -> NormalisedBars:
        """The bars of a session of which there are rows.

        Raises:
            LabelSideUnclear: as of `normalise`.

        """
        place = self._places[session.day]
        first, end = self._bounds[place : place + 2]
        evidence = self._evidence[place]
        side = self._certain or _side(evidence, self._prevailing, session, end - first)
        return NormalisedBars(self._bars.part(first, end), side, evidence)

    def _likely(self, place: int) -> LabelSide:
        """The side that the session's bars have if they can be had at all, which is asked when they are."""
        evidence = self._evidence.get(place)
        own = None if evidence is None or evidence.contradictory else evidence.side
        return own or self._prevailing or LabelSide.START


def empty_bars() -> pd.DataFrame:
    """A table of no bars with the columns and types of `schemas.tables.Bars`."""
    floats = {name: pd.Series(dtype="float64") for name in BAR_VALUES}
    texts = {name: pd.Series(dtype="str") for name in Bars.to_schema().columns if name not in (*floats, "timestamp")}
    table = pd.DataFrame({"timestamp": pd.DatetimeIndex([], tz="UTC").as_unit("us"), **floats, **texts})
    return table[list(Bars.to_schema().columns)]


def _side(evidence: LabelEvidence, prevailing: LabelSide | None, session: Session, stamps: int) -> LabelSide:
    side = evidence.side or prevailing
    if side is None:
        raise LabelSideUnclear(f"Nothing in the {stamps} stamps of {session.key} says which side of the bar they mark.")
    if prevailing is None and not evidence.sure:
        raise LabelSideUnclear(
            f"{session.key} begins at the first end label with the opening volume: its stamps mark the end of the bar, "
            "or the start and its first bar is missing."
        )
    if prevailing is not None and side is not prevailing:
        raise LabelSideUnclear(
            f"The stamps of {session.key} mark the {side} of the bar ({', '.join(evidence.start + evidence.end)}), "
            f"those of the month's other sessions the {prevailing}."
        )
    return side


@dataclass(frozen=True)
class _Ordered:
    """The rows of some sessions' days, by session, then by stamp; rows of one stamp as they came."""

    rows: pd.DataFrame
    sessions: Sequence[Session]
    chosen: np.ndarray
    """Which rows, in that order."""
    place: np.ndarray
    """Of each, the place of its session."""
    bounds: list[int]
    """Where each session begins among them, and where the last one ends."""
    stamps: np.ndarray
    """datetime64[us], UTC."""
    values: Mapping[str, np.ndarray]
    """By the name of the column, float64."""

    @classmethod
    def of(cls, rows: pd.DataFrame, sessions: Sequence[Session]) -> "_Ordered":
        stamps = rows["stamp"].to_numpy("datetime64[us]")
        midnights = _instants([one.midnights[0] for one in sessions])
        place = np.searchsorted(midnights, stamps, side="right") - 1
        ends = _instants([one.midnights[1] for one in sessions])
        within = np.flatnonzero((place >= 0) & (stamps < ends[place]))
        chosen = within[np.argsort(stamps[within], kind="stable")]  # sessions are in order, as are their stamps
        place = place[chosen]
        values = {name: rows[name].to_numpy("float64")[chosen] for name in BAR_VALUES}
        bounds = np.searchsorted(place, np.arange(len(sessions) + 1)).tolist()
        return cls(rows, sessions, chosen, place, bounds, stamps[chosen], values)

    def count(self, place: int) -> int:
        """How many rows a session has."""
        return self.bounds[place + 1] - self.bounds[place]

    def evidence(self, place: int, bar_size: BarSize) -> LabelEvidence:
        """Which side a session's stamps mark."""
        session, own = self.sessions[place], slice(*self.bounds[place : place + 2])
        return evidence_in_order(since_open(self.stamps[own], session), self.values["volume"][own], session, bar_size)

    def by_row(self, instants: Iterable[pd.Timestamp]) -> np.ndarray:
        """For each row one of the instants, of which there is one a session."""
        return np.asarray(_instants(list(instants))[self.place])


def _instants(stamps: Sequence[pd.Timestamp]) -> np.ndarray:
    """Shape (stamps,), datetime64[us], UTC."""
    return np.array([stamp.value // 1000 for stamp in stamps], dtype="int64").view("datetime64[us]")


def _bars(ordered: _Ordered, sides: Sequence[LabelSide], bar_size: BarSize, provenance: Provenance) -> Columns:
    """`schemas.tables.Bars` of all sessions, each by the side that its stamps mark."""
    length = np.timedelta64(bar_size.delta.value // 1000, "us")
    ends = np.array([side is LabelSide.END for side in sides])[ordered.place]
    starts = np.where(ends, ordered.stamps - length, ordered.stamps)
    since = starts - ordered.by_row(one.open for one in ordered.sessions)
    again = np.zeros(len(starts), dtype=bool)
    again[1:] = (starts[1:] == starts[:-1]) & (ordered.place[1:] == ordered.place[:-1])
    odd = _oddities(ordered.values, since % length != np.timedelta64(0), again)
    marks = _marks(starts, odd, ordered)
    count = len(starts)
    columns: dict[str, Array] = {
        "timestamp": starts,
        "symbol": encoded(ordered.rows["symbol"].array).part(ordered.chosen),
        **ordered.values,
        "source": alike(provenance.source, count),
        "basis": alike(provenance.basis, count),
        "role": alike(PRIMARY, count),
        "why": alike("", count),
        "mark": placed(marks, BY_RANK),
        "remark": _remarks(odd, marks),
    }
    return Arrays({name: columns[name] for name in Bars.to_schema().columns})


def _oddities(values: Mapping[str, np.ndarray], off_grid: np.ndarray, again: np.ndarray) -> dict[str, np.ndarray]:
    """What is odd about each bar, by the name of the oddity.

    Args:
        values: by the name of a column, bars in the order of their stamps.
        off_grid: which do not start at a multiple of the bar's length after the open.
        again: which start when the one before them does.

    """
    repeats, conflicting = _repeats(again, values)
    opens, closes, volumes = values["open"], values["close"], values["volume"]
    lower, upper = np.fmin(opens, closes), np.fmax(opens, closes)
    with np.errstate(over="ignore"):
        wild = (values["low"] < (1 - BAD_PRINT_REACH) * lower) | (values["high"] > (1 + BAD_PRINT_REACH) * upper)
        mixed = upper > TWO_SCALES * lower
    return {
        OFF_GRID: off_grid,
        DUPLICATE_EQUAL: repeats & ~conflicting,
        DUPLICATE_CONFLICTING: conflicting,
        NO_VALUE: np.isnan([values[name] for name in PRICE_COLUMNS]).all(axis=0),
        ZERO_VOLUME: volumes == 0,
        BAD_PRINT: wild | mixed,
    }


def _repeats(again: np.ndarray, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Which bars repeat the stamp of the one before them, and which are of a stamp whose bars are not all the same."""
    if not again.any():
        return again, again
    stamp = np.cumsum(~again) - 1
    first = np.flatnonzero(~again)[stamp]
    differs = np.zeros(len(again), dtype=bool)
    for column in values.values():
        differs |= (column != column[first]) & ~(np.isnan(column) & np.isnan(column[first]))
    return again, (np.bincount(stamp, differs) > 0)[stamp]


def _marks(starts: np.ndarray, odd: Mapping[str, np.ndarray], ordered: _Ordered) -> np.ndarray:
    """Why a bar stays out of the frame, if it does: its place in `BY_RANK`."""
    sessions = ordered.sessions
    outside = (starts < ordered.by_row(one.open for one in sessions)) | (
        starts >= ordered.by_row(one.close for one in sessions)
    )
    first = ordered.by_row(one.extended_hours[0] for one in sessions)
    last = ordered.by_row(one.extended_hours[1] for one in sessions)
    applies = {EXTENDED_HOURS: outside & (starts >= first) & (starts < last), OUTSIDE_SESSION: outside, **odd}
    marks = np.zeros(len(starts), dtype="int64")
    for place in reversed(range(1, len(BY_RANK))):
        marks[applies[BY_RANK[place]]] = place
    return marks


def _remarks(odd: Mapping[str, np.ndarray], marks: np.ndarray) -> Texts:
    """What else is odd about each bar than what its mark says."""
    bits = np.zeros(len(marks), dtype="int64")
    for place, name in enumerate(REMARKS):
        unsaid = odd[name] & (marks != BY_RANK.index(name)) if name in BY_RANK else odd[name]
        bits |= unsaid.astype("int64") << place
    if not bits.any():
        return alike("", len(bits))
    found, rows = np.unique(bits, return_inverse=True)
    texts = [" ".join(name for place, name in enumerate(REMARKS) if one >> place & 1) for one in found.tolist()]
    return placed(rows, texts)
