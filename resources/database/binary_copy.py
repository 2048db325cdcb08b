"""Tables as PostgreSQL's binary COPY format, straight from their columns.

Some thousand rows are written at once: first what all of them have in common, a row's bytes so many times; then NumPy
puts in, column by column, what differs. Where lengths differ, a mask leaves out what a row does not have. A driver that
writes value by value takes ten times as long. The format is part of COPY's documentation, that of each type its
`…_recv` function in the server.

A missing value (NaN, NaT, None) is a NULL. A price is the shortest decimal that is read back as its float64: what the
vendor wrote. What cannot be said exactly is refused, never rounded.

Which columns a table has, and what is done with the rows, does not belong here.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from psycopg.adapt import PyFormat, Transformer

from market.quality.columns import Columns, columns_of
from schemas.errors import ContractBroken

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ROWS_AT_ONCE = 4096
"""Half a megabyte or so: it stays in the processor's cache, and what waits to be sent stays small."""

Part = bytes | memoryview
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Written(NamedTuple):
    """A part of a column's fields in which the rows differ."""

    offset: int
    """Where it begins in each field."""
    kind: str
    """NumPy's type: big-endian, as the format is."""
    values: npt.NDArray[Any]


class Fields(NamedTuple):
    """One column of some rows. A field begins with the four bytes of its length; all are left-aligned."""

    common: bytes
    """A field as the rows have it in common."""
    written: Sequence[Written] = ()
    """What is put over that."""
    lengths: Integers | None = None
    """How many bytes of each field count; None: all of them."""
    others: tuple[Integers, Bytes] | None = None
    """Rows whose whole field is another one, by their places, and these fields."""


def binary_copy(tables: Iterable[pd.DataFrame | Columns], types: Mapping[str, str]) -> Iterator[Part]:
    """What COPY … FROM STDIN (FORMAT binary) takes, a slice at a time.

    Args:
        tables: the rows; how they are cut into tables does not matter.
        types: the columns to write, in order, and the type of each: a key of `ENCODERS`.

    Raises:
        ContractBroken: a value that its type cannot hold exactly; names the column and the value.

    """
    yield HEADER
    for table in map(columns_of, tables):
        whole, rest = divmod(len(table), ROWS_AT_ONCE)
        for part in table.parts([ROWS_AT_ONCE] * whole + [rest] * bool(rest)):
            yield _rows(part, types)
    yield TRAILER


def in_text(columns: Columns, name: str, kind: str) -> str:
    """A column of a few rows as an array's text, to bind to a statement.

    Raises:
        ContractBroken: a value that its type cannot hold exactly.

    """
    with _naming(name, kind):
        return "{" + ",".join(_texts(columns, name, kind)) + "}"


def _texts(columns: Columns, name: str, kind: str) -> list[str]:
    if kind == "timestamptz":
        return list(np.datetime_as_string(_instants(columns, name), timezone="UTC").tolist())
    values = pd.Series(columns.values(name)).tolist()
    if kind in ("text", "note"):
        quoted = {value: _quoted(value, kind) for value in set(values)}
        return [quoted[value] for value in values]
    for value in values:
        if math.isinf(value) or (kind == "int8" and value == value and (value != int(value) or abs(value) >= 2**63)):
            raise _NotExact(f"{value} is not exact there")
    return ["NULL" if value != value else f"{value:.0f}" if kind == "int8" else repr(value) for value in values]


def _quoted(word: Any, kind: str) -> str:
    """As an array's text has it."""
    if word != word or (kind == "note" and not word):  # NaN is not equal to itself
        return "NULL"
    if "\0" in word:
        raise _NotExact("it holds a NUL character")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _rows(table: Columns, types: Mapping[str, str]) -> memoryview:
    columns = [_encoded(table, name, kind) for name, kind in types.items()]
    row = len(columns).to_bytes(2, "big") + b"".join(one.common for one in columns)
    rows = np.frombuffer(row, f"V{len(row)}").repeat(len(table)).view(np.uint8).reshape(len(table), len(row))
    start = 2
    for one in columns:
        for offset, kind, values in one.written:
            place = np.ndarray(len(table), kind, rows, start + offset, (len(row),))
            place[:] = values
        if one.others is not None:
            places, others = one.others
            rows[places, start : start + len(one.common)] = others
        start += len(one.common)
    return _cut(rows, columns).data


