"""What the gate found, in a terminal: a table of sessions, and of each that does not pass what is held against it.

Readable at 80 columns, in a pipe and without colour: every verdict is a word.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from market.quality.verdicts import COUNTS_MISSING
from market.telling import new_york
from schemas.quality import Action, Finding, QualityReport, Span, Verdict

STYLE: Final = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.ERROR: "bold magenta"}
MOST_IN_DETAIL: Final = 12
"""Of more sessions that do not pass, the gravest are told in full; the table has a line of each."""
INDENT: Final = (0, 0, 0, 2)


def show(reports: Sequence[QualityReport], console: Console) -> None:
    """Print the reports: one in full; of several a line each, and in full those that did not pass."""
    if len(reports) == 1:
        _show_one(reports[0], console)
        return
    _show_sessions(reports, console)
    odd = [report for report in reports if report.verdict is not Verdict.PASS]
    gravest = sorted(odd, key=lambda report: (-report.blocked, -report.verdict.rank, report.session))[:MOST_IN_DETAIL]
    for report in sorted(gravest, key=lambda report: report.session):
        _show_one(report, console, briefly=True)
    if len(odd) > len(gravest):
        rest = len(odd) - len(gravest)
        said = f"{rest} more did not pass without question: --session DAY shows one, --json and --html all of them."
        console.print(said, highlight=False)
    console.print(_total(reports), highlight=False)


def _show_one(report: QualityReport, console: Console, *, briefly: bool = False) -> None:
    console.print(_heading(report), highlight=False)
    bad = report.problems
    if bad:
        console.print(_findings(bad))
        for finding in bad:
            console.print(Padding(Text(finding.message), INDENT, expand=False), highlight=False)
        console.print()
    for title, lines in _chapters(report, briefly=briefly):
        console.print(Text(title, "bold"))
        console.print(_listed(lines))
        console.print()
    if report.not_asked and not briefly:
        console.print(Text("Not asked", "bold"))
        for sentence in _not_asked(report):
            console.print(Padding(Text(sentence), INDENT, expand=False))
        console.print()
    console.print(_verdict_line(report), highlight=False)
    if briefly:
        console.print()


def _heading(report: QualityReport) -> Text:
    bars = ", ".join(f"{report.bars_in.get(symbol, 0)} {symbol}" for symbol in report.symbols)
    said = f" · {bars} bars of {report.bar_size} · thresholds of {report.environment}"
    return Text.assemble((report.session, "bold cyan"), (said, "dim"))


def _findings(bad: Sequence[Finding]) -> Table:
    table = _table("rule", "of")
    for column in ("measured", "warn", "fail"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for one in bad:
        numbers = [_number(value) for value in (one.measured, one.warn, one.fail)]
        table.add_row(one.rule, one.symbol or "all", *numbers, Text(one.verdict, STYLE[one.verdict]))
    return table


def _chapters(report: QualityReport, *, briefly: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Titles, and under each a term and what is said of it."""
    missing = [(symbol, gaps) for symbol, gaps in missing_minutes(report).items() if gaps]
    if missing:
        yield f"Missing {'minutes' if report.bar_size == '1min' else 'bars'}, New York time", missing
    if not briefly:
        passed = passed_by_family(report)
        if passed:
            yield f"Passed: {sum(map(len, passed.values()))} rules", [(of, ", ".join(it)) for of, it in passed.items()]
    if report.attempts:
        yield "Feeds", [(f"{one.symbol} {one.feed}", one.said) for one in report.attempts]
    if report.accepted is not None:
        accepted = report.accepted
        yield "Accepted", [(accepted.by, f"{accepted.reason} ({accepted.at})")]


def missing_minutes(report: QualityReport) -> dict[str, str]:
    """By symbol, its exchange minutes without a bar, consecutive ones together: `10:00-10:44 (45), 11:02`."""
    findings = {one.symbol: one for one in report.findings if one.rule == COUNTS_MISSING}
    return {
        symbol: ", ".join(map(_gap, findings[symbol].spans)) if symbol in findings else "" for symbol in report.symbols
    }


def passed_by_family(report: QualityReport) -> dict[str, list[str]]:
    """By family, the rules of which every finding passed."""
    odd = {one.rule for one in report.findings if one.verdict is not Verdict.PASS}
    found: dict[str, list[str]] = {}
    for one in report.findings:
        rules = found.setdefault(one.family, []) if one.rule not in odd else []
        if one.rule not in rules:
            rules.append(one.rule)
    return found


def _not_asked(report: QualityReport) -> list[str]:
    """A sentence a reason, with its rules."""
    by_reason: dict[str, list[str]] = {}
    for rule, why in report.not_asked.items():
        by_reason.setdefault(why, []).append(rule)
    return [f"{', '.join(rules)}: {why}." for why, rules in by_reason.items()]


def _show_sessions(reports: Sequence[QualityReport], console: Console) -> None:
    """A line a session; the reasons take what the other columns leave, and are cut there."""
    facts = [_session_cells(report) for report in reports]
    taken = console.measure(_sessions_table(facts, [])).maximum
    table = _sessions_table(facts, [next(iter(report.reasons()), "") for report in reports])
    table.columns[-1].max_width = max(console.width - taken - 3, len("first reason"))
    console.print(table)


def _session_cells(report: QualityReport) -> list[Text]:
    bars, missing = sum(report.bars_in.values()), sum(report.missing.values())
    texts = (report.session, " ".join(report.symbols), f"{bars:,}", f"{missing:,}")
    return [*map(Text, texts), Text(report.verdict, STYLE[report.verdict])]


def _sessions_table(facts: Sequence[Sequence[Text]], reasons: Sequence[str]) -> Table:
    table = _table("session", "symbols")
    for column in ("bars", "missing"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    if reasons:
        table.add_column("first reason", no_wrap=True, overflow="ellipsis")
    for number, cells in enumerate(facts):
        table.add_row(*cells, *map(Text, reasons[number : number + 1]))
    return table


def _verdict_line(report: QualityReport) -> Text:
    says = {
        Action.CONTINUE: f"{report.session} may be used.",
        Action.WARN: f"{report.session} may be used; look at the above first.",
        Action.BLOCK: f"{report.session} is blocked: nothing of it is stored.",
    }[report.action]
    if report.accepted is not None:
        says = f"{report.session} may be used: {report.accepted.by} accepted it."
    return Text.assemble((report.verdict.value, STYLE[report.verdict]), "  ", says)


def _total(reports: Sequence[QualityReport]) -> Text:
    counts = {verdict: sum(report.verdict is verdict for report in reports) for verdict in Verdict}
    blocked = sum(report.blocked for report in reports)
    parts = [(f"{count} {verdict}", STYLE[verdict]) for verdict, count in counts.items() if count]
    text = Text(f"{len(reports)} sessions: ")
    return text.append(Text(", ").join(Text(*part) for part in parts)).append(
        f"; {blocked} blocked." if blocked else "."
    )


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _listed(lines: Sequence[tuple[str, str]]) -> Padding:
    """Terms, and beside each what is said of it, wrapped in a column of its own."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column()
    for term, said in lines:
        grid.add_row(Text(term), Text(said))
    return Padding(grid, INDENT, expand=False)


def _gap(span: Span) -> str:
    first, last = new_york(span.first), new_york(span.last)
    return first if span.bars == 1 else f"{first}-{last} ({span.bars})"


def _number(value: float | None) -> str:
    """A number with at most four digits behind the point, and none that say nothing."""
    return "" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")
