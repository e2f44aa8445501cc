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

from na62sim.core.columns import index_of
from na62sim.core.constants import KICK, LIGHT
from na62sim.core.kernel import formula, step
from na62sim.geometry.annulus import in_annulus
from na62sim.geometry.lkr import in_lkr
from na62sim.reconstruction.track_columns import T
from na62sim.reconstruction.vertex_columns import SLOT_COLUMNS
from na62sim.reconstruction.vertex_fit import W

# rows of what is associated to a track: the last columns of its slot, then its points at the LKr and those of its
# straight line from before the magnet (mm)
OF_SLOT = [name for name, _, _ in SLOT_COLUMNS if name not in ("charge", "p", "px", "py", "pz")]
A = index_of([*OF_SLOT, "lkr_x", "lkr_y", "ray_x", "ray_y"])
NO_RING = 99.0
_RING_MATCH = 20.0  # mm: centre resolution 2 mm, scattering in the RICH below 1 mm
_MIN_RING_HITS = 4
_SEPARATION = 2.0  # standard deviations between the two radii
_MARGIN = 20.0  # mm: scattering in front of LAV 12 and IRC


@formula
def _within(x: float, y: float, low: float, high: float) -> float:
    return 1.0 if in_annulus(x * x + y * y, low, high) else 0.0


@step
def associate(i: int, first: int, n: int, t: Any, h: Any, v: Any, about: Any) -> None:
    """Detectors that the tracks ``first`` to ``first + n - 1`` of event i reach, with clusters, rings and MUV3 hits."""
    r = v.reco
    for k in range(n):
        q = first + k
        a = about[:, k]
        u, s = t[T.u_after, q], t[T.v_after, q]
        inverse = 1.0 / np.sqrt(1.0 - u * u - s * s)
        sx, sy, x4, y4 = u * inverse, s * inverse, t[T.x_after, q], t[T.y_after, q]
        d = r.lkr - r.z4
        a[A.lkr_x], a[A.lkr_y] = x4 + sx * d, y4 + sy * d
        inside = in_lkr(a[A.lkr_x], a[A.lkr_y], v.lkr) and a[A.lkr_x] ** 2 + a[A.lkr_y] ** 2 > v.lkr.track_radius**2
        a[A.lkr] = 1.0 if inside else 0.0
        d = r.chod - r.z4
        a[A.chod] = _within(x4 + sx * d, y4 + sy * d, v.chod[0], v.chod[1])
        d = r.newchod - r.z4
        a[A.newchod] = _within(x4 + sx * d, y4 + sy * d, v.newchod[0], v.newchod[1])
        low, high, hole_front, hole_back = v.rich
        front, back = r.rich_front - r.z4, r.rich_back - r.z4
        a[A.rich] = _within(x4 + sx * front - hole_front, y4 + sy * front, low, high)
        a[A.rich] *= _within(x4 + sx * back - hole_back, y4 + sy * back, low, high)
        a[A.eop], a[A.muv3], a[A.ring_e], a[A.ring_pi] = 0.0, 0.0, NO_RING, NO_RING
        if a[A.rich] > 0.0:
            _ring(i, u * inverse * r.focal, s * inverse * r.focal, r.pion * abs(t[T.k, q]) / KICK, h, v, a)
        d = r.muv3 - r.z4
        x, y = x4 + sx * d, y4 + sy * d
        for j in range(h.muv3_offsets[i], h.muv3_offsets[i + 1]):
            if max(abs(h.muv3_x[j] - x), abs(h.muv3_y[j] - y)) < r.muv3_tile:
                a[A.muv3] += 1.0
        # straight on from before the magnet: where radiated photons go
        inverse = 1.0 / np.sqrt(1.0 - t[T.u, q] ** 2 - t[T.v, q] ** 2)
        a[A.ray_x] = t[T.x, q] + t[T.u, q] * inverse * (r.lkr - r.z1)
        a[A.ray_y] = t[T.y, q] + t[T.v, q] * inverse * (r.lkr - r.z1)
    for j in range(h.lkr_offsets[i], h.lkr_offsets[i + 1]):
        k, _ = _nearest(h.lkr_x[j], h.lkr_y[j], A.lkr_x, n, r.track_distance, about)
        if k >= 0:
            about[A.eop, k] += h.lkr_energy[j] * abs(t[T.k, first + k]) / KICK
    for k in range(n):  # the cluster of another track is in the way
        if about[A.eop, k] == 0.0 and about[A.lkr, k] > 0.0:
            for j in range(h.lkr_offsets[i], h.lkr_offsets[i + 1]):
                d2 = (h.lkr_x[j] - about[A.lkr_x, k]) ** 2 + (h.lkr_y[j] - about[A.lkr_y, k]) ** 2
                if d2 < r.track_distance**2:
                    about[A.eop, k] = -1.0


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
    for j in range(h.rich_offsets[i], h.rich_offsets[i + 1]):
        d2 = (h.rich_x[j] - x) ** 2 + (h.rich_y[j] - y) ** 2
        if d2 < low and h.rich_n_hits[j] >= _MIN_RING_HITS:
            best, low = j, d2
    if best >= 0:
        sigma = v.hit_sigma / np.sqrt(h.rich_n_hits[best] - 3.0)
        pion = v.reco.focal * np.sqrt(max(v.reco.angle2 - ratio * ratio, 0.0))
        a[A.ring_e], a[A.ring_pi] = (
            (h.rich_radius[best] - v.electron_radius) / sigma,
            (h.rich_radius[best] - pion) / sigma,
        )


