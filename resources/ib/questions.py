"""Requests whose answers are awaited: which messages belong to one, when it is complete, which error ends it."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from resources.errors import BrokerError
from resources.http import shown
from resources.ib.codes import is_warning
from resources.ib.values import without_accounts
from resources.ib.wire import Incoming, Message, kind_of, request_id


class AnsweredWithError(BrokerError):
    """A request's answer is an error: what it means depends on the request.

    Args:
        code: IB's.
        said: its words.

    """

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"Interactive Brokers answered {code}: {shown(without_accounts(said))}")
        self.code = code
        self.said = said


@dataclass(eq=False)
class Question:
    """A request on its way: its answer is the messages of some kinds, up to the one that ends it, which is the last."""

    kinds: frozenset[int]
    end: int
    request_id: int | None = None
    """What the messages of its answer are about; None where they carry no id."""
    answers: list[Incoming] = field(default_factory=list)
    done: "Future[list[Incoming]]" = field(default_factory=Future)

    def hear(self, message: Incoming) -> None:
        """Take a message if it belongs to the answer."""
        kind, about = kind_of(message), request_id(message)
        if self.done.done() or (about is not None and about != self.request_id):
            return
        if kind in self.kinds or kind == self.end:
            self.answers.append(message)
        if kind == self.end:
            self.done.set_result(self.answers)

    def refused_by(self, error: Message) -> bool:
        """Whether an error message is the answer; remarks on a request are not."""
        about, code = request_id(error), int(error[3])
        if self.request_id is None or about != self.request_id or is_warning(code):
            return False
        self.fail(AnsweredWithError(code, error[4]))
        return True

    def fail(self, why: Exception) -> None:
        """There is no answer."""
        if not self.done.done():
            self.done.set_exception(why)
