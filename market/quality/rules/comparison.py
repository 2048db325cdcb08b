"""Do others say the same? Another feed of the same session, and what is stored of it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from market.quality.cells import is_count, is_price
from market.quality.evidence import Evidence
from market.quality.rule import AtLeast, AtMost, Needs, SymbolRule, Told, above, hold_order
from market.quality.stack import Stack
from schemas.quality import Verdict
from schemas.tables import AS_TRADED, BASIS_UNKNOWN, KEPT, PRICE_COLUMNS, SPLIT_ADJUSTED

SAME_PRICE = 1e-9
"""Of the price: what is lost between a decimal and a float."""


class CrossFeedAgreement(SymbolRule, AtLeast):
    """Share of the minutes that two feeds have in which their closes are equal, and the ratio of their volumes.

    Prices before and after a split are made comparable first. Feeds that count other trades differ in volume, more than
    a few times over only where one of them has a single exchange's.
    """

    name: ClassVar[str] = "cross_feed_agreement"
    family: ClassVar[str] = "comparison"
    question: ClassVar[str] = "Does a second feed have the same closes, and volumes of that size?"
    needs: ClassVar[tuple[Needs, ...]] = ("second",)

    warn: float = Field(default=0.98, ge=0, le=1)
    fail: float = Field(default=0.90, ge=0, le=1, description="the least share of equal closes that passes")
    tolerance: float = Field(default=1e-3, ge=0, description="of the price, within which closes are equal")
    warn_volume_factor: float = Field(default=2.0, ge=1)
    fail_volume_factor: float = Field(default=10.0, ge=1, description="the largest median ratio, either way")
    least_shared: int = Field(default=30, ge=1, description="minutes that both feeds need to have")

    @model_validator(mode="after")
    def _warn_before_failing_volumes(self) -> Self:
        hold_order("warn_volume_factor", self.warn_volume_factor, "fail_volume_factor", self.fail_volume_factor)
        return self

    def judge(self, stack: Stack) -> Iterable[Told]:
        """Two findings a symbol that the second feed has: closes, with the minutes that differ, and volumes."""
        for evidence, symbol in stack.columns:
            yield from self._findings(evidence, symbol)

    def unasked(self, evidence: Evidence, symbols: Sequence[str]) -> str:
        """The second feed has too little of every symbol."""
        return f"the second feed shares fewer than {self.least_shared} minutes"

    def _findings(self, evidence: Evidence, symbol: str) -> Iterator[Told]:
        assert evidence.other is not None
        column = evidence.column(symbol)
        ours, theirs = (grid["close"][:, column] for grid in (evidence.grid, evidence.other))
        both = is_price(ours) & is_price(theirs)
        shared = int(both.sum())
        if shared < self.least_shared:
            return
        scale = _scale(evidence, symbol, ours[both], theirs[both])
        differs = np.zeros(len(both), dtype=bool)
        differs[both] = np.abs(ours[both] * scale - theirs[both]) > self.tolerance * np.abs(theirs[both])
        share = 1 - differs.sum() / shared
        said = (
            f"{shared - differs.sum()} of {shared} {symbol} closes are the second feed's "
            f"({share:.1%}, at least {self.fail:.0%})"
        )
        at = evidence.starts(differs)
        yield self.told(evidence, symbol, _held(self.verdict(share), evidence, symbol), share, said, held_against=at)
        yield from self._volumes(evidence, symbol, scale)

    def _volumes(self, evidence: Evidence, symbol: str, scale: float) -> Iterator[Told]:
        """The median ratio of the volumes: of shares that are split as the prices are."""
        assert evidence.other is not None
        column = evidence.column(symbol)
        ours, theirs = (grid["volume"][:, column] for grid in (evidence.grid, evidence.other))
        traded = is_count(ours) & is_count(theirs) & (ours > 0) & (theirs > 0)
        if traded.sum() < self.least_shared:
            return
        ratio = float(np.median(theirs[traded] * scale / ours[traded]))
        factor = max(ratio, 1 / ratio)
        warn, fail = self.warn_volume_factor, self.fail_volume_factor
        said = f"The second feed's volumes of {symbol} are {ratio:.2f} times ours in the median (at most {fail:g}, "
        said += f"at least 1/{fail:g})"
        verdict = _held(above(factor, warn, fail), evidence, symbol)
        yield self.told(evidence, symbol, verdict, factor, said, warn=warn, fail=fail)


def _held(verdict: Verdict, evidence: Evidence, symbol: str) -> Verdict:
    """A feed whose bars fail by themselves does not veto the other: what it says only warns."""
    return Verdict.WARN if verdict is Verdict.FAIL and symbol in evidence.second_failed else verdict


def _scale(evidence: Evidence, symbol: str, ours: np.ndarray, theirs: np.ndarray) -> float:
    """What our prices are multiplied by to be on the basis of the second feed's; where one is not known, the nearer."""
    splits = evidence.splits.factor(symbol, after=evidence.session.day)
    if splits == 1.0:
        return 1.0
    assert evidence.second is not None
    divided = {AS_TRADED: (1.0,), SPLIT_ADJUSTED: (splits,), BASIS_UNKNOWN: (1.0, splits)}
    bases = [divided[_basis(table, symbol)] for table in (evidence.columns.table, evidence.second)]
    scales = sorted({mine / other for mine, other in product(*bases)})
    seen = np.median(theirs / ours)
    return float(min(scales, key=lambda scale: abs(np.log(scale / seen))))


