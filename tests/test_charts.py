"""The candles: what is drawn where, read back from the figure."""

import pandas as pd
import pytest
from matplotlib.dates import num2date

from intraday_assets.charts import candle_figure, candles
from market.sessions import BarSize, session
from schemas.tables import FEATURES


@pytest.fixture
def frame() -> pd.DataFrame:
    """A half day: NVDA rises from 100 to 309 a dollar a minute and misses 10:00 to 10:02, MSFT has nothing."""
    minutes = session("2020-11-27").minutes(BarSize.ONE_MINUTE)
    price = pd.Series(range(100, 310), dtype="float64").mask(lambda p: p.between(130, 132))
    nvda = pd.DataFrame({"timestamp": minutes, "symbol": "NVDA"}).assign(**dict.fromkeys(FEATURES, price))
    nvda = nvda.assign(low=price - 7, high=price + 9, close=price + 1)
    msft = nvda.assign(symbol="MSFT", **dict.fromkeys(FEATURES, float("nan")))
    table = pd.concat([nvda, msft], ignore_index=True)
    return table.assign(missing=table["close"].isna())


def test_candles_and_missing_minutes_are_where_they_belong(frame):
    nvda, msft = candle_figure(frame, ("NVDA", "MSFT"), "title").axes
    low, high = nvda.get_ylim()
    assert low < 100 < 309 < high < 400
    spans = [num2date(patch.get_x(), tz=None).strftime("%H:%M") for patch in nvda.patches]
    assert spans == ["15:00", "15:01", "15:02"]
    assert [num2date(edge).strftime("%H:%M") for edge in nvda.get_xlim()] == ["14:30", "18:00"]
    assert nvda.get_title(loc="left") == "NVDA, 3 missing of 210"
    wick, body = (lines.get_segments()[0] for lines in nvda.collections)
    assert [point[1] for point in wick] == [93, 113]  # lowest of five minutes, highest of five
    assert [point[1] for point in body] == [100, 105]  # first open, last close
    assert len(nvda.collections[0].get_segments()) == 42
    assert len(msft.patches) == 210


def test_the_picture_is_a_small_png(frame):
    assert candles(frame, ("NVDA", "MSFT"), "t").startswith("![t](data:image/png;base64,iVBORw0KGgo")
    assert len(candles(frame, ("NVDA", "MSFT"), "t")) < 100_000
