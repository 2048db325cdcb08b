"""`intraday live`, as a person uses it: what it prints and how it ends. What it stores is test_live.py's matter."""

import json
from contextlib import closing

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from market.quality.columns import Columns
from market.sessions import BarSize, session
from resources.database.live_store import Claim, LiveState, LiveStore, Told
from resources.database.server import DatabaseServer
from schemas.tables import Bars, Frame
from tests.support import commands
from tests.support.desk import TestDesk


def live(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["live", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


def said(found: Result) -> str:
    """All that was printed, on one line."""
    return " ".join(found.output.split())


@pytest.fixture
def store(desk: TestDesk) -> LiveStore:
    return LiveStore(DatabaseServer(desk.url), BarSize.ONE_MINUTE, ("NVDA", "MSFT"))


def test_where_none_has_ever_run(desk: TestDesk) -> None:
    found = live("status")
    assert (found.exit_code, said(found)) == (1, "No live process has ever run here: start one with `intraday live`.")
    assert json.loads(live("status", "--json").stdout) is None


@pytest.mark.parametrize(
    ("state", "silent_minutes", "status", "words"),
    [
        ("streaming", 0, 0, "0 bars missing, 2 late, 1 revised"),
        ("degraded", 0, 1, "degraded since 2026-11-20 15:00:00 UTC: no feed answers"),
        ("streaming", 10, 1, "it is not running"),
        ("stopped", 10, 1, "stopped since"),
    ],
)
def test_how_it_is_doing(store: LiveStore, state: str, silent_minutes: int, status: int, words: str) -> None:
    store.keep_state(
        LiveState(
            state,  # type: ignore[arg-type]
            since=pd.Timestamp("2026-11-20 15:00", tz="UTC"),
            seen_at=pd.Timestamp.now(tz="UTC") - pd.Timedelta(minutes=silent_minutes),
            why="no feed answers" if state == "degraded" else "",
            session=session("2026-11-20").day,
            last_bar=pd.Timestamp("2026-11-20 14:59", tz="UTC"),
            feed="yahoo",
            late=2,
            revised=1,
        )
    )
    found = live("status")
    assert found.exit_code == status
    assert words in said(found)
    assert "session 2026-11-20, last bar 14:59 UTC, from yahoo" in said(found)
    told = json.loads(live("status", "--json").stdout)
    assert (told["state"], told["feed"], told["late"]) == (state, "yahoo", 2)
    assert told["running"] is (state != "stopped" and not silent_minutes)


def test_what_consumers_are_told(store: LiveStore, desk: TestDesk) -> None:
    day = session("2020-12-01")
    for start in day.minutes(BarSize.ONE_MINUTE)[:3]:
        store.commit(day, Columns(Bars.empty()), Columns(Frame.empty()), Told("published", start, ("NVDA",)))
    process = commands.started("live", "watch", "--since", "1")
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.terminate()
    process.communicate()
    assert [(one["id"], one["event"], one["missing"]) for one in lines] == [
        (2, "published", ["NVDA"]),
        (3, "published", ["NVDA"]),
    ]
    assert process.returncode == 130


def test_there_is_one_at_a_time(store: LiveStore) -> None:
    with closing(Claim(store.server)) as claim:
        assert claim.held()
        found = live("--sessions", "1")
    assert found.exit_code == 1
    assert "Another live process takes in bars" in said(found)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["demo", "--day", "2020-11-28"], "2020-11-28 is no XNYS session"),
        (["demo", "--day", "yesterday"], "'yesterday' is not a date"),
        (["demo", "--speed", "0"], "Invalid value"),
        (["--sessions", "0"], "Invalid value"),
        (["demo", "--day", "2024-01-02"], "--day 2024-01-02 is not recorded; allowed: 2020-10-29 to 2021-01-08."),
    ],
)
def test_what_makes_no_sense(desk: TestDesk, words: list[str], why: str) -> None:
    found = live(*words)
    assert found.exit_code == 2
    assert why in said(found)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"INTRADAY_FEEDS__PRIMARY": "files"}, "The feed files has no bars of a running session"),
        ({"INTRADAY_ALPHA_VANTAGE__ENTITLEMENT": "none"}, "alpha_vantage.entitlement is none"),
        ({"INTRADAY_FEEDS__PRIMARY": "interactive_brokers"}, "ib.host"),
        ({"INTRADAY_LIVE__SETTLE_SECONDS": '{"files": 5}'}, "live.settle_seconds"),
    ],
)
def test_a_desk_that_cannot_is_told_so_at_once(desk: TestDesk, variables: dict[str, str], why: str) -> None:
    desk.configure(**variables)
    found = live("--sessions", "1")
    assert found.exit_code == 2
    assert why in said(found)


def test_the_demonstration(clean_environment: pytest.MonkeyPatch) -> None:
    status, told = commands.intraday("live", "demo", "--day", "2020-11-27", "--speed", "3600")
    assert status == 0, told
    assert "12:59 NVDA 530.51 MSFT 215.29 alpha_vantage" in " ".join(told.split())
    assert "Bars that the batch run changed: 0." in told
