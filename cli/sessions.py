"""The sessions that a person names on the command line."""

from datetime import date

from market.sessions import Session, sessions_between
from schemas.errors import UnknownSession


def sessions_named(first: str, last: str, earliest: date | None = None) -> list[Session]:
    """The sessions from one day to another, both included.

    Args:
        first: `YYYY-MM-DD`.
        last: the same.
        earliest: the graph's first session; None: the calendar's is the only bound.

    Raises:
        UnknownSession: a date cannot be read, the range is empty or begins too early.

    """
    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise UnknownSession(f"{first!r} to {last!r}: dates have the form YYYY-MM-DD.") from None
    if earliest is not None and start < earliest:
        raise UnknownSession(f"{first} lies before the first session of the graph, {earliest} (first_session).")
    found = sessions_between(start, end) if start <= end else []
    if not found:
        raise UnknownSession(f"There is no XNYS session from {first} to {last}.")
    return found
