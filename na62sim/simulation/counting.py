"""Counting a selection in other processes or on a cluster: ranges of events, whose exact sums add up in any order."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from na62sim.core.version import source_hash
from na62sim.generators.chain.process import Process
from na62sim.geometry import Detector
from na62sim.sample.provenance import SampleError
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection
from na62sim.simulation.chunks import chunks_of, side_by_side
from na62sim.simulation.on_demand import run_selected
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.simulation.processes import check_workers, in_processes, on_dask

RANGE = 200_000
"""Events per piece of work: a second or so."""


@dataclass(frozen=True, eq=False)
class CountJob:
    """All that it takes to count any range of events, in any process."""

    key: str  # the same for all ranges of one call
    process: Process
    detector: Detector
    seed: int
    decay_volume_m: tuple[float, float]
    intensity: float | None
    photons: str
    selection: str | Selection
    selection_parameters: Mapping[str, float]
    threads: int
    chunk: int
    sources: str


def counts_elsewhere(selection: str | Selection, workers: int, dask: Any, keeps: bool) -> bool:
    """Whether other processes count.

    Raises
    ------
    ValueError : they cannot: what is kept, and the functions of a user's own selection, cannot be sent to processes
    """
    elsewhere = check_workers(workers, dask) > 1 or dask is not None
    if elsewhere and keeps:
        raise ValueError("keep: what is kept is not sent between processes; count in threads")
    if elsewhere and dask is None and isinstance(selection, Selection):
        raise ValueError("workers: a selection of your own can be counted in threads or on a Dask cluster")
    return elsewhere


_prepared: dict[str, tuple[Simulation, Selection]] = {}  # of the call that this process works for


def _prepare(job: CountJob) -> tuple[Simulation, Selection]:
    if job.key not in _prepared:
        if source_hash() != job.sources:
            raise SampleError(f"the worker on {socket.gethostname()} runs another version of na62sim")
        simulation = Simulation(
            job.process, job.detector, job.seed, volume_m=job.decay_volume_m, intensity=job.intensity,
            photons=job.photons,
        )  # fmt: skip
        chosen = find_selection(job.selection, job.detector, job.process.mass, **job.selection_parameters)
        warm_up(simulation, chosen.candidates)
        _prepared.clear()
        _prepared[job.key] = simulation, chosen
    return _prepared[job.key]


def count_range(job: CountJob, events: tuple[int, int]) -> tuple[CutFlow, int]:
    """Counts of one range of events, and how many events it has. The selection itself, which is code, stays behind."""
    simulation, chosen = _prepare(job)
    first, n = events

    def work(start: int, m: int) -> CutFlow:
        return run_selected(simulation, chosen, start, m).flow

    total = CutFlow(chosen)
    for flow in side_by_side(work, chunks_of(first, n, job.chunk), job.threads):
        total.merge(flow)
    total.selection = Selection("", ())
    total.signal_rows = np.empty(0, dtype=np.int64)
    return total, n


def count(job: CountJob, first: int, events: int, workers: int, dask: Any) -> Iterator[tuple[CutFlow, int]]:
    """Counts of events ``first`` to ``first + events - 1``, range by range as they are done."""
    ranges = list(chunks_of(first, events, RANGE))
    if dask is not None:
        return on_dask(count_range, job, ranges, dask)
    return in_processes(count_range, job, ranges, workers)
