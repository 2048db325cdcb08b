"""`intraday fetch`: the bars of some sessions into one file under `raw/`, from the feeds or made up.

The feeds' work is done by `resources.feeds`; what the file looks like is `dual_ticker`'s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.desk import open_events, open_feeds, sessions_asked_for
from market.quality.evidence import Evidence
from market.sessions import Session, latest_closed_session
from market.synthetic import synthetic_bars
from resources.feeds.file_formats.dual_ticker import dual_ticker_name, to_csv, to_json
from resources.gate_settings import load_gate
from resources.landing import LandingZone
from resources.market_time import utc_now
from resources.settings import Settings, load_settings
from schemas.errors import IntradayError
from schemas.words import counted

WRITERS = {"csv": to_csv, "json": to_json}


@dataclass(frozen=True)
class Fetched:
    """One symbol's session."""

    session: Session
    symbol: str
    bars: pd.DataFrame | None
    """`schemas.tables.Bars`; None where it could not be had."""
    said: str


def fetch(
    first: str | None, last: str | None, console: Console, *, ending: str, seed: int | None, refresh: bool
) -> int:
    """The command: 0 when every session was had, 1 when one was not. With a seed, bars are made up."""
    settings = load_settings()
    if first is None:
        sessions = [latest_closed_session(utc_now())]
    else:
        sessions = sessions_asked_for(first, last or first, settings)
    source = _made_up(sessions, settings, seed) if seed is not None else _asked(sessions, settings, refresh=refresh)
    found = list(source)
    _show(found, settings, console)
    had = [one.bars for one in found if one.bars is not None]
    if had:
        path = _write(pd.concat(had, ignore_index=True), settings, ending)
        rows = counted(sum(map(len, had)), "row")
        console.print(f"{rows} in {path.removeprefix('file://')}", soft_wrap=True, highlight=False)
    else:
        console.print("Nothing was written.")
    if seed is not None:
        console.print("These bars are synthetic: nobody traded them, and the gate of prod does not let them pass.")
    return int(len(had) < len(found))


def _made_up(sessions: Sequence[Session], settings: Settings, seed: int) -> Iterator[Fetched]:
    for session in sessions:
        table = synthetic_bars(session, settings.bar_size, settings.symbols, seed)
        for symbol in settings.symbols:
            yield Fetched(session, symbol, table[table["symbol"] == symbol], "")


def _asked(sessions: Sequence[Session], settings: Settings, *, refresh: bool) -> Iterator[Fetched]:
    events = open_events(settings)
    feeds = open_feeds(settings, events).failover(load_gate(settings.environment), refresh=refresh)
    for session in sessions:
        for symbol in settings.symbols:
            try:
                answer = feeds.session_bars(symbol, session)
            except IntradayError as error:
                yield Fetched(session, symbol, None, error.sentence())
                continue
            for event in answer.events:
                events.keep(event)
            why = next((why for why in answer.part.bars["why"] if why), "")
            yield Fetched(session, symbol, answer.part.bars, " ".join(filter(None, [why, answer.repaired])))


def _write(bars: pd.DataFrame, settings: Settings, ending: str) -> str:
    """Write the file whole or not at all, under a name that no other has."""
    zone = LandingZone(settings.files_url)
    now = utc_now()
    while zone.files.exists(f"{zone.root}/{dual_ticker_name(now, ending)}"):
        now += pd.Timedelta(seconds=1)
    return zone.write_file(dual_ticker_name(now, ending), WRITERS[ending](bars).encode())


def _show(found: Sequence[Fetched], settings: Settings, console: Console) -> None:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("session", "symbol", "feed"):
        table.add_column(column, no_wrap=True)
    for column in ("bars", "missing"):
        table.add_column(column, justify="right")
    for one in found:
        table.add_row(one.session.key, one.symbol, *_cells(one, settings))
    console.print(table)
    for one in found:
        if one.said:
            colour = "red" if one.bars is None else "yellow"
            console.print(f"[{colour}]{one.session.key} {one.symbol}[/] {escape(one.said)}", highlight=False)


def _cells(one: Fetched, settings: Settings) -> tuple[str, str, str]:
    if one.bars is None:
        return "[red]none[/]", "0", "[red]all[/]"
    evidence = Evidence(one.session, settings.bar_size, (one.symbol,), one.bars)
    kept = evidence.kept(one.symbol)
    missing = len(evidence.missing_minutes(one.symbol))
    return ", ".join(sorted(kept["source"].unique())), f"{len(kept)}", f"[yellow]{missing}[/]" if missing else "0"
