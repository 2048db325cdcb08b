"""Samples of a desk made by hand, for what the monitor shows: all well in a session, and all red.

Here: what is known and what was judged of it. How a sample is read and judged is the monitor's, and not asked here.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pandas as pd

from market.sessions import Session, session, sessions_before
from monitoring.facts import (
    Account,
    Broker,
    Dagster,
    Disk,
    Facts,
    Judgement,
    Sample,
    StandingAlert,
    SymbolBars,
    ToldBar,
    WatchedSession,
)
from resources.database.feed_event_store import FeedStanding, KeptFeedEvent
from resources.database.live_store import LiveState
from resources.database.order_store import Reconciled
from resources.settings import load_settings
from schemas.end_of_day import Bound, CheckName, EodCheck, EodReport, Unit
from schemas.monitoring import Component, Components, Health, Level
from schemas.quality import Action, Verdict
from schemas.risk import Halt
from schemas.trading import Position

DAY = session("2026-11-20")
NOW = datetime(2026, 11, 20, 16, 32, 5, tzinfo=UTC)
"""11:32:05 in New York: 122 minutes of the session are over."""
HOSTILE = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)>\"'&"
DATABASE = "postgresql://reader@127.0.0.1:5432/intraday"


def at(clock: str, day: str = "2026-11-20") -> datetime:
    """A time of that day in New York, which is 5 h behind UTC."""
    return datetime.fromisoformat(f"{day}T{clock}-05:00").astimezone(UTC)


def health(said: dict[str, tuple[Level, str]] | None = None, now: datetime = NOW) -> Health:
    """What was judged: healthy, but for these components."""
    given = said or {}
    parts = {
        name: Component(
            status=str(level := given.get(name, (Level.HEALTHY, ""))[0]), level=level, reason=reason or None
        )
        for name in Components.model_fields
        for _, reason in [given.get(name, (Level.HEALTHY, ""))]
    }
    worst = max((part.level for part in parts.values()), key=lambda level: level.rank)
    return Health(status=worst, timestamp=now, components=Components(**parts))


def sample(facts: Facts | None, now: datetime = NOW, **more: object) -> Sample:
    """What is known, of a desk as it is configured."""
    disks = (Disk("home", "/srv/intraday", 500_000_000_000, 312_000_000_000),)
    return replace(Sample(load_settings(), now, DATABASE, facts, disks=disks), **more)


def quiet() -> Facts:
    """Two hours into a session in which two minutes of NVDA are missing and one was withheld."""
    gap = (at("10:14"), at("10:16"))
    bars = (
        SymbolBars("NVDA", 120, at("09:30"), at("11:31"), ("alpha_vantage",), (gap,)),
        SymbolBars("MSFT", 122, at("09:30"), at("11:31"), ("alpha_vantage",)),
    )
    positions = (
        Position("DU1234567", "NVDA", D(300), D("181.25"), D(54375), D("812.40"), last_price=D("183.1")),
        Position("DU1234567", "MSFT", D(-120), D("478.5"), D(-57420), D("-95.10"), last_price=D("477.02")),
    )
    account = Account(
        "DU1234567", positions, (Reconciled("NVDA", D(300), D(300), at("11:31")),), orders={"ACCEPTED": 1, "FILLED": 12}
    )
    return Facts(
        taken_at=NOW,
        session=DAY,
        bars=bars,
        sessions=tuple(_judged()),
        feeds={"yahoo": FeedStanding("yahoo", "up", None, 0, "it answered twice")},
        feed_events=(
            KeptFeedEvent(pd.Timestamp(at("10:17")), "alpha_vantage", "failover", DAY.day, "NVDA", "2 bars missing"),
        ),
        live=LiveState("streaming", at("09:29"), at("11:32"), "", DAY.day, at("11:31"), "alpha_vantage", 2, 0, 1),
        told=(ToldBar(at("10:14"), False, ("NVDA",)), ToldBar(at("10:15"), True, ("NVDA",))),
        accounts=(account,),
        end_of_day=ended(
            checked("completeness", Verdict.PASS, "NVDA has 390 of 390 bars.", of="NVDA"),
            checked("backups", None, "No folder of backups is configured."),
        ),
        connections={"active": 2, "idle": 5},
        max_connections=100,
    )


def red() -> Facts:
    """Everything has failed at once."""
    facts = quiet()
    account = facts.accounts[0]
    blocked = [
        replace(one, judgement=replace(one.judgement, verdict=Verdict.FAIL, action=Action.BLOCK))
        if one.judgement
        else one
        for one in facts.sessions
    ]
    why = "alpha_vantage answered 503 to three requests in a row"
    return replace(
        facts,
        taken_at=at("11:20"),
        bars=tuple(replace(one, stored=40, last=at("10:09"), gaps=((at("10:10"), at("11:20")),)) for one in facts.bars),
        sessions=(*blocked[:-3], replace(blocked[-3], judgement=None, stored=()), *blocked[-2:]),
        feeds={
            "alpha_vantage": FeedStanding("alpha_vantage", "down", pd.Timestamp(at("11:40")), 3, why),
            "yahoo": FeedStanding("yahoo", "probing", None, 1, "yahoo answered 429"),
        },
        live=replace(facts.live, state="degraded", seen_at=at("11:05"), why="no feed answers", last_bar=at("10:09")),
        accounts=(
            replace(
                account,
                halts=(Halt(None, at("10:30"), "ada", "the books differ"),),
                reconciled=(Reconciled("NVDA", D(300), D(250), at("10:29")),),
                orders={"SUBMITTED": 2, "REJECTED": 7},
            ),
        ),
        end_of_day=ended(
            checked("completeness", Verdict.FAIL, "NVDA lacks 89 of 390 bars.", "Run it again.", of="NVDA"),
            checked("backups", Verdict.ERROR, "The folder of backups cannot be read.", "Let this user read it."),
            checked("disk", Verdict.PASS, "312 GB are free.", of="/srv/intraday"),
        ),
        alerts=(
            StandingAlert(
                "sessions_missing", "sessions_missing", at("18:00", "2026-11-18"),
                "3 sessions are not stored: 2026-11-16, 2026-11-17 and 2026-11-18.",
                "`intraday run 2026-11-16 2026-11-18` asks the feeds again.",
            ),
            StandingAlert(
                "feed_down:alpha_vantage", "feed_down", at("10:11"), f"The feed alpha_vantage is down: {why}.",
                "`intraday feeds` says why; it is tried again by itself.",
            ),
        ),
    )  # fmt: skip


ALL_RED = {
    "database": (Level.UNHEALTHY, "connection to 127.0.0.1:5432 refused"),
    "feeds": (Level.UNHEALTHY, "Neither alpha_vantage nor yahoo answers."),
    "data_freshness": (Level.UNHEALTHY, "The newest bar of NVDA and MSFT is 82 min old."),
    "quality": (Level.UNHEALTHY, "The gate blocked 2026-11-19."),
    "broker": (Level.UNHEALTHY, "TWS does not take connections at 127.0.0.1:7497."),
    "disk": (Level.UNHEALTHY, "0.2 GB are free at /srv/intraday."),
    "dagster": (Level.DEGRADED, "The daemon SENSOR does not run."),
    "live": (Level.UNHEALTHY, "It has said nothing for 27 min."),
}


def red_sample() -> Sample:
    """All red, the database gone as well."""
    return sample(
        red(),
        database_failure="connection to 127.0.0.1:5432 refused. A retry may help.",
        disks=(Disk("home", "/srv/intraday", 500_000_000_000, 200_000_000), Disk("landing", "/mnt/l", failure="gone")),
        broker=Broker("ib", "127.0.0.1:7497", "connection refused"),
        dagster=Dagster("http://127.0.0.1:3000", {"SENSOR": False, "SCHEDULER": True}),
    )


def ended(*checks: EodCheck) -> EodReport:
    """The end of 19 November."""
    return EodReport(
        session="2026-11-19", environment="staging", bar_size="1min", symbols=("NVDA", "MSFT"),
        made_at=at("16:20", "2026-11-19"), checks=checks,
    )  # fmt: skip


def checked(name: str, verdict: Verdict | None, said: str, advice: str = "", of: str | None = None) -> EodCheck:
    """A check; what it measured is not shown."""
    return EodCheck(
        name=CheckName(name), of=of, verdict=verdict, unit=Unit.RATIO, bound=Bound.AT_LEAST, threshold=1, said=said,
        recommendation=advice,
    )  # fmt: skip


def _judged() -> list[WatchedSession]:
    """The last twenty: one blocked, one accepted, one with warnings, one not judged, and the one that goes on."""
    earlier = [one for one, _ in zip(sessions_before(DAY), range(19), strict=False)][::-1]
    odd = {
        4: (Verdict.FAIL, Action.BLOCK, False),
        9: (Verdict.WARN, Action.WARN, False),
        12: (Verdict.FAIL, Action.WARN, True),
    }
    found = [
        _watched(one, *odd.get(place, (Verdict.PASS, Action.CONTINUE, False))) for place, one in enumerate(earlier)
    ]
    found[15] = replace(found[15], judgement=None)
    return [*found, WatchedSession(DAY, ("NVDA", "MSFT"))]


def _watched(one: Session, verdict: Verdict, action: Action, accepted: bool) -> WatchedSession:
    judged_at = one.close.to_pydatetime() + timedelta(hours=4)
    return WatchedSession(one, ("NVDA", "MSFT"), Judgement(one.day, verdict, action, accepted, judged_at))
