"""Photon veto as a weight: the probability that no photon of an event is seen.

The photons of a pi0 are turned: given the pi0, its decay is isotropic and independent of the charged particles, so that the mean
over many directions is an exact estimate with a far smaller spread than that of one. The same holds for the two photons of
K+ -> pi+ gamma gamma at leading order, whose amplitude knows their mass alone. Conversions are not thrown either:
a photon is missed with (1 - P) times its inefficiency plus P times that of its electrons. Those of STRAW 1 and 2 are
parted by the magnet and meet STRAW 3 and 4, NewCHOD and LKr by themselves; further on a pair is seen like the photon.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import KICK
from na62sim.core.elementary import sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost
from na62sim.core.matter import Radiation, conversion_depth, pair_share, radiation_spectra
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
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.annulus import in_annulus
from na62sim.geometry.lkr import in_lkr

TURNS = 100
"""Directions of a pi0 decay that are averaged, in events with a track at the LKr: others no selection of one track accepts."""
_FAR = 1e6  # mm: no track


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
    pair: float  # probability that the points of a pair, where they make no segment, are not found
    behind: FloatArray  # (2,) z of STRAW 3 and 4
    radius: float  # of the chambers
    slow: float  # momentum below which a positive segment behind the magnet rejects; a negative one always does
    newchod: float  # z, radii and inefficiency of a counter
    newchod_min: float
    newchod_max: float
    newchod_missed: float
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
    return PairArrays(
        z=np.array(straw.chamber_z_m[:2]) * m,
        depth=-np.expm1(-np.array([conversion_depth(x) for x in depth])),
        hole_x=np.array(straw.hole_x_mm) * mm,
        half_gap=straw.hole_half_size_mm * mm,
        half_length=straw.active_half_length_mm * mm,
        kick=-KICK * detector.field.mnp33.integral_Tm * m,
        magnet=detector.field.mnp33.center_z_m * m,
        segment=detector.segments.inefficiency,
        pair=detector.segments.pair_inefficiency,
        behind=np.array(straw.chamber_z_m[2:]) * m,
        radius=straw.radius_mm * mm,
        slow=detector.segments.momentum_GeV[1] * GeV,
        newchod=detector.newchod.z_m * m,
        newchod_min=detector.newchod.radius_min_mm * mm,
        newchod_max=detector.newchod.radius_max_mm * mm,
        newchod_missed=1.0 - detector.newchod.efficiency,
        radiation=radiation_spectra(),
    )


def photon_weights(
    seed: int, truth: Truth, track: Any, v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays
) -> FloatArray:
    """Probability that no generated photon of an event is seen, (n,).

    Parameters
    ----------
    track : (2, n) position (mm) at the LKr of the track that hides photons, far away where there is none
    """
    chain, n = truth.chain, len(truth.events)
    slots = [k for k, s in enumerate(chain.particles) if s.pdg == 22]
    weight = np.ones(n)
    by_pion: dict[int, list[int]] = {}
    for k in slots:
        mother = chain.parents[k]
        others = [s.name for s, parent in zip(chain.particles, chain.parents, strict=True) if parent == mother]
        whole = others in (["gamma", "gamma"], ["pi+", "gamma", "gamma"])
        by_pion.setdefault(mother if whole else -1 - k, []).append(k)
    for mother, members in by_pion.items():
        vertex = truth.vertex[chain.vertex[members[0]]]
        p = truth.p[members]
        turned = mother >= 0 and len(members) == 2
        _average(np.uint64(seed), truth.events, members[0], turned, p, vertex, track, v, c, pairs, weight)
    return weight


@formula
def _missed(d: float, energy: float, v: VetoArrays) -> float:
    """Inefficiency of the LKr for a photon that meets it at a distance d from the track."""
    if d < v.merged_low or (d < v.track_distance and energy < v.merged_energy):
        return 1.0
    return photon_inefficiency(energy, 1, v)


@formula
def _electron_unseen(
    x0: float, y0: float, tx: float, ty: float, bend: float, energy: float, near_x: float, near_y: float,
    v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays,
) -> float:  # fmt: skip
    """Probability that an electron, on the line x0, y0, tx, ty before the magnet and bent there, is not seen behind it."""
    x0, tx = x0 - bend * pairs.magnet, tx + bend
    missed, inside = 1.0, abs(ty) < 0.02 and (bend > 0.0 or energy < pairs.slow)
    for k in range(2):
        z = pairs.behind[k]
        x, y = x0 + tx * z, y0 + ty * z
        inside = (
            inside and x * x + y * y < pairs.radius**2 and straw_layers(x, y, 2 + k, pairs) >= 0.5
        )  # two views: near the hole
    if inside:
        missed *= pairs.segment
    x, y = x0 + tx * pairs.newchod, y0 + ty * pairs.newchod
    away = (x - near_x) ** 2 + (y - near_y) ** 2 > v.track_distance**2
    if away and in_annulus(x * x + y * y, pairs.newchod_min, pairs.newchod_max):
        missed *= pairs.newchod_missed
    last = v.front.size - 1  # the lead glass before the LKr
    x, y = x0 + tx * v.front[last], y0 + ty * v.front[last]
    if in_annulus(x * x + y * y, v.inner[last], v.outer[last]):
        missed *= v.lav_charged
    x, y = x0 + tx * v.irc_z, y0 + ty * v.irc_z
    if in_irc(x, y, v):
        return missed * v.irc_charged
    x, y = x0 + tx * v.lkr_z, y0 + ty * v.lkr_z
    if in_lkr(x, y, c.lkr):
        missed *= _missed(np.sqrt((x - near_x) ** 2 + (y - near_y) ** 2), energy, v)
    return missed


@formula
def _unseen(
    px: float, py: float, pz: float, e: float, x: float, y: float, z: float, a: float, near_x: float, near_y: float,
    v: VetoArrays, c: CalorimeterArrays, pairs: PairArrays,
) -> float:  # fmt: skip
    """Probability that a photon from x, y, z is not seen; ``a``: the uniform of the shares of a pair."""
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
        missed = _missed(np.sqrt((xl - near_x) ** 2 + (yl - near_y) ** 2), e, v)
    gone, pair = 0.0, 0.0
    for k in range(2):
        d = pairs.z[k] - z
        if d <= 0.0:
            continue
        share = pairs.depth[k] * straw_layers(x + tx * d, y + ty * d, k, pairs)
        gone += share
        both = 1.0
        for j in range(2):
            part = pair_share(a, pairs.radiation)
            energy = e * (part if j == 0 else 1.0 - part)
            bend = pairs.kick / max(energy, 1.0) * (1.0 if j == 0 else -1.0)
            if abs(bend) < 0.2:
                both *= _electron_unseen(x - tx * z, y - ty * z, tx, ty, bend, energy, near_x, near_y, v, c, pairs)
        # the pair crosses STRAW 2 as one; where it began in STRAW 1 the two chambers make a segment in half of the cases
        pair += share * both * pairs.pair * (0.5 + 0.5 * pairs.segment if k == 0 else 1.0)
    return (1.0 - gone) * missed + pair


@kernel
def _average(
    seed: int, number: Any, slot: int, turned: bool, p: Any, vertex: Any, track: Any, v: VetoArrays, c: CalorimeterArrays,
    pairs: PairArrays, weight: Any,
) -> None:  # fmt: skip
    """Multiply the weight of each event by the mean probability that one photon, or two of a pi0, are not seen."""
    for i in range(number.size):
        x, y, z, near_x, near_y = vertex[0, i], vertex[1, i], vertex[2, i], track[0, i], track[1, i]
        block = 1000 * slot
        if not turned or abs(near_x) > _FAR:
            a, _, _, _ = uniforms4(seed, number[i], STREAM_TURNED_PHOTONS, block)
            for j in range(p.shape[0]):
                weight[i] *= _unseen(
                    p[j, 0, i], p[j, 1, i], p[j, 2, i], p[j, 3, i], x, y, z, a, near_x, near_y, v, c, pairs
                )
            continue
        px, py, pz, e = (
            p[0, 0, i] + p[1, 0, i],
            p[0, 1, i] + p[1, 1, i],
            p[0, 2, i] + p[1, 2, i],
            p[0, 3, i] + p[1, 3, i],
        )
        mass = np.sqrt(max(e * e - px * px - py * py - pz * pz, 1.0))
        total, q = 0.0, 0.5 * mass
        for turn in range(TURNS):
            a, b, s, t = uniforms4(seed, number[i], STREAM_TURNED_PHOTONS, block + turn)
            cosine = 2.0 * a - 1.0
            sine = np.sqrt(max(1.0 - cosine * cosine, 0.0))
            sin_phi, cos_phi = sincos_turns(b)
            kx, ky, kz, ke = boost(q * sine * cos_phi, q * sine * sin_phi, q * cosine, q, px, py, pz, e, mass)
            first = _unseen(kx, ky, kz, ke, x, y, z, s, near_x, near_y, v, c, pairs)
            total += first * _unseen(px - kx, py - ky, pz - kz, e - ke, x, y, z, t, near_x, near_y, v, c, pairs)
        weight[i] *= total / TURNS