def _cut(rows: Bytes, columns: Sequence[Fields]) -> Bytes:
    """The rows without what is left of fields that are shorter than others."""
    if all(one.lengths is None for one in columns):
        return rows.reshape(-1)
    counts = np.ones(rows.shape, np.bool_)
    end = 2
    for one in columns:
        start, end = end, end + len(one.common)
        if one.lengths is not None:
            counts[:, start:end] = np.arange(end - start) < one.lengths[:, None]
    return rows[counts]


def _encoded(columns: Columns, name: str, kind: str) -> Fields:
    with _naming(name, kind):
        return ENCODERS[kind](columns, name)


class _NotExact(ValueError):
    """A value that the type cannot hold."""


@contextmanager
def _naming(name: str, kind: str) -> Iterator[None]:
    """Say of which column a value is."""
    try:
        yield
    except _NotExact as error:
        raise ContractBroken(f"{name} cannot be stored as {kind}: {error}.") from None


def _text(columns: Columns, name: str, *, empty: bool = True) -> Fields:
    """Few words stand in many rows, mostly a single one: each is encoded once."""
    texts = columns.texts(name)
    known = [_field(word, empty=empty) for word in (*texts.names, None)]
    if texts.alike:
        return Fields(known[0])
    width = max(map(len, known))
    lengths = np.array([len(one) for one in known])[texts.codes]
    table = np.array([one.ljust(width, b"\0") for one in known], f"V{width}")
    written = [Written(0, f"V{width}", table[texts.codes])]
    return Fields(bytes(width), written, None if (lengths == width).all() else lengths)


def _field(word: str | None, *, empty: bool) -> bytes:
    if word is None or not (word or empty):
        return _NULL
    if "\0" in word:
        raise _NotExact("it holds a NUL character")
    encoded = word.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _int8(columns: Columns, name: str) -> Fields:
    if columns.kinds[name].kind in "iu":
        column = pd.Series(columns.values(name))
        values = column.fillna(0).to_numpy()
        if (values > np.iinfo(np.int64).max).any():
            raise _NotExact(f"{values.max()} is too large")
        return _fixed(values.astype(np.int64), "i8", column.isna().to_numpy())
    numbers = columns.numbers(name)
    missing = np.isnan(numbers)
    whole = missing | ((np.trunc(numbers) == numbers) & (numbers >= -(2.0**63)) & (numbers < 2.0**63))
    if not whole.all():
        raise _NotExact(f"{numbers[~whole][0]} is not a whole number, or too large")
    return _fixed(np.where(missing, 0, numbers).astype(np.int64), "i8", missing)


def _float8(columns: Columns, name: str) -> Fields:
    numbers = columns.numbers(name)
    return _fixed(numbers, "f8", np.isnan(numbers))


def _timestamptz(columns: Columns, name: str) -> Fields:
    """Microseconds since 2000."""
    instants = _instants(columns, name)
    return _fixed(instants.astype(np.int64) - _YEAR_2000, "i8", np.isnat(instants))


def _instants(columns: Columns, name: str) -> npt.NDArray[np.datetime64]:
    """Microseconds; an instant between two of them is refused."""
    kind = columns.kinds[name]
    if not isinstance(kind, pd.DatetimeTZDtype):
        raise _NotExact("it has no time zone")
    instants = columns.stamps(name).view("datetime64[us]")
    if (
        kind.unit == "ns"
        and not ((np.asarray(columns.values(name), "datetime64[ns]") == instants) | np.isnat(instants)).all()
    ):
        raise _NotExact("it is finer than a microsecond")
    return instants


def _fixed(values: npt.NDArray[Any], kind: str, missing: Flags) -> Fields:
    common, written = (8).to_bytes(4, "big") + bytes(8), Written(4, f">{kind}", values)
    return _with_nulls(Fields(common, [written]), missing)


def _with_nulls(fields: Fields, missing: Flags) -> Fields:
    if not missing.any():
        return fields
    length = int.from_bytes(fields.common[:4], "big")
    return fields._replace(
        written=[*fields.written, Written(0, ">i4", np.where(missing, -1, length))],
        lengths=np.where(missing, 4, len(fields.common)),
    )


