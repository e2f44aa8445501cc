"""A run as a set of shards: each is a sample of its own, finished or not there; what is missing can be made later.

A shard is a range of events, so that it is the same bits wherever and whenever it is made: here, in other processes,
on a cluster, or again after a crash.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from na62sim.core.progress import Progress
from na62sim.core.version import program_version, source_hash
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.sample.compression import Compression, column_filters
from na62sim.sample.manifest import (
    MAX_SHARDS,
    Entry,
    ShardRun,
    drop,
    file_sha256,
    read_entries,
    read_run,
    shard_name,
    write_entry,
    write_manifest,
)
from na62sim.sample.provenance import Provenance, SampleError
from na62sim.sample.writer import SampleWriter
from na62sim.simulation.chunks import CHUNK, RUN, chunks_of, side_by_side
from na62sim.simulation.conditions import Conditions, Running, weights_asked
from na62sim.simulation.given import check_sendable, events_of
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.simulation.processes import Job, elsewhere, prepared
from na62sim.simulation.shards.folder import claim, make_folder
from na62sim.simulation.shards.lock import gate, locked
from na62sim.simulation.stages import provenance_of
from na62sim.simulation.stored import Digested, Stored, digested

SHARD_EVENTS = 100_000
"""Events per shard by default: some seconds of work, some tens of MB."""


@dataclass(frozen=True, eq=False)
class Shards:
    """The shards of a run: where they go, how they are written, and the job that makes their events in any process."""

    folder: Path
    run: ShardRun
    provenance: Provenance
    compression: Compression
    job: Job
    stored: Stored


def make_shards(
    shards: Shards, numbers: Sequence[int], simulation: Simulation, progress: Progress | None = None
) -> Iterator[Entry]:
    """Make shards one after the other; threads go on with the next one while a shard is completed."""
    run, job = shards.run, shards.job
    written = shards.stored.of(simulation.process, simulation.detector)
    written.warm_up(simulation)

    def work(first: int, n: int) -> Digested:
        return digested(simulation, first, n, written)

    ranges = chain.from_iterable(chunks_of(*run.events_of(number), written.chunk(job.chunk)) for number in numbers)
    chunks = side_by_side(work, ranges, job.threads)
    try:
        for number in numbers:
            first, n = run.events_of(number)
            path = shards.folder / f"{shard_name(number)}.h5"
            left, provenance = n, replace(shards.provenance, first_event=first)
            whole = written.skim is None
            with SampleWriter(path, provenance, shards.compression, n if whole else None, own=True) as writer:
                while left:
                    part = next(chunks)
                    writer.append(part.groups, part.n_events, part.run_digests, part.generated)
                    left -= part.n
                    if progress is not None:
                        progress(part.n)
                digests = writer.run_digests
            entry = Entry(
                path.name, first, writer.provenance.n_events, path.stat().st_size, file_sha256(path),
                writer.provenance.content_sha256, [digest.hex() for digest in digests], run.key, None if whole else n,
            )  # fmt: skip
            write_entry(shards.folder, entry)
            yield entry
    finally:
        chunks.close()


def make_shard(shards: Shards, number: int) -> int:
    """Make one shard; how many events it has. The work of another process, or of a cluster's worker."""
    try:
        simulation, _ = prepared(shards.job)
    except SampleError as error:
        raise SampleError(f"{shards.folder}: {error}") from None
    for _entry in make_shards(shards, [number], simulation):
        pass
    return shards.run.events_of(number)[1]


