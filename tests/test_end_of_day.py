"""How a day ended, from facts by hand: each threshold just below and above, and what a person is told to do."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest
from rich.console import Console

from cli.eod import shown
from market.day_facts import Backup, Backups, Books, DayEvents, Judgement, Landed, Room, SymbolDay, Today, Unknown
from market.end_of_day import CHECKS
from market.telling import amount
from schemas.broker import Compared
from schemas.end_of_day import CheckName, EodCheck, EodReport, Unit
from schemas.quality import Action, Span, Verdict
from schemas.risk import Halt
from tests.support.day_facts import BLOCKED, FULL, HALF, PASSED, ago, check, facts, fresh, lacking, report

FAILS = Unknown("The server does not answer.", "Start it.")
NOT_ASKED = Unknown("Nobody asked.")
GAP = Span(first="2020-11-24T15:00:00+00:00", last="2020-11-24T15:44:00+00:00", bars=45)


def judged(passed: int, blocked: int) -> tuple[Judgement, ...]:
    """So many sessions, newest first, those that are blocked last."""
    days = [f"2020-{11 - place // 28:02}-{28 - place % 28:02}" for place in range(passed + blocked)]
    return tuple(replace(PASSED if place < passed else BLOCKED, session=day) for place, day in enumerate(days))


def drifting(shares: str) -> Books:
    theirs = Decimal(30) + Decimal(shares)
    return Books("DU***67", (Compared("MSFT", Decimal(1), Decimal(1)), Compared("NVDA", Decimal(30), theirs)), ago(0.5))


def backed_up(hours: float) -> Backups:
    return Backups("/srv/back ups", Backup("b", ago(hours)))


GOOD_AND_BAD = [
    ("completeness", facts(symbols=(lacking("NVDA", 19),)), 371 / 390, True),
    ("completeness", facts(symbols=(lacking("NVDA", 20),)), 370 / 390, False),
    ("completeness", facts(HALF, symbols=(lacking("NVDA", 10, HALF),)), 200 / 210, True),
    ("completeness", facts(HALF, symbols=(lacking("NVDA", 11, HALF),)), 199 / 210, False),
    ("gate_history", facts(history=judged(16, 4)), 0.8, True),
    ("gate_history", facts(history=judged(15, 5)), 0.75, False),
    ("gate_history", facts(history=judged(4, 1)), 0.8, True),
    ("gate_history", facts(history=judged(20, 50)), 1.0, True),
    ("freshness", facts(symbols=(fresh("NVDA", 7199),)), 7199, True),
    ("freshness", facts(symbols=(fresh("NVDA", 7200),)), 7200, False),
    ("disk", facts(today={"room": (Room("home", "/srv", 1_000_000_000),)}), 1e9, True),
    ("disk", facts(today={"room": (Room("home", "/srv", 999_999_999),)}), 999_999_999, False),
    ("errors", facts(events=DayEvents({"yahoo": 4, "alpha_vantage": 3}, ("o-1", "o-1"))), 9, True),
    ("errors", facts(events=DayEvents({"yahoo": 4, "alpha_vantage": 3}, ("o-1", "o-1"), withheld=33)), 10, False),
    ("file_integrity", facts(today={"landed": Landed(7, (), 3)}), 0, True),
    ("file_integrity", facts(today={"landed": Landed(7, ("bars/x/2020-11-23.parquet",), 3)}), 1, False),
    ("backups", facts(today={"backups": backed_up(26)}), 26, True),
    ("backups", facts(today={"backups": backed_up(26 + 1 / 3600)}), 26 + 1 / 3600, False),
    ("reconciliation", facts(today={"books": drifting("0")}), 0, True),
    ("reconciliation", facts(today={"books": drifting("-0.5")}), 0.5, False),
]


@pytest.mark.parametrize(("name", "given", "value", "good"), GOOD_AND_BAD)
def test_each_threshold_is_held_on_its_side(name, given, value, good):
    found = check(given, name)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.verdict is (Verdict.PASS if good else Verdict.FAIL)
    assert bool(found.recommendation) is not good
    assert report(given).good is report(given).good_by_check()[name] is good


def test_a_good_day_needs_nobody():
    found = report(facts())
    assert (found.verdict, found.good, found.problems) == (Verdict.PASS, True, [])
    assert [one.name for one in found.checks if one.of != "MSFT"] == [
        "completeness", "gate_history", "freshness", "disk", "disk", "errors", "file_integrity", "backups",
        "reconciliation",
    ]  # fmt: skip
    assert len(CHECKS) == len(CheckName)


def test_what_lacks_is_told_by_symbol_and_on_both_clocks():
    short = replace(lacking("NVDA", 21), missing=(replace_bars(GAP, 20), span("2020-11-24T16:30:00+00:00")))
    found = check(facts(symbols=(short, lacking("MSFT", 0))), "completeness", "NVDA")
    both = "10:00 to 10:44 New York (15:00 to 15:44 UTC), 11:30 New York (16:30 UTC)"
    assert found.said == f"369 of 390 bars of NVDA are stored (94.6 %). Missing: {both}."
    assert found.recommendation == (f"Ask the feeds again for {both} of NVDA: `intraday run 2020-11-24 --refresh`.")
    assert check(facts(symbols=(short, lacking("MSFT", 0))), "completeness", "MSFT").verdict is Verdict.PASS
    assert report(facts(symbols=(short, lacking("MSFT", 0)))).good_by_check()["completeness"] is False


def span(at: str) -> Span:
    return Span(first=at, last=at, bars=1)


def replace_bars(of: Span, bars: int) -> Span:
    return of.model_copy(update={"bars": bars})


def test_of_a_blocked_session_it_is_told_what_no_feed_gave():
    blocked = replace(BLOCKED, lacking={"NVDA": (GAP,)})
    nothing = [SymbolDay(symbol, 0, (), FULL.open) for symbol in ("NVDA", "MSFT")]
    given = facts(symbols=tuple(nothing), history=(blocked,))
    found = check(given, "completeness", "NVDA")
    assert "0 of 390 bars of NVDA are stored (0.0 %). The gate blocks the session: missing_ratio of NVDA." in found.said
    assert found.recommendation == (
        "NVDA lacks 10:00 to 10:44 New York (15:00 to 15:44 UTC). Ask the feeds again with `intraday run 2020-11-24 "
        "--refresh`, look at what the gate holds against the session with `intraday gate --session 2020-11-24`, or, "
        "where a person may, accept it: `intraday gate accept 2020-11-24 --reason …`."
    )
    assert check(given, "completeness", "MSFT").recommendation.startswith("Ask the feeds again with")


def test_a_session_that_nobody_judged_is_to_be_made():
    found = check(facts(history=(), symbols=(lacking("NVDA", 390, first=0),)), "completeness")
    assert found.recommendation == "Make the session, which nobody has judged yet: `intraday run 2020-11-24`."
    assert check(facts(history=()), "gate_history").verdict is None
    unknown = check(facts(history=FAILS, symbols=(lacking("NVDA", 390, first=0),)), "completeness")
    assert unknown.recommendation.startswith("Ask the feeds again for 09:30 to 15:59 New York (14:30 to 20:59 UTC)")


def test_blocked_sessions_are_named_with_their_rules():
    found = check(facts(history=judged(3, 1)), "gate_history")
    assert found.said == "3 of the last 4 judged sessions passed the gate. Blocked: 2020-11-25 (missing_ratio of NVDA)."
    assert found.recommendation == (
        "See why with `intraday gate --from 2020-11-25 --to 2020-11-28`, and ask the feeds again, a session at a time: "
        "`intraday run 2020-11-25 --refresh`."
    )


def test_the_newest_bar_is_told_on_both_clocks():
    found = check(facts(symbols=(fresh("NVDA", 3 * 3600),)), "freshness")
    assert found.said == (
        "The newest bar of NVDA ends on 2020-11-24 at 13:00 New York (18:00 UTC), 3 h before the close."
    )
    none = check(facts(symbols=(replace(fresh("NVDA", 0), newest=None),)), "freshness")
    assert (none.verdict, none.value) == (Verdict.FAIL, None)
    assert none.said == "No bar of NVDA up to the close is stored."


def test_errors_are_named_with_the_commands_that_show_them():
    not_computed = replace(PASSED, not_computed=("frame_parity of NVDA", "frame_parity of MSFT"))
    events = DayEvents({"yahoo": 1, "alpha_vantage": 6}, ("o-1", "o-2", "o-1"), withheld=2)
    found = check(facts(events=events, history=(not_computed,)), "errors")
    assert found.value == 13
    assert found.said == (
        "13 errors on 2020-11-24: alpha_vantage was given up 6 times; yahoo was given up 1 time; 3 events that cannot "
        "be, of o-1, o-2; live kept back 2 bars; the gate could not compute frame_parity of NVDA, frame_parity of MSFT."
    )
    assert found.recommendation == (
        "Look at them, and mend what they say: `intraday feeds`, `intraday orders show o-1`, `intraday live status`, "
        "`intraday gate --session 2020-11-24`."
    )
    assert check(facts(), "errors").said == "0 errors on 2020-11-24."


def test_changed_files_are_named_with_the_sessions_to_make_again():
    changed = ("bars/staging/1min/NVDA-MSFT/2020-11-23.parquet", "raw/alpha_vantage/x.csv.gz")
    found = check(facts(today={"landed": Landed(7, changed, 2, left=5)}), "file_integrity")
    assert found.said == (
        f"7 files as landed, 2 changed since: {', '.join(changed)}. 2 files of which no checksum was kept: unchecked. "
        "5 older files not looked at."
    )
    assert "`intraday run 2020-11-23 --refresh`" in found.recommendation


def test_files_without_a_checksum_are_neither_good_nor_bad():
    found = check(facts(today={"landed": Landed(0, (), 9)}), "file_integrity")
    assert (found.verdict, found.said) == (None, "9 files of which no checksum was kept: unchecked.")
    assert check(facts(today={"landed": Landed(0, (), 0)}), "file_integrity").said == "Nothing is landed yet."


def test_the_command_for_a_backup_survives_a_shell():
    old = check(facts(today={"backups": backed_up(100)}), "backups")
    assert old.said == "The newest backup, b, is 4 d 4 h old."
    assert old.recommendation == "Make one: `intraday db backup '/srv/back ups/'`."
    none = check(facts(today={"backups": Backups("/srv", None, ("cut.backup",), ("dump.sql",))}), "backups")
    assert (none.verdict, none.said) == (
        Verdict.FAIL,
        "There is no backup in /srv. Broken or of the future: cut.backup. Not understood: dump.sql.",
    )


def test_a_drift_names_both_books():
    found = check(facts(today={"books": drifting("12")}), "reconciliation")
    assert (found.of, found.value) == ("DU***67", 12)
    assert found.said == (
        "The books differ, compared on 2020-11-24 at 21:00 UTC: NVDA: 30 by our ledger, 42 at the broker."
    )
    assert "`intraday positions adopt NVDA --why …`" in found.recommendation


def test_books_are_compared_anew_after_every_session():
    """The session before is Monday's, which closes at 21:00 UTC."""
    for asked_at, verdict in (
        (datetime(2020, 11, 23, 21, 0, tzinfo=UTC), Verdict.PASS),
        (datetime(2020, 11, 23, 20, 59, 59, tzinfo=UTC), Verdict.WARN),
    ):
        books = replace(drifting("0"), asked_at=asked_at)
        found = check(facts(today={"books": books}), "reconciliation")
        assert (found.verdict, found.value) == (verdict, 0)
    assert found.recommendation == "Compare them now: `intraday positions reconcile`."


