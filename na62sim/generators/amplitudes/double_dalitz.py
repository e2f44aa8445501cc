"""pi0 -> e+ e- e+ e-: two virtual photons, both ways to pair the leptons, with their interference.

M = M(12,34) - M(14,32), M(ab,cd) = eps(k_ab, k_cd, j_ab, j_cd) / (s_ab s_cd) with the currents
j_ab = ubar(a) gamma v(b) (Kroll and Wada, Phys. Rev. 98 (1955) 1355); form factor 1. In the pion's rest frame
eps(k_ab, k_cd, j_ab, j_cd) = M k_cd . (j_ab x j_cd), of three-vectors.

Sampling: s_12 and s_34 uniform in their logarithms, isotropic angles. The matrix element is symmetric in the
positrons, so the peaks of the other pairing are left to the other label by the weight 2 g1/(g1 + g2),
g = 1/(s s'), and the positrons are exchanged at random afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import two_body_momentum
from na62sim.core.particles import Species
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

# Bound of the weight over m_pi0^2; the largest of 3e6 trials is 0.80
BOUND = 0.88


@formula
def matrix_element2(q: Any, m: float, spinor: Any, j: Any, interference: bool = True) -> float:
    """|M|^2 of the four momenta q[1] = e-, q[0] = e+, q[3] = e-, q[2] = e+ (MeV), summed over spins, over mass^2.

    Without ``interference`` it is the sum of the two squares. ``spinor`` (4, 2, 4) and ``j`` (4, 2, 2, 4) are work space.
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
                    one = _triple(q, 2, 3, j[0, a, b], j[1, c, d]) * direct
                    two = _triple(q, 0, 3, j[2, a, d], j[3, c, b]) * crossed
                    z = one - two
                    if not interference:
                        z = complex(abs(one), abs(two))
                    total += z.real * z.real + z.imag * z.imag
    return total


@formula
def _triple(q: Any, k: int, n: int, a: Any, b: Any) -> complex:
    """k . (a x b) with the momentum of the pair k, n."""
    x, y, z = q[k, 0] + q[n, 0], q[k, 1] + q[n, 1], q[k, 2] + q[n, 2]
    return x * (a[1] * b[2] - a[2] * b[1]) + y * (a[2] * b[0] - a[0] * b[2]) + z * (a[0] * b[1] - a[1] * b[0])


@formula
def _trial(
    seed: int,
    event: int,
    vertex: int,
    trial: int,
    mass: float,
    m: float,
    q: Any,
    spinor: Any,
    j: Any,
    interference: bool,
) -> Any:
    """One trial: momenta into q; its weight and two more uniforms."""
    u0, u1, u2, u3 = vertex_uniforms(seed, event, vertex, 3 * trial)
    u4, u5, u6, u7 = vertex_uniforms(seed, event, vertex, 3 * trial + 1)
    u8, u9, _, _ = vertex_uniforms(seed, event, vertex, 3 * trial + 2)
    low = 2.0 * m
    span = 2.0 * log((mass - low) / low)
    s12, s34 = low * low * exp(span * u0), low * low * exp(span * u1)
    m12, m34 = np.sqrt(s12), np.sqrt(s34)
    if m12 + m34 >= mass:
        return 0.0, u8, u9
    p = two_body_momentum(mass, m12, m34)
    x, y, z = direction(u2, u3)
    p12, p34 = two_body_momentum(m12, m, m), two_body_momentum(m34, m, m)
    put_pair(q, 0, 1, m, m, p12, u4, u5, p * x, p * y, p * z, np.sqrt(p * p + s12), m12)
    put_pair(q, 2, 3, m, m, p34, u6, u7, -p * x, -p * y, -p * z, np.sqrt(p * p + s34), m34)
    w = 2.0 * m * m
    g1 = 1.0 / (s12 * s34)
    g2 = 1.0 / ((w + 2.0 * dot(q, 1, 2)) * (w + 2.0 * dot(q, 0, 3)))
    space = p * p12 * p34 / (mass * m12 * m34) * 2.0 / (g1 + g2)
    return matrix_element2(q, m, spinor, j, interference) * space, u8, u9


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, weight: Any) -> int:
    """Unweighted momenta of e+ e- e+ e- in the rest frame; parameters: m_pi0, m_e, bound."""
    mass, m, bound = parameters[0], parameters[1], parameters[2]
    q = np.empty((4, 4))
    spinor, j = np.empty((4, 2, 4), dtype=np.complex128), np.empty((4, 2, 2, 4), dtype=np.complex128)
    failed = 0
    for i in range(events.size):
        for trial in range(MAX_TRIALS):
            w, accept, swap = _trial(seed, events[i], vertex, trial, mass, m, q, spinor, j, True)
            failed += w > bound
            if accept * bound < w:
                break
        for k in range(4):
            source = (2 - k if k % 2 == 0 else k) if swap < 0.5 else k
            for c in range(4):
                rest[k, c, i] = q[source, c]
    return failed


@kernel
def trial_weights(seed: int, n: int, mass: float, m: float, interference: bool, out: Any) -> None:
    """Weights of the first trial of n events: the reference form of rate and bound, their mean and maximum."""
    q = np.empty((4, 4))
    spinor, j = np.empty((4, 2, 4), dtype=np.complex128), np.empty((4, 2, 2, 4), dtype=np.complex128)
    for i in range(n):
        out[i] = _trial(seed, i, 0, 0, mass, m, q, spinor, j, interference)[0]


def double_dalitz(mother: Species, daughters: Daughters) -> Vertex:
    """The vertex pi0 -> e+ e- e+ e-."""
    names = [species.name for species, _ in daughters]
    if names != ["e+", "e-", "e+", "e-"]:
        raise ValueError(f"amplitude 'double-dalitz' of '{mother.name}' needs the daughters e+ e- e+ e-, not {names}")
    return Vertex(sample, 4, np.array([mother.mass, daughters[0][0].mass, BOUND * mother.mass**2]))
