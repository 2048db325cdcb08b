"""What TWS answers about contracts and market data.

What belongs here: one handler per request, and the pushing of real-time bars. What does not: which bars there are
(`bars`), which of them a request asks for (`history`).
"""

from datetime import datetime

from simulators.histories import Histories
from simulators.tws import messages
from simulators.tws.bars import Bar, about, between, five_seconds, minutes_at
from simulators.tws.desk import Desk, Handler
from simulators.tws.history import HistoryRequest, Invalid, Pacing, answer, parse
from simulators.tws.notices import NO_DATA, PACING, QUERY_CANCELLED, TEXTS
from simulators.tws.records import Instrument
from simulators.tws.requests import Kind, named_contract
from simulators.tws.session import Session

CONTRACT = slice(1, 13)


class DataAnswers:
    """The handlers of requests about contracts and market data; volumes come in `lots` of so many shares."""

    def __init__(self, desk: Desk, histories: Histories, lots: int, *, paced: bool) -> None:
        self._desk, self._book = desk, desk.book
        self._histories, self._lots = histories, lots
        self._pacing = Pacing(desk.now) if paced else None
        self.handlers: dict[Kind, Handler] = {
            Kind.CONTRACT_DETAILS: self._contract_details,
            Kind.HISTORICAL_DATA: self._history,
            Kind.CANCEL_HISTORICAL_DATA: lambda s, f: self._failed(s, int(f[1]), 162, QUERY_CANCELLED.format(f[1])),
            Kind.REAL_TIME_BARS: self._real_time_bars,
            Kind.CANCEL_REAL_TIME_BARS: self._cancel_real_time_bars,
            Kind.MARKET_DATA_TYPE: self._market_data_type,
            Kind.MARKET_DATA: self._market_data,
            Kind.CANCEL_MARKET_DATA: lambda _, __: None,
        }

    def push(self, symbol: str, bar: Bar) -> None:
        """Sends a bar of five seconds to all who asked for those of the stock."""
        for session in self._desk.sessions:
            for request_id, asked in session.bars.items():
                if asked == symbol:
                    self._desk.say(session, messages.real_time_bar(request_id, bar, self._lots))

    def replay(self, symbol: str, since: datetime, until: datetime) -> list[Bar]:
        """The bars of five seconds that ended after `since` and up to `until`, of the recorded minutes."""
        first, last = int(since.timestamp()) // 60 * 60 - 60, int(until.timestamp())
        minutes = between(about(self._histories.bars(symbol), first, last), first, last, "1 min", regular=False)
        pieces = (piece for minute in minutes for piece in five_seconds(minute))
        return [each for each in pieces if since.timestamp() < each.start + 5 <= until.timestamp()]

    def _failed(self, session: Session, request_id: int, code: int, text: str) -> None:
        self._desk.say(session, messages.error(request_id, code, text))

    def _contract_details(self, session: Session, fields: tuple[str, ...]) -> None:
        request_id, instrument = int(fields[1]), self._book.find(*named_contract(fields[2:]))
        if instrument is None:
            self._failed(session, request_id, 200, TEXTS[200])
            return
        details = messages.contract_details(request_id, instrument)
        self._desk.say(session, details, messages.contract_details_end(request_id))

    def _history(self, session: Session, fields: tuple[str, ...]) -> None:
        request_id, instrument = int(fields[0]), self._book.find(*named_contract(fields[CONTRACT]))
        if instrument is None:
            self._failed(session, request_id, 200, TEXTS[200])
            return
        # A request that is refused counts as well.
        paced = self._pacing is not None and self._pacing.broken(instrument.con_id, fields[1:])
        faults = self._desk.faults
        try:
            if faults.meets("history_321"):
                raise Invalid("Historical data queries on this contract require explicit permission")
            request = parse(fields, self._desk.now())
        except Invalid as error:
            self._failed(session, request_id, 321, TEXTS[321].format(error))
            return
        if paced or faults.meets("pacing"):
            self._failed(session, request_id, 162, PACING)
            return
        bars = [] if faults.meets("no_data") else self._bars(instrument, request)
        if bars:
            answered = messages.historical_data(request_id, bars, epoch=request.epoch, lots=self._lots)
            self._desk.say(session, answered)
        else:
            self._failed(session, request_id, 162, NO_DATA.format(instrument.symbol, request.what.capitalize()))

    def _bars(self, instrument: Instrument, request: HistoryRequest) -> list[Bar]:
        if request.what != "TRADES" or instrument.symbol not in self._histories.symbols:
            return []
        return answer(request, minutes_at(self._histories, instrument.symbol, self._desk.now()))

    def _real_time_bars(self, session: Session, fields: tuple[str, ...]) -> None:
        request_id, instrument = int(fields[1]), self._book.find(*named_contract(fields[2:]))
        if instrument is None:
            self._failed(session, request_id, 200, TEXTS[200])
        else:
            session.bars[request_id] = instrument.symbol

    def _cancel_real_time_bars(self, session: Session, fields: tuple[str, ...]) -> None:
        session.bars.pop(int(fields[1]), None)

    def _market_data_type(self, session: Session, fields: tuple[str, ...]) -> None:
        session.delayed = fields[1] in ("3", "4")

    def _market_data(self, session: Session, fields: tuple[str, ...]) -> None:
        code = 10167 if session.delayed else 354
        self._failed(session, int(fields[1]), code, TEXTS[code])
