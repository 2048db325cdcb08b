"""The bytes of COPY, against psycopg's own readers and writers and against what the server makes of them."""

import struct
from decimal import Decimal

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format

from market.quality.columns import Columns
from resources.database.binary_copy import HEADER, ROWS_AT_ONCE, TRAILER, binary_copy, in_text
from schemas.errors import ContractBroken

NUMERIC = psycopg.adapters.types["numeric"].oid
finite = st.floats(allow_nan=False, allow_infinity=False)
prices = st.one_of(
    st.decimals(0, 100_000, places=2).map(float),
    st.decimals(-1_000, 1_000, places=4).map(float),
    st.decimals(0, 10_000_000, places=8).map(float),
    st.integers(-(10**16), 10**16).map(float),
    finite,
)
words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
instants = st.datetimes(pd.Timestamp("1900-01-01").to_pydatetime(), pd.Timestamp("2200-01-01").to_pydatetime())


def fields(stream: bytes) -> list[list[bytes | None]]:
    """What a reader of the format sees."""
    assert (stream[: len(HEADER)], stream[-2:]) == (HEADER, TRAILER)
    rows, at = [], len(HEADER)
    while at < len(stream) - 2:
        (count,) = struct.unpack_from("!h", stream, at)
        at, row = at + 2, []
        for _ in range(count):
            (length,) = struct.unpack_from("!i", stream, at)
            at += 4
            row.append(None if length < 0 else stream[at : at + length])
            at += max(length, 0)
        rows.append(row)
    return rows


def written(values: list[object], kind: str, dtype: object) -> list[bytes | None]:
    """The fields of one column."""
    table = pd.DataFrame({"one": pd.Series(values, dtype=dtype)})
    return [field for (field,) in fields(b"".join(binary_copy([table], {"one": kind})))]


def by_psycopg(value: object) -> bytes:
    return bytes(Transformer().get_dumper(value, PyFormat.BINARY).dump(value))


@given(st.lists(st.none() | prices, max_size=30))
def test_prices_are_their_shortest_decimals(values):
    load = Transformer().get_loader(NUMERIC, Format.BINARY).load
    read = [None if field is None else load(field) for field in written(values, "numeric", "float64")]
    wanted = [None if value is None else Decimal(repr(value)) for value in values]
    assert read == wanted


@given(st.lists(st.none() | finite | st.just(np.inf), max_size=30))
def test_floats_integers_words_and_instants_are_what_psycopg_writes(values):
    assert written(values, "float8", "float64") == [None if one is None else by_psycopg(one) for one in values]


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=30), st.sampled_from(["Int64", "float64"]))
def test_volumes_are_what_psycopg_writes(values, dtype):
    """Beyond 2^31 too; as float64 those that one can hold."""
    if dtype == "float64":
        values = [None if one is None or int(float(one)) == 2**63 else int(float(one)) for one in values]
    wanted = [None if one is None else struct.pack("!q", one) for one in values]
    assert written(values, "int8", dtype) == wanted


@given(st.lists(st.none() | words, max_size=30))
def test_words_are_what_psycopg_writes(values):
    assert written(values, "text", "str") == [None if one is None else by_psycopg(one) for one in values]


@given(st.lists(st.none() | instants, max_size=30), st.sampled_from(["us", "ns"]))
def test_instants_are_what_psycopg_writes(values, unit):
    stamps = [None if one is None else pd.Timestamp(one, tz="UTC") for one in values]
    wanted = [None if one is None else by_psycopg(one.to_pydatetime()) for one in stamps]
    assert written(stamps, "timestamptz", f"datetime64[{unit}, UTC]") == wanted


@pytest.mark.parametrize(
    ("values", "kind", "dtype", "said"),
    [
        ([1.0, np.inf], "numeric", "float64", "one cannot be stored as numeric: it is infinite"),
        ([1.0, 1.5], "int8", "float64", "1.5 is not a whole number"),
        ([2.0**63], "int8", "float64", r"9\.223372036854776e\+18 is not a whole number, or too large"),
        ([2**63], "int8", "uint64", "9223372036854775808 is too large"),
        (["a\0b"], "text", "str", "NUL"),
        ([pd.Timestamp("2024-01-03")], "timestamptz", "datetime64[us]", "no time zone"),
        ([pd.Timestamp("2024-01-03", tz="UTC") + pd.Timedelta(1)], "timestamptz", "datetime64[ns, UTC]", "finer than"),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(values, kind, dtype, said):
    with pytest.raises(ContractBroken, match=said):
        written(values, kind, dtype)


def test_slices_are_one_stream_however_the_rows_are_cut():
    """A NULL or a long decimal in one slice does not change the next."""
    numbers = np.round(np.linspace(-5, 2000, 2 * ROWS_AT_ONCE + 7), 3)
    numbers[[3, ROWS_AT_ONCE]] = [np.nan, 522.8380000000002]
    table = pd.DataFrame({"one": numbers})
    whole = b"".join(binary_copy([table], {"one": "numeric"}))
    cut = b"".join(binary_copy([table[:10], table[10:11], table[:0], table[11:]], {"one": "numeric"}))
    load = Transformer().get_loader(NUMERIC, Format.BINARY).load
    first, second = ([one and load(one) for (one,) in fields(stream)] for stream in (whole, cut))
    assert first == second == [None if np.isnan(one) else Decimal(repr(one)) for one in numbers.tolist()]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.none() | prices, st.none() | words, st.integers(0, 2**62), instants), max_size=50))
def test_the_server_stores_what_it_would_have_read_as_text(postgres_url, rows):
    """Beside each value its text, as the server itself reads it."""
    typed = {"price": "numeric", "word": "text", "shares": "int8", "at": "timestamptz", "said": "text"}
    table = pd.DataFrame(rows, columns=["price", "word", "shares", "at"])
    table["price"] = table["price"].astype("float64")
    table["said"] = pd.Series([None if pd.isna(one) else repr(one) for one in table["price"]], dtype="str")
    table["at"] = pd.to_datetime(table["at"], utc=True).astype("datetime64[us, UTC]")
    table = table.astype({"word": "str", "shares": "int64"})
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TEMP TABLE t (price numeric, word text, shares int8, at timestamptz, said text)")
        with connection.cursor() as cursor, cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            for part in binary_copy([table], typed):
                copy.write(part)
        unlike = "SELECT * FROM t WHERE price IS DISTINCT FROM said::numeric OR price::text <> said::numeric::text"
        assert connection.execute(unlike).fetchall() == []
        connection.execute("SET TIME ZONE 'UTC'")
        read = connection.execute("SELECT word, shares, at AT TIME ZONE 'UTC' FROM t").fetchall()
        connection.rollback()
    assert read == [(word, shares, at) for _, word, shares, at in rows]


@pytest.mark.parametrize(
    "values", [["", "", ""], ["a", "a"], ["", "a", None, 'b"\\{,}'], [None, None]], ids=["no", "one", "some", "null"]
)
def test_a_note_that_says_nothing_is_a_null(postgres_url, values):
    """In the stream, and bound as an array."""
    wanted = [value or None for value in values]
    assert written(values, "note", "str") == [value and value.encode() for value in wanted]
    with psycopg.connect(postgres_url) as connection:
        bound = in_text(Columns(pd.DataFrame({"why": pd.Series(values, dtype="str")})), "why", "note")
        assert connection.execute("SELECT %s::text[]", [bound]).fetchone() == (wanted,)
