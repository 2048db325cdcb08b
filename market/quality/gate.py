"""The gate: asks every rule about a session and makes one report of the answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from pydantic import BaseModel, ConfigDict, Field

from market.quality.evidence import Evidence
from market.quality.rule import TOO_LITTLE, Needs, PairRule, Rule, SymbolRule, Told
from market.quality.stack import Stack, stacks
from market.splits import SplitTable
from schemas.quality import Acceptance, Attempt, Finding, QualityReport, Verdict
from schemas.tables import KEPT

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


@dataclass
class Answers:
    """What the rules say of one session."""

    findings: list[Finding] = field(default_factory=list)
    silent: dict[str, dict[tuple[str, ...], str]] = field(default_factory=dict)
    """By rule and symbols, why it says nothing of them."""

    def not_asked(self, symbols: tuple[str, ...]) -> dict[str, str]:
        """The same by rule; of all symbols in one sentence where it is the same."""
        return {rule: _sentence(reasons, symbols) for rule, reasons in self.silent.items()}


def _sentence(reasons: Mapping[tuple[str, ...], str], symbols: tuple[str, ...]) -> str:
    if len(set(reasons.values())) == 1 and len(symbols) == sum(map(len, reasons)):
        return next(iter(reasons.values()))
    return "; ".join(f"{', '.join(untold)}: {why}" for untold, why in reasons.items())


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
        """The reports of several sessions, each as it would be by itself.

        A rule measures many sessions at once: by itself, each would take three times as long.
        """
        known = [evidence.knowing(self.splits) for evidence in evidences]
        answers = {evidence: Answers() for evidence in known}
        for stack in stacks(known):
            for place, rule in enumerate(self.rules):
                self._ask(place, rule, stack, answers)
        return [
            self.report(evidence, said.findings, not_asked=said.not_asked(evidence.symbols))
            for evidence, said in answers.items()
        ]

    def report(
        self,
        evidence: Evidence,
        findings: Sequence[Finding],
        attempts: Sequence[Attempt] = (),
        not_asked: Mapping[str, str] | None = None,
    ) -> QualityReport:
        """The report of findings, bound to what was judged."""
        present = evidence.grid.present.sum(axis=0)
        return QualityReport(
            session=evidence.session.key,
            environment=self.environment,
            bar_size=evidence.bar_size.value,
            symbols=evidence.symbols,
            bars_in={symbol: evidence.tally.get((symbol, KEPT), 0) for symbol in evidence.symbols},
            missing={
                symbol: len(evidence.expected) - int(count)
                for symbol, count in zip(evidence.symbols, present, strict=True)
            },
            findings=tuple(findings),
            not_asked=dict(not_asked or {}),
            attempts=tuple(attempts),
            block_on_failure=self.policy.block_on_failure,
            fingerprints=evidence.fingerprints,
        )

    def _ask(self, place: int, rule: Rule, stack: Stack, answers: Mapping[Evidence, Answers]) -> None:
        """Add what a rule finds of some sessions, and of which symbols it finds nothing."""
        for thresholds, symbols in self._groups(place, rule, stack.symbols):
            lacking = _lacking(thresholds, stack)
            asked = stack.part(tuple(one for one in stack.evidences if one not in lacking), symbols)
            told = _told(thresholds, asked)
            for evidence, finding in told:
                answers[evidence].findings.append(finding)
            silent = ((evidence, symbols, why) for evidence, why in lacking.items())
            for evidence, untold, why in chain(silent, _silent(thresholds, asked, told)):
                answers[evidence].silent.setdefault(rule.name, {})[untold] = why

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


def _lacking(rule: Rule, stack: Stack) -> dict[Evidence, str]:
    """Why a rule is not asked of sessions, whatever their bars are; mostly there is none."""
    if rule.severity == "off":
        return dict.fromkeys(stack.evidences, "the configuration switches it off")
    return {
        evidence: ABSENT[need]
        for need in reversed(rule.needs)
        for evidence in stack.evidences
        if getattr(evidence, need) is None
    }


def _told(rule: Rule, stack: Stack) -> list[Told]:
    """What a rule says; where it crashes, each session is asked about by itself."""
    if not stack.evidences:
        return []
    try:
        return list(rule.judge(stack))
    except Exception as error:  # whatever a rule does wrong must not pass as good data
        if len(stack.evidences) > 1:
            return [told for evidence in stack.evidences for told in _told(rule, Stack((evidence,), stack.symbols))]
        said = f"The rule {rule.name} could not be computed: {type(error).__name__}: {error}"
        return [rule.told(stack.evidences[0], None, Verdict.ERROR, None, said)]


def _silent(rule: Rule, stack: Stack, told: Iterable[Told]) -> Iterator[tuple[Evidence, tuple[str, ...], str]]:
    """The sessions and symbols of which a rule that was asked finds nothing, and why."""
    spoken: dict[Evidence, set[str | None]] = {evidence: set() for evidence in stack.evidences}
    for evidence, finding in told:
        spoken[evidence].add(finding.symbol)
    for evidence, symbols in spoken.items():
        if not symbols:
            yield evidence, stack.symbols, rule.unasked(evidence, stack.symbols)
        elif isinstance(rule, SymbolRule) and None not in symbols and len(symbols) < len(stack.symbols):
            yield evidence, tuple(sorted(set(stack.symbols) - symbols)), TOO_LITTLE


def failed_before_the_gate(asset: str, message: str) -> Finding:
    """A finding for a session that never reached the rules, because an asset before them could not be made."""
    return Finding(rule=asset, family="before the gate", verdict=Verdict.ERROR, message=message, final=True)


def bars_of(report: QualityReport) -> dict[str, str]:
    """The fingerprints of the bars that were judged: what a person's acceptance is bound to."""
    return {name: value for name, value in report.fingerprints.items() if name.startswith("bars/")}
