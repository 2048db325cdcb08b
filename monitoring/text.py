"""How a desk is doing, as lines for a terminal: `/monitoring/status` and `intraday status` are the same."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from monitoring.facts import Facts, Sample
from monitoring.health import health
from schemas.words import printable

WIDTH: Final = 15
SESSIONS_SHOWN: Final = 5


def status_text(sample: Sample, now: datetime) -> str:
    """The page, ending with a line break.

    Args:
        sample: the newest.
        now: UTC.

    """
    lines = [*_health_lines(sample, now), *([] if sample.facts is None else _facts_lines(sample.facts))]
    return "".join(f"{printable(line)}\n" for line in lines)


def _health_lines(sample: Sample, now: datetime) -> Iterator[str]:
    found = health(sample, now)
    settings = sample.settings
    yield f"{found.status.value}  {_clock(now)}  {settings.environment}, {', '.join(settings.symbols)}"
    for name, part in found.components.each().items():
        yield f"{name:{WIDTH}} {part.status:10} {_shown(part.details)}".rstrip()
        if part.reason is not None:
            yield f"{'':{WIDTH}} {part.reason}"


def _facts_lines(facts: Facts) -> Iterator[str]:
    for watched in facts.sessions[-SESSIONS_SHOWN:]:
        judged = "not judged" if watched.judgement is None else watched.judgement.verdict.value
        held = f"bars of {', '.join(watched.stored)}" if watched.stored else "no bars"
        yield f"{'session':{WIDTH}} {watched.session.key} {judged}{', blocked' if watched.blocked else ''}, {held}"
    for account in facts.accounts:
        for one in account.positions:
            if one.quantity:
                profit = "" if one.unrealized_pnl is None else f", {one.unrealized_pnl:+,.2f} USD"
                yield f"{'position':{WIDTH}} {account.shown} {one.quantity} {one.symbol}{profit}"
    for alert in facts.alerts:
        yield f"{'alert':{WIDTH}} {alert.says} (since {_clock(alert.since)})"


def _shown(details: Mapping[str, Any]) -> str:
    """Details in a few words; what is empty is left out."""
    return ", ".join(f"{name} {_value(name, one)}" for name, one in details.items() if one not in (None, [], {}))


def _value(name: str, value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        return f"({_shown(value)})"
    if isinstance(value, datetime):
        return _clock(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value / 10**9:,.1f} GB" if name.endswith("_bytes") else str(value)


def _clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
