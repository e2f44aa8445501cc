"""The straws as arrays for kernels: where they lie, how well they measure."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from hepunits import m, micrometer, mm, ns

from na62sim.core.arrays import FloatArray
from na62sim.core.kernel import formula
from na62sim.geometry import Detector

VIEWS = 4  # U, V, X, Y


_TIME_SPREAD = 2.0  # four chamber times average to the track's time resolution


class StrawArrays(NamedTuple):
    """STRAW geometry and response for the kernels (mm)."""

    z: FloatArray  # (4,) chamber planes
    offset: FloatArray  # (4,) view planes about the chamber's
    cosine: FloatArray  # (4,) measured coordinate w = x cosine + y sine
    sine: FloatArray
    hole: FloatArray  # (4, 4) centre of the gap in w, per chamber and view
    normal: FloatArray  # (16, 7) per mask of views: sums of c c, c s, s s, the same with the offsets, 1 / determinant
    half_gap: float
    half_length: float
    sigma: float  # of one view
    efficiency: float  # of one view
    quality: float  # probability that all four chambers are usable
    time_sigma: float  # ns, of a chamber
    tail_fraction: float
    tail_scale: float
    spacing: float  # of the straws across a view, all layers together
    radius: float  # of a straw, inside
    least: int  # straws that a hit needs


@lru_cache(maxsize=8)
def straw_arrays(detector: Detector) -> StrawArrays:
    """STRAW numbers of a detector."""
    straw = detector.straw
    r = np.sqrt(0.5)
    cosine, sine = np.array([r, r, 1.0, 0.0]), np.array([-r, r, 0.0, 1.0])  # u = (x - y)/sqrt 2, v = (x + y)/sqrt 2
    return StrawArrays(
        z=np.array(straw.chamber_z_m) * m,
        offset=np.array(straw.view_offset_mm) * mm,
        cosine=cosine,
        sine=sine,
        hole=np.outer(np.array(straw.hole_x_mm) * mm, cosine),
        normal=_normal_matrices(cosine, sine, np.array(straw.view_offset_mm) * mm),
        half_gap=straw.hole_half_size_mm * mm,
        half_length=straw.active_half_length_mm * mm,
        sigma=straw.view_over_chamber * straw.chamber_resolution_um * micrometer,
        efficiency=straw.view_efficiency,
        quality=straw.quality_efficiency,
        time_sigma=_TIME_SPREAD * straw.time_resolution_ns * ns,
        tail_fraction=straw.tail_fraction,
        tail_scale=straw.tail_scale,
        spacing=straw.layer_stagger_mm * mm,
        radius=straw.straw_radius_mm * mm,
        least=straw.straws_per_view,
    )


def points_of_a_pair(detector: Detector, views: int) -> float:
    """Probability that a pair has hits in ``views`` views (2 or 3) of the chamber that it begins in.

    It begins in each of the four views alike, and has hits in those behind. In its own it needs two straws behind the wall that
    it began in: of the four walls of two straws in a row that is the first, of the six of three straws one of the first three.
    """
    straw = detector.straw
    three = min(
        max(2.0 * straw.straw_radius_mm / straw.layer_stagger_mm - 2.0, 0.0), 1.0
    )  # tracks that cross three straws
    own = (1.0 - three) / 4.0 + three / 2.0
    return (VIEWS - views + own) / VIEWS


def _normal_matrices(cosine: FloatArray, sine: FloatArray, offset: FloatArray) -> FloatArray:
    """Least-squares matrices of a chamber point for every set of views that saw it (bit v of the mask)."""
    table = np.zeros((1 << VIEWS, 7))
    for mask in range(1 << VIEWS):
        used = np.array([mask >> v & 1 for v in range(VIEWS)])
        c, s, o = cosine * used, sine * used, offset
        row = [c @ c, c @ s, s @ s, (o * c) @ c, (o * c) @ s, (o * s) @ s]
        determinant = row[0] * row[2] - row[1] * row[1]
        table[mask] = [*row, 1.0 / determinant if determinant > 1e-9 else 0.0]
    return table


@formula
def on_straws(a: float, b: float, hole: float, half_gap: float, half_length: float) -> bool:
    """Whether a view has straws at coordinate a, and b along them (mm); the gap around the beam is at ``hole``."""
    return (abs(a) <= half_length) & (b <= half_length) & (abs(a - hole) >= half_gap)
