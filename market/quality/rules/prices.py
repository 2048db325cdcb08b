"""Are the prices possible? Numbers, in their order, in reach of each other and of what the symbol costs, and moving."""

from collections.abc import Iterable
from math import isnan
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from market.quality.cells import Cells, carried, is_price
from market.quality.evidence import Evidence
from market.quality.grid import Grid
from market.quality.rule import AtMost, Counted, SymbolRule, Told, above, hold_order
from market.quality.stack import Stack
from schemas.quality import Verdict
from schemas.tables import BAR_VALUES, PRICE_COLUMNS

LARGEST_JUMP = 1e9
"""No larger one is measured, so that what is measured is a number."""
Range = tuple[float, float]


class PriceValues(Counted):
    """Bars with a price that is no positive number."""

    name: ClassVar[str] = "price_values"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Is every price a positive number?"
    fault: ClassVar[str] = "bars have a price that is no positive number"
    final: ClassVar[bool] = True

    warn: int = Field(default=0, ge=0, le=0)
    fail: int = Field(default=0, ge=0, le=0, description="none can be stored, so none is tolerated")

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold every price against what a price can be."""
        return np.asarray(stack.bars.present & np.isnan(stack.bars.priced).any(axis=0))


class OhlcRelations(Counted):
    """Bars whose low is not the lowest or high not the highest of their prices; those that are no numbers apart."""

    name: ClassVar[str] = "ohlc_relations"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Is low <= open, close <= high in every bar?"
    fault: ClassVar[str] = "bars break low <= open, close <= high"

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold every low and high against the bar's other prices; what is no number is neither above nor below."""
        bars = stack.bars
        return np.asarray((bars["low"] > bars.prices.min(axis=0)) | (bars["high"] < bars.prices.max(axis=0)))


