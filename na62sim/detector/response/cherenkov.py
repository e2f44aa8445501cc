"""KTAG and RICH responses: sectors that see the kaon, and rings of tracks above threshold."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, mm, ns
from scipy.special import betaincc, betaincinv

from na62sim.core.arrays import FloatArray
from na62sim.core.elementary import exp
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.particles import species
from na62sim.core.rng import STREAM_BEAM_DETECTORS, STREAM_RICH, fill_draws
from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import RICH_BACK
from na62sim.detector.transport.track_block import BLOCK, Tracks, next_tracks, track_block
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.annulus import in_annulus


class RichArrays(NamedTuple):
    """RICH numbers for the kernel (mm, MeV, ns)."""

    focal: float
    angle2: float  # square of the largest Cherenkov angle
    electron_radius: float
    electron_hits: float
    hit_sigma: float
    time_sigma: float
    pion_like: float  # probability that a pion's ring passes the likelihood
    muon_p: FloatArray  # momenta, and the probability that a muon's does there
    muon_like: FloatArray
    electron_like: float  # and that an electron's does
    radius_min: float
    radius_max: float
    x_front: float
    x_back: float
    pion: float  # masses
    muon: float
    electron: float


@lru_cache(maxsize=8)
def rich_arrays(detector: Detector) -> RichArrays:
    """RICH numbers of a detector."""
    rich = detector.rich
    return RichArrays(
        focal=rich.focal_length_mm * mm,
        angle2=(rich.electron_ring_radius_mm / rich.focal_length_mm) ** 2,
        electron_radius=rich.electron_ring_radius_mm * mm,
        electron_hits=rich.electron_ring_hits,
        hit_sigma=rich.hit_resolution_mm * mm,
        time_sigma=rich.time_resolution_ns * ns,
        pion_like=rich.ring_efficiency,
        muon_p=np.array(rich.muon_misid_p_GeV) * GeV,
        muon_like=np.array(rich.muon_misid),
        electron_like=rich.electron_misid,
        radius_min=rich.radius_min_mm * mm,
        radius_max=rich.radius_max_mm * mm,
        x_front=rich.hole_x_front_mm * mm,
        x_back=rich.hole_x_back_mm * mm,
        pion=species("pi+").mass,
        muon=species("mu+").mass,
        electron=species("e+").mass,
    )


@lru_cache(maxsize=8)
def ktag_sector_table(detector: Detector) -> FloatArray:
    """Cumulative probability of 0, 1, ... sectors, from the published probability of at least the minimum.

    Sectors are taken as independent and equal; their efficiency p follows from the published number. Of n sectors, at
    least k fire with probability I_p(k, n - k + 1), the regularised incomplete beta function.
    """
    n, k = detector.ktag.n_sectors, detector.ktag.min_sectors
    single = betaincinv(k, n - k + 1, detector.ktag.efficiency)
    fired = np.arange(n)
    return np.append(betaincc(fired + 1.0, n - fired, single), 1.0)


def ktag_hits(seed: int, truth: Truth, table: FloatArray, time_sigma: float) -> dict[str, Any]:
    """One row per event: n_sectors and time (ns) of the kaon at KTAG, given at GTK3."""
    n = len(truth.events)
    group = np.zeros(n, dtype=np.int64)
    u = np.empty((4, n))
    g = np.empty((2, n), dtype=np.float32)
    fill_draws(np.uint64(seed), STREAM_BEAM_DETECTORS, group, truth.events, u, g)
    sectors = np.zeros(n, dtype=np.uint8)
    _sectors(table, u[0], sectors)
    return {"n_sectors": sectors, "time": (time_sigma * g[0]).astype(np.float32), "uniform": u}


@kernel
def _sectors(table: Any, u: Any, sectors: Any) -> None:
    for k in range(table.size):
        for i in range(u.size):
            sectors[i] += u[i] >= table[k]


class Rings(NamedTuple):
    """Rings (mm, ns), centres in the focal plane; ``event`` is the index in the chunk."""

    event: Any
    radius: Any
    x: Any
    y: Any
    time: Any
    n_hits: Any
    pion_like: Any


def rich_hits(
    seed: int, truth: Truth, tracks: Crossings, rich: RichArrays, carried: AsWeights, beside: Any, weight: FloatArray
) -> dict[str, Any]:
    """Rings of the tracks, but of those ``beside`` the track of an event: the columns of `Rings`.

    The (n,) weights of the events are multiplied by what is carried in them.
    """
    rows = len(tracks.event)
    rings = Rings(
        np.empty(rows, dtype=np.int64), *np.empty((4, rows), dtype=np.float32), *np.empty((2, rows), dtype=np.uint8)
    )
    n = _rich(np.uint64(seed), tracks.tracks(truth), rich, carried, beside, rings, weight)
    return {name: column[:n] for name, column in rings._asdict().items()}


@formula
def ring_of(p: float, mass: float, rich: RichArrays) -> tuple[float, float]:
    """Radius (mm) of the ring of a particle of a momentum (MeV/c), and its mean number of hits: 0 below the threshold."""
    angle2 = rich.angle2 - (mass / p) ** 2
    if angle2 <= 0.0:
        return 0.0, 0.0
    radius = rich.focal * np.sqrt(angle2)
    return radius, rich.electron_hits * (radius / rich.electron_radius) ** 2


@formula
def radius_sigma(hits: float, rich: RichArrays) -> float:
    """Resolution of the radius (mm) of a ring of so many hits."""
    return rich.hit_sigma / np.sqrt(hits - 3.0) if hits > 3.0 else 10.0 * rich.hit_sigma


@kernel
def _rich(
    seed: int, tracks: Tracks, rich: RichArrays, carried: AsWeights, beside: Any, rings: Rings, weight: Any
) -> int:
    event_in, x, y, pdg, p = tracks.event, tracks.at.x, tracks.at.y, tracks.at.pdg, tracks.at.p
    ring_u, ring_v, t = tracks.at.ring[0], tracks.at.ring[1], tracks.at.time
    event, out_r, out_x, out_y, out_t = rings.event, rings.radius, rings.x, rings.y, rings.time
    hits, flag = rings.n_hits, rings.pion_like
    k = 0
    u, g = np.empty((2, BLOCK)), np.empty((4, BLOCK), dtype=np.float32)
    radii, mean, term, total, count = (
        np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK),
    )  # fmt: skip
    block = track_block()
    rows = block.rows
    begin = 0
    while begin < event_in.size:
        m, begin = next_tracks(begin, RICH_BACK, tracks, block)
        fill_draws(seed, STREAM_RICH, block.group[:m], block.number[:m], u, g)
        for i in range(m):
            n = rows[i]
            mean[i] = 0.0
            if p[1, n] <= 0.0 or beside[n] > 0:
                continue
            front = (x[RICH_BACK - 1, n] - rich.x_front) ** 2 + y[RICH_BACK - 1, n] ** 2
            back = (x[RICH_BACK, n] - rich.x_back) ** 2 + y[RICH_BACK, n] ** 2
            whole = front >= rich.radius_min**2  # not where it was born behind the entrance
            if not whole or not in_annulus(back, rich.radius_min, rich.radius_max):
                continue
            kind = abs(pdg[1, n])
            mass = rich.pion if kind == 211 else (rich.muon if kind == 13 else rich.electron)
            radii[i], mean[i] = ring_of(p[1, n], mass, rich)
        poisson_numbers(u[0, :m], mean, term, total, count)
        for i in range(m):
            if count[i] < 1.0:
                continue
            n, radius = rows[i], radii[i]
            kind = abs(pdg[1, n])
            sigma = radius_sigma(count[i], rich)
            center = rich.hit_sigma * np.sqrt(2.0 / count[i])
            w = rich.focal / np.sqrt(1.0 - ring_u[n] * ring_u[n] - ring_v[n] * ring_v[n])
            event[k] = event_in[n]
            out_r[k] = abs(radius + sigma * g[0, i])
            out_x[k] = w * ring_u[n] + center * g[1, i]
            out_y[k] = w * ring_v[n] + center * g[2, i]
            out_t[k] = t[n] + rich.time_sigma * g[3, i]
            hits[k] = np.uint8(count[i])
            # the likelihood, the ring-track match and the tails of real rings are not simulated
            like, told = rich.pion_like, carried.efficiencies
            if kind != 211:
                like, told = rich.electron_like if kind == 11 else _between(p[1, n], rich), carried.identification
            passes = told or u[1, i] < like
            if told:
                weight[event_in[n]] *= like
            if passes and kind != 211:  # a ring that looks like a pion's
                out_r[k] = rich.focal * np.sqrt(max(rich.angle2 - (rich.pion / p[1, n]) ** 2, 0.0))
            flag[k] = 1 if passes else 0
            k += 1
    return k


@formula
def _between(p: float, rich: RichArrays) -> float:
    """Probability that a muon's ring passes for a pion's, linear between the momenta of its table."""
    k, last = 0, rich.muon_p.size - 1
    if p <= rich.muon_p[0]:
        return rich.muon_like[0]
    while k < last and p >= rich.muon_p[k + 1]:
        k += 1
    if k == last:
        return rich.muon_like[last]
    w = (p - rich.muon_p[k]) / (rich.muon_p[k + 1] - rich.muon_p[k])
    return rich.muon_like[k] + w * (rich.muon_like[k + 1] - rich.muon_like[k])


@step
def poisson_numbers(u: Any, mean: Any, term: Any, total: Any, count: Any) -> None:
    """Poisson numbers, at most 60 (the mean is at most 13), by inversion: a step for all of them at a time, vectorised."""
    for i in range(u.size):
        term[i] = exp(-mean[i])
        total[i], count[i] = term[i], 0.0
    for c in range(1, 61):
        inverse, going = 1.0 / c, 0
        for i in range(u.size):
            more = u[i] > total[i]
            going += np.int64(more)
            count[i] += 1.0 if more else 0.0
            term[i] *= mean[i] * inverse
            total[i] += term[i]
        if going == 0:
            break
