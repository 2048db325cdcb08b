"""Where Dagster's instance keeps its runs and events: dagster-postgres, with connections that are kept and events that
are written together.

As it comes, dagster-postgres opens a connection for each event and keeps a check's answer in six statements. Here a
process keeps its connections, and what a run says of some sessions is one transaction. What stands in the database is
the same, so the UI, the daemon and `dagster` read it as ever. `deploy/dagster.yaml` names this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from typing import Any

import sqlalchemy as db
from dagster import AssetCheckEvaluation
from dagster._config.config_schema import UserConfigSchema
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.config import pg_config
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy.dialects import postgresql

MAY_WAIT = frozenset({DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_CHECK_EVALUATION})
"""What a run says of a session. It waits for the next event of another kind, such as the log's line on a month."""
WAIT_AT_MOST = 100
"""Events."""

CHECK_KEY = ("asset_key", "check_name", "run_id", "partition")
"""The columns of Dagster's unique index on `asset_check_executions`."""
CHECK_SAYS = (
    "execution_status",
    "evaluation_event",
    "evaluation_event_timestamp",
    "evaluation_event_storage_id",
    "materialization_event_storage_id",
)

# Statements that are compiled once, however many rows they are given.
INSERT_EVENTS = db.insert(SqlEventLogStorageTable).returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
INSERT_CHECKS = postgresql.insert(AssetCheckExecutionsTable)
UPSERT_CHECKS = INSERT_CHECKS.on_conflict_do_update(
    index_elements=CHECK_KEY, set_={name: INSERT_CHECKS.excluded[name] for name in CHECK_SAYS}
)


