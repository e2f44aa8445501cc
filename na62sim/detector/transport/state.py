"""Tracks on their way through the planes: the state of a block of them, and where they crossed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.constants import KICK, LIGHT
from na62sim.core.kernel import formula
from na62sim.detector.transport.planes import N_SLOTS

PIPE2 = 150.0**2  # mm^2, of the beam pipe at the LKr with a margin: only what goes down it can reach the HASC

# rows of the state of a track, at STRAW 1 and on the way; what follows LOSS depends on its momentum and kind alone
(
    X, Y, U, V, P, T, FLY, LOSS, MASS, BEND, SLOWNESS, SCATTER, PION, ELECTRON, SINGLE_AT, SINGLE_U, SINGLE_V,
) = range(17)  # fmt: skip
N_ROWS = 17
NEVER = 2.0  # above any probability: no interaction
GIVEN = 8  # of them are carried from one range of planes to the next


class PlaneCrossings(NamedTuple):
    """Where tracks crossed the measuring planes of `planes.py`."""

    x: FloatArray  # (13, n) mm; nan at planes that were not crossed
    y: FloatArray
    u: FloatArray  # (4, n) direction cosines at the STRAW chambers
    v: FloatArray
    pdg: IntArray  # (3, n) PDG code at STRAW 1, in the RICH and at the LKr (a decay in flight changes it)
    p: FloatArray  # (3, n) momentum there, MeV/c
    ring: FloatArray  # (2, n) direction cosines in the RICH
    first: IntArray  # (n,) the measuring planes [first, last) were crossed
    last: IntArray
    time: FloatArray  # (n,) ns, at STRAW 1; of a track that began behind it, less the flight of light from there
    weight: FloatArray  # (n,) 1 unless kinematic tails are forced


def empty_crossings(n: int) -> PlaneCrossings:
    """Room for n tracks."""
    return PlaneCrossings(
        np.empty((N_SLOTS, n)), np.empty((N_SLOTS, n)), np.empty((4, n)), np.empty((4, n)),
        np.empty((3, n), dtype=np.int64), np.empty((3, n)), np.empty((2, n)), np.empty(n, dtype=np.int64),
        np.empty(n, dtype=np.int64), np.empty(n), np.ones(n),
    )  # fmt: skip


@formula
def by_momentum(lane: Any, i: int, pdg: int, charge: int) -> None:
    """What changes only when the track decays or radiates."""
    p, m = lane[P, i], lane[MASS, i]
    lane[BEND, i], lane[SCATTER, i] = KICK * charge / p, np.sqrt(p * p + m * m) / (p * p)
    lane[SLOWNESS, i] = np.sqrt(p * p + m * m) / (p * LIGHT)
    lane[PION, i], lane[ELECTRON, i] = (
        1.0 if abs(pdg) == 211 or abs(pdg) == 321 else 0.0,
        1.0 if abs(pdg) == 11 else 0.0,
    )
