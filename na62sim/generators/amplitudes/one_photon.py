"""K+ -> pi+ e+ e- e+ e- by one virtual photon, K+ -> pi+ gamma*, gamma* -> e+ e- e+ e-, at tree level.

M = (alpha / 4 pi m_K^2) W(z) (4 pi alpha) (P_K + P_pi) . J, z = m_4e^2 / m_K^2, with the eight diagrams of J: a second
photon from the electron or the positron line, for the four ways to choose the line and the pair; a minus sign
for an exchanged positron. W as in K+ -> pi+ e+ e-. The pi0 pole (`k2pi-4e`) and two-photon exchange are not in it
(Husek, PRD 106 (2022) L071301). The current is conserved: (P_K + P_pi) . J = 2 P_K . J.

Sampling: m_4e^2 by p*^3 |W|^2; then gamma* -> e (e e e), (e e e) -> e (e e) with m^2(e e e) - m_e^2 and m^2(e e) uniform in
their logarithms. That is one of eight channels g_c, one per diagram; they differ by the names of the leptons alone, so
one is drawn, with the weight |M|^2 / sum of g_c, and the names are permuted at random. The weight has a long tail (pairs
along a lepton): events are accepted with min(1, w / cut) and keep the weight max(w, cut) / bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.particles import Species
from na62sim.core.sampling import inverse_cdf, quantile
from na62sim.generators.amplitudes.form_factors import dilepton_form_factor
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
from na62sim.generators.amplitudes.spinors import current, fill_spinors, slash

# Of the weight of `_trial` (MeV^-2; its mean is 3.8e8, the largest of 1e6 trials 5e10): events below CUT are
# unweighted, none may be above BOUND
CUT = 1.5e9
BOUND = 5.0e11
# the four ways to choose a line (electron, positron) and a pair (electron, positron): rows of q, and the sign
_LINES = np.array([[2, 1, 4, 3], [4, 3, 2, 1], [2, 3, 4, 1], [4, 1, 2, 3]])
_SIGNS = np.array([1.0, 1.0, -1.0, -1.0])


@formula
def _mass2(q: Any, a: int, b: int, m2: float) -> float:
    return 2.0 * (m2 + dot(q, a, b))


@formula
def _triple_mass2(q: Any, a: int, b: int, c: int, m2: float) -> float:
    """m^2(a b c) - m_e^2."""
    return 2.0 * (m2 + dot(q, a, b) + dot(q, a, c) + dot(q, b, c))


@formula
def _sum(q: Any, a: int, b: int, c: int) -> tuple[float, float, float, float]:
    return (
        q[a, 0] + q[b, 0] + q[c, 0],
        q[a, 1] + q[b, 1] + q[c, 1],
        q[a, 2] + q[b, 2] + q[c, 2],
        q[a, 3] + q[b, 3] + q[c, 3],
    )


@kernel
def current2(q: Any, m: float, lines: Any, signs: Any, t: Any, spinor: Any, work: Any, amplitude: Any) -> float:
    """|t . J|^2 summed over spins, in MeV^-2 times |t|^2, with J of the eight diagrams without couplings.

    For a line (a, b) and a pair (c, d): j_cd . C with
    C = ubar_a gamma [S_a tslash v_b] + [ubar_a tslash S_b] gamma v_b, S the propagators after and before the pair.

    Parameters
    ----------
    q : (5, 4) momenta (MeV); rows 2 and 4 are e-, rows 1 and 3 e+, row 0 is not used
    t : (4,) the contravariant four-vector that J is contracted with, real
    spinor (5, 2, 4), work (11, 4), amplitude (16,) : complex work space
    """
    m2 = m * m
    for k in range(1, 5):
        fill_spinors(q[k, 0], q[k, 1], q[k, 2], q[k, 3], m, k % 2 == 1, spinor[k])
    amplitude[:] = 0.0
    x, one, two = work[0], work[1:3], work[3:5]
    for line in range(4):
        a, b, c, d = lines[line, 0], lines[line, 1], lines[line, 2], lines[line, 3]
        pair = signs[line] / _mass2(q, c, d, m2)
        from_a = pair / _triple_mass2(q, a, c, d, m2)
        from_b = pair / _triple_mass2(q, b, c, d, m2)
        ax, ay, az, at = _sum(q, a, c, d)
        bx, by, bz, bt = _sum(q, b, c, d)
        for s in range(2):
            slash(t[0], t[1], t[2], t[3], spinor[b, s], x)
            slash(ax, ay, az, at, x, one[s])
            for k in range(4):
                one[s, k] = complex(
                    (one[s, k].real + m * x[k].real) * from_a, (one[s, k].imag + m * x[k].imag) * from_a
                )
            slash(t[0], t[1], t[2], t[3], spinor[a, s], x)  # the bar of a row: real vectors in the other order
            slash(-bx, -by, -bz, -bt, x, two[s])
            for k in range(4):
                two[s, k] = complex(
                    (two[s, k].real + m * x[k].real) * from_b, (two[s, k].imag + m * x[k].imag) * from_b
                )
        _contract(a, b, c, d, spinor, one, two, work[5], work[6], work[7:11], amplitude)
    total = 0.0
    for k in range(16):
        total += amplitude[k].real ** 2 + amplitude[k].imag ** 2
    return total


@kernel
def _contract(
    a: int, b: int, c: int, d: int, spinor: Any, one: Any, two: Any, first: Any, second: Any, j: Any, amplitude: Any
) -> None:
    """Add j_cd . C of a line to the amplitudes; the spins of the rows 1 to 4 are the bits of the index."""
    for s in range(4):
        current(spinor[c, s // 2], spinor[d, s % 2], j[s])
    for sa in range(2):
        for sb in range(2):
            current(spinor[a, sa], one[sb], first)
            current(two[sa], spinor[b, sb], second)
            x, y, z, t = first[0] + second[0], first[1] + second[1], first[2] + second[2], first[3] + second[3]
            for sc in range(2):
                for sd in range(2):
                    pair = j[2 * sc + sd]
                    index = (sa << (a - 1)) | (sb << (b - 1)) | (sc << (c - 1)) | (sd << (d - 1))
                    amplitude[index] += t * pair[3] - x * pair[0] - y * pair[1] - z * pair[2]


@formula
def _channel(q: Any, a: int, c: int, d: int, s: float, m: float) -> float:
    """Density in phase space of the channel in which lepton a emits the pair c, d, over that of 1/pi^3."""
    m2 = m * m
    triple, pair = _triple_mass2(q, a, c, d, m2), _mass2(q, c, d, m2)
    mass, m3, m2e = np.sqrt(s), np.sqrt(triple + m2), np.sqrt(pair)
    top = mass - m
    first = log((top * top - m2) / (8.0 * m2))
    second = 2.0 * log(max(m3 - m, 2.0 * m) / (2.0 * m))
    space = two_body_momentum(mass, m, m3) * two_body_momentum(m3, m, m2e) * two_body_momentum(m2e, m, m)
    return mass * m3 * m2e / (space * triple * pair * first * second)


@kernel
def _trial(
    seed: int, event: int, vertex: int, trial: int, parameters: Any, table: Any, lines: Any, signs: Any,
    q: Any, spinor: Any, work: Any, amplitude: Any,
) -> Any:  # fmt: skip
    """One trial: momenta into q (pion, e+, e-, e+, e-), the last two leptons a pair emitted by the second.

    Returns the weight, 16 |P_K . J|^2 / (p*^2 mean of g_c) in MeV^-2 with J and g as above, and two more uniforms.
    """
    kaon, pion, m = parameters[0], parameters[1], parameters[2]
    u0, u1, u2, u3 = vertex_uniforms(seed, event, vertex, 3 * trial)
    u4, u5, u6, u7 = vertex_uniforms(seed, event, vertex, 3 * trial + 1)
    u8, u9, ua, ub = vertex_uniforms(seed, event, vertex, 3 * trial + 2)
    m2 = m * m
    s = quantile(table, u0)
    mass = np.sqrt(s)
    top = mass - m
    triple = 8.0 * m2 * exp(u1 * log((top * top - m2) / (8.0 * m2)))  # m^2(e e e) - m_e^2
    m3 = np.sqrt(triple + m2)
    pair = 4.0 * m2 * exp(2.0 * u2 * log(max(m3 - m, 2.0 * m) / (2.0 * m)))
    m2e = np.sqrt(pair)
    p = two_body_momentum(kaon, pion, mass)
    x, y, z = direction(u3, u4)
    q[0, 0], q[0, 1], q[0, 2], q[0, 3] = p * x, p * y, p * z, np.sqrt(p * p + pion * pion)
    e4 = np.sqrt(p * p + s)
    p3 = two_body_momentum(mass, m, m3)
    x, y, z = direction(u5, u6)
    e3 = np.sqrt(p3 * p3 + m3 * m3)
    tx, ty, tz, te = boost(p3 * x, p3 * y, p3 * z, e3, -q[0, 0], -q[0, 1], -q[0, 2], e4, mass)
    q[1, 0], q[1, 1], q[1, 2], q[1, 3] = -q[0, 0] - tx, -q[0, 1] - ty, -q[0, 2] - tz, e4 - te
    pe = two_body_momentum(m3, m, m2e)
    x, y, z = direction(u7, u8)
    q[2, 0], q[2, 1], q[2, 2], q[2, 3] = boost(pe * x, pe * y, pe * z, np.sqrt(pe * pe + m2), tx, ty, tz, te, m3)
    put_pair(
        q, 3, 4, m, m, two_body_momentum(m2e, m, m), u9, ua,
        tx - q[2, 0], ty - q[2, 1], tz - q[2, 2], te - q[2, 3], m2e,
    )  # fmt: skip
    density = 0.0
    for line in range(4):
        a, b, c, d = lines[line, 0], lines[line, 1], lines[line, 2], lines[line, 3]
        density += _channel(q, a, c, d, s, m) + _channel(q, b, c, d, s, m)
    t = (0.0, 0.0, 0.0, 2.0 * kaon)
    return current2(q, m, lines, signs, t, spinor, work, amplitude) / (p * p * 0.125 * density), ub


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, weight: Any) -> int:
    """Momenta of pi+ e+ e- e+ e- in the kaon's rest frame; parameters: m_K, m_pi, m_e, cut, bound."""
    q = np.zeros((5, 4))
    spinor, work = np.empty((5, 2, 4), dtype=np.complex128), np.empty((11, 4), dtype=np.complex128)
    amplitude = np.empty(16, dtype=np.complex128)
    cut, bound = parameters[3], parameters[4]
    failed = 0
    for i in range(events.size):
        w, names = 0.0, 0
        for trial in range(MAX_TRIALS):
            w, u = _trial(seed, events[i], vertex, trial, parameters, table, _LINES, _SIGNS, q, spinor, work, amplitude)
            names = np.int64(8.0 * u)
            if (8.0 * u - names) * cut < w:
                break
        failed += w > bound
        weight[i] *= max(w, cut) / bound
        for k in range(5):
            # leptons by charge (bit 2) and label (bit 1 of the electrons, bit 0 of the positrons)
            charge, label = k % 2, (k - 1) // 2
            if k > 0 and names & 4:
                charge = 1 - charge
            if k > 0 and names & (1 + charge):
                label = 1 - label
            source = 0 if k == 0 else 2 * label + (1 if charge == 1 else 2)
            for c in range(4):
                rest[k, c, i] = q[source, c]
    return failed


