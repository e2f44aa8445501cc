"""Throughput of the generation of every named process on one core, beam and decay, in the laboratory.

    python benchmarks/generators.py [PROCESS ...] [--events N] [--repeat R] [--json FILE]

Rates count CPU time. The yardstick, numpy's Philox, is measured next to every repetition; "scaled" is the rate that a
core filling 228 million doubles/s would have. The median is printed; the first call of every kernel is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import na62sim as na
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process, registry
from na62sim.simulation.benchmark.machine import REFERENCE, yardstick
from na62sim.simulation.chunks import CHUNK

TARGETS = {"kpinunu": 8e6, "kpis": 6e6}
SLOW = {"kpi4e": 0.02, "k2pi-4e": 0.05, "ke4": 0.1}  # share of the events: matrix elements with trials


def measure(name: str, events: int, repeat: int) -> dict[str, float]:
    """Median rate of a process, its scaled rate, and the effective number of events of one event."""
    process = find_process(name)
    detector = na.load_detector("run1-2018-s2" if process.production is None else "dump-2021")
    generator = Generator(process, detector, (105e3, 170e3))  # mm
    chunks = max(1, int(events * SLOW.get(name, 1.0)) // CHUNK)
    effective = generator.generate(1, 0, CHUNK).n_effective / CHUNK
    rates, scaled, sticks = [], [], []
    for _ in range(repeat):
        before = yardstick()
        start = time.thread_time()
        for k in range(chunks):
            generator.generate(1, k * CHUNK, CHUNK)
        rate = chunks * CHUNK / (time.thread_time() - start)
        stick = 0.5 * (before + yardstick())
        rates.append(rate)
        scaled.append(rate * REFERENCE / stick)
        sticks.append(stick)
    return {
        "events_per_second": statistics.median(rates),
        "scaled_events_per_second": statistics.median(scaled),
        "yardstick": statistics.median(sticks),
        "effective": effective,
    }


def main() -> None:
    """Run, print a table, write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("process", nargs="*", help="all when none is given")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict[str, dict[str, float]] = {}
    for name in options.process or registry():
        found = result[f"{name}-generate"] = measure(name, options.events, options.repeat)
        target = f", target {TARGETS[name] / 1e6:g}" if name in TARGETS else ""
        print(
            f"{name + '-generate':<22} {found['events_per_second'] / 1e6:7.3f} million events/s,"
            f" scaled {found['scaled_events_per_second'] / 1e6:7.3f}{target};"
            f" yardstick {found['yardstick'] / 1e6:.0f}, effective number {found['effective']:.3f} of each event"
        )
    if options.json:
        options.json.write_text(json.dumps({"chains": result}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