def test_books_that_were_never_compared():
    never = Books("DU***67", (), None)
    assert check(facts(today={"books": never}), "reconciliation").verdict is Verdict.WARN
    untouched = check(facts(today={"books": replace(never, traded=False)}), "reconciliation")
    assert (untouched.verdict, untouched.said) == (None, "Nothing was traded yet, and the books were never compared.")


@pytest.mark.parametrize(("symbol", "command"), [("NVDA", "resume NVDA"), (None, "resume")])
def test_a_halt_is_a_warning(symbol, command):
    books = replace(drifting("0"), halts=(Halt(symbol, ago(5), "anna", "news"),))
    found = check(facts(today={"books": books}), "reconciliation")
    assert (found.verdict, report(facts(today={"books": books})).good) == (Verdict.WARN, True)
    assert found.recommendation == f"Where the reason is gone, allow orders again: `intraday orders {command}`."


UNKNOWN_FACTS = {
    "symbols": {"completeness", "freshness"},
    "history": {"gate_history", "errors"},
    "events": {"errors"},
}


@pytest.mark.parametrize("unknown", UNKNOWN_FACTS)
def test_what_could_not_be_looked_at_is_no_failure_and_no_pass(unknown):
    found = report(facts(**{unknown: FAILS}))
    told = {one.name.value for one in found.checks if one.verdict is Verdict.ERROR}
    assert (told, found.verdict, found.good) == (UNKNOWN_FACTS[unknown], Verdict.ERROR, False)
    assert {(one.said, one.recommendation) for one in found.problems} == {("The server does not answer.", "Start it.")}


