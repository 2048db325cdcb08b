"""`intraday gate`: holds sessions to the quality gate, those of files or those that this desk has landed.

How a report looks is `cli.gate_table`'s matter. Nothing is stored, and neither Dagster nor a database is started.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from cli.gate_table import show
from cli.sessions import sessions_named
from market.quality.gate import Gate
from market.quality.rules.completeness import MissingRatio
from market.sessions import BarSize, Session, latest_closed_session
from resources.errors import ConfigError, NotLanded
from resources.feeds.file_sessions import FileSessions
from resources.gate_settings import PRODUCTION, load_gate
from resources.judging import Judging, LandedSessions
from resources.landing import LandingZone
from resources.paths import CONFIG
from resources.settings import Settings, environments, load_settings
from resources.shelf import Shelf
from schemas.quality import Action, QualityReport, Verdict, report_schema
from schemas.words import first_of

PASSED, WARNED, BLOCKED, FAILED = 0, 1, 2, 3
"""Exit statuses; a warning is one only where that was asked for."""
STDOUT: Final = "-"
SHORT: Final = 20
"""Fewer sessions than these are judged before a progress bar could be read."""
ALIASES: Final = {"production": PRODUCTION}


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    files: Sequence[Path] = ()
    session: str | None = None
    first: str | None = None
    last: str | None = None
    environment: str | None = None
    max_missing: float | None = None
    fail_on_warn: bool = False
    json_path: str | None = None
    html_path: Path | None = None
    symbols: Sequence[str] = ()
    bar_size: str | None = None


def gate(asked: Asked, console: Console, errors: Console, now: pd.Timestamp | None = None) -> int:
    """The command: 0 when every session passes, 1 for warnings where asked, 2 when one is blocked, 3 for an ERROR.

    Args:
        asked: the command line.
        console: stdout.
        errors: stderr.
        now: the machine's clock unless given.

    """
    settings = load_settings()
    environment = _environment(asked.environment or settings.environment)
    rules = _gate(environment, asked.max_missing)
    told: list[str] = []
    if asked.files:
        reports = _of_files(asked, settings, rules, errors, told)
    else:
        reports = _landed(asked, settings, rules, now or pd.Timestamp.now(tz="UTC"), told)
    screen = errors if asked.json_path == STDOUT else console
    if reports:
        show(reports, screen)
        _write(reports, asked, console)
    for sentence in told:
        screen.print(f"[yellow]{escape(sentence)}[/]", highlight=False)
    lacks = not asked.files and bool(told)
    return max(status_of(reports, fail_on_warn=asked.fail_on_warn), FAILED if lacks else PASSED)


def schema(console: Console) -> int:
    """The command `intraday gate schema`: prints the JSON Schema of a report."""
    console.out(json.dumps(report_schema(), indent=2), highlight=False)
    return PASSED


def status_of(reports: Sequence[QualityReport], *, fail_on_warn: bool) -> int:
    """The exit status that the gravest report calls for."""
    if any(report.blocked and report.verdict is Verdict.ERROR for report in reports):
        return FAILED
    if any(report.blocked for report in reports):
        return BLOCKED
    return WARNED if fail_on_warn and any(report.action is Action.WARN for report in reports) else PASSED


def _environment(name: str) -> str:
    known = environments(CONFIG)
    found = ALIASES.get(name, name)
    if found not in known:
        raise ConfigError(f"--environment is {name!r}; allowed: {', '.join((*known, *ALIASES))}.")
    return found


def _gate(environment: str, max_missing: float | None) -> Gate:
    """The environment's gate, which tolerates no larger share of missing bars than that, of whatever feed."""
    gate = load_gate(environment)
    if max_missing is None:
        return gate
    limits: dict[str, float] = {"fail": max_missing, "fallback_quality_threshold": max_missing}
    every = (rule for rules in (gate.rules, *gate.by_symbol.values()) for rule in rules)
    warn = [rule.warn for rule in every if isinstance(rule, MissingRatio)]
    if max(warn) > max_missing:
        limits["warn"] = min(*warn, max_missing)
    return load_gate(environment, overrides=("--max-missing", {"missing_ratio": limits}))


