"""Particles that cannot be the track a selection asks for: they need not be carried through the spectrometer.

The only track of an event is looked for in a range of momentum. A particle alone in its event, to which nothing happens on the
way to STRAW 4 but the Gaussian scattering in the chambers, is measured with its own momentum, within a margin of five times
the resolution that the broad component of the hits has in points of two views: for points of four views ten of its standard
deviations, more than 25 of those of other hits. Particles that may decay on the way, radiate, are scattered once by a large
angle, or are not alone, are carried on.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from hepunits import GeV, m

from na62sim.core.arrays import IntArray
from na62sim.core.constants import KICK
from na62sim.core.kernel import kernel
from na62sim.core.matter import highland
from na62sim.detector.transport.planes import STRAW4, Planes
from na62sim.detector.transport.single_scattering import can_scatter
from na62sim.detector.transport.state import FLY, LOSS, P
from na62sim.geometry import Detector

_WIDTHS = 5.0
_FEW_VIEWS = 2.0  # error of a point of two views, one of them far from its coordinate, over that of four; at most
_STEEP = 1.05  # longest path through the spectrometer over its length

Window = tuple[float, float]


@lru_cache(maxsize=64)
def doomed_outside(detector: Detector, window: Window) -> Window:
    """True momenta (MeV/c) below and above which no track is measured in a window (MeV/c) of momentum."""
    straw = detector.straw
    z = [1e3 * at for at in straw.chamber_z_m]
    point = 1e-3 * straw.chamber_resolution_um * max(straw.tail_scale, 1.0) * _FEW_VIEWS  # mm
    bend = point * math.sqrt(2.0 / (z[1] - z[0]) ** 2 + 2.0 / (z[3] - z[2]) ** 2)
    thickness = [layer.x_over_x0 for layer in detector.material.values() if layer.z_m in straw.chamber_z_m]
    kick = abs(KICK * detector.field.mnp33.integral_Tm * m)  # MeV/c
    scattered = math.sqrt(sum(highland(x) ** 2 for x in thickness if x)) / kick if kick else math.inf

    def margin(p: float) -> float:
        return _WIDTHS * math.hypot(scattered, bend * p / kick) if kick else math.inf

    low, high = window
    above = high
    for _ in range(20):  # the margin grows with the momentum that it belongs to
        above = high * (1.0 + margin(above))
        if above > 1e3 * GeV:
            return max(low * (1.0 - margin(low)), 0.0), math.inf
    return max(low * (1.0 - margin(low)), 0.0), above


@kernel
def _select(
    event: Any, pdg: Any, first: Any, p: Any, fly: Any, loss: Any, planes: Planes, low: float, high: float, rows: Any
) -> int:
    length, n, last, probability = 0.0, 0, rows.size - 1, planes.single.sum()
    for k in range(planes.z.size):
        if planes.slot[k] == STRAW4:
            length = _STEEP * (planes.z[k] - planes.z[0])
    for i in range(rows.size):
        rows[n] = i
        alone = (i == 0 or event[i - 1] != event[i]) and (i == last or event[i + 1] != event[i])
        undisturbed = (
            first[i] == 0 and fly[i] > length and abs(pdg[i]) != 11 and not can_scatter(loss[i], probability, planes)
        )
        n += not (alone and undisturbed and (p[i] < low or p[i] > high))
    return n


def not_doomed(state: Any, ids: Any, planes: Planes, outside: Window) -> IntArray:
    """Rows of the tracks at STRAW 1, in event order, that may be measured inside the window."""
    rows = np.empty(ids.shape[1], dtype=np.int64)
    n = _select(ids[0], ids[2], ids[4], state[P], state[FLY], state[LOSS], planes, *outside, rows)
    return rows[:n]
