"""What the README shows: simulate, reconstruct, select, acceptance."""

from __future__ import annotations

import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import uuid4

from na62sim.core.kernel import announce_compiling, source_hash
from na62sim.generators.chain.process import Process, find_process
from na62sim.geometry import Detector, load_detector
from na62sim.geometry.detector import detector_from_text
from na62sim.sample.compression import Compression
from na62sim.sample.content_hash import ContentHash
from na62sim.sample.sample import Provenance, Sample, SampleWriter
from na62sim.sample.table import Table
from na62sim.selection.cutflow import CutFlow, Selection
from na62sim.selection.registry import find_selection
from na62sim.simulation.counting import RANGE, CountJob, count, counts_elsewhere
from na62sim.simulation.on_demand import Selected, run_selected
from na62sim.simulation.pipeline import (
    CHUNK,
    Reconstruction,
    Simulation,
    check_chunk,
    check_events,
    default_threads,
    in_order,
    warm_up,
)
from na62sim.simulation.precision import Precision, relative_error
from na62sim.simulation.tables import hits_of, reco_groups, sample_groups

Progress = Callable[[int], None]
DEFAULT_DETECTOR = "run1-2018-s2"


def program_version() -> str:
    """Version of the installed package."""
    try:
        return version("na62sim")
    except PackageNotFoundError:
        return "0+unknown"


def as_detector(detector: str | os.PathLike[str] | Detector | None) -> Detector:
    """A detector by name, path or object; the default data set for None."""
    if isinstance(detector, Detector):
        return detector
    return load_detector(DEFAULT_DETECTOR if detector is None else detector)  # type: ignore[arg-type]


