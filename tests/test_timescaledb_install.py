"""Debian's TimescaleDB from a private folder: the server that it comes to."""

import psycopg


def test_the_server_is_postgresql_17_with_timescaledb_2_19(timescale_url: str) -> None:
    with psycopg.connect(timescale_url, autocommit=True) as connection:
        assert connection.info.server_version // 10_000 == 17
        connection.execute("CREATE EXTENSION timescaledb")
        version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        assert version is not None
        assert version[0].startswith("2.19.")
        assert connection.execute("SHOW timescaledb.license").fetchone() in [("apache",), ("timescale",)]
        connection.execute("CREATE TABLE bars (at timestamptz NOT NULL, price numeric)")
        connection.execute("SELECT create_hypertable('bars', by_range('at'))")
        connection.execute("INSERT INTO bars VALUES ('2024-01-02 14:30+00', 1.5), ('2024-03-01 14:30+00', 2.5)")
        assert connection.execute("SELECT count(*) FROM show_chunks('bars')").fetchone() == (2,)