def _basis(table: pd.DataFrame, symbol: str) -> str:
    bases = table.loc[(table["symbol"] == symbol) & (table["mark"] == KEPT), "basis"]
    return str(bases.iloc[0])


class RevisionRate(SymbolRule, AtMost):
    """Share of the stored minutes that the incoming bars of the same feed would change or remove.

    A minute that is added is no revision, and neither is one that another feed says otherwise.
    """

    name: ClassVar[str] = "revision_rate"
    family: ClassVar[str] = "comparison"
    question: ClassVar[str] = "Does the feed still say what is stored of it?"
    needs: ClassVar[tuple[Needs, ...]] = ("stored",)

    warn: float = Field(default=0.02, ge=0, le=1)
    fail: float = Field(default=0.20, ge=0, le=1)

    def judge(self, stack: Stack) -> Iterable[Told]:
        """One finding a symbol, which names the minutes."""
        ours, before = stack.bars, stack.stored
        differs = before.present
        if differs.any():
            same = ours["volume"] == before["volume"]
            for name in PRICE_COLUMNS:
                with np.errstate(invalid="ignore"):  # infinite less infinite
                    same &= np.abs(ours[name] - before[name]) <= SAME_PRICE * np.abs(before[name])
            differs = differs & ~same
        revised = np.count_nonzero(differs, axis=0).tolist()
        for (evidence, symbol), minutes, some in zip(stack.columns, differs.T, revised, strict=True):
            if some:
                yield self._revised(evidence, symbol, evidence.expected[minutes])
            else:  # a session that is not stored yet and one that is stored as it comes in are told alike
                said = f"0 stored {symbol} bars are revised (at most {self.fail:.0%})"
                yield self.told(evidence, symbol, self.verdict(0.0), 0.0, said)

    def _revised(self, evidence: Evidence, symbol: str, at: pd.DatetimeIndex) -> Told:
        was, now = _stored_sources(evidence, symbol), evidence.kept(symbol).set_index("timestamp")["source"]
        of_these_feeds = was.isin(now.unique()) if len(now) else was.notna()
        same = of_these_feeds & ((was == now.reindex(was.index)) | ~was.index.isin(now.index))
        revised, of = at[same.reindex(at).to_numpy(bool)], int(of_these_feeds.sum())
        share = len(revised) / of if of else 0.0
        said = f"{len(revised)} of {of} stored {symbol} bars are revised ({share:.1%}, at most {self.fail:.0%}"
        if others := len(at) - len(revised):
            feeds = " and ".join(was[at][~same[at]].unique())
            said += f"; {others} that differ are stored from {feeds}, and a change of feed is no revision"
        return self.told(evidence, symbol, self.verdict(share), share, f"{said})", held_against=revised)


def _stored_sources(evidence: Evidence, symbol: str) -> pd.Series:
    """The feed of each of the symbol's stored minutes."""
    assert evidence.stored is not None
    rows = evidence.stored[(evidence.stored["symbol"] == symbol) & evidence.stored["timestamp"].isin(evidence.expected)]
    return rows.set_index("timestamp")["source"]
