"""Texts of TWS as values: decimals as they are written, instants with their zone, account numbers that may be shown."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from resources.errors import BrokerRefused
from resources.ib.values import exact, ib_symbol, instant, masked, needed, ticker, without_accounts


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("485.5", "485.5"),
        ("485.50", "485.50"),
        ("0.1", "0.1"),
        ("1E-7", "1E-7"),
        ("100", "100"),
        ("201.8829709", "201.8829709"),
        ("-110", "-110"),
    ],
)
def test_a_decimal_is_the_one_that_is_written(text, number):
    assert str(exact(text)) == number


@pytest.mark.parametrize("text", ["", "1.7976931348623157E308", "1.7976931348623157e+308"])
def test_a_number_that_ib_does_not_have_is_none(text):
    assert exact(text) is None
    with pytest.raises(ValueError, match="missing"):
        needed(text)


def test_the_largest_double_written_out_in_full_is_none_too():
    assert exact(f"{Decimal.from_float(1.7976931348623157e308):f}") is None


@pytest.mark.parametrize("text", ["abc", "nan", "Infinity", "1,5"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(ValueError, match=text):
        exact(text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20260102 15:30:00 US/Eastern", datetime(2026, 1, 2, 20, 30, tzinfo=UTC)),
        ("20260702 15:30:00 America/New_York", datetime(2026, 7, 2, 19, 30, tzinfo=UTC)),
        ("20260102 15:30:00 Europe/Amsterdam", datetime(2026, 1, 2, 14, 30, tzinfo=UTC)),
        ("20260102 15:30:00 UTC", datetime(2026, 1, 2, 15, 30, tzinfo=UTC)),
        ("20260102-20:30:00", datetime(2026, 1, 2, 20, 30, tzinfo=UTC)),
        ("1767385800", datetime(2026, 1, 2, 20, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_its_zone(text, utc):
    assert instant(text) == utc
    assert instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "20260102  15:30:00",  # the clock of the machine on which TWS runs, whatever that is
        "20260102 15:30:00",
        "20260102",
        "",
        "20260102 15:30:00 Nowhere/Nothing",
        "20261101 01:30:00 US/Eastern",  # comes twice that night
        "20260308 02:30:00 US/Eastern",  # never comes
    ],
)
def test_a_time_that_could_be_two_is_refused(text):
    with pytest.raises(BrokerRefused, match=f"the time '{text}'"):
        instant(text)


def test_a_class_of_shares_stands_behind_a_space_at_ib():
    assert ib_symbol("BRK.B") == "BRK B"
    assert ticker("BRK B") == "BRK.B"
    assert ticker(ib_symbol("NVDA")) == "NVDA"


def test_an_account_number_is_shown_masked():
    assert masked("DU1234567") == "DU***67"
    assert "12" not in masked("DU12")


def test_account_numbers_in_words_are_masked_whosever_they_are():
    said = "Invalid account code 'DU1234567'; the login has U7654321 and F123456, not NVDA at 1376327563."
    shown = "Invalid account code 'DU***67'; the login has U7***21 and F1***56, not NVDA at 1376327563."
    assert without_accounts(said) == shown
