"""What Prometheus is told: each value against rows put there by hand, read back by Prometheus' own parser."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.metrics import exposition, metrics
from resources.database.eod_store import EodStore
from resources.database.server import DatabaseServer
from schemas.end_of_day import EodReport
from tests.support import metric_table
from tests.support.monitor import monitor
from tests.support.monitored import FRIDAY, SUNDAY, Monitored, new_york
from tests.support.served_page import served
from tests.test_monitoring_health import DAEMONS

Values = dict[tuple[str, ...], float]


def told(desk: Monitored) -> str:
    """What a monitor that has just begun tells."""
    return exposition(metrics(desk.sampler().take(), desk.now))


def values(text: str) -> dict[str, Values]:
    """By name, by the values of the labels in the order of the labels' names."""
    found: dict[str, Values] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(one.labels[name] for name in sorted(one.labels))] = one.value
    return found


def without(counted: Values) -> Values:
    return {key: value for key, value in counted.items() if value}


@pytest.fixture
def desk(streaming: Monitored, clean_environment) -> Monitored:
    """It streams, with a fallback."""
    clean_environment.setenv("INTRADAY_FEEDS__FALLBACK", "yahoo")
    return streaming


def test_bars_are_counted_with_their_older_versions(desk):
    """390 bars of yesterday and 89 of today; two of NVDA are the fallback's, one of them had been the primary's."""
    desk.execute("UPDATE market_data SET source = 'yahoo' WHERE symbol = 'NVDA' AND \"timestamp\" >= %s", [
        new_york("10:57"),
    ])  # fmt: skip
    desk.execute(
        'INSERT INTO bar_revisions ("timestamp", symbol, open, high, low, close, volume, source, basis, created_at, '
        "removed) SELECT \"timestamp\", symbol, open, high, low, close, volume, 'alpha_vantage', basis, created_at, "
        "false FROM market_data WHERE symbol = 'NVDA' AND \"timestamp\" = %s",
        [new_york("10:57")],
    )
    found = values(told(desk))
    assert found["data_ingestion_counter_total"] == {
        ("alpha_vantage", "NVDA"): 478, ("yahoo", "NVDA"): 2, ("alpha_vantage", "MSFT"): 479,
    }  # fmt: skip
    end = new_york("10:59").timestamp()
    assert found["intraday_data_latest_bar_timestamp_seconds"] == {("NVDA",): end, ("MSFT",): end}
    assert found["intraday_data_bars_stored"] == {("NVDA",): 89, ("MSFT",): 89}
    assert found["intraday_data_bars_expected"] == {("NVDA",): 90, ("MSFT",): 90}
    assert found["intraday_data_stale_after_seconds"] == {(): 120}


def test_a_bar_that_is_revised_or_removed_never_makes_the_counter_fall(desk):
    before = values(told(desk))["data_ingestion_counter_total"]
    desk.execute(
        "WITH gone AS (DELETE FROM market_data WHERE symbol = 'MSFT' AND \"timestamp\" = %s RETURNING *) "
        'INSERT INTO bar_revisions ("timestamp", symbol, open, high, low, close, volume, source, basis, created_at, '
        'removed) SELECT "timestamp", symbol, open, high, low, close, volume, source, basis, created_at, true '
        "FROM gone",
        [new_york("10:00")],
    )
    found = values(told(desk))
    assert found["data_ingestion_counter_total"] == before
    assert found["intraday_data_bars_stored"] == {("NVDA",): 89, ("MSFT",): 88}


def test_the_session_by_the_calendar(desk):
    found = values(told(desk))
    assert found["intraday_session_open"] == {(): 1}
    assert found["intraday_session_open_timestamp_seconds"] == {(): new_york("09:30").timestamp()}
    assert found["intraday_session_close_timestamp_seconds"] == {(): new_york("16:00").timestamp()}
    end = datetime.fromtimestamp(found["intraday_calendar_end_timestamp_seconds"][()], UTC)
    assert end > datetime.now(UTC) + timedelta(days=300)
    desk.now = new_york("12:00", SUNDAY)
    found = values(told(desk))
    assert found["intraday_session_open"] == {(): 0}
    assert found["intraday_session_close_timestamp_seconds"] == {(): new_york("16:00").timestamp()}
    assert found["intraday_data_bars_expected"] == {("NVDA",): 390, ("MSFT",): 390}
    desk.now = new_york("14:00", "2026-11-27")
    found = values(told(desk))
    assert found["intraday_session_close_timestamp_seconds"] == {(): new_york("13:00", "2026-11-27").timestamp()}
    assert found["intraday_data_bars_expected"] == {("NVDA",): 210, ("MSFT",): 210}


