"""Photon veto as a weight: the probability that no photon of an event is seen.

The photons of a pi0 can be turned: given the pi0, its decay is isotropic and independent of the charged particles, so that the
mean over many directions is an exact estimate with a far smaller spread than that of one. The same holds for the two photons of
K+ -> pi+ gamma gamma at leading order, whose amplitude knows their mass alone. Half of the directions are spread evenly, half
have a soft photon more often, with weights: that is how both are missed. Conversions are not thrown either:
a photon is missed with (1 - P) times its inefficiency plus P times that of its electrons. Those of STRAW 1 and 2 are
parted by the magnet and meet STRAW 3 and 4, lead glass, NewCHOD, LKr and HASC by themselves; further on a pair is seen like the
photon. Two chambers make a segment: one chamber that a pair leaves its points in does not reject an event.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm, mrad

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import KICK, KICK_PER_TM
from na62sim.core.elementary import exp, log, sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost
from na62sim.core.matter import LEAST, Radiation, conversion_depth, pair_share, radiation_spectra
from na62sim.core.rng import STREAM_TURNED_PHOTONS, uniforms4
from na62sim.detector.response.calorimeter import CalorimeterArrays
from na62sim.detector.response.veto import (
    AT_IRC,
    AT_LAV,
    AT_SAC,
    NOTHING,
    WALL,
    VetoArrays,
    in_irc,
    photon_inefficiency,
    photon_target,
)
from na62sim.detector.transport.conversion import straw_layers
from na62sim.detector.transport.decay_in_flight import STEEPEST
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.annulus import in_annulus
from na62sim.geometry.lkr import meets_lkr
from na62sim.geometry.straw import points_of_a_pair

_FAR = 1e6  # mm: no track
_UNEVEN = 0.05  # share of pairs, on either side, that are made more often
_DRAWS, _LARGE = 10, 0.02  # of the shares of a pair, where the other photon is missed with a larger probability
_SOFT = 1e-4  # share of the pi0's energy above which soft photons are made more often, the softer the more


class Hiding(NamedTuple):
    """What hides photons: the track of an event at the LKr (mm), and the most energy (MeV) that its cluster hides."""

    x: float
    y: float
    most: float


class PairArrays(NamedTuple):
    """Conversions in the chambers before the magnet, for the kernel (mm, MeV)."""

    z: FloatArray  # (2,)
    depth: FloatArray  # (2,) probability in all views of a chamber
    hole_x: FloatArray
    half_gap: float
    half_length: float
    kick: float  # of MNP33
    magnet: float
    segment: float  # probability that a segment is not found
    point: FloatArray  # (2,) probability that a pair leaves a point in the chamber it begins in: away from the hole, near it
    near_hole: FloatArray  # (4,) radius of that, of every chamber
    behind: FloatArray  # (2,) z of STRAW 3 and 4
    radius: float  # of the chambers
    slope: float  # largest of a segment
    low: float  # momenta times charge between which a segment behind the magnet rejects
    slow: float
    newchod: float  # z, radii and inefficiency of a counter
    newchod_min: float
    newchod_max: float
    newchod_missed: float
    hasc: float  # z; what charged particles are displaced there by the dipole, times momentum
    hasc_shift: float
    hasc_x_min: float
    hasc_x_max: float
    hasc_half_y: float
    hasc_missed: float
    radiation: Radiation


@lru_cache(maxsize=8)
def pair_arrays(detector: Detector) -> PairArrays:
    """Numbers of a detector."""
    straw, layer = detector.straw, detector.material
    real = [block.x_over_x0 if block.x_over_x0_real is None else block.x_over_x0_real for block in layer.values()]
    z = [block.z_m for block in layer.values()]
    depth = [
        sum(x for x, at in zip(real, z, strict=True) if abs(at - chamber) < 1.0) for chamber in straw.chamber_z_m[:2]
    ]
    bend, hasc = detector.field.bend, detector.hasc
    return PairArrays(
        z=np.array(straw.chamber_z_m[:2]) * m,
        depth=-np.expm1(-np.array([conversion_depth(x) for x in depth])),
        hole_x=np.array(straw.hole_x_mm) * mm,
        half_gap=straw.hole_half_size_mm * mm,
        half_length=straw.active_half_length_mm * mm,
        kick=-KICK * detector.field.mnp33.integral_Tm * m,
        magnet=detector.field.mnp33.center_z_m * m,
        segment=1.0 - _found(straw.view_efficiency) ** 2,
        point=np.array([points_of_a_pair(detector, 3), points_of_a_pair(detector, 2)]),
        near_hole=np.array(detector.segments.two_views_mm) * mm,
        behind=np.array(straw.chamber_z_m[2:]) * m,
        radius=straw.radius_mm * mm,
        slope=detector.segments.slope_max_mrad * mrad,
        low=detector.segments.momentum_GeV[0] * GeV,
        slow=detector.segments.momentum_GeV[1] * GeV,
        newchod=detector.newchod.z_m * m,
        newchod_min=detector.newchod.radius_min_mm * mm,
        newchod_max=detector.newchod.radius_max_mm * mm,
        newchod_missed=1.0 - detector.newchod.efficiency,
        hasc=hasc.z_m * m,
        hasc_shift=-KICK_PER_TM * bend.integral_Tm * (hasc.z_m - bend.center_z_m) * m,
        hasc_x_min=hasc.x_min_mm * mm,
        hasc_x_max=(hasc.x_min_mm + hasc.columns * hasc.module_mm) * mm,
        hasc_half_y=0.5 * hasc.rows * hasc.module_mm * mm,
        hasc_missed=1.0 - hasc.efficiency,
        radiation=radiation_spectra(),
    )


def _found(view: float) -> float:
    """Probability that a particle has hits in three of four views at least."""
    return view**4 + 4.0 * view**3 * (1.0 - view)


def photon_weights(
    seed: int, truth: Truth, track: Any, v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays, turns: int,
    pi0: bool = True,
) -> FloatArray:  # fmt: skip
    """Probability that no generated photon of an event is seen, (n,).

    Parameters
    ----------
    track : (3, n) `Hiding` of each event, far away where there is no track
    turns : directions of a pi0 decay that are averaged in events with such a track; 0: as it was generated
    pi0 : whether photons of a pi0 count
    """
    chain, n = truth.chain, len(truth.events)
    slots = [k for k, s in enumerate(chain.particles) if s.pdg == 22]
    weight = np.ones(n)
    by_pion: dict[int, list[int]] = {}
    for k in slots:
        mother = chain.parents[k]
        others = [s.name for s, parent in zip(chain.particles, chain.parents, strict=True) if parent == mother]
        if not pi0 and others == ["gamma", "gamma"]:
            continue
        whole = others in (["gamma", "gamma"], ["pi+", "gamma", "gamma"])
        by_pion.setdefault(mother if whole else -1 - k, []).append(k)
    for mother, members in by_pion.items():
        vertex = truth.vertex[chain.vertex[members[0]]]
        p = truth.p[members]
        turned = turns if mother >= 0 and len(members) == 2 else 0
        _average(np.uint64(seed), truth.events, members[0], turned, p, vertex, track, v, c, pairs, weight)
    return weight


@formula
def _missed(d: float, energy: float, most: float, v: VetoArrays) -> float:
    """Inefficiency of the LKr for a photon that meets it at a distance d from the track, which hides so much energy at most."""
    if d < v.track_distance and energy < (most if d < v.merged_low else v.merged_energy):
        return 1.0
    return photon_inefficiency(energy, 1, v)


@formula
def _electron_unseen(
    x0: float, y0: float, tx: float, ty: float, bend: float, energy: float, near: Hiding,
    v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays,
) -> tuple[float, bool, bool]:  # fmt: skip
    """An electron on the line x0, y0, tx, ty before the magnet, bent there.

    Returns
    -------
    probability that no counter or calorimeter behind it sees it, and whether it makes points of STRAW 3 and of STRAW 4
    """
    x0, tx = x0 - bend * pairs.magnet, tx + bend
    last, third = v.front.size - 1, False  # the last lead glass stands before the LKr
    for k in range(last):
        if v.front[k] < pairs.magnet:
            continue
        if v.front[k] > pairs.behind[0]:
            third = third or _point(x0 + tx * pairs.behind[0], y0 + ty * pairs.behind[0], 0, pairs)
        x, y = x0 + tx * v.front[k], y0 + ty * v.front[k]
        if in_annulus(x * x + y * y, v.inner[k], v.outer[k]):
            return v.lav_charged, third, False
        if x * x + y * y > v.outer[k] ** 2:
            return 1.0, third, False
    missed, fourth = 1.0, _point(x0 + tx * pairs.behind[1], y0 + ty * pairs.behind[1], 1, pairs)
    x, y = x0 + tx * pairs.newchod, y0 + ty * pairs.newchod
    away = (x - near.x) ** 2 + (y - near.y) ** 2 > v.track_distance**2
    if away and in_annulus(x * x + y * y, pairs.newchod_min, pairs.newchod_max):
        missed *= pairs.newchod_missed
    x, y = x0 + tx * v.front[last], y0 + ty * v.front[last]
    if in_annulus(x * x + y * y, v.inner[last], v.outer[last]):
        return missed * v.lav_charged, third, fourth
    x, y = x0 + tx * v.irc_z, y0 + ty * v.irc_z
    if in_irc(x, y, v):
        return missed * v.irc_charged, third, fourth
    x, y = x0 + tx * v.lkr_z, y0 + ty * v.lkr_z
    if meets_lkr(x, y, c.lkr):
        return missed * _missed(np.sqrt((x - near.x) ** 2 + (y - near.y) ** 2), energy, near.most, v), third, fourth
    x = x0 + tx * pairs.hasc + pairs.hasc_shift / energy * (1.0 if bend < 0.0 else -1.0)
    if pairs.hasc_x_min < x < pairs.hasc_x_max and abs(y0 + ty * pairs.hasc) < pairs.hasc_half_y:
        missed *= pairs.hasc_missed  # positive ones bend to its side, as those of the beam that lost momentum
    return missed, third, fourth


@formula
def _point(x: float, y: float, chamber: int, pairs: PairArrays) -> bool:
    """Whether a particle makes a point of STRAW 3 (0) or 4 (1): three views, or two near the hole."""
    views = straw_layers(x, y, 2 + chamber, pairs)
    near = (x - pairs.hole_x[2 + chamber]) ** 2 + y * y < pairs.near_hole[2 + chamber] ** 2
    return x * x + y * y < pairs.radius**2 and (views > 0.6 or (near and views > 0.4))


@formula
def _segment(a: float, b: float, x: float, z: float, pairs: PairArrays) -> bool:
    """Whether points at a in STRAW 3 and b in STRAW 4 have a momentum, from a vertex at x, z, that rejects an event."""
    slope = (b - a) / (pairs.behind[1] - pairs.behind[0])
    bend = slope - (a - slope * (pairs.behind[0] - pairs.magnet) - x) / (pairs.magnet - z)
    return pairs.low * bend * bend < pairs.kick * bend < pairs.slow * bend * bend


@formula
def _pair_unseen(
    x: float, y: float, z: float, tx: float, ty: float, e: float, share: float, near: Hiding,
    v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays,
) -> float:  # fmt: skip
    """Probability that nothing behind the magnet sees a pair of the photon from x, y, z; ``share`` is the positron's."""
    x0, y0 = x - tx * z, y - ty * z
    first, second = max(e * share, 1.0), max(e * (1.0 - share), 1.0)
    plus, minus = pairs.kick / first, -pairs.kick / second
    missed, a3, a4, b3, b4 = 1.0, False, False, False, False
    if abs(plus) < STEEPEST and first > LEAST:
        seen, a3, a4 = _electron_unseen(x0, y0, tx, ty, plus, first, near, v, c, pairs)
        missed *= seen
    if abs(minus) < STEEPEST and second > LEAST:
        seen, b3, b4 = _electron_unseen(x0, y0, tx, ty, minus, second, near, v, c, pairs)
        missed *= seen
    if missed == 0.0 or abs(ty) >= pairs.slope:
        return missed
    # any point of STRAW 3 makes a segment with any of STRAW 4
    d3, d4 = pairs.behind[0] - pairs.magnet, pairs.behind[1] - pairs.magnet
    x3, x4 = x0 + tx * pairs.behind[0], x0 + tx * pairs.behind[1]
    found = (
        (a3 and a4 and _segment(x3 + plus * d3, x4 + plus * d4, x, z, pairs))
        or (b3 and b4 and _segment(x3 + minus * d3, x4 + minus * d4, x, z, pairs))
        or (a3 and b4 and _segment(x3 + plus * d3, x4 + minus * d4, x, z, pairs))
        or (b3 and a4 and _segment(x3 + minus * d3, x4 + plus * d4, x, z, pairs))
    )
    return missed * (pairs.segment if found else 1.0)


