"""Random numbers block by block and one by one: nanoseconds of CPU time for the four words of a draw group.

    python benchmarks/random_numbers.py [--rows N] [--repeat R]

The two, and numpy's Philox as the yardstick, are measured in turn; medians are printed. The machine code of the block
is searched for the products of vectors: none means that LLVM has left the loop scalar. (`na62sim bench` gives the
rates of finished uniforms and normals.)
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.caching import NullCache

from na62sim.core import rng
from na62sim.core.kernel import step

CALLS = 200
SEED, STREAM = np.uint64(1), np.uint64(2)

# compiled here and not taken from the cache: what comes from there shows no machine code
block = step(rng._fill_words.py_func)
block._cache = NullCache()


@step
def single(seed: int, stream: int, block0: Any, shift: int, events: Any, w0: Any, w1: Any, w2: Any, w3: Any) -> None:
    """The same words with the formula for a single draw."""
    for i in range(events.size):
        w0[i], w1[i], w2[i], w3[i] = rng.words(seed, events[i], stream, block0[i] + shift)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=512, help="rows of a block")
    parser.add_argument("--repeat", type=int, default=25)
    options = parser.parse_args()
    n = options.rows
    events, first = np.arange(n), np.arange(n) % 3
    words, check = np.empty((4, n), dtype=np.uint64), np.empty((4, n), dtype=np.uint64)
    generator, doubles = np.random.Generator(np.random.Philox(key=1)), np.empty(4 * n)
    jobs: dict[str, Callable[[], Any]] = {
        "block": lambda: block(SEED, STREAM, first, 0, events, *words),
        "one by one": lambda: single(SEED, STREAM, first, 0, events, *check),
        "numpy": lambda: generator.random(out=doubles),
    }
    for job in jobs.values():  # compiled here
        job()
    assert (words == check).all()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(options.repeat):
        for name, job in jobs.items():
            start = time.process_time()
            for _ in range(CALLS):
                job()
            times[name].append((time.process_time() - start) / (CALLS * n) * 1e9)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<12} {median:6.2f} ns per four words, {medians['one by one'] / median:5.2f} x one by one")
    code = "".join(block.inspect_asm().values())
    print(f"products of vectors in the block: {len(re.findall('pmuludq|pmullq|umull|umlal', code))}")


if __name__ == "__main__":
    main()
