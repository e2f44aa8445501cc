"""S -> A' A', A' -> l+ l-, with the polarisations of the two A' correlated by the vertex V_mn of S.

    higgs          V = g_mn                    (a mass term, the dark Higgs)
    field-strength V = (k1.k2) g_mn - k2_m k1_n     (S F'F')
    pseudoscalar   V = eps_abmn k1^a k2^b        (S F'F'dual)

Weight V^mn V^rs L1_mr L2_ns with the lepton tensors L_mr = p-_m p+_r + p+_m p-_r - (m^2/2) g_mr, m = m_A', exact in the
lepton mass. In the frame of S the pseudoscalar vertex has the components V_xy = -V_yx alone, up to a constant.
Exchange of leptons between the two narrow A' is neglected.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.particles import Species
from na62sim.generators.amplitudes.rest_frame import MAX_TRIALS, Daughters, Vertex, dot, rotate, vertex_uniforms

VERTEX_KINDS = {"higgs": 0, "field-strength": 1, "pseudoscalar": 2}
_SAFETY = 1.02  # of the gridded maximum


@formula
def _decay(q: Any, k: int, plus: int, m: float, lepton: float, c: float, sine: float, cosine: float) -> None:
    """A' of row k, moving along z, into l+ (row ``plus``) and l- (the next row); c is of l- to +z."""
    p = two_body_momentum(m, lepton, lepton)
    t = p * np.sqrt(max(1.0 - c * c, 0.0))
    x, y, z, e = boost(t * cosine, t * sine, p * c, 0.5 * m, 0.0, 0.0, q[k, 2], q[k, 3], m)
    q[plus + 1, 0], q[plus + 1, 1], q[plus + 1, 2], q[plus + 1, 3] = x, y, z, e
    q[plus, 0], q[plus, 1], q[plus, 2], q[plus, 3] = -x, -y, q[k, 2] - z, q[k, 3] - e


@formula
def fill(parameters: Any, c1: float, up1: float, c2: float, up2: float, q: Any) -> None:
    """Momenta in the frame of S: A', A' (along +z, -z), l+ l- of the first, l+ l- of the second."""
    mass, m, lepton = parameters[0], parameters[1], parameters[2]
    p = two_body_momentum(mass, m, m)
    q[0, 0] = q[0, 1] = q[1, 0] = q[1, 1] = 0.0
    q[0, 2], q[1, 2], q[0, 3], q[1, 3] = p, -p, 0.5 * mass, 0.5 * mass
    s1, k1 = sincos_turns(up1)
    s2, k2 = sincos_turns(up2)
    _decay(q, 0, 2, m, lepton, c1, s1, k1)
    _decay(q, 1, 4, m, lepton, c2, s2, k2)


