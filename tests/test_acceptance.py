"""A blocked session that a person lets pass: what is stored, what is kept of it, and what no person can let pass."""

import io

import dagster as dg
import pandas as pd
import pytest
from rich.console import Console

from cli.gate_accept import accept
from cli.instance_home import sqlalchemy_url
from intraday_assets.assets.quality_reports import persons_word
from market.normalise import empty_bars
from market.quality.evidence import Evidence
from market.quality.gate import Gate, Policy
from market.quality.rule import PairRule
from market.sessions import BarSize, session
from resources.database.acceptance_store import AcceptanceStore
from resources.database.schema.migrations import migrate
from resources.database.server import DatabaseServer
from resources.errors import DatabaseError, NotAcceptable, NotLanded
from schemas.quality import Acceptance, Finding, Verdict
from tests.support import recorded
from tests.support.desk import events, failure

DAY = "2020-11-24"
GAP = f"drop:NVDA:{DAY}:10:00-10:44"
LATER_GAP = f"drop:NVDA:{DAY}:11:00-11:44"
AT = "2020-11-25T09:15:00.000001+00:00"
WORD = f"Accepted by the risk desk at {AT}: the exchange halted NVDA"
ROWS = "SELECT symbol, count(*) FROM market_data GROUP BY 1 ORDER BY 1"


@pytest.fixture
def command(desk):
    """`intraday gate accept` in this process, at a fixed time; returns its exit status and what it printed."""
    desk.configure(INTRADAY_DAGSTER_URL=sqlalchemy_url(desk.url), DAGSTER_HOME=str(desk.home / "dagster"))

    def run(day=DAY, reason="the exchange halted NVDA", by="the risk desk"):
        console = Console(file=io.StringIO(), width=300)
        status = accept(day, reason, by, console, now=lambda: pd.Timestamp(AT))
        return status, console.file.getvalue()

    return run


