"""K+ -> pi+ e+ e- e+ e- by two virtual photons, K+ -> pi+ gamma* gamma*, both ways to pair the leptons, with interference.

M = A(z) [T(12,34) - T(14,32)], T(ab,cd) = [(k.k')(j.j') - (k.j')(k'.j)] / (s_ab s_cd), z = m_4e^2 / m_K^2, with the currents
j = ubar(a) gamma v(b) and the momenta k of the pairs: the coupling of two field strengths of K+ -> pi+ gamma gamma at
leading order, with its A(z) (Ecker, Pich, de Rafael, NPB 303 (1988) 665). That A depends on the masses of the photons
as well is left out: they are small against m_4e in most events. The pi0 pole (`k2pi-4e`) is not in it.

Sampling: m_4e^2 by p* z^2 |A|^2 and the square of the logarithmic range of a pair's mass; then as for pi0 -> e+ e- e+ e-
(`double_dalitz`), in the rest frame of the four leptons.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.particles import Species
from na62sim.core.sampling import inverse_cdf, quantile
from na62sim.generators.amplitudes.form_factors import two_photon_form_factor2
from na62sim.generators.amplitudes.four_electrons import four_electrons
from na62sim.generators.amplitudes.phase_space import momentum
from na62sim.generators.amplitudes.rest_frame import (
    MAX_TRIALS,
    Daughters,
    Vertex,
    direction,
    dot,
    put_pair,
    vertex_uniforms,
)
from na62sim.generators.amplitudes.spinors import current, fill_spinors

# Bound of the weight; the largest of 2e6 trials is 0.88
BOUND = 1.0


@formula
def coupling(q: Any, a: int, b: int, c: int, d: int, j: Any, i: Any) -> complex:
    """(k.k')(j.i) - (k.i)(k'.j) of the pairs (a, b) with the current j and (c, d) with the current i."""
    kx, ky, kz, kt = q[a, 0] + q[b, 0], q[a, 1] + q[b, 1], q[a, 2] + q[b, 2], q[a, 3] + q[b, 3]
    nx, ny, nz, nt = q[c, 0] + q[d, 0], q[c, 1] + q[d, 1], q[c, 2] + q[d, 2], q[c, 3] + q[d, 3]
    kn = kt * nt - kx * nx - ky * ny - kz * nz
    ji = j[3] * i[3] - j[0] * i[0] - j[1] * i[1] - j[2] * i[2]
    ki = kt * i[3] - kx * i[0] - ky * i[1] - kz * i[2]
    nj = nt * j[3] - nx * j[0] - ny * j[1] - nz * j[2]
    return kn * ji - ki * nj


@formula
def matrix_element2(q: Any, m: float, spinor: Any, j: Any) -> float:
    """|T(12,34) - T(14,32)|^2 of q[1] = e-, q[0] = e+, q[3] = e-, q[2] = e+ (MeV), summed over spins.

    ``spinor`` (4, 2, 4) and ``j`` (4, 2, 2, 4) are work space.
    """
    for k in range(4):
        fill_spinors(q[k, 0], q[k, 1], q[k, 2], q[k, 3], m, k % 2 == 0, spinor[k])
    for a in range(2):
        for b in range(2):
            current(spinor[1, a], spinor[0, b], j[0, a, b])
            current(spinor[3, a], spinor[2, b], j[1, a, b])
            current(spinor[1, a], spinor[2, b], j[2, a, b])
            current(spinor[3, a], spinor[0, b], j[3, a, b])
    w = 2.0 * m * m
    direct = 1.0 / ((w + 2.0 * dot(q, 0, 1)) * (w + 2.0 * dot(q, 2, 3)))
    crossed = 1.0 / ((w + 2.0 * dot(q, 1, 2)) * (w + 2.0 * dot(q, 0, 3)))
    total = 0.0
    for a in range(2):
        for b in range(2):
            for c in range(2):
                for d in range(2):
                    one = coupling(q, 1, 0, 3, 2, j[0, a, b], j[1, c, d])
                    two = coupling(q, 1, 2, 3, 0, j[2, a, d], j[3, c, b])
                    x, y = one.real * direct - two.real * crossed, one.imag * direct - two.imag * crossed
                    total += x * x + y * y
    return total


@formula
def _trial(
    seed: int, event: int, vertex: int, trial: int, parameters: Any, table: Any, q: Any, spinor: Any, j: Any
) -> Any:
    """One trial: leptons into q in their rest frame; weight over m_4e^4, m_4e^2, and four more uniforms."""
    m, low = parameters[2], 2.0 * parameters[2]
    u0, u1, u2, u3 = vertex_uniforms(seed, event, vertex, 4 * trial)
    u4, u5, u6, u7 = vertex_uniforms(seed, event, vertex, 4 * trial + 1)
    u8, accept, swap, _ = vertex_uniforms(seed, event, vertex, 4 * trial + 2)
    uc, up, _, _ = vertex_uniforms(seed, event, vertex, 4 * trial + 3)
    s = quantile(table, u8)
    mass = np.sqrt(s)
    span = 2.0 * log((mass - low) / low)
    s12, s34 = low * low * exp(span * u0), low * low * exp(span * u1)
    m12, m34 = np.sqrt(s12), np.sqrt(s34)
    if m12 + m34 >= mass:
        return 0.0, s, accept, swap, uc, up
    p = two_body_momentum(mass, m12, m34)
    x, y, z = direction(u2, u3)
    p12, p34 = two_body_momentum(m12, m, m), two_body_momentum(m34, m, m)
    put_pair(q, 0, 1, m, m, p12, u4, u5, p * x, p * y, p * z, np.sqrt(p * p + s12), m12)
    put_pair(q, 2, 3, m, m, p34, u6, u7, -p * x, -p * y, -p * z, np.sqrt(p * p + s34), m34)
    w = 2.0 * m * m
    g1 = 1.0 / (s12 * s34)
    g2 = 1.0 / ((w + 2.0 * dot(q, 1, 2)) * (w + 2.0 * dot(q, 0, 3)))
    space = p * p12 * p34 / (mass * m12 * m34) * 2.0 / (g1 + g2)
    return matrix_element2(q, m, spinor, j) * space / (s * s), s, accept, swap, uc, up


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, weight: Any) -> int:
    """Unweighted momenta of pi+ e+ e- e+ e- in the kaon's rest frame; parameters: m_K, m_pi, m_e, bound."""
    kaon, pion, bound = parameters[0], parameters[1], parameters[3]
    q = np.empty((4, 4))
    spinor, j = np.empty((4, 2, 4), dtype=np.complex128), np.empty((4, 2, 2, 4), dtype=np.complex128)
    failed = 0
    for i in range(events.size):
        s, swap, uc, up = 0.0, 0.0, 0.0, 0.0
        for trial in range(MAX_TRIALS):
            w, s, accept, swap, uc, up = _trial(seed, events[i], vertex, trial, parameters, table, q, spinor, j)
            failed += w > bound
            if accept * bound < w:
                break
        mass = np.sqrt(s)
        p = two_body_momentum(kaon, pion, mass)
        x, y, z = direction(uc, up)
        rest[0, 0, i], rest[0, 1, i], rest[0, 2, i], rest[0, 3, i] = p * x, p * y, p * z, np.sqrt(p * p + pion * pion)
        e4 = np.sqrt(p * p + s)
        for k in range(4):
            source = (2 - k if k % 2 == 0 else k) if swap < 0.5 else k
            ax, ay, az, ae = boost(
                q[source, 0], q[source, 1], q[source, 2], q[source, 3], -p * x, -p * y, -p * z, e4, mass
            )
            rest[1 + k, 0, i], rest[1 + k, 1, i], rest[1 + k, 2, i], rest[1 + k, 3, i] = ax, ay, az, ae
    return failed


