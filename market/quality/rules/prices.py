"""Are the prices possible? Numbers, in their order, in reach of each other and of what the symbol costs, and moving."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from market.quality.evidence import Evidence
from market.quality.grid import Grid, is_price
from market.quality.rule import AtMost, Counted, SymbolRule, above, hold_order
from schemas.quality import Finding, Verdict

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

    def at_fault(self, evidence: Evidence, symbols: Sequence[str]) -> np.ndarray:
        """Hold every price against what a price can be."""
        grid = evidence.grid.only(symbols)
        return np.asarray(grid.present & np.isnan(grid.priced).any(axis=0))


class OhlcRelations(Counted):
    """Bars whose low is not the lowest or high not the highest of their prices; those that are no numbers apart."""

    name: ClassVar[str] = "ohlc_relations"
    family: ClassVar[str] = "prices"
    question: ClassVar[str] = "Is low <= open, close <= high in every bar?"
    fault: ClassVar[str] = "bars break low <= open, close <= high"

    def at_fault(self, evidence: Evidence, symbols: Sequence[str]) -> np.ndarray:
        """Hold every low and high against the bar's other prices; what is no number is neither above nor below."""
        grid = evidence.grid.only(symbols)
        return np.asarray((grid["low"] > grid.prices.min(axis=0)) | (grid["high"] < grid.prices.max(axis=0)))


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the bars; another one where the session before is known."""
        jumps = _jumps(evidence.grid.only(symbols))
        before = self._session_before(evidence, symbols)
        for column, symbol in enumerate(symbols):
            largest = float(jumps[:, column].max())
            found = evidence.starts(jumps[:, column] > self.warn)
            said = f"The largest jump of {symbol} from bar to bar is {largest:.1%} (at most {self.fail:.0%})"
            yield self.finding(evidence, symbol, self.verdict(largest), largest, said, held_against=found)
            if before is not None:
                yield from self._overnight(evidence, symbol, before)

    def _session_before(self, evidence: Evidence, symbols: Sequence[str]) -> Grid | None:
        if not evidence.history:
            return None
        latest = evidence.history[0]
        days = (evidence.session.day - latest.session.day).days
        return latest.only(symbols) if days <= self.overnight_days else None

    def _overnight(self, evidence: Evidence, symbol: str, before: Grid) -> Iterable[Finding]:
        column = evidence.column(symbol)
        opens, closes = evidence.grid["open"][:, column], before["close"][:, before.symbols.index(symbol)]
        priced = np.flatnonzero(is_price(opens))
        closes = closes[is_price(closes)]
        if not (len(priced) and len(closes)):
            return
        split = evidence.split_since(before, symbol)
        move = float(opens[priced[0]] * split / closes[-1] - 1)
        verdict = above(abs(move), self.overnight_warn, self.overnight_fail)
        of_split = f", its {split:g}-for-1 split apart" if split != 1 else ""
        said = (
            f"{symbol} opens {move:+.1%} from the close of {before.session.key}{of_split} "
            f"(at most {self.overnight_fail:.0%})"
        )
        found = evidence.expected[priced[:1]] if verdict is not Verdict.PASS else ()
        yield self.finding(
            evidence,
            symbol,
            verdict,
            min(abs(move), LARGEST_JUMP),
            said,
            held_against=found,
            warn=self.overnight_warn,
            fail=self.overnight_fail,
        )


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol that has a price: the price furthest beyond the range, or the highest of all."""
        prices = evidence.grid.priced
        lows, highs = np.fmin.reduce(prices), np.fmax.reduce(prices)
        for symbol in symbols:
            column = evidence.column(symbol)
            low, high = np.fmin.reduce(lows[:, column]), np.fmax.reduce(highs[:, column])
            if np.isnan(low):
                continue
            too_low = above(-low, -self.warn[0], -self.fail[0])
            too_high = above(high, self.warn[1], self.fail[1])
            side = 0 if too_low.rank > too_high.rank else 1
            beyond = (lows[:, column] < self.warn[0]) | (highs[:, column] > self.warn[1])
            yield self.finding(
                evidence,
                symbol,
                Verdict.worst((too_low, too_high)),
                (low, high)[side],
                f"{symbol} costs {low:,g} to {high:,g} USD (allowed: {self.fail[0]:,g} to {self.fail[1]:,g})",
                held_against=evidence.starts(beyond),
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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """Two findings a symbol, which name the bars: the longest frozen stretch, and the repeated bars."""
        grid = evidence.grid.only(symbols)
        for column, symbol in enumerate(symbols):
            rows = np.flatnonzero(grid.present[:, column])
            bars, volume = grid.prices[:, rows, column], grid["volume"][rows, column]
            traded = volume[1:] > 0
            frozen = (bars[:, 1:] == bars[3, :-1]).all(axis=0) & traded
            again = (bars[:, 1:] == bars[:, :-1]).all(axis=0) & (volume[1:] == volume[:-1]) & traded
            lengths = _lengths(frozen)
            longest = int(lengths.max(initial=0))
            long = np.repeat(lengths > self.warn, lengths)  # by frozen bar, whether its stretch is one
            said = f"The prices of {symbol} stand still for {longest} traded bars in a row (at most {self.fail})"
            found = evidence.expected[rows[1:][frozen][long]] if longest > self.warn else ()
            yield self.finding(evidence, symbol, self.verdict(longest), longest, said, held_against=found)
            repeats = int(again.sum())
            found = evidence.expected[rows[1:][again]] if repeats else ()
            verdict = above(repeats, self.repeats_warn, self.repeats_fail)
            said = f"{repeats} {symbol} bars repeat the one before in every value (at most {self.repeats_fail})"
            thresholds = {"warn": self.repeats_warn, "fail": self.repeats_fail}
            yield self.finding(evidence, symbol, verdict, repeats, said, held_against=found, **thresholds)


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the bars."""
        grid = evidence.grid.only(symbols)
        pairs = grid.pairs
        seen = np.zeros(pairs.shape, dtype=bool)
        for past in (earlier.only(symbols).pairs for earlier in evidence.history or ()):
            shared = min(len(past), len(pairs))
            seen[:shared] |= past[:shared] == pairs[:shared]
        for column, symbol in enumerate(symbols):
            own = pairs[:, column]
            again = (seen[:, column] | _repeats(own)) & (own != 0)
            bars = np.append(again, False) | np.insert(again, 0, False)
            count, of_all = int(bars.sum()), max(int((grid.prints[:, column] != 0).sum()), 1)
            share = count / of_all
            said = f"{count} of {of_all} {symbol} bars were seen before in every value"
            said += f" ({share:.1%}, at most {self.fail:.0%})"
            at = evidence.starts(bars)
            yield self.finding(evidence, symbol, self.verdict(share), share, said, held_against=at)


def _repeats(prints: np.ndarray) -> np.ndarray:
    """Which prints stand there a second time, or yet another one."""
    ordered = np.sort(prints[prints != 0])
    found = np.zeros(len(prints), dtype=bool)
    if (ordered[1:] == ordered[:-1]).any():
        found[:] = True
        found[np.unique(prints, return_index=True)[1]] = False
    return found


def _jumps(grid: Grid) -> np.ndarray:
    """By minute and symbol, how far the price that lies furthest from the close before lies from it, as a share of it.

    0.0 where there is nothing to compare.
    """
    prices = grid.priced
    opens, closes = prices[0], prices[3]
    rows = np.where(np.isnan(closes), -1, np.arange(len(closes))[:, None])
    last = np.full_like(rows, -1)
    np.maximum.accumulate(rows[:-1], axis=0, out=last[1:])
    before = np.where(last < 0, opens, closes[last, np.arange(closes.shape[1])])
    with np.errstate(over="ignore"):  # of the smallest number there is
        away = np.fmax.reduce(np.abs(prices / before - 1))
    return np.where(np.isnan(away), 0.0, np.minimum(away, LARGEST_JUMP))


def _lengths(flags: np.ndarray) -> np.ndarray:
    """How long the stretches of True are, in their order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return edges[1::2] - edges[::2]