def simulate(
    process: str | Process,
    events: int,
    detector: str | Detector | None = None,
    seed: int = 1,
    path: str | os.PathLike[str] | None = None,
    *,
    decay_volume_m: tuple[float, float] | None = None,
    intensity: float | None = None,
    photons: str = "dice",
    compression: Compression = "none",
    threads: int | None = None,
    chunk: int = CHUNK,
    progress: Progress | None = None,
    **parameters: Any,
) -> Sample:
    """Simulate a process from the beam to the trigger.

    Parameters
    ----------
    process : a name (``kpinunu``) or a `Process` of your own
    events : number of events
    detector : a data set's name, a geometry file, or a `Detector`; ``run1-2018-s2`` by default
    seed : the same seed gives the same events, on any number of threads and in any chunks
    path : file to write; None keeps the sample in memory
    decay_volume_m : where the kaon decays (m); the data set's own by default
    intensity : beam intensity (MHz); the data set's mean by default
    photons : ``dice`` or ``weight`` (see `na62sim.simulation.pipeline.Simulation`)
    compression : ``none``, ``lzf`` or ``gzip``; ``zstd`` and ``blosc`` where hdf5plugin is installed
    threads, chunk : how to run; the result does not depend on them
    progress : called with the number of events done
    parameters : of the process, masses in MeV, lifetimes in ns

    Raises
    ------
    ValueError : for any value outside its range, in one line
    """
    made = find_process(process, **parameters)
    simulation = Simulation(
        made, as_detector(detector), seed, volume_m=decay_volume_m, intensity=intensity, photons=photons
    )
    events, chunk = check_events(events), check_chunk(chunk)
    provenance = provenance_of(simulation, intensity, parameters)
    writer = SampleWriter(path, provenance, compression, events) if path is not None else None  # fails before the work

    def job(first: int, n: int) -> Digested:
        return digested(simulation, first, n)

    parts: list[dict[str, Table]] = []
    done = 0
    try:
        warm_up(simulation)
        for groups, n, digests in in_order(job, 0, events, chunk, threads or default_threads()):
            if writer is not None:
                writer.append(groups, n, digests)
            else:
                parts.append(groups)
            done += n
            if progress is not None:
                progress(done)
        if writer is not None:
            writer.close()
    except BaseException:
        if writer is not None:
            writer.abort()
        raise
    if writer is not None:
        return Sample.open(path)  # type: ignore[arg-type]
    groups = {name: Table.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Sample(groups, replace(provenance, n_events=events), events)


Digested = tuple[dict[str, Table], int, list[bytes]]


def digested(simulation: Simulation, first: int, n: int) -> Digested:
    """The groups of a sample for a range of events, how many events, and the digests of their runs."""
    groups = sample_groups(simulation.run(first, n))
    digest = ContentHash(first)
    digest.update(groups, n)
    return groups, n, digest.run_digests


def provenance_of(
    simulation: Simulation, intensity: float | None, parameters: Mapping[str, Any] | None = None
) -> Provenance:
    """What a file says of where its events come from."""
    d = simulation.detector
    extra = {
        "process": simulation.process.describe(),
        "intensity_MHz": intensity or d.beam.mean_intensity_MHz,
        "photons": "weight" if simulation.weighted else "dice",
        "parameters": dict(parameters or {}),
        "sources": source_hash(),
    }
    return Provenance(
        program_version=program_version(),
        command=shlex.join(sys.argv),
        seed=simulation.seed,
        process=simulation.process.short,
        geometry_name=d.name,
        geometry_text=d.text,
        geometry_sha256=d.sha256,
        decay_volume_m=simulation.volume_m,
        extra=extra,
    )


def detector_of(sample: Sample) -> Detector:
    """The detector a sample was made with, from the geometry text it carries."""
    return detector_from_text(sample.provenance.geometry_text, sample.provenance.geometry_name)


def reconstruct(
    sample: Sample | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    detector: str | Detector | None = None,
    chunk: int = CHUNK,
    progress: Progress | None = None,
) -> Sample:
    """Reconstruct tracks and candidates; adds the groups ``reco/tracks``, ``reco/events`` and ``reco/vertices``.

    Parameters
    ----------
    sample : a Sample, or the path of one
    path : file to write; None keeps the result in memory. The input is not changed.
    detector : what the reconstruction believes in; the one the sample was made with by default
    """
    opened = sample if isinstance(sample, Sample) else Sample.open(sample)
    if opened.provenance.extra.get("reconstructed"):
        raise ValueError("the sample is reconstructed already (it has the group reco/events)")
    reco = Reconstruction(detector_of(opened) if detector is None else as_detector(detector))
    provenance = replace(
        opened.provenance,
        command=shlex.join(sys.argv),
        first_event=opened.first_event,
        extra={**opened.provenance.extra, "reconstructed": True},
    )
    writer = SampleWriter(path, provenance) if path is not None else None
    parts: list[dict[str, Table]] = []
    done = 0
    announce_compiling()
    try:
        for part in opened.chunks(check_chunk(chunk)):
            n = len(part)
            hits = hits_of(part)
            tracks = reco.tracks(hits)
            groups = reco_groups(n, tracks, reco.candidates(n, hits, tracks), reco.vertices(n, hits, tracks))
            if writer is not None:
                writer.append({name: part[name] for name in part.groups} | groups, n)
            else:
                parts.append(groups)
            done += n
            if progress is not None:
                progress(done)
        if writer is not None:
            writer.close()
    except BaseException:
        if writer is not None:
            writer.abort()
        raise
    if writer is not None:
        return Sample.open(path)  # type: ignore[arg-type]
    added = {name: Table.concatenate([part[name] for part in parts]) for name in parts[0]}
    return replace_provenance(opened.with_groups(added), provenance)


def replace_provenance(sample: Sample, provenance: Provenance) -> Sample:
    """The same events with another provenance."""
    return Sample(sample.groups, provenance, len(sample), sample.first_event)


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
    masses = p.extra.get("process", {}).get("mass_MeV", {})
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
    CutFlow with ``info`` (process, geometry, decay volume, events per second)
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
    flow = CutFlow(chosen, info)

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
