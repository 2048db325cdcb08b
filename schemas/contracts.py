"""Does a table satisfy its Pandera model? A quick yes where that is plain; everything else is Pandera's to answer.

What is asked is read from the model's own schema, so there is one contract. A part of a schema that is not understood
here, and whatever a table has that the schema does not plainly allow, makes the answer "perhaps not".
"""

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines.pandas_engine import Engine

from schemas.texts import encoded

Test = Callable[[pd.Series], bool]

_TESTS: dict[str, Callable[..., Test]] = {
    "isin": lambda allowed_values: lambda values: set(values.unique()) <= set(allowed_values),
    "str_matches": lambda pattern: lambda values: all(re.match(pattern, text) for text in values.unique()),
    "greater_than": lambda min_value: lambda values: bool((values.to_numpy() > min_value).all()),
    "greater_than_or_equal_to": lambda min_value: lambda values: bool((values.to_numpy() >= min_value).all()),
    "less_than_or_equal_to": lambda max_value: lambda values: bool((values.to_numpy() <= max_value).all()),
}
"""Pandera's own checks by their names, as made of their statistics. A null satisfies none."""


class _Column(NamedTuple):
    dtype: Any
    nullable: bool
    tests: tuple[Test, ...]


class _Contract(NamedTuple):
    columns: dict[str, _Column]
    unique: tuple[str, ...]
    tests: tuple[Callable[[pd.DataFrame], Any], ...]


def plainly_holds(table: pd.DataFrame, model: type[pa.DataFrameModel]) -> bool:
    """Whether the table satisfies its model beyond doubt; False says nothing."""
    contract = _contract(model)
    if contract is None or tuple(table.columns) != tuple(contract.columns):
        return False
    for (name, column), dtype in zip(contract.columns.items(), table.dtypes, strict=True):
        if not _is_of(dtype, column.dtype):
            return False
        if not column.nullable or column.tests:
            values = table[name]
            if (not column.nullable and _has_nulls(values)) or not all(test(values) for test in column.tests):
                return False
    if contract.unique and distinct([table[name] for name in contract.unique]) < len(table):
        return False
    return all(test(table) is True for test in contract.tests)


def distinct(columns: Sequence[pd.Series]) -> int:
    """How many rows are left when of those that say the same in all of these columns one is kept."""
    keys = [_key(column) for column in columns]
    order = np.lexsort(keys)  # rows that are nearly in order take a fraction of what a hash table takes
    differs = np.logical_or.reduce([key[order][1:] != key[order][:-1] for key in keys])
    return int(np.count_nonzero(differs)) + bool(len(order))


def _key(column: pd.Series) -> np.ndarray:
    """Integers that are equal where the values are."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.asarray(column.array.asi8)
    return encoded(column.array).codes


def _has_nulls(values: pd.Series) -> bool:
    array = values.array
    if isinstance(array, pd.arrays.ArrowStringArray):
        return bool(array.__arrow_array__().null_count)
    return values.hasnans


@cache
def _contract(model: type[pa.DataFrameModel]) -> _Contract | None:
    """What a model asks for; None where it asks for something that is not understood here."""
    schema = model.to_schema()
    changing = schema.coerce, schema.parsers, schema.drop_invalid_rows, schema.add_missing_columns
    if any((schema.index, schema.dtype, schema.on_missing_columns, *changing)) or not (
        schema.strict is True and schema.ordered
    ):
        return None
    columns = {str(name): _column(column) for name, column in schema.columns.items()}
    tests = [_table_test(check) for check in schema.checks]
    if None in columns.values() or None in tests:
        return None
    known = {name: column for name, column in columns.items() if column is not None}
    return _Contract(known, tuple(schema.unique or ()), tuple(test for test in tests if test is not None))


def _column(column: pa.Column) -> _Column | None:
    odd = column.unique, column.coerce, column.regex, column.parsers, column.drop_invalid_rows, column.default
    if any(odd) or not column.required or column.dtype is None:
        return None
    if not all(check.name in _TESTS and _plain(check) and check.ignore_na for check in column.checks):
        return None
    tests = tuple(_TESTS[check.name](**check.statistics) for check in column.checks)
    return _Column(column.dtype, column.nullable, tests)


def _table_test(check: pa.Check) -> Callable[[pd.DataFrame], Any] | None:
    return (lambda table: check(table).check_passed) if _plain(check) else None


def _plain(check: pa.Check) -> bool:
    return not (check.element_wise or check.groupby or check.raise_warning or check.n_failure_cases)


@lru_cache(maxsize=256)
def _is_of(dtype: Any, wanted: Any) -> bool:
    """Whether a column's type is the wanted one, whatever the column holds."""
    return not pd.api.types.is_object_dtype(dtype) and wanted.check(Engine.dtype(dtype)) is True
