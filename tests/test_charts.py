"""The pictures: what is drawn where, read back from the SVG or from the array that is drawn."""

import base64
import re
from datetime import date
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from intraday_assets.charts import candle_picture, candles, candles_of, price_ticks
from intraday_assets.pictures import FALL, MISSING, RISE
from intraday_assets.quality_charts import (
    DAYS,
    Day,
    Minute,
    day_cells,
    minute_cells,
    missing_minutes,
    verdict_calendar,
)
from market.quality.verdicts import Judged, VerdictHistory, verdict_history
from market.quality.verdicts import judged as summary_of
from market.sessions import BarSize, session
from schemas.quality import Action, QualityReport, Verdict
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


def drawn(svg: str, name: str, **having: str) -> list[dict[str, str]]:
    """The attributes of the picture's elements of that name that have these."""
    found = [dict(one.attrib) for one in ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{name}")]
    return [one for one in found if having.items() <= one.items()]


def written(svg: str) -> list[str]:
    """The words in the picture."""
    return [str(one.text) for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def strokes(path: dict[str, str]) -> list[tuple[float, float, float]]:
    """From the left, from above, and how long."""
    return [tuple(map(float, re.split("[ v]", one))) for one in path["d"].split("M")[1:]]  # type: ignore[misc]


def test_candles_and_missing_minutes_are_where_they_belong(frame):
    svg = candle_picture(frame, ("NVDA", "MSFT"), "title & more").svg
    assert written(svg)[:2] == ["title & more", "NVDA, 3 missing of 210"]
    assert "MSFT, 210 missing of 210" in written(svg)
    assert [at for at in written(svg) if ":" in at] == ["10:00", "11:00", "12:00", "13:00"]
    prices = [float(one) for one in written(svg) if one.isdigit()]
    assert prices == [100, 150, 200, 250, 300]
    gap, whole = drawn(svg, "rect", fill=MISSING)
    a_minute = float(whole["width"]) / 210
    assert float(gap["x"]) - float(whole["x"]) == pytest.approx(30 * a_minute, abs=0.1)
    assert float(gap["width"]) == pytest.approx(3 * a_minute, abs=0.1)
    wicks, bodies = drawn(svg, "path", stroke=RISE)  # each minute closes a dollar above its open
    assert len(strokes(wicks)) == len(strokes(bodies)) == 42
    assert not drawn(svg, "path", stroke=FALL)
    a_dollar = (strokes(bodies)[0][1] - strokes(bodies)[1][1]) / 5  # each candle is five dollars above the one before
    for at, (wick, body) in enumerate(zip(strokes(wicks), strokes(bodies), strict=True)):
        assert wick[0] == body[0] == pytest.approx(float(whole["x"]) + (5 * at + 2.5) * a_minute, abs=0.1)
        if at != 6:  # of which three minutes are missing
            assert wick[2] == pytest.approx(20 * a_dollar, abs=0.3)  # from 7 below the first to 9 above the last
            assert body[2] == pytest.approx(5 * a_dollar, abs=0.3)
            assert wick[1] == pytest.approx(body[1] - 8 * a_dollar, abs=0.3)
    top = float(gap["y"])
    assert all(top < y and y + long < top + float(gap["height"]) for _, y, long in strokes(wicks))


def test_a_price_that_falls_or_stays_is_drawn_too():
    minutes = np.arange(10.0)
    falls = np.column_stack([np.arange(20.0, 10, -1), np.full(10, 30.0), np.full(10, 5.0), np.arange(19.0, 9, -1)])
    middle, opens, highs, lows, closes = candles_of(minutes, falls)
    assert (middle.tolist(), opens.tolist(), closes.tolist()) == ([2.5, 7.5], [20, 15], [15, 10])
    assert (highs.tolist(), lows.tolist()) == ([30, 30], [5, 5])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (515.1, 526.9, ["516", "518", "520", "522", "524", "526"]),
        (0.021, 0.034, ["0.025", "0.030"]),
        (99.72, 100.28, ["99.8", "99.9", "100.0", "100.1", "100.2"]),
        (100.0, 4000.0, ["1000", "2000", "3000", "4000"]),
    ],
)
def test_prices_beside_a_panel_are_round(low, high, said):
    assert price_ticks(low, high) == said