@kernel
def trial_weights(seed: int, n: int, parameters: Any, table: Any, out: Any, s: Any) -> None:
    """Weights of the first trial of n events, and their m_4e^2: the reference form of the rate and its spectrum."""
    q = np.zeros((5, 4))
    spinor, work = np.empty((5, 2, 4), dtype=np.complex128), np.empty((11, 4), dtype=np.complex128)
    amplitude = np.empty(16, dtype=np.complex128)
    for i in range(n):
        out[i], _ = _trial(seed, i, 0, 0, parameters, table, _LINES, _SIGNS, q, spinor, work, amplitude)
        e, x, y, z = parameters[0] - q[0, 3], q[0, 0], q[0, 1], q[0, 2]
        s[i] = e * e - x * x - y * y - z * z


def mass2_density(kaon: float, pion: float, s: Any) -> Any:
    """Density of m_4e^2 = s (MeV^2) that is sampled: p*^3 |W|^2."""
    return momentum(kaon, pion, np.sqrt(s)) ** 3 * np.abs(dilepton_form_factor(s, kaon)) ** 2


def one_photon(mother: Species, daughters: Daughters, m_4e_min: float = 0.0) -> Vertex:
    """The vertex K+ -> pi+ e+ e- e+ e- with m_4e above ``m_4e_min`` (MeV)."""
    pion, electron, low, high = four_electrons("one-photon", mother, daughters, m_4e_min)
    table = inverse_cdf(lambda s: mass2_density(mother.mass, pion, s), low**2, high**2)
    return Vertex(sample, 5, np.array([mother.mass, pion, electron, CUT, BOUND]), table, weighted=True)
