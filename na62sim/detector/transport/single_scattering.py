"""Single Coulomb scatterings in the STRAW chambers by more than four Highland angles: the tail that a Gaussian lacks.

A track has at most one: two have a probability of 1e-3. With forced tails the draw is a mixture, with exact weights: a
share of the tracks scatters in STRAW 1 by an angle that is flat in its logarithm, where Rutherford's law is 1/theta^3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import exp, log, sincos_turns
from na62sim.core.kernel import formula, step
from na62sim.core.rng import STREAM_SINGLE, fill_uniforms
from na62sim.detector.transport.planes import Planes
from na62sim.detector.transport.state import SCATTER, SINGLE_AT, SINGLE_U, SINGLE_V, U, V

SHARE = 0.3  # of the forced draws in the mixture
FURTHEST = 20.0  # largest forced angle over the smallest
LARGEST = 0.05  # rad: beyond, a small-angle law does not hold and no track is found


@formula
def forced_weight(ratio: float, probability: float) -> float:
    """Weight of a scattering at ``ratio`` times the smallest angle in the layer whose tail is forced (0: none there)."""
    forced = 0.0
    if 1.0 <= ratio < FURTHEST:
        forced = ratio * ratio / (2.0 * probability * log(FURTHEST))  # over 2 P / ratio^2, per unit of the logarithm
    return 1.0 / (1.0 - SHARE + SHARE * forced)


@formula
def draw_ratio(a: float, b: float, probability: float, forced: bool) -> float:
    """Angle over the smallest in a layer, 0 for no single scattering, from two uniforms; see `forced_weight`."""
    if forced:
        if a < SHARE:
            return exp(b * log(FURTHEST))
        a = (a - SHARE) / (1.0 - SHARE)
    return 1.0 / np.sqrt(max(a / probability, 1e-9)) if a < probability else 0.0


@step
def draw_single_scatterings(
    seed: int, group: Any, number: Any, planes: Planes, raw: Any, u: Any, lane: Any, weight: Any
) -> None:
    """Chamber (-1 for none) and angles times p beta (MeV) of the scattering of each track of a block.

    ``weight`` : (n,) is overwritten with the weight of each track, 1 unless tails are forced
    """
    fill_uniforms(seed, STREAM_SINGLE, group, number, raw, u)
    for i in range(number.size):
        lane[SINGLE_AT, i], weight[i] = -1.0, 1.0
        rest, chamber = u[0, i], 0
        ratio = draw_ratio(rest, u[1, i], planes.single[0], planes.forced)
        if planes.forced:
            weight[i] = forced_weight(ratio, planes.single[0])
        if ratio == 0.0:
            rest, chamber = u[2, i], 1
            while chamber < 4 and rest >= planes.single[chamber]:
                rest -= planes.single[chamber]
                chamber += 1
            if chamber == 4:
                continue
            ratio = 1.0 / np.sqrt(max(rest / planes.single[chamber], 1e-9))
        sine, cosine = sincos_turns(u[3, i])
        angle = planes.smallest[chamber] * ratio
        lane[SINGLE_AT, i], lane[SINGLE_U, i], lane[SINGLE_V, i] = chamber, angle * cosine, angle * sine


@step
def scatter_once(chamber: int, i: int, lane: Any) -> None:
    """Turn a track in the chamber that was drawn for it."""
    if lane[SINGLE_AT, i] == chamber:
        du, dv = lane[SINGLE_U, i] * lane[SCATTER, i], lane[SINGLE_V, i] * lane[SCATTER, i]
        if du * du + dv * dv < LARGEST**2:
            lane[U, i] += du
            lane[V, i] += dv
