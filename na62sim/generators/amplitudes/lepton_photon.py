"""K+ -> l+ nu gamma by inner bremsstrahlung, with the photon between two energies in the kaon's frame.

With x = 2 E_gamma / m_K, y = 2 E_l / m_K, r = (m_l / m_K)^2 and tau = x + y - 1 - r (Bijnens, Ecker and Gasser, Nucl. Phys. B396
(1993) 81):
    dGamma/Gamma_0 = (alpha / 2 pi) (1 - r)^-2 (1 - y + r) / (x^2 tau) [x^2 + 2 (1 - x)(1 - r) - 2 x r (1 - r) / tau] dx dy.
Structure-dependent terms are left out. Sampling: ln x uniform, then ln tau uniform between its ends r x / (1 - x) and x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from na62sim.core.constants import ALPHA
from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.particles import Species
from na62sim.generators.amplitudes.rest_frame import MAX_TRIALS, Daughters, Vertex, rotate, vertex_uniforms

_SAFETY = 1.02  # of the gridded maximum


@formula
def weight(x: float, u: float, r: float) -> tuple[float, float]:
    """x tau ln((1 - x) / r) times the density without its constants, at a share u of the range of ln tau; and y."""
    span = log((1.0 - x) / r)
    tau = x * exp(-u * span)
    y = 1.0 + r - x + tau
    square = x * x + 2.0 * (1.0 - x) * (1.0 - r) - 2.0 * x * r * (1.0 - r) / tau
    return span * (x - tau) * square / x, y


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, _weight: Any) -> int:
    """Momenta of l nu gamma in the kaon's frame; parameters: two masses, lowest and highest x, bound."""
    kaon, lepton, low, bound = parameters[0], parameters[1], parameters[2], parameters[4]
    span, r = log(parameters[3] / low), (lepton / kaon) ** 2
    q = np.empty((3, 4))
    failed = 0
    for i in range(events.size):
        last = 0
        x, y = low, 1.0
        for trial in range(MAX_TRIALS):
            last = trial
            a, b, c, _ = vertex_uniforms(seed, events[i], vertex, 2 * trial)
            x = low * exp(span * a)
            w, y = weight(x, b, r)
            failed += w > bound
            if c * bound < w:
                break
        a, b, c, _ = vertex_uniforms(seed, events[i], vertex, 2 * last + 1)
        e, k = 0.5 * kaon * y, 0.5 * kaon * x
        p = np.sqrt(max(e * e - lepton * lepton, 0.0))
        nu = kaon - e - k
        cosine = min(max((nu * nu - p * p - k * k) / (2.0 * p * k), -1.0), 1.0)
        q[0, 0], q[0, 1], q[0, 2], q[0, 3] = p * np.sqrt(1.0 - cosine * cosine), 0.0, p * cosine, e
        q[2, 0], q[2, 1], q[2, 2], q[2, 3] = 0.0, 0.0, k, k
        q[1, 0], q[1, 1], q[1, 2], q[1, 3] = -q[0, 0], 0.0, -q[0, 2] - k, nu
        for row in range(3):
            rotate(q, row, a, b, c, rest, row, i)
    return failed


@kernel
def grid_weights(r: float, x: Any, u: Any, out: Any) -> None:
    """Weights on a grid of x and of shares of ln tau, out (x, u)."""
    for i in range(x.size):
        for j in range(u.size):
            out[i, j], _ = weight(x[i], u[j], r)


def lepton_photon(mother: Species, daughters: Daughters, E_min: float = 1.0, E_max: float = math.inf) -> Vertex:
    """The vertex K+ -> l+ nu gamma with the photon between ``E_min`` and ``E_max`` (MeV) in the kaon's frame."""
    names = [species.name for species, _ in daughters]
    if len(names) != 3 or names[2] != "gamma":
        raise ValueError(f"amplitude 'lepton-photon' of '{mother.name}' needs l+ nu gamma, not {' '.join(names)}")
    lepton = daughters[0][0].mass
    low, high = photon_range(mother.mass, lepton, E_min, E_max)
    r = (lepton / mother.mass) ** 2
    out = np.empty((400, 400))
    grid_weights(r, np.geomspace(low, high * (1.0 - 1e-9), 400), np.linspace(0.0, 1.0, 400), out)
    return Vertex(sample, 3, np.array([mother.mass, lepton, low, high, _SAFETY * out.max()]))


def photon_range(kaon: float, lepton: float, E_min: float, E_max: float) -> tuple[float, float]:
    """The range of x.

    Raises
    ------
    ValueError : no photon has such an energy
    """
    highest = 0.5 * kaon * (1.0 - (lepton / kaon) ** 2)
    if not 0.0 < E_min < min(E_max, highest):
        raise ValueError(
            f"E_min = {E_min:.9g} MeV, E_max = {E_max:.9g} MeV: they must increase, between 0 and {highest:.9g} MeV"
        )
    return 2.0 * E_min / kaon, 2.0 * min(E_max, highest) / kaon


def photon_fraction(kaon: float, lepton: float, E_min: float, E_max: float = math.inf) -> float:
    """Share of K+ -> l+ nu with a photon between two energies (MeV).

    >>> print(f"{photon_fraction(493.677, 105.6583755, 1.0):.4f} {photon_fraction(493.677, 105.6583755, 50.0):.5f}")
    0.0139 0.00231
    """
    low, high = photon_range(kaon, lepton, E_min, E_max)
    r = (lepton / kaon) ** 2
    nodes, weights = np.polynomial.legendre.leggauss(200)
    out = np.empty((200, 200))
    share = 0.5 * (nodes + 1.0)
    grid_weights(r, low * (high / low) ** share, share, out)
    mean = 0.25 * float(weights @ out @ weights)
    return ALPHA / (2.0 * math.pi) / (1.0 - r) ** 2 * math.log(high / low) * mean
