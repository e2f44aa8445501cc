"""The chain from the generator, or from a sample, to the selection."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from na62sim.core.progress import Progress
from na62sim.core.remarks import remarks
from na62sim.core.version import source_hash
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.sample.sample import Sample
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection
from na62sim.simulation.chunks import CHUNK, check_chunk, check_events, default_threads, in_order
from na62sim.simulation.counting import RANGE, CountJob, count, counts_elsewhere
from na62sim.simulation.on_demand import Selected, run_selected
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.simulation.precision import Precision, relative_error
from na62sim.simulation.stages import detector_of


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
    opened = sample if isinstance(sample, Sample) else Sample.open(sample)
    made_with, p = detector_of(opened), opened.provenance
    described = p.extra.get("process", {})
    masses = described.get("mass_MeV", {})
    chosen = find_selection(selection, made_with if detector is None else as_detector(detector), masses, **parameters)
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
    for part in opened.chunks(check_chunk(chunk)):
        table, events = part[chosen.candidates], part["events"]
        rows = table.event_of_row()
        flow.fill(table, (events["weight"] * events["veto_weight"])[rows], events["weight"])
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
    threads: int | None = None,
    chunk: int = CHUNK,
    workers: int = 1,
    dask: Any = None,
    progress: Progress | None = None,
    keep: Callable[[Selected, Table, Any], None] | None = None,
    selection_parameters: Mapping[str, float] | None = None,
    **parameters: Any,
) -> CutFlow:
    """The chain from the generator to the selection, without writing events.

    Parameters are those of `simulate`. Instead of a number of events a ``precision`` may be asked for, the relative
    statistical error of the acceptance (``"0.5%"`` or 0.005); ``events`` is then the most to make
    (`na62sim.simulation.precision`). ``keep(part, candidates, weight)`` sees every chunk in order (figures;
    `na62sim.simulation.on_demand.Selected`: candidates of events that have the number of tracks the selection asks for);
    ``selection_parameters`` are those of the selection (``m_a`` of kpiaa), the process's own masses by default;
    ``workers`` and ``dask`` (see `na62sim.simulation.shards.make.simulate_shards`) count in other processes,
    where nothing is kept.

    Returns
    -------
    CutFlow with ``info`` (process, geometry, decay volume, events per second; and, where there is any,
    ``phase_space``, ``violates`` and ``stable`` of the process, see `na62sim.core.remarks`)
    """
    made = find_process(process, **parameters)
    d = as_detector(detector)
    simulation = Simulation(made, d, seed, volume_m=decay_volume_m, intensity=intensity, photons=photons)
    chosen = find_selection(selection, d, made.mass, **(selection_parameters or {}))
    if events is None and precision is None:
        raise ValueError("an acceptance needs a number of events or a precision")
    most, chunk = None if events is None else check_events(events), check_chunk(chunk)
    wanted = None if precision is None else Precision.asked(precision, most)
    info = {"process": made.short, "geometry": d.name, "seed": seed, "decay_volume_m": list(simulation.volume_m)}
    flow = CutFlow(chosen, info | remarks(made.describe()))

    def job(first: int, n: int) -> tuple[Selected | CutFlow, int]:
        part = run_selected(simulation, chosen, first, n, whole=keep is not None)
        return (part.flow if keep is None else part), n  # what nobody looks at does not wait in memory

    elsewhere = counts_elsewhere(selection, workers, dask, keep is not None)
    warm_up(simulation, chosen.candidates)

    def parts(first: int, n: int) -> Iterator[tuple[Selected | CutFlow, int]]:
        if not elsewhere or n <= RANGE:
            return in_order(job, first, n, chunk, threads or default_threads())
        each = threads or (1 if dask is not None else max(1, default_threads() // workers))
        about = CountJob(
            uuid4().hex, made, d, seed, simulation.volume_m, intensity, photons, selection, selection_parameters or {},
            each, chunk, source_hash(),
        )  # fmt: skip
        return count(about, first, n, workers, dask)

    start, done = time.perf_counter(), 0
    total = most or 0 if wanted is None else wanted.total(0, math.inf)
    while done < total:
        for part, n in parts(done, total - done):
            if isinstance(part, Selected):
                flow.merge(part.flow)
                if keep is not None:
                    keep(part, part.table, part.weight)
            else:
                flow.merge(part)
            done += n
            if progress is not None:
                progress(done)
        if wanted is not None:
            total = wanted.total(done, relative_error(flow))
    flow.info["events_per_second"] = done / (time.perf_counter() - start)
    if wanted is not None:
        flow.info["precision"] = wanted.outcome(flow)
    return flow