class PooledStorage(DagsterStorage, ConfigurableClass):
    """Dagster's runs, events and schedules in PostgreSQL, over connections that are kept."""

    def __init__(self, postgres_url: str, create: bool, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._runs = PostgresRunStorage(postgres_url, create)
        self._events = TogetherEventLog(postgres_url, create)
        self._schedules = PostgresScheduleStorage(postgres_url, create)
        self._runs._engine = self._events._engine = self._schedules._engine = pooled_engine(postgres_url)
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """How `dagster.yaml` names it."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """The same as dagster-postgres'."""
        return pg_config()

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledStorage":
        """As `dagster.yaml` has it."""
        create = bool(config_value.get("should_autocreate_tables", True))
        return cls(pg_url_from_config(config_value), create, inst_data)

    @property
    def run_storage(self) -> PostgresRunStorage:
        """The runs."""
        return self._runs

    @property
    def event_log_storage(self) -> "TogetherEventLog":
        """The events."""
        return self._events

    @property
    def schedule_storage(self) -> PostgresScheduleStorage:
        """Schedules and sensors."""
        return self._schedules


@dataclass(frozen=True)
class Stored:
    """An event with its number in the log."""

    event: EventLogEntry
    number: int
    text: str
    """As it stands in the log."""

    @property
    def asset(self) -> str:
        """Of which asset the table of assets is told of it; empty where of none."""
        key = self.event.get_dagster_event().asset_key if self.event.dagster_event_type in ASSET_EVENTS else None
        return key.to_string() if key else ""

    @property
    def of_a_check(self) -> bool:
        """Whether the table of checks is told of it."""
        return self.event.dagster_event_type in ASSET_CHECK_EVENTS

    def check_rows(self) -> Iterator[dict[str, Any]]:
        """Its rows in `asset_check_executions`: one a partition, none where it is about none."""
        said = self.event.get_dagster_event().event_specific_data
        stamp = datetime.fromtimestamp(self.event.timestamp, UTC).replace(tzinfo=None)
        row = {"run_id": self.event.run_id, "evaluation_event": self.text, "evaluation_event_timestamp": stamp}
        row["evaluation_event_storage_id"] = self.number
        if isinstance(said, AssetCheckEvaluationPlanned):
            partitions = said.partitions_subset.get_partition_keys() if said.partitions_subset else ()
            row |= {"execution_status": Status.PLANNED.value, "materialization_event_storage_id": None}
        elif isinstance(said, AssetCheckEvaluation):
            partitions = (said.partition,) if said.partition and self.event.run_id else ()
            of = said.target_materialization_data
            row["execution_status"] = (Status.SUCCEEDED if said.passed else Status.FAILED).value
            row["materialization_event_storage_id"] = of.storage_id if of else None
        else:
            return
        for partition in partitions:
            yield {
                "asset_key": said.asset_key.to_string(),
                "check_name": said.check_name,
                "partition": partition,
                **row,
            }


class TogetherEventLog(PostgresEventLogStorage):
    """The event log; what may wait is written together with the next event that may not, in one transaction.

    Nothing is read past what waits: every other use of the database writes it first. A process that is killed leaves
    unsaid what waited, which is about its latest sessions; what is stored of them is stored apart from it.
    """

    def __init__(self, postgres_url: str, should_autocreate_tables: bool = True) -> None:
        self._waiting: list[EventLogEntry] = []
        self._one_at_a_time = RLock()
        super().__init__(postgres_url, should_autocreate_tables)

    def store_event(self, event: EventLogEntry) -> None:
        """Keep an event, now or together with the next ones."""
        with self._one_at_a_time:
            self._waiting.append(event)
            may_wait = bool(event.run_id) and event.dagster_event_type in MAY_WAIT
            if not may_wait or len(self._waiting) >= WAIT_AT_MOST:
                self._write_waiting()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Keep several events, of whatever kinds, now; where that is refused Dagster keeps each by itself."""
        with self._one_at_a_time:
            self._write_waiting()
            if events:
                self._store_together(events)

    def dispose(self) -> None:
        """Write what waits and give the connections back."""
        with self._one_at_a_time:
            self._write_waiting()
        super().dispose()
        self._engine.dispose()

    def _connect(self) -> Any:
        with self._one_at_a_time:
            self._write_waiting()
        return super()._connect()

    def _write_waiting(self) -> None:
        """Together; one by one where that is refused, so that each event fares as it would have by itself."""
        events, self._waiting = self._waiting, []
        if not events:
            return
        try:
            self._store_together(events)
        except Exception:
            for place, event in enumerate(events):
                try:
                    super().store_event(event)
                except BaseException:
                    self._waiting = [*events[place + 1 :], *self._waiting]
                    raise
        except BaseException:  # Ctrl-C: what Dagster says of it brings them along
            self._waiting = [*events, *self._waiting]
            raise

    def _store_together(self, events: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        with self.index_transaction() as connection:
            numbers = [int(row[0]) for row in connection.execute(INSERT_EVENTS, rows)]
            stored = [Stored(event, at, row["event"]) for event, at, row in zip(events, numbers, rows, strict=True)]
            self._store_assets(connection, [one for one in stored if one.asset])
            self._store_checks(connection, [one for one in stored if one.of_a_check])

    def _store_assets(self, connection: db.Connection, stored: Sequence[Stored]) -> None:
        """Of each asset the newest event of each kind, in an order in which no two processes block each other."""
        if not stored:
            return
        self._store_asset_event_tags(connection, [one.event for one in stored], [one.number for one in stored])
        newest = {(one.asset, str(one.event.dagster_event_type)): one for one in stored}
        for key in sorted(newest):
            self._store_asset_event(connection, newest[key].event, newest[key].number)

    def _store_checks(self, connection: db.Connection, stored: Sequence[Stored]) -> None:
        """What was planned, and in its place how it ended; Dagster's index tells apart the rows of partitions only."""
        rows: dict[tuple[str, ...], dict[str, Any]] = {}
        for one in stored:
            of_partitions = list(one.check_rows())
            rows |= {tuple(row[name] for name in CHECK_KEY): row for row in of_partitions}
            if not of_partitions:
                self.store_asset_check_event(one.event, one.number)
        if rows:
            connection.execute(UPSERT_CHECKS, list(rows.values()))


def pooled_engine(url: str) -> db.Engine:
    """Connections to Dagster's database that are kept, each tried before it is used again.

    A crash of the machine may take the last moments of the log with it, as it takes the process that ran: commits do
    not wait for the disk. Bars and judgements are stored elsewhere, over connections whose commits do.
    """
    engine = db.create_engine(url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=-1, pool_pre_ping=True)

    def without_waiting(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
        connection.commit()

    db.event.listen(engine, "connect", without_waiting)
    return engine