@formula
def correlation(kind: int, m: float, q: Any) -> float:
    """The weight; rows of q as in `fill`.

    With a = p1-.V and b = p1+.V, G_ns = V_mn V^m_s:
    2 [(a.p2-)(b.p2+) + (a.p2+)(b.p2-)] - m^2 a.b - (m^2/2) [2 G(p2-, p2+) - (m^2/2) tr G].
    """
    m2 = m * m
    if kind == 2:
        # a = (-p_y, p_x) against contravariant vectors, G = -1 in the transverse plane
        amm, bpp = q[3, 0] * q[5, 1] - q[3, 1] * q[5, 0], q[2, 0] * q[4, 1] - q[2, 1] * q[4, 0]
        amp, bpm = q[3, 0] * q[4, 1] - q[3, 1] * q[4, 0], q[2, 0] * q[5, 1] - q[2, 1] * q[5, 0]
        ab = -(q[3, 0] * q[2, 0] + q[3, 1] * q[2, 1])
        g, trace = -(q[5, 0] * q[4, 0] + q[5, 1] * q[4, 1]), 2.0
        return 2.0 * (amm * bpp + amp * bpm) - m2 * ab - 0.5 * m2 * (2.0 * g - 0.5 * m2 * trace)
    if kind == 0:
        amm, bpp, amp, bpm = dot(q, 3, 5), dot(q, 2, 4), dot(q, 3, 4), dot(q, 2, 5)
        return 2.0 * (amm * bpp + amp * bpm) - m2 * (dot(q, 3, 2) + dot(q, 5, 4)) + m2 * m2
    d = dot(q, 0, 1)
    # a = d p - (p.k2) k1
    m_k2, p_k2 = dot(q, 3, 1), dot(q, 2, 1)
    amm, amp = d * dot(q, 3, 5) - m_k2 * dot(q, 0, 5), d * dot(q, 3, 4) - m_k2 * dot(q, 0, 4)
    bpm, bpp = d * dot(q, 2, 5) - p_k2 * dot(q, 0, 5), d * dot(q, 2, 4) - p_k2 * dot(q, 0, 4)
    ab = d * d * dot(q, 3, 2) - d * (p_k2 * dot(q, 3, 0) + m_k2 * dot(q, 2, 0)) + m_k2 * p_k2 * m2
    m_k1, p_k1 = dot(q, 5, 0), dot(q, 4, 0)
    g = d * d * dot(q, 5, 4) - d * (dot(q, 5, 1) * p_k1 + m_k1 * dot(q, 4, 1)) + m2 * m_k1 * p_k1
    trace = 2.0 * d * d + m2 * m2
    return 2.0 * (amm * bpp + amp * bpm) - m2 * ab - 0.5 * m2 * (2.0 * g - 0.5 * m2 * trace)


@kernel
def largest_weight(parameters: Any) -> float:
    """Maximum over a grid of c1, c2 and the difference of the azimuths."""
    q = np.empty((6, 4))
    largest = 0.0
    for a in range(41):
        for b in range(41):
            for c in range(41):
                fill(parameters, a / 20.0 - 1.0, c / 80.0, b / 20.0 - 1.0, 0.0, q)
                largest = max(largest, correlation(np.int64(parameters[3]), parameters[1], q))
    return largest


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, weight: Any) -> int:
    """Momenta of A' A' l+ l- l+ l- in the frame of S; parameters: m_S, m_A', m_l, kind of vertex, bound."""
    m, kind, bound = parameters[1], np.int64(parameters[3]), parameters[4]
    q = np.empty((6, 4))
    failed = 0
    for i in range(events.size):
        last = 0
        for trial in range(MAX_TRIALS):
            last = trial
            u0, u1, u2, u3 = vertex_uniforms(seed, events[i], vertex, 2 * trial)
            fill(parameters, 2.0 * u0 - 1.0, u1, 2.0 * u2 - 1.0, 0.0, q)
            w = correlation(kind, m, q)
            failed += w > bound
            if u3 * bound < w:
                break
        a, b, c, _ = vertex_uniforms(seed, events[i], vertex, 2 * last + 1)
        for row in range(6):
            rotate(q, row, a, b, c, rest, row, i)
    return failed


def cascade(kind: str, mother: Species, daughters: Daughters) -> Vertex:
    """The vertex S -> A' A' with the decays A' -> l+ l- of both."""
    (first, leptons), (second, others) = daughters if len(daughters) == 2 else [(mother, ())] * 2
    codes = [s.pdg for s in leptons]
    if first.name != second.name or codes != [s.pdg for s in others] or codes not in ([-11, 11], [-13, 13]):
        raise ValueError(
            f"amplitude '{kind}' of '{mother.name}' needs two equal daughters that decay to e+ e- or mu+ mu-"
        )
    parameters = np.array([mother.mass, first.mass, leptons[0].mass, VERTEX_KINDS[kind], 0.0])
    parameters[4] = _SAFETY * largest_weight(parameters)
    return Vertex(sample, 6, parameters, cascade=True)