def simulate_shards(
    process: str | Process,
    events: int | None,
    folder: str | os.PathLike[str],
    detector: str | Detector | None = None,
    seed: int = 1,
    *,
    shard_events: int | None = None,
    shards: tuple[int, int] | None = None,
    resume: bool = False,
    force: bool = False,
    decay_volume_m: tuple[float, float] | None = None,
    intensity: float | None = None,
    photons: str = "dice",
    as_weights: str | Sequence[str] = "",
    skim: str = "",
    keep: str | Sequence[str] = (),
    narrow: bool = False,
    compression: Compression = "none",
    threads: int | None = None,
    chunk: int = CHUNK,
    workers: int = 1,
    dask: Any = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    **parameters: Any,
) -> dict[str, Any]:
    """Simulate a process into a folder of shards: one sample each, and ``manifest.json``.

    The parameters that `simulate` has mean the same here.

    Parameters
    ----------
    folder : where to; made if it does not exist
    shard_events : events per shard, a multiple of 1000; 100 000 by default, with ``resume`` what the folder has
    shards : (first, last + 1), to make these only: several jobs share a run, in one folder or in several
    resume : keep the finished shards of the folder once the SHA-256 of each file is verified
    force : start anew where there is a run already
    workers : processes, each of which makes whole shards with ``threads`` threads
    dask : ``local``, the address of a scheduler, or a ``distributed.Client``, whose workers see the same folder
    progress : called with the number of events done
    say : called with a line on what the folder holds

    Returns
    -------
    The manifest: ``complete``, ``content_sha256`` (None unless complete), ``shards``, ``run``

    Raises
    ------
    ValueError : a value outside its range
    SampleError : the folder holds another run, is being written to, or cannot be written
    """
    conditions, running = (
        Conditions(decay_volume_m, intensity, photons, weights_asked(as_weights)),
        Running(threads, chunk, workers, dask, progress),
    )
    column_filters(compression)
    folder = Path(folder) if dask is None else Path(folder).absolute()
    simulation = conditions.simulation(find_process(process, **parameters), as_detector(detector), seed)
    if shard_events is None:
        shard_events = _shard_events_of(folder) if resume and folder.is_dir() else SHARD_EVENTS
    events = events_of(simulation.process, events)
    if running.elsewhere:
        check_sendable(simulation.process)
    stored = Stored(skim, keep if isinstance(keep, str) else tuple(keep), narrow)
    written = stored.of(simulation.process, simulation.detector)
    if not isinstance(skim, str):
        raise TypeError("skim: of shards it is a name, SELECTION or SELECTION:CUT, or MODULE:FUNCTION")
    provenance = provenance_of(simulation, intensity, parameters, events, written)
    run = ShardRun(
        _what(simulation, provenance, compression) | written.about(), events, _check_shard_events(shard_events, events)
    )
    wanted = _check_range(shards, run.n_shards)
    job = Job(
        run.key, simulation.process, simulation.detector, seed, conditions, running.threads_each,
        min(chunk, run.shard_events), source_hash(),
    )  # fmt: skip
    make_folder(folder)
    with locked(folder, wanted.start, wanted.stop if len(wanted) < run.n_shards else MAX_SHARDS):
        kept = claim(folder, run, wanted, resume, force, say or (lambda _: None))
        try:
            _complete(Shards(folder, run, provenance, compression, job, stored), simulation, wanted, kept, running)
        except BaseException as error:
            with suppress(OSError):
                drop(folder, wanted, only_unfinished=True)
                error.add_note(f"{len(read_entries(folder, run))} of {run.n_shards} shards are finished and stay")
            raise
        with gate(folder):
            return write_manifest(folder, run)


def _complete(shards: Shards, simulation: Simulation, wanted: range, kept: set[int], running: Running) -> None:
    """Make the shards that are missing: here, in worker processes or on a cluster."""
    missing = [number for number in wanted if number not in kept]
    done = sum(shards.run.events_of(number)[1] for number in kept)

    def tick(n: int) -> None:
        nonlocal done
        done += n
        running.report(done)

    if kept:
        tick(0)
    if not missing:
        return
    warm_up(simulation)  # the kernels are compiled before others start
    if running.elsewhere:
        for n in elsewhere(make_shard, shards, missing, running):
            tick(n)
    else:
        for _ in make_shards(shards, missing, simulation, tick):
            pass


def _what(simulation: Simulation, provenance: Provenance, compression: Compression) -> dict[str, Any]:
    """Whatever the bits of the events depend on, and how the files are written."""
    extra = provenance.extra
    return {
        "process": extra["process"],
        "geometry": provenance.geometry_name,
        "geometry_sha256": provenance.geometry_sha256,
        "seed": provenance.seed,
        "decay_volume_m": list(simulation.volume_m),
        "photons": extra["photons"],
        "as_weights": extra["as_weights"],
        "intensity_MHz": extra["intensity_MHz"],
        "program_version": program_version(),
        "sources": source_hash(),
        "compression": compression,
    }


def _shard_events_of(folder: Path) -> int:
    """How the run in a folder is cut, if there is one."""
    try:
        there = read_run(folder)
    except SampleError as error:
        raise SampleError(f"{error}; give --shard-events to make it anew from the shards") from None
    return there.shard_events if there is not None else SHARD_EVENTS


def _check_shard_events(shard_events: int, events: int) -> int:
    if int(shard_events) != shard_events or shard_events < RUN or shard_events % RUN:
        raise ValueError(f"shard_events = {shard_events}: it must be a positive multiple of {RUN} events")
    if events > MAX_SHARDS * shard_events:
        raise ValueError(
            f"shard_events = {shard_events}: {events} events would be more than {MAX_SHARDS} shards; take larger ones"
        )
    return int(shard_events)


def _check_range(shards: tuple[int, int] | None, n_shards: int) -> range:
    if shards is None:
        return range(n_shards)
    first, last = shards
    if not 0 <= first < last <= n_shards:
        raise ValueError(f"shards = {first}:{last}: the run has {n_shards} shards, the range must lie in 0:{n_shards}")
    return range(first, last)