def test_feeds_their_breakers_and_how_often_they_came_back(desk):
    for feed, event in [
        ("yahoo", "up"),  # by a person, and it had not been down
        ("yahoo", "down"), ("yahoo", "probing"), ("yahoo", "down"), ("yahoo", "probing"), ("yahoo", "up"),
        ("files", "probing"), ("alpha_vantage", "failover"),
    ]:  # fmt: skip
        desk.feed_event(feed, event)
    desk.feed_event("alpha_vantage", "down", "429", desk.now + timedelta(minutes=1))
    found = values(told(desk))
    assert found["intraday_feed_up"] == {
        ("alpha_vantage", "primary"): 0, ("yahoo", "fallback"): 1, ("files", "other"): 0
    }  # fmt: skip
    assert without(found["intraday_feed_breaker_state"]) == {
        ("alpha_vantage", "open"): 1, ("yahoo", "closed"): 1, ("files", "half_open"): 1,
    }  # fmt: skip
    assert len(found["intraday_feed_breaker_state"]) == 9
    assert without(found["intraday_feed_events_total"]) == {
        ("up", "yahoo"): 2, ("down", "yahoo"): 2, ("probing", "yahoo"): 2, ("probing", "files"): 1,
        ("failover", "alpha_vantage"): 1, ("down", "alpha_vantage"): 1,
    }  # fmt: skip
    assert found["intraday_feed_reconnects_total"] == {("alpha_vantage",): 0, ("yahoo",): 1}


def test_the_gates_words(desk):
    desk.judged("2026-11-18", "FAIL", "BLOCK", [("missing_ratio", "FAIL"), ("ohlc_relations", "ERROR")])
    desk.judged(
        "2026-11-17", "FAIL", "WARN", [("missing_ratio", "FAIL"), ("price_jumps", "WARN")], accepted={"by": "x"}
    )
    desk.judged("2026-11-17", "PASS", "CONTINUE", at=new_york("16:00", "2026-11-17"))  # before that
    desk.judged("2026-11-16", "ERROR", "BLOCK", at=new_york("16:45"))  # once more, after the newest session
    desk.judged("2026-11-20", "WARN", "WARN")
    found = values(told(desk))
    assert without(found["data_quality_failures_total"]) == {("missing_ratio",): 2, ("ohlc_relations",): 1}
    assert found["intraday_gate_verdicts_total"] == {("PASS",): 2, ("WARN",): 1, ("FAIL",): 2, ("ERROR",): 1}
    assert without(found["intraday_gate_verdict"]) == {("WARN",): 1}
    assert found["intraday_gate_blocked_sessions"] == {(): 2}
    assert found["intraday_sessions_missing"] == {(): 15}  # of 20: today goes on; the 16th to 19th are known of


def test_live_and_how_long_its_bars_take(desk):
    desk.live(last_bar=new_york("10:58"), missing=3, late=2, revised=1)
    for minute, seconds in enumerate((0.5, 1.0, 1.001, 30.0, 299.0, 301.0)):
        start = new_york("09:30") + timedelta(minutes=minute)
        told_at = start + timedelta(minutes=1, seconds=seconds)
        desk.execute(
            'INSERT INTO live_bars (event, "timestamp", session, at) VALUES (%s, %s, %s, %s)',
            ["withheld" if minute == 3 else "published", start, FRIDAY, told_at],
        )
    for event in ("revised", "final"):
        desk.execute(
            'INSERT INTO live_bars (event, "timestamp", session) VALUES (%s, %s, %s)',
            [event, new_york("09:30"), FRIDAY],
        )
    found = values(told(desk))
    assert found["intraday_live_bars_total"] == {("published",): 5, ("withheld",): 1, ("revised",): 1, ("final",): 1}
    buckets = found["intraday_live_bar_delay_seconds_bucket"]
    assert [buckets[(le,)] for le in ("1.0", "2.0", "15.0", "30.0", "120.0", "300.0", "+Inf")] == [2, 3, 3, 4, 4, 5, 6]
    assert found["intraday_live_bar_delay_seconds_count"] == {(): 6}
    assert found["intraday_live_bar_delay_seconds_sum"][()] == pytest.approx(632.501)
    assert without(found["intraday_live_state"]) == {("streaming",): 1}
    assert len(found["intraday_live_state"]) == 5
    assert found["intraday_live_session_bars"] == {("missing",): 3, ("late",): 2, ("revised",): 1}
    assert found["intraday_live_seen_timestamp_seconds"] == {(): desk.now.timestamp()}
    assert found["intraday_live_last_bar_timestamp_seconds"] == {(): new_york("10:59").timestamp()}


