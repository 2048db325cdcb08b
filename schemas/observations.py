"""The observation contract: which numbers a model reads, in which order, of which unit, and from where they come.

It is `observation_contract.json`, for whoever is not written in Python too; this module reads it. Other numbers, or the
same in another order, are another version. Reading them from a database is `resources.observations`'.
"""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CONTRACT = Path(__file__).with_name("observation_contract.json")
FRAMES, POSITIONS = "dual_ticker_bars", "current_positions"

Pair = tuple[str, str]
"""The two symbols of an observation, in their order."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ObservedNumber(_Part):
    """One number of an observation."""

    name: str
    """With `{first}` or `{second}` in the place of the symbol."""
    symbol: Literal["first", "second"]
    unit: str
    table: Literal["dual_ticker_bars", "current_positions"]
    column: str
    low: float
    high: float
    """No real value lies outside `low` and `high`; a model's space ends there."""
    null: str
    """When the column is null, or has no row: the number is missing then."""


class Stamps(_Part):
    """What the time of an observation is."""

    time_zone: Literal["UTC"]
    label: Literal["start"]
    """Of the bar."""
    rows: str


class Missing(_Part):
    """How a number is shown that is not there."""

    value: Literal["NaN"]
    mask: str
    filled: float
    """What stands in its place where a consumer asks for numbers without gaps."""
    why: str


class ObservationContract(_Part):
    """The contract; equal versions have equal numbers."""

    contract: str
    version: int = Field(ge=1)
    dtype: Literal["float32"]
    order: str
    timestamp: Stamps
    missing: Missing
    numbers: tuple[ObservedNumber, ...]

    def names(self, pair: Pair) -> tuple[str, ...]:
        """The names of all numbers for two symbols, such as `NVDA.close`."""
        first, second = pair
        return tuple(number.name.format(first=first, second=second) for number in self.numbers)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of a symbol's frame row that are in it, in their order; both symbols' are the same."""
        return tuple(one.column for one in self.numbers if one.table == FRAMES and one.symbol == "first")


@cache
def observation_contract() -> ObservationContract:
    """The contract of this code."""
    return ObservationContract.model_validate_json(CONTRACT.read_bytes())
