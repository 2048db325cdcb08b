"""Paper money only: the ports and accounts that are refused, and the two switches that must both say otherwise."""

import pytest

from resources.errors import BrokerRefused, NotPaper
from resources.ib.paper import account_of, hold_port, live_allowed

YES = {"INTRADAY_ALLOW_LIVE_TRADING": "yes"}


@pytest.mark.parametrize("port", [7496, 4001])
def test_a_port_of_real_money_is_refused(port):
    with pytest.raises(NotPaper, match=f"{port}.*7497.*4002.*ib.allow_live.*INTRADAY_ALLOW_LIVE_TRADING"):
        hold_port(port, live=False)
    hold_port(port, live=True)


@pytest.mark.parametrize("port", [7497, 4002, 4004, 40_001])
def test_other_ports_are_let_through_and_the_account_is_looked_at(port):
    hold_port(port, live=False)


@pytest.mark.parametrize(
    ("configured", "environment", "allowed"),
    [
        (True, YES, True),
        (False, YES, False),
        (True, {}, False),
        (True, {"INTRADAY_ALLOW_LIVE_TRADING": "true"}, False),
        (True, {"INTRADAY_ALLOW_LIVE_TRADING": "YES"}, False),
        (False, {}, False),
    ],
)
def test_real_money_needs_both_switches(configured, environment, allowed):
    assert live_allowed(configured, environment) is allowed


def test_the_only_account_of_the_login_is_taken():
    assert account_of(["DU1234567"], None, live=False) == "DU1234567"


@pytest.mark.parametrize("account", ["U1234567", "F1234567", "DF123456", "du1234567"])
@pytest.mark.parametrize("named", [True, False])
def test_an_account_of_real_money_is_refused(account, named):
    with pytest.raises(NotPaper, match="begin with DU") as refusal:
        account_of([account], account if named else None, live=False)
    assert account not in str(refusal.value)
    assert not refusal.value.retry_helps
    assert account_of([account], None, live=True) == account


def test_several_accounts_need_to_be_told_apart():
    with pytest.raises(BrokerRefused, match=r"DU\*\*\*67, DU\*\*\*68.*ib\.account"):
        account_of(["DU1234567", "DU1234568"], None, live=False)
    assert account_of(["DU1234567", "DU1234568"], "DU1234568", live=False) == "DU1234568"


def test_an_account_that_the_login_does_not_have_is_refused():
    with pytest.raises(BrokerRefused, match=r"DU\*\*\*99.*DU\*\*\*67"):
        account_of(["DU1234567"], "DU9999999", live=False)
