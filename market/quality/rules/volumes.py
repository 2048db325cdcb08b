"""Are the volumes possible, and what this symbol trades? Counts of shares, and how many, against earlier sessions."""

from collections.abc import Iterable, Iterator, Sequence
from math import exp
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from market.quality.cells import is_count
from market.quality.evidence import Evidence
from market.quality.rule import AtMost, Counted, Needs, SymbolRule, Told, above, hold_order
from market.quality.stack import Stack
from market.sessions import FULL_DAY
from schemas.quality import Verdict

MINUTE = pd.Timedelta(minutes=1)
MINUTES = FULL_DAY / MINUTE
"""Of an ordinary session."""


class VolumeCounts(Counted):
    """Bars whose volume is no count of shares: negative, not whole, or no number."""

    name: ClassVar[str] = "volume_counts"
    family: ClassVar[str] = "volumes"
    question: ClassVar[str] = "Is every volume a whole number, 0 or more, and possible?"
    fault: ClassVar[str] = "bars have a volume that is no count of shares"
    final: ClassVar[bool] = True

    warn: int = Field(default=0, ge=0, le=0)
    fail: int = Field(default=0, ge=0, le=0, description="none can be stored, so none is tolerated")

    def at_fault(self, stack: Stack) -> np.ndarray:
        """Hold every volume against what a count can be."""
        return np.asarray(stack.bars.present & ~is_count(stack.bars["volume"]))


class ZeroVolume(SymbolRule, AtMost):
    """Share of the bars in which nothing was traded: the vendor has a bar, so that something was."""

    name: ClassVar[str] = "zero_volume"
    family: ClassVar[str] = "volumes"
    question: ClassVar[str] = "Was anything traded in every bar?"

    warn: float = Field(default=0.005, ge=0, le=1)
    fail: float = Field(default=0.01, ge=0, le=1)
    tolerated: int = Field(
        default=1, ge=0, description="bars that are no fault, whatever share of the session they are"
    )

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars."""
        empty = stack.bars["volume"] == 0
        counts = zip(*(np.count_nonzero(each, axis=0).tolist() for each in (empty, stack.bars.present)), strict=True)
        for (evidence, symbol), minutes, (found, bars) in zip(stack.columns, empty.T, counts, strict=True):
            ratio = found / bars if bars else 0.0
            verdict = self.verdict(ratio) if found > self.tolerated else Verdict.PASS
            said = f"{found} of {bars} {symbol} bars have no volume ({ratio:.1%}, at most {self.fail:.1%})"
            at = evidence.expected[minutes] if found else ()
            yield self.told(evidence, symbol, verdict, ratio, said, held_against=at)


class LowVolume(SymbolRule, AtMost):
    """Bars of next to no volume, and a session of next to no volume for as many minutes as it has.

    Bars without any volume are `zero_volume`'s, and are left out here.
    """

    name: ClassVar[str] = "low_volume"
    family: ClassVar[str] = "volumes"
    question: ClassVar[str] = "Is the least that is always traded traded?"

    warn: float = Field(default=0.0, ge=0, le=1, description="share of the bars with less than `least_bar`")
    fail: float = Field(default=0.02, ge=0, le=1)
    least_bar: float = Field(default=10, ge=0, description="shares a bar")
    least_day_warn: float = Field(default=10_000, ge=0, description="shares in 390 minutes")
    least_day_fail: float = Field(default=1_000, ge=0)

    @model_validator(mode="after")
    def _warn_before_failing_a_day(self) -> Self:
        if self.least_day_warn < self.least_day_fail:
            raise ValueError(f"least_day_warn ({self.least_day_warn}) must not lie below least_day_fail")
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars; another one of the session, if anything was traded in it."""
        volume = stack.bars["volume"]
        volume = np.where(is_count(volume), volume, 0.0)
        traded = volume > 0
        low = traded & (volume < self.least_bar)
        bars, found = (np.count_nonzero(each, axis=0).tolist() for each in (traded, low))
        shares = volume.sum(axis=0).tolist()
        for column, (evidence, symbol) in enumerate(stack.columns):
            count, of = found[column], bars[column]
            ratio = count / of if of else 0.0
            said = f"{count} of {of} {symbol} bars have less than {self.least_bar:g} shares ({ratio:.1%})"
            at = evidence.expected[low[:, column]] if count else ()
            yield self.told(evidence, symbol, self.verdict(ratio), ratio, said, held_against=at)
            if of:
                yield self._of_the_day(evidence, symbol, shares[column], of)

    def _of_the_day(self, evidence: Evidence, symbol: str, shares: float, bars: int) -> Told:
        """What the shares of so many bars amount to in a session of ordinary length."""
        day = shares * MINUTES / (bars * (evidence.bar_size.delta / MINUTE))
        verdict = above(-day, -self.least_day_warn, -self.least_day_fail)
        said = f"{symbol} trades {day:,.0f} shares in {MINUTES:g} minutes (at least {self.least_day_fail:,.0f})"
        return self.told(evidence, symbol, verdict, day, said, warn=self.least_day_warn, fail=self.least_day_fail)


