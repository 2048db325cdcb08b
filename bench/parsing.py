"""How long a vendor month takes from its answer in memory to the bars of each of its sessions, beside reading it alone.

Beside it stands what only reads: `json.loads` into a pandas table, `pandas.read_csv`; neither knows sessions, label
sides or marks. There is no target of its own: `bench.end_to_end` has the one of which this is a part.
"""

import io
import json
import time
from collections.abc import Callable
from itertools import groupby

import pandas as pd

from bench.measure import Row, Side, heading, say, show, side_by_side
from bench.workload import ONE, SYMBOLS, vendor_history, whole_days
from market.normalise import NormalisedBars, NormalisedSessions, Provenance
from market.sessions import Session
from resources.feeds.alpha_vantage_answers import parse_answer
from schemas.tables import AS_TRADED, BAR_VALUES, KEPT

SESSIONS = 63
"""Three months."""
Month = tuple[str, list[Session], pd.DataFrame]
"""The symbol, the sessions, the vendor's rows as texts."""


def main() -> None:
    """Measure and print."""
    found = months()
    rows = sum(len(table) for _, _, table in found)
    heading(f"From vendor answers in memory to bars of sessions, per 1 M vendor rows ({rows} rows are measured)")
    for what, written, reading in (
        ("Alpha Vantage CSV", as_csv, lambda text: pd.read_csv(io.StringIO(text), parse_dates=["timestamp"])),
        ("Alpha Vantage JSON", as_json, read_json),
    ):
        texts = [(symbol, sessions, written(symbol, table)) for symbol, sessions, table in found]
        show([per_million(row, rows) for row in compared(what, texts, reading)])
    kept = sum(int((one.bars["mark"] == KEPT).sum()) for one in bars_of([(s, d, as_csv(s, t)) for s, d, t in found]))
    say(f"\n{kept} of the rows are bars of regular hours, in {len(found)} months of a symbol.")


def months() -> list[Month]:
    """What the vendor has of each symbol and month."""
    by_month = [(month, list(days)) for month, days in groupby(whole_days(SESSIONS), lambda session: session.month)]
    histories = {symbol: vendor_history(SESSIONS, symbol) for symbol in SYMBOLS}
    return [
        (symbol, days, table[table["timestamp"].str.startswith(month)].iloc[::-1])
        for symbol, table in histories.items()
        for month, days in by_month
    ]


def as_csv(symbol: str, table: pd.DataFrame) -> str:
    """The month as the vendor writes it for `datatype=csv`; it does not say whose it is."""
    return str(table[["timestamp", *BAR_VALUES]].to_csv(index=False, lineterminator="\r\n"))


def as_json(symbol: str, table: pd.DataFrame) -> str:
    """The month as the vendor writes it for `datatype=json`."""
    names = [f"{place}. {name}" for place, name in enumerate(BAR_VALUES, 1)]
    cells = table[["timestamp", *BAR_VALUES]].itertuples(index=False, name=None)
    points = {stamp: dict(zip(names, values, strict=True)) for stamp, *values in cells}
    meta = {"1. Information": "Intraday (1min)", "2. Symbol": symbol, "6. Time Zone": "US/Eastern"}
    return json.dumps({"Meta Data": meta, "Time Series (1min)": points}, indent=4)


def read_json(text: str) -> pd.DataFrame:
    """The points of a JSON answer as a table of numbers by stamp."""
    table = pd.DataFrame.from_dict(json.loads(text)["Time Series (1min)"], orient="index").astype("float64")
    return table.set_index(pd.to_datetime(table.index))


def bars_of(texts: list[tuple[str, list[Session], str]]) -> list[NormalisedBars]:
    """The bars of every session."""
    provenance = Provenance("alpha_vantage", AS_TRADED)
    parts = []
    for symbol, sessions, text in texts:
        month = NormalisedSessions(parse_answer(text, symbol), sessions, ONE, provenance)
        parts += [month.bars(session) for session in sessions]
    return parts


def compared(what: str, texts: list[tuple[str, list[Session], str]], reading: Callable[[str], object]) -> list[Row]:
    """The row of one way of writing."""
    ours = Side("ours", lambda: bars_of(texts))
    peer = Side("reading it with pandas", lambda: [reading(text) for _, _, text in texts])
    return side_by_side(what, ours, [(peer, None)], clock=time.process_time)


def per_million(row: Row, rows: int) -> Row:
    """The same of a million rows."""
    return row._replace(ours=row.ours / rows * 1e6, peer=row.peer / rows * 1e6)


if __name__ == "__main__":
    main()
