"""The chain from the generator, or from a sample, to the selection."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from na62sim.core.progress import Progress
from na62sim.core.remarks import remarks
from na62sim.core.version import source_hash
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.sample.generated import Generated
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection
from na62sim.selection.tally import Counter
from na62sim.simulation.chunks import CHUNK, LARGE_CHUNK, check_chunk
from na62sim.simulation.conditions import Conditions, Running, sampling, weights_asked
from na62sim.simulation.counting import RANGE, count, counts_elsewhere
from na62sim.simulation.given import check_sendable, events_of, reused
from na62sim.simulation.on_demand import SelectedChunk, accepted
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.simulation.precision import Precision, relative_error
from na62sim.simulation.processes import Job

if TYPE_CHECKING:
    from na62sim.sample.sample import Sample

Keep = Callable[[SelectedChunk, Table, Any], None]
"""Sees a chunk, its candidates and their weights."""


def select(
    sample: Sample | str | os.PathLike[str],
    selection: str | Selection,
    *,
    chunk: int = CHUNK,
    detector: str | Detector | None = None,
    **parameters: Any,
) -> CutFlow:
    """Apply a selection to a reconstructed sample.

    ``parameters`` are those of the selection (``m_a`` of kpiaa, in MeV); the process's own masses by default.

    Raises
    ------
    ValueError : unknown selection or parameter, or a sample without the table that the selection is made for
    """
    from na62sim.sample.sample import Sample  # HDF5 is loaded with the first sample
    from na62sim.simulation.stages import check_beam, detector_of

    opened = sample if isinstance(sample, Sample) else Sample.open(sample)
    made_with, p = detector_of(opened), opened.provenance
    windows = made_with if detector is None else as_detector(detector)
    check_beam(p, windows)
    described = p.extra.get("process", {})
    masses = described.get("mass_MeV", {})
    chosen = find_selection(selection, windows, masses, **parameters)
    if chosen.candidates not in opened:
        raise ValueError(f"the sample has no group {chosen.candidates}: reconstruct it first")
    flow = CutFlow(
        chosen,
        {
            "process": p.process,
            "geometry": p.geometry_name,
            "seed": p.seed,
            "decay_volume_m": list(p.decay_volume_m or ()),
            **remarks(described),
        },
    )
    if windows.sha256 != p.geometry_sha256:
        flow.info["windows"] = windows.name
    if "reconstructed_with" in p.extra:
        flow.info["reconstructed_with"] = p.extra["reconstructed_with"]
    skim = p.skim
    if skim is not None:
        flow.info["skim"] = skim
        g = Generated.from_dict(p.generated or {})
        flow.add_generated(Counter(g.n, g.total, g.square, g.largest))
    for part in opened.chunks(check_chunk(chunk)):
        table, events = part[chosen.candidates], part["events"]
        rows = table.event_of_row()
        generated = events["weight"] if skim is None else np.empty(0)
        flow.fill(table, (events["weight"] * events["veto_weight"])[rows], generated)
        flow.count_triggers(part["trigger"]["masks"][rows[flow.signal_rows]], list(made_with.trigger.masks))
    return flow


def acceptance(
    process: str | Process,
    selection: str | Selection,
    events: int | None = None,
    detector: str | Detector | None = None,
    seed: int = 1,
    *,
    precision: str | float | None = None,
    decay_volume_m: tuple[float, float] | None = None,
    intensity: float | None = None,
    photons: str = "dice",
    as_weights: str | Sequence[str] = "",
    tails: bool = False,
    importance: bool | None = None,
    threads: int | None = None,
    chunk: int | None = None,
    workers: int = 1,
    dask: Any = None,
    progress: Progress | None = None,
    keep: Keep | None = None,
    full_cutflow: bool = False,
    selection_parameters: Mapping[str, float] | None = None,
    **parameters: Any,
) -> CutFlow:
    """The chain from the generator to the selection, without writing events.

    Parameters are those of `simulate`. Instead of a number of events a ``precision`` may be asked for, the relative
    statistical error of the acceptance (``"0.5%"`` or 0.005); ``events`` is then the most to make, by default of a file all
    (`na62sim.simulation.precision`). ``importance`` draws K+ -> pi+ nu nubar in the signal regions more often, with weights,
    for the selection ``pinunu``; with a precision that is done by itself, and efficiencies are carried as weights, unless it is
    False (`na62sim.simulation.conditions.sampling`). ``keep(part, candidates, weight)`` sees every chunk in order (figures;
    `na62sim.simulation.on_demand.SelectedChunk`: candidates of events that have the number of tracks the selection asks for);
    ``tails`` makes large single scatterings and other beam particles near the kaon more often, with weights;
    ``full_cutflow`` shows every event to every cut: else, unless something is kept, events that a later cut would reject for what
    the response throws flat are dropped early, and the cuts up to that one are counted in the first 20 000 events and in one
    of forty thousands behind (`CutFlow.cuts`); what is accepted is the same;
    ``selection_parameters`` are those of the selection (``m_a`` of kpiaa), the process's own masses by default;
    ``workers`` and ``dask`` (see `na62sim.simulation.shards.make.simulate_shards`) count in other processes,
    where nothing is kept.

    Returns
    -------
    CutFlow with ``info`` (process, geometry, decay volume, events per second; and, where there is any,
    ``phase_space``, ``violates`` and ``stable`` of the process, see `na62sim.core.remarks`)
    """
    chunk = (CHUNK if keep is not None or full_cutflow else LARGE_CHUNK) if chunk is None else chunk
    running = Running(threads, chunk, workers, dask, progress)
    decay, d = find_process(process, **parameters), as_detector(detector)
    sampled, carried = sampling(importance, weights_asked(as_weights), decay, selection, precision is not None)
    conditions = Conditions(decay_volume_m, intensity, photons, carried, tails, sampled)
    simulation, cut_parameters = conditions.simulation(decay, d, seed), selection_parameters or {}
    chosen = find_selection(selection, d, decay.mass, **cut_parameters)
    if events is None and precision is None and decay.n_events is None:
        raise ValueError("an acceptance needs a number of events or a precision")
    most = events_of(decay, events) if events is not None or decay.n_events is not None else None
    wanted = None if precision is None else Precision.asked(precision, most)
    job = None
    if counts_elsewhere(selection, running, keep is not None):
        check_sendable(decay)
        job = Job(
            uuid4().hex, decay, d, seed, conditions, running.threads_each, chunk, source_hash(), selection, cut_parameters,
            early=not full_cutflow,
        )  # fmt: skip

    def flows(part: range) -> Iterator[CutFlow]:
        if job is None or len(part) <= RANGE:
            return _flows(simulation, chosen, part, running, keep, not full_cutflow)
        warm_up(simulation, chosen.candidates)  # here, before others start
        return count(job, part, running)

    info = {"process": decay.short, "geometry": d.name, "seed": seed, "decay_volume_m": list(simulation.volume_m)}
    if sampled:
        info["importance"] = True
    if sampled or conditions.carried.any:
        info["as_weights"] = conditions.carried.names()
    flow, done, seconds = CutFlow(chosen, info | remarks(decay.describe())), 0, 0.0
    total = most or 0 if wanted is None else wanted.total(0, math.inf)
    while done < total:
        parts = flows(range(done, total))
        start = time.perf_counter()  # the kernels are compiled
        for part in parts:
            flow.merge(part)
        seconds += time.perf_counter() - start
        done = total
        if wanted is not None:
            total = wanted.total(done, relative_error(flow))
    flow.info |= {"events_per_second": done / seconds, **reused(decay, done)}
    if wanted is not None:
        flow.info["precision"] = wanted.outcome(flow)
    return flow


def _flows(
    simulation: Simulation, selection: Selection, events: range, running: Running, keep: Keep | None, early: bool
) -> Iterator[CutFlow]:
    """The cut-flow of each chunk, counted here, after the chunk has been shown to who keeps of it."""
    if keep is None:
        return accepted(simulation, selection, events, running, lambda chunk: chunk.flow, early=early)

    def kept(chunk: SelectedChunk) -> CutFlow:
        keep(chunk, chunk.table, chunk.weight)
        return chunk.flow

    return map(kept, accepted(simulation, selection, events, running, lambda chunk: chunk, whole=True))
