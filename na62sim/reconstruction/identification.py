"""Tracks of a multi-track event in the detectors behind the spectrometer; the choice of the pion; photon vetoes.

A cluster belongs to the nearest track within the declared distance, and to no other. A cluster on the line of a
track before the magnet is a photon that the track radiated there: it is counted apart.

Evidence of a track: +1 for E/p below the electron threshold and -1 above it, where the track reaches the LKr and
has a cluster of its own; +1 or -1 for a ring closer to that of a pion or of an electron, where the two are two
standard deviations apart. The pion is the positive track that maximises its own evidence minus that of the
other positive ones; between equals, the one that brings the total mass closest to the kaon's.

A track may leave the detector through lead glass or the IRC: hits there are photons only if no track points to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK, LIGHT
from na62sim.core.kernel import formula, step
from na62sim.geometry.lkr import in_lkr
from na62sim.reconstruction.vertex_fit import (
    TK,
    TU,
    TU_AFTER,
    TV,
    TV_AFTER,
    TX,
    TX_AFTER,
    TY,
    TY_AFTER,
    WP,
    WPX,
    WPY,
    WPZ,
)

# rows of what is associated to a track: those of the slots of `vertices.py`, then work space
EOP, LKR, CHOD, NEWCHOD, RICH, RING_E, RING_PI, MUV3, LKR_X, LKR_Y, RAY_X, RAY_Y = range(12)
ASSOCIATION = 12
NO_RING = 99.0
_RING_MATCH = 20.0  # mm: centre resolution 2 mm, scattering in the RICH below 1 mm
_MIN_RING_HITS = 4
_SEPARATION = 2.0  # standard deviations between the two radii
_MARGIN = 20.0  # mm: scattering in front of LAV 12 and IRC


@formula
def _within(x: float, y: float, low: float, high: float) -> float:
    r2 = x * x + y * y
    return 1.0 if low * low < r2 < high * high else 0.0


@step
def associate(i: int, first: int, n: int, t: Any, h: Any, v: Any, about: Any) -> None:
    """Detectors that the tracks ``first`` to ``first + n - 1`` of event i reach, with clusters, rings and MUV3 hits."""
    r = v.reco
    for k in range(n):
        q = first + k
        a = about[:, k]
        u, s = t[TU_AFTER, q], t[TV_AFTER, q]
        inverse = 1.0 / np.sqrt(1.0 - u * u - s * s)
        sx, sy, x4, y4 = u * inverse, s * inverse, t[TX_AFTER, q], t[TY_AFTER, q]
        d = r.lkr - r.z4
        a[LKR_X], a[LKR_Y] = x4 + sx * d, y4 + sy * d
        inside = in_lkr(a[LKR_X], a[LKR_Y], v.lkr) and a[LKR_X] ** 2 + a[LKR_Y] ** 2 > v.lkr_radius**2
        a[LKR] = 1.0 if inside else 0.0
        d = r.chod - r.z4
        a[CHOD] = _within(x4 + sx * d, y4 + sy * d, v.chod[0], v.chod[1])
        d = r.newchod - r.z4
        a[NEWCHOD] = _within(x4 + sx * d, y4 + sy * d, v.newchod[0], v.newchod[1])
        low, high, hole_front, hole_back = v.rich
        front, back = r.rich_front - r.z4, r.rich_back - r.z4
        a[RICH] = _within(x4 + sx * front - hole_front, y4 + sy * front, low, high)
        a[RICH] *= _within(x4 + sx * back - hole_back, y4 + sy * back, low, high)
        a[EOP], a[MUV3], a[RING_E], a[RING_PI] = 0.0, 0.0, NO_RING, NO_RING
        if a[RICH] > 0.0:
            _ring(i, u * inverse * r.focal, s * inverse * r.focal, r.pion * abs(t[TK, q]) / KICK, h, v, a)
        d = r.muv3 - r.z4
        x, y = x4 + sx * d, y4 + sy * d
        for j in range(h.muv_o[i], h.muv_o[i + 1]):
            if max(abs(h.muv_x[j] - x), abs(h.muv_y[j] - y)) < r.muv3_tile:
                a[MUV3] += 1.0
        # straight on from before the magnet: where radiated photons go
        inverse = 1.0 / np.sqrt(1.0 - t[TU, q] ** 2 - t[TV, q] ** 2)
        a[RAY_X] = t[TX, q] + t[TU, q] * inverse * (r.lkr - r.z1)
        a[RAY_Y] = t[TY, q] + t[TV, q] * inverse * (r.lkr - r.z1)
    for j in range(h.lkr_o[i], h.lkr_o[i + 1]):
        k, _ = _nearest(h.lkr_x[j], h.lkr_y[j], LKR_X, n, r.track_distance, about)
        if k >= 0:
            about[EOP, k] += h.lkr_energy[j] * abs(t[TK, first + k]) / KICK
    for k in range(n):  # the cluster of another track is in the way
        if about[EOP, k] == 0.0 and about[LKR, k] > 0.0:
            for j in range(h.lkr_o[i], h.lkr_o[i + 1]):
                d2 = (h.lkr_x[j] - about[LKR_X, k]) ** 2 + (h.lkr_y[j] - about[LKR_Y, k]) ** 2
                if d2 < r.track_distance**2:
                    about[EOP, k] = -1.0


@step
def _nearest(x: float, y: float, column: int, n: int, limit: float, about: Any) -> Any:
    """The track whose point (rows ``column``, ``column + 1``) is nearest, or -1; and the squared distance."""
    best, low = -1, limit * limit
    for k in range(n):
        d2 = (x - about[column, k]) ** 2 + (y - about[column + 1, k]) ** 2
        if d2 < low:
            best, low = k, d2
    return best, low


@step
def _ring(i: int, x: float, y: float, ratio: float, h: Any, v: Any, a: Any) -> None:
    """Nearest ring of a track; ``ratio`` is the pion mass over its momentum."""
    best, low = -1, _RING_MATCH**2
    for j in range(h.ring_o[i], h.ring_o[i + 1]):
        d2 = (h.ring_x[j] - x) ** 2 + (h.ring_y[j] - y) ** 2
        if d2 < low and h.ring_n[j] >= _MIN_RING_HITS:
            best, low = j, d2
    if best >= 0:
        sigma = v.hit_sigma / np.sqrt(h.ring_n[best] - 3.0)
        pion = v.reco.focal * np.sqrt(max(v.reco.angle2 - ratio * ratio, 0.0))
        a[RING_E], a[RING_PI] = (h.ring_radius[best] - v.electron_radius) / sigma, (h.ring_radius[best] - pion) / sigma


@step
def _evidence(about: Any, k: int, eop_min: float) -> float:
    """Evidence for a pion (positive) or an electron (negative)."""
    score = 0.0
    if about[LKR, k] > 0.0 and about[EOP, k] > 0.0:
        score += 1.0 if about[EOP, k] < eop_min else -1.0
    if about[RING_E, k] != NO_RING and about[RING_PI, k] - about[RING_E, k] > _SEPARATION:
        score += 1.0 if abs(about[RING_PI, k]) < abs(about[RING_E, k]) else -1.0
    return score


@step
def choose_pion(index: Any, n: int, first: int, about: Any, w: Any, v: Any, order: Any) -> Any:
    """Put the pion first in ``order``; the number of equally good choices, and their score.

    Tracks come with positive charges first.
    """
    positive = (n + 1) // 2
    total = 0.0
    for k in range(positive):
        total += _evidence(about, index[k] - first, v.electron_eop)
    chosen, equal, high, closest = 0, 0, -1e9, 1e300
    e_other, px, py, pz = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        e_other += np.sqrt(w[WP, k] ** 2 + v.electron**2)
        px += w[WPX, k]
        py += w[WPY, k]
        pz += w[WPZ, k]
    for k in range(positive):
        score = 2.0 * _evidence(about, index[k] - first, v.electron_eop) - total
        e = e_other - np.sqrt(w[WP, k] ** 2 + v.electron**2) + np.sqrt(w[WP, k] ** 2 + v.reco.pion**2)
        off = abs(np.sqrt(max(e * e - px * px - py * py - pz * pz, 0.0)) - v.reco.kaon)
        if score > high:
            chosen, equal, high, closest = k, 1, score, off
        elif score == high:
            equal += 1
            if off < closest:
                chosen, closest = k, off
    order[0] = chosen
    j = 1
    for k in range(n):
        if k != chosen:
            order[j] = k
            j += 1
    return equal, high


@step
def count_vetoes(i: int, first: int, n: int, t: Any, h: Any, v: Any, about: Any, reference: float) -> Any:
    """Activity in time with ``reference`` (ns, at GTK3) that belongs to no track.

    Returns
    -------
    clusters away from tracks, their energy, clusters on a track's line before the magnet, LAV hits, IRC and SAC hits
    """
    r = v.reco
    extra, energy, radiated, lav, small = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(h.lkr_o[i], h.lkr_o[i + 1]):
        e = h.lkr_energy[j]
        k, _ = _nearest(h.lkr_x[j], h.lkr_y[j], LKR_X, n, r.track_distance, about)
        if k >= 0 or e <= r.photon_min:
            continue
        g = e / 1000.0
        sigma = r.time_a + r.time_b / g + r.time_c / np.sqrt(g)
        window = r.window_low
        for b in range(r.window_energy.size):
            if e > r.window_energy[b]:
                window = r.window_sigma[b] * sigma
        if abs(h.lkr_t[j] - reference - (r.lkr - r.z_gtk) / LIGHT) > window:
            continue
        k, _ = _nearest(h.lkr_x[j], h.lkr_y[j], RAY_X, n, r.track_distance, about)
        if k >= 0:
            radiated += 1.0
        else:
            extra += 1.0
            energy += e
    for j in range(h.lav_o[i], h.lav_o[i + 1]):
        station = h.lav_station[j] - 1
        if abs(h.lav_t[j] - reference - (r.lav_z[station] - r.z_gtk) / LIGHT) < r.lav_window:
            lav += 0.0 if _hits_lav(r.lav_z[station], v.lav_in[station], first, n, t, v) else 1.0
    if not _hits_irc(first, n, t, v):  # a track does what a photon would do
        for j in range(h.irc_o[i], h.irc_o[i + 1]):
            if abs(h.irc_t[j] - reference - (r.irc - r.z_gtk) / LIGHT) < r.irc_sac_window:
                small += 1.0
    for j in range(h.sac_o[i], h.sac_o[i + 1]):
        if abs(h.sac_t[j] - reference - (r.sac - r.z_gtk) / LIGHT) < r.irc_sac_window:
            small += 1.0
    return extra, energy, radiated, lav, small


@step
def _hits_lav(z: float, radius: float, first: int, n: int, t: Any, v: Any) -> bool:
    """Whether a track goes into the lead glass of a station at z."""
    hit = False
    for q in range(first, first + n):
        u, s, x, y, d = t[TU, q], t[TV, q], t[TX, q], t[TY, q], z - v.reco.z1
        if z > v.reco.z4:
            u, s, x, y, d = t[TU_AFTER, q], t[TV_AFTER, q], t[TX_AFTER, q], t[TY_AFTER, q], z - v.reco.z4
        inverse = 1.0 / np.sqrt(1.0 - u * u - s * s)
        hit = hit or (x + u * inverse * d) ** 2 + (y + s * inverse * d) ** 2 > (radius - _MARGIN) ** 2
    return hit


@step
def _hits_irc(first: int, n: int, t: Any, v: Any) -> bool:
    """Whether a track goes into the IRC."""
    hit = False
    low, high, hole = v.irc
    for q in range(first, first + n):
        u, s, d = t[TU_AFTER, q], t[TV_AFTER, q], v.reco.irc - v.reco.z4
        inverse = 1.0 / np.sqrt(1.0 - u * u - s * s)
        x, y = t[TX_AFTER, q] + u * inverse * d, t[TY_AFTER, q] + s * inverse * d
        hit = hit or (x * x + y * y < (high + _MARGIN) ** 2 and (x - hole) ** 2 + y * y > (low - _MARGIN) ** 2)
    return hit
