"""A run as a set of shards: each is a sample of its own, finished or not there; what is missing can be made later.

A shard is a range of events, so that it is the same bits wherever and whenever it is made: here, in other processes,
on a cluster, or again after a crash.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from na62sim.compression import Compression, column_filters
from na62sim.generators.process import Process, find_process
from na62sim.geometry import Detector
from na62sim.kernel import source_hash
from na62sim.manifest import (
    MANIFEST,
    MAX_SHARDS,
    Entry,
    Run,
    drop,
    entry_run,
    file_sha256,
    our_files,
    read_entries,
    read_entry,
    read_run,
    shard_name,
    write_entry,
    write_manifest,
)
from na62sim.pipeline import (
    CHUNK,
    RUN,
    Simulation,
    check_chunk,
    check_events,
    chunks_of,
    default_threads,
    side_by_side,
    warm_up,
)
from na62sim.provenance import Provenance, SampleError
from na62sim.run_lock import gate, locked
from na62sim.sample_writer import SampleWriter
from na62sim.simulation import Digested, Progress, as_detector, digested, program_version, provenance_of
from na62sim.workers import check_workers, in_processes, on_dask

SHARD_EVENTS = 100_000
"""Events per shard by default: some seconds of work, some tens of MB."""


@dataclass(frozen=True, eq=False)
class ShardJob:
    """All that it takes to make any shard of a run, in any process."""

    folder: Path
    run: Run
    process: Process
    detector: Detector
    provenance: Provenance
    intensity: float | None
    compression: Compression
    threads: int
    chunk: int


_prepared: dict[str, Simulation] = {}  # of the run that this process makes shards of


def _simulation(job: ShardJob) -> Simulation:
    key = job.run.key
    if key not in _prepared:
        about = job.run.about
        if source_hash() != about["sources"]:
            raise SampleError(f"{job.folder}: the worker on {socket.gethostname()} runs another version of na62sim")
        simulation = Simulation(
            job.process, job.detector, about["seed"], volume_m=tuple(about["decay_volume_m"]),
            intensity=job.intensity, photons=about["photons"],
        )  # fmt: skip
        warm_up(simulation)
        _prepared.clear()
        _prepared[key] = simulation
    return _prepared[key]


def make_shards(job: ShardJob, shards: Sequence[int], progress: Progress | None = None) -> Iterator[Entry]:
    """Make shards one after the other; threads go on with the next one while a shard is completed."""
    simulation = _simulation(job)

    def work(first: int, n: int) -> Digested:
        return digested(simulation, first, n)

    ranges = chain.from_iterable(chunks_of(*job.run.events_of(shard), job.chunk) for shard in shards)
    made = side_by_side(work, ranges, job.threads)
    try:
        for shard in shards:
            first, n = job.run.events_of(shard)
            path = job.folder / f"{shard_name(shard)}.h5"
            left = n
            with SampleWriter(path, replace(job.provenance, first_event=first), job.compression, n) as writer:
                while left:
                    groups, m, digests = next(made)
                    writer.append(groups, m, digests)
                    left -= m
                    if progress is not None:
                        progress(m)
                digests = writer.run_digests
            entry = Entry(
                path.name, first, n, path.stat().st_size, file_sha256(path), writer.provenance.content_sha256,
                [digest.hex() for digest in digests], job.run.key,
            )  # fmt: skip
            write_entry(job.folder, entry)
            yield entry
    finally:
        made.close()  # type: ignore[attr-defined]


def make_shard(job: ShardJob, shard: int) -> int:
    """Make one shard; how many events it has. The work of another process, or of a cluster's worker."""
    for _ in make_shards(job, [shard]):
        pass
    return job.run.events_of(shard)[1]


