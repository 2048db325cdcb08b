"""Keeps what people are told of, which channels still have to take it, and when each sensor last did its work.

When something is told and in which words is `resources.alerting`'s matter.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.server import DatabaseServer
from schemas.alerts import REPEATED, Alert, KeptAlert

TELLING_LOCK: Final = 0x616C7274
""""alrt": the lock of the one process that sends what is to be told."""


@dataclass(frozen=True)
class AlertStore:
    """The tables `alerts`, `alert_messages` and `sensor_heartbeats`."""

    server: DatabaseServer

    @repeatable
    def keep(self, alert: Alert, channels: Sequence[str]) -> None:
        """Say that it stands: it is owed to the channels when it begins, or names another session."""
        with self.server.connect() as connection:
            row = asdict(alert) | {"sessions": list(alert.sessions), "owed": list(channels)}
            connection.execute(named_query("keep_alert"), row)

    @repeatable
    def end(self, key: str, at: datetime, channels: Sequence[str]) -> None:
        """Say that it is over, where it stands."""
        with self.server.connect() as connection:
            connection.execute(named_query("end_alert"), {"key": key, "at": at, "owed": list(channels)})

    @repeatable
    def forget(self, before: datetime) -> None:
        """Let what is not told again, and began before, stand no more."""
        with self.server.connect() as connection:
            connection.execute(named_query("forget_alerts"), {"before": before, "repeated": list(REPEATED)})

    @repeatable
    def repeat(self, before: datetime, channels: Sequence[str]) -> None:
        """Owe the channels again what stands and was last told before."""
        with self.server.connect() as connection:
            about = {"before": before, "owed": list(channels), "repeated": list(REPEATED)}
            connection.execute(named_query("repeat_alerts"), about)

    @repeatable
    def owed(self, channel: str) -> list[KeptAlert]:
        """What a channel has not taken yet, oldest first."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(KeptAlert)) as cursor:
            return cursor.execute(named_query("alerts_owed"), {"channel": channel}).fetchall()

    @repeatable
    def standing(self) -> list[KeptAlert]:
        """What stands now, oldest first."""
        with self.server.connect() as connection, connection.cursor(row_factory=class_row(KeptAlert)) as cursor:
            return cursor.execute(named_query("alerts_standing")).fetchall()

    @repeatable
    def sent_since(self, channel: str, since: datetime) -> int:
        """How many messages a channel took after an instant."""
        with self.server.connect() as connection:
            row = connection.execute(named_query("alert_messages_since"), {"channel": channel, "since": since})
            return int(row.fetchall()[0][0])

    def took(self, channel: str, alerts: Sequence[KeptAlert], at: datetime) -> None:
        """Keep that a channel took a message of these; what changed meanwhile is still owed."""
        with self.server.connect() as connection:
            for alert in alerts:
                about = {"id": alert.id, "version": alert.version, "channel": channel, "at": at}
                connection.execute(named_query("alert_told"), about)
            ids = [alert.id for alert in alerts]
            connection.execute(named_query("add_alert_message"), {"at": at, "channel": channel, "alerts": ids})

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether this process is the one that sends, for as long as the block lasts."""
        with self.server.outside_transactions() as line:
            yield line.execute("SELECT pg_try_advisory_lock(%s)", [TELLING_LOCK]).fetchone() == (True,)

    @repeatable
    def beat(self, sensor: str, at: datetime) -> None:
        """Keep that a sensor did its work."""
        with self.server.connect() as connection:
            connection.execute(named_query("keep_sensor_heartbeat"), {"sensor": sensor, "at": at})
