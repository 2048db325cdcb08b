"""Each index of the schema serves a query of `sql/queries`, by the plan that PostgreSQL makes on filled tables."""

import re
from datetime import UTC, date, datetime

import psycopg
import pytest

from market.time_range import time_range
from resources.database import bar_reader
from resources.database.bar_reader import LENGTHS, BarsWanted, read_bars
from resources.database.queries import named_query
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.paths import SQL

KEYS = {
    "schema_migrations_pkey",
    "gate_acceptances_pkey",
    "orders_pkey",  # and order_events refers to it
    "order_events_pkey",
    "position_adoptions_pkey",
    "trading_halts_pkey",
    "reconciliations_pkey",
    "current_positions_pkey",
    "simulated_fills_pkey",
    "live_state_pkey",
    "alerts_pkey",
    "alert_messages_pkey",
}
"""Keys by which nobody asks; that no two rows are the same is all they are for."""
FILLED = """
INSERT INTO market_data ("timestamp", symbol, open, high, low, close, volume, source, basis)
SELECT at + minute * INTERVAL '1 minute', symbol, 1, 1, 1, 1, 1, 'file', 'as_traded'
FROM generate_series('2024-01-01 14:30+00'::timestamptz, '2024-03-31', '1 day') at, generate_series(0, 389, 3) minute,
     unnest(ARRAY['NVDA', 'MSFT', 'AAPL']) symbol;
INSERT INTO dual_ticker_bars ("timestamp", symbol, hour_sin, hour_cos, minute_sin, minute_cos)
SELECT "timestamp", symbol, 0, 0, 0, 0 FROM market_data;
INSERT INTO data_quality_reports ("timestamp", session, environment, bar_size, verdict, action, report)
SELECT at, at::date, 'test', '1min', 'PASS', 'CONTINUE', '{"symbols": ["NVDA"]}'
FROM generate_series('2015-01-01 14:30+00'::timestamptz, '2024-03-31', '1 day') at;
INSERT INTO eod_reports (session, environment, bar_size, verdict, report)
SELECT session, environment, bar_size, verdict, report FROM data_quality_reports;
INSERT INTO live_bars (event, "timestamp", session)
SELECT 'published', "timestamp", "timestamp"::date FROM market_data WHERE symbol = 'NVDA';
INSERT INTO feed_events (feed, event, why)
SELECT 'feed' || n % 3, CASE WHEN n % 50 = 0 THEN 'up' ELSE 'failover' END, '' FROM generate_series(1, 20000) n;
INSERT INTO gate_acceptances (session, environment, bar_size, symbols, fingerprints, reason, by, at, verdict, findings)
SELECT '2015-01-01'::date + n, 'test', '1min', '{NVDA}', '{}', 'r', 'b', now(), 'FAIL', '[]'
FROM generate_series(1, 3000) n;
INSERT INTO orders (account, client_order_id, symbol, side, order_type, quantity, time_in_force, state, created_at)
SELECT 'A' || n % 3, 'order-' || n, 'NVDA', 'BUY', 'MARKET', n % 7 + 1, 'DAY',
       CASE WHEN n % 500 = 0 THEN 'ACCEPTED' ELSE 'FILLED' END,
       '2024-01-02 14:30+00'::timestamptz + n * INTERVAL '1 minute'
FROM generate_series(1, 15000) n;
INSERT INTO order_events (order_id, kind, at, outcome, state, quantity, revision)
SELECT id, kind, created_at, 'APPLIED', state, 0, 0 FROM orders, unnest(ARRAY['SUBMIT', 'ACCEPT', 'FILL']) kind;
INSERT INTO fills (account, exec_id, symbol, side, quantity, price, executed_at)
SELECT account, 'x.' || id || '.01', 'S' || id % 9, side, quantity, 10, created_at FROM orders;
INSERT INTO fill_commissions (account, exec_id, amount, currency) SELECT account, exec_id, 1, 'USD' FROM fills;
INSERT INTO simulated_orders (account, client_order_id, symbol, side, order_type, quantity, time_in_force, placed_at,
                              reached, state)
SELECT account, client_order_id, symbol, side, order_type, quantity, time_in_force, created_at, created_at, state
FROM orders;
ANALYZE
"""
DAY = {"first": datetime(2024, 2, 5, 5, tzinfo=UTC), "last": datetime(2024, 2, 6, 5, tzinfo=UTC)}
DESK = {"environment": "test", "bar_size": "1min", "symbols": ["NVDA"]}
DAYS = {**DAY, **DESK, "sessions": ["2024-02-05"], "firsts": [DAY["first"]], "lasts": [DAY["last"]], "unjudged": True}
LIVE = {"open": DAY["first"], "close": DAY["last"], "timestamp": DAY["first"]}
JUDGED = {
    **DAY,
    "timestamps": [datetime(2024, 2, 5, 14, 30, tzinfo=UTC)],
    "reports": '[{"environment": "test", "bar_size": "1min", "symbols": ["NVDA"]}]',
}
EOD = dict.fromkeys(
    (
        "session",
        "symbol",
        "verdict",
        "minutes_expected",
        "bars_stored",
        "bars_missing",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "vwap",
    )
)
ACCOUNT = {"account": "A1"}
LATELY = {"after": datetime(2024, 1, 5, 12, tzinfo=UTC), "now": datetime(2024, 1, 5, 12, 1, tzinfo=UTC)}
ORDER = ACCOUNT | {
    "client_order_id": "order-7",
    "symbol": "NVDA",
    "side": "BUY",
    "order_type": "MARKET",
    "quantity": 7,
    "limit_price": None,
    "stop_price": None,
    "time_in_force": "DAY",
}
FILL = ORDER | {"exec_id": "x.7.01", "price": 10, "executed_at": DAY["first"], "perm_id": None}
POSITION = ORDER | dict.fromkeys(
    (
        "average_price",
        "cost_basis",
        "realized_pnl",
        "commissions",
        "market_value",
        "unrealized_pnl",
        "last_price",
        "priced_at",
    )
)
AT_BROKER = dict.fromkeys(("placed_at", "reached", "triggered", "state", "filled", "said"))
ALERT = {
    "key": "feed_down:yahoo",
    "kind": "feed_down",
    "since": DAY["first"],
    "says": "",
    "advice": "",
    "sessions": [],
    "owed": [],
}
USES = [
    ("market_data_pkey", "stored_bars", DAYS),
    ("market_data_pkey", "eod_summary", DAYS),
    ("dual_ticker_bars_pkey", "replace_dual_ticker_bars", DAY),
    ("data_quality_reports_pkey", "newest_quality_report", JUDGED),
    ("data_quality_reports_pkey", "gate_history", {**DESK, **DAY, "rule": ""}),
    ("data_quality_reports_pkey", "session_rows", {**DAY, **DESK, "sessions": [date(2024, 2, 5)]}),
    ("eod_summaries_pkey", "store_eod_summary", EOD),
    ("eod_reports_pkey", "newest_eod_report", DESK),
    ("feed_events_pkey", "feed_events", {"limit": 20}),
    ("feed_events_by_feed", "feed_states", {}),
    ("gate_acceptances_by_session", "newest_gate_acceptance", {**DESK, "session": date(2020, 1, 2)}),
    ("live_bars_once", "day_troubles", DAY),
    ("live_bars_once", "live_bars_of", LIVE),
    ("live_bars_once", "live_bar_there", LIVE),
    ("live_bars_pkey", "live_events", {"after": 20_000, "since": 20_000, "limit": 100}),
    ("orders_open", "orders", {**ACCOUNT, "ids": None, "open": True, "limit": None}),
    ("orders_by_time", "orders", {**ACCOUNT, "ids": None, "open": False, "limit": 20}),
    ("orders_by_time", "count_orders", {**ACCOUNT, **LATELY}),
    ("orders_by_time", "alike_orders", {**ORDER, **LATELY}),
    ("orders_client_order_id_key", "orders", {**ACCOUNT, "ids": ["order-7"], "open": False, "limit": None}),
    ("orders_client_order_id_key", "add_order", {**ORDER, "created_at": DAY["first"]}),
    ("order_events_by_order", "orders", {**ACCOUNT, "ids": None, "open": True, "limit": None}),
    ("order_events_by_order", "order_events", ORDER),
    ("fills_by_symbol", "ledger_fills", {**ACCOUNT, "symbols": ["S3"]}),
    ("fills_pkey", "add_fill", FILL),
    ("fills_pkey", "keep_commission", {**FILL, "amount": 1, "currency": "USD"}),
    ("fill_commissions_pkey", "keep_commission", {**FILL, "amount": 1, "currency": "USD"}),
    ("current_positions_account_symbol_key", "keep_position", POSITION),
    ("current_positions_account_symbol_key", "open_positions", {**ACCOUNT, "symbols": ["NVDA"]}),
    ("simulated_orders_pkey", "simulated_orders", {**ACCOUNT, "id": "order-7", "since": None}),
    ("simulated_orders_pkey", "keep_simulated_order", ORDER | AT_BROKER),
    ("alerts_standing", "keep_alert", ALERT),
    ("sensor_heartbeats_pkey", "keep_sensor_heartbeat", {"sensor": "feeds", "at": DAY["first"]}),
]
HELD = [
    ("stored_bar_size_pkey", "INSERT INTO stored_bar_size (bar_size) VALUES ('1min') ON CONFLICT (only_row) DO NOTHING")
]