@step
def _evidence(about: Any, k: int, eop_min: float) -> float:
    """Evidence for a pion (positive) or an electron (negative)."""
    score = 0.0
    if about[A.lkr, k] > 0.0 and about[A.eop, k] > 0.0:
        score += 1.0 if about[A.eop, k] < eop_min else -1.0
    if about[A.ring_e, k] != NO_RING and about[A.ring_pi, k] - about[A.ring_e, k] > _SEPARATION:
        score += 1.0 if abs(about[A.ring_pi, k]) < abs(about[A.ring_e, k]) else -1.0
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
        e_other += np.sqrt(w[W.p, k] ** 2 + v.electron**2)
        px += w[W.px, k]
        py += w[W.py, k]
        pz += w[W.pz, k]
    for k in range(positive):
        score = 2.0 * _evidence(about, index[k] - first, v.electron_eop) - total
        e = e_other - np.sqrt(w[W.p, k] ** 2 + v.electron**2) + np.sqrt(w[W.p, k] ** 2 + v.reco.pion**2)
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
    for j in range(h.lkr_offsets[i], h.lkr_offsets[i + 1]):
        e = h.lkr_energy[j]
        k, _ = _nearest(h.lkr_x[j], h.lkr_y[j], A.lkr_x, n, r.track_distance, about)
        if k >= 0 or e <= r.photon_min:
            continue
        g = e / 1000.0
        sigma = r.time_a + r.time_b / g + r.time_c / np.sqrt(g)
        window = r.window_low
        for b in range(r.window_energy.size):
            if e > r.window_energy[b]:
                window = r.window_sigma[b] * sigma
        if abs(h.lkr_time[j] - reference - (r.lkr - r.z_gtk) / LIGHT) > window:
            continue
        k, _ = _nearest(h.lkr_x[j], h.lkr_y[j], A.ray_x, n, r.track_distance, about)
        if k >= 0:
            radiated += 1.0
        else:
            extra += 1.0
            energy += e
    for j in range(h.lav_offsets[i], h.lav_offsets[i + 1]):
        station = h.lav_station[j] - 1
        if abs(h.lav_time[j] - reference - (r.lav_z[station] - r.z_gtk) / LIGHT) < r.lav_window:
            lav += 0.0 if _hits_lav(r.lav_z[station], v.lav_in[station], first, n, t, v) else 1.0
    if not _hits_irc(first, n, t, v):  # a track does what a photon would do
        for j in range(h.irc_offsets[i], h.irc_offsets[i + 1]):
            if abs(h.irc_time[j] - reference - (r.irc - r.z_gtk) / LIGHT) < r.irc_sac_window:
                small += 1.0
    for j in range(h.sac_offsets[i], h.sac_offsets[i + 1]):
        if abs(h.sac_time[j] - reference - (r.sac - r.z_gtk) / LIGHT) < r.irc_sac_window:
            small += 1.0
    return extra, energy, radiated, lav, small


@step
def _hits_lav(z: float, radius: float, first: int, n: int, t: Any, v: Any) -> bool:
    """Whether a track goes into the lead glass of a station at z."""
    hit = False
    for q in range(first, first + n):
        u, s, x, y, d = t[T.u, q], t[T.v, q], t[T.x, q], t[T.y, q], z - v.reco.z1
        if z > v.reco.z4:
            u, s, x, y, d = t[T.u_after, q], t[T.v_after, q], t[T.x_after, q], t[T.y_after, q], z - v.reco.z4
        inverse = 1.0 / np.sqrt(1.0 - u * u - s * s)
        hit = hit or (x + u * inverse * d) ** 2 + (y + s * inverse * d) ** 2 > (radius - _MARGIN) ** 2
    return hit


@step
def _hits_irc(first: int, n: int, t: Any, v: Any) -> bool:
    """Whether a track goes into the IRC."""
    hit = False
    low, high, hole = v.irc
    for q in range(first, first + n):
        u, s, d = t[T.u_after, q], t[T.v_after, q], v.reco.irc - v.reco.z4
        inverse = 1.0 / np.sqrt(1.0 - u * u - s * s)
        x, y = t[T.x_after, q] + u * inverse * d, t[T.y_after, q] + s * inverse * d
        hit = hit or (x * x + y * y < (high + _MARGIN) ** 2 and (x - hole) ** 2 + y * y > (low - _MARGIN) ** 2)
    return hit
