"""What Interactive Brokers answers about history: refusals by code and words, bars from the message. Pure.

The feed is `resources.feeds.interactive_brokers`.
"""

import json
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from market.sessions import NEW_YORK, BarSize
from resources.errors import FeedError, MalformedPayload, NoBars, Outage, PlanRefused, RequestRefused, Throttled
from resources.http import shown
from resources.ib.wire import Message
from schemas.tables import BAR_VALUES

INTERVALS: Final = {BarSize.ONE_MINUTE: "1 min", BarSize.FIVE_MINUTES: "5 mins"}
LOT: Final = 100
Unit = Literal["detect", "shares", "lots"]
HEAD: Final = 5
"""Fields before the bars: what it is, the request's id, start, end, how many bars."""
WIDTH: Final = 8
"""Fields of a bar: start, open, high, low, close, volume, average, count."""
HISTORY_FAILED: Final = 162
PACING_SECONDS: Final = 60.0
"""How long it wants to be left alone after a violation, at least."""
REFUSALS: Final[dict[int, type[FeedError]]] = {
    200: RequestRefused,
    321: RequestRefused,
    354: PlanRefused,
    10089: PlanRefused,
    10090: PlanRefused,
    10168: PlanRefused,
    10186: PlanRefused,
    420: Throttled,
}
"""By code; what is in no table may pass."""
FAILURES: Final[tuple[tuple[str, type[FeedError]], ...]] = (
    ("pacing violation", Throttled),
    ("no data", NoBars),
    ("no market data permissions", PlanRefused),
    ("invalid", RequestRefused),
)
"""What the words of 162, which is said of many things, mean."""


def refusal(code: int, said: str, what: str) -> FeedError:
    """What an error means, as one of the kinds of `FeedError`."""
    message = f"Interactive Brokers refused {what}: {code} {shown(said)}"
    kind = REFUSALS.get(code, Outage)
    if code == HISTORY_FAILED:
        kind = next((kind for words, kind in FAILURES if words in said.lower()), Outage)
    return kind(message, pause_seconds=PACING_SECONDS if kind is Throttled else None)


def answer_text(message: Message) -> str:
    """An answer as it is landed: its fields as they came over the wire, as JSON."""
    return json.dumps(message, separators=(",", ":"))


def parse_bars(text: str, symbol: str, unit: Unit) -> pd.DataFrame:
    """Vendor rows of a landed answer, in the order in which they came.

    Args:
        text: the fields of the message, as JSON.
        symbol: whose bars they are; the message does not say.
        unit: of its volumes. `detect`: lots of 100 where a bar has more trades than volume, which shares cannot have.

    Returns:
        `stamp` (New York zone, start of bar), symbol, open, high, low, close, volume (shares).

    Raises:
        MalformedPayload: it is no such message, or a number in it is none.

    """
    try:
        fields = json.loads(text)
        count = int(fields[HEAD - 1])
        cells = np.array(fields[HEAD : HEAD + count * WIDTH], dtype="float64").reshape(count, WIDTH)
        if len(fields) != HEAD + count * WIDTH or not np.isfinite(cells).all():
            raise ValueError
    except (ValueError, TypeError, IndexError, KeyError):
        raise MalformedPayload(f"Interactive Brokers' answer about {symbol} is no history: {shown(text)}.") from None
    cells[:, 5] *= LOT if in_lots(unit, cells[:, 5], cells[:, 7]) else 1
    stamps = pd.to_datetime(cells[:, 0].astype("int64"), unit="s", utc=True).tz_convert(NEW_YORK)
    columns: dict[str, Any] = {name: cells[:, place] for place, name in enumerate(BAR_VALUES, start=1)}
    return pd.DataFrame({"stamp": stamps, "symbol": symbol} | columns)


def in_lots(unit: Unit, volumes: np.ndarray, trades: np.ndarray) -> bool:
    """Whether volumes of bars are lots of 100, by the setting, or because one has more trades than volume."""
    return unit == "lots" or (unit == "detect" and bool((trades > volumes).any()))