def test_a_desk_on_which_live_never_ran(monitored):
    found = values(told(monitored))
    assert without(found["intraday_live_state"]) == {("never",): 1}
    assert "intraday_live_seen_timestamp_seconds" not in found
    assert "intraday_gate_verdict" not in found
    assert found.get("intraday_data_latest_bar_timestamp_seconds", {}) == {}


def test_accounts_are_masked_and_told_apart(desk):
    for account in ("DU1234567", "DU7654367"):
        desk.execute(
            "INSERT INTO current_positions (account, symbol, qty, avg_price, cost_basis, realized_pnl) "
            "VALUES (%s, 'NVDA', 100, 9, 900, -50.5), (%s, 'MSFT', -20, 12, -240, 1)",
            [account, account],
        )
    desk.execute(
        "INSERT INTO reconciliations (account, symbol, asked_at, ours, theirs) VALUES "
        "('DU1234567', 'NVDA', %s, 100, 90), ('DU1234567', 'MSFT', %s, -20, -20)",
        [new_york("10:00"), new_york("10:30")],
    )
    desk.execute("INSERT INTO trading_halts (account, halted, who, why) VALUES ('DU1234567', true, 'ada', 'drift')")
    desk.execute(
        "INSERT INTO orders (account, client_order_id, symbol, side, order_type, quantity, time_in_force, state, "
        "created_at) SELECT 'DU1234567', state || number, 'NVDA', 'BUY', 'MARKET', 1, 'DAY', state, now() FROM "
        "(VALUES ('FILLED', 1), ('FILLED', 2), ('REJECTED', 1)) AS made (state, number)"
    )
    text = told(desk)
    found = values(text)
    assert "1234567" not in text
    one, other = "DU***67", "DU***67 2"
    assert found["intraday_position_shares"] == {
        (one, "NVDA"): 100, (one, "MSFT"): -20, (other, "NVDA"): 100, (other, "MSFT"): -20,
        ("SIMULATED", "NVDA"): 0, ("SIMULATED", "MSFT"): 0,
    }  # fmt: skip
    assert found["intraday_position_drift_shares"] == {(one, "NVDA"): -10, (one, "MSFT"): 0}
    assert found["intraday_broker_reconciled_timestamp_seconds"] == {(one,): new_york("10:30").timestamp()}
    # The last stored price is 10: 100 * 10 - 20 * 10, and (10 - 9) * 100 + (12 - 10) * 20.
    assert found["intraday_portfolio_value_dollars"][(one,)] == 800
    assert found["intraday_portfolio_unrealized_pnl_dollars"] == {(one,): 140, (other,): 140, ("SIMULATED",): 0}
    assert found["intraday_portfolio_realized_pnl_dollars"] == {(one,): -49.5, (other,): -49.5, ("SIMULATED",): 0}
    assert found["intraday_portfolio_drawdown_limit_dollars"] == {(): 5000}
    assert without(found["intraday_orders"]) == {(one, "FILLED"): 2, (one, "REJECTED"): 1}
    assert found["intraday_trading_halted"] == {(one,): 1, (other,): 0, ("SIMULATED",): 0}


def test_without_a_price_nothing_is_said_of_what_a_position_is_worth(monitored):
    monitored.execute("UPDATE current_positions SET qty = 1, cost_basis = 5 WHERE symbol = 'NVDA'")
    found = values(told(monitored))
    assert "intraday_portfolio_value_dollars" not in found
    assert found["intraday_portfolio_realized_pnl_dollars"] == {("SIMULATED",): 0}


