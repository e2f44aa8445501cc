"""Runs of events: what a digest, and a row of checksums, is of.

A run has the events whose numbers have the same thousands. In a sample of all events that is every thousand of them; a skim
has what is left of each run that something is left of, so that its digests depend neither on chunks nor on shards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from na62sim.core.arrays import IntArray

__all__ = ["RUN_EVENTS", "RUN_LENGTHS", "RunCuts"]

RUN_EVENTS = 1000
"""Event numbers per run. Runs start at multiples of it."""

RUN_LENGTHS = "provenance/run_events"
"""Where a skim has the number of events of each run that is not empty."""


class RunCuts:
    """Where runs begin and end in events that come piece by piece.

    Parameters
    ----------
    skimmed : events are missing: their numbers, ``events/number``, say of which run they are

    Examples
    --------
    >>> cuts = RunCuts()
    >>> cuts.add({}, 1500).tolist(), cuts.add({}, 500).tolist()
    ([0, 1000], [500])
    >>> cuts = RunCuts(skimmed=True)
    >>> [cuts.add({"events": {"number": np.array(part)}}, 2).tolist() for part in ([7, 5002], [5003, 6000])]
    [[0, 1], [1]]
    """

    def __init__(self, skimmed: bool = False) -> None:
        self._skimmed, self._n, self._last = skimmed, 0, -1

    def add(self, groups: Mapping[str, Any], n_events: int) -> IntArray:
        """Places among the next events where a run begins; of a sample of all events the end as well, where it is that of a run.

        Raises
        ------
        ValueError : a skim without the numbers of its events
        """
        if not self._skimmed:
            first = -self._n % RUN_EVENTS
            self._n += n_events
            return np.arange(first, n_events + 1, RUN_EVENTS)
        if "events" not in groups:
            raise ValueError("a skim needs the group 'events', with the numbers of its events")
        runs = np.asarray(groups["events"]["number"]) // RUN_EVENTS
        before = np.concatenate(([self._last], runs[:-1]))[: len(runs)]
        if len(runs):
            self._last = int(runs[-1])
        return np.flatnonzero(runs != before)