@formula
def _unseen(
    px: float, py: float, pz: float, e: float, x: float, y: float, z: float, a: float, draws: int, near: Hiding,
    v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays,
) -> float:  # fmt: skip
    """Probability that a photon from x, y, z is not seen.

    Its pairs are averaged over so many draws of their shares, evenly spread by the uniform ``a``.
    """
    if pz <= 0.0:
        return 1.0
    tx, ty = px / pz, py / pz
    where, _ = photon_target(x, y, z, tx, ty, v, c)
    if where == NOTHING or where == WALL:
        return 1.0
    if where == AT_LAV:
        return photon_inefficiency(e, 0, v)
    if where == AT_IRC or where == AT_SAC:
        missed = photon_inefficiency(e, 2, v)
    else:
        d = v.lkr_z - z
        xl, yl = x + tx * d, y + ty * d
        missed = _missed(np.sqrt((xl - near.x) ** 2 + (yl - near.y) ** 2), e, near.most, v)
    gone, left, steep = 0.0, 0.0, max(abs(tx), abs(ty)) >= pairs.slope
    for k in range(2):
        d = pairs.z[k] - z
        if d <= 0.0:
            continue
        xs, ys = x + tx * d, y + ty * d
        share = (1.0 - gone) * pairs.depth[k] * straw_layers(xs, ys, k, pairs)
        gone += share
        # the pair crosses STRAW 2 as one; with a point in STRAW 1, where it began, that is a segment
        if k == 0 and not steep:
            hole = (xs - pairs.hole_x[0]) ** 2 + ys * ys < pairs.near_hole[0] ** 2
            share *= 1.0 - pairs.point[1 if hole else 0] * (1.0 - pairs.segment)
        left += share
    if left == 0.0:
        return (1.0 - gone) * missed
    both = 0.0  # of a pair, on the line of the photon wherever it begins
    for j in range(draws):
        b, uneven = uneven_pair((j + a) / draws)
        both += uneven * _pair_unseen(x, y, z, tx, ty, e, pair_share(b, pairs.radiation), near, v, c, pairs)
    return (1.0 - gone) * missed + left * both / draws


