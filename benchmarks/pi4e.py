"""Throughput of the five-track chain on one core: generation of S -> A' A' -> 4e, full chain of K+ -> pi+ aa, stages.

    python benchmarks/pi4e.py [--mass M] [--events N] [--repeat R] [--json FILE]

Rates count generated events, the median of the repetitions; "scaled" is the rate of a core on which numpy's Philox
fills 228 million doubles/s (see yardstick.py, measured next to every repetition).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yardstick import REFERENCE, yardstick

import na62sim as na
from na62sim.detector.respond import respond_behind
from na62sim.detector.tracker import straw_hits
from na62sim.detector.transport import transport_charged
from na62sim.generators.process import find_process
from na62sim.pipeline import CHUNK, Simulation, warm_up
from na62sim.selected import run_selected
from na62sim.selection.registry import find_selection

TARGETS = {"kpis-generate": 6e6, "kpiaa-full": 300e3}


class Chains:
    """The chains to time, on one thread."""

    def __init__(self, mass: float, events: int) -> None:
        self.detector, self.events = na.load_detector("run1-2018-s2"), events
        cascade = find_process("kpis", m_S=200.0, m_Aprime=50.0)
        self.cascade = Simulation(cascade, self.detector, seed=1)
        process = find_process("kpiaa", m_a=mass)
        self.simulation = Simulation(process, self.detector, seed=1)
        self.selection = find_selection("kpiaa", self.detector, process.mass)
        warm_up(self.cascade)
        warm_up(self.simulation, self.selection.candidates)

    def over(self, job: Callable[[int, int], Any], times: int = 1) -> Callable[[], int]:
        """A job over all chunks; returns the number of events."""

        def run() -> int:
            n = times * self.events
            for first in range(0, n, CHUNK):
                job(first, min(CHUNK, n - first))
            return n

        return run

    def jobs(self) -> dict[str, Callable[[], int]]:
        """What is timed, by name."""
        s, generate = self.simulation, self.cascade.generator.generate
        return {
            "kpis-generate": self.over(lambda first, n: generate(1, first, n), times=10),
            "kpiaa-full": self.over(lambda first, n: run_selected(s, self.selection, first, n)),
        }

    def stages(self) -> dict[str, float]:
        """Nanoseconds per event of the stages; straw hits and tracks of events that can have five, behind it all events."""
        s, spent = self.simulation, dict.fromkeys(("generate", "transport", "straw", "tracks", "response behind"), 0.0)

        def timed(name: str, function: Callable[..., Any], *args: Any) -> Any:
            start = time.perf_counter()
            result = function(*args)
            spent[name] += time.perf_counter() - start
            return result

        least = self.selection.tracks[0]
        for first in range(0, self.events, CHUNK):
            n = min(CHUNK, self.events - first)
            truth = timed("generate", s.generator.generate, 1, first, n)
            crossings = timed("transport", transport_charged, 1, truth, s.planes, s.flight, s.field)
            hits = {"straw": timed("straw", straw_hits, 1, truth, crossings, s.response.straw, least)}
            timed("tracks", s.reconstruction.tracks, hits, least)
            timed("response behind", respond_behind, 1, truth, crossings, s.generator.beam, s.response, False)
        return {name: 1e9 * seconds / self.events for name, seconds in spent.items()}


def measure(chains: Chains, repeat: int) -> dict[str, Any]:
    """Median rates, each repetition with its own yardstick."""
    rates: dict[str, list[tuple[float, float]]] = {}
    for name, job in chains.jobs().items():
        job()
        for _ in range(repeat):
            before, start = yardstick(), time.perf_counter()
            n = job()
            rate = n / (time.perf_counter() - start)
            rates.setdefault(name, []).append((rate, rate * REFERENCE / (0.5 * (before + yardstick()))))
    return {
        "chains": {
            name: {
                "events_per_second": statistics.median(rate for rate, _ in found),
                "scaled_events_per_second": statistics.median(scaled for _, scaled in found),
                "target_scaled": TARGETS[name],
            }
            for name, found in rates.items()
        },
        "stages_ns": chains.stages(),
    }


def main() -> None:
    """Run, print a table, write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mass", type=float, default=100.0, help="of a (MeV)")
    parser.add_argument("--events", type=int, default=160_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(Chains(options.mass, options.events), options.repeat)
    for name, chain in result["chains"].items():
        print(
            f"{name:<18} {chain['events_per_second'] / 1e6:7.3f} million events/s,"
            f" scaled {chain['scaled_events_per_second'] / 1e6:7.3f}, target {chain['target_scaled'] / 1e6:g}"
        )
    for name, nanoseconds in result["stages_ns"].items():
        print(f"  {name:<16} {nanoseconds:8.0f} ns/event")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
