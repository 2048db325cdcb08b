"""The quick yes to a table never says what Pandera denies, and is said of every table that the feeds give."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.typing import Series

from market.frames import build_frame
from market.normalise import empty_bars
from market.sessions import BarSize, session
from market.synthetic import synthetic_bars
from schemas.contracts import plainly_holds
from schemas.errors import ContractBroken
from schemas.tables import PRICE_COLUMNS, Bars, EodSummary, Frame, checked

DAY = session("2020-11-27")
PAIR = ("NVDA", "MSFT")
BARS = synthetic_bars(DAY, BarSize.FIVE_MINUTES, PAIR, 7)
FRAME = build_frame(BARS, [], DAY, BarSize.FIVE_MINUTES, PAIR)
SUMMARY = pd.DataFrame(
    {
        "session": pd.Series(["2020-11-27"] * 2, dtype="str"),
        "symbol": pd.Series(PAIR, dtype="str"),
        "verdict": pd.Series(["PASS", "FAIL"], dtype="str"),
        "minutes_expected": [210, 210],
        "bars_stored": [210, 0],
        "bars_missing": [0, 210],
        **{name: [1.0, np.nan] for name in PRICE_COLUMNS},
        "volume": [5, 0],
        "vwap": [1.0, np.nan],
    }
)
VALID = {Bars: BARS, Frame: FRAME, EodSummary: SUMMARY}

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(("model", "table"), [*VALID.items(), (Bars, empty_bars())])
def test_what_holds_is_seen_at_once(model, table):
    model.validate(table, lazy=True)
    assert plainly_holds(table, model)
    assert checked(table, model) is table


values = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.sampled_from(["", "x", "MSFT", "unknown", "primary"]),
    st.sampled_from([pd.Timestamp("2020-11-27 14:30Z"), pd.NaT, pd.NA]),
)  # fmt: skip
types = st.sampled_from(
    ["float32", "float64", "Float64", "int64", "Int64", "object", "str", "string", "category", "bool", "boolean",
     "datetime64[us, UTC]", "datetime64[ns, UTC]", "datetime64[us, America/New_York]"]
)  # fmt: skip


@st.composite
def spoiled(draw) -> tuple[type[pa.DataFrameModel], pd.DataFrame]:
    """A valid table with up to three things done to it, of which some do no harm."""
    model = draw(st.sampled_from(list(VALID)))
    table = VALID[model]
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(list(table.columns)))
        row, other = draw(st.integers(0, len(table) - 1)), draw(st.integers(0, len(table) - 1))
        what = draw(
            st.sampled_from(["value", "type", "object", "twice", "drop", "rename", "swap", "cut", "index", "add"])
        )
        try:
            table = _done(table, what, name, row, other, draw(values), draw(types))
        except (TypeError, ValueError, OverflowError):
            continue  # pandas cannot do that
    return model, table


def _done(table: pd.DataFrame, what: str, name: str, row: int, other: int, value: object, dtype: str) -> pd.DataFrame:
    column = table.columns.get_loc(name)
    if what == "value":
        table = table.copy()
        table.iloc[row, column] = value
    elif what == "type":
        table = table.astype({name: dtype})
    elif what == "object":
        table = table.astype({name: "object"})
        table.iloc[row, column] = value
    elif what == "twice":
        table = pd.concat([table, table.iloc[[row]]], ignore_index=True)
    elif what == "drop" and len(table.columns) > 1:
        table = table.drop(columns=name)
    elif what == "rename":
        table = table.rename(columns={name: "symbol"})
    elif what == "swap":
        table = table[[*table.columns[1:], table.columns[0]]]
    elif what == "cut":
        table = table.iloc[min(row, other) : max(row, other) + 1]
    elif what == "index":
        table = table.set_index(name, drop=False)
    elif what == "add":
        table = table.assign(extra=row)
    return table


@settings(deadline=None, max_examples=400)
@given(spoiled())
def test_the_quick_yes_is_panderas(case):
    model, table = case
    if plainly_holds(table, model):
        model.validate(table, lazy=True)


@pytest.mark.parametrize(
    ("model", "spoil", "said"),
    [
        (Bars, lambda table: table.assign(mark="odd").astype({"mark": "str"}), "mark | isin"),
        (Bars, lambda table: pd.concat([table, table.head(1)], ignore_index=True), "one_bar_a_minute"),
        (Bars, lambda table: table.assign(basis=["unknown", *["as_traded"] * (len(table) - 1)]), "one_basis_a_session"),
        (Bars, lambda table: table.assign(symbol=table["symbol"].where(table.index > 0)), "not_nullable"),
        (Bars, lambda table: table.assign(volume=table["volume"].astype("int64")), "dtype('float64')"),
        (Bars, lambda table: table.drop(columns="why"), "column_in_dataframe"),
        (Frame, lambda table: table.assign(hour_sin=1.5), "hour_sin | less_than_or_equal_to(1)"),
        (Frame, lambda table: table.assign(missing=True), "missing_is_null"),
        (Frame, lambda table: pd.concat([table, table.head(1)], ignore_index=True), "multiple_fields_uniqueness"),
        (EodSummary, lambda table: table.assign(session=table["session"] + "x"), "str_matches"),
        (EodSummary, lambda table: table.assign(minutes_expected=0), "greater_than(0)"),
    ],
)
def test_what_breaks_is_told_in_panderas_words(model, spoil, said):
    broken = spoil(VALID[model])
    assert not plainly_holds(broken, model)
    with pytest.raises(ContractBroken) as caught:
        checked(broken, model)
    assert said in str(caught.value)


def test_a_model_that_asks_for_more_is_left_to_pandera():
    class Coerced(pa.DataFrameModel):
        symbol: Series[str] = pa.Field(coerce=True)

        class Config:
            strict = True
            ordered = True

    class Unknown(pa.DataFrameModel):
        symbol: Series[str] = pa.Field(str_startswith="M")

        class Config:
            strict = True
            ordered = True

    class Loose(pa.DataFrameModel):
        symbol: Series[str]

    table = pd.DataFrame({"symbol": pd.Series(["MSFT"], dtype="str")})
    for model in (Coerced, Unknown, Loose):
        model.validate(table)
        assert not plainly_holds(table, model)
