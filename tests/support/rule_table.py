"""The table of rules in docs/quality_gate.md, made from the rules. `python -m tests.support.rule_table` writes it."""

from itertools import groupby
from pathlib import Path

from market.quality.rule import Rule
from resources.gate_settings import PRODUCTION, load_gate

DOCUMENT = Path(__file__).parents[2] / "docs" / "quality_gate.md"
BEGIN, END = "<!-- rules -->\n", "<!-- end of rules -->\n"
OTHERS = ("staging", "ci")


def table() -> str:
    """A line a rule: its question, prod's thresholds, and those of the other environments that differ."""
    gates = {name: {rule.name: rule for rule in load_gate(name).rules} for name in (PRODUCTION, *OTHERS)}
    lines = ["| rule | asks | thresholds of prod | elsewhere |", "|---|---|---|---|"]
    for family, rules in groupby(gates[PRODUCTION].values(), key=lambda rule: rule.family):
        lines.append(f"| **{family}** | | | |")
        for rule in rules:
            there = _thresholds(rule)
            cells = [(name, _thresholds(gates[name][rule.name])) for name in OTHERS]
            elsewhere = "; ".join(
                f"{name}: {_said({key: value for key, value in own.items() if value != there[key]})}"
                for name, own in cells
                if own != there
            )
            lines.append(f"| `{rule.name}` | {rule.question} | {_said(there)} | {elsewhere} |")
    return "\n".join(lines) + "\n"


def document_with_table() -> str:
    """The document as it should be."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _thresholds(rule: Rule) -> dict[str, object]:
    return {key: value for key, value in rule if key != "severity" or value != "block"}


def _said(thresholds: dict[str, object]) -> str:
    return ", ".join(f"{key} {_number(value)}" for key, value in thresholds.items())


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(map(_number, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


if __name__ == "__main__":
    DOCUMENT.write_text(document_with_table())
