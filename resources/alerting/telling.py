"""When people are told: once when something begins, again while it stands, once when it is over.

What is to be told is kept in the database, so that it is told once however many processes see it, and later where a
channel fails. Nothing here raises for a channel's sake.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from resources.alerting.channels import Channel
from resources.alerting.mail import open_mail
from resources.alerting.masking import masked
from resources.alerting.messages import message_of
from resources.alerting.webhook import open_webhook
from resources.database.alert_store import AlertStore
from resources.database.server import DatabaseServer
from resources.errors import AlertNotSent
from resources.settings_sections import AlertsSettings
from schemas.alerts import Alert, KeptAlert

HOUR: Final = timedelta(hours=1)
FORGOTTEN: Final = timedelta(days=7)
"""What is not told again stands for so long at most."""
TICK_SECONDS: Final = 20.0
"""After that no further message is begun: who sends is a sensor, and Dagster ends one that takes a minute."""
log = logging.getLogger("intraday.alerts")


@dataclass(frozen=True)
class Alerting:
    """Tells people over the channels of a desk."""

    store: AlertStore
    settings: AlertsSettings
    channels: tuple[Channel, ...]
    environment: Mapping[str, str] = field(repr=False)
    """For the secrets in it, which are masked wherever they turn up."""
    now: Callable[[], datetime]

    def stands(self, alert: Alert) -> None:
        """Keep that it stands, to be told where that is new."""
        self._forget()
        says, advice = (masked(text, self.environment) for text in (alert.says, alert.advice))
        self.store.keep(replace(alert, says=says, advice=advice), self._names)

    def over(self, key: str, at: datetime | None = None) -> None:
        """Keep that it is over, to be told where it stood."""
        self.store.end(key, at or self.now(), self._names)

    def tell(self) -> None:
        """Send what is to be told now, if no other process is doing so; what is not taken is sent the next time.

        Raises:
            DatabaseError: the database, not a channel.

        """
        started = self.now()
        self._forget()
        if not self.channels:
            return
        with self.store.turn() as mine:
            if not mine:
                return
            self.store.repeat(started - timedelta(hours=self.settings.repeat_hours), self._names)
            for channel in self.channels:
                self._tell(channel, started + timedelta(seconds=TICK_SECONDS))

    def _forget(self) -> None:
        """Before something is kept, too: else it would be that again, and forgotten with it."""
        self.store.forget(self.now() - FORGOTTEN)

    @property
    def _names(self) -> list[str]:
        return [channel.name for channel in self.channels]

    def _tell(self, channel: Channel, deadline: datetime) -> None:
        for alerts in self._messages(channel):
            if self.now() > deadline:
                return
            try:
                channel.send(message_of(alerts))
            except AlertNotSent as error:
                log.warning("%s It is sent again.", masked(str(error), self.environment))
                return
            self.store.took(channel.name, alerts, self.now())

    def _messages(self, channel: Channel) -> Iterator[Sequence[KeptAlert]]:
        """What each message names: an alert each, but for the last of the hour, which sums up the rest."""
        owed = self.store.owed(channel.name)
        free = self.settings.messages_per_hour - self.store.sent_since(channel.name, self.now() - HOUR)
        if free <= 0:
            return
        alone = owed if len(owed) <= free else owed[: free - 1]
        yield from ([alert] for alert in alone)
        if len(alone) < len(owed):
            yield owed[len(alone) :]


def open_alerting(
    settings: AlertsSettings, server: DatabaseServer, environment: Mapping[str, str], now: Callable[[], datetime]
) -> Alerting:
    """The channels of a desk: the secrets from the environment, everything else from the settings.

    Raises:
        ConfigError: a channel is named and cannot be used.

    """
    return Alerting(AlertStore(server), settings, open_channels(settings, environment), environment, now)


def open_channels(settings: AlertsSettings, environment: Mapping[str, str]) -> tuple[Channel, ...]:
    """Those that are set up.

    Raises:
        ConfigError: as of `open_alerting`.

    """
    webhook = open_webhook(environment, settings.timeout_seconds)
    mail = open_mail(settings.mail, environment, settings.timeout_seconds)
    return tuple(channel for channel in (webhook, mail) if channel is not None)


def tell_at_once(alert: Alert, settings: AlertsSettings, environment: Mapping[str, str]) -> None:
    """Tell of something where the database cannot keep it: now, and never again."""
    says, advice = (masked(text, environment) for text in (alert.says, alert.advice))
    message = message_of([KeptAlert(alert.key, alert.kind, alert.since, says, advice, alert.sessions)])
    for channel in open_channels(settings, environment):
        try:
            channel.send(message)
        except AlertNotSent as error:
            log.warning("%s", masked(str(error), environment))