@pytest.fixture
def filled(postgres_url) -> psycopg.Connection:
    """Tables with enough in them that an index pays."""
    migrate(DatabaseServer(postgres_url))
    with psycopg.connect(postgres_url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FILLED)
        connection.execute(
            "CREATE TEMP TABLE difference AS SELECT *, 'revised' AS kind FROM dual_ticker_bars WHERE symbol = 'NVDA' "
            "AND \"timestamp\" >= '2024-02-05' AND \"timestamp\" < '2024-02-06'; ANALYZE difference"
        )
        yield connection


def plan(connection: psycopg.Connection, statement: str, parameters: dict[str, object] | None = None) -> str:
    return "\n".join(line for (line,) in connection.execute("EXPLAIN " + statement, parameters).fetchall())  # type: ignore[call-overload]


def test_each_index_serves_a_query(filled):
    used = set(KEYS)
    for index, query, parameters in USES:
        found = plan(filled, named_query(query), parameters)
        assert index in found, f"{query}:\n{found}"
        used.add(index)
    for index, statement in HELD:
        assert index in plan(filled, statement)
        used.add(index)
    schema = (SQL / "schema.txt").read_text()
    assert set(re.findall(r"^index (\w+):", schema, flags=re.MULTILINE)) == used


@pytest.mark.parametrize("bar_size", LENGTHS)
def test_a_range_of_bars_of_any_length_is_found_by_the_key(filled, postgres_url, monkeypatch, bar_size):
    """Also of longer ones, for which PostgreSQL would otherwise read the whole table; their answers are the view's."""
    filled.execute("INSERT INTO stored_bar_size (bar_size) VALUES ('1min')")
    filled.commit()
    asked: list[str] = []
    monkeypatch.setattr(bar_reader, "arrow_batches", lambda server, query: asked.append(query) or iter(()))
    wanted = BarsWanted(("NVDA", "MSFT"), time_range("2024-02-05T17:00:01Z", "2024-02-07T17:00:01Z"), bar_size)
    read_bars(DatabaseServer(postgres_url), wanted).read_all()
    (query,) = asked
    found = plan(filled, query)
    assert re.search(r'Index Cond: .*"timestamp" >= .* AND \("timestamp" < ', found), found
    assert "Seq Scan" not in found
    view = "market_data" if bar_size == "1min" else f"market_data_{bar_size}"
    columns = '"timestamp", symbol, open::float8, volume'
    within = "WHERE \"timestamp\" >= '2024-02-05 17:00:01Z' AND \"timestamp\" < '2024-02-07 17:00:01Z'"
    through = filled.execute(f"SELECT {columns} FROM {view} {within} AND symbol <> 'AAPL' ORDER BY 1, 2").fetchall()  # type: ignore[arg-type]  # noqa: S608
    assert through
    assert filled.execute(f"SELECT {columns} FROM ({query}) AS bars ORDER BY 1, 2").fetchall() == through  # type: ignore[arg-type]  # noqa: S608
