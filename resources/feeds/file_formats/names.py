"""Which symbol a file is about, as far as its name says.

A symbol is a part of the name between characters that are neither letters nor digits: `intraday_1min_MSFT.csv`.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from resources.errors import FileNotUnderstood

Symbols: TypeAlias = "Sequence[str] | None"
"""The symbols whose bars are wanted; None: whichever a file is about."""

NO_TICKERS: Final = frozenset({"BARS", "CSV", "DATA", "EDT", "EST", "ET", "GMT", "JSON", "OHLC", "OHLCV", "RTH", "UTC"})
"""Words in capitals that are parts of file names."""


def base_name(name: str) -> str:
    """The last part of a path."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def configured(ticker: str, symbols: Symbols) -> str | None:
    """A ticker as it is configured; None where it is not wanted."""
    wanted = ticker.strip().upper()
    if symbols is None:
        return wanted or None
    return next((symbol for symbol in symbols if symbol.upper() == wanted), None)


def symbols_in(name: str, symbols: Sequence[str]) -> list[str]:
    """The configured symbols that are parts of the file's name."""
    stem = base_name(name)
    bounded = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])"
    return [symbol for symbol in symbols if re.search(bounded.format(re.escape(symbol)), stem, re.IGNORECASE)]


def symbol_of_name(name: str, symbols: Symbols) -> str | None:
    """The symbol that the name tells; None where it tells one that is not wanted.

    Raises:
        FileNotUnderstood: it tells none, or several.

    """
    tickers = _tickers_in(name)
    found = tickers if symbols is None else symbols_in(name, symbols)
    if len(found) == 1:
        return found[0]
    if not found and tickers:
        return None
    told = f"names {' and '.join(found)}" if found else "names no symbol"
    raise FileNotUnderstood(
        f"{name}: nothing in it says whose bars these are, and its name {told}; "
        f"call it for example {symbols[0] if symbols else 'NVDA'}_1m.csv, or give it a column symbol."
    )


def may_be_about(name: str, symbol: str, symbols: Sequence[str]) -> bool:
    """Whether a file that nobody could read may hold bars of a symbol."""
    found = symbols_in(name, symbols)
    return symbol in found or not (found or _tickers_in(name))


def _tickers_in(name: str) -> list[str]:
    """The parts of the name that look like tickers: capitals only."""
    parts = re.split(r"[^A-Za-z0-9]+", base_name(name).split(".", 1)[0])
    return [part for part in dict.fromkeys(parts) if re.fullmatch(r"[A-Z]{1,5}", part) and part not in NO_TICKERS]