def simulate_shards(
    process: str | Process,
    events: int,
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
    say : called with a line about what is found in the folder

    Returns
    -------
    The manifest: ``complete``, ``content_sha256`` (None unless complete), ``shards``, ``run``

    Raises
    ------
    ValueError : a value outside its range
    SampleError : the folder holds another run, is being written to, or cannot be written
    """
    made = find_process(process, **parameters)
    column_filters(compression)
    folder = Path(folder) if dask is None else Path(folder).absolute()
    simulation = Simulation(
        made, as_detector(detector), seed, volume_m=decay_volume_m, intensity=intensity, photons=photons
    )
    if shard_events is None:
        there = read_run(folder) if resume and folder.is_dir() else None
        shard_events = there.shard_events if there is not None else SHARD_EVENTS
    provenance = provenance_of(simulation, intensity, parameters)
    events = check_events(events)
    run = Run(_about(simulation, provenance, compression), events, _check_shard_events(shard_events, events))
    first, last = _check_range(shards, run.n_shards)
    check_workers(workers, dask)
    job = ShardJob(
        folder, run, made, simulation.detector, provenance, intensity, compression,
        threads or (1 if dask is not None else max(1, default_threads() // workers)),
        min(check_chunk(chunk), run.shard_events),
    )  # fmt: skip
    make_folder(folder)
    with locked(folder, first, last if shards is not None else MAX_SHARDS):
        kept = _claim(job, range(first, last), shards is not None, resume, force, say or (lambda _: None))
        missing = [shard for shard in range(first, last) if shard not in kept]
        done = sum(run.events_of(shard)[1] for shard in kept)

        def tick(n: int) -> None:
            nonlocal done
            done += n
            if progress is not None:
                progress(done)

        if kept:
            tick(0)
        try:
            if missing:
                warm_up(simulation)  # the kernels are compiled before others start
                _prepared.clear()
                _prepared[run.key] = simulation
            _make(job, missing, workers, dask, tick)
        except BaseException as error:
            with suppress(OSError):
                drop(folder, set(missing), only_unfinished=True)
                error.add_note(f"{len(read_entries(folder, run))} of {run.n_shards} shards are finished and stay")
            raise
        with gate(folder):
            return write_manifest(folder, run)


def _make(job: ShardJob, missing: list[int], workers: int, dask: Any, tick: Progress) -> None:
    """Make shards here, in worker processes or on a cluster."""
    if dask is not None and missing:
        for n in on_dask(make_shard, job, missing, dask):
            tick(n)
    elif workers > 1 and missing:
        for n in in_processes(make_shard, job, missing, workers):
            tick(n)
    else:
        for _ in make_shards(job, missing, tick):
            pass


def _about(simulation: Simulation, provenance: Provenance, compression: Compression) -> dict[str, Any]:
    """Whatever the bits of the events depend on, and how the files are written."""
    extra = provenance.extra
    return {
        "process": extra["process"],
        "geometry": provenance.geometry_name,
        "geometry_sha256": provenance.geometry_sha256,
        "seed": provenance.seed,
        "decay_volume_m": list(simulation.volume_m),
        "photons": extra["photons"],
        "intensity_MHz": extra["intensity_MHz"],
        "program_version": program_version(),
        "sources": source_hash(),
        "compression": compression,
    }


def _check_shard_events(shard_events: int, events: int) -> int:
    if int(shard_events) != shard_events or shard_events < RUN or shard_events % RUN:
        raise ValueError(f"shard_events = {shard_events}: it must be a positive multiple of {RUN} events")
    if events > MAX_SHARDS * shard_events:
        raise ValueError(
            f"shard_events = {shard_events}: {events} events would be more than {MAX_SHARDS} shards; take larger ones"
        )
    return int(shard_events)


def _check_range(shards: tuple[int, int] | None, n_shards: int) -> tuple[int, int]:
    if shards is None:
        return 0, n_shards
    first, last = shards
    if not 0 <= first < last <= n_shards:
        raise ValueError(f"shards = {first}:{last}: the run has {n_shards} shards, the range must lie in 0:{n_shards}")
    return first, last


def make_folder(folder: Path) -> None:
    """Make the folder of a run if it does not exist.

    Raises
    ------
    SampleError : there is a file of that name, or no folder to make it in
    """
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise SampleError(f"{folder}: there is no folder {folder.parent} to write into") from None
    except FileExistsError:
        raise SampleError(f"{folder}: is a file, not a folder") from None
    except OSError as error:
        raise SampleError(f"{folder}: cannot be written: {error.strerror}") from None


def _claim(job: ShardJob, wanted: range, part: bool, resume: bool, force: bool, say: Callable[[str], None]) -> set[int]:
    """Claim the folder for a run; the shards that are finished and verified, and stay."""
    folder, run = job.folder, job.run
    with gate(folder):
        there = _found(folder, run, resume, force)
        difference = run.difference(there) if there is not None else ""
        if difference and (part or not force):
            hint = "choose another folder" if part else "give --force to replace it"
            raise SampleError(f"{folder}: holds another run: {difference}; {hint}")
        finished = sorted(n for path, n in our_files(folder) if n in wanted and path.suffix == ".json")
        if there is not None and finished and not (resume or force):
            what = f"{len(finished)} finished shards of this run"
            raise SampleError(f"{folder}: holds {what}; give --resume to go on with it, --force to start anew")
        if there is None or difference:
            if not resume:
                drop(folder, range(MAX_SHARDS))
            write_manifest(folder, run)
        drop(folder, {-1, *wanted}, only_unfinished=True)
    kept = _verified(job, finished if resume else (), say)
    drop(folder, set(wanted) - kept)
    return kept


def _found(folder: Path, run: Run, resume: bool, force: bool) -> Run | None:
    """The run that is in the folder; None in a new one."""
    try:
        there = read_run(folder)
    except SampleError:
        if not (resume or force):
            raise
        there = None  # the entries are what counts: the manifest is made anew
    ours = list(our_files(folder))
    entries = [path for path, shard in ours if shard >= 0 and path.suffix == ".json"]
    if there is None and not force:
        if len(ours) < sum(1 for _ in folder.iterdir()):
            raise SampleError(f"{folder}: is not empty and holds no {MANIFEST}; give --force to write there")
        for path in entries:
            if entry_run(path) not in ("", run.key):
                raise SampleError(f"{folder}: holds shards of another run; give --force to replace them")
    return there


def _verified(job: ShardJob, finished: Iterable[int], say: Callable[[str], None]) -> set[int]:
    """Those of the finished shards whose whole file has the SHA-256 of its entry."""
    entries = {shard: read_entry(job.folder, job.run, shard) for shard in finished}

    def damage(entry: Entry | None) -> str:
        return "its entry is damaged" if entry is None else entry.damage(job.folder)

    with ThreadPoolExecutor(job.threads) as pool:
        found = dict(zip(entries, pool.map(damage, entries.values()), strict=True))
    for shard, text in found.items():
        if text:
            say(f"{shard_name(shard)} is made again: {text}")
    kept = {shard for shard, text in found.items() if not text}
    if kept:
        say(f"{len(kept)} finished shards of {job.run.n_shards} are verified and stay")
    return kept


def missing_shards(folder: Path, run: Run) -> list[int]:
    """Which shards of a run are not finished."""
    there = read_entries(folder, run)
    return [shard for shard in range(run.n_shards) if shard not in there]
