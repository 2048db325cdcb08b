"""A recorded session from stand-ins over sockets, as if it were live, with everything going wrong that does.

The process is a process, the clients are the real ones. Whatever happened meanwhile, what is stored in the end is what
the batch run makes of the vendor's final bars, and consumers were told of every minute once and in order.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from signal import SIGKILL

import pandas as pd
import pytest

from market.sessions import NEW_YORK, Session, session, sessions_before
from simulators.alpha_vantage import AlphaVantageSimulator
from simulators.faults import parse_fault
from simulators.request_faults import RequestFault
from simulators.server import Reply
from simulators.tws import TwsSimulator
from simulators.tws.bars import Bar
from simulators.tws.replaying import Replay
from simulators.yahoo import YahooSimulator
from tests.support import recorded
from tests.support.desk import TestDesk
from tests.support.live_process import Death, Moment, SharedClock, run

pytestmark = pytest.mark.slow
HALF, WHOLE = session("2020-11-27"), session("2020-12-01")
Happens = Mapping[str, Callable[[TwsSimulator], None]]
"""What is done to a stand-in, by New York time."""
Troubles = Sequence[tuple[str, str, str]]
"""From when to before when, in New York, which fault."""


@dataclass
class Day:
    """A session that is replayed, and the time in it."""

    session: Session
    clock: SharedClock

    def at(self, clock: str) -> pd.Timestamp:
        """New York's time on the day."""
        return pd.Timestamp(f"{self.session.key} {clock}", tz=NEW_YORK).tz_convert("UTC").as_unit("us")

    def within(self, first: str, end: str) -> bool:
        """Whether it is that late, and not later."""
        return self.at(first) <= self.clock.now() < self.at(end)


@pytest.fixture(params=[HALF, pytest.param(WHOLE, marks=pytest.mark.long)], ids=["half", "whole"])
def day(request: pytest.FixtureRequest) -> Day:
    opens: Session = request.param
    return Day(opens, SharedClock(opens.open - pd.Timedelta(minutes=10)))


class _Troubled:
    """Answers with a fault while its time lasts."""

    troubles: Troubles
    day: Day

    def reply(self, parameters: Mapping[str, str]) -> Reply | None:
        for first, end, spec in self.troubles:
            if self.day.within(first, end):
                fault = parse_fault(spec)
                assert isinstance(fault, RequestFault)
                return self._spoiled(fault, parameters)  # type: ignore[attr-defined,no-any-return]
        return super().reply(parameters)  # type: ignore[misc,no-any-return]


class TroubledAlphaVantage(_Troubled, AlphaVantageSimulator):
    pass


class TroubledYahoo(_Troubled, YahooSimulator):
    pass


def as_traded() -> dict[str, pd.DataFrame]:
    """The recorded bars as Yahoo had them on the day, before any later split."""
    return {symbol: recorded.start_labelled(symbol) for symbol in recorded.SYMBOLS}


@contextmanager
def vendors(desk: TestDesk, day: Day, alpha_vantage: Troubles = (), yahoo: Troubles = ()) -> Iterator[None]:
    """Both stand-ins by the clock, whose bars come late and are revised."""
    faults = [fault.format(day=day.session.key) for fault in FAULTS]
    with ExitStack() as stack:
        first = TroubledAlphaVantage(faults, clock=day.clock.replay())
        second = TroubledYahoo(faults, bars=as_traded(), reach_days=None, clock=day.clock.replay())
        for stand_in, troubles in ((first, alpha_vantage), (second, yahoo)):
            stand_in.troubles, stand_in.day = troubles, day
            stack.enter_context(stand_in)
        desk.configure(
            INTRADAY_ALPHA_VANTAGE__BASE_URL=first.url,
            INTRADAY_ALPHA_VANTAGE__ENTITLEMENT="realtime",
            INTRADAY_YAHOO__BASE_URL=second.url,
            no_proxy="127.0.0.1",
        )
        yield


def take_in(desk: TestDesk, day: Day) -> None:
    """The sessions before, then the process, started again after each death."""
    earlier = list(islice(sessions_before(day.session), 3))
    batch(desk, earlier[-1].key, earlier[0].key)
    for where, clock in DEATHS.items():
        assert run(os.environ, desk.url, day.clock, Death(day.at(clock), where)) == -SIGKILL
    assert run(os.environ, desk.url, day.clock, None) == 0


def batch(desk: TestDesk, first: str, last: str) -> None:
    """The batch run, from whatever vendors are configured, as they are now."""
    partitions = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    config = {"ops": {"sessions": {"config": {"refresh": True}}}}
    assert desk.job(None).execute_in_process(instance=desk.instance, run_config=config, tags=partitions).success


