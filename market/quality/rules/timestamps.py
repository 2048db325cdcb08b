"""Do the bars stand where the exchange has minutes? Repeated, off-grid, outside and wrongly labelled bars."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from market.labels import OPENING_BAR_IS_LARGE, label_evidence, opening_bar
from market.quality.evidence import Evidence
from market.quality.rule import AtMost, SymbolRule, Told, above, hold_order
from market.quality.stack import Stack
from market.sessions import NEW_YORK
from schemas.tables import DUPLICATE_CONFLICTING, DUPLICATE_EQUAL, EXTENDED_HOURS, KEPT, OFF_GRID, OUTSIDE_SESSION

MICROSECOND = pd.Timedelta(microseconds=1)
MINUTE = pd.Timedelta(minutes=1)
NO_TIME = pd.Timedelta(0)

AROUND_THE_OPEN = pd.Timedelta(minutes=15)
"""The bars that are listened to: those in which the opening bar is looked for, and some after them."""
QUIETER_BEFORE = 2.0
"""A bar of before the open has at most half the volume of the usual bar after it."""


class Duplicates(SymbolRule):
    """Stamps that came more than once: equal repeats, and repeats that contradict each other."""

    name: ClassVar[str] = "duplicates"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Does every minute occur once?"

    warn_equal: int = Field(default=0, ge=0)
    fail_equal: int = Field(default=10, ge=0, description="equal repeats tolerated")
    warn_conflicting: int = Field(default=0, ge=0)
    fail_conflicting: int = Field(default=0, ge=0, description="contradictory rows tolerated")

    @model_validator(mode="after")
    def _warn_before_failing(self) -> Self:
        hold_order("warn_equal", self.warn_equal, "fail_equal", self.fail_equal)
        hold_order("warn_conflicting", self.warn_conflicting, "fail_conflicting", self.fail_conflicting)
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """Two findings a symbol: equal and conflicting repeats."""
        kinds = (
            (DUPLICATE_EQUAL, self.warn_equal, self.fail_equal, "repeat an earlier one"),
            (DUPLICATE_CONFLICTING, self.warn_conflicting, self.fail_conflicting, "contradict another of that minute"),
        )
        for evidence, symbol in stack.columns:
            for mark, warn, fail, fault in kinds:
                found = evidence.stamps(symbol, mark)
                said = f"{len(found)} {symbol} bars {fault} (at most {fail})"
                verdict = above(len(found), warn, fail)
                thresholds = {"warn": warn, "fail": fail}
                yield self.told(evidence, symbol, verdict, len(found), said, held_against=found, **thresholds)


class OffGrid(SymbolRule, AtMost):
    """Bars between two of the exchange's minutes."""

    name: ClassVar[str] = "off_grid"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Does every bar start at the beginning of one of the exchange's minutes?"

    warn: int = Field(default=0, ge=0)
    fail: int = Field(default=0, ge=0, description="bars tolerated")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars."""
        length = stack.evidences[0].bar_size.delta // MICROSECOND
        for evidence, symbol in stack.columns:
            found = evidence.strays(symbol, OFF_GRID, lambda since: since % length != 0)
            said = f"{len(found)} {symbol} bars lie between the exchange's minutes (at most {self.fail})"
            yield self.told(evidence, symbol, self.verdict(len(found)), len(found), said, held_against=found)


class OutsideSession(SymbolRule, AtMost):
    """Bars at night, and bars before the open or after the close that were not cut.

    Trading before the open and after the close (of a half day: its afternoon) is no bar of the session: normalisation
    cuts it with a mark, and this rule says how much it cut. What a feed hands over unmarked is held against it.
    """

    name: ClassVar[str] = "outside_session"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Is every bar within the exchange's session?"

    warn: int = Field(default=0, ge=0)
    fail: int = Field(default=0, ge=0, description="bars tolerated")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars."""
        first = stack.evidences[0].session  # the others are as long
        day = "the half day" if first.is_half_day else "the session"
        length = (first.close - first.open) // MICROSECOND
        for evidence, symbol in stack.columns:
            found = evidence.strays(symbol, OUTSIDE_SESSION, lambda since: (since < 0) | (since >= length))
            cut = evidence.tally.get((symbol, EXTENDED_HOURS), 0)
            said = (
                f"{cut} {symbol} bars of extended hours were cut, {len(found)} lie outside {day} (at most {self.fail})"
            )
            yield self.told(evidence, symbol, self.verdict(len(found)), len(found), said, held_against=found)


