"""Throughput of the pi nu nubar chain on one core: generation, full chain, full chain with writing, each stage.

    python benchmarks/pinunu.py [--events N] [--repeat R] [--json FILE]

Rates count generated events. The yardstick is numpy's ``Generator(Philox).random``, measured next to every
repetition; a reference core fills 228 million doubles/s, and "scaled" is the rate such a core would have.
The median of the repetitions is printed; the first call of every kernel is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yardstick import REFERENCE, yardstick

import na62sim as na
from na62sim.assemble import candidate_table, sample_groups
from na62sim.content_hash import ContentHash
from na62sim.detector.respond import respond
from na62sim.detector.transport import transport_charged
from na62sim.detector.trigger import trigger_bits
from na62sim.generators.process import find_process
from na62sim.pipeline import CHUNK, Simulation, warm_up
from na62sim.sample import Provenance, SampleWriter
from na62sim.selected import run_selected
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection

TARGETS = {"kpinunu-generate": 8e6, "kpinunu-full": 0.7e6, "kpinunu-write": 0.5e6}


class Chains:
    """The chains to time, on one thread; every call makes ``events`` events."""

    def __init__(self, events: int, folder: Path) -> None:
        self.events, self.folder = events, folder
        self.detector = na.load_detector("run1-2018-s2")
        self.simulation = Simulation(find_process("kpinunu"), self.detector, seed=1)
        self.selection = find_selection("pinunu", self.detector)
        self.stages: dict[str, float] = {}
        warm_up(self.simulation)
        self.full()
        self.write()

    def ranges(self) -> list[tuple[int, int]]:
        """Chunks of the run."""
        return [(k, min(CHUNK, self.events - k)) for k in range(0, self.events, CHUNK)]

    def timed(self, name: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call a stage and add its time."""
        start = time.perf_counter()
        result = function(*args)
        self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - start
        return result

    def generate(self) -> None:
        """Beam and decay, unweighted, in the laboratory."""
        for first, n in self.ranges():
            self.simulation.generator.generate(1, first, n)

    def full(self) -> None:
        """Generation, transport, response, reconstruction, selection, trigger."""
        for first, n in self.ranges():
            run_selected(self.simulation, self.selection, first, n)

    def parts(self) -> None:
        """The stages one by one, for all events."""
        s = self.simulation
        for first, n in self.ranges():
            truth = self.timed("generate", s.generator.generate, 1, first, n)
            crossings = self.timed("transport", transport_charged, 1, truth, s.planes, s.flight, s.field)
            hits, veto = self.timed("respond", respond, 1, truth, crossings, s.generator.beam, s.response, False)
            tracks = self.timed("tracks", s.reconstruction.tracks, hits)
            self.timed("trigger", trigger_bits, 1, truth.events, hits, tracks, s.trigger)
            found = self.timed("candidates", s.reconstruction.candidates, n, hits, tracks)
            table = candidate_table(n, found)
            weight = (truth.weight * veto)[found["event"]]
            self.timed("select", CutFlow(self.selection).fill, table, weight, truth.weight)

    def write(self) -> None:
        """The full chain, and the sample (truth, beam, hits, trigger) written to a file, hashed and synced."""
        s = self.simulation
        path = self.folder / "bench.h5"
        with SampleWriter(path, Provenance(process="kpinunu")) as writer:
            for first, n in self.ranges():
                chunk = s.run(first, n)
                found = s.reconstruction.candidates(n, chunk.hits, chunk.tracks)
                weight = (chunk.truth.weight * chunk.veto_weight)[found["event"]]
                CutFlow(self.selection).fill(candidate_table(n, found), weight, chunk.truth.weight)
                groups = self.timed("tables", sample_groups, chunk)
                digest = ContentHash(first)
                self.timed("hash", digest.update, groups, n)
                self.timed("write", writer.append, groups, n, digest.run_digests)
        self.bytes_per_event = path.stat().st_size / self.events


def measure(chains: Chains, repeat: int) -> dict[str, Any]:
    """Median rates, each repetition with its own yardstick."""
    jobs = {"kpinunu-generate": chains.generate, "kpinunu-full": chains.full, "kpinunu-write": chains.write}
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    scaled: dict[str, list[float]] = {name: [] for name in jobs}
    sticks: list[float] = []
    chains.stages.clear()
    for _ in range(repeat):
        chains.parts()
        for name, job in jobs.items():
            before = yardstick()
            start = time.perf_counter()
            job()
            rate = chains.events / (time.perf_counter() - start)
            stick = 0.5 * (before + yardstick())
            sticks.append(stick)
            rates[name].append(rate)
            scaled[name].append(rate * REFERENCE / stick)
    total = repeat * chains.events
    return {
        "yardstick": {"numpy_philox_doubles_per_second": statistics.median(sticks)},
        "chains": {
            name: {
                "events_per_second": statistics.median(rates[name]),
                "scaled_events_per_second": statistics.median(scaled[name]),
                "target_scaled": TARGETS[name],
            }
            for name in jobs
        },
        "stages": {
            name: {"events_per_second": total / seconds, "ns_per_event": 1e9 * seconds / total}
            for name, seconds in chains.stages.items()
        },
        "bytes_per_event": chains.bytes_per_event,
        "events": chains.events,
        "repeat": repeat,
    }


def main() -> None:
    """Run, print a table, write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Chains(options.events, Path(folder)), options.repeat)
    print(f"yardstick: {result['yardstick']['numpy_philox_doubles_per_second'] / 1e6:.0f} million doubles/s")
    for name, chain in result["chains"].items():
        print(
            f"{name:<18} {chain['events_per_second'] / 1e6:7.3f} million events/s,"
            f" scaled {chain['scaled_events_per_second'] / 1e6:7.3f}, target {chain['target_scaled'] / 1e6:g}"
        )
    for name, stage in result["stages"].items():
        print(f"  {name:<12} {stage['ns_per_event']:8.0f} ns/event")
    print(f"{result['bytes_per_event']:.0f} bytes per event written")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
