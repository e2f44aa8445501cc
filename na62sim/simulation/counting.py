"""Counting a selection in other processes or on a cluster: ranges of events, whose exact sums add up in any order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.simulation.chunks import chunks_of, side_by_side
from na62sim.simulation.conditions import Running
from na62sim.simulation.on_demand import selected_parts
from na62sim.simulation.processes import Job, elsewhere, prepared

RANGE = 200_000
"""Events per piece of work: a second or so."""


def counts_elsewhere(selection: str | Selection, running: Running, keeps: bool) -> bool:
    """Whether other processes count.

    Raises
    ------
    ValueError : they cannot: what is kept, and the functions of a user's own selection, cannot be sent to processes
    """
    if running.elsewhere and keeps:
        raise ValueError("keep: what is kept is not sent between processes; count in threads")
    if running.workers > 1 and isinstance(selection, Selection):
        raise ValueError("workers: a selection of your own can be counted in threads or on a Dask cluster")
    return running.elsewhere


def count_range(job: Job, events: tuple[int, int]) -> tuple[CutFlow, int]:
    """Counts of one range of events, and how many events it has. The selection itself, which is code, stays behind."""
    simulation, selection = prepared(job)
    assert selection is not None
    first, n = events

    def work(start: int, m: int) -> CutFlow:
        flow = CutFlow(selection)
        for part in selected_parts(simulation, selection, start, m, early=job.early):
            flow.merge(part.flow)
        return flow

    total = CutFlow(selection)
    for flow in side_by_side(work, chunks_of(first, n, job.chunk), job.threads):
        total.merge(flow)
    total.selection = Selection("", ())
    total.signal_rows = np.empty(0, dtype=np.int64)
    return total, n


def count(job: Job, events: range, running: Running) -> Iterator[CutFlow]:
    """Counts of a range of events in other processes, piece by piece as they are done."""
    done = events.start
    pieces = list(chunks_of(events.start, len(events), RANGE))
    for flow, n in elsewhere(count_range, job, pieces, running):
        yield flow
        done += n
        running.report(done)
