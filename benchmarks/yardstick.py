"""The yardstick of the benchmarks: how fast this core fills random numbers with numpy."""

from __future__ import annotations

import time

import numpy as np

REFERENCE = 228e6  # doubles/s of numpy's Philox on the reference core


def yardstick() -> float:
    """Doubles per second that numpy's Philox generator fills, from the fastest of a few short runs."""
    generator, out = np.random.Generator(np.random.Philox(key=1)), np.empty(4096)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(400):
            generator.random(out=out)
        best = max(best, 400 * out.size / (time.perf_counter() - start))
    return best
