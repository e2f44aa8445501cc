"""Segments of two STRAW chambers as arrays for kernels: what is a segment of another particle beside a track."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from hepunits import GeV, m, mm, mrad

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import KICK
from na62sim.core.kernel import formula
from na62sim.geometry import Detector
from na62sim.geometry.straw import StrawArrays, straw_arrays


class SegmentArrays(NamedTuple):
    """Cuts on segments for the kernel (mm, MeV)."""

    straw: StrawArrays
    hole: FloatArray  # (4,) x of the centre
    on_track: float
    agree: float
    near_hole: FloatArray  # (4,)
    slope: float
    low: float  # momentum
    high: float
    distance: float
    kick: float  # of MNP33 (MeV/c)
    magnet: float
    beam_z: float
    beam_slope: float


@lru_cache(maxsize=8)
def segment_arrays(detector: Detector) -> SegmentArrays:
    """Numbers of the segments of a detector."""
    s = detector.segments
    return SegmentArrays(
        straw=straw_arrays(detector),
        hole=np.array(detector.straw.hole_x_mm) * mm,
        on_track=s.on_track_mm * mm,
        agree=s.view_window_mm * mm,
        near_hole=np.array(s.two_views_mm) * mm,
        slope=s.slope_max_mrad * mrad,
        low=s.momentum_GeV[0] * GeV,
        high=s.momentum_GeV[1] * GeV,
        distance=s.track_distance_mm * mm,
        kick=-KICK * detector.field.mnp33.integral_Tm * m,
        magnet=detector.field.mnp33.center_z_m * m,
        beam_z=detector.beam.reference_z_m * m,
        beam_slope=detector.beam.slope_x_mrad * mrad,
    )


@formula
def momentum_behind(x: float, slope: float, z: float, vertex_x: float, vertex_z: float, s: SegmentArrays) -> float:
    """Momentum times charge (MeV/c) of a particle from a vertex that the magnet bends onto a line behind it."""
    at_magnet = x - slope * (z - s.magnet)
    bend = slope - (at_magnet - vertex_x) / (s.magnet - vertex_z)
    return s.kick / bend if abs(bend) > 1e-9 else 1e12


@formula
def beam_vertex(x: float, y: float, slope_x: float, slope_y: float, s: SegmentArrays) -> tuple[float, float]:
    """x and z (mm) of the vertex of a track, at x, y (mm) in STRAW 1, with the nominal beam."""
    z = s.straw.z[0]
    dx = slope_x - s.beam_slope
    along = -((x - s.beam_slope * (z - s.beam_z)) * dx + y * slope_y) / max(dx * dx + slope_y * slope_y, 1e-14)
    vertex_z = min(max(z + along, s.beam_z), z)
    return s.beam_slope * (vertex_z - s.beam_z), vertex_z