@pytest.fixture
def whole(desk: Monitored, clean_environment, tmp_path) -> Callable[[], str]:
    """Everything that can be looked at is: what is told then."""
    clean_environment.setenv("INTRADAY_IB__HOST", "127.0.0.1")
    clean_environment.setenv("INTRADAY_IB__PORT", "1")
    backup = tmp_path / "backups" / "base"
    backup.mkdir(parents=True)
    label = {"Path": "backup_label", "Last-Modified": "2026-11-20 03:30:00 GMT"}
    (backup / "backup_manifest").write_text(json.dumps({"Files": [label]}))
    clean_environment.setenv("INTRADAY_EOD__BACKUP_FOLDER", str(backup.parent))
    desk.live(last_bar=new_york("10:58"))
    desk.execute("INSERT INTO sensor_heartbeats VALUES ('stale_sessions', %s)", [new_york("10:45")])
    alert = "INSERT INTO alerts (key, kind, since, says, advice, resolved_at) VALUES (%s, %s, %s, 'x', 'y', %s)"
    for key, kind, resolved in [("a", "feed_down", None), ("b", "feed_down", None), ("c", "run_failed", desk.now)]:
        desk.execute(alert, [key, kind, desk.now, resolved])
    desk.execute(
        "INSERT INTO reconciliations (account, symbol, asked_at, ours, theirs) "
        "VALUES ('SIMULATED', 'NVDA', now(), 0, 0)"
    )
    check = {"of": None, "verdict": "PASS", "unit": "bytes", "bound": "below", "threshold": 1, "said": "x"}
    report = {
        "session": FRIDAY, "environment": "staging", "bar_size": "1min", "symbols": ["NVDA", "MSFT"],
        "made_at": "2026-11-20T22:00:00Z",
        "checks": [
            {"name": "errors", **check},
            {"name": "disk", **check, "of": "home"},
            {"name": "disk", **check, "of": "landing", "verdict": "FAIL", "recommendation": "make room"},
            {"name": "backups", **check, "verdict": None},
        ],
    }  # fmt: skip
    EodStore(DatabaseServer(desk.url)).keep([EodReport.model_validate(report)])

    def tell() -> str:
        with served(DAEMONS % "false") as webserver:
            clean_environment.setenv("INTRADAY_MONITORING__DAGSTER_URL", webserver.url)
            return told(desk)

    return tell


def test_what_is_looked_at_beside_the_database(whole, desk):
    found = values(whole())
    assert found["intraday_dagster_up"] == {(): 1}
    assert found["intraday_dagster_daemon_up"] == {("SENSOR",): 0}
    assert found["intraday_broker_up"] == {("ib",): 0}
    assert found["intraday_disk_free_bytes"] == {("home",): 50e9, ("landing",): 50e9}
    assert found["intraday_disk_size_bytes"] == {("home",): 100e9, ("landing",): 100e9}
    assert found["intraday_backup_timestamp_seconds"][()] == 1795145400
    assert found["intraday_sensor_heartbeat_timestamp_seconds"] == {("stale_sessions",): new_york("10:45").timestamp()}
    assert found["intraday_alerts_standing"] == {("feed_down",): 2}
    assert found["intraday_eod_timestamp_seconds"] == {(): new_york("17:00").timestamp()}
    assert found["intraday_eod_check_ok"] == {("errors",): 1, ("disk",): 0}
    assert found["intraday_facts_timestamp_seconds"] == found["intraday_counts_timestamp_seconds"]
    assert found["intraday_database_up"] == {(): 1}
    assert found["intraday_database_max_connections"] == {(): 97}
    assert sum(found["intraday_database_connections"].values()) >= 1


def test_what_is_not_configured_is_not_told_of(desk):
    found = values(told(desk))
    for name in ("intraday_dagster_up", "intraday_broker_up", "intraday_backup_timestamp_seconds"):
        assert name not in found


def test_two_monitors_of_a_database_say_the_same_and_a_third_that_begins_later_too(desk):
    desk.feed_event("yahoo", "down")
    one, two = desk.sampler(), desk.sampler()
    one.take(), two.take()
    with monitor(one, lambda: desk.now) as first, monitor(two, lambda: desk.now) as second:
        found = [values(served.ask("/monitoring/metrics").text) for served in (first, second)]
    found.append(values(told(desk)))
    for each in found:
        each.pop("intraday_database_connections")  # each of them is one
    assert found[0] == found[1]
    assert [name for name in found[0] if name.endswith("_created")] == []
    assert {name: each for name, each in found[0].items() if "http" not in name} == found[2]
    assert found[0]["data_ingestion_counter_total"][("alpha_vantage", "NVDA")] == 479


def test_promtool_has_nothing_to_say(promtool, whole, monitored):
    away = Monitored("postgresql://127.0.0.1:1/x", monitored.now)
    with monitor(monitored.sampler(), lambda: monitored.now) as served:
        served.ask("/monitoring/health")
        pages = [whole(), told(monitored), told(away), served.ask("/monitoring/metrics").text]
    for text in pages:
        done = subprocess.run([*promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_table_in_the_documentation_is_what_is_told():
    assert metric_table.document_with_table() == metric_table.DOCUMENT.read_text(), (
        "write it anew: python -m tests.support.metric_table"
    )
