"""A transaction again, a few times, where another attempt may fare better: after a deadlock, a time limit, a cut line.

It has to be one that may be done twice: when the line is cut during a commit, nobody knows whether that was done.
"""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import tenacity

from resources.errors import DatabaseBusy, DatabaseUnreachable

ATTEMPTS = 6
FIRST_WAIT_SECONDS = 0.2
"""It doubles each time, six seconds in all: a server that restarts is back by then."""

Result = TypeVar("Result")
Asked = ParamSpec("Asked")
log = logging.getLogger("intraday.database")


def with_retries(transaction: Callable[[], Result], sleep: Callable[[float], None]) -> Result:
    """What the transaction returns.

    Raises:
        DatabaseError: what the last attempt raised; where others went before, it says how many.

    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((DatabaseBusy, DatabaseUnreachable)),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential_jitter(multiplier=FIRST_WAIT_SECONDS, jitter=FIRST_WAIT_SECONDS),
        sleep=sleep,
        before_sleep=_say,
        retry_error_callback=_give_up,
    )
    return retrying(transaction)


def repeatable(transaction: Callable[Asked, Result]) -> Callable[Asked, Result]:
    """A function that is one transaction, done by `with_retries`."""

    @wraps(transaction)
    def done(*arguments: Asked.args, **named: Asked.kwargs) -> Result:
        return with_retries(lambda: transaction(*arguments, **named), time.sleep)

    return done


def _say(state: tenacity.RetryCallState) -> None:
    if state.outcome is not None:
        log.warning("Attempt %s of %s: %s", state.attempt_number, ATTEMPTS, state.outcome.exception())


def _give_up(state: tenacity.RetryCallState) -> NoReturn:
    error = state.outcome and state.outcome.exception()
    assert isinstance(error, (DatabaseBusy, DatabaseUnreachable))
    raise type(error)(f"{error} It was tried {state.attempt_number} times.") from error
