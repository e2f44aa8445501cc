"""LKr, MUV1 and MUV2 responses to charged tracks; clusters of photons are made in `veto.py`.

Hadron response (shape of E/p, share of minimum ionising pions) has no readable source and is marked assumed
in the geometry. The outcome of the calorimetric pion identification is thrown as dice with the published
efficiency and mis-identification, and travels with the cluster as `pion_like`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm
from scipy.special import betaincinv

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import LIGHT
from na62sim.core.elementary import log, sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.rng import STREAM_CALORIMETER, fill_draws
from na62sim.core.sampling import BINS, quantile
from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.response.counter import ALONE, IN_CLUSTER, muv3_uniform, ramp
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import LKR, MUV1, MUV2
from na62sim.detector.transport.track_block import BLOCK, Tracks, next_tracks, track_block
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.lkr import LkrArrays, energy_sigma, lkr_arrays, meets_lkr, position_sigma, time_sigma

NEAREST, FURTHER = 150.0, 200.0  # mm, from a pion's cluster to another one of its shower


class CalorimeterArrays(NamedTuple):
    """LKr and MUV1/2 numbers for the kernels (MeV, mm, ns)."""

    lkr: LkrArrays
    efficiency: float
    mip: float
    mip_width: float
    mip_fraction: float
    hadron: FloatArray  # quantiles of E/p of showering pions
    pion_like: float
    muon_like: float
    electron_like: float
    quiet: float  # probability of no activity from the pion's own shower
    satellite: float  # mean energy of that activity
    threshold: float  # photon threshold
    muv_stochastic: float
    muv_noise: float
    muv_constant: float
    muv_half_side: float
    muv_share: float  # MUV1's share of the hadronic energy
    muv_mip: float
    muv_extra: float  # energy of other particles that is allowed there
    flight: float  # ns, from STRAW 1 to the LKr at the speed of light
    merge: float  # distance below which two clusters are one
    muv3: float  # efficiency for a muon, and the momenta between which it rises to that
    turn_on: float
    full: float


@lru_cache(maxsize=8)
def calorimeter_arrays(detector: Detector) -> CalorimeterArrays:
    """Calorimeter numbers of a detector."""
    lkr, muv = detector.lkr, detector.muv12
    mean, var = lkr.hadron_eop_mean, lkr.hadron_eop_rms**2
    scale = mean * (1.0 - mean) / var - 1.0
    return CalorimeterArrays(
        lkr=lkr_arrays(detector),
        efficiency=lkr.efficiency,
        mip=lkr.mip_energy_GeV * GeV,
        mip_width=lkr.mip_width_GeV * GeV,
        mip_fraction=lkr.hadron_mip_fraction,
        hadron=betaincinv(mean * scale, (1.0 - mean) * scale, np.linspace(0.0, 1.0, BINS + 1)),
        pion_like=lkr.pion_identification,
        muon_like=lkr.muon_misid,
        electron_like=lkr.electron_misid,
        quiet=lkr.satellite.efficiency,
        satellite=lkr.satellite.mean_energy_GeV * GeV,
        threshold=lkr.photon_min_GeV * GeV,
        muv_stochastic=muv.stochastic,
        muv_noise=muv.noise_GeV,
        muv_constant=muv.constant,
        muv_half_side=muv.half_side_mm * mm,
        muv_share=muv.muv1_share,
        muv_mip=muv.mip_energy_GeV * GeV,
        muv_extra=muv.extra_max_GeV * GeV,
        flight=(lkr.z_m - detector.straw.chamber_z_m[0]) * m / LIGHT,
        merge=lkr.merge_distance_mm * mm,
        muv3=detector.muv3.efficiency,
        turn_on=detector.muv3.turn_on_GeV[0] * GeV,
        full=detector.muv3.turn_on_GeV[1] * GeV,
    )


class AtLkr(NamedTuple):
    """Position (mm) and momentum (MeV) of each track at the LKr, with the photons that are in its cluster."""

    x: FloatArray
    y: FloatArray
    p: FloatArray


class Clusters(NamedTuple):
    """LKr clusters (MeV, mm, ns); ``event`` is the index in the chunk."""

    event: Any
    energy: Any
    x: Any
    y: Any
    time: Any
    pion_like: Any


class MuvEnergies(NamedTuple):
    """Energies in MUV1 and MUV2 (MeV)."""

    event: Any
    energy1: Any
    energy2: Any


def calorimeter_hits(
    seed: int,
    truth: Truth,
    tracks: Crossings,
    arrays: CalorimeterArrays,
    at_lkr: AtLkr,
    carried: AsWeights,
    beside: Any,
    allowed: Any,
    weight: FloatArray,
) -> dict[str, dict[str, Any]]:
    """LKr clusters of tracks (``lkr``, see `Clusters`) and energies behind it (``muv12``, see `MuvEnergies`).

    An electron deposits all its energy in the LKr and nothing behind it. The (n,) weights of the events are multiplied by what
    is carried in them: of the particles ``beside`` the track of an event that the LKr does not see them, and that hadrons have
    left no more energy behind it than is ``allowed`` (MeV).
    """
    rows = len(tracks.event)
    event, values = np.empty(2 * rows, dtype=np.int64), np.empty((4, 2 * rows), dtype=np.float32)
    clusters = Clusters(event, values[0], values[1], values[2], values[3], np.empty(2 * rows, dtype=np.uint8))
    muv = MuvEnergies(np.empty(rows, dtype=np.int64), *np.empty((2, rows), dtype=np.float32))
    n, k = _calorimeters(
        np.uint64(seed), tracks.tracks(truth), at_lkr, arrays, carried, beside, allowed, clusters, muv, weight
    )
    return {
        "lkr": {name: column[:n] for name, column in clusters._asdict().items()},
        "muv12": {name: column[:k] for name, column in muv._asdict().items()},
    }


@formula
def _little_left(p: float, allowed: float, c: CalorimeterArrays) -> float:
    """Probability that a hadron leaves less than an energy behind the LKr: it showers in it, or passes with little."""
    share = 1.0 - allowed / p
    if share <= 0.0:
        return 1.0
    k = np.searchsorted(c.hadron, share)  # its energy in the LKr is above so many quantiles
    return (1.0 - c.mip_fraction) * (1.0 - min(k / BINS, 1.0)) + (c.mip_fraction if p - c.mip < allowed else 0.0)


@kernel
def _calorimeters(
    seed: int, tracks: Tracks, at_lkr: AtLkr, c: CalorimeterArrays, carried: AsWeights, beside: Any, allowed: Any,
    clusters: Clusters, muv: MuvEnergies, weight: Any,
) -> tuple[int, int]:  # fmt: skip
    event_in, last, t, pdg = tracks.event, tracks.at.last, tracks.at.time, tracks.at.pdg
    x, y, p, x_muv, y_muv = at_lkr.x, at_lkr.y, at_lkr.p, tracks.at.x[MUV1], tracks.at.y[MUV1]
    event, out_e, out_x, out_y = clusters.event, clusters.energy, clusters.x, clusters.y
    out_t, flag = clusters.time, clusters.pion_like
    muv_event, muv1, muv2 = muv.event, muv.energy1, muv.energy2
    k, j = 0, 0
    u, g = np.empty((8, BLOCK)), np.empty((6, BLOCK), dtype=np.float32)
    block = track_block()
    rows = block.rows
    begin = 0
    while begin < event_in.size:
        m, begin = next_tracks(begin, LKR, tracks, block)
        fill_draws(seed, STREAM_CALORIMETER, block.group[:m], block.number[:m], u, g)
        for i in range(m):
            n = rows[i]
            px, py, kind, momentum = x[n], y[n], abs(pdg[2, n]), p[n]
            in_muv = (
                abs(x_muv[n]) <= c.muv_half_side and abs(y_muv[n]) <= c.muv_half_side
            )  # not where it was born behind
            if beside[n] == ALONE or beside[n] == IN_CLUSTER:
                if meets_lkr(px, py, c.lkr):
                    weight[event_in[n]] *= 1.0 - c.efficiency
                    if in_muv and last[n] > MUV2 and (kind == 211 or kind == 321):
                        weight[event_in[n]] *= _little_left(momentum, allowed[n], c)
                continue
            energy, like = 0.0, 0.0
            if kind == 211 or kind == 321:
                shower = u[0, i] >= c.mip_fraction
                energy = quantile(c.hadron, u[1, i]) * momentum if shower else c.mip + c.mip_width * g[0, i]
                like = c.pion_like
            elif kind == 13:
                energy, like = c.mip + c.mip_width * g[0, i], c.muon_like
                if not carried.identification:  # the number is that of a muon without MUV3 hit
                    hit = muv3_uniform(seed, block.number[i], block.group[i]) < c.muv3 * ramp(
                        momentum, c.turn_on, c.full
                    )
                    silent = 1.0 - c.muv3 * ramp(momentum, c.turn_on, c.full)
                    like = 0.0 if hit else min(c.muon_like / max(silent, 1e-9), 1.0)
            else:
                energy, like = momentum + energy_sigma(momentum, c.lkr) * g[0, i], c.electron_like
            deposited = min(energy, momentum)
            if meets_lkr(px, py, c.lkr) and u[2, i] < c.efficiency:
                s = position_sigma(energy, c.lkr)
                event[k], out_e[k] = event_in[n], max(energy, 0.0)
                out_x[k], out_y[k] = px + s * g[1, i], py + s * g[2, i]
                out_t[k] = t[n] + c.flight + time_sigma(energy, c.lkr) * g[3, i]
                told = carried.efficiencies if kind == 211 or kind == 321 else carried.identification
                if told:
                    weight[event_in[n]] *= like
                flag[k] = 1 if told or u[3, i] < like else 0
                k += 1
                hadron = kind == 211 or kind == 321
                if hadron and carried.efficiencies:
                    weight[event_in[n]] *= c.quiet
                elif hadron and u[4, i] >= c.quiet:  # part of the shower is found as another cluster
                    sine, cosine = sincos_turns(u[5, i])
                    r = NEAREST + FURTHER * u[6, i]
                    event[k], out_e[k] = event_in[n], c.threshold - c.satellite * log(1.0 - u[7, i])
                    out_x[k], out_y[k] = px + r * cosine, py + r * sine
                    out_t[k] = t[n] + c.flight + time_sigma(out_e[k], c.lkr) * g[4, i]
                    flag[k] = 0
                    k += 1
            if last[n] <= MUV2 or not in_muv:
                continue
            if kind == 211 or kind == 321:
                left = (momentum - deposited) * 1e-3
                s = np.sqrt(c.muv_stochastic**2 * left + c.muv_noise**2 + (c.muv_constant * left) ** 2)
                total = max(1e3 * (left + s * g[5, i]), 0.0)
                muv1[j], muv2[j] = c.muv_share * total, (1.0 - c.muv_share) * total
            elif kind == 13:
                muv1[j] = c.muv_mip * (1.0 + 0.3 * g[4, i])
                muv2[j] = c.muv_mip * (1.0 + 0.3 * g[5, i])
            else:
                continue
            muv_event[j] = event_in[n]
            j += 1
    return k, j
