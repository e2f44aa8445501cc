"""Accepted candidates by the trigger masks that hold for them, and the regions that they are in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from na62sim.selection.tally import Counter, Counters, tally

__all__ = ["TriggerWords"]

_REGIONS = 32  # in a word of trigger masks and regions: the first bit of the regions


class TriggerWords:
    """A counter for each word of trigger masks and regions that occurs."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._words: dict[int, Counter] = {}

    def count(
        self,
        masks: npt.NDArray[np.uint32],
        regions: npt.NDArray[np.int64],
        weight: npt.NDArray[np.float64],
        names: Sequence[str],
    ) -> None:
        """Count accepted candidates.

        Parameters
        ----------
        masks, regions : one word per candidate: bit k for ``names[k]``, and for region k
        weight : of each candidate
        """
        self._names = list(names)
        words, index = np.unique(masks | (regions << _REGIONS), return_inverse=True)
        counters = Counters(len(words))
        counters.add(tally(weight, index, len(words)))
        for k, word in enumerate(words.tolist()):
            self._words.setdefault(word, Counter()).merge(counters.counter(k))

    def merge(self, other: TriggerWords) -> None:
        """Add the counts of other events."""
        self._names = self._names or other._names
        for word, counter in other._words.items():
            self._words.setdefault(word, Counter()).merge(counter)

    @property
    def masks(self) -> dict[str, Counter]:
        """Candidates for which each mask holds; nothing before any were counted."""
        return {
            name: _merged(c for word, c in self._words.items() if word >> k & 1) for k, name in enumerate(self._names)
        }

    def taken(self, kept: Mapping[str, float], region: int | None) -> Counter:
        """Candidates, each with the probability that one of some masks takes it, see `CutFlow.taken`.

        Parameters
        ----------
        kept : for each of these masks the share of the events that it keeps
        region : number of the region that they are in; None: any

        Raises
        ------
        KeyError : a mask that is not there
        """
        if not self._names:
            return Counter()
        bits = {name: k for k, name in enumerate(self._names)}
        shares = {bits[name]: share for name, share in kept.items()}
        wanted = 0 if region is None else 1 << (_REGIONS + region)
        return _merged(
            counter.scaled(1.0 - math.prod(1.0 - share for k, share in shares.items() if word >> k & 1))
            for word, counter in self._words.items()
            if word & wanted == wanted
        )


def _merged(counters: Iterable[Counter]) -> Counter:
    """The sum of some counters."""
    total = Counter()
    for counter in counters:
        total.merge(counter)
    return total