def _of_files(asked: Asked, settings: Settings, gate: Gate, errors: Console, told: list[str]) -> list[QualityReport]:
    size = None if asked.bar_size is None else BarSize(asked.bar_size)
    place = FileSessions(asked.files, settings.symbols, _symbols(asked), size)
    told.extend(place.contested)
    sessions = place.sessions
    wanted = _range(asked)
    if wanted:
        allowed = {session.key for session in sessions_named(*wanted)}
        sessions = [session for session in sessions if session.key in allowed]
        if not sessions:
            has = f"{place.sessions[0].key} to {place.sessions[-1].key}"
            raise NotLanded(f"No file has a session {_between(wanted)}; they have {has}.")
    elif place.absent:
        told.append(f"In no file: {_days(place.absent)}.")
    judging = Judging(place, gate)
    quick = len(sessions) < SHORT or not errors.is_terminal
    steps = track(sessions, "Judging", console=errors, transient=True, disable=quick)
    return [judging.report(session) for session in steps]


def _landed(asked: Asked, settings: Settings, gate: Gate, now: pd.Timestamp, told: list[str]) -> list[QualityReport]:
    wanted = _range(asked)
    sessions = sessions_named(*wanted) if wanted else [latest_closed_session(now)]
    symbols = _symbols(asked) or settings.symbols
    for symbol in symbols:
        if symbol not in settings.symbols:
            raise ConfigError(f"{symbol} is not one of the desk's symbols: {', '.join(settings.symbols)}.")
    if asked.bar_size not in (None, settings.bar_size):
        raise ConfigError(f"This desk has {settings.bar_size} bars; --bar-size is for files.")
    landing = LandingZone(settings.landing_url)
    place = LandedSessions(Shelf(landing, settings.environment, settings.bar_size, settings.symbols), symbols)
    judging = Judging(place, gate)
    reports, absent = [], []
    for session in sessions:
        try:
            reports.append(judging.report(session))
        except NotLanded:
            absent.append(session)
    if absent:
        span = absent[0].key if len(absent) == 1 else f"{absent[0].key} {absent[-1].key}"
        told.append(f"Not landed on this desk: {_days(absent)}. Make them first: intraday run {span}")
    return reports


def _symbols(asked: Asked) -> tuple[str, ...]:
    return tuple(dict.fromkeys(symbol.strip().upper() for symbol in asked.symbols))


def _range(asked: Asked) -> tuple[str, str] | None:
    """The first and the last day asked for."""
    if asked.session is not None:
        return asked.session, asked.session
    first, last = asked.first or asked.last, asked.last or asked.first
    return None if first is None or last is None else (first, last)


def _between(wanted: tuple[str, str]) -> str:
    return f"of {wanted[0]}" if wanted[0] == wanted[1] else f"from {wanted[0]} to {wanted[1]}"


def _days(sessions: Sequence[Session]) -> str:
    return first_of([session.key for session in sessions], "session")


def _write(reports: Sequence[QualityReport], asked: Asked, console: Console) -> None:
    if asked.json_path is not None:
        objects = [json.loads(report.model_dump_json()) for report in reports]  # what is no number becomes null
        text = json.dumps(objects if len(objects) > 1 else objects[0], indent=2)
        if asked.json_path == STDOUT:
            console.out(text, highlight=False)
        else:
            Path(asked.json_path).write_text(f"{text}\n", encoding="utf-8")
    if asked.html_path is not None:
        from intraday_assets.report_page import report_page

        days = f"{reports[0].session} to {reports[-1].session}" if len(reports) > 1 else reports[0].session
        page = report_page(reports, f"Quality of {' and '.join(reports[0].symbols)}, {days}")
        asked.html_path.write_text(page, encoding="utf-8")
