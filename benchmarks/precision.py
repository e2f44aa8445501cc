"""CPU time to 0.1 % on the acceptance of K+ -> pi+ nu nubar: dice, and importance sampling with efficiencies as weights.

    python benchmarks/precision.py -n 5e5

On one thread, without the start and the compilation, scaled to a core on which numpy's Philox fills 228 million doubles/s. The
ways take turns, so that a change of the machine's speed is in all of them. ``dice, every cut`` follows each event to every
cut, as ``--full`` does; ``dice`` drops events early.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import na62sim as na
from na62sim.simulation.benchmark.machine import REFERENCE, yardstick

TARGET = 1e-3
WAYS: dict[str, dict[str, Any]] = {
    "dice, every cut": {"full_cutflow": True},
    "dice": {},
    "efficiencies as weights": {"as_weights": "efficiencies"},
    "importance": {"importance": True},
    "importance, efficiencies as weights": {"importance": True, "as_weights": "efficiencies"},
}


def main() -> None:
    """Measure the ways in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=float, default=5e5, help="events of each turn")
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    n, rows = int(asked.n), {name: [] for name in WAYS}  # type: ignore[var-annotated]
    for how in WAYS.values():
        na.acceptance("kpinunu", "pinunu", 1000, threads=1, **how)
    for turn in range(asked.turns):
        scale = yardstick() / REFERENCE
        for name, how in WAYS.items():
            start = time.process_time()
            a = na.acceptance("kpinunu", "pinunu", n, seed=1 + turn, threads=1, **how).acceptance
            seconds = (time.process_time() - start) * scale
            needed = n * (a.stat / a.value / TARGET) ** 2
            rows[name].append((needed, 1e6 * seconds / n, needed * seconds / n, a.value))
    print(f"{'way':<38}{'events':>10}{'µs/event':>10}{'CPU s':>8}{'times less':>12}{'A':>10}")
    first = statistics.median(row[2] for row in rows["dice, every cut"])
    for name, found in rows.items():
        events, each, seconds, value = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:<38}{events:>10.3g}{each:>10.2f}{seconds:>8.2f}{first / seconds:>12.1f}{value:>10.5f}")


if __name__ == "__main__":
    main()
