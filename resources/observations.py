"""`observations`: the numbers that a trading model reads, now and of the past, as the contract says which they are.

```python
from resources import observations

now = observations.latest()                                   # 28 numbers: 13 of each symbol, 2 positions
year = observations.window("2024-01-02", "2024-12-31")        # (T, 26) for training
```

The contract is `schemas/observation_contract.json`. What may be served is `resources.database.observation_reader`'s
matter; to be told of bars as they come, `resources.following`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from market.time_range import Bound, time_range
from resources.clock import utc_now
from resources.consumer import as_stored, configured, given_server
from resources.database.observation_reader import frame_arrays, newest_numbers
from resources.database.order_store import traded_account
from resources.database.server import DatabaseServer
from resources.errors import ExtraMissing, RequestNotUnderstood
from schemas.observations import Pair, observation_contract

if TYPE_CHECKING:
    from gymnasium.spaces import Box


@dataclass(frozen=True)
class Observation:
    """What a model sees of one minute."""

    values: np.ndarray
    """Shape (28,), float32; NaN where a number is not there."""
    mask: np.ndarray
    """Shape (28,), bool: whether the number is there."""
    names: tuple[str, ...]
    """Of the numbers, such as `NVDA.close`."""
    timestamp: datetime
    """Start of the bar, UTC."""
    session: date
    """New York's day."""
    final: bool
    """Whether the gate has let the session pass, which it judges when it is over; else the bar is live's."""
    age: timedelta
    """How long the bar had been over when it was read."""
    version: int
    """Of the contract."""

    @property
    def filled(self) -> np.ndarray:
        """The values with 0 where one is not there: what `space` contains. Give a model the mask as well."""
        return _filled(self.values, self.mask)


@dataclass(frozen=True)
class ObservationWindow:
    """What a model sees of many minutes, without positions."""

    values: np.ndarray
    """Shape (T, 26), float32, C-contiguous; NaN where a number is not there."""
    mask: np.ndarray
    """Shape (T, 26), bool: whether the number is there."""
    timestamps: np.ndarray
    """Shape (T,), datetime64[us]: starts of the bars, UTC, ascending."""
    names: tuple[str, ...]
    """Of the columns, such as `NVDA.close`."""
    version: int
    """Of the contract."""

    @property
    def filled(self) -> np.ndarray:
        """The values with 0 where one is not there: what `space` contains. Give a model the mask as well."""
        return _filled(self.values, self.mask)


def latest(
    pair: Sequence[str] | None = None,
    *,
    account: str | None = None,
    database: DatabaseServer | str | None = None,
    now: Callable[[], datetime] | None = None,
) -> Observation:
    """The newest minute that may be served, and what an account holds, read at one moment.

    It is the newest that live published, or the last of the newest stored session where that is later. A bar that was
    withheld is not served while its session goes on, nor a session that the gate then blocks.

    Args:
        pair: two symbols, in capitals or not; their order is that of the numbers. Without it the configured ones.
        account: whose positions; without it the one that orders go to.
        database: as of `resources.market_bars`. What is named here is not looked up: name all three for speed.
        now: the clock by which `age` is told, aware; the machine's.

    Raises:
        RequestNotUnderstood: not two different symbols, or nothing says which account.
        UnknownSymbol: of one of them no minute is stored.
        NothingToObserve: no minute of both is stored that may be served.
        MigrationError: the database has no schema, or an older one.
        DatabaseUnreachable: no connection, or it broke. A retry may help.
        DatabaseBusy: a lock or a time limit. A retry may help.
        DatabaseError: the server refused.

    """
    wanted, server = _pair(pair), given_server(database)
    contract = observation_contract()
    found = newest_numbers(server, wanted, contract.features, account or _account(server))
    values = np.array([*found.frames[0], *found.frames[1], *found.positions], dtype="float32")
    return Observation(
        values=values,
        mask=~np.isnan(values),
        names=contract.names(wanted),
        timestamp=found.timestamp,
        session=found.session.day,
        final=found.final,
        age=(now or utc_now)() - (found.timestamp + found.length),
        version=contract.version,
    )


def window(
    start: Bound, end: Bound, pair: Sequence[str] | None = None, *, database: DatabaseServer | str | None = None
) -> ObservationWindow:
    """Every minute of a range that may be served, as arrays for training.

    A row is a minute of the exchange, or a bar where longer ones are stored, of which both symbols have a frame row; a
    missing bar is a row too, of NaN. Sessions that are not stored and bars that were withheld are no rows, so
    `timestamps` has gaps: two rows are neighbours in time only where it says so.

    Args:
        start: inclusive; as of `resources.market_bars`: a New York day, or an instant with its offset from UTC.
        end: of an instant exclusive; a day is meant whole.
        pair: two symbols, in capitals or not; their order is that of the columns. Without it the configured ones.
        database: as of `resources.market_bars`.

    Raises:
        RangeNotUnderstood: a bound that cannot be read or has no time zone, or an empty range.
        IntradayError: as of `latest`; an empty window of two known symbols is none.

    """
    contract, wanted, asked = observation_contract(), _pair(pair), time_range(start, end)
    stamps, values = frame_arrays(given_server(database), wanted, contract.features, asked)
    names = contract.names(wanted)[: values.shape[1]]
    return ObservationWindow(values, ~np.isnan(values), stamps, names, contract.version)


def space() -> "Box":
    """A `gymnasium` space of an observation, shape (28,), float32, with the bounds of the contract; for any pair.

    Raises:
        ExtraMissing: gymnasium is not installed.

    """
    try:
        from gymnasium.spaces import Box
    except ImportError:
        raise ExtraMissing(
            "observations.space needs gymnasium, which is not installed: pip install 'intraday-assets[gymnasium]'."
        ) from None
    numbers = observation_contract().numbers
    low, high = (np.array([getattr(one, end) for one in numbers], dtype="float32") for end in ("low", "high"))
    return Box(low, high, dtype=np.float32)


def _pair(given: Sequence[str] | None) -> Pair:
    symbols = configured().symbols if given is None else as_stored(given)
    texts = [one for one in symbols if isinstance(one, str) and one and "\0" not in one]
    if len(symbols) != 2 or len(set(texts)) != 2:
        whose = "The configured symbols" if given is None else "The pair"
        raise RequestNotUnderstood(f"{whose} are {list(symbols)!r}; name two, as in ['NVDA', 'MSFT'].")
    return (texts[0], texts[1])


def _account(server: DatabaseServer) -> str:
    found = traded_account(configured(), server)
    if found is None:
        raise RequestNotUnderstood("Nothing says whose positions are meant: set ib.account, or name an account.")
    return found


def _filled(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask, values, np.float32(observation_contract().missing.filled))
