"""Times, amounts and states as people read them. What they are about is not here."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import pandas as pd

from market.sessions import NEW_YORK


def moment(stamp: datetime, now: datetime) -> str:
    """An instant in New York, and in UTC: `09:30 (14:30 UTC)`; with its day where that is not today's.

    Args:
        stamp: aware.
        now: aware; when it is read.

    """
    at, today = (pd.Timestamp(one).tz_convert(NEW_YORK) for one in (stamp, now))
    clock = f"{at:%H:%M} ({at.tz_convert('UTC'):%H:%M} UTC)"
    if at.date() == today.date():
        return clock
    return f"{at:%-d %b}{'' if at.year == today.year else f' {at.year}'} {clock}"


def day_of(local: date) -> str:
    """A day as `Monday, 23 November`."""
    return f"{local:%A, %-d %B}"


def dollars(amount: Decimal | None, *, signed: bool = False) -> str:
    """An amount of USD: `1,234.50`; signed `+1,234.50`."""
    if amount is None:
        return "\N{EN DASH}"
    rounded = round(amount, 2)
    return f"{rounded:{'+' if signed and rounded else ''}z,.2f}".replace("-", "\N{MINUS SIGN}")


def together(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Their sum; None where one of them is not known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def shares(count: Decimal) -> str:
    """A number of shares, with no digits that say nothing."""
    plain = f"{count:,f}".replace("-", "\N{MINUS SIGN}")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
