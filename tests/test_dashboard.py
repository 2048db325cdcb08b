"""The dashboard: what it says of a desk, whatever state that is in. Looks: test_dashboard_in_browser."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest

from market.telling import lasting
from monitoring.dashboard import HEADERS, dashboard, exchange_clock
from monitoring.facts import Broker, Facts, Judgement, Sample, StandingAlert, ToldBar
from monitoring.health import health as judged
from monitoring.telling import dollars, moment, shares
from resources.database.feed_event_store import FeedStanding
from resources.database.order_store import Reconciled
from schemas.quality import Action, Verdict
from schemas.risk import Halt
from tests.support.html import Page
from tests.support.watched import ALL_RED, HOSTILE, NOW, at, checked, ended, health, quiet, red_sample, sample

pytestmark = pytest.mark.usefixtures("clean_environment")


def shown(facts: Facts) -> str:
    return Page(dashboard(sample(facts), health(), NOW)).text


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            "2026-11-20T16:32:05",
            "It is Friday, 20 November, 11:32 (16:32 UTC). The exchange is open until 16:00 (21:00 UTC), "
            "for another 4 h 27 min.",
        ),
        (
            "2026-11-20T13:18:00",
            "It is Friday, 20 November, 08:18 (13:18 UTC). The exchange is closed. "
            "It opens today at 09:30 (14:30 UTC), in 1 h 12 min.",
        ),
        (
            "2026-11-20T21:00:00",
            "It is Friday, 20 November, 16:00 (21:00 UTC). The exchange is closed. "
            "The next session opens on Monday, 23 November at 09:30 (14:30 UTC).",
        ),
        (
            "2026-11-23T03:10:00",
            "It is Sunday, 22 November, 22:10 (03:10 UTC). The exchange is closed for the weekend. "
            "The next session opens on Monday, 23 November at 09:30 (14:30 UTC).",
        ),
        (
            "2026-11-26T15:00:00",
            "It is Thursday, 26 November, 10:00 (15:00 UTC). The exchange is closed for a holiday. "
            "The next session opens on Friday, 27 November at 09:30 (14:30 UTC), a half day.",
        ),
        (
            "2026-11-27T15:00:00",
            "It is Friday, 27 November, 10:00 (15:00 UTC). The exchange is open until 13:00 (18:00 UTC), a half day, "
            "for another 3 h.",
        ),
        (
            "2026-07-06T13:30:00",
            "It is Monday, 6 July, 09:30 (13:30 UTC). The exchange is open until 16:00 (20:00 UTC), "
            "for another 6 h 30 min.",
        ),
    ],
)
def test_what_the_exchange_does_now_and_next(now, said):
    assert exchange_clock(utc(now)) == said


def test_where_the_calendar_ends_the_page_says_so():
    assert "Nobody knows when the exchange opens: 2050-01-03 is outside" in exchange_clock(utc("2050-01-03T15:00:00"))


def test_a_quiet_session_is_told_from_its_bars_to_its_accounts():
    text = shown(quiet())
    for said in (
        "healthy All is as it should be",
        "Nothing that people were told of still stands.",
        "Friday, 20 November, 09:30 (14:30 UTC) to 16:00 (21:00 UTC)",
        "NVDA , 2 of 122 bars missing so far",
        "missing 10:14 to 10:15 (2 bars)",
        "withheld from consumers 10:15",
        "MSFT , none of 122 bars missing so far",
        "NVDA newest bar 11:31 (16:31 UTC), which ended 5 s ago, from alpha_vantage",
        "alpha_vantage, primary \N{CHECK MARK} ready The live process uses it. It has given bars of NVDA and MSFT",
        "10:17 (15:17 UTC): alpha_vantage failover of NVDA. 2 bars missing",
        "State streaming since 09:29 (14:29 UTC)",
        "Bars of 2026-11-20 2 missing, 0 late, 1 revised",
        "Friday, 30 October: FAIL, blocked",
        "Wednesday, 11 November: FAIL, accepted by a person",
        "Monday, 16 November: not judged",
        "Friday, 20 November: going on",
        "15 PASS; FAIL, blocked: 30 Oct; WARN: 6 Nov; FAIL, accepted by a person: 11 Nov; not judged: 16 Nov",
        "NVDA 300 181.25 183.10 54,930.00 +555.00 +812.40",
        "MSFT \N{MINUS SIGN}120 478.50 477.02 \N{MINUS SIGN}57,242.40 +177.60 \N{MINUS SIGN}95.10",
        "Together \N{MINUS SIGN}2,312.40 +732.60 +717.30",
        "Orders 1 accepted, 12 filled",
        "Broker's books \N{CHECK MARK} agree they are the same as ours, compared 11:31 (16:31 UTC)",
        "Thursday, 19 November, looked at 19 Nov 16:20 (21:20 UTC): 1 PASS, 1 not asked",
        "completeness, NVDA: PASS. NVDA has 390 of 390 bars.",
        "backups: not asked. No folder of backups is configured.",
        "Connections 7 of 100 in use",
        "home: 312.00 GB of 500.00 GB free at /srv/intraday",
    ):
        assert said in text
    assert "DU1234567" not in text
    assert "DU***67" in text


def test_all_red_says_what_is_amiss_since_when_and_what_to_do():
    text = Page(dashboard(red_sample(), health(ALL_RED), NOW)).text
    for said in (
        "unhealthy Somebody must act now",
        "The database has not answered since 11:20 (16:20 UTC): what it told stands below.",
        "feeds Neither alpha_vantage nor yahoo answers. intraday feeds says why",
        "2026-11-16, 2026-11-17 and 2026-11-18. Since 18 Nov 18:00 (23:00 UTC), for 1 d 17 h.",
        "intraday run 2026-11-16 2026-11-18 asks the feeds again.",
        "NVDA , 69 of 109 bars missing so far",
        "missing 10:10 to 11:18 (69 bars)",
        "down It is left alone until 11:40 (16:40 UTC): alpha_vantage answered 503",
        "tried again It failed and is tried again: yahoo answered 429",
        "Last heard of 11:05 (16:05 UTC), 27 min ago",
        "Wednesday, 18 November: missing",
        "halted All symbols since 10:30 (15:30 UTC) by ada: the books differ",
        "NVDA: 300 by our ledger, 250 at the broker, compared 10:29 (15:29 UTC)",
        "End of day ? ERROR",
        "completeness, NVDA \N{MULTIPLICATION SIGN} FAIL NVDA lacks 89 of 390 bars. Run it again.",
        "landing: gone",
        "SENSOR does not run, SCHEDULER runs",
    ):
        assert said in text
    assert text.index("feeds Neither") < text.index("dagster The daemon")


def first_reason(of: Sample) -> tuple[object, str]:
    """Where the only reason at the head leads, and what it says a person does."""
    page = Page(dashboard(of, judged(of, NOW), NOW))
    (link,) = [one for one in page.of("a") if str(one.get("id")).startswith("reason-")]
    return link["href"], page.text


@pytest.mark.parametrize(("symbol", "command"), [(None, "resume"), ("NVDA", "resume NVDA")])
def test_a_halt_is_ended_by_the_command_that_ends_it(symbol, command):
    account = replace(quiet().accounts[0], halts=(Halt(symbol, at("10:30"), "ada", "news"),))
    leads, text = first_reason(sample(replace(quiet(), accounts=(account,))))
    assert leads == "#accounts"
    assert f"Once the reason of the halt is gone, intraday orders {command} allows orders again." in text
    assert "doctor ib" not in text
    assert "positions reconcile" not in text


def test_books_that_differ_are_compared_and_a_broker_that_is_silent_is_asked_why():
    account = replace(quiet().accounts[0], reconciled=(Reconciled("NVDA", D(300), D(250), at("11:31")),))
    drifted = sample(replace(quiet(), accounts=(account,)), broker=Broker("ib", "127.0.0.1:1", "refused"))
    leads, text = first_reason(drifted)
    said = "intraday doctor ib says why it does not answer. intraday positions reconcile compares the books again."
    assert (leads, said in text, "orders resume" in text) == ("#accounts", True, False)


def test_a_bad_end_of_day_and_a_blocked_session_each_lead_to_their_own_part():
    bad = ended(checked("disk", Verdict.FAIL, "Full.", "Make room.", of="home"))
    leads, text = first_reason(sample(replace(quiet(), end_of_day=bad)))
    assert (leads, "`" in text) == ("#end-of-day", False)
    assert "end of day 2026-11-19: FAIL of disk What to do stands there; intraday eod looks again" in text
    blocked = Judgement(date(2026, 11, 19), Verdict.FAIL, Action.BLOCK, False, NOW)
    leads, text = first_reason(sample(replace(quiet(), end_of_day=bad, judgement=blocked)))
    assert (leads, "intraday gate --session 2026-11-19 says" in text) == ("#sessions", True)


def test_before_anything_was_read_the_page_says_that_nobody_knows():
    unread = sample(None, database_failure="No route to 127.0.0.1.")
    text = Page(dashboard(unread, judged(unread, NOW), NOW)).text
    assert "unhealthy Somebody must act now" in text
    assert "database No route to 127.0.0.1. intraday doctor database says what is wrong with it." in text
    assert text.count("Nobody knows: no state has been read yet.") == 7
    assert "never been read" not in text
    assert "Nothing that people were told of" not in text


def strip_of(facts: Facts) -> tuple[list[str], str]:
    """Of NVDA: where the bars that are not due yet begin, and what the picture says."""
    page = Page(dashboard(sample(facts, facts.taken_at), health(), facts.taken_at))
    picture = next(one for one in page.of("svg") if "NVDA" in str(one.get("aria-label")))
    return [str(one["x"]) for one in page.of("rect") if one["class"] == "later"][:1], str(picture["aria-label"])


@pytest.mark.parametrize(
    ("clock", "later", "said"),
    [
        ("11:32:05", "122", "2 of 122"),  # the newest bar is there, though it is over for 5 s only
        ("11:33:59", "122", "2 of 122"),  # the next is over for less than a minute, which a bar may take
        ("11:34:00", "123", "3 of 123"),
        ("11:44:00", "133", "13 of 133"),
    ],
)
def test_a_bar_is_missing_once_it_took_longer_than_one_may(clock, later, said):
    facts = quiet()
    gaps = (*facts.bars[0].gaps, (at("11:32"), at(clock[:5])))
    moved = replace(facts, taken_at=at(clock), bars=(replace(facts.bars[0], gaps=gaps), facts.bars[1]))
    assert strip_of(moved) == ([later], f"{said} bars of NVDA missing so far")


def test_without_a_live_process_no_bar_is_due_before_the_close_and_all_are_after_it():
    nothing = tuple(
        replace(one, stored=0, first=None, last=None, gaps=((at("09:30"), at("11:32")),)) for one in quiet().bars
    )
    asleep = replace(quiet(), live=None, bars=nothing, told=())
    assert strip_of(asleep) == (["0"], "No of 0 bars of NVDA missing so far")
    over = tuple(replace(one, gaps=((at("09:30"), at("16:00")),)) for one in nothing)
    assert strip_of(replace(asleep, taken_at=at("16:00"), bars=over)) == ([], "390 of 390 bars of NVDA missing")


def test_a_bar_that_came_late_is_shown_and_one_that_never_came_only_as_missing():
    told = (ToldBar(at("10:14"), False, ("NVDA",)), ToldBar(at("10:20"), False, ("NVDA",)))
    text = shown(replace(quiet(), told=told))
    assert "late 10:20" in text
    assert "late 10:14" not in text


def test_of_many_gaps_the_first_are_named_and_the_others_counted():
    facts = quiet()
    gaps = tuple((at(f"10:{minute:02}"), at(f"10:{minute + 1:02}")) for minute in range(0, 24, 2))
    text = shown(replace(facts, bars=(replace(facts.bars[0], stored=110, gaps=gaps), facts.bars[1])))
    assert "NVDA , 12 of 122 bars missing so far" in text
    assert "missing 10:00 , 10:02 , 10:04 , 10:06 , 10:08 , 10:10 , 10:12 , 10:14 and 4 more" in text
    assert "10:16" not in text


def test_what_stands_in_the_database_is_text():
    facts = quiet()
    account = facts.accounts[0]
    hostile = replace(
        facts,
        bars=tuple(replace(one, symbol=HOSTILE, sources=(HOSTILE,)) for one in facts.bars),
        feeds={HOSTILE: FeedStanding(HOSTILE, "down", None, 1, HOSTILE)},
        feed_events=tuple(replace(one, feed=HOSTILE, why=HOSTILE, symbol=HOSTILE) for one in facts.feed_events),
        live=replace(facts.live, why=HOSTILE, feed=HOSTILE),
        accounts=(
            replace(
                account,
                positions=tuple(replace(one, symbol=HOSTILE) for one in account.positions),
                halts=(Halt(HOSTILE, NOW, HOSTILE, HOSTILE),),
                orders={HOSTILE: 1},
            ),
        ),
        alerts=(StandingAlert(HOSTILE, HOSTILE, NOW, HOSTILE, f"`{HOSTILE}` {HOSTILE}"),),
        end_of_day=ended(checked("disk", Verdict.FAIL, HOSTILE, HOSTILE, HOSTILE)),
        heartbeats={HOSTILE: NOW},
    )
    page = Page(dashboard(sample(hostile, database=HOSTILE, database_failure=HOSTILE), health(), NOW))
    assert page.text.count(HOSTILE) > 20
    assert len(page.of("script")) == 1
    assert page.of("img") == []


def test_the_page_allows_nothing_but_its_own_style_and_script():
    html = dashboard(red_sample(), health(ALL_RED), NOW)
    (policy,) = [one["content"] for one in Page(html).of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)[1] for tag in ("style", "script"))
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{digests[1]}'; connect-src 'self'"
    )
    (again,) = [one["content"] for one in Page(html).of("meta") if one.get("http-equiv") == "refresh"]
    assert (again, html.count("<noscript><meta")) == ("30", 1)
    assert HEADERS["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]


def test_a_value_that_is_not_known_of_one_symbol_is_not_known_of_the_account():
    account = quiet().accounts[0]
    unpriced = replace(account.positions[0], last_price=None)
    text = shown(replace(quiet(), accounts=(replace(account, positions=(unpriced, account.positions[1])),)))
    assert "NVDA 300 181.25 \N{EN DASH} \N{EN DASH} \N{EN DASH} +812.40" in text
    assert "Together \N{EN DASH} \N{EN DASH} +717.30" in text


def test_times_and_amounts_are_told_as_people_read_them():
    seconds = (0, 59, 60, 3_599, 3_600, 7_860, 86_400, 273_600)
    assert [lasting(timedelta(seconds=one)) for one in seconds] == [
        "0 s", "59 s", "1 min", "59 min", "1 h", "2 h 11 min", "1 d", "3 d 4 h",
    ]  # fmt: skip
    assert lasting(timedelta(seconds=-5)) == "0 s"
    assert moment(utc("2026-03-08T07:30:00"), utc("2026-03-08T12:00:00")) == "03:30 (07:30 UTC)"  # clocks went forward
    assert moment(utc("2026-11-20T02:00:00"), NOW) == "19 Nov 21:00 (02:00 UTC)"
    assert moment(utc("2025-12-31T15:00:00"), NOW) == "31 Dec 2025 10:00 (15:00 UTC)"
    assert [dollars(D(one), signed=True) for one in ("0", "1234.5", "-0.005", "-7")] == [
        "0.00", "+1,234.50", "0.00", "\N{MINUS SIGN}7.00",
    ]  # fmt: skip
    assert [shares(D(one)) for one in ("100", "0.50", "-1200", "0")] == ["100", "0.5", "\N{MINUS SIGN}1,200", "0"]
