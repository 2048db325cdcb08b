"""The table of metrics in docs/monitoring.md, made from what is told of a desk with everything.

`python -m tests.support.metric_table` writes it.
"""

from dataclasses import replace
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.facts import BackupFolder, Counts, Delays
from monitoring.metrics import metrics
from tests.support.watched import NOW, red_sample

DOCUMENT = Path(__file__).parents[2] / "docs" / "monitoring.md"
BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->\n"
HTTP = (
    "| `intraday_http_request_duration_seconds{path, code}` | histogram | How long an answer of this process took; the "
    "only one that begins anew with it. |"
)


def table() -> str:
    """A line a metric."""
    counts = Counts(NOW, {("NVDA", "yahoo"): 1}, delays=Delays(((float("inf"), 1),), 1.0))
    red = red_sample()
    facts = replace(red.facts, judgement=red.facts.sessions[0].judgement, heartbeats={"feeds": NOW})
    sample = replace(red, facts=facts, counts=counts, backups=BackupFolder("backups", NOW))
    lines = ["| metric | kind | says |", "|---|---|---|", *(_line(one) for one in metrics(sample, NOW)), HTTP]
    return "\n".join(lines) + "\n"


def document_with_table() -> str:
    """The document as it should be."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _line(family: Metric) -> str:
    labels = [name for name in (family.samples[0].labels if family.samples else ()) if name != "le"]
    name = f"{family.name}_total" if family.type == "counter" else family.name
    kind = "counter, told untyped" if family.type == "unknown" else family.type
    return f"| `{name}{{{', '.join(labels)}}}` | {kind} | {family.documentation} |".replace("{}", "")


if __name__ == "__main__":
    DOCUMENT.write_text(document_with_table())
