"""Alpha Vantage while a session goes on: the latest hundred bars, asked for again and again.

Answers are not landed: the batch run after the close lands the session as the vendor has it then. How the vendor is
asked is `alpha_vantage_client`'s matter.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import pandas as pd

from market.labels import NEAR_THE_OPEN, LabelSide, prevailing_side
from market.normalise import Provenance, normalise
from market.sessions import BarSize, Session, sessions_between
from resources.errors import ConfigError
from resources.feeds.alpha_vantage_answers import parse_answer
from resources.feeds.alpha_vantage_client import SOURCE, AlphaVantageClient
from resources.feeds.breaker import Standing
from resources.feeds.live.feed import SoFar
from resources.feeds.live.told import told
from resources.market_time import MarketTime
from schemas.tables import AS_TRADED

BEHIND: Final[Mapping[str, pd.Timedelta]] = {"realtime": pd.Timedelta(0), "delayed": pd.Timedelta(minutes=15)}
"""By entitlement, how far the vendor's answers are behind."""
COMPACT_BARS: Final = 90
"""The compact answer has the latest hundred; some of them may be repeated or off the grid."""
TRAILING: Final = timedelta(days=31)
"""How far back the full answer goes, at most."""


class AlphaVantageLive:
    """Bars of Alpha Vantage as they become complete.

    The first answer of a session is a full one, of the last thirty days: its earlier sessions say which side of a bar
    the stamps mark. A hundred bars of one day say that only while the open is among them, and are held to it then.

    Args:
        client: asks the vendor, once at a time: whoever polls asks again.
        bar_size: the interval asked for.
        settle_seconds: how long after its end a bar is complete.
        time: the market's.

    Raises:
        ConfigError: the plan has the running day only after the close.

    """

    name = SOURCE
    basis = AS_TRADED

    def __init__(self, client: AlphaVantageClient, bar_size: BarSize, settle_seconds: float, time: MarketTime) -> None:
        entitlement = client.settings.entitlement
        if entitlement not in BEHIND:
            raise ConfigError(
                f"alpha_vantage.entitlement is {entitlement}: so the vendor has the running day only after the close. "
                f"Set what the key's plan includes, {' or '.join(BEHIND)}, or use another feed."
            )
        self._client = client
        self._bar_size = bar_size
        self._behind = BEHIND[entitlement] + pd.Timedelta(seconds=settle_seconds)
        self._time = time
        self._sides: dict[str, tuple[Session, LabelSide]] = {}
        """By symbol, what the stamps of the session mark."""

    @property
    def standing(self) -> Standing:
        """Whether it is trusted."""
        return self._client.standing

    def so_far(self, symbol: str, session: Session, since: pd.Timestamp) -> SoFar:
        """As `LiveFeed.so_far`."""
        asked_at = self._time.now()
        known_for, side = self._sides.get(symbol, (None, None))
        compact = known_for == session and since >= asked_at - COMPACT_BARS * self._bar_size.delta
        rows = self._rows(symbol, "compact" if compact else "full")
        if not compact:
            side = self._side(rows, session)
        until = asked_at - self._behind
        certain = None if self._shows_open(rows, session, until) else side
        part = normalise(rows, session, self._bar_size, Provenance(SOURCE, AS_TRADED, certain), prevailing=side)
        self._sides[symbol] = session, part.side
        return told(part, session, self._bar_size, since, until)

    def wait(self, seconds: float) -> None:
        """Wait: it tells only who asks."""
        self._time.sleep(seconds)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _rows(self, symbol: str, size: str) -> pd.DataFrame:
        what = f"the {size} answer about {symbol}"
        return self._client.bars(
            symbol, self._bar_size, {"outputsize": size}, what, lambda text: parse_answer(text, symbol)
        )

    def _shows_open(self, rows: pd.DataFrame, session: Session, until: pd.Timestamp) -> bool:
        """Whether the opening bar is there, with all that could be taken for it: its stamp has to fit the side."""
        before = session.open - max(NEAR_THE_OPEN, 2 * self._bar_size.delta)
        return bool(rows["stamp"].min() <= before) and until >= session.open + self._bar_size.delta

    def _side(self, rows: pd.DataFrame, session: Session) -> LabelSide | None:
        """What the stamps of most earlier sessions mark; None where there are none: then the session's own say it."""
        days = dict(iter(rows.groupby(rows["stamp"].dt.date)))
        earlier = sessions_between(session.day - TRAILING, session.day - timedelta(days=1))
        return prevailing_side(days, earlier, self._bar_size)
