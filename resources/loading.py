"""Loads sessions into the database: what passes the gate is stored, what does not is named, with the reason.

A session is landed, reported on, stored and summarised as a run of the graph does it, so that a run of the same session
from the same files changes nothing. While some sessions are stored the next ones are judged. Which sessions there are
in files is `resources.feeds.loadable`'s matter, how they are judged `resources.load_judging`'s.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np

from market.sessions import Session
from resources.database.queries import named_query
from resources.database.retries import repeatable
from resources.database.session_store import StoredSession
from resources.database.table_writer import Change
from resources.errors import NO_BETTER_ALONE, DatabaseError
from resources.load_desk import Judged, LoadingDesk
from resources.load_judging import SessionJudge, judged_beside
from schemas.errors import IntradayError
from schemas.quality import QualityReport
from schemas.tables import KEPT

STORED_AT_ONCE: Final = 64
"""Sessions of one transaction: some 50,000 rows of two symbols at one minute, of which a commit costs nothing; and what
an interruption throws away at most, and another run of these sessions waits for."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What a load did with one session."""

    session: Session
    report: QualityReport
    rows: int
    """Rows of its bars, those that are marked included."""
    marked: int
    """Of these, rows that are no bars of the session: extended hours, duplicates."""
    changes: Mapping[str, Change] = field(default_factory=dict)
    """By table; empty where nothing was stored."""
    why: str = ""
    """Why it was not stored, in a sentence; empty where it was."""


class Loader:
    """Judges sessions and stores those that pass.

    Args:
        desk: whose sessions.

    """

    def __init__(self, desk: LoadingDesk) -> None:
        self._desk = desk
        self._judge = SessionJudge(desk)

    def load(self, sessions: Sequence[Session]) -> Iterator[Outcome]:
        """Store the sessions, which come in order; gives what came of each.

        An interruption, or a caller that asks for no more, leaves whole sessions: what is being stored is finished.

        Raises:
            DatabaseError: the database cannot be reached, holds other bars, or would store no session at all; or it
                does not hold what was sent to it.

        """
        judged = (self._judge.judge_all(chunk) for chunk in in_chunks(sessions))
        sent: dict[str, dict[str, int]] = {}
        for outcomes in overlapped(judged, self._store):
            for outcome in outcomes:
                if outcome.changes:
                    sent[outcome.session.key] = {table: change.sent for table, change in outcome.changes.items()}
                yield outcome
        self._hold_sent([session for session in sessions if session.key in sent], sent)

    def store_tables(self, judged: Sequence[Judged]) -> tuple[dict[Session, dict[str, Change]], dict[Session, str]]:
        """Keep the reports in one transaction, and store what passes in another; call it in the sessions' turn.

        Returns:
            What changed in each table, by session; and why sessions that passed were not stored.

        Raises:
            DatabaseError: none of them could be.

        """
        desk = self._desk
        passed = [one for one in judged if not one.report.blocked]
        desk.reports.keep_reports([one.report for one in judged])
        try:
            return self._replaced(passed), {}
        except NO_BETTER_ALONE:
            raise
        except IntradayError as error:
            return self._one_by_one(passed, error)

    def _store(self, judged: Sequence[Judged]) -> list[Outcome]:
        desk, sessions = self._desk, [one.session for one in judged]
        with desk.sessions.turn(*sessions):
            # Another run may have stored some of them since they were judged.
            there = desk.sessions.stored_of(sessions)
            judged = [judged_beside(one, stored, desk) for one, stored in zip(judged, there, strict=True)]
            for one in judged:
                self._land(one)
            changes, refused = self.store_tables(judged)
            told = [(one.session, one.report) for one in judged if one.session not in refused]
            if told:
                desk.reports.summarise_all(told, desk.bar_size)
        return [_outcome(one, changes.get(one.session, {}), refused.get(one.session, "")) for one in judged]

    def _land(self, one: Judged) -> None:
        """Put the session's tables and its report where a run puts them, and looks for those of earlier sessions."""
        shelf = self._desk.shelf
        if one.bars is not None:
            shelf.keep_feeds_asked(one.session, one.bars, (), None)
            shelf.keep_bars(one.session, one.bars.table)
        if one.frame is not None:
            shelf.keep_frame(one.session, one.frame.table)
        shelf.keep_report(one.session, one.report)

    def _replaced(self, passed: Sequence[Judged]) -> dict[Session, dict[str, Change]]:
        """All of them, or none and an error."""
        wanted = [StoredSession(one.session, one.report, one.bars, one.frame) for one in passed]
        changes = self._desk.sessions.replace_all(wanted) if wanted else []
        return {one.session: change for one, change in zip(passed, changes, strict=True)}

    def _one_by_one(
        self, passed: Sequence[Judged], together: IntradayError
    ) -> tuple[dict[Session, dict[str, Change]], dict[Session, str]]:
        """Those that can be stored, and why the others cannot."""
        changes: dict[Session, dict[str, Change]] = {}
        refused: dict[Session, str] = {}
        for one in passed:
            try:
                changes |= self._replaced([one])
            except NO_BETTER_ALONE:
                raise
            except IntradayError as error:
                refused[one.session] = error.sentence()
        if not changes and isinstance(together, DatabaseError):
            raise together
        return changes, refused

    @repeatable
    def _hold_sent(self, sessions: Sequence[Session], sent: Mapping[str, Mapping[str, int]]) -> None:
        """Count what is stored now, by itself, against what was sent.

        Raises:
            DatabaseError: naming the first session of which it is not the same.

        """
        if not sessions:
            return
        bounds = {"first": sessions[0].midnights[0], "last": sessions[-1].midnights[1]}
        about = {**bounds, "symbols": list(self._desk.symbols)}
        with self._desk.server.connect() as connection:
            rows = connection.execute(named_query("count_stored_rows"), about).fetchall()
        held = {(table, day.isoformat()): count for table, day, count in rows}
        for key, by_table in sent.items():
            for table, count in by_table.items():
                if held.get((table, key), 0) != count:
                    raise DatabaseError(
                        f"{table} holds {held.get((table, key), 0)} of the {count} rows of {key} that were sent: "
                        "another run has replaced the session since, or the server lost them. Load it again."
                    )


def in_chunks(sessions: Sequence[Session]) -> Iterator[Sequence[Session]]:
    """The sessions, as many at once as are stored together."""
    for start in range(0, len(sessions), STORED_AT_ONCE):
        yield sessions[start : start + STORED_AT_ONCE]


def overlapped(items: Iterable[Item], work: Callable[[Item], Result]) -> Iterator[Result]:
    """Do the work on each item in a thread while the next one is made; the results in the order of the items.

    At most one item is worked on and one made: nothing piles up. What the work raises is raised here; what raises here,
    an interruption too, waits for the work that is under way and begins no other.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="storing") as thread:
        under_way: Future[Result] | None = None
        for item in items:
            done = () if under_way is None else (under_way.result(),)
            under_way = thread.submit(work, item)
            yield from done
        if under_way is not None:
            yield under_way.result()


def _outcome(judged: Judged, changes: Mapping[str, Change], why: str) -> Outcome:
    marks = np.zeros(0, dtype=bool) if judged.bars is None else ~judged.bars.texts("mark").are(KEPT)
    blocked = judged.report.why_blocked() if judged.report.blocked else why
    return Outcome(judged.session, judged.report, len(marks), int(marks.sum()), changes, blocked)
