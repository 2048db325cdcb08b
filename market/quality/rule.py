"""What a rule is: its thresholds, checked as configuration, and one function that measures.

To add a rule: write a subclass of `SymbolRule`, or of `PairRule` where it is about all symbols together, in
`market/quality/rules/`, name it in `market.quality.rules.RULES`, and give it a line in `config/data_quality.yaml`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from market.quality.evidence import Evidence
from market.quality.stack import Stack
from market.telling import new_york
from schemas.quality import Finding, Span, Verdict

SHOWN_SPANS = 3
Needs = Literal["frame", "history", "second", "stored"]


TOO_LITTLE = "there is too little to compare"


class Told(NamedTuple):
    """A finding, and the session that it is about."""

    evidence: Evidence
    finding: Finding


class Rule(BaseModel, ABC):
    """One question asked of a session. Its fields are its thresholds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    family: ClassVar[str]
    question: ClassVar[str]
    needs: ClassVar[tuple[Needs, ...]] = ()
    """What of the evidence has to be there; where it is not, the rule is not asked."""
    final: ClassVar[bool] = False
    """Whether what fails could not be stored, so that no person can accept it and no configuration soften it."""

    severity: Literal["block", "warn", "off"] = Field(
        default="block", description="what a failure does; off: the rule is not asked"
    )

    @abstractmethod
    def judge(self, stack: Stack) -> Iterable[Told]:
        """What the rule finds of some sessions and symbols; nothing of those that give it nothing to go by."""

    def unasked(self, evidence: Evidence, symbols: Sequence[str]) -> str:
        """What these symbols of a session lack, of which it finds nothing."""
        return TOO_LITTLE

    def told(
        self,
        evidence: Evidence,
        symbol: str | None,
        verdict: Verdict,
        measured: float | None,
        message: str,
        *,
        held_against: pd.DatetimeIndex | Sequence[pd.Timestamp] = (),
        warn: float | None = None,
        fail: float | None = None,
    ) -> Told:
        """A finding of this rule; it is softened where the configuration says so.

        Args:
            evidence: what was looked at.
            symbol: of which symbol; None: of all together.
            verdict: before the rule's severity is applied.
            measured: the number that the thresholds are held against.
            message: a sentence for a person, without its end: the bars at fault and the full stop are added.
            held_against: the bars at fault, start of bar, UTC.
            warn: the threshold; the rule's own `warn` unless given.
            fail: the same.

        """
        softened = Verdict.WARN if verdict is Verdict.FAIL and self.severity == "warn" else verdict
        together = spans(held_against, evidence.bar_size.delta) if len(held_against) else ()
        made = _finding.__wrapped__ if together else _finding  # those without bars at fault come again
        finding = made(
            (self.name, self.family, symbol),
            softened,
            None if measured is None else float(measured),
            getattr(self, "warn", None) if warn is None else warn,
            getattr(self, "fail", None) if fail is None else fail,
            f"{message}{at_times(together)}",
            tuple(stamp.isoformat() for stamp in held_against) if together else (),
            together,
            self.final and softened is Verdict.FAIL,
        )
        return Told(evidence, finding)


@lru_cache(maxsize=4096)
def _finding(
    of: tuple[str, str, str | None],
    verdict: Verdict,
    measured: float | None,
    warn: float | None,
    fail: float | None,
    message: str,
    held_against: tuple[str, ...],
    together: tuple[Span, ...],
    final: bool,
) -> Finding:
    """A finding; most sessions have many of the same that pass."""
    rule, family, symbol = of
    return Finding(
        rule=rule,
        family=family,
        symbol=symbol,
        verdict=verdict,
        measured=measured,
        warn=warn,
        fail=fail,
        message=message,
        held_against=held_against,
        spans=together,
        final=final,
    )


class SymbolRule(Rule):
    """A rule that asks of each symbol by itself; its thresholds may differ from symbol to symbol."""


class PairRule(Rule):
    """A rule that asks of all symbols together."""


def hold_order(warn_name: str, warn: float, fail_name: str, fail: float) -> None:
    """Refuse thresholds that would fail before they warn."""
    if warn > fail:
        raise ValueError(f"{warn_name} ({warn}) must not lie above {fail_name} ({fail})")


class AtMost(BaseModel):
    """Thresholds for what should be small: WARN above `warn`, FAIL above `fail`."""

    warn: float
    fail: float

    @model_validator(mode="after")
    def _warn_before_failing(self) -> Self:
        hold_order("warn", self.warn, "fail", self.fail)
        return self

    def verdict(self, measured: float) -> Verdict:
        """What the thresholds make of a measurement."""
        return above(measured, self.warn, self.fail)


class AtLeast(BaseModel):
    """Thresholds for what should be large: WARN below `warn`, FAIL below `fail`."""

    warn: float
    fail: float

    @model_validator(mode="after")
    def _warn_before_failing(self) -> Self:
        if self.warn < self.fail:
            raise ValueError(f"warn ({self.warn}) must not lie below fail ({self.fail})")
        return self

    def verdict(self, measured: float) -> Verdict:
        """What the thresholds make of a measurement."""
        return above(-measured, -self.warn, -self.fail)


class Counted(SymbolRule, AtMost):
    """A rule that counts the minutes in which something cannot be right, and holds the count against its thresholds."""

    fault: ClassVar[str]
    """What is said of those minutes, behind the symbol: `bars break …`, `minutes have …`."""

    warn: int = Field(default=0, ge=0)
    fail: int = Field(default=0, ge=0, description="how many are tolerated")

    @abstractmethod
    def at_fault(self, stack: Stack) -> np.ndarray:
        """The minutes at fault, shape (minutes, columns), bool."""

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the minutes."""
        faults = self.at_fault(stack)
        counts = np.count_nonzero(faults, axis=0).tolist()
        for (evidence, symbol), minutes, count in zip(stack.columns, faults.T, counts, strict=True):
            said = f"{count} {symbol} {self.fault} (at most {self.fail})"
            at = evidence.expected[minutes] if count else ()
            yield self.told(evidence, symbol, self.verdict(count), count, said, held_against=at)


def above(measured: float, warn: float, fail: float) -> Verdict:
    """FAIL above `fail`, WARN above `warn`, otherwise PASS."""
    if measured > fail:
        return Verdict.FAIL
    return Verdict.WARN if measured > warn else Verdict.PASS


def spans(stamps: pd.DatetimeIndex | Sequence[pd.Timestamp], delta: pd.Timedelta) -> tuple[Span, ...]:
    """Stamps in any order, consecutive ones together."""
    if not len(stamps):
        return ()
    index = pd.DatetimeIndex(list(stamps)).unique().sort_values()
    steps = np.diff(index.to_numpy("datetime64[us]")) != delta.to_timedelta64()
    starts = [0, *(int(place) + 1 for place in np.flatnonzero(steps))]
    ends = [*(start - 1 for start in starts[1:]), len(index) - 1]
    return tuple(
        Span(first=index[start].isoformat(), last=index[end].isoformat(), bars=end - start + 1)
        for start, end in zip(starts, ends, strict=True)
    )


def at_times(together: Sequence[Span]) -> str:
    """The end of a message, with the first few spans in New York time: `: 10:00 to 10:44, 11:02 and 3 more.`"""
    if not together:
        return "."
    shown = ", ".join(_shown(span) for span in together[:SHOWN_SPANS])
    more = len(together) - SHOWN_SPANS
    return f": {shown} and {more} more." if more > 0 else f": {shown}."


def _shown(span: Span) -> str:
    first, last = new_york(span.first), new_york(span.last)
    return first if span.bars == 1 else f"{first} to {last}"
