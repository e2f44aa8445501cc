"""The chains that `na62sim bench` times, from the beam to a selection or a file, with what the machine allows them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CHAINS", "SELECTED", "TimedChain", "build_chain"]

SELECTED = {"kpinunu": "pinunu", "kpiaa": "kpiaa"}  # process and selection of the full chains
CASCADE = {"m_S": 200.0, "m_Aprime": 50.0}  # MeV
MASS_A = 100.0  # MeV, of a in kpiaa


@dataclass(frozen=True)
class TimedChain:
    """A chain to time.

    Attributes
    ----------
    run : makes so many events; returns what it counted apart: seconds of hash and sync, bytes of the file
    share : events of this chain for each one asked for, so that all chains take about as long
    limits : events per second that the machine allows, by what limits them
    on_disk : whether it waits for a disk
    clear : removes what a run has left, out of the time
    """

    run: Callable[[int], dict[str, float]]
    share: float
    limits: Callable[[Mapping[str, Any]], dict[str, float]]
    on_disk: bool = False
    clear: Callable[[], None] = lambda: None


def build_chain(name: str, folder: Path) -> TimedChain:
    """One of `CHAINS`, its kernels compiled; files go to the folder."""
    return CHAINS[name](folder)


def _ranges(events: int) -> Iterator[tuple[int, int]]:
    from na62sim.simulation.chunks import CHUNK, chunks_of

    return chunks_of(0, events, CHUNK)


def _simulation(process: str, **parameters: float) -> Any:
    from na62sim.generators.registry import find_process
    from na62sim.geometry.detector import as_detector
    from na62sim.simulation.pipeline import Simulation

    return Simulation(find_process(process, **parameters), as_detector(None), seed=1)


def _generated_limits(generator: Any) -> Callable[[Mapping[str, Any]], dict[str, float]]:
    """What random numbers and memory allow: draws of an event, and bytes of its truth."""
    from na62sim.generators.sources.kaon_beam import DICE, NORMALS

    size = _bytes(generator.generate(1, 0, 1000)) / 1000

    def limits(machine: Mapping[str, Any]) -> dict[str, float]:
        rates = machine["random_numbers_per_second"]
        uniforms = generator.chain.n_draws + 0.5 * (generator.chain.n_turns + DICE)  # those with 32 bits cost half
        seconds = uniforms / rates["uniforms"] + NORMALS / rates["normals"]
        return {"random_numbers": 1.0 / seconds, "memory": machine["copied_bytes_per_second"] / size}

    return limits


def _bytes(arrays: Any) -> float:
    """Bytes of the arrays of a dataclass or a dictionary."""
    values = arrays.values() if isinstance(arrays, dict) else (getattr(arrays, f.name) for f in fields(arrays))
    return float(sum(value.nbytes for value in values if isinstance(value, np.ndarray)))


def _generation(process: str, **parameters: float) -> TimedChain:
    """Beam and decay, unweighted, in the laboratory."""
    generator = _simulation(process, **parameters).generator

    def run(events: int) -> dict[str, float]:
        for first, n in _ranges(events):
            generator.generate(1, first, n)
        return {}

    return TimedChain(run, 8.0, _generated_limits(generator))


def _full(process: str, share: float, **parameters: float) -> TimedChain:
    """From the beam to the selection, as an acceptance runs it behind its first events: only what can be selected is made."""
    from na62sim.selection.registry import find_selection
    from na62sim.simulation.chunks import LARGE_CHUNK, RUN, chunks_of
    from na62sim.simulation.on_demand import FIRST_RUNS, run_selected
    from na62sim.simulation.pipeline import warm_up

    s = _simulation(process, **parameters)
    selection = find_selection(SELECTED[process], s.detector, s.process.mass)
    warm_up(s, selection.candidates)

    def run(events: int) -> dict[str, float]:
        for first, n in chunks_of(RUN * FIRST_RUNS, events, LARGE_CHUNK):
            run_selected(s, selection, first, n, early=True)
        return {}

    part = run_selected(s, selection, 0, 1000)
    size = sum(map(_bytes, (part.truth, part.crossings, part.tracks))) / 1000

    def limits(machine: Mapping[str, Any]) -> dict[str, float]:
        return {"memory": machine["copied_bytes_per_second"] / size}

    return TimedChain(run, share, limits)


def _written(folder: Path) -> TimedChain:
    """From the beam to the selection, with the sample (truth, beam, hits, trigger) in a file, hashed and synced."""
    from na62sim.sample.content_hash import ContentHash
    from na62sim.sample.sample import Provenance, SampleWriter
    from na62sim.selection.registry import find_selection
    from na62sim.simulation.on_demand import select_chunk
    from na62sim.simulation.pipeline import warm_up
    from na62sim.simulation.tables import sample_groups

    s = _simulation("kpinunu")
    selection = find_selection(SELECTED["kpinunu"], s.detector)
    path, provenance = folder / "bench.h5", Provenance(process="kpinunu")
    warm_up(s)
    seconds_of_hash = 0.0

    def hash_of(groups: Any, first: int, n: int) -> list[bytes]:
        nonlocal seconds_of_hash
        start, digest = time.perf_counter(), ContentHash(first)
        digest.update(groups, n)
        seconds_of_hash += time.perf_counter() - start
        return digest.run_digests

    def chunk_of(writer: SampleWriter, first: int, n: int) -> None:
        chunk = s.run(first, n)
        select_chunk(s, selection, chunk)
        groups = sample_groups(chunk)
        writer.append(groups, n, hash_of(groups, first, n))

    def run(events: int) -> dict[str, float]:
        nonlocal seconds_of_hash
        seconds_of_hash = 0.0
        with _timed_sync() as waits, SampleWriter(path, provenance, events=events, force=True) as writer:
            for first, n in _ranges(events):
                chunk_of(writer, first, n)
            writer.close()
        return {"hash": seconds_of_hash, "sync": sum(waits), "bytes": float(path.stat().st_size)}

    size = run(8000)["bytes"] / 8000

    def limits(machine: Mapping[str, Any]) -> dict[str, float]:
        disk, digest = machine["disk_bytes_per_second"]["write_and_sync"], machine["hashed_bytes_per_second"]
        return {"disk": disk / size, "hash": digest / size}

    return TimedChain(run, 2.0, limits, on_disk=True, clear=lambda: path.unlink(missing_ok=True))


@contextmanager
def _timed_sync() -> Iterator[list[float]]:
    """Seconds that the disk is waited for inside: those of every call of `os.fsync`."""
    spent: list[float] = []
    sync = os.fsync

    def timed(fd: Any) -> None:
        start = time.perf_counter()
        sync(fd)
        spent.append(time.perf_counter() - start)

    os.fsync = timed
    try:
        yield spent
    finally:
        os.fsync = sync


CHAINS: dict[str, Callable[[Path], TimedChain]] = {
    "kpinunu-generate": lambda _: _generation("kpinunu"),
    "kpinunu-full": lambda _: _full("kpinunu", 1.0),
    "kpinunu-write": _written,
    "kpis-generate": lambda _: _generation("kpis", **CASCADE),
    "kpiaa-full": lambda _: _full("kpiaa", 0.25, m_a=MASS_A),
}
"""Name to what builds it; the stages of the first full chain that is timed are the benchmark's `stages`."""
