"""Runs whose primary feed fails: where the bars come from, what is stored of it, what people and Prometheus see."""

import gzip

import pytest

from resources.database.feed_event_store import FeedEventStore
from resources.database.server import DatabaseServer
from tests.support import recorded
from tests.support.desk import events, failure

WEEK = ("2020-11-23", "2020-11-27")
SESSIONS = ("2020-11-23", "2020-11-24", "2020-11-25", "2020-11-27")


def stored_closes(desk, symbol: str, key: str) -> dict[str, float]:
    rows = desk.rows(
        "SELECT symbol, to_char(\"timestamp\" AT TIME ZONE 'America/New_York', 'YYYY-MM-DD HH24:MI'), close::float8 "
        "FROM market_data ORDER BY 2"
    )
    return {at[11:]: close for of, at, close in rows if of == symbol and at.startswith(key)}


def test_a_dead_primary_leaves_a_whole_range(desk):
    """The rows stored are the recorded ones, NVDA's on the basis of today: 4 for 1 in 2021, 10 for 1 in 2024."""
    result = desk.run(*WEEK, faults=["status:500:99"], yahoo=[])
    assert result.success
    for symbol in recorded.SYMBOLS:
        for key in SESSIONS:
            rows, split = recorded.session_rows(symbol)[key], 40 if symbol == "NVDA" else 1
            expected = {at: pytest.approx(float(row["close"]) / split, rel=1e-12) for at, row in rows.items()}
            assert stored_closes(desk, symbol, key) == expected
    assert desk.rows("SELECT DISTINCT source, basis, why FROM market_data") == [
        ("yahoo", "split_adjusted", "alpha_vantage: Outage")
    ]
    feed = events(result, "bars")["2020-11-24"].metadata["feed"].value["NVDA"]
    assert feed["kept bars by feed"] == {"yahoo": 390}
    assert feed["asked"][0].startswith("alpha_vantage: ")
    assert feed["asked"][1] == "yahoo: It answered."
    note = events(result, "bars")["2020-11-24"].metadata["not the primary feed's"].value
    assert note == (
        "390 NVDA bars are yahoo's (alpha_vantage: Outage). 390 MSFT bars are yahoo's (alpha_vantage: Outage)."
    )
    (run,) = desk.instance.get_runs()
    assert run.tags["intraday/not_primary_feed"] == "2020-11-23, 2020-11-24, 2020-11-25, 2020-11-27"


def test_a_primary_that_recovers_is_asked_again_and_its_bars_replace_the_others(desk):
    assert desk.run("2020-11-23", faults=["garbage:99"], yahoo=[]).success
    assert desk.run("2020-11-23", yahoo=[]).success
    assert desk.rows("SELECT DISTINCT source, why FROM market_data") == [("alpha_vantage", None)]
    assert desk.rows("SELECT DISTINCT source, why, count(*) FROM bar_revisions GROUP BY 1, 2") == [
        ("yahoo", "alpha_vantage: MalformedPayload", 780)
    ]


def test_with_both_down_nothing_is_stored_and_both_reasons_are_named(desk):
    result = desk.run(*WEEK, faults=["status:500:99"], yahoo=["answer:429_edge:99"])
    assert not result.success
    said = failure(result)
    assert "4 of 4 sessions did not pass" in said
    assert "Neither feed gave NVDA bars of 2020-11-23. alpha_vantage: " in said
    assert "yahoo: Yahoo refused NVDA" in said
    assert "A retry may help." in said
    assert desk.rows("SELECT count(*) FROM market_data") == [(0,)]
    assert desk.rows("SELECT count(*) FROM dual_ticker_bars") == [(0,)]
    assert desk.rows("SELECT DISTINCT verdict FROM data_quality_reports") == [("ERROR",)]


def test_each_change_of_state_is_a_row_and_a_counter(desk):
    """Three symbol-months fail, retries included, and the feed is left alone; then a person trusts it again."""
    desk.run("2020-12-01", "2020-12-02", faults=["status:500:99"], yahoo=[])
    rows = desk.rows("SELECT feed, event, until IS NOT NULL, why FROM feed_events WHERE event = 'down'")
    assert [row[:3] for row in rows] == [("alpha_vantage", "down", True)]
    assert "status 500" in str(rows[0][3])
    assert len(desk.requests) == 9  # three requests with three attempts each
    failovers = "SELECT session::text, count(*) FROM feed_events WHERE event = 'failover' GROUP BY 1 ORDER BY 1"
    assert desk.rows(failovers) == [
        ("2020-12-01", 2), ("2020-12-02", 2),
    ]  # fmt: skip  # those of the sessions made, not of those that warm them
    counted = {(row.feed, row.event): row.count for row in FeedEventStore(DatabaseServer(desk.url)).counts()}
    assert counted == {("alpha_vantage", "down"): 1, ("alpha_vantage", "failover"): 4}
    desk.run("2020-12-01", yahoo=[])
    assert desk.requests == ()  # an earlier run left it down
    desk.trust("alpha_vantage")
    desk.run("2020-12-01", yahoo=[])
    assert len(desk.requests) > 0
    assert desk.rows("SELECT DISTINCT source FROM market_data WHERE \"timestamp\" < '2020-12-02'") == [
        ("alpha_vantage",)
    ]


def test_repaired_minutes_are_stored_as_the_second_feeds(desk):
    faults = ["drop:MSFT:2020-11-24:10:00-10:02"]
    result = desk.run("2020-11-24", faults=faults, yahoo=[])
    assert result.success
    assert desk.rows("SELECT source, why, count(*) FROM market_data GROUP BY 1, 2 ORDER BY 1") == [
        ("alpha_vantage", None, 777), ("yahoo", "alpha_vantage has no bar, closes agree", 3),
    ]  # fmt: skip
    assert desk.rows("SELECT event, symbol, session::text FROM feed_events") == [("repair", "MSFT", "2020-11-24")]
    said = events(result, "bars")["2020-11-24"].metadata["feed"].value["MSFT"]["repair"]
    assert said.startswith("3 of 3 missing bars are yahoo's: 387 of 387 shared closes agree within 0.10%")