class PriceJumps(SymbolRule, AtMost):
    """How far a price lies from the close before it: the four of a bar from the bar before, the open from yesterday.

    Of the first bar, the open takes the place of the close before it: a bar that mixes the scales of before and after a
    split is a fault on the day of the split too. What is no price is asked by another rule.
    """

    name: ClassVar[str] = "price_jumps"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Is every price near the close before it, the known splits apart?"

    warn: float = Field(default=0.10, ge=0, description="from bar to bar, whatever gap lies between them")
    fail: float = Field(default=0.20, ge=0)
    overnight_warn: float = Field(default=0.20, ge=0, description="from the last close of the session before")
    overnight_fail: float = Field(default=0.30, ge=0)
    overnight_days: int = Field(default=7, ge=1, description="a session before lies at most so many days back")

    @model_validator(mode="after")
    def _warn_before_failing_overnight(self) -> Self:
        hold_order("overnight_warn", self.overnight_warn, "overnight_fail", self.overnight_fail)
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars; another one where the session before is known."""
        jumps = _jumps(stack.bars)
        far = jumps > self.warn
        largest, found = jumps.max(axis=0).tolist(), np.count_nonzero(far, axis=0).tolist()
        splits = stack.history.splits[0].ravel().tolist()
        moves = self._overnight(stack).tolist()
        for column, (evidence, symbol) in enumerate(stack.columns):
            jump, before = largest[column], stack.history.latest[column // len(stack.symbols)]
            said = f"The largest jump of {symbol} from bar to bar is {jump:.1%} (at most {self.fail:.0%})"
            at = evidence.expected[far[:, column]] if found[column] else ()
            yield self.told(evidence, symbol, self.verdict(jump), jump, said, held_against=at)
            if before is not None and not isnan(moves[column]):
                yield self._move(evidence, symbol, before, moves[column], splits[column])

    def _overnight(self, stack: Stack) -> np.ndarray:
        """By column, how far the first open lies from the last close before, the known splits apart, as a share of it.

        NaN where one of both is not known, or the close is too old.
        """
        closing = np.full((len(stack.evidences), len(stack.symbols)), np.nan)
        for own, evidence, before in zip(closing, stack.evidences, stack.history.latest, strict=True):
            if before is not None and (evidence.session.day - before.session.day).days <= self.overnight_days:
                own[:] = before.closing
        return np.asarray(stack.bars.opening * stack.history.splits[0].ravel() / closing.ravel() - 1)

    def _move(self, evidence: Evidence, symbol: str, before: Grid, move: float, split: float) -> Told:
        """What a move overnight amounts to."""
        verdict = above(abs(move), self.overnight_warn, self.overnight_fail)
        of_split = f", its {split:g}-for-1 split apart" if split != 1 else ""
        said = (
            f"{symbol} opens {move:+.1%} from the close of {before.session.key}{of_split} "
            f"(at most {self.overnight_fail:.0%})"
        )
        first = is_price(evidence.grid["open"][:, evidence.column(symbol)])
        at = evidence.expected[first][:1] if verdict is not Verdict.PASS else ()
        thresholds = {"warn": self.overnight_warn, "fail": self.overnight_fail}
        return self.told(evidence, symbol, verdict, min(abs(move), LARGEST_JUMP), said, held_against=at, **thresholds)


def _two_prices(given: Any) -> Any:
    """Understand `5, 2000` too, which is how a variable says it."""
    return given.split(",") if isinstance(given, str) else given


class PriceRange(SymbolRule):
    """The lowest and highest price of the session. A symbol's range has to fit prices as traded and adjusted ones."""

    name: ClassVar[str] = "price_range"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Does the symbol cost about what it costs?"

    warn: Annotated[Range, BeforeValidator(_two_prices)] = Field(
        default=(0.5, 20_000), description="USD, lowest and highest; beyond: WARN"
    )
    fail: Annotated[Range, BeforeValidator(_two_prices)] = Field(
        default=(0.01, 1_000_000), description="USD, lowest and highest; beyond: FAIL"
    )

    @model_validator(mode="after")
    def _warn_within_failing(self) -> Self:
        if not 0 <= self.fail[0] <= self.warn[0] < self.warn[1] <= self.fail[1]:
            raise ValueError(f"warn {list(self.warn)} must lie within fail {list(self.fail)}, low before high")
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol that has a price: the price furthest beyond the range, or the highest of all."""
        prices = stack.bars.priced
        lows, highs = np.fmin.reduce(prices), np.fmax.reduce(prices)
        beyond = (lows < self.warn[0]) | (highs > self.warn[1])
        ends = zip(np.fmin.reduce(lows).tolist(), np.fmax.reduce(highs).tolist(), beyond.any(axis=0), strict=True)
        for (evidence, symbol), minutes, (low, high, any_beyond) in zip(stack.columns, beyond.T, ends, strict=True):
            if isnan(low):
                continue
            too_low = above(-low, -self.warn[0], -self.fail[0])
            too_high = above(high, self.warn[1], self.fail[1])
            side = 0 if too_low.rank > too_high.rank else 1
            yield self.told(
                evidence,
                symbol,
                Verdict.worst((too_low, too_high)),
                (low, high)[side],
                f"{symbol} costs {low:,g} to {high:,g} USD (allowed: {self.fail[0]:,g} to {self.fail[1]:,g})",
                held_against=evidence.expected[minutes] if any_beyond else (),
                warn=self.warn[side],
                fail=self.fail[side],
            )


class StalePrices(SymbolRule, AtMost):
    """Consecutive bars in which shares are traded and no price moves, and bars that repeat the one before.

    Bars in which nothing is traded are `zero_volume`'s.
    """

    name: ClassVar[str] = "stale_prices"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Do the prices move when shares are traded?"

    warn: int = Field(default=2, ge=0, description="consecutive bars whose four prices are the close before them")
    fail: int = Field(default=5, ge=0)
    repeats_warn: int = Field(default=0, ge=0, description="bars that repeat all five values of the bar before")
    repeats_fail: int = Field(default=2, ge=0)

    @model_validator(mode="after")
    def _warn_before_failing_repeats(self) -> Self:
        hold_order("repeats_warn", self.repeats_warn, "repeats_fail", self.repeats_fail)
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """Two findings a symbol, which name the bars: the longest frozen stretch, and the repeated bars."""
        bars = stack.bars
        before = {name: carried(bars[name], bars.present) for name in BAR_VALUES}
        traded = bars.present & (bars["volume"] > 0)
        frozen = np.logical_and.reduce([traded, *(bars[name] == before["close"] for name in PRICE_COLUMNS)])
        again = np.logical_and.reduce([traded, *(bars[name] == before[name] for name in BAR_VALUES)])
        stretches = _stretches(frozen, bars.present)
        longest, repeats = stretches.max(axis=0).tolist(), np.count_nonzero(again, axis=0).tolist()
        thresholds = {"warn": self.repeats_warn, "fail": self.repeats_fail}
        for column, (evidence, symbol) in enumerate(stack.columns):
            length, count = longest[column], repeats[column]
            said = f"The prices of {symbol} stand still for {length} traded bars in a row (at most {self.fail})"
            at = evidence.starts(stretches[:, column] > self.warn) if length > self.warn else ()
            yield self.told(evidence, symbol, self.verdict(length), length, said, held_against=at)
            verdict = above(count, self.repeats_warn, self.repeats_fail)
            said = f"{count} {symbol} bars repeat the one before in every value (at most {self.repeats_fail})"
            at = evidence.expected[again[:, column]] if count else ()
            yield self.told(evidence, symbol, verdict, count, said, held_against=at, **thresholds)


class ReplayedBars(SymbolRule, AtMost):
    """Share of the bars that come again, two in a row and in every value.

    They come from earlier in the session, or from the same minutes of another day. One alone may be chance; a bar that
    repeats the one before it is the matter of `stale_prices`.
    """

    name: ClassVar[str] = "replayed_bars"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Were the bars not seen before, today or on the days before?"

    warn: float = Field(default=0.01, ge=0, le=1)
    fail: float = Field(default=0.05, ge=0, le=1)

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars."""
        pairs = stack.bars.pairs
        again = stack.seen_before | _repeats(pairs)
        bars = np.zeros(stack.bars.present.shape, dtype=bool)
        bars[:-1] = again
        bars[1:] |= again
        counts = (np.count_nonzero(each, axis=0).tolist() for each in (bars, stack.bars.prints))
        for (evidence, symbol), minutes, count, prints in zip(stack.columns, bars.T, *counts, strict=True):
            share = count / max(prints, 1)
            said = f"{count} of {max(prints, 1)} {symbol} bars were seen before in every value"
            said += f" ({share:.1%}, at most {self.fail:.0%})"
            at = evidence.expected[minutes] if count else ()
            yield self.told(evidence, symbol, self.verdict(share), share, said, held_against=at)


