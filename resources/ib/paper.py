"""Paper money only: which ports and accounts are refused, and the two switches that must both say otherwise. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from resources.errors import BrokerRefused, NotPaper
from resources.ib.values import masked

LIVE_PORTS: Final = {7496: "TWS", 4001: "IB Gateway"}
PAPER: Final = "DU"
"""How the numbers of paper accounts begin."""
LIVE_VARIABLE: Final = "INTRADAY_ALLOW_LIVE_TRADING"
SWITCHES: Final = f"Real money is traded only where ib.allow_live is true and {LIVE_VARIABLE} is yes"


def live_allowed(allow_live: bool, environment: Mapping[str, str]) -> bool:
    """Whether the configuration and the environment both allow real money."""
    return allow_live and environment.get(LIVE_VARIABLE) == "yes"


def hold_port(port: int, *, live: bool) -> None:
    """Refuse a port on which real money is traded.

    Raises:
        NotPaper: it is one.

    """
    if port in LIVE_PORTS and not live:
        raise NotPaper(
            f"Port {port} is {LIVE_PORTS[port]}'s for real money; paper is 7497 (TWS) or 4002 (IB Gateway). {SWITCHES}."
        )


def account_of(accounts: Sequence[str], wanted: str | None, *, live: bool) -> str:
    """The account that is traded: the one that is configured, else the only one of the login.

    Raises:
        NotPaper: it is one of real money.
        BrokerRefused: the login does not have it, or has several.

    """
    had = ", ".join(masked(account) for account in accounts) or "none"
    if wanted is None and len(accounts) != 1:
        raise BrokerRefused(f"The login has the accounts {had}: say which one with ib.account.")
    account = accounts[0] if wanted is None else wanted
    if account not in accounts:
        raise BrokerRefused(f"ib.account is {masked(account)}; the login has {had}.")
    if not account.startswith(PAPER) and not live:
        raise NotPaper(f"{masked(account)} is no paper account: those begin with {PAPER}. {SWITCHES}.")
    return account
