"""The words in which people are told: one alert, or several in one message. How a channel carries them is its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resources.http import shown
from schemas.alerts import KeptAlert
from schemas.words import counted

TITLE: Final = 120
LISTED: Final = 30
"""How many alerts a summing-up spells out."""


@dataclass(frozen=True)
class Message:
    """What a channel carries."""

    title: str
    """One line."""
    text: str
    fields: Mapping[str, object]
    """The same for programs, JSON."""


def message_of(alerts: Sequence[KeptAlert]) -> Message:
    """One alert in full, or several summed up."""
    fields = {"alerts": [alert.fields() for alert in alerts]}
    if len(alerts) == 1:
        (alert,) = alerts
        return Message(_title(alert), _text(alert), fields)
    title = f"intraday: {counted(len(alerts), 'alert')} in one message, for there were many"
    lines = [f"- {_title(alert)}" for alert in alerts[:LISTED]]
    if len(alerts) > LISTED:
        lines.append(f"- and {len(alerts) - LISTED} more")
    return Message(title, "\n".join([*lines, "All of them stand in the table alerts."]), fields)


def _title(alert: KeptAlert) -> str:
    if alert.resolved_at is not None:
        return shown(f"intraday: over: {alert.says}", TITLE)
    return shown(f"intraday: {'still: ' if alert.told else ''}{alert.says}", TITLE)


def _text(alert: KeptAlert) -> str:
    since = f"Since {alert.since:%Y-%m-%d %H:%M} UTC"
    if alert.resolved_at is not None:
        return f"Over: {alert.says}\n{since}, until {alert.resolved_at:%Y-%m-%d %H:%M} UTC."
    return f"{alert.says}\n{since}.\nWhat to do: {alert.advice}"