class StartLabels(SymbolRule, AtMost):
    """Minutes by which the bar with the opening auction lies off the open: its stamp marks another side of the bar.

    Bars without volume say nothing, and neither does a session whose opening bar is missing: the largest of the others
    is no auction. A bar that is louder than the auction, which is there, is a matter of `volumes`.
    """

    name: ClassVar[str] = "label_side"
    family: ClassVar[str] = "timestamps"
    question: ClassVar[str] = "Does every stamp mark the start of its bar: is the opening auction in the first one?"

    warn: float = Field(default=0, ge=0, description="minutes")
    fail: float = Field(default=0, ge=0, description="minutes")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol whose opening stands out, which names the bar that should be the first."""
        usual = _opens_loudest(stack)
        for (evidence, symbol), loudest in zip(stack.columns, usual, strict=True):
            since = NO_TIME if loudest else _opening(evidence, symbol)
            if since is None:
                continue
            off = abs(since / MINUTE)
            said = f"The opening volume of {symbol} stands in the session's first bar"
            if since:
                side = "after" if since > NO_TIME else "before"
                said = f"The opening volume of {symbol} stands {off:g} minutes {side} the open (at most {self.fail:g})"
            at_fault = [evidence.session.open + since] if since else []
            yield self.told(evidence, symbol, self.verdict(off), off, said, held_against=at_fault)

    def unasked(self, evidence: Evidence, symbols: Sequence[str]) -> str:
        """Of none of them a volume stands out."""
        return "no opening volume stands out"


def _opens_loudest(stack: Stack) -> list[bool]:
    """By column, whether the first bar is so much louder than those around it that nothing else need be looked at."""
    loudest = np.zeros((len(stack.columns), 3))  # before the open, at it, and after it
    for place, evidence in enumerate(stack.evidences):
        near, of = _near_the_open(evidence), evidence.columns.texts("symbol")
        places = [stack.symbols.index(name) if name in stack.symbols else -1 for name in of.names]
        column, volumes = np.array(places, dtype="int64")[of.codes[near]], evidence.columns.numbers("volume")[near]
        side = np.sign(evidence.since_open[near]) + 1
        asked = column >= 0
        np.maximum.at(loudest, (place * len(stack.symbols) + column[asked], side[asked]), volumes[asked])
    before, opening, after = loudest.T
    return list((opening > after) & (opening >= OPENING_BAR_IS_LARGE * before) & (opening > 0))


def _near_the_open(evidence: Evidence) -> np.ndarray:
    """The places of the rows of some volume around the open, of regular and extended hours."""
    near = np.flatnonzero(np.abs(evidence.since_open) <= AROUND_THE_OPEN // MICROSECOND)
    traded = evidence.columns.numbers("volume")[near] > 0
    return np.asarray(near[traded & evidence.columns.texts("mark").part(near).are(KEPT, EXTENDED_HOURS)])


def _opening(evidence: Evidence, symbol: str) -> pd.Timedelta | None:
    """How long after the open the bar starts that carries the symbol's opening auction, where one does."""
    near = _near_the_open(evidence)
    own = near[evidence.columns.texts("symbol").are(symbol)[near]]
    stamps, heard = evidence.since_open[own].view("timedelta64[us]"), evidence.columns.numbers("volume")[own]
    place = opening_bar(stamps, heard, evidence.bar_size)
    if place is not None and (not stamps[place] or _is_auction(evidence, symbol, stamps, heard, place)):
        return pd.Timedelta(stamps[place])
    return None


def _is_auction(evidence: Evidence, symbol: str, stamps: np.ndarray, volumes: np.ndarray, loudest: int) -> bool:
    """Whether a bar off the open that stands out is the opening bar, and not an outlier behind it.

    The bar in the opening bar's place is then one of before the open, and much quieter than those after it; where
    it is absent, the opening bar may be what is missing. Without any bar before it, the other stamps have to say that
    they mark ends.
    """
    if stamps[loudest] < np.timedelta64(0):
        return True
    before, after = volumes[stamps < stamps[loudest]], volumes[stamps > stamps[loudest]]
    if len(before):
        begun = volumes[(stamps >= np.timedelta64(0)) & (stamps < stamps[loudest])]
        first_is_there = bool((stamps == np.timedelta64(0)).any())
        return first_is_there and bool(len(after)) and bool(QUIETER_BEFORE * begun.max() <= np.median(after))
    table = evidence.columns.table
    bars = table[(table["symbol"] == symbol) & table["mark"].isin([KEPT, EXTENDED_HOURS])]
    said = label_evidence(
        pd.DatetimeIndex(bars["timestamp"]).tz_convert(NEW_YORK), bars["volume"], evidence.session, evidence.bar_size
    )
    return bool(said.end) and said.sure and not said.contradictory
