"""Texts of the wire as values: exact decimals, instants in UTC, tickers, account numbers that may be shown. Pure."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from resources.errors import BrokerRefused

UNSET: Final = Decimal("1.7976931348623157E+308")
"""What IB writes for a number that it does not have; some versions write it out in full."""
ACCOUNT: Final = re.compile(r"\b[A-Z]{1,3}\d{5,9}\b")
STAMP: Final = re.compile(r"(\d{8})(?:-| )(\d{2}:\d{2}:\d{2})(?: (\S+))?")


def exact(text: str) -> Decimal | None:
    """The decimal as it is written; None where the wire has none.

    Raises:
        ValueError: the text is no finite number.

    """
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is no finite number")
    return None if abs(number) >= UNSET else number


def needed(text: str) -> Decimal:
    """The decimal as it is written.

    Raises:
        ValueError: there is none.

    """
    number = exact(text)
    if number is None:
        raise ValueError(f"a number is missing: {text!r}")
    return number


def instant(text: str) -> datetime:
    """The instant of a stamp: `20260102 15:30:00 US/Eastern`, `20260102-20:30:00` (UTC), or seconds since 1970.

    Raises:
        BrokerRefused: it does not say its zone, or the clock of the zone showed it twice or never.

    """
    if text.isdigit() and len(text) > 8:
        return datetime.fromtimestamp(int(text), UTC)
    match = STAMP.fullmatch(text)
    day, clock, zone_name = match.groups() if match else ("", "", None)
    if match and text[8] == "-" and zone_name is None:
        return _parsed(day, clock).replace(tzinfo=UTC)
    if zone_name is None:
        raise BrokerRefused(
            f"Interactive Brokers sent the time {text!r}, which does not say its time zone: let the API send times in "
            "UTC or in the zone of the instrument (Global Configuration, API, Settings)."
        )
    return _in_zone(_parsed(day, clock), zone_name, text)


def _parsed(day: str, clock: str) -> datetime:
    return datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S")


def _in_zone(naive: datetime, zone_name: str, text: str) -> datetime:
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError):
        raise BrokerRefused(f"Interactive Brokers sent the time {text!r}, whose zone nobody knows.") from None
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise BrokerRefused(
            f"Interactive Brokers sent the time {text!r}, which that zone's clock shows twice or never."
        )
    return first.astimezone(UTC)


def ib_symbol(symbol: str) -> str:
    """A ticker as IB writes it: a class of shares stands behind a space, `BRK B` for `BRK.B`."""
    return symbol.replace(".", " ")


def ticker(ib_symbol: str) -> str:
    """A ticker as everybody else writes it."""
    return ib_symbol.replace(" ", ".")


def masked(account: str) -> str:
    """An account number as it may be shown: `DU***42`."""
    return f"{account[:2]}***{account[-2:]}" if len(account) > 5 else "***"


def without_accounts(words: str) -> str:
    """Words of IB with all account numbers in them masked, those of other accounts of the login too."""
    return ACCOUNT.sub(lambda found: masked(found[0]), words)
