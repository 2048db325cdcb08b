"""The Yahoo stand-in: the chart API over a real loopback socket, so that the real yfinance client can talk to it.

What belongs here: the server's options, its paths, the time at it, and the record of what was asked. What does not:
the text of an answer (`yahoo_answers`), faults (`stand_in`, `faults`).

The shape of the answers is recorded. The cookie, the crumb and the consent page are not: they have what a client looks
for. The Host header is not looked at, because clients reach a stand-in by rewriting the host of every address.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import pandas as pd

from simulators.clock import NEW_YORK, ReplayClock
from simulators.faults import Fault
from simulators.recordings import load_yahoo_bars, yahoo_error_bodies, yahoo_symbols
from simulators.server import HTML, TEXT, Reply, error_page
from simulators.stand_in import Refused, StandIn
from simulators.yahoo_answers import RefusedWindow, check_window, complete, forming, parse_chart, render, select

JSON = "application/json;charset=utf-8"
AFTER_THE_LAST = pd.Timedelta(hours=12)
CHART = "/v8/finance/chart/"
COOKIE = ("Set-Cookie", "A3=d=stand-in&S=stand-in; Max-Age=31557600; Path=/; SameSite=Lax; HttpOnly")
_CONSENT = (
    '<!DOCTYPE html>\n<html><head><title>Consent</title></head><body><form method="post" action="/v2/collectConsent">'
    '<input type="hidden" name="csrfToken" value="stand-in"><input type="hidden" name="sessionId" value="stand-in">'
    '<button name="agree" value="agree">Accept</button></form></body></html>\n'
)
_SIDE = {
    "/": Reply(200, HTML, b"", (COOKIE,)),
    "/v1/test/getcrumb": Reply(200, TEXT, b"stand.in.crumb"),
    "/consent": Reply(200, HTML, _CONSENT.encode(), (COOKIE,)),
    "/v2/collectConsent": Reply(200, HTML, b"", (COOKIE,)),
    "/copyConsent": Reply(200, HTML, b"", (COOKIE,)),
}


@dataclass(frozen=True)
class ChartRecord:
    """What one request for a chart asked, word for word, and what became of it.

    A parameter that was not sent is None. `outcome` is `bars`, the id of a recorded body (`empty_window` for a window
    without bars), or the fault's spec.
    """

    symbol: str
    interval: str | None
    period1: str | None
    period2: str | None
    range: str | None
    include_prepost: str | None
    outcome: str


class YahooSimulator(StandIn):
    """Serves recorded bars of NVDA and MSFT (2024-08-23 to 2024-08-30) at `url`, as `with` block or start() and stop().

    `faults` are specs (see `faults.FORMS`) or faults; faults of requests are met by requests for charts, in the order
    given, the client's look-up of a time zone included. `port` 0 takes any free port. `bars` replaces the recordings: a
    table per symbol with the columns `timestamp, open, high, low, close, volume`, naive US/Eastern stamps that mark the
    START of the minute; an empty value is sent as null. Longer bars are built from these minutes, from 2m to 1d.

    `now` gives the aware time at the vendor, from which ranges and the reach of 1-minute bars are counted; None stands
    for 12 hours after the last bar. `reach_days` None switches that reach off. With a `clock`, which then is `now`,
    only minutes complete at its time are served, and the forming one as a live row off the grid; without one all are.

    Raises ValueError for a bad spec, for a fault of a bar that is not there, for bars of another shape, and for both
    `now` and `clock`.
    """

    def __init__(
        self,
        faults: Iterable[str | Fault] = (),
        port: int = 0,
        bars: Mapping[str, pd.DataFrame] | None = None,
        now: Callable[[], pd.Timestamp] | None = None,
        reach_days: int | None = 30,
        *,
        clock: ReplayClock | None = None,
    ) -> None:
        load = {symbol: partial(load_yahoo_bars, symbol) for symbol in yahoo_symbols()}
        super().__init__("yahoo", port, faults, yahoo_error_bodies(), load, bars, "start")
        if now is not None and clock is not None:
            raise ValueError("the stand-in takes its time from `now` or from `clock`, not from both")
        self._now = clock.now if clock is not None else now
        self._clock = clock
        self._reach_days = reach_days
        self._records: list[ChartRecord] = []
        self._side_requests = 0

    @property
    def requests(self) -> tuple[ChartRecord, ...]:
        """Every request for a chart so far, in the order of arrival."""
        with self._lock:
            return tuple(self._records)

    @property
    def side_requests(self) -> int:
        """How many requests there were for the cookie, the crumb and the consent."""
        with self._lock:
            return self._side_requests

    def handle(self, path: str, parameters: Mapping[str, str]) -> Reply | None:
        """Answers requests for charts, for the cookie, the crumb and the consent; there is nothing elsewhere."""
        if path in _SIDE or not path:
            with self._lock:
                self._side_requests += 1
            return _SIDE[path or "/"]
        symbol = unquote(path.removeprefix(CHART))
        if not path.startswith(CHART) or not symbol or "/" in symbol:
            return error_page(404)
        return self.reply({**parameters, "symbol": symbol})

    def _record(self, parameters: Mapping[str, str], outcome: str) -> None:
        record = ChartRecord(
            symbol=parameters["symbol"],
            interval=parameters.get("interval"),
            period1=parameters.get("period1"),
            period2=parameters.get("period2"),
            range=parameters.get("range"),
            include_prepost=parameters.get("includePrePost"),
            outcome=outcome,
        )
        self._records.append(record)

    def _recorded(self, body_id: str, parameters: Mapping[str, str]) -> Reply:
        body = yahoo_error_bodies()[body_id]
        return Reply(body.http_status, JSON if body.is_json else HTML, body.text.encode())

    def _answer(self, parameters: Mapping[str, str]) -> tuple[Reply, str]:
        try:
            return self._chart(parameters)
        except RefusedWindow as refused:
            status = yahoo_error_bodies()[refused.body_id].http_status
            return Reply(status, JSON, refused.text().encode()), refused.body_id
        except Refused as refused:
            return self._recorded(refused.body_id, parameters), refused.body_id

    def _chart(self, parameters: Mapping[str, str]) -> tuple[Reply, str]:
        symbol = parameters["symbol"].upper()
        if symbol not in self._histories.symbols:
            raise Refused("not_found")
        now = self._time()
        history = self._histories.bars(symbol, now if self._clock else None)
        until = None if self._clock is None else now.timestamp()
        query = parse_chart(parameters, history, now)
        check_window(query, now, self._reach_days)
        past = history if until is None else complete(history, until)
        bars = select(past, query)
        early = self._histories.shown(symbol, bars, query.minutes)
        bars = self._histories.relabelled(symbol, bars, query.minutes, "start")
        live = forming(history, query, until)
        if not live.empty:
            bars = pd.concat([bars, live], ignore_index=True) if len(bars) else live
        body = render(bars, query, past)
        self._histories.sent(early)
        return Reply(200, JSON, body.encode()), "empty_window" if bars.empty else "bars"

    def _time(self) -> pd.Timestamp:
        if self._now is not None:
            return self._now()
        stamps = [stamp for symbol in self._histories.symbols for stamp in self._histories.whole(symbol)["timestamp"]]
        return pd.Timestamp(max(stamps), tz=NEW_YORK) + AFTER_THE_LAST if stamps else pd.Timestamp.now(NEW_YORK)
