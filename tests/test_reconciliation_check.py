"""The check of the asset graph that holds positions to the broker's, in runs of the main job."""

from decimal import Decimal

import dagster as dg
import pytest

from simulators.tws import TwsSimulator

DAY = "2020-11-20"
CHECK = dg.AssetCheckKey(dg.AssetKey("eod_summaries"), "positions_reconciled")
ACCOUNT = "DU1234567"


def evaluation(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.asset_check_key == CHECK]
    return found


def said(found: dg.AssetCheckEvaluation) -> str:
    return str(found.metadata["message"].value)


@pytest.fixture
def desk(new_desk, postgres_url):
    return new_desk(postgres_url)


@pytest.fixture
def paper(desk):
    with TwsSimulator() as tws:
        desk.configure(INTRADAY_OMS__BROKER="ib", INTRADAY_IB__HOST=tws.host, INTRADAY_IB__PORT=str(tws.port))
        yield tws


def test_where_nothing_was_traded_the_books_agree(desk):
    found = evaluation(desk.run(DAY))
    assert found.passed
    assert said(found) == "MSFT: 0 by our ledger, 0 at the broker; NVDA: 0 by our ledger, 0 at the broker"


def test_what_somebody_traded_past_us_is_in_the_ledger_and_agrees(desk, paper):
    paper.trade_manually("NVDA", "BUY", 30, "480")
    assert evaluation(desk.run(DAY)).passed
    assert desk.rows("SELECT symbol, qty FROM current_positions WHERE qty <> 0") == [("NVDA", Decimal(30))]


def test_a_drift_is_an_error_and_halts_its_symbol(desk, paper):
    paper.trade_manually("NVDA", "BUY", 30, "480")
    paper.new_day()  # the broker holds the shares and tells the fill no more
    found = evaluation(desk.run(DAY))
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert said(found) == "NVDA: 0 by our ledger, 30 at the broker"
    assert desk.rows("SELECT symbol, halted FROM trading_halts") == [("NVDA", True)]


def test_a_broker_that_does_not_answer_is_a_warning_and_no_agreement(desk, paper):
    paper.stop()
    result = desk.run(DAY)
    found = evaluation(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "Nobody can be reached" in said(found)
    assert result.success
