"""Throughput of the beam dump: generation, one sample per mass, one further coupling, the whole region.

    python benchmarks/dump.py [--events N] [--masses M] [--json FILE]

The yardstick is numpy's ``Generator(Philox).random``; a reference core fills 228 million doubles/s, and "scaled" is the
time on such a core. The first call of every kernel is not counted. Acceptance is by geometry.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import na62sim as na
from na62sim.generators.generate import Generator
from na62sim.generators.processes.dark_photon import ctau
from na62sim.generators.registry import find_process
from na62sim.simulation.benchmark.machine import REFERENCE, yardstick
from na62sim.study.dump.exclusion import exclude
from na62sim.study.dump.samples import channel_samples

COUPLINGS = np.geomspace(1e-8, 1e-4, 60)
VOLUME = (105e3, 180e3)  # mm


def generation(events: int) -> dict[str, float]:
    """Events per second of each production on one thread."""
    rates = {}
    for name in ("aprime-brems", "aprime-meson", "alp-b"):
        generator = Generator(find_process(name), na.load_detector("dump-2021"), VOLUME)
        generator.generate(1, 0, 10)
        start = time.perf_counter()
        for first in range(0, events, 8000):
            generator.generate(1, first, min(8000, events - first))
        rates[name] = events / (time.perf_counter() - start)
    return rates


def main() -> None:
    """Read the command line, time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="per mass")
    parser.add_argument("--masses", type=int, default=40)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    detector = na.load_detector("dump-2021")
    scale = yardstick() / REFERENCE
    rates = generation(arguments.events)
    seconds = {}
    samples = {}
    for channel, low in (("mumu", 215.0), ("ee", 10.0)):
        masses = np.linspace(low, 600.0, arguments.masses).tolist()
        channel_samples(masses[:1], detector, channel, events=1000)
        start = time.perf_counter()
        samples[channel] = channel_samples(masses, detector, channel, events=arguments.events)
        seconds[f"samples {channel}"] = time.perf_counter() - start
    sample = samples["ee"][len(samples["ee"]) // 2]
    length = ctau(sample.mass, 1e-6)
    sample.probability(length)
    start = time.perf_counter()
    for _ in range(100):
        sample.probability(length)
    seconds["one coupling"] = (time.perf_counter() - start) / 100
    start = time.perf_counter()
    region = exclude(samples, detector, COUPLINGS)
    seconds["region"] = time.perf_counter() - start
    print(f"yardstick {scale:.2f} of the reference core; {arguments.masses} masses, {arguments.events} events each")
    for name, rate in rates.items():
        print(f"{name:14s} {rate / 1e6:6.2f} M events/s, scaled {rate / scale / 1e6:6.2f}")
    for name, value in seconds.items():
        print(f"{name:14s} {value:9.5f} s, scaled {value * scale:9.5f}")
    print(f"total          {sum(seconds.values()):9.5f} s; {sample.reach.size} accepted events in the timed sample")
    if arguments.json:
        result = {"yardstick": scale, "rates": rates, "seconds": seconds, "region": region.to_dict()}
        arguments.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