class AgainstHistory(SymbolRule, AtMost):
    """A rule about volumes that compares them with those of earlier sessions in the same minutes."""

    needs: ClassVar[tuple[Needs, ...]] = ("history",)

    least_sessions: int = Field(default=5, ge=3, description="earlier sessions, without which it is not asked")

    def compared(self, stack: Stack) -> Iterator[int]:
        """The columns that can be compared."""
        profile = stack.volumes
        enough = (profile.sessions >= self.least_sessions) & ~np.isnan(profile.levels.whole)
        return iter(np.flatnonzero(enough).tolist())

    def unasked(self, evidence: Evidence, symbols: Sequence[str]) -> str:
        """Too few sessions, or too few minutes."""
        profile = Stack((evidence,), tuple(symbols)).volumes
        most = int(profile.sessions.max())
        if most < self.least_sessions:
            return f"{most} earlier sessions can be compared with, it takes {self.least_sessions}"
        return "too few of its minutes can be compared with earlier sessions"


class VolumeOutliers(AgainstHistory):
    """Share of the bars with far more or far less volume than is usual in that minute of the day.

    A session is as busy as it is, and becomes more or less so once: a bar is measured against the level of the session
    before that change or after it, whichever is nearer, in robust standard deviations of the session's own bars.
    """

    name: ClassVar[str] = "volume_outliers"
    family: ClassVar[str] = "volumes"
    question: ClassVar[str] = "Has every minute about the volume that it usually has?"

    warn: float = Field(default=0.0, ge=0, le=1)
    fail: float = Field(default=0.05, ge=0, le=1)
    sigmas: float = Field(default=10, gt=0, description="further from the level: an outlier")
    least_sigma: float = Field(default=0.4, gt=0, description="natural logarithm; a calmer session counts as this calm")
    least_bar: float = Field(default=10, ge=0, description="shares; bars with less are low_volume's")

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the bars."""
        ratio, levels = stack.volumes.ratio, stack.volumes.levels
        known = (ratio == ratio) & (stack.bars["volume"] >= self.least_bar)
        away = np.minimum(np.abs(ratio - levels.before), np.abs(ratio - levels.after))
        reach = self.sigmas * np.maximum(levels.spread, self.least_sigma)
        outliers = known & (away > reach)
        found, bars = (np.count_nonzero(each, axis=0).tolist() for each in (outliers, known))
        times = np.exp(reach).tolist()
        for column in self.compared(stack):
            evidence, symbol = stack.columns[column]
            share = found[column] / max(bars[column], 1)
            said = (
                f"{found[column]} {symbol} bars have over {times[column]:.3g} times or under 1/{times[column]:.3g} of "
                f"their usual volume ({share:.1%}, at most {self.fail:.1%})"
            )
            at = evidence.starts(outliers[:, column]) if found[column] else ()
            yield self.told(evidence, symbol, self.verdict(share), share, said, held_against=at)


class VolumeRegime(AgainstHistory):
    """By what factor the session's volume, and the volume after a change, differs from what goes before.

    A feed of one exchange has a fiftieth to a twentieth of the shares that the consolidated feed has.
    """

    name: ClassVar[str] = "volume_regime"
    family: ClassVar[str] = "volumes"
    question: ClassVar[str] = "Is the volume that of the same trades, all day and as on other days?"

    warn: float = Field(default=4, ge=1, description="times as much or as little as in earlier sessions")
    fail: float = Field(default=10, ge=1)
    flip_warn: float = Field(default=5, ge=1, description="times as much or as little after the change as before it")
    flip_fail: float = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _warn_before_failing_a_flip(self) -> Self:
        hold_order("flip_warn", self.flip_warn, "flip_fail", self.flip_fail)
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """Two findings a symbol: the session's level, and the largest change of level, with the bar that begins it."""
        levels = stack.volumes.levels
        changes = levels.after - levels.before
        whole, change, first = levels.whole.tolist(), changes.tolist(), levels.change.tolist()
        factors, flips = np.exp(np.abs(levels.whole)).tolist(), np.exp(np.abs(changes)).tolist()
        thresholds = {"warn": self.flip_warn, "fail": self.flip_fail}
        for column in self.compared(stack):
            evidence, symbol = stack.columns[column]
            factor = factors[column]
            said = (
                f"{symbol} trades {_times(whole[column])} the volume of earlier sessions "
                f"(at most a factor {self.fail:g})"
            )
            yield self.told(evidence, symbol, self.verdict(factor), factor, said)
            factor = flips[column]
            verdict = above(factor, self.flip_warn, self.flip_fail)
            said = (
                f"The volume of {symbol} becomes {_times(change[column])} what it was "
                f"(at most a factor {self.flip_fail:g})"
            )
            at = evidence.expected[[first[column]]] if verdict is not Verdict.PASS else ()
            yield self.told(evidence, symbol, verdict, factor, said, held_against=at, **thresholds)


def _times(change: float) -> str:
    """A change of a logarithm in words."""
    return f"{exp(change):.1f} times" if change >= 0 else f"1/{exp(-change):.1f} of"
