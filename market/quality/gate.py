"""The gate: asks every rule about a session and makes one report of the answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from market.quality.evidence import Evidence, fingerprint
from market.quality.rule import Rule
from schemas.quality import Finding, QualityReport, Verdict


@dataclass(frozen=True)
class Gate:
    """The rules of one environment with its thresholds."""

    environment: str
    rules: Sequence[Rule]

    def judge(self, evidence: Evidence) -> QualityReport:
        """Ask every rule. A rule that crashes is an ERROR, and blocks: unknown is not good."""
        findings = [finding for rule in self.rules for finding in _ask(rule, evidence)]
        return self.report(evidence, findings)

    def report(self, evidence: Evidence, findings: Sequence[Finding]) -> QualityReport:
        """The report of findings, bound to what was judged."""
        prints = {"bars": fingerprint(evidence.bars)}
        if evidence.frame is not None:
            prints["frame"] = fingerprint(evidence.frame)
        return QualityReport(
            session=evidence.session.key,
            environment=self.environment,
            bar_size=evidence.bar_size.value,
            symbols=evidence.symbols,
            bars_in={symbol: len(evidence.kept(symbol)) for symbol in evidence.symbols},
            missing={symbol: len(evidence.missing_minutes(symbol)) for symbol in evidence.symbols},
            findings=tuple(findings),
            fingerprints=prints,
        )


def failed_before_the_gate(asset: str, message: str) -> Finding:
    """A finding for a session that never reached the rules, because an asset before them could not be made."""
    return Finding(rule=asset, family="before the gate", verdict=Verdict.ERROR, message=message)


def _ask(rule: Rule, evidence: Evidence) -> list[Finding]:
    try:
        return rule.judge(evidence)
    except Exception as error:  # whatever a rule does wrong must not pass as good data
        message = f"The rule {rule.name} could not be computed: {type(error).__name__}: {error}."
        return [rule.finding(None, Verdict.ERROR, None, message)]
