"""Sessions side by side, so that a rule measures all of them at once: a column for each symbol of each session.

What is of one session alone, its rows and its minutes by name, is `market.quality.evidence`'s matter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, TypeVar

import numpy as np

from market.quality.cells import Cells, Closes, beside
from market.quality.columns import together
from market.quality.evidence import FRAME_VALUES, Evidence
from market.quality.grid import Grid, complete_cells
from market.quality.history import History
from market.quality.profile import VolumeProfile, volume_profile

Part = TypeVar("Part")

AT_ONCE = 32
"""Sessions of a stack, at most: more no longer fit into the processor's cache."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Sessions of equally many minutes of one length, and the symbols that are asked about.

    Arrays are of shape (minutes, columns), float64 unless said otherwise, the columns in the order of `columns`. What a
    stack is asked for is there: nobody asks for the frame of a session without one.
    """

    evidences: tuple[Evidence, ...]
    symbols: tuple[str, ...]
    whole: "Stack | None" = None
    """The same sessions with more symbols: what has been measured of these is not measured again."""
    _parts: dict[tuple[tuple[Evidence, ...], tuple[str, ...]], "Stack"] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def columns(self) -> tuple[tuple[Evidence, str], ...]:
        """What each column is of."""
        return tuple(product(self.evidences, self.symbols))

    @cached_property
    def bars(self) -> Cells:
        """The unmarked bars."""
        return beside(self._grids) if self.whole is None else self.whole.bars.columns(self._places)

    @property
    def frame(self) -> Cells:
        """The frames: `schemas.tables.FEATURES` and `missing` (1.0 or 0.0)."""
        return self._frames[0]

    @property
    def frame_strays(self) -> list[int]:
        """By session, the rows of its frame that lie on none of the exchange's minutes, or are of no symbol of it."""
        return self._frames[1]

    @cached_property
    def _frames(self) -> tuple[Cells, list[int]]:
        if self.whole is not None:
            return self.whole.frame.columns(self._places), self.whole.frame_strays
        if len(self.evidences) > 1:
            tables = together([there(evidence.framed) for evidence in self.evidences])
            minutes = [evidence.expected for evidence in self.evidences]
            if (cells := complete_cells(tables, FRAME_VALUES, minutes, self.symbols)) is not None:
                return cells, [0] * len(self.evidences)
        frames = [there(evidence.features) for evidence in self.evidences]
        return beside([frame.only(self.symbols) for frame in frames]), [frame.strays for frame in frames]

    @cached_property
    def stored(self) -> Cells:
        """The bars that are stored of the sessions."""
        if self.whole is not None:
            return self.whole.stored.columns(self._places)
        return beside([there(evidence.before).only(self.symbols) for evidence in self.evidences])

    @cached_property
    def earlier_closes(self) -> Closes:
        """The closes of earlier sessions that each frame may rest on; shape (columns,)."""
        places = [self.evidences[0].column(symbol) for symbol in self.symbols]
        known = [evidence.earlier_closes for evidence in self.evidences]
        return Closes(*(np.concatenate([values[places] for values in each]) for each in zip(*known, strict=True)))

    @cached_property
    def closes_seen(self) -> np.ndarray:
        """int: how many closes the frame rests on up to each minute, its own among them."""
        close = self.frame["close"]
        return np.asarray(np.cumsum(close == close, axis=0) + self.earlier_closes.seen)

    @cached_property
    def seen_before(self) -> np.ndarray:
        """bool, a minute less: whether the bar and the next one are those of the same minutes of an earlier session."""
        own = self._kept_by_each("pairs")
        past = self.history.of_each(lambda grid: grid.pairs, len(own), 0)
        found = np.zeros(own.T.shape, dtype=bool)
        for places in self.history.places:
            found |= past[places].reshape(own.T.shape) == own.T
        return np.asarray(found.T & (own != 0))

    @cached_property
    def volumes(self) -> VolumeProfile:
        """The volumes against those of the earlier sessions."""
        if self.whole is not None:
            return self.whole.volumes.columns(self._places)
        first = self.evidences[0]
        return volume_profile(self._kept_by_each("log_volume"), first.session, first.bar_size, self.history)

    @cached_property
    def history(self) -> History:
        """The earlier sessions."""
        return History(self.evidences, self.symbols)

    def by_session(self, values: np.ndarray) -> np.ndarray:
        """Values of all columns as (minutes, sessions, symbols)."""
        return values.reshape(len(values), len(self.evidences), len(self.symbols))

    def part(self, evidences: tuple[Evidence, ...], symbols: tuple[str, ...]) -> "Stack":
        """Some of the sessions, asked about some of the symbols."""
        if (evidences, symbols) == (self.evidences, self.symbols):
            return self
        if (evidences, symbols) not in self._parts:
            whole = self if evidences == self.evidences else None
            self._parts[evidences, symbols] = Stack(evidences, symbols, whole)
        return self._parts[evidences, symbols]

    @cached_property
    def _places(self) -> list[int]:
        """Where its columns stand among those of the whole."""
        assert self.whole is not None
        at = {asked: place for place, asked in enumerate(self.whole.columns)}
        return [at[asked] for asked in self.columns]

    @cached_property
    def _grids(self) -> list[Grid]:
        return [evidence.grid.only(self.symbols) for evidence in self.evidences]

    def _kept_by_each(self, name: str) -> np.ndarray:
        """What `Cells` has of that name; each session keeps its part, with which the next ones are compared."""
        whole, width = getattr(self.bars, name), len(self.symbols)
        for place, grid in enumerate(self._grids):
            vars(grid).setdefault(name, whole[:, place * width : (place + 1) * width])
        return np.asarray(whole)


def stacks(evidences: Iterable[Evidence]) -> Iterator[Stack]:
    """Sessions that can be measured together, in stacks."""
    alike: dict[tuple[Any, ...], list[Evidence]] = {}
    for evidence in evidences:
        alike.setdefault((evidence.bar_size, evidence.symbols, len(evidence.expected)), []).append(evidence)
    for (_, symbols, _), sessions in alike.items():
        for first in range(0, len(sessions), AT_ONCE):
            yield Stack(tuple(sessions[first : first + AT_ONCE]), symbols)


def there(part: Part | None) -> Part:
    """A part of the evidence, for a rule that is asked only where it is there."""
    assert part is not None
    return part
