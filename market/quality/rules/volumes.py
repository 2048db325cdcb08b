"""Are the volumes possible, and what this symbol trades? Counts of shares, and how many, against earlier sessions."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from market.quality.evidence import Evidence
from market.quality.grid import is_count
from market.quality.profile import Level
from market.quality.rule import AtMost, CannotAsk, Counted, Needs, SymbolRule, above, hold_order
from market.sessions import FULL_DAY
from schemas.quality import Finding, Verdict

MINUTES = FULL_DAY / pd.Timedelta(minutes=1)
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

    def at_fault(self, evidence: Evidence, symbols: Sequence[str]) -> np.ndarray:
        """Hold every volume against what a count can be."""
        grid = evidence.grid.only(symbols)
        return np.asarray(grid.present & ~is_count(grid["volume"]))


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the bars."""
        grid = evidence.grid.only(symbols)
        for column, symbol in enumerate(symbols):
            bars = int(grid.present[:, column].sum())
            found = evidence.starts(grid["volume"][:, column] == 0)
            ratio = len(found) / bars if bars else 0.0
            verdict = self.verdict(ratio) if len(found) > self.tolerated else Verdict.PASS
            said = f"{len(found)} of {bars} {symbol} bars have no volume ({ratio:.1%}, at most {self.fail:.1%})"
            yield self.finding(evidence, symbol, verdict, ratio, said, held_against=found)


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the bars; another one of the session, if anything was traded in it."""
        length = evidence.bar_size.delta / pd.Timedelta(minutes=1)
        for symbol in symbols:
            volume = evidence.grid["volume"][:, evidence.column(symbol)]
            volume = np.where(is_count(volume), volume, 0.0)
            traded = volume > 0
            bars = int(traded.sum())
            found = evidence.starts(traded & (volume < self.least_bar))
            ratio = len(found) / bars if bars else 0.0
            said = f"{len(found)} of {bars} {symbol} bars have less than {self.least_bar:g} shares ({ratio:.1%})"
            yield self.finding(evidence, symbol, self.verdict(ratio), ratio, said, held_against=found)
            if not bars:
                continue
            day = float(volume.sum()) * MINUTES / (bars * length)
            verdict = above(-day, -self.least_day_warn, -self.least_day_fail)
            said = f"{symbol} trades {day:,.0f} shares in {MINUTES:g} minutes (at least {self.least_day_fail:,.0f})"
            yield self.finding(evidence, symbol, verdict, day, said, warn=self.least_day_warn, fail=self.least_day_fail)


class AgainstHistory(SymbolRule, AtMost):
    """A rule about volumes that compares them with those of earlier sessions in the same minutes."""

    needs: ClassVar[tuple[Needs, ...]] = ("history",)

    least_sessions: int = Field(default=5, ge=3, description="earlier sessions, without which it is not asked")

    def compared(self, evidence: Evidence, symbols: Sequence[str]) -> list[tuple[str, np.ndarray, Level]]:
        """The symbols that have enough earlier sessions, with the logarithm of their ratio and its levels.

        Raises:
            CannotAsk: no symbol of the session has.

        """
        profile = evidence.volumes
        assert profile is not None  # the rule is asked only where there is history
        most = int(profile.sessions.max())
        if most < self.least_sessions:
            raise CannotAsk(f"{most} earlier sessions can be compared with, it takes {self.least_sessions}")
        found = [
            (symbol, profile.ratio[:, column], level)
            for column, symbol in enumerate(evidence.symbols)
            if profile.sessions[column] >= self.least_sessions and (level := profile.levels[column]) is not None
        ]
        if not found:
            raise CannotAsk("too few of its minutes can be compared with earlier sessions")
        return [each for each in found if each[0] in symbols]


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """One finding a symbol, which names the bars."""
        for symbol, ratio, level in self.compared(evidence, symbols):
            known = (ratio == ratio) & (evidence.grid["volume"][:, evidence.column(symbol)] >= self.least_bar)
            away = np.minimum(np.abs(ratio - level.before), np.abs(ratio - level.after))
            reach = self.sigmas * max(level.spread, self.least_sigma)
            found = evidence.starts(known & (away > reach))
            share = len(found) / max(int(known.sum()), 1)
            said = (
                f"{len(found)} {symbol} bars have over {np.exp(reach):.3g} times or under 1/{np.exp(reach):.3g} of "
                f"their usual volume ({share:.1%}, at most {self.fail:.1%})"
            )
            yield self.finding(evidence, symbol, self.verdict(share), share, said, held_against=found)


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

    def judge(self, evidence: Evidence, symbols: Sequence[str]) -> Iterable[Finding]:
        """Two findings a symbol: the session's level, and the largest change of level, with the bar that begins it."""
        for symbol, _, level in self.compared(evidence, symbols):
            factor = np.exp(abs(level.whole))
            said = (
                f"{symbol} trades {_times(level.whole)} the volume of earlier sessions (at most a factor {self.fail:g})"
            )
            yield self.finding(evidence, symbol, self.verdict(factor), factor, said)
            change = level.after - level.before
            factor = np.exp(abs(change))
            verdict = above(factor, self.flip_warn, self.flip_fail)
            said = f"The volume of {symbol} becomes {_times(change)} what it was (at most a factor {self.flip_fail:g})"
            found = evidence.expected[[level.change]] if verdict is not Verdict.PASS else ()
            thresholds = {"warn": self.flip_warn, "fail": self.flip_fail}
            yield self.finding(evidence, symbol, verdict, factor, said, held_against=found, **thresholds)


def _times(change: float) -> str:
    """A change of a logarithm in words."""
    return f"{np.exp(change):.1f} times" if change >= 0 else f"1/{np.exp(-change):.1f} of"
