"""K+ -> pi+ pi0 gamma with the photon above a cut: inner bremsstrahlung, direct emission and their interference.

Inner bremsstrahlung by Low's theorem, exact for a constant K -> pi pi amplitude: with the photon k,
    F = 2 P.p / [(P.k)(p.k)] - M^2/(P.k)^2 - m^2/(p.k)^2,   dGamma = Gamma_0 e^2/((2 pi)^3 8 M) / [p*/(8 pi M^2)] F dE_k dE_pi,
times 1 + 2 m^2 M^2 X_E W^2 + m^4 M^4 (X_E^2 + X_M^2) W^4, W^2 = (P.k)(p.k)/(M m)^2 (NA48/2, EPJC 68 (2010) 75). M, P of the
kaon and m, p of the charged pion. Sampling: ln E_k and the cosine of pi+ to the photon in the dipion's frame, uniform.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from na62sim.core.constants import ALPHA
from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.particles import Species
from na62sim.generators.amplitudes.rest_frame import MAX_TRIALS, Daughters, Vertex, rotate, vertex_uniforms

# Electric and magnetic direct emission (MeV^-4): NA48/2, EPJC 68 (2010) 75
ELECTRIC, MAGNETIC = -24e-12, 254e-12
_SAFETY = 1.02  # of the gridded maximum


@formula
def fill(parameters: Any, energy: float, c: float, q: Any) -> float:
    """Momenta pi+, pi0, photon along -z in the kaon's frame; the weight E_k (dE_pi/dc) F (1 + ...), without dimension."""
    kaon, pion, neutral, electric, magnetic = parameters[0], parameters[1], parameters[2], parameters[3], parameters[4]
    mass = np.sqrt(kaon * kaon - 2.0 * kaon * energy)
    p = two_body_momentum(mass, pion, neutral)
    t, e = p * np.sqrt(max(1.0 - c * c, 0.0)), kaon - energy
    e1 = np.sqrt(p * p + pion * pion)
    q[0, 0], q[0, 1], q[0, 2], q[0, 3] = boost(t, 0.0, -p * c, e1, 0.0, 0.0, energy, e, mass)
    q[1, 0], q[1, 1], q[1, 2], q[1, 3] = -q[0, 0], 0.0, energy - q[0, 2], e - q[0, 3]
    q[2, 0], q[2, 1], q[2, 2], q[2, 3] = 0.0, 0.0, -energy, energy
    k_kaon, k_pion = kaon * energy, energy * (q[0, 3] + q[0, 2])
    low = 2.0 * kaon * q[0, 3] / (k_kaon * k_pion) - (kaon / k_kaon) ** 2 - (pion / k_pion) ** 2
    w2 = k_kaon * k_pion
    direct = 1.0 + 2.0 * electric * w2 + (electric * electric + magnetic * magnetic) * w2 * w2
    return energy * (p * energy / mass) * low * direct


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, weight: Any) -> int:
    """Momenta of pi+ pi0 gamma in the kaon's frame; parameters: three masses, X_E, X_M, lowest and highest E_k, bound."""
    low, bound = parameters[5], parameters[7]
    span = log(parameters[6] / low)
    q = np.empty((3, 4))
    failed = 0
    for i in range(events.size):
        last = 0
        for trial in range(MAX_TRIALS):
            last = trial
            a, b, c, _ = vertex_uniforms(seed, events[i], vertex, 2 * trial)
            w = fill(parameters, low * exp(span * a), 2.0 * b - 1.0, q)
            failed += w > bound
            if c * bound < w:
                break
        a, b, c, _ = vertex_uniforms(seed, events[i], vertex, 2 * last + 1)
        for row in range(3):
            rotate(q, row, a, b, c, rest, row, i)
    return failed


@kernel
def grid_weights(parameters: Any, energy: Any, c: Any, out: Any) -> None:
    """Weights on a grid of photon energies (MeV) and cosines, out (energies, cosines)."""
    q = np.empty((3, 4))
    for i in range(energy.size):
        for j in range(c.size):
            out[i, j] = fill(parameters, energy[i], c[j], q)


def radiative(mother: Species, daughters: Daughters, E_min: float = 1.0, E_max: float = math.inf) -> Vertex:
    """The vertex K+ -> pi+ pi0 gamma with the photon between ``E_min`` and ``E_max`` (MeV) in the kaon's frame."""
    names = [species.name for species, _ in daughters]
    if names != ["pi+", "pi0", "gamma"]:
        raise ValueError(f"amplitude 'radiative' of '{mother.name}' needs pi+ pi0 gamma, not {' '.join(names)}")
    pion, neutral = daughters[0][0].mass, daughters[1][0].mass
    highest = _highest(mother.mass, pion, neutral, E_min, E_max)
    parameters = np.array([mother.mass, pion, neutral, ELECTRIC, MAGNETIC, E_min, highest, 0.0])
    out = np.empty((400, 401))
    grid_weights(parameters, np.geomspace(E_min, highest, 400), np.linspace(-1.0, 1.0, 401), out)
    parameters[7] = _SAFETY * out.max()
    return Vertex(sample, 3, parameters)


def _highest(kaon: float, pion: float, neutral: float, E_min: float, E_max: float) -> float:
    """Highest photon energy (MeV) below ``E_max``.

    Raises
    ------
    ValueError : no photon has such an energy
    """
    highest = (kaon**2 - (pion + neutral) ** 2) / (2.0 * kaon)
    if not 0.0 < E_min < highest:
        raise ValueError(f"E_min = {E_min:.9g} MeV: it must be above 0 and below {highest:.9g} MeV")
    if not E_min < E_max:
        raise ValueError(f"E_max = {E_max:.9g} MeV: it must be above E_min = {E_min:.9g} MeV")
    return min(highest, E_max)


def photon_fraction(
    kaon: float, pion: float, neutral: float, E_min: float, E_max: float = math.inf, direct: bool = True
) -> float:
    """Share of K+ -> pi+ pi0 with a photon between two energies (MeV); ``direct``: with emission from the vertex.

    >>> print(f"{photon_fraction(493.677, 139.57039, 134.9768, 10.0, direct=False):.5f}")
    0.00324
    """
    high = _highest(kaon, pion, neutral, E_min, E_max)
    electric, magnetic = (ELECTRIC, MAGNETIC) if direct else (0.0, 0.0)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    out, share = np.empty((200, 200)), 0.5 * (nodes + 1.0)
    parameters = np.array([kaon, pion, neutral, electric, magnetic, E_min, high, 0.0])
    grid_weights(parameters, E_min * (high / E_min) ** share, nodes, out)
    integral = 0.5 * math.log(high / E_min) * float(weights @ out @ weights)
    # e^2 = 4 pi alpha; e^2 / ((2 pi)^3 8 M) over p* / (8 pi M^2)
    return ALPHA * kaon / (2.0 * math.pi * two_body_momentum(kaon, pion, neutral)) * integral
