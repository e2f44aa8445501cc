"""What the LKr calorimeter is: its outline and its resolutions, for the response and the reconstruction."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import mm, ns

from na62sim.core.kernel import formula
from na62sim.geometry.detector import Detector


class LkrArrays(NamedTuple):
    """Outline (mm) and resolutions of the LKr for kernels."""

    hole: float
    track_radius: float  # smallest distance of a track from the axis
    active: float  # apothem of the octagon of cells
    apothem: float  # of the accepted area
    diagonal: float
    corner_ax: float
    corner_ay: float
    corner_bx: float
    corner_by: float
    stochastic: float  # of sigma_E with E in GeV
    noise: float
    constant: float
    position_stochastic: float
    position_constant: float
    time_a: float
    time_b: float
    time_c: float


@lru_cache(maxsize=8)
def lkr_arrays(detector: Detector) -> LkrArrays:
    """LKr numbers of a detector."""
    lkr = detector.lkr
    return LkrArrays(
        hole=lkr.hole_radius_mm * mm,
        track_radius=lkr.radius_min_mm * mm,
        active=lkr.active_apothem_mm * mm,
        apothem=lkr.apothem_mm * mm,
        diagonal=lkr.diagonal_mm * mm,
        corner_ax=lkr.corner_a_x_mm * mm,
        corner_ay=lkr.corner_a_y_mm * mm,
        corner_bx=lkr.corner_b_x_mm * mm,
        corner_by=lkr.corner_b_y_mm * mm,
        stochastic=lkr.stochastic,
        noise=lkr.noise_GeV,
        constant=lkr.constant,
        position_stochastic=lkr.position_stochastic_mm * mm,
        position_constant=lkr.position_constant_mm * mm,
        time_a=lkr.time_a_ns * ns,
        time_b=lkr.time_b,
        time_c=lkr.time_c,
    )


@formula
def in_lkr(x: Any, y: Any, lkr: LkrArrays) -> Any:
    """Whether a point of the LKr plane lies where analyses accept it: octagon with cut corners and beam hole.

    Not on it where a coordinate is not a number. Written with ``&`` and ``|``, so that `on_lkr` is the same formula.
    """
    ax, ay = abs(x), abs(y)
    octagon = (ax <= lkr.apothem) & (ay <= lkr.apothem) & (ax + ay <= lkr.diagonal)
    corners = ((ax <= lkr.corner_ax) | (ay <= lkr.corner_ay)) & ((ax <= lkr.corner_bx) | (ay <= lkr.corner_by))
    return octagon & corners & (x * x + y * y >= lkr.hole * lkr.hole)


@formula
def meets_lkr(x: float, y: float, lkr: LkrArrays) -> bool:
    """Whether a point of the LKr plane lies on the cells, from the beam hole to the edge of the octagon."""
    ax, ay = abs(x), abs(y)
    octagon = max(ax, ay) <= lkr.active and ax + ay <= 1.4142135623730951 * lkr.active
    return octagon and x * x + y * y >= lkr.hole * lkr.hole


on_lkr = getattr(in_lkr, "py_func", in_lkr)
"""`in_lkr` for arrays."""


@formula
def energy_sigma(energy: float, lkr: LkrArrays) -> float:
    """LKr energy resolution (MeV): stochastic, noise and constant terms in quadrature."""
    e = energy * 1e-3
    return 1e3 * np.sqrt(lkr.stochastic * lkr.stochastic * e + lkr.noise * lkr.noise + (lkr.constant * e) ** 2)


@formula
def position_sigma(energy: float, lkr: LkrArrays) -> float:
    """LKr position resolution (mm)."""
    return np.sqrt(
        lkr.position_stochastic * lkr.position_stochastic / max(energy * 1e-3, 0.1) + lkr.position_constant**2
    )


@formula
def time_sigma(energy: float, lkr: LkrArrays) -> float:
    """LKr time resolution (ns): a + b/E + c/sqrt(E), E in GeV, not below 0.2 GeV."""
    e = max(energy * 1e-3, 0.2)
    return lkr.time_a + lkr.time_b / e + lkr.time_c / np.sqrt(e)
