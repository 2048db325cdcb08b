"""What TWS answers about accounts and positions.

What belongs here: one handler per request. What does not: what an account is worth (`account`), what clients are told
of changes (`publisher`).
"""

from simulators.tws import messages
from simulators.tws.account import account_values
from simulators.tws.desk import Desk, Handler
from simulators.tws.publisher import Publisher
from simulators.tws.requests import Kind
from simulators.tws.session import Session


class AccountAnswers:
    """The handlers of requests about the server, accounts and positions."""

    def __init__(self, desk: Desk, publisher: Publisher) -> None:
        self._desk, self._book, self._publisher = desk, desk.book, publisher
        self.handlers: dict[Kind, Handler] = {
            Kind.CURRENT_TIME: lambda s, _: desk.say(s, messages.current_time(desk.now())),
            Kind.MANAGED_ACCOUNTS: lambda s, _: desk.say(s, messages.managed_accounts(self._book.accounts)),
            Kind.POSITIONS: self._positions,
            Kind.CANCEL_POSITIONS: self._cancel_positions,
            Kind.ACCOUNT_UPDATES: self._updates,
            Kind.ACCOUNT_UPDATES_MULTI: self._multi,
            Kind.CANCEL_ACCOUNT_UPDATES_MULTI: lambda _, __: None,
            Kind.ACCOUNT_SUMMARY: self._summary,
            Kind.CANCEL_ACCOUNT_SUMMARY: lambda _, __: None,
        }

    def _positions(self, session: Session, _: tuple[str, ...]) -> None:
        session.positions = True
        for account in self._book.accounts:
            for symbol in self._book.held(account):
                self._publisher.position(session, account, symbol)
        self._desk.say(session, messages.position_end())

    def _cancel_positions(self, session: Session, _: tuple[str, ...]) -> None:
        session.positions = False

    def _updates(self, session: Session, fields: tuple[str, ...]) -> None:
        account = fields[2] or self._book.accounts[0]
        if fields[1] != "1":
            session.accounts.discard(account)
            return
        session.accounts.add(account)
        self._publisher.account_values(session, account)
        for symbol in self._book.held(account):
            self._publisher.portfolio(session, account, symbol)
        self._desk.say(session, messages.account_time(self._desk.now()), messages.account_end(account))

    def _multi(self, session: Session, fields: tuple[str, ...]) -> None:
        request_id, account = int(fields[1]), fields[2] or self._book.accounts[0]
        for tag, value in account_values(self._book, account).items():
            self._desk.say(session, messages.account_multi(request_id, account, tag, value, "USD"))
        self._desk.say(session, messages.account_multi_end(request_id))

    def _summary(self, session: Session, fields: tuple[str, ...]) -> None:
        request_id, tags = int(fields[1]), fields[3].split(",")
        for account in self._book.accounts:
            for tag, value in account_values(self._book, account).items():
                if tag in tags:
                    self._desk.say(session, messages.account_summary(request_id, account, tag, value, "USD"))
        self._desk.say(session, messages.account_summary_end(request_id))
