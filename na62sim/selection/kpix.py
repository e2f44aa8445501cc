"""K+ -> pi+ X: the signal regions of K+ -> pi+ nu nubar, in a window of the missing mass round m_X.

The window has so many standard deviations of the simulated resolution to both sides of m_X^2 (block ``pinunu`` of the
geometry); what of it lies outside R1 and R2 is lost.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.selection.cut import CutFunction, Selection
from na62sim.selection.pinunu import GeV2, inside, pinunu

__all__ = ["kpix", "m2_resolution", "m2_slices", "m2_window", "share_of_regions"]


def m2_resolution(d: Detector, m_X: float) -> float:
    """Standard deviation of m2_miss (GeV^2) of accepted K+ -> pi+ X, at a mass in MeV."""
    s = d.pinunu
    return s.m2_resolution_GeV2 + s.m2_resolution_slope * 1e-6 * m_X * m_X


def m2_window(d: Detector, m_X: float) -> tuple[float, float]:
    """Both ends of the window of m2_miss (GeV^2) round a mass in MeV."""
    width = d.pinunu.window_sigmas * m2_resolution(d, m_X)
    return 1e-6 * m_X * m_X - width, 1e-6 * m_X * m_X + width


def m2_slices(d: Detector, m_X: float) -> list[tuple[float, float]]:
    """The window (GeV^2) in slices of one standard deviation, or a little less if it has no whole number of them."""
    low, high = m2_window(d, m_X)
    n = 2 * math.ceil(d.pinunu.window_sigmas - 1e-9)
    edges = [low + k * (high - low) / n for k in range(n + 1)]
    return list(pairwise(edges))


def share_of_regions(d: Detector, interval: tuple[float, float]) -> float:
    """Share of the m2_miss of both signal regions that lies in an interval (GeV^2).

    Examples
    --------
    >>> from na62sim.geometry import load_detector
    >>> share_of_regions(load_detector("run1-2018-s2"), (0.011, 0.020))
    0.0
    """
    regions = d.pinunu.r1_GeV2, d.pinunu.r2_GeV2
    shared = sum(max(min(interval[1], region[1]) - max(interval[0], region[0]), 0.0) for region in regions)
    return shared / sum(region[1] - region[0] for region in regions)


def kpix(d: Detector, m_X: float | None = None) -> Selection:
    """K+ -> pi+ X, X unseen: the signal regions of pinunu, near the mass of X if it is given; its control regions as they are."""
    shipped = pinunu(d)
    regions = {name: function for name, function in shipped.regions.items() if "alternative" not in name}
    if m_X is not None:
        most = species("K+").mass - species("pi+").mass
        if not 0.0 <= m_X < most:
            raise ValueError(f"m_X = {m_X:g} MeV: it must be 0 or more, and below m_K - m_pi = {most:.2f} MeV")
        window = m2_window(d, m_X)
        regions |= {name: _near(regions[name], window) for name in shipped.signal}
    return replace(shipped, name="kpix", regions=regions)


def _near(region: CutFunction, window: tuple[float, float]) -> CutFunction:
    return lambda t: np.asarray(region(t) & inside(t["m2_miss"], window, GeV2))