def test_a_session_whose_price_never_moves_can_be_drawn(frame):
    still = frame.assign(**{name: frame["open"].notna().map({True: 7.0}) for name in ("open", "high", "low", "close")})
    (_, bodies) = drawn(candle_picture(still, ("NVDA", "MSFT"), "t").svg, "path", stroke=RISE)
    assert {long for _, _, long in strokes(bodies)} == {1.0}


@pytest.mark.parametrize("price", [np.inf, -np.inf])
def test_a_price_that_is_infinite_is_drawn_at_the_edge(frame, price):
    """The gate blocks such a session; its picture shows the others."""
    spoiled = frame.copy()
    spoiled.loc[5, ["high", "low"]] = price
    svg = candle_picture(spoiled, ("NVDA", "MSFT"), "t").svg
    assert "inf" not in svg
    assert "nan" not in svg
    assert [one for one in written(svg) if one.isdigit()] == ["100", "150", "200", "250", "300"]


def test_the_picture_is_a_small_svg(frame):
    said = candles(frame, ("NVDA", "MSFT"), "t")
    assert said.startswith("![t](data:image/svg+xml;base64,")
    assert base64.b64decode(said.partition("base64,")[2].rstrip(")")).startswith(b"<svg ")
    assert len(said) < 20_000


def judged(key: str, verdict: str = "PASS", *, accepted: bool = False, **missing: list[str]) -> Judged:
    """A session whose minutes without a bar are named in UTC."""
    stamps = {symbol: pd.DatetimeIndex([f"{key}T{at}Z" for at in times], tz="UTC") for symbol, times in missing.items()}
    return Judged(session(key), Verdict(verdict), Action.CONTINUE, accepted, stamps)


def of_range(first: str, last: str, *found: Judged, bar_size: BarSize = BarSize.ONE_MINUTE) -> VerdictHistory:
    return verdict_history(date.fromisoformat(first), date.fromisoformat(last), bar_size, ("NVDA", "MSFT"), found)


@pytest.fixture
def thanksgiving() -> VerdictHistory:
    """Wednesday's bars are there but 10:00 and 10:01, Friday is a half day without 12:59, Monday has no report."""
    wednesday = judged("2020-11-25", NVDA=["15:00", "15:01"], MSFT=[])
    friday = judged("2020-11-27", "FAIL", NVDA=["17:59"])
    return of_range("2020-11-25", "2020-11-30", wednesday, friday)


def test_the_heat_map_tells_missing_closed_and_unknown_minutes_apart(thanksgiving):
    nvda, msft = (minute_cells(thanksgiving, symbol) for symbol in ("NVDA", "MSFT"))
    assert nvda.shape == (3, 390)
    assert np.flatnonzero(nvda[0] == Minute.MISSING).tolist() == [30, 31]
    assert (nvda[0] == Minute.THERE).sum() == 388
    assert np.flatnonzero(nvda[1] == Minute.MISSING).tolist() == [209]
    assert np.flatnonzero(nvda[1] == Minute.CLOSED).tolist() == list(range(210, 390))
    assert (nvda[2] == Minute.UNKNOWN).all()
    assert (msft[0] == Minute.THERE).all()
    assert [int((msft[1] == kind).sum()) for kind in (Minute.UNKNOWN, Minute.CLOSED)] == [210, 180]


def test_the_heat_map_stays_in_new_york_when_the_clocks_change():
    before, after = judged("2020-10-30", NVDA=["14:00"]), judged("2020-11-02", NVDA=["15:00"])
    days = of_range("2020-10-30", "2020-11-02", before, after)
    assert np.argwhere(minute_cells(days, "NVDA") == Minute.MISSING).tolist() == [[0, 30], [1, 30]]


