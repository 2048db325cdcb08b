"""Which metrics an expression of Prometheus reads. Whether it is one at all is promtool's matter."""

import re

LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
NOT_NAMES = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]')
NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
OPERATORS = {"and", "or", "unless", "bool", "offset"}


def metrics_in(expression: str) -> set[str]:
    """The names, with the suffixes of histograms."""
    bare = LABELS.sub(" ", NOT_NAMES.sub(" ", expression))
    return set(NAME.findall(bare)) - OPERATORS
