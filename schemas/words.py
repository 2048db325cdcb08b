"""Numbers and lists as sentences for people have them."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """The number with its noun, whose plural has an s: `1 file`, `1,234 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_of(words: Sequence[str], noun: str, shown: int = 6) -> str:
    """The first words and how many more there are: `a, b and 4 more days`."""
    listed = ", ".join(words[:shown])
    return listed if len(words) <= shown else f"{listed} and {counted(len(words) - shown, f'more {noun}')}"


def printable(text: str) -> str:
    """Foreign text on one line: what moves a cursor or breaks the line is shown to be there, and does nothing."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
