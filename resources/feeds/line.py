"""The line to a vendor: requests within its limit, again after failures that pass, none at all while it is down.

What is asked and what an answer means are the feed's.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import tenacity

from resources.errors import FeedError, NoBars, OutOfReach
from resources.feeds.breaker import Breaker, Standing
from resources.feeds.rate_limit import LONGEST_WAIT_SECONDS, RateLimit
from resources.settings_sections import RetrySettings

Answer = TypeVar("Answer")
log = logging.getLogger("intraday.feeds")


class Line:
    """Carries requests to one vendor.

    Args:
        settings: how many attempts, and the wait before the second.
        breaker: whether the vendor may be asked.
        limit: the vendor's request limit, if it has one.
        sleep: waits that many seconds.

    """

    def __init__(
        self,
        settings: RetrySettings,
        breaker: Breaker,
        limit: RateLimit | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._breaker = breaker
        self._limit = limit
        jittered = tenacity.wait_exponential_jitter(multiplier=settings.wait_seconds, jitter=settings.wait_seconds)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_waiting_for),
            stop=tenacity.stop_after_attempt(settings.attempts),
            wait=lambda state: max(_asked_for(state), jittered(state)),
            sleep=sleep,
            before_sleep=_say,
            reraise=True,
        )

    @property
    def standing(self) -> Standing:
        """Whether the vendor is trusted."""
        return self._breaker.standing

    def ask(self, request: Callable[[], Answer]) -> Answer:
        """The answer to a request.

        Raises:
            FeedPaused: the vendor is down and was not asked.
            FeedError: what the last attempt raised.

        """
        self._breaker.before_asking()
        try:
            answer: Answer = self._retrying(self._attempt, request)
        except (NoBars, OutOfReach):
            self._breaker.succeeded()  # it said that it has none
            raise
        except FeedError as error:
            self._breaker.failed(error)
            raise
        self._breaker.succeeded()
        return answer

    def _attempt(self, request: Callable[[], Answer]) -> Answer:
        if self._limit is not None:
            self._limit.wait_for_turn()
        try:
            return request()
        except FeedError as error:
            if self._limit is not None and error.pause_seconds and error.retry_helps:
                self._limit.pause(error.pause_seconds)
            raise


def _say(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info("%s Again in %.0f s.", error, state.upcoming_sleep)


def _worth_waiting_for(error: BaseException) -> bool:
    return isinstance(error, FeedError) and error.retry_helps and (error.pause_seconds or 0.0) <= LONGEST_WAIT_SECONDS


def _asked_for(state: tenacity.RetryCallState) -> float:
    """The seconds for which the vendor asked to be left alone."""
    error = state.outcome.exception() if state.outcome else None
    return (error.pause_seconds or 0.0) if isinstance(error, FeedError) else 0.0
