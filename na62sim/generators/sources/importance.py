"""Importance sampling of K+ -> pi+ nu nubar towards the signal regions: q^2 inside them, the pion in their momentum range.

The two uniforms that make q^2 and the pion's angle in the kaon's frame are stretched: u goes to t(u), increasing, from 0 to 0
and from 1 to 1, with a density that is constant in equal parts of t, and the event has the weight dt/du, whose mean is 1
whatever the density is. A share of both densities stays uniform, so that no weight is above the inverse of its square. Which
events are wanted only decides how many are needed: regions are smeared with the resolution of the missing mass, momenta with
the spread of the beam. `detector.transport.survival` does the same for pions that arrive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV
from scipy.special import ndtr

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.kernel import formula, step
from na62sim.generators.amplitudes.phase_space import momentum
from na62sim.generators.chain.compile import Chain
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import TABLE
from na62sim.geometry import Detector

__all__ = ["LARGEST", "Importance", "can_sample", "importance_arrays", "no_importance", "stretch"]

_ROWS, _PARTS = 96, 256  # parts of the range of the uniform of q^2, and of that of the angle
_UNIFORM = 0.01  # share of either density that is as without
_NEAR = 0.05  # share of events in wider windows: what the tails of the resolution bring in
_WIDTHS = (2.0, 5.0)  # of the resolution of the missing mass, by which the windows are smeared, and the wider ones
_MOMENTUM = (0.015, 0.05)  # relative: the spread of the beam and the resolution of the spectrometer
_NOTHING = 1e-9  # mean density below which a row is uniform
_BELOW_ONE = 1.0 - 2.0**-53
LARGEST = 1.0 / _UNIFORM**2
"""No weight is above it."""


class Importance(NamedTuple):
    """Cumulative probabilities at the edges of equal parts, for the kernel; ``mass`` of none where nothing is stretched."""

    mass: FloatArray  # (rows + 1,)
    mass_first: IntArray  # (rows,) the first part that reaches into each of as many equal parts of the uniform
    angle: FloatArray  # (rows, parts + 1), by the stretched uniform of q^2
    angle_first: IntArray  # (rows, parts)


def no_importance() -> Importance:
    """Nothing is stretched."""
    return Importance(np.empty(0), np.empty(0, dtype=np.int16), np.empty((0, 0)), np.empty((0, 0), dtype=np.int16))


def can_sample(process: Process) -> bool:
    """Whether it is the decay that the regions are for, with an amplitude of the package."""
    own = process.record is not None or not all(isinstance(name, str) for name in process.amplitude.values())
    return process.descriptor == "K+ -> pi+ nu nubar" and not own


def importance_arrays(chain: Chain, detector: Detector) -> Importance:
    """Maps for the signal regions of a data set.

    Parameters
    ----------
    chain : of K+ -> pi+ nu nubar, whose first step draws q^2 from a table and an isotropic direction
    """
    a = chain.arrays
    assert a.mass_kind[0] == TABLE
    kaon, pion = chain.particles[0].mass, chain.particles[int(a.first[0])].mass
    table = a.tables[a.mass_table[0]]
    q2 = np.interp((np.arange(_ROWS) + 0.5) / _ROWS, np.linspace(0.0, 1.0, len(table)), table)
    cosine = 1.0 - 2.0 * (np.arange(_PARTS) + 0.5) / _PARTS
    p = _pion_momentum(kaon, pion, q2, cosine, detector.beam.momentum_GeV * GeV)
    core, near = (_in_regions(detector, q2[:, None], p, *widths) for widths in zip(_WIDTHS, _MOMENTUM, strict=True))
    wanted = (1.0 - _NEAR) * core / core.mean() + _NEAR * near / near.mean()
    mass, angle = _cumulative(wanted.mean(axis=1)), _cumulative(wanted)
    return Importance(mass, _first_parts(mass), angle, np.array([_first_parts(row) for row in angle]))


def _in_regions(detector: Detector, q2: FloatArray, p: FloatArray, widths: float, relative: float) -> FloatArray:
    """Probability of the signal regions at q^2 (MeV^2) and momentum (MeV/c), with these resolutions."""
    s, resolution = detector.pinunu, widths * detector.pinunu.m2_resolution_GeV2 * GeV**2
    regions = ((s.r1_GeV2, s.r1_p_GeV), (s.r2_GeV2, s.r2_p_GeV))
    inside = [_window(q2, m2, resolution, GeV**2) * _window(p, at, relative * p, GeV) for m2, at in regions]
    return np.asarray(inside[0] + inside[1])


def _pion_momentum(kaon: float, pion: float, q2: FloatArray, cosine: FloatArray, beam: float) -> FloatArray:
    """Momentum of the pion in the laboratory (MeV/c), (q^2, cosine), for kaons of momentum ``beam``."""
    star = momentum(kaon, pion, np.sqrt(q2))[:, None]
    energy = np.sqrt(star**2 + pion**2)
    gamma = np.hypot(beam / kaon, 1.0)
    along = gamma * star * cosine + beam / kaon * energy
    return np.asarray(np.hypot(along, star * np.sqrt(1.0 - cosine**2)))


def _window(x: FloatArray, window: Any, width: Any, unit: float) -> FloatArray:
    low, high = (end * unit for end in window)
    return np.asarray(ndtr((x - low) / width) - ndtr((x - high) / width))


def _cumulative(wanted: FloatArray) -> FloatArray:
    """Cumulative probabilities at the edges of equal parts of t (last axis), for densities of which a share is uniform."""
    mean = wanted.mean(axis=-1, keepdims=True)
    density = np.where(mean > _NOTHING, _UNIFORM + (1.0 - _UNIFORM) * wanted / np.maximum(mean, _NOTHING), 1.0)
    edges = np.concatenate((np.zeros_like(mean), np.cumsum(density, axis=-1)), axis=-1)
    return np.asarray(edges / edges[..., -1:])


def _first_parts(edges: FloatArray) -> IntArray:
    """The part in which each of as many equal parts of the uniform begins."""
    begin = np.arange(len(edges) - 1) / (len(edges) - 1)
    return np.asarray(np.searchsorted(edges, begin, side="right") - 1).astype(np.int16)


@formula
def _stretched(edges: Any, first: Any, u: float) -> tuple[float, float]:
    """t(u), and dt/du, of a map with these cumulative probabilities."""
    parts = edges.size - 1
    k = np.int64(first[int(u * parts)])
    while edges[k + 1] <= u:
        k += 1
    slope = 1.0 / ((edges[k + 1] - edges[k]) * parts)
    return min(k / parts + (u - edges[k]) * slope, _BELOW_ONE), slope


@step
def stretch(n: int, importance: Importance, mass: Any, angle: Any, factor: Any) -> None:
    """Stretch the uniforms of q^2 and of the angle; ``factor`` receives the weights."""
    rows = importance.mass.size - 1
    for i in range(n):
        mass[i], slope = _stretched(importance.mass, importance.mass_first, mass[i])
        row = int(mass[i] * rows)
        angle[i], other = _stretched(importance.angle[row], importance.angle_first[row], angle[i])
        factor[i] = slope * other