def _repeats(prints: np.ndarray) -> np.ndarray:
    """By cell, whether its print stands in its column a second time, or yet another one."""
    ordered = np.sort(prints.T, axis=-1)
    found = np.zeros(prints.shape, dtype=bool)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != 0)).any(axis=1)
    for column in np.flatnonzero(twice):
        own = prints[:, column]
        found[:, column] = own != 0
        found[np.unique(own, return_index=True)[1], column] = False
    return found


def _jumps(bars: Cells) -> np.ndarray:
    """By minute and column, how far the price that lies furthest from the close before it lies from it, as a share.

    0.0 where there is nothing to compare.
    """
    prices = bars.priced
    opens, closes = prices[0], prices[3]
    before = carried(closes, ~np.isnan(closes))
    before = np.where(np.isnan(before), opens, before)
    with np.errstate(over="ignore"):  # of the smallest number there is
        away = np.fmax.reduce(np.abs(prices / before - 1))
    return np.where(np.isnan(away), 0.0, np.minimum(away, LARGEST_JUMP))


def _stretches(flags: np.ndarray, present: np.ndarray) -> np.ndarray:
    """By cell, how long the stretch of flagged bars is in which it lies, whatever gaps lie within; 0 without a flag."""
    if not flags.any():
        return np.zeros(flags.shape, dtype=int)
    place = np.cumsum(present, axis=0)
    broken = present & ~flags
    before = np.maximum.accumulate(np.where(broken, place, 0), axis=0)
    after = np.minimum.accumulate(np.where(broken, place, place[-1] + 1)[::-1], axis=0)[::-1]
    return np.where(flags, after - before - 1, 0)
