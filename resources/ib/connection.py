"""One client's connection to TWS or IB Gateway, on a thread of its own: plain calls in, messages out.

The library's `Client` connects, frames and throttles. Every message is taken where it would be decoded, so that nothing
depends on what the library makes of it. Which requests are sent and what their answers mean is decided elsewhere.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from resources.errors import BrokerError, BrokerRefused, BrokerUnreachable
from resources.http import shown
from resources.ib.codes import CLIENT_ID_IN_USE
from resources.ib.library import library
from resources.ib.questions import Question
from resources.ib.values import without_accounts
from resources.ib.wire import Incoming, Kind, ListedOrder, Message, kind_of, listed_order

CLOSING_SECONDS: Final = 2.0
"""How long a socket may take to close before it is torn down."""
Result = TypeVar("Result")
Client = Any
"""The library's; its calls are those of IB's own `EClient`."""


@dataclass(frozen=True)
class Address:
    """Where TWS listens, and as which client it is spoken to."""

    host: str
    port: int
    client_id: int
    timeout: float
    """Seconds for the handshake, and for each answer."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Connection:
    """A connection from its handshake to its end; it is opened once.

    Args:
        address: where to.
        listen: is handed every message, on the connection's thread; what it raises ends the connection.
        broke: is told why the connection ended, where nobody closed it.

    """

    def __init__(
        self, address: Address, listen: Callable[[Incoming], None], broke: Callable[[BrokerError], None]
    ) -> None:
        self._address = address
        self._listen = listen
        self._broke = broke
        self._opened: Future[None] = Future()
        self._waiting: set[Future[Any]] = set()
        self._questions: list[Question] = []
        self._why: BrokerError | None = None
        """Why it is over; None while it is not."""
        self._last_words = ""
        """Of the other side, before the handshake was through."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=f"tws-{address.client_id}", daemon=True)

    def open(self) -> None:
        """Connect and shake hands.

        Raises:
            BrokerUnreachable: nobody answers in time.
            BrokerRefused: the client id is in use.

        """
        self._thread.start()
        try:
            self._opened.result()  # the thread keeps the time
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it; questions that are open fail."""
        self._why = self._why or BrokerUnreachable(f"The connection to {self._address} was closed.")
        self._call(lambda: self._over.set())
        self._thread.join()

    def run(self, action: Callable[[Client], Result]) -> Result:
        """Do something with the library's client on the connection's thread.

        Raises:
            BrokerUnreachable: there is no connection; the action was not begun, or had sent nothing.

        """
        done: Future[Result] = Future()

        def act() -> None:
            try:
                done.set_result(action(self._client))
            except ConnectionError as error:
                done.set_exception(self._why or BrokerUnreachable(f"{self._address}: {error}."))
            except BaseException as error:  # raised again by who waits for it
                done.set_exception(error)

        self._waiting.add(done)
        try:
            if self._why is not None:
                raise self._why
            self._call(act)
            return done.result()
        finally:
            self._waiting.discard(done)

    def post(self, action: Callable[[Client], None]) -> None:
        """Do something on the connection's thread a moment later; for who is on it already. Lost where it ends."""

        def act() -> None:
            with suppress(ConnectionError):
                action(self._client)

        self._call(act)

    def ask(self, question: Question, send: Callable[[Client], None]) -> list[Incoming]:
        """Send a request and wait for its answer.

        Raises:
            BrokerUnreachable: there was none in time.
            AnsweredWithError: the answer is an error.

        """

        def start(client: Client) -> None:
            send(client)
            self._questions.append(question)

        self.run(start)
        try:
            return question.done.result(self._address.timeout)
        except TimeoutError:
            raise BrokerUnreachable(f"{self._address} did not answer within {self._address.timeout:g} s.") from None
        finally:
            with suppress(BrokerError):
                self.run(lambda _: self._questions.remove(question))

    def _call(self, what: Callable[[], None]) -> None:
        """On the connection's thread; not at all where that has ended, or is about to: it fails all that wait."""
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)

    # On the connection's thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except (
            BaseException
        ) as error:  # a fault of ours: it is told to who opens or waits, and not lost with the thread
            self._why = self._why or BrokerUnreachable(f"{type(error).__name__}: {error}")
        why = self._why or BrokerUnreachable(f"The connection to {self._address} has ended.")
        self._why = why
        for future in [self._opened, *self._waiting, *(question.done for question in self._questions)]:
            if not future.done():
                future.set_exception(why)

    async def _live(self) -> None:
        self._over, self._gone = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._heard: list[ListedOrder] = []
        client = self._client = library().Client(_Decoded(self._heard))
        client.decoder.interpret = self._received
        client.conn.disconnected += self._lost
        try:
            if self._why is not None:
                raise self._why
            await self._log_on(client)
            self._opened.set_result(None)
            await self._over.wait()
        finally:
            await self._hang_up(client)

    async def _log_on(self, client: Client) -> None:
        """The handshake. The library would wait out its time even where it was refused, so that time is kept here.

        It is told of none: its `wait_for` would swallow a cancel that comes with an answer (Python 3.11).
        """
        address = self._address
        opening = asyncio.ensure_future(client.connectAsync(address.host, address.port, address.client_id, 0))
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({opening, over}, timeout=address.timeout, return_when=asyncio.FIRST_COMPLETED)
            if opening.done() and self._why is None:
                opening.result()
            elif self._why is None:
                raise TimeoutError
        except TimeoutError:
            self._end(BrokerUnreachable(f"{address} did not shake hands within {address.timeout:g} s: is it TWS?"))
        except OSError as error:
            self._end(BrokerUnreachable(f"Nobody can be reached at {address}: {shown(str(error))}."))
        finally:
            opening.cancel()
            over.cancel()
            await asyncio.gather(opening, over, return_exceptions=True)
        if self._why is not None:
            raise self._why

    async def _hang_up(self, client: Client) -> None:
        transport = client.conn.transport
        if transport is None:
            return
        client.disconnect()
        try:
            await asyncio.wait_for(self._gone.wait(), CLOSING_SECONDS)
        except TimeoutError:
            transport.abort()
            await self._gone.wait()

    def _received(self, fields: list[str]) -> None:
        """A message, in the place of the library's decoder."""
        if self._why is not None:
            return  # one that could not be read ended it: what came after that is asked for anew
        try:
            self._take(self._understood(fields))
        except BrokerError as error:
            self._end(error)
        except Exception as error:
            # What cannot be read may be a fill. It is asked for again after the next connect; going on would lose it.
            self._end(BrokerUnreachable(f"A message of {self._address} was not understood: {error!r}."))

    def _understood(self, fields: list[str]) -> Incoming:
        if fields[0] not in (str(int(Kind.OPEN_ORDER)), str(int(Kind.COMPLETED_ORDER))):
            return tuple(fields)
        self._client.decoder.handlers[int(fields[0])](fields)
        return self._heard.pop()

    def _take(self, message: Incoming) -> None:
        if kind_of(message) == Kind.ERROR and isinstance(message, tuple):
            self._hold_client_id(message)
            self._last_words = f"{message[3]}: {message[4]}"
            if any(question.refused_by(message) for question in self._questions):
                return
        self._listen(message)
        for question in self._questions:
            question.hear(message)

    def _hold_client_id(self, error: Message) -> None:
        if int(error[3]) == CLIENT_ID_IN_USE:
            raise BrokerRefused(
                f"{self._address} has another client with the id {self._address.client_id} (326): another process uses "
                "it. End that one, or set another ib.client_id."
            )

    def _lost(self, said: str) -> None:
        """The socket is closed: by us, or by the other side."""
        self._gone.set()
        why = without_accounts(said or ("" if self._opened.done() else self._last_words))
        self._end(BrokerUnreachable(f"{self._address} closed the connection{f': {shown(why)}' if why else ''}."))

    def _end(self, why: BrokerError) -> None:
        if self._why is None:
            self._why = why
            if self._opened.done():
                self._broke(why)
        self._over.set()


class _Decoded:
    """What the library's client and decoder call beside the messages that are taken before them."""

    def __init__(self, heard: list[ListedOrder]) -> None:
        self._heard = heard

    def openOrder(self, order_id: int, contract: Any, order: Any, state: Any) -> None:
        self._heard.append(listed_order(order, state, completed=False))

    def completedOrder(self, contract: Any, order: Any, state: Any) -> None:
        self._heard.append(listed_order(order, state, completed=True))

    def connectAck(self) -> None:
        """Said once the handshake is through."""

    def setEventsDone(self) -> None:
        """Said when the socket closes."""

    def connectionClosed(self) -> None:
        """Said when the other side closed it."""