def _numeric(columns: Columns, name: str) -> Fields:
    """Digits to the base 10,000: up to two before the point and two behind it, as many in every row as one needs.

    A decimal of at most 15 digits whose nearest float64 is the value is the shortest there is: no two of them share a
    float64. All others, and they are few, go through the driver one by one. The server strips zeros at both ends.
    """
    numbers = columns.numbers(name)
    missing = np.isnan(numbers)
    if np.isinf(numbers).any():
        raise _NotExact("it is infinite")
    sizes = np.abs(numbers)
    sizes[missing] = 0.0
    whole, first, second, exact = _split(sizes)
    scale = np.where(second == 0, _DECIMALS[first], 4 + _DECIMALS[second]) if second.any() else _DECIMALS[first]
    digits, weight = [whole, first], 0
    if (whole >= 10_000).any():
        digits, weight = [whole // 10_000, whole % 10_000, first], 1
    if second.any():
        digits.append(second)
    others = _by_the_driver(numbers[~exact])
    count = max([len(digits), *(len(one) // 2 - 4 for one in others)])
    head = np.array([0, 8 + 2 * count, count], ">i2").tobytes()  # the length's two halves, the digits
    opening = (scale << 32) + (digits[0] << 16) + digits[1]  # sign, decimals and two digits in one go
    if (numbers < 0).any():
        opening += np.where(numbers < 0, _MINUS << 48, 0)
    written = [Written(8, ">u8", opening)]
    written += [Written(16 + 2 * place, ">u2", more) for place, more in enumerate(digits[2:])]
    fields = Fields(head + weight.to_bytes(2, "big") + bytes(4 + 2 * count), written)
    if others:
        width = len(fields.common)
        whole_fields = b"".join((head + one[2:]).ljust(width, b"\0") for one in others)
        fields = fields._replace(
            others=(np.flatnonzero(~exact), np.frombuffer(whole_fields, np.uint8).reshape(-1, width))
        )
    return _with_nulls(fields, missing)


def _by_the_driver(numbers: Floats) -> list[bytes]:
    """Of each number what the server takes: the count of digits, the first one's weight, sign, decimals, digits."""
    return [_dumped(number) for number in numbers.tolist()]


@lru_cache(maxsize=10_000)
def _dumped(number: float) -> bytes:
    """A price mostly stands in several columns, and in both tables."""
    return bytes(_decimal_dumper()(Decimal(repr(number))))


def _split(numbers: Floats) -> tuple[Integers, Integers, Integers, Flags]:
    """What stands before the point, two times four decimals behind it, and whether that is exact."""
    numbers = np.minimum(numbers, 1e12)  # larger ones are not exact here, and must not overflow
    four = np.rint(numbers * 1e4)
    exact = (four / 1e4 == numbers) & (four < 1e12)
    rest = np.flatnonzero(~exact)
    four[rest] = 0
    scaled = four.astype(np.int64)
    second = np.zeros(len(numbers), np.int64)
    if len(rest):
        eight = np.rint(numbers[rest] * 1e8)
        also = (eight / 1e8 == numbers[rest]) & (eight < 1e15)
        fine = rest[also]
        scaled[fine], second[fine] = np.divmod(eight[also].astype(np.int64), 10_000)
        exact[fine] = True
    whole = scaled // 10_000
    return whole, scaled - whole * 10_000, second, exact


@cache
def _decimal_dumper() -> Callable[[Decimal], Any]:
    return Transformer().get_dumper(Decimal(1), PyFormat.BINARY).dump


_NULL = b"\xff\xff\xff\xff"
_MINUS = 0x4000
_YEAR_2000 = 946_684_800_000_000
_DECIMALS = np.array([max(1, len(f"{digit:04}".rstrip("0"))) for digit in range(10_000)], np.int64)
"""How many decimals the four behind a point amount to; one at least, as Python writes 3.0."""
ENCODERS: Mapping[str, Callable[[Columns, str], Fields]] = {
    "text": _text,
    "note": partial(_text, empty=False),
    "int8": _int8,
    "float8": _float8,
    "timestamptz": _timestamptz,
    "numeric": _numeric,
}
"""What a column can be sent as. A note is a text, or NULL where it says nothing."""
