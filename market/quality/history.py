"""The earlier sessions that the sessions of a stack are compared with: each once, however many are compared with it."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from market.quality.evidence import Evidence
from market.quality.grid import Grid


class History:
    """The earlier sessions of some sessions.

    Args:
        evidences: sessions whose history was looked at.
        symbols: those that are asked about.

    """

    def __init__(self, evidences: Sequence[Evidence], symbols: tuple[str, ...]) -> None:
        self._symbols = symbols
        earlier = [
            [grid for grid in evidence.history or () if grid.bar_size is evidence.bar_size] for evidence in evidences
        ]
        self._grids = list({id(grid): grid for grids in earlier for grid in grids}.values())
        at = {id(grid): place for place, grid in enumerate(self._grids)}
        self.places = np.full((max(1, *map(len, earlier)), len(evidences)), len(self._grids))
        """Shape (most earlier sessions, sessions), latest first: which of `grids`; one more than the last: none."""
        for column, grids in enumerate(earlier):
            self.places[: len(grids), column] = [at[id(grid)] for grid in grids]
        self.splits = np.ones((*self.places.shape, len(symbols)))
        """By earlier session, session and symbol: how many of the session's shares one of its shares is."""
        for column, (evidence, grids) in enumerate(zip(evidences, earlier, strict=True)):
            known = [evidence.column(symbol) for symbol in symbols]
            self.splits[: len(grids), column] = evidence.splits_since(grids)[:, known]

    @cached_property
    def grids(self) -> list[Grid]:
        """The earlier sessions, each with the symbols that are asked about."""
        return [grid.only(self._symbols) for grid in self._grids]

    @cached_property
    def latest(self) -> list[Grid | None]:
        """By session, the latest of its earlier ones; None where there is none."""
        grids = [*self.grids, None]
        return [grids[place] for place in self.places[0]]

    def of_each(self, values: Callable[[Grid], np.ndarray], minutes: int, absent: float) -> np.ndarray:
        """Something of every one of `grids`, and what stands for none.

        Args:
            values: of a session, shape (its minutes, symbols).
            minutes: so many of each; a shorter session is filled up.
            absent: with what.

        Returns:
            Shape (len(grids) + 1, symbols, minutes).

        """
        first = [values(grid)[:minutes].T for grid in self.grids]
        kind = first[0].dtype if first else np.dtype("float64")
        found = np.full((len(first) + 1, len(self._symbols), minutes), absent, dtype=kind)
        for one, each in zip(found, first, strict=False):
            one[:, : each.shape[1]] = each
        return found