def taken_in(desk: TestDesk, day: Day, fallback: str) -> None:
    """What must hold however a session was taken in: the fallback stood in, and its bars were replaced when the primary
    was back."""
    desk.configure(INTRADAY_REPAIR__ENABLED="false")
    take_in(desk, day)
    assert desk.rows("SELECT count(*) > 0 FROM feed_events WHERE event = 'failover'") == [(True,)]
    replaced = f"SELECT count(*) >= 4 FROM bar_revisions WHERE source = '{fallback}'"  # noqa: S608
    assert desk.rows(replaced) == [(True,)]
    live = desk.contents()
    found = {(row[1], new_york(row[0])): row[2:7] for row in live["market_data"] if row[0] >= day.session.open}
    wanted = {
        (symbol, minute): tuple(Decimal(row[name]) for name in ("open", "high", "low", "close", "volume"))
        for symbol in recorded.SYMBOLS
        for minute, row in recorded.session_rows(symbol)[day.session.key].items()
    }
    assert found == wanted
    told = desk.rows("""SELECT "timestamp" FROM live_bars WHERE event = 'published' ORDER BY id""")
    assert [new_york(stamp) for (stamp,) in told] == sorted({minute for _, minute in wanted})
    batch(desk, day.session.key, day.session.key)
    assert desk.contents() == live


def new_york(stamp: object) -> str:
    return f"{pd.Timestamp(stamp).tz_convert(NEW_YORK):%H:%M}"  # type: ignore[arg-type]


FAULTS = ("late:NVDA:{day}:10:15:90", "revise:MSFT:{day}:10:25:2", "late:MSFT:{day}:12:10:200")
DEATHS: dict[Moment, str] = {"waiting": "10:05", "storing": "11:10", "stored": "12:31"}
OUTAGES = (
    ("09:50", "09:53", "cut:1"),
    ("11:00", "11:15", "status:503:1"),
    ("12:01", "12:03", "garbage:1"),
    ("12:45", "12:47", "empty:1"),
)


def test_alpha_vantage_with_yahoo_behind_it(desk: TestDesk, day: Day) -> None:
    with vendors(desk, day, alpha_vantage=(*OUTAGES, ("10:35", "10:36", "answer:minute_quota_premium:1"))):
        desk.configure(INTRADAY_FEEDS__FALLBACK="yahoo")
        taken_in(desk, day, fallback="yahoo")


def test_yahoo_with_alpha_vantage_behind_it(desk: TestDesk, day: Day) -> None:
    with vendors(desk, day, yahoo=(*OUTAGES, ("10:35", "10:36", "status:429:1"))):
        desk.configure(INTRADAY_FEEDS__PRIMARY="yahoo", INTRADAY_FEEDS__FALLBACK="alpha_vantage")
        taken_in(desk, day, fallback="alpha_vantage")


class EarlyTws(TwsSimulator):
    """Pushes half of the volume of one piece; history has all of it."""

    early: pd.Timestamp

    def push_bar(self, symbol: str, bar: Bar) -> None:
        if symbol == "MSFT" and bar.start == self.early.timestamp():
            bar = replace(bar, volume=bar.volume // 2)
        super().push_bar(symbol, bar)


@contextmanager
def interactive_brokers(desk: TestDesk, day: Day, happens: Happens) -> Iterator[None]:
    """A stand-in for TWS by the clock; `happens` by New York time."""
    clock = day.clock.replay()
    tws = EarlyTws(bars=as_traded(), now=clock.now)
    tws.early = day.at("10:26:10")
    replay, left = Replay(tws, clock), [(day.at(stamp), what) for stamp, what in sorted(happens.items())]
    minute = day.clock.now()

    def keep_up(now: pd.Timestamp) -> None:
        """A minute's pieces are pushed at once, and what has come of a minute before something happens in it."""
        nonlocal minute
        due = bool(left) and now >= left[0][0]
        if due or now >= minute + pd.Timedelta(minutes=1):
            minute = now.floor("min")
            replay.catch_up()
        if due:
            left.pop(0)[1](tws)

    with tws, day.clock.followed(keep_up):
        desk.configure(
            INTRADAY_FEEDS__PRIMARY="interactive_brokers",
            INTRADAY_FEEDS__FALLBACK="yahoo",
            INTRADAY_IB__HOST=tws.host,
            INTRADAY_IB__PORT=str(tws.port),
            INTRADAY_IB__VOLUME_UNIT="shares",
            INTRADAY_IB__TIMEOUT_SECONDS="2",
        )
        yield
    assert not left


def test_interactive_brokers_with_yahoo_behind_it(desk: TestDesk, day: Day) -> None:
    happens = {
        "09:52:20": lambda tws: tws.cut(),
        "10:35:00": lambda tws: tws.add_fault("pacing:2"),
        "10:44:30": lambda tws: tws.restart(),
        "11:04:30": lambda tws: tws.stop(),
        "11:14:10": lambda tws: tws.start(),
        "12:10:05": lambda tws: tws.notice(1100),
        "12:12:09": lambda tws: tws.notice(1101),
        "12:21:10": lambda tws: tws.bust_bars("NVDA"),
        "12:50:40": lambda tws: tws.cut(),
    }
    with vendors(desk, day), interactive_brokers(desk, day, happens):
        taken_in(desk, day, fallback="yahoo")
        assert desk.rows("SELECT count(*) FROM bar_revisions WHERE source = 'interactive_brokers'") == [(1,)]