def test_what_was_not_to_be_looked_at_has_no_verdict():
    found = report(replace(facts(), today=Today(NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED)))
    unseen = {one.name.value for one in found.checks if one.verdict is None}
    assert unseen == {"disk", "file_integrity", "backups", "reconciliation"}
    assert (found.verdict, unseen & found.good_by_check().keys()) == (Verdict.PASS, set())
    of_one = report(facts(today={"room": (Room("home", "/srv", 10**9), Room("landing", "s3://b", NOT_ASKED))}))
    assert [one.verdict for one in of_one.checks if one.name == "disk"] == [Verdict.PASS, None]


def test_what_is_wrong_comes_gravest_first():
    given = facts(events=FAILS, history=judged(1, 1), today={"books": Books("A", (), None)})
    assert [one.verdict for one in report(given).problems] == [Verdict.ERROR, Verdict.FAIL, Verdict.WARN]


def test_a_report_is_not_what_its_checks_do_not_amount_to():
    written = report(facts(history=judged(1, 1))).model_dump(mode="json")
    assert EodReport.model_validate(written).verdict is Verdict.FAIL
    with pytest.raises(ValueError, match="its verdict is PASS, its checks amount to FAIL"):
        EodReport.model_validate(written | {"verdict": "PASS"})
    bad = next(one for one in written["checks"] if one["verdict"] == "FAIL")
    with pytest.raises(ValueError, match="gate_history is FAIL and recommends nothing"):
        EodCheck.model_validate(bad | {"recommendation": ""})