def accepted_check(result) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Whether the check `accepted` passed, how grave it is, and what it says."""
    (found,) = (one for one in result.get_asset_check_evaluations() if one.check_name == "accepted")
    return found.passed, found.severity, str(found.metadata["message"].value)


def test_a_blocked_session_passes_on_a_persons_word_for_the_bars_that_were_judged(desk, command):
    blocked = desk.run(DAY, faults=[GAP])
    assert not blocked.success
    assert accepted_check(blocked)[:2] == (False, dg.AssetCheckSeverity.ERROR)
    assert desk.rows(ROWS) == []

    status, said = command()

    assert status == 0
    assert "FAIL, accepted" in said
    assert WORD in said
    assert desk.rows(ROWS) == [("MSFT", 390), ("NVDA", 345)]
    assert desk.rows("SELECT symbol, count(*), count(close) FROM dual_ticker_bars GROUP BY 1 ORDER BY 1") == [
        ("MSFT", 390, 390), ("NVDA", 390, 345),
    ]  # fmt: skip
    assert desk.rows("SELECT DISTINCT verdict FROM eod_summaries") == [("FAIL",)]
    assert desk.rows(
        "SELECT verdict, action, report->'accepted'->>'by' FROM data_quality_reports ORDER BY created_at"
    ) == [("FAIL", "BLOCK", None), ("FAIL", "WARN", "the risk desk")]
    assert desk.rows("SELECT value FROM run_tags WHERE key = 'intraday/accepted'") == [(DAY,)]
    assert desk.rows(
        "SELECT session::text, environment, bar_size, symbols, reason, by, at::text, verdict, "
        "(SELECT array_agg(one->>'rule' ORDER BY one->>'rule') FROM jsonb_array_elements(findings) one) "
        "FROM gate_acceptances"
    ) == [
        (DAY, "staging", "1min", ["NVDA", "MSFT"], "the exchange halted NVDA", "the risk desk",
         "2020-11-25 09:15:00.000001+00", "FAIL", ["longest_gap", "missing_ratio"]),
    ]  # fmt: skip

    with pytest.raises(NotAcceptable, match="not blocked on the word of the risk desk"):
        command(by="somebody else")
    again = desk.run(DAY, faults=[GAP])  # the word stands for the same bars
    assert again.success
    passed, severity, message = accepted_check(again)
    assert (passed, severity) == (True, dg.AssetCheckSeverity.WARN)
    assert WORD in message
    assert events(again, "quality_reports")[DAY].metadata["accepted"].value == WORD

    other = desk.run(DAY, faults=[LATER_GAP], refresh=True)  # and for no others
    assert "NVDA misses 45 of 390 bars" in failure(other)
    told = f"An acceptance of {AT} by the risk desk was for other bars."
    assert accepted_check(other)[2].endswith(told)
    assert events(other, "quality_reports")[DAY].metadata["accepted"].value == told
    assert desk.rows("SELECT count(*) FROM market_data WHERE symbol = 'NVDA' AND \"timestamp\"::time >= '16:00'") == [
        (300,)
    ]  # those that were accepted: 11:00 to 15:59 in New York is whole


def test_what_no_person_can_let_pass_is_refused_and_leaves_no_trace(desk, command):
    with pytest.raises(NotLanded, match=f"No quality_reports of {DAY}"):
        command()
    rows = pd.DataFrame(recorded.rows("NVDA"))
    days = rows[rows["timestamp"].between("2020-11-23", "2020-11-25 23")].reset_index(drop=True)
    bars = {symbol: days.copy() for symbol in ("NVDA", "MSFT")}
    bars["NVDA"].loc[days["timestamp"] == f"{DAY} 10:01:00", "close"] = "N/A"  # 10:00, labelled by its end
    gap = days["timestamp"].between("2020-11-25 10:01:00", "2020-11-25 10:45:00")
    bars["NVDA"] = bars["NVDA"][~gap]
    desk.run("2020-11-23", "2020-11-25", bars=bars)

    with pytest.raises(NotAcceptable, match=r"2020-11-23 is not blocked \(PASS\): there is nothing to accept"):
        command("2020-11-23")
    with pytest.raises(NotAcceptable, match=rf"{DAY} cannot be stored, whoever accepts it \(price_values\): 1 NVDA"):
        command(DAY)
    with pytest.raises(NotAcceptable, match="--reason is empty"):
        command("2020-11-25", reason=" ")
    with pytest.raises(NotAcceptable, match="--by is empty"):
        command("2020-11-25", by="")
    desk.configure(INTRADAY_ENVIRONMENT="prod")
    with pytest.raises(NotAcceptable, match="prod lets nobody accept"):
        command("2020-11-25")
    assert desk.rows("SELECT count(*) FROM gate_acceptances") == [(0,)]
    assert desk.rows('SELECT DISTINCT "timestamp"::date::text FROM market_data') == [("2020-11-23",)]


def test_acceptances_are_only_ever_added_and_are_of_one_desk(postgres_url):
    server, day, symbols = DatabaseServer(postgres_url), session(DAY), ("NVDA", "MSFT")
    migrate(server)
    evidence = Evidence(day, BarSize.ONE_MINUTE, symbols, empty_bars())
    bad = Finding(rule="missing_ratio", family="completeness", verdict=Verdict.FAIL, message="All are missing.")
    store = AcceptanceStore(server)
    for reason in ("a first reason", "a better one"):
        prints = {"bars/NVDA": "1", "bars/MSFT": "2"}
        word = Acceptance(by="the risk desk", reason=reason, at=AT, fingerprints=prints, findings=("All are missing.",))
        store.keep(Gate("staging", []).report(evidence, [bad]), word)
    for statement in ("UPDATE gate_acceptances SET by = 'me'", "DELETE FROM gate_acceptances",
                      "TRUNCATE gate_acceptances"):  # fmt: skip
        with pytest.raises(DatabaseError, match="gate_acceptances is append-only"), server.connect() as connection:
            connection.execute(statement)
    assert store.latest(day, "staging", BarSize.ONE_MINUTE, symbols) == word
    assert store.latest(day, "ci", BarSize.ONE_MINUTE, symbols) is None
    assert store.latest(day, "staging", BarSize.FIVE_MINUTES, symbols) is None
    assert store.latest(day, "staging", BarSize.ONE_MINUTE, ("MSFT", "NVDA")) is None
    assert store.latest(session("2020-11-23"), "staging", BarSize.ONE_MINUTE, symbols) is None


@pytest.mark.parametrize(
    ("severity", "acceptance", "seen", "of", "accepted", "said"),
    [
        ("FAIL", True, "1", "Found.", True, f"Accepted by the desk at {AT}: it was halted"),
        ("PASS", True, "1", "Found.", False, ""),
        ("FAIL", False, "1", "Found.", False,
         f"An acceptance of {AT} by the desk does not count: staging lets nobody accept."),
        ("FAIL", True, "2", "Found.", False, f"An acceptance of {AT} by the desk was for other bars."),
        ("FAIL", True, "1", "NVDA misses 1 bar.", False,
         f"An acceptance of {AT} by the desk was for other findings."),
        ("final", True, "1", "Found.", False,
         f"An acceptance of {AT} by the desk does not count: no person can let pass what blocks it."),
        ("ERROR", True, "1", "Found.", False,
         f"An acceptance of {AT} by the desk does not count: no person can let pass what blocks it."),
    ],
)  # fmt: skip
def test_a_word_counts_only_where_it_lets_the_session_pass(severity, acceptance, seen, of, accepted, said, monkeypatch):
    class Found(PairRule):
        """Finds what the test says."""

        name = family = question = "found"
        final = severity == "final"

        def judge(self, stack):
            for one in stack.evidences:
                yield self.told(one, None, Verdict("FAIL" if self.final else severity), 0.0, "Found")

    policy = Policy(acceptance=acceptance)
    evidence = Evidence(session(DAY), BarSize.ONE_MINUTE, ("NVDA",), empty_bars())
    monkeypatch.setattr(Evidence, "fingerprints", {"bars/NVDA": "1", "frame/NVDA": "3"})
    word = Acceptance(by="the desk", reason="it was halted", at=AT, fingerprints={"bars/NVDA": seen}, findings=[of])

    report = Gate("staging", [Found()], policy=policy).judge(evidence, accepted=word)

    assert report.accepted == (word if accepted else None)
    assert report.blocked == (severity != "PASS" and not accepted)
    assert persons_word(report, word, policy) == said