def test_the_heat_map_of_five_minute_bars_has_a_column_a_bar():
    found = judged("2020-11-27", NVDA=["14:35", "17:55"])
    (row,) = minute_cells(of_range("2020-11-27", "2020-11-27", found, bar_size=BarSize.FIVE_MINUTES), "NVDA")
    assert len(row) == 78
    assert np.flatnonzero(row == Minute.MISSING).tolist() == [1, 41]
    assert np.flatnonzero(row == Minute.CLOSED).tolist() == list(range(42, 78))


def test_the_calendar_puts_each_day_where_people_look_for_it():
    """The year until Wednesday 2 December 2020 begins on Wednesday 4 December 2019."""
    found = [
        judged("2019-12-04"),
        judged("2020-11-23", "WARN"),
        judged("2020-11-24", "FAIL", accepted=True),
        judged("2020-11-25", "FAIL"),
        judged("2020-12-02", "ERROR"),
    ]
    cells = day_cells(of_range("2019-12-04", "2020-12-02", *found), date(2020, 12, 2))
    assert cells.shape == (5, 53)
    assert cells[:, 0].tolist() == [Day.OUTSIDE, Day.OUTSIDE, Day.PASS, Day.NO_REPORT, Day.NO_REPORT]
    thanksgiving = [Day.WARN, Day.ACCEPTED, Day.FAIL, Day.NO_SESSION, Day.NO_REPORT]
    assert cells[:, 51].tolist() == thanksgiving
    assert cells[:, 52].tolist() == [Day.NO_REPORT, Day.NO_REPORT, Day.ERROR, Day.OUTSIDE, Day.OUTSIDE]
    # Christmas, New Year, King, Washington, Good Friday, Memorial, Independence (observed), Labor, Thanksgiving.
    assert (cells == Day.NO_SESSION).sum() == 9


def test_days_are_told_apart_by_more_than_colour():
    marked = [(mark, colour) for colour, mark, _ in DAYS.values()]
    assert len({mark for mark, _ in marked if mark}) == 5
    assert [name for _, mark, name in DAYS.values() if not mark] == ["PASS", "no report"]  # dark, and hollow


def test_pictures_of_many_sessions_say_what_they_show(thanksgiving):
    calendar = verdict_calendar(thanksgiving, date(2020, 11, 30), "A year")
    heat_map = missing_minutes(thanksgiving, "Three sessions")
    for picture in (calendar, heat_map):
        assert picture.data.startswith("data:image/svg+xml;base64,")
        assert picture.markdown == f"![{picture.title}]({picture.data})"
        assert len(picture.svg) < 50_000
    assert calendar.title == "A year"


def test_a_report_is_kept_with_every_missing_minute_and_of_version_1_too():
    finding = {
        "rule": "missing_ratio", "family": "completeness", "symbol": "NVDA", "verdict": "FAIL", "measured": 0.5,
        "warn": 0.1, "fail": 0.2, "message": "NVDA misses bars.", "held_against": ["2020-11-25T15:00:00+00:00"],
    }  # fmt: skip
    report = {
        "version": 1, "session": "2020-11-25", "environment": "prod", "bar_size": "1min", "symbols": ["NVDA", "MSFT"],
        "bars_in": {}, "missing": {"NVDA": 1}, "findings": [finding], "fingerprints": {}, "verdict": "FAIL",
        "action": "BLOCK",
    }  # fmt: skip
    kept = summary_of(QualityReport.model_validate(report))
    assert (kept.session.key, kept.verdict, kept.action, kept.accepted) == ("2020-11-25", "FAIL", "BLOCK", False)
    assert {symbol: [stamp.isoformat() for stamp in stamps] for symbol, stamps in kept.missing.items()} == {
        "NVDA": ["2020-11-25T15:00:00+00:00"]
    }
