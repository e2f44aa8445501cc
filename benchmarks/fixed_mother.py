"""Decays of one mother of fixed momentum by the chain engine of the package: a decay alone, without a beam."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.kernel import kernel
from na62sim.core.rng import STREAM_CHAIN, fill_decays
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import ChainArrays, run_chain

LANES = 512


class FixedMother:
    """A decay of K+ with the four-momentum given (MeV), unweighted; every call makes ``n`` events in the laboratory."""

    def __init__(self, decay: str, momentum: tuple[float, float, float, float], n: int) -> None:
        process = Process(decay)
        self.chain = compile_chain(process.tree, process.species, process.amplitude)
        self.momentum, self.n = np.array(momentum), n
        self.vertex = np.zeros((self.chain.n_vertices, 4, n))

    def generate(self, seed: int, first: int) -> Any:
        """Four-momenta (slots, 4, n) of the events from ``first`` on."""
        events, p = np.arange(first, first + self.n), np.empty((self.chain.n_slots, 4, self.n))
        chain, rows = self.chain.arrays, (self.chain.n_turns, self.chain.n_draws)
        failed = _decay(np.uint64(seed), events, chain, *rows, self.momentum, p, self.vertex)
        if failed:
            raise RuntimeError(f"{failed} events exceeded the bound of the trials")
        return p


@kernel
def _decay(
    seed: int, events: Any, chain: ChainArrays, turns: int, draws: int, momentum: Any, p: Any, vertex: Any
) -> int:
    n = events.size
    u = np.empty((turns + draws, LANES))
    raw = np.empty((4, LANES), dtype=np.uint64)
    group = np.zeros(LANES, dtype=np.int64)
    mass = np.empty((chain.mass.size, LANES))
    rest = np.empty((0, 4, n))
    failed = 0
    for begin in range(0, n, LANES):
        end = min(begin + LANES, n)
        fill_decays(seed, STREAM_CHAIN, group, events[begin:end], raw, u, turns)
        for c in range(4):
            for i in range(begin, end):
                p[0, c, i] = momentum[c]
        failed += run_chain(seed, events, begin, end, chain, u, rest, mass, p, vertex)
    return failed
