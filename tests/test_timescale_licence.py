"""What needs TimescaleDB's own licence, which no server here has.

Every statement of that branch goes to a real server of the apache edition, which refuses it for its licence and for
nothing else: names, options and arguments are right. What is sent when, and that it is sent once, is tried against a
connection that lets everything else through to that server and answers these statements itself.
"""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from resources.database.schema import migrations, timescale
from resources.database.schema.migrations import bring_up, migrate
from resources.database.schema.timescale import about, keep_for, lacking_licensed, schema_basis, use_licence
from resources.database.server import DatabaseServer

VIEWS = ["market_data_5min", "market_data_15min", "market_data_1h", "market_data_1d"]


class Licensed:
    """A connection to a server that has the licence, as far as that can be without one."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.sent: list[str] = []
        self.aggregates: set[str] = set()
        self.compressing: set[str] = set()
        self.kept: dict[str, int] = {}

    def execute(self, query: object, *_: object) -> object:
        """Answer what needs the licence, and keep that it was asked."""
        answers = {
            timescale.AGGREGATES: [(name,) for name in self.aggregates],
            timescale.COMPRESSING: [(name,) for name in self.compressing],
            timescale.RETENTION: list(self.kept.items()),
        }
        if isinstance(query, str) and query in answers:
            return Rows(answers[query])
        if not isinstance(query, sql.Composed):
            return self.connection.execute(query)  # type: ignore[call-overload]
        text = query.as_string(self.connection)
        self.sent.append(text)
        name = text.split('"')[1] if '"' in text else text.split("'")[1]
        if "MATERIALIZED" in text:
            self.aggregates.add(name)
        elif "compress" in text:
            self.compressing.add(name)
        elif "remove_retention" in text:
            del self.kept[name]
        else:
            self.kept[name] = int(text.split("days => ")[1].split(")")[0])
        return Rows([])


class Rows(list[tuple[object, ...]]):
    """What a query found."""

    def fetchall(self) -> list[tuple[object, ...]]:
        """All of it."""
        return self


@pytest.fixture
def connection(timescale_url) -> Iterator[psycopg.Connection]:
    """To a migrated database of the apache edition."""
    migrate(DatabaseServer(timescale_url))
    with psycopg.connect(timescale_url, autocommit=True) as found:
        if found.execute("SHOW timescaledb.license").fetchone() != ("apache",):
            pytest.skip("this server has the licence")
        yield found


def licensed_statements(connection: psycopg.Connection) -> Iterator[str]:
    query = "SELECT name, longer_bars_query(in_timescaledb) FROM longer_bars()"
    for name, text in connection.execute(query).fetchall():
        yield about(timescale.AGGREGATE, name, query=sql.SQL(text)).as_string(connection)
    for name in ("market_data", "dual_ticker_bars"):
        for text in (timescale.COMPRESSION, timescale.FORGETTING, timescale.KEEPING):
            yield about(text, name, days=sql.Literal(90)).as_string(connection)


def test_the_server_refuses_each_statement_for_its_licence_alone(connection):
    refused = 0
    for statement in [one for text in licensed_statements(connection) for one in text.split(";\n")]:
        if statement.strip().startswith("DROP VIEW"):
            continue
        with pytest.raises(psycopg.errors.FeatureNotSupported, match='under the current "apache" license'):
            connection.execute(statement)  # type: ignore[call-overload]
        refused += 1
    assert refused == 4 * 2 + 2 * (2 + 1 + 1)
    with pytest.raises(psycopg.errors.InvalidParameterValue):  # the server does look at them before its licence
        connection.execute("CREATE MATERIALIZED VIEW x WITH (timescaledb.continuous, timescaledb.nonsense) AS SELECT 1")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        connection.execute("SELECT add_retention_policy('market_data', nonsense => 3)")


def test_the_views_become_aggregates_of_the_same_query_once(connection):
    server = Licensed(connection)
    done = use_licence(server)  # type: ignore[arg-type]
    assert done == [f"made {name} a continuous aggregate" for name in VIEWS] + [
        f"{name} is compressed after a week" for name in ("dual_ticker_bars", "market_data")
    ]
    for name, text in zip(VIEWS, server.sent, strict=False):
        (query,) = connection.execute(
            "SELECT longer_bars_query(in_timescaledb) FROM longer_bars() WHERE name = %s", [name]
        ).fetchone() or ("",)
        assert text.strip().startswith(f'DROP VIEW "{name}";\nCREATE MATERIALIZED VIEW "{name}"\n')
        assert "timescaledb.materialized_only = false" in text
        assert query in text
        assert f"add_continuous_aggregate_policy('{name}', start_offset => NULL" in text
    for text in server.sent[4:]:
        assert "timescaledb.compress_segmentby = 'symbol'" in text
        assert "timescaledb.compress_orderby = '\"timestamp\"'" in text
        assert "INTERVAL '7 days'" in text
    assert use_licence(server) == []  # type: ignore[arg-type]
    basis = replace(schema_basis(connection), licence="timescale")
    assert lacking_licensed(server, basis) == []  # type: ignore[arg-type]
    server.aggregates.remove("market_data_1h")
    assert lacking_licensed(server, basis) == ["continuous aggregate market_data_1h"]  # type: ignore[arg-type]


def test_bars_are_kept_for_ever_unless_a_person_says_otherwise(connection):
    server = Licensed(connection)
    assert keep_for(server, None) == []  # type: ignore[arg-type]
    assert server.sent == []
    assert keep_for(server, 90) == ["dual_ticker_bars is kept for 90 days", "market_data is kept for 90 days"]  # type: ignore[arg-type]
    assert keep_for(server, 90) == []  # type: ignore[arg-type]
    keep_for(server, 365)  # type: ignore[arg-type]
    assert server.kept == {"market_data": 365, "dual_ticker_bars": 365}
    assert keep_for(server, None) == ["dual_ticker_bars is kept for ever", "market_data is kept for ever"]  # type: ignore[arg-type]
    assert server.kept == {}


def test_only_a_person_who_migrates_sets_how_long_bars_are_kept(timescale_url, monkeypatch):
    """A run that starts brings the rest up, and never decides what is deleted."""
    asked: list[object] = []
    real = migrations.schema_basis
    monkeypatch.setattr(
        migrations,
        "schema_basis",
        lambda connection: (lambda found: replace(found, licence="timescale" if found.version else None))(
            real(connection)
        ),
    )
    monkeypatch.setattr(migrations, "use_licence", lambda _: asked.append("licence") or ["used the licence"])
    monkeypatch.setattr(migrations, "keep_for", lambda _, days: asked.append(days) or [])
    server = DatabaseServer(timescale_url)
    assert "used the licence" in migrate(server).done
    assert asked == ["licence"]
    bring_up(server, retention_days=None)
    bring_up(server, retention_days=90)
    assert asked == ["licence", "licence", None, "licence", 90]