@formula
def uneven_pair(u: float) -> tuple[float, float]:
    """A uniform for the shares of a pair, and its weight: in half of the cases one electron is soft, and may be bent away."""
    if u < 0.5:
        a = 2.0 * u
    else:
        a = _UNEVEN * (4.0 * u - 2.0)
        a = a if a < _UNEVEN else 1.0 + a - 2.0 * _UNEVEN
    return a, 2.0 / (1.0 + (0.5 / _UNEVEN if min(a, 1.0 - a) < _UNEVEN else 0.0))


@formula
def soft_share(u: float) -> tuple[float, float]:
    """Share of the softer photon in a pi0 decay (the cosine of its angle is 2 x - 1), from a uniform, and its weight.

    It is even from 0 to 1/2; here in half of the cases even in log(x + `_SOFT`): a photon that soft is missed however soft it
    is, so that no pair is made seldom and has a large weight for it. The mean weight is 1.
    """
    log_range = log(1.0 + 0.5 / _SOFT)
    x = u if u < 0.5 else _SOFT * (exp((2.0 * u - 1.0) * log_range) - 1.0)
    density = 1.0 + 0.5 / ((x + _SOFT) * log_range)
    return x, 2.0 / density


@kernel
def _average(
    seed: int, number: Any, slot: int, turns: int, p: Any, vertex: Any, track: Any, v: VetoArrays, c: CalorimeterArrays,
    pairs: PairArrays, weight: Any,
) -> None:  # fmt: skip
    """Multiply the weight of each event by the probability that one photon, or two of a pi0, are not seen.

    It is averaged over ``turns`` directions of the decay, with an even number one in each of as many equal ranges.
    """
    for i in range(number.size):
        x, y, z, near = vertex[0, i], vertex[1, i], vertex[2, i], Hiding(track[0, i], track[1, i], track[2, i])
        block = 1000 * slot
        if turns == 0 or abs(near.x) > _FAR:
            a, b, _, _ = uniforms4(seed, number[i], STREAM_TURNED_PHOTONS, block)
            for j in range(p.shape[0]):
                share = a if j == 0 else b
                weight[i] *= _unseen(
                    p[j, 0, i], p[j, 1, i], p[j, 2, i], p[j, 3, i], x, y, z, share, 1, near, v, c, pairs
                )
            continue
        px, py, pz, e = (
            p[0, 0, i] + p[1, 0, i],
            p[0, 1, i] + p[1, 1, i],
            p[0, 2, i] + p[1, 2, i],
            p[0, 3, i] + p[1, 3, i],
        )
        momentum = np.sqrt(px * px + py * py + pz * pz)
        mass = np.sqrt(max(e * e - momentum * momentum, 1.0))
        # two directions across that of the pi0, which flies along z within a few mrad
        ax, ay, az = px / momentum, py / momentum, pz / momentum
        r = np.sqrt(ax * ax + az * az)
        bx, bz = az / r, -ax / r
        cx, cy, cz = ay * bz, az * bx - ax * bz, -ay * bx
        total, q = 0.0, 0.5 * mass
        for turn in range(turns):
            a, b, s, t = uniforms4(seed, number[i], STREAM_TURNED_PHOTONS, block + turn)
            soft, factor = soft_share((turn + a) / turns)
            cosine = 2.0 * soft - 1.0
            sine = np.sqrt(max(1.0 - cosine * cosine, 0.0))
            sin_phi, cos_phi = sincos_turns(b)
            f, g, h = q * sine * cos_phi, q * sine * sin_phi, q * cosine
            kx, ky, kz, ke = boost(
                f * bx + g * cx + h * ax, g * cy + h * ay, f * bz + g * cz + h * az, q, px, py, pz, e, mass
            )
            first = _unseen(kx, ky, kz, ke, x, y, z, s, 1, near, v, c, pairs)
            draws = _DRAWS if first > _LARGE else 1  # where the other photon decides
            total += factor * first * _unseen(px - kx, py - ky, pz - kz, e - ke, x, y, z, t, draws, near, v, c, pairs)
        weight[i] *= total / turns
