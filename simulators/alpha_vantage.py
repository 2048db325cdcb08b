"""The Alpha Vantage stand-in: `TIME_SERIES_INTRADAY` and `GLOBAL_QUOTE` over a real loopback socket.

What belongs here: the server's options, what a key may ask and how often, and the record of what was asked. What does
not: the text of an answer (`alpha_vantage_answers`, `alpha_vantage_quotes`), faults (`stand_in`, `faults`).

The bodies and the CSV and JSON forms are recorded. The response headers are not: a client should read the body.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial

import pandas as pd

from simulators.alpha_vantage_answers import Query, parse_query, render, select
from simulators.alpha_vantage_quotes import FUNCTION, QuoteQuery, parse_quote_query, render_quote
from simulators.clock import ReplayClock
from simulators.fault_rows import STAMP_FORMAT, Side
from simulators.faults import Fault
from simulators.limits import Limits, body_of
from simulators.recordings import KEY_MASK, error_bodies, load_bars, symbols
from simulators.server import JSON, Reply, error_page
from simulators.stand_in import Refused, StandIn
from simulators.value_faults import Revise, without_nulls

CSV = "application/x-download"
DELAY = pd.Timedelta(minutes=15)
"""How far `entitlement=delayed` is behind."""


@dataclass(frozen=True)
class RequestRecord:
    """What one request asked, word for word, and what became of it. The API key is never kept.

    A parameter that was not sent is None. `outcome` is `bars`, `quote`, the id of a recorded error body, or the
    fault's spec.
    """

    function: str | None
    symbol: str | None
    month: str | None
    interval: str | None
    datatype: str | None
    adjusted: str | None
    extended_hours: str | None
    outputsize: str | None
    entitlement: str | None
    outcome: str


class AlphaVantageSimulator(StandIn):
    """Serves recorded bars of NVDA and MSFT (2020-10-26 to 2021-01-08) at `url`, as `with` block or start() and stop().

    `faults` are specs (see `faults.FORMS`) or faults; faults of requests are used up in the order given, one request at
    a time, whatever is asked. Damaged bars are damaged in the 1-minute history: months, hours and longer intervals are
    taken from it afterwards. `port` 0 takes any free port. `bars` replaces the recordings: a table per symbol with the
    columns `timestamp, open, high, low, close, volume`, naive US/Eastern stamps that mark the END of the minute.

    `labels` is the end of the bar that the stamps of an answer mark. `entitled` says whether the key may ask for an
    entitlement. `limits` are windows (requests, seconds) that are really enforced, by `monotonic`; a request over the
    limit meets no fault. With a `clock` only bars that are complete at its time are served, and with
    `entitlement=delayed` those that were complete 15 minutes before; without one everything is.

    The recorded bars are adjusted for dividends, whatever `adjusted` a request asks for. Raises ValueError for a bad
    spec, for a fault of a bar that is not there, for a bad limit, and for bars of another shape.
    """

    def __init__(
        self,
        faults: Iterable[str | Fault] = (),
        port: int = 0,
        bars: Mapping[str, pd.DataFrame] | None = None,
        *,
        labels: Side = "end",
        entitled: bool = True,
        limits: Sequence[tuple[int, float]] = (),
        clock: ReplayClock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        load = {symbol: partial(load_bars, symbol) for symbol in symbols()}
        super().__init__("alpha-vantage", port, faults, error_bodies(), load, bars, "end")
        if labels not in ("start", "end"):
            raise ValueError(f"labels must be 'start' or 'end', not {labels!r}")
        self._labels = labels
        self._entitled = entitled
        self._limits = Limits(limits, monotonic)
        self._clock = clock
        self._rendered: dict[tuple[Query, frozenset[Revise]], tuple[bytes, frozenset[Revise]]] = {}
        self._records: list[RequestRecord] = []

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request to `/query` so far, in the order of arrival."""
        with self._lock:
            return tuple(self._records)

    def handle(self, path: str, parameters: Mapping[str, str]) -> Reply | None:
        """Answers `/query`; there is nothing elsewhere."""
        return self.reply(parameters) if path == "/query" else error_page(404)

    def reply(self, parameters: Mapping[str, str]) -> Reply | None:
        """The answer to one request, which it records; None when the connection is to close without an answer."""
        with self._lock:
            broken = self._limits.broken()
            if broken is not None:
                self._record(parameters, body_of(broken))
                return self._recorded(body_of(broken), parameters)
        return super().reply(parameters)

    def _record(self, parameters: Mapping[str, str], outcome: str) -> None:
        names = (field.name for field in fields(RequestRecord) if field.name != "outcome")
        self._records.append(RequestRecord(outcome=outcome, **{name: parameters.get(name) for name in names}))

    def _recorded(self, body_id: str, parameters: Mapping[str, str]) -> Reply:
        """JSON also for CSV requests; where the body echoed a key it echoes the caller's, as the vendor does."""
        body = error_bodies()[body_id]
        echoed = json.dumps(parameters.get("apikey") or KEY_MASK)[1:-1]
        return Reply(body.http_status, JSON, body.text.replace(KEY_MASK, echoed).encode())

    def _answer(self, parameters: Mapping[str, str]) -> tuple[Reply, str]:
        now = self._clock.now() if self._clock else None
        try:
            if parameters.get("function") == FUNCTION:
                quote = parse_quote_query(parameters)
                self._admit(quote)
                return Reply(200, CSV if quote.csv else JSON, self._quote(quote, now)), "quote"
            query = parse_query(parameters)
            self._admit(query)
            return Reply(200, CSV if query.csv else JSON, self._bars(query, now)), "bars"
        except Refused as refused:
            return self._recorded(refused.body_id, parameters), refused.body_id

    def _admit(self, query: Query | QuoteQuery) -> None:
        if query.entitlement and not self._entitled:
            raise Refused("not_entitled_delayed")

    def _until(self, now: pd.Timestamp | None, entitlement: str) -> str | None:
        """The newest stamp, of the end of a minute, that may be served now."""
        if now is None:
            return None
        return (now - DELAY if entitlement == "delayed" else now).strftime(STAMP_FORMAT)

    def _quote(self, query: QuoteQuery, now: pd.Timestamp | None) -> bytes:
        history = self._history(query.symbol.upper(), now, "global_quote_empty")
        return render_quote(history, query, self._until(now, query.entitlement)).encode()

    def _bars(self, query: Query, now: pd.Timestamp | None) -> bytes:
        symbol = query.symbol.upper()
        key = (query, self._histories.unrevised(symbol))
        body, early = self._rendered.get(key) or self._render(query, symbol, now)
        if now is None:
            self._rendered[key] = body, early
        self._histories.sent(early)
        return body

    def _render(self, query: Query, symbol: str, now: pd.Timestamp | None) -> tuple[bytes, frozenset[Revise]]:
        """The answer, and the early values in it."""
        history = self._history(symbol, now, "invalid_call_intraday")
        bars = select(history, query, self._until(now, query.entitlement))
        early = self._histories.shown(symbol, bars, query.minutes)
        return render(self._histories.relabelled(symbol, bars, query.minutes, self._labels), query).encode(), early

    def _history(self, symbol: str, now: pd.Timestamp | None, unknown: str) -> pd.DataFrame:
        """The damaged history of one symbol; raises Refused with the body `unknown` for one without."""
        if symbol not in self._histories.symbols:
            raise Refused(unknown)
        # This vendor leaves out the minutes that another lists without values.
        return without_nulls(self._histories.bars(symbol, now))
