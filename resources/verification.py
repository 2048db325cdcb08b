"""Holds what is stored against what is landed and judged, and proves a backup. What differs is named, not mended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pandas as pd

from market.quality.columns import Columns
from market.quality.fingerprint import fingerprints
from market.sessions import Session
from resources.database.backups.restore import verify_backup
from resources.database.server import DatabaseServer
from resources.database.table_writer import kept_rows
from resources.desk import Desk
from resources.errors import BackupUnsound, NotLanded
from schemas.errors import IntradayError
from schemas.quality import Action
from schemas.words import counted

COMPARED: Final = ["timestamp", "symbol", "open", "high", "low", "close", "volume", "source"]


@dataclass(frozen=True)
class Verified:
    """What came of it."""

    sessions: int
    """How many were compared."""
    differences: tuple[str, ...]
    """Each in a sentence that names it."""


def verify_sessions(desk: Desk, first: date, last: date) -> Verified:
    """Compare every session that the gate let pass: its landed bars with the judgement, its rows with the bars.

    Sessions of which nothing is landed came from files that a person loaded; there is nothing to compare them with.

    Args:
        desk: whose sessions.
        first: New York date, included.
        last: the same.

    """
    history = desk.reports.verdicts(first, last, desk.gate.environment, desk.bar_size, desk.symbols)
    passed = [one.session for one in history.judged.values() if one.action is not Action.BLOCK]
    compared, differences = 0, list[str]()
    for _, month in groupby(passed, key=lambda session: session.month):
        sessions = list(month)
        for session, rows in zip(sessions, desk.sessions.stored_of(sessions), strict=True):
            try:
                bars = Columns(desk.shelf.bars(session))
            except NotLanded:
                continue
            except IntradayError as error:
                differences.append(f"{session.key}: {error}")
                continue
            compared += 1
            differences += [f"{session.key}: {said}" for said in _differences(desk, session, bars, rows)]
    return Verified(compared, tuple(differences))


def _differences(desk: Desk, session: Session, bars: Columns, rows: pd.DataFrame) -> Iterator[str]:
    report = desk.reports.newest(session, desk.gate.environment, desk.bar_size, desk.symbols)
    judged = {} if report is None else report.fingerprints
    for name, digest in fingerprints("bars", bars, desk.symbols).items():
        if judged.get(name) != digest:
            yield f"the landed {name} are not those that the gate judged."
    landed = _comparable(kept_rows(bars).table, desk.symbols)
    stored = _comparable(rows, desk.symbols)
    for symbol in desk.symbols:
        other = stored[symbol] ^ landed[symbol]
        if other:
            minutes = sorted({row[0] for row in other})
            count = counted(len(minutes), "minute")
            yield f"{symbol} is stored otherwise than it is landed in {count}, the first at {minutes[0]:%H:%M} UTC."


def _comparable(table: pd.DataFrame, symbols: Sequence[str]) -> dict[str, set[tuple[Any, ...]]]:
    return {
        symbol: set(table.loc[table["symbol"] == symbol, COMPARED].itertuples(index=False, name=None))
        for symbol in symbols
    }


def verify_newest_backup(server: DatabaseServer, folder: Path) -> str:
    """Prove the newest backup of a folder; returns its name.

    Raises:
        BackupUnsound: there is none, or it is not what was backed up.
        DatabaseError: it could not be tried.

    """
    files = [file for file in folder.glob("*.backup") if file.is_file()]
    if not files:
        raise BackupUnsound(f"There is no backup in {folder}: `intraday db backup {folder}/` writes one.")
    newest = max(files, key=lambda file: file.stat().st_mtime)
    verify_backup(server, newest)
    return newest.name
