"""Showers in the LKr that are one cluster: an electron and the photons it radiated, and clusters of close particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.kernel import kernel
from na62sim.detector.response.calorimeter import AtLkr, CalorimeterArrays, Clusters
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import LKR
from na62sim.geometry.lkr import meets_lkr


@dataclass(frozen=True)
class Showers:
    """What the tracks bring to the LKr.

    Attributes
    ----------
    at_lkr : each track with the photons that it radiated and that are in its cluster
    photons : rows of `Crossings.secondary` of the radiated photons that are not
    """

    at_lkr: AtLkr
    photons: npt.NDArray[np.int64]


def electron_showers(tracks: Crossings, lkr_z: float, c: CalorimeterArrays) -> Showers:
    """Add radiated photons to the showers of their electrons where the LKr (at lkr_z, mm) cannot tell them apart."""
    at_lkr = AtLkr(tracks.x[LKR], tracks.y[LKR], tracks.p[2])
    photons = np.flatnonzero(tracks.secondary[2] == 22)
    if len(photons) == 0:
        return Showers(at_lkr, photons)
    at_lkr = AtLkr(*(column.copy() for column in at_lkr))
    alone = np.ones(len(photons), dtype=np.bool_)
    _join(tracks.secondary, photons, tracks.event, tracks.slot, tracks.last, lkr_z, c, at_lkr, alone)
    return Showers(at_lkr, photons[alone])


@kernel
def _join(
    born: Any,
    photons: Any,
    event: Any,
    slot: Any,
    last: Any,
    lkr_z: float,
    c: CalorimeterArrays,
    at_lkr: AtLkr,
    alone: Any,
) -> None:
    x, y, p = at_lkr.x, at_lkr.y, at_lkr.p
    begin = 0
    for q in range(photons.size):  # in event order, as the tracks
        b = photons[q]
        while event[begin] < born[0, b]:
            begin += 1
        n = begin
        while n < event.size and event[n] == born[0, b] and slot[n] != born[1, b]:
            n += 1
        if n == event.size or event[n] != born[0, b] or last[n] <= LKR or not meets_lkr(x[n], y[n], c.lkr):
            continue
        d = (lkr_z - born[9, b]) / born[5, b]
        px, py, energy = born[7, b] + born[3, b] * d, born[8, b] + born[4, b] * d, born[6, b]
        if (px - x[n]) ** 2 + (py - y[n]) ** 2 < c.merge * c.merge:
            w = energy / (energy + p[n])
            x[n], y[n], p[n] = x[n] + w * (px - x[n]), y[n] + w * (py - y[n]), p[n] + energy
            alone[q] = False


def merge_clusters(lkr: dict[str, Any], n: int, tracks: Crossings, c: CalorimeterArrays) -> dict[str, Any]:
    """Clusters of n events; nearer to each other than the LKr resolves, they are one.

    This holds in events with more than one track or with radiated photons; a lone pion's clusters stay as they are.
    The energies add up, the position is their mean; time and identification are those of the larger.
    """
    radiating = tracks.secondary[0, tracks.secondary[2] == 22].astype(np.int64)
    if len(radiating) == 0 and not np.any(tracks.event[1:] == tracks.event[:-1]):
        return lkr
    several = np.bincount(tracks.event, minlength=n) > 1
    offsets = np.concatenate(([0], np.cumsum(np.bincount(lkr["event"], minlength=n))))
    several[radiating] = True
    keep = np.ones(len(lkr["event"]), dtype=np.bool_)
    merged = {name: column.copy() for name, column in lkr.items()}
    _merge(offsets, several, c.merge, Clusters(**merged), keep)
    return {name: column[keep] for name, column in merged.items()}


@kernel
def _merge(offsets: Any, several: Any, distance: float, clusters: Clusters, keep: Any) -> None:
    energy, x, y, time, flag = clusters.energy, clusters.x, clusters.y, clusters.time, clusters.pion_like
    near = distance * distance
    for e in range(several.size):
        if not several[e]:
            continue
        for i in range(offsets[e], offsets[e + 1]):
            j = i + 1
            while keep[i] and j < offsets[e + 1]:
                if not keep[j] or (x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2 >= near:
                    j += 1
                    continue
                if energy[j] > energy[i]:
                    time[i], flag[i] = time[j], flag[j]
                total = energy[i] + energy[j]
                w = energy[j] / total if total > 0.0 else np.float32(0.5)
                x[i], y[i] = x[i] + w * (x[j] - x[i]), y[i] + w * (y[j] - y[i])
                energy[i] = total
                keep[j] = False
                j = i + 1  # the merged cluster has moved
