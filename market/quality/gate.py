"""The gate: asks every rule about a session and makes one report of the answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from market.quality.evidence import Evidence
from market.quality.rule import CannotAsk, Needs, PairRule, Rule
from market.splits import SplitTable
from schemas.quality import Acceptance, Attempt, Finding, QualityReport, Verdict

ABSENT: Mapping[Needs, str] = {
    "frame": "no frame was built",
    "history": "no earlier sessions were looked at",
    "second": "no second feed has the session",
    "stored": "the database was not looked at",
}


class Policy(BaseModel):
    """What follows from a verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block_on_failure: bool = Field(default=True, description="whether FAIL blocks; ERROR always does")
    acceptance: bool = Field(default=True, description="whether a person may let a blocked session pass")


@dataclass(frozen=True)
class Gate:
    """The rules of one environment with its thresholds."""

    environment: str
    rules: Sequence[Rule]
    by_symbol: Mapping[str, Sequence[Rule]] = field(default_factory=dict)
    """For symbols with thresholds of their own: the same rules in the same order."""
    policy: Policy = field(default_factory=Policy)
    splits: SplitTable = field(default_factory=SplitTable)

    def judge(
        self, evidence: Evidence, attempts: Sequence[Attempt] = (), accepted: Acceptance | None = None
    ) -> QualityReport:
        """Ask every rule. A rule that crashes is an ERROR, and blocks: unknown is not good.

        Args:
            evidence: the session.
            attempts: what came of asking the feeds.
            accepted: a person's word on this session; it is in the report where it lets the session pass: for the
                bars that the person saw, where the policy lets people accept, and nothing found is final.

        """
        (report,) = self.judge_all([evidence])
        if attempts:
            report = report.model_copy(update={"attempts": tuple(attempts)})
        if accepted is None or not self.policy.acceptance or accepted.fingerprints != bars_of(report):
            return report
        passed = report.model_copy(update={"accepted": accepted})
        return passed if report.blocked and not passed.blocked else report

    def judge_all(self, evidences: Iterable[Evidence]) -> list[QualityReport]:
        """The reports of several sessions, each by itself.

        Rule by rule, not session by session: what one rule works with then stays in the processor's cache, and it takes
        three quarters of the time.
        """
        known = [evidence.knowing(self.splits) for evidence in evidences]
        found: list[list[Finding]] = [[] for _ in known]
        not_asked: list[dict[str, str]] = [{} for _ in known]
        for place, rule in enumerate(self.rules):
            for evidence, findings, reasons in zip(known, found, not_asked, strict=True):
                mine, unasked = self._ask(place, rule, evidence)
                findings += mine
                if unasked:
                    reasons[rule.name] = unasked
        return [
            self.report(evidence, findings).model_copy(update={"not_asked": reasons})
            for evidence, findings, reasons in zip(known, found, not_asked, strict=True)
        ]

    def report(
        self, evidence: Evidence, findings: Sequence[Finding], attempts: Sequence[Attempt] = ()
    ) -> QualityReport:
        """The report of findings, bound to what was judged."""
        present = evidence.grid.present.sum(axis=0)
        return QualityReport(
            session=evidence.session.key,
            environment=self.environment,
            bar_size=evidence.bar_size.value,
            symbols=evidence.symbols,
            bars_in={symbol: sum(evidence.counted(symbol, "mark").values()) for symbol in evidence.symbols},
            missing={
                symbol: len(evidence.expected) - int(count)
                for symbol, count in zip(evidence.symbols, present, strict=True)
            },
            findings=tuple(findings),
            attempts=tuple(attempts),
            block_on_failure=self.policy.block_on_failure,
            fingerprints=evidence.fingerprints,
        )

    def _ask(self, place: int, rule: Rule, evidence: Evidence) -> tuple[list[Finding], str]:
        """What a rule finds, and why it was not asked of some or all symbols; empty where it was asked of all."""
        found: list[Finding] = []
        unasked: dict[tuple[str, ...], str] = {}
        absent = next((ABSENT[need] for need in rule.needs if getattr(evidence, need) is None), None)
        for thresholds, symbols in self._groups(place, rule, evidence.symbols):
            try:
                if thresholds.severity == "off":
                    raise CannotAsk("the configuration switches it off")
                if absent is not None:
                    raise CannotAsk(absent)
                mine = list(thresholds.judge(evidence, symbols))
                found += mine
                untold = [] if isinstance(rule, PairRule) else sorted(set(symbols) - {one.symbol for one in mine})
                if untold:
                    unasked[tuple(untold)] = "there is too little to compare"
            except CannotAsk as why:
                unasked[symbols] = str(why)
            except Exception as error:  # whatever a rule does wrong must not pass as good data
                said = f"The rule {rule.name} could not be computed: {type(error).__name__}: {error}"
                found.append(rule.finding(evidence, None, Verdict.ERROR, None, said))
        if len(set(unasked.values())) == 1 and not found:
            return found, next(iter(unasked.values()))
        return found, "; ".join(f"{', '.join(symbols)}: {why}" for symbols, why in unasked.items())

    def _groups(self, place: int, rule: Rule, symbols: tuple[str, ...]) -> Iterable[tuple[Rule, tuple[str, ...]]]:
        """The symbols, those with equal thresholds together, so that a rule measures them at once."""
        if isinstance(rule, PairRule) or not self.by_symbol:
            return [(rule, symbols)]
        if (place, symbols) not in self._known_groups:
            groups: dict[Rule, tuple[str, ...]] = {}
            for symbol in symbols:
                own = self.by_symbol[symbol][place] if symbol in self.by_symbol else rule
                groups[own] = (*groups.get(own, ()), symbol)
            self._known_groups[place, symbols] = list(groups.items())
        return self._known_groups[place, symbols]

    @cached_property
    def _known_groups(self) -> dict[tuple[int, tuple[str, ...]], list[tuple[Rule, tuple[str, ...]]]]:
        return {}


def failed_before_the_gate(asset: str, message: str) -> Finding:
    """A finding for a session that never reached the rules, because an asset before them could not be made."""
    return Finding(rule=asset, family="before the gate", verdict=Verdict.ERROR, message=message, final=True)


def bars_of(report: QualityReport) -> dict[str, str]:
    """The fingerprints of the bars that were judged: what a person's acceptance is bound to."""
    return {name: value for name, value in report.fingerprints.items() if name.startswith("bars/")}
