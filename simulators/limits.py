"""A vendor's limits on requests: so many in so many seconds.

What belongs here: counting requests and saying which limit the newest one broke. What does not: the answer to it.
"""

from collections import deque
from collections.abc import Callable, Sequence

ONE_SECOND, ONE_MINUTE, ONE_DAY = 1.0, 60.0, 86_400.0
OLD_FREE_LIMIT = (5, ONE_MINUTE)


class Limits:
    """Windows of (requests, seconds) that slide over all requests, refused ones too, so that asking on never helps.

    `monotonic` gives the time in seconds. Raises ValueError for a window that lets nothing pass or is longer than a
    day. Not safe for several threads at once.
    """

    def __init__(self, windows: Sequence[tuple[int, float]], monotonic: Callable[[], float]) -> None:
        for requests, seconds in windows:
            if requests < 1 or not 0 < seconds <= ONE_DAY:
                raise ValueError(f"the limit of {requests} requests in {seconds:g} s is not one of a vendor")
        # The longest first: who has no requests left today is not told to wait for a second.
        self._limits = sorted(windows, key=lambda window: -window[1])
        self._asked = [deque[float](maxlen=requests) for requests, _ in self._limits]
        self._monotonic = monotonic

    def broken(self) -> tuple[int, float] | None:
        """Counts a request, and the longest window that it is one too many for; None if it is within all limits."""
        now = self._monotonic()
        broken = None
        for (requests, seconds), asked in zip(self._limits, self._asked, strict=True):
            too_many = len(asked) == requests and now - asked[0] < seconds
            asked.append(now)
            if too_many and broken is None:
                broken = (requests, seconds)
        return broken


def body_of(window: tuple[int, float]) -> str:
    """The id of Alpha Vantage's recorded body for a broken limit."""
    _, seconds = window
    if seconds <= ONE_SECOND:
        return "burst_free_1rps"
    if seconds <= ONE_MINUTE:
        return "note_5pm_500pd" if window == OLD_FREE_LIMIT else "minute_quota_premium"
    return "daily_quota_key_echo"
