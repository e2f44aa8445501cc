"""Single Coulomb scatterings in the STRAW chambers by more than four Highland angles: the tail that a Gaussian lacks.

A track has at most one: two have a probability of 1e-3. With forced tails the draw is a mixture, with exact weights: a
share of the tracks scatters in STRAW 1 by an angle that is flat in its logarithm, where Rutherford's law is 1/theta^3. Half of
the angles there lie near the plane of the track and the beam: these change the missing mass and leave the track at the kaon's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import exp, log, sincos_turns
from na62sim.core.kernel import formula, step
from na62sim.core.rng import STREAM_SINGLE, fill_uniforms, uniforms4
from na62sim.detector.transport.planes import Planes
from na62sim.detector.transport.state import LOSS, SCATTER, SINGLE_AT, SINGLE_U, SINGLE_V, U, V

SHARE = 0.3  # of the forced draws in the mixture
FURTHEST = 100.0  # largest forced angle over the smallest: three pions need 20 and more
ARC = 0.2  # rad, from that plane to either side
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


@formula
def draw_turn(a: float, plane_x: float, plane_y: float) -> tuple[float, float, float]:
    """Cosine and sine of the azimuth of a forced scattering, from a uniform, and its weight; the plane as a direction."""
    turn, near = 2.0 * a, False
    if a >= 0.5:
        turn, near = 2.0 * a - 1.0, True
    sine, cosine = sincos_turns(turn)
    r = np.sqrt(plane_x * plane_x + plane_y * plane_y)
    if r == 0.0:
        return cosine, sine, 1.0
    px, py = plane_x / r, plane_y / r
    if near:  # the first half of the turn about the direction, the second about its opposite
        sign = 1.0 if turn < 0.5 else -1.0
        s, c = sincos_turns((2.0 * (turn if turn < 0.5 else turn - 0.5) - 0.5) * ARC / np.pi)
        cosine, sine = sign * (c * px - s * py), sign * (c * py + s * px)
    inside = abs(px * sine - py * cosine) < np.sin(ARC)
    return cosine, sine, 1.0 / (0.5 + (0.25 * np.pi / ARC if inside else 0.0))


@formula
def spare_uniform(loss: float) -> float:
    """A uniform from the lower half of the 53 bits of the one that decides about hadronic interactions: independent of it."""
    s = loss * 2.0**26
    return s - np.floor(s)


@formula
def can_scatter(loss: float, probability: float, planes: Planes) -> bool:
    """Whether the uniform of a track may make a single scattering; false for most. ``probability`` : sum of all chambers."""
    return planes.forced or spare_uniform(loss) < probability


@formula
def _chamber_of(ratio: float, rest: float, planes: Planes) -> tuple[int, float]:
    """Chamber of a scattering, and angle over the smallest there: a ratio is of STRAW 1, 0 leaves it to another uniform.

    Chamber 4 is for none.
    """
    if ratio > 0.0:
        return 0, ratio
    for chamber in range(1, 4):
        if rest < planes.single[chamber]:
            return chamber, 1.0 / np.sqrt(max(rest / planes.single[chamber], 1e-9))
        rest -= planes.single[chamber]
    return 4, 0.0


@formula
def scattering_of(loss: float, planes: Planes) -> tuple[int, float]:
    """The same from the uniform of a track that `can_scatter`, where tails are not forced."""
    a, first = spare_uniform(loss), planes.single[0]
    return _chamber_of(draw_ratio(a, 0.0, first, False), (a - first) / (1.0 - first), planes)


@step
def draw_single_scatterings(
    seed: int, group: Any, number: Any, state: Any, planes: Planes, raw: Any, u: Any, lane: Any, weight: Any, who: Any
) -> int:
    """Chamber and angles times p beta (MeV) of the scattering of each track of a block that has one.

    Parameters
    ----------
    state : (>= 8, n) at STRAW 1; the lower bits of the uniform that decides about hadronic interactions decide here
    weight : (n,) is overwritten with the weight of each track, 1 unless tails are forced
    who : (>= n,) receives the lanes of the tracks that scatter

    Returns
    -------
    how many do
    """
    if planes.forced:
        fill_uniforms(seed, STREAM_SINGLE, group, number, raw, u)
    loss = state[LOSS]
    m, probability, first = 0, planes.single.sum(), planes.single[0]
    for i in range(number.size):
        weight[i] = 1.0
        if not can_scatter(loss[i], probability, planes):
            continue
        if planes.forced:
            turn, ratio = u[3, i], draw_ratio(u[0, i], u[1, i], first, True)
            weight[i] = forced_weight(ratio, first)
            chamber, ratio = _chamber_of(ratio, u[2, i], planes)
        else:
            turn, _, _, _ = uniforms4(seed, number[i], STREAM_SINGLE, group[i])
            chamber, ratio = scattering_of(loss[i], planes)
        if chamber == 4:
            continue
        if planes.forced and chamber == 0:
            cosine, sine, factor = draw_turn(turn, state[U, i] - planes.beam_slope, state[V, i])
            weight[i] *= factor
        else:
            sine, cosine = sincos_turns(turn)
        angle = planes.smallest[chamber] * ratio
        lane[SINGLE_AT, i], lane[SINGLE_U, i], lane[SINGLE_V, i] = chamber, angle * cosine, angle * sine
        who[m] = i
        m += 1
    return m


@step
def scatter_once(chamber: int, i: int, lane: Any) -> None:
    """Turn a track in the chamber that was drawn for it."""
    if lane[SINGLE_AT, i] == chamber:
        du, dv = lane[SINGLE_U, i] * lane[SCATTER, i], lane[SINGLE_V, i] * lane[SCATTER, i]
        if du * du + dv * dv < LARGEST**2:
            lane[U, i] += du
            lane[V, i] += dv