@kernel
def trial_weights(seed: int, n: int, parameters: Any, table: Any, out: Any, s: Any) -> None:
    """Weights of the first trial of n events, and their m_4e^2: the reference form of bound and spectrum."""
    q = np.empty((4, 4))
    spinor, j = np.empty((4, 2, 4), dtype=np.complex128), np.empty((4, 2, 2, 4), dtype=np.complex128)
    for i in range(n):
        out[i], s[i], _, _, _, _ = _trial(seed, i, 0, 0, parameters, table, q, spinor, j)


def mass2_density(kaon: float, pion: float, electron: float, s: Any) -> Any:
    """Density of m_4e^2 = s (MeV^2) that is sampled: p* z^2 |A|^2 times the square of the range of a pair's logarithm."""
    mass = np.sqrt(s)
    span = np.log(np.maximum((mass - 2.0 * electron) / (2.0 * electron), 1.0))
    return momentum(kaon, pion, mass) * two_photon_form_factor2(s, kaon) * span**2


def two_photon(mother: Species, daughters: Daughters, m_4e_min: float = 0.0) -> Vertex:
    """The vertex K+ -> pi+ e+ e- e+ e- by two photons, with m_4e above ``m_4e_min`` (MeV)."""
    pion, electron, low, high = four_electrons("two-photon", mother, daughters, m_4e_min)
    table = inverse_cdf(lambda s: mass2_density(mother.mass, pion, electron, s), low**2, high**2)
    return Vertex(sample, 5, np.array([mother.mass, pion, electron, BOUND]), table)