def test_an_accepted_session_has_passed():
    accepted = replace(BLOCKED, action=Action.WARN)
    assert check(facts(history=(accepted,)), "gate_history").value == 1


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (188_093_040, Unit.SECONDS, "2177 d"),
        (7200, Unit.SECONDS, "2 h"),
        (26, Unit.HOURS, "1 d 2 h"),
        (1_234_567.5, Unit.SHARES, "1,234,567.5 shares"),
        (1, Unit.ERRORS, "1 error"),
        (100, Unit.FILES, "100 files"),
    ],
)
def test_an_amount_is_short_and_whole(value, unit, said):
    assert amount(value, unit) == said


def test_a_report_is_readable_at_80_columns_whatever_was_measured():
    """The table's cells are whole, and what is said moves no cursor."""
    years = replace(lacking("NVDA", 0), newest=facts().session.close - pd.Timedelta(days=2177))
    books = replace(drifting("1234567.5"), account="SIM" + 20 * "X")
    halted = Unknown("gone\x1b[2J\nbad", "Look.")
    found = report(facts(symbols=(years,), today={"books": books, "landed": halted}))
    out = io.StringIO()
    Console(file=out, width=80).print(shown(found, verbose=True))
    table = out.getvalue().partition("What was found")[0]
    for cell in ("reconciliation", "2177 d", "below 2 h", "1,234,567.5 shares", "at most 0 shares"):
        assert cell in table
    assert max(map(len, out.getvalue().splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in table
    assert "\x1b" not in out.getvalue()
