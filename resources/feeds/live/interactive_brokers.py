"""Interactive Brokers while a session goes on: bars of five seconds as they are pushed, gathered to longer ones.

A bar of which pieces did not come (asked for in its middle, a connection that broke) is taken from history, and never
made of what there is of it. Pieces are never revised, so that after the close all of the day is taken from history.
Nothing is landed: the batch run after the close lands the session. What pieces add up to is `pieces`' matter, how
history is asked for `interactive_brokers_history`'s.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pandas as pd

from market.labels import LabelSide
from market.normalise import Provenance, empty_bars, normalise
from market.quality.columns import Columns
from market.sessions import BarSize, Session
from resources.errors import (
    BrokerError,
    DatabaseError,
    FeedError,
    NoBars,
    Outage,
    PlanRefused,
    RequestRefused,
    Throttled,
)
from resources.feeds.breaker import Standing
from resources.feeds.interactive_brokers_answers import Unit, parse_bars
from resources.feeds.interactive_brokers_history import SOURCE, History, understanding
from resources.feeds.line import Line
from resources.feeds.live.feed import SoFar
from resources.feeds.live.pieces import Pieces
from resources.feeds.live.told import told
from resources.ib.real_time import DataEvent, DataNotice, DataTrouble, FiveSecondBar, RealTimeBars
from resources.market_time import MarketTime
from schemas.broker import Link, LinkChanged
from schemas.tables import SPLIT_ADJUSTED

LATE: Final = pd.Timedelta(seconds=5)
"""How long after a bar's end its pieces are waited for; history has it whole by then."""
AGAIN: Final = pd.Timedelta(seconds=60)
"""After so long history is asked again for a bar that it did not have."""
TROUBLES: Final[Mapping[DataTrouble, type[FeedError]]] = {
    DataTrouble.PACED: Throttled,
    DataTrouble.COMPETING: Outage,
    DataTrouble.NOT_PERMITTED: PlanRefused,
    DataTrouble.REFUSED: RequestRefused,
}
"""Why pieces do not come, as failures; after a bust they are asked for anew and come again."""
NEVER: Final = pd.Timestamp(0, tz="UTC")


@dataclass(frozen=True)
class Had:
    """What history last had of a symbol's session."""

    bars: pd.DataFrame = field(default_factory=empty_bars)
    end: pd.Timestamp = NEVER
    """It was asked for the bars that ended up to then,"""
    at: pd.Timestamp = NEVER
    """at this time."""

    def of(self, starts: pd.DatetimeIndex) -> pd.DataFrame:
        """Those of some bars that it had."""
        return self.bars[self.bars["timestamp"].isin(starts)]

    def answers(self, starts: pd.DatetimeIndex, end: pd.Timestamp, session: Session, now: pd.Timestamp) -> bool:
        """Whether history need not be asked for some bars: it was, and after the close if that is past.

        What it did not have it may have a while later.
        """
        if self.end < end or self.at < session.close <= now:
            return False
        return self.at > now - AGAIN or len(self.of(starts)) == len(starts)


