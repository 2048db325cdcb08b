"""Which of a running session's bars may be given at an instant: the same for every feed that answers with tables."""

import numpy as np
import pandas as pd

from market.normalise import NormalisedBars
from market.sessions import BarSize, Session
from resources.feeds.live.feed import SoFar
from schemas.tables import NO_VALUE


def told(part: NormalisedBars, session: Session, bar_size: BarSize, since: pd.Timestamp, until: pd.Timestamp) -> SoFar:
    """The bars of an answer that start at `since` or later, within the session, and that ended at `until` or before.

    What carries a mark is among them, but for minutes without a value, which are no bars.
    """
    columns = part.columns
    starts = columns.stamps("timestamp")
    first, last = max(since, session.open), min(until - bar_size.delta, session.close - bar_size.delta)
    inside = (starts >= first.value // 1000) & (starts <= last.value // 1000)
    return SoFar(columns.rows(np.asarray(inside & ~columns.texts("mark").are(NO_VALUE))), until)
