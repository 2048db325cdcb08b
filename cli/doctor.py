"""`intraday doctor`: what the system needs, a line each, and what to do where something is missing."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from resources.doctor.findings import Finding, Outcome
from resources.doctor.registry import CHECKS, examine, this_machine
from resources.errors import ConfigError
from resources.settings import load_settings

STYLE = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red"}
WIDTH = 14


def doctor(console: Console, area: str | None, *, ask: bool, as_json: bool) -> int:
    """The command: 0 where nothing failed, 1 where something did."""
    if area not in (None, *CHECKS):
        raise ConfigError(f"There is nothing called {area!r} to look at; allowed: {', '.join(CHECKS)}.")
    found: list[Finding] = []
    for finding in _findings(area, ask=ask):
        found.append(finding)
        if not as_json:
            _show(finding, console, closer=area is not None)
    failed = any(finding.outcome is Outcome.FAIL for finding in found)
    if as_json:
        console.out(_record(found, ok=not failed), highlight=False)
    return int(failed)


def _findings(area: str | None, *, ask: bool) -> Iterator[Finding]:
    try:
        settings = load_settings()
    except ConfigError as error:
        yield Finding("configuration", Outcome.FAIL, str(error), "mend it; nothing else can be looked at before")
        return
    yield Finding("configuration", Outcome.OK, f"{settings.environment}, home {settings.home}")
    yield from examine(this_machine(settings, ask=ask), area)


def _show(finding: Finding, console: Console, *, closer: bool) -> None:
    head = f"[{STYLE[finding.outcome]}]{finding.outcome.value:4}[/] {finding.name:{WIDTH}} "
    advice = f" → {finding.advice}" if finding.advice else ""
    console.print(head + escape(finding.said + advice), highlight=False, soft_wrap=True)
    if closer:
        for name, value in finding.details.items():
            console.print(f"     {name}: {escape(value)}", highlight=False, soft_wrap=True)


def _record(found: Sequence[Finding], *, ok: bool) -> str:
    return json.dumps({"ok": ok, "checks": [asdict(finding) for finding in found]}, indent=2)