def test_production_repairs_nothing_but_fails_over(desk):
    desk.configure(INTRADAY_ENVIRONMENT="prod")
    faults = ["drop:NVDA:2020-11-24:10:00-10:44", "drop:MSFT:2020-11-24:10:00-10:02"]
    assert desk.run("2020-11-24", faults=faults, yahoo=[]).success
    assert desk.rows("SELECT source, symbol, why, count(*) FROM market_data GROUP BY 1, 2, 3 ORDER BY 1") == [
        ("alpha_vantage", "MSFT", None, 387), ("yahoo", "NVDA", "alpha_vantage: BarsFailedGate", 390),
    ]  # fmt: skip


def test_bars_that_only_the_day_before_gives_away_lead_to_the_fallback_which_they_do_not_veto(desk):
    """The primary's MSFT is half as much again as it cost at yesterday's close; each minute of it looks sound."""
    assert desk.run("2020-11-23").success
    result = desk.run("2020-11-24", faults=["disagree:MSFT:2020-11-24:50"], yahoo=[], refresh=True)
    assert result.success
    assert desk.rows(
        "SELECT DISTINCT symbol, source FROM market_data WHERE \"timestamp\" > '2020-11-24' ORDER BY 1"
    ) == [("MSFT", "yahoo"), ("NVDA", "alpha_vantage")]
    report = events(result, "quality_reports")["2020-11-24"].metadata["report"].value
    odd = [(one["rule"], one["symbol"], one["verdict"]) for one in report["findings"] if one["verdict"] != "PASS"]
    assert odd == [("cross_feed_agreement", "MSFT", "WARN")]
    assert [(one["feed"], one["report"]["verdict"]) for one in report["attempts"]] == [
        ("alpha_vantage", "FAIL"), ("yahoo", "PASS"),
    ]  # fmt: skip


def test_a_session_is_rebuilt_from_what_was_landed_with_no_vendor(desk):
    """From both shelves: one symbol was the primary's, the other the fallback's."""
    desk.configure(INTRADAY_ENVIRONMENT="prod")
    faults = ["drop:NVDA:2020-11-24:10:00-10:44"]
    assert desk.run("2020-11-24", faults=faults, yahoo=[]).success
    before = desk.contents()
    for table in ("market_data", "dual_ticker_bars", "bar_revisions"):
        desk.execute(f"DELETE FROM {table}")  # noqa: S608
    assert desk.run("2020-11-24", faults=["status:500:99"], yahoo=["status:500:99"]).success
    assert desk.contents() == before
    assert (desk.requests, desk.yahoo_requests) == ((), ())


@pytest.mark.parametrize("datatype", ["csv", "json"])
def test_what_the_vendor_answered_is_kept(desk, datatype):
    desk.configure(INTRADAY_ALPHA_VANTAGE__DATATYPE=datatype)
    assert desk.run("2020-12-01").success
    landed = sorted((desk.home / "landing" / "raw").rglob(f"*.{datatype}.gz"))
    assert {path.parts[-2] for path in landed} == {"2020-11", "2020-12"}
    of_nvda = next(path for path in landed if "NVDA" in path.parts and path.parts[-2] == "2020-12")
    stamps = [row["timestamp"] for row in recorded.rows("NVDA") if row["timestamp"].startswith("2020-12")]
    text = gzip.decompress(of_nvda.read_bytes()).decode()
    assert all(stamp in text for stamp in stamps)


def test_a_session_that_the_primary_cannot_have_right_taints_no_other_while_the_fallback_is_down(desk):
    """Its labels are wrong for good; that the fallback is down just now must not keep the next sessions out."""
    result = desk.run(*WEEK, faults=["label:NVDA:2020-11-24"], yahoo=["status:500:99"])
    assert "1 of 4 sessions did not pass. 2020-11-24: bars could not be made. Neither feed gave NVDA" in failure(result)
    assert desk.partitions("market_data") == {"2020-11-23", "2020-11-25", "2020-11-27"}


def test_a_late_revision_replaces_the_bar_and_leaves_its_old_values(desk):
    """The vendor's first answer has another close; the one that is asked for again has the final one."""
    assert desk.run("2020-11-24", faults=["revise:NVDA:2020-11-24:11:00:1"]).success
    first = stored_closes(desk, "NVDA", "2020-11-24")["11:00"]
    final = float(recorded.session_rows("NVDA")["2020-11-24"]["11:00"]["close"])
    assert first != final
    assert desk.run("2020-11-24", refresh=True).success
    assert stored_closes(desk, "NVDA", "2020-11-24")["11:00"] == final
    assert desk.rows("SELECT symbol, close::float8, removed FROM bar_revisions") == [("NVDA", first, False)]


def test_vendors_that_disagree_repair_nothing(desk):
    faults = ["drop:MSFT:2020-11-24:10:00-10:02"]
    result = desk.run("2020-11-24", faults=faults, yahoo=["disagree:MSFT:2020-11-24:1.5"])
    assert "0 of 387 MSFT closes are the second feed's" in failure(result)  # and nobody can say which is right
    assert desk.rows("SELECT count(*) FROM market_data") == [(0,)]
    said = events(result, "bars")["2020-11-24"].metadata["feed"].value["MSFT"]["repair"]
    assert said.startswith("yahoo was not used for the 3 missing bars: 0 of 387 shared closes agree within 0.10%")