class InteractiveBrokersLive:
    """Bars of Interactive Brokers as their pieces come.

    Args:
        subscription: the pieces; it is connected here.
        history: asks over the same connection for bars that lack pieces.
        line: carries both; once, for whoever polls asks again.
        bar_size: the length of the bars.
        unit: of volumes.
        settle_seconds: how long after its end a bar is complete.
        time: the market's.

    """

    name = SOURCE
    basis = SPLIT_ADJUSTED

    def __init__(
        self,
        subscription: RealTimeBars,
        history: History,
        line: Line,
        bar_size: BarSize,
        unit: Unit,
        settle_seconds: float,
        time: MarketTime,
    ) -> None:
        self._subscription = subscription
        self._history = history
        self._line = line
        self._bar_size = bar_size
        self._unit: Unit = unit
        self._settle = pd.Timedelta(seconds=settle_seconds)
        self._time = time
        self._connected = False
        self._heard = False
        """Whether something has come since it was last waited for."""
        self._lost: LinkChanged | None = None
        self._troubles: dict[str, DataNotice] = {}
        self._pieces = Pieces(bar_size, unit)
        self._session: Session | None = None
        self._had: defaultdict[str, Had] = defaultdict(Had)
        """By symbol."""

    @property
    def standing(self) -> Standing:
        """Whether it is trusted."""
        return self._line.standing

    def so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        """As `LiveFeed.so_far`."""
        return self._line.ask(partial(self._so_far, symbol, session, since))

    def wait(self, seconds: float) -> None:
        """Return when a piece has come, after `seconds` at the latest; what is not connected is connected first."""
        if not self._connected:
            with suppress(FeedError, DatabaseError):  # who asks next is told
                self._line.ask(self._listen)
        if not self._connected:
            self._time.sleep(seconds)
            return
        heard, self._heard = self._heard, False
        if heard:
            return  # what came while one symbol was asked about may be another's
        with suppress(BrokerError):  # who asks next connects again
            self._hear(seconds / self._time.speed)

    def close(self) -> None:
        """Let go of the connection."""
        self._connected = False
        self._subscription.close()

    def _so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        self._listen()
        self._hold(symbol)
        self._begin(session)
        now, length = self._time.now(), self._bar_size.delta
        starts = session.minutes(self._bar_size)
        due = starts[(starts >= since) & (starts + length + self._settle <= now)]
        whole, is_late = self._pieces.whole(symbol, due), due + length + LATE <= now
        of_history = due[is_late & (~whole | (now >= session.close))]
        unknown = due[~is_late & ~whole]
        try:
            self._fetch(symbol, session, of_history, now)
        except FeedError:
            if not whole.any():
                raise
            unknown = due[~whole]  # what is whole is not held back by what history does not say
        fetched = self._had[symbol].of(of_history)
        pieced = due[whole].difference(pd.DatetimeIndex(fetched["timestamp"]))
        parts = [self._pieces.bars(symbol, session, pieced), fetched]
        table = pd.concat(parts, ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
        return SoFar(Columns(table), min([now - self._settle, *unknown]))

    def _begin(self, session: Session) -> None:
        if session != self._session:
            self._session = session
            self._pieces.forget_before(session.midnights[0])
            self._had.clear()

    def _fetch(self, symbol: str, session: Session, starts: pd.DatetimeIndex, now: pd.Timestamp) -> None:
        """Ask history for the day up to the last of some bars, unless what it had answers for them."""
        had, end = self._had[symbol], starts.max() + self._bar_size.delta
        if starts.empty or had.answers(starts, end, session, now):
            return
        self._history.wait_for_turn(symbol, end)
        bars = had.bars
        with suppress(NoBars), understanding(f"{symbol} up to {end:%H:%M} UTC"):
            rows = parse_bars(self._history.ask(symbol, end), symbol, self._unit)
            part = normalise(rows, session, self._bar_size, Provenance(SOURCE, SPLIT_ADJUSTED, LabelSide.START))
            bars = told(part, session, self._bar_size, session.open, end).bars.table
        self._had[symbol] = Had(bars, end, now)

    def _listen(self) -> None:
        """Take what has come; connect where there is no connection, or none any more."""
        if self._connected:
            with suppress(BrokerError):
                self._hear(0)
        if not self._connected:
            self._lost = None
            self._troubles.clear()
            with understanding("bars of five seconds"):
                self._subscription.connect()
            self._connected = True

    def _hear(self, timeout: float) -> None:
        try:
            events = self._subscription.events(timeout)
        except BrokerError:
            self._connected = False
            raise
        self._heard |= bool(events)
        for event in events:
            self._take(event)

    def _take(self, event: DataEvent) -> None:
        match event:
            case FiveSecondBar():
                self._pieces.add(event)
                self._troubles.pop(event.symbol, None)
            case DataNotice():
                self._troubles[event.symbol] = event
            case LinkChanged():
                self._lost = event if event.link is Link.LOST else None

    def _hold(self, symbol: str) -> None:
        """Refuse to answer while pieces cannot come."""
        if self._lost is not None:
            raise Outage(f"Interactive Brokers has lost the way to its servers: {self._lost.said}")
        notice = self._troubles.get(symbol)
        if notice is None or notice.trouble not in TROUBLES:
            return
        error = TROUBLES[notice.trouble](f"No bars of {symbol} come from Interactive Brokers: {notice.said}")
        if error.retry_helps:
            self.close()  # they are asked for anew with the next connect
        raise error
