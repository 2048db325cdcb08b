"""Several reports of one session as one: of symbols that were judged apart."""

from schemas.quality import QualityReport


def merge(first: QualityReport, second: QualityReport) -> QualityReport:
    """One report that says what both say; associative, and never milder than either.

    Raises:
        ValueError: their session, environment or bar size differ, or they judged different tables of one symbol.

    """
    for name in ("session", "environment", "bar_size", "block_on_failure"):
        if getattr(first, name) != getattr(second, name):
            raise ValueError(f"Reports of different {name} cannot be merged.")
    for name, value in first.fingerprints.items():
        if second.fingerprints.get(name, value) != value:
            raise ValueError(f"The reports judged different {name} of {first.session}.")
    return QualityReport(
        session=first.session,
        environment=first.environment,
        bar_size=first.bar_size,
        symbols=tuple(dict.fromkeys((*first.symbols, *second.symbols))),
        bars_in=first.bars_in | second.bars_in,
        missing=first.missing | second.missing,
        findings=tuple(dict.fromkeys((*first.findings, *second.findings))),
        not_asked={
            rule: _reasons(first.not_asked.get(rule), second.not_asked.get(rule))
            for rule in dict.fromkeys((*first.not_asked, *second.not_asked))
        },
        attempts=(*first.attempts, *(one for one in second.attempts if one not in first.attempts)),
        block_on_failure=first.block_on_failure,
        accepted=first.accepted if first.accepted == second.accepted else None,
        fingerprints=first.fingerprints | second.fingerprints,
    )


def _reasons(*said: str | None) -> str:
    """All reasons for which a rule was not asked, each once."""
    return "; ".join(dict.fromkeys(reason for text in said if text for reason in text.split("; ")))
