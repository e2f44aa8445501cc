"""Pairs that cross all chambers, and how many of them are found as two tracks: the largest loss behind geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hepunits import mm

from na62sim.core.arrays import BoolArray, FloatArray
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import STRAW1, STRAW4
from na62sim.geometry import Detector

__all__ = ["APART", "PairCounter", "in_chambers", "in_ring"]

APART = 160.0 * mm  # in STRAW 1: from here on two tracks are as if each were alone


def in_ring(x: FloatArray, y: FloatArray, radii_mm: tuple[float, float]) -> BoolArray:
    """Whether points (mm) lie between two radii about the axis."""
    r = np.sqrt(x * x + y * y)
    return np.asarray((r >= radii_mm[0] * mm) & (r < radii_mm[1] * mm))


def in_chambers(c: Crossings, d: Detector) -> BoolArray:
    """Tracks that cross all four chambers, in two views or more outside the hole."""
    ok = np.asarray((c.first == 0) & (c.last > STRAW4))
    x, y = np.nan_to_num(c.x, nan=1e9), np.nan_to_num(c.y, nan=1e9)
    half, root = d.straw.hole_half_size_mm * mm, math.sqrt(0.5)
    for chamber, hole in zip(range(STRAW1, STRAW4 + 1), d.straw.hole_x_mm, strict=True):
        dx, dy = x[chamber] - hole * mm, y[chamber]
        u, v = root * (dx - dy), root * (dx + dy)
        straight, turned = np.maximum(np.abs(dx), np.abs(dy)), np.maximum(np.abs(u), np.abs(v))
        ok &= in_ring(x[chamber], y[chamber], (0.0, d.straw.radius_mm)) & (straight > half) & (turned > half)
    return ok


@dataclass
class PairCounter:
    """Sums of weights of events whose two daughters cross all chambers.

    Attributes
    ----------
    crossed, found : all of them, and those with two tracks; squares : of the weights of the first
    far, far_found : the same of pairs more than `APART` apart in STRAW 1
    """

    crossed: float = 0.0
    squares: float = 0.0
    found: float = 0.0
    far: float = 0.0
    far_found: float = 0.0

    def add(self, c: Crossings, tracks: np.ndarray, weight: FloatArray, detector: Detector) -> None:
        """Count a chunk.

        Parameters
        ----------
        tracks : event of each STRAW track; weight : of every event of the chunk
        """
        n = weight.size
        good = np.flatnonzero(in_chambers(c, detector) & ((c.slot == 1) | (c.slot == 2)))
        both = np.bincount(c.event[good], minlength=n) == 2
        rows = good[both[c.event[good]]]
        event = c.event[rows][::2]
        first, second = rows[::2], rows[1::2]
        apart = np.hypot(c.x[STRAW1, first] - c.x[STRAW1, second], c.y[STRAW1, first] - c.y[STRAW1, second])
        w, two = weight[event], np.bincount(tracks, minlength=n)[event] == 2
        self.crossed += float(w.sum())
        self.squares += float((w**2).sum())
        self.found += float(w[two].sum())
        self.far += float(w[apart > APART].sum())
        self.far_found += float(w[two & (apart > APART)].sum())

    def merge(self, other: PairCounter) -> None:
        """Add what another one counted."""
        for name in ("crossed", "squares", "found", "far", "far_found"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def far_efficiency(self) -> float:
        """Share of the pairs far apart that are found as two tracks; NaN without any."""
        return self.far_found / self.far if self.far else math.nan
