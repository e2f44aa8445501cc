"""K+ -> pi+ pi- e+ nu with the form factors F, G, H and the nine angular functions.

Variables of Cabibbo and Maksymowicz: S_pi, S_e, theta_pi (pi+ to the dipion's flight), theta_e (e+ to the dilepton's
flight, each in its own rest frame) and phi. Density s X (1 - m_e^2/S_e) I, I = sum of I_1 ... I_9 with m_e -> 0 (Pais and
Treiman, PR 168 (1968) 1858; Bijnens, Colangelo, Gasser, NPB 427 (1994) 427). With v the flight of the dipion, c and
d the directions of pi+ and e+ across it: cos(phi) = c.d, sin(phi) = (c x v).d.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.particles import Species
from na62sim.generators.amplitudes.rest_frame import MAX_TRIALS, Daughters, Vertex, rotate, vertex_uniforms

# Form factors relative to f_s: f_s', f_s'', f_e', f_p, g_p, g_p', h_p. PDG 2026, K+- listing
FORM_FACTORS = np.array([0.152, -0.073, 0.068, -0.048, 0.868, 0.089, -0.398])
# Bound of the weight over m_K^8; the largest of 2e6 trials is 9.51e-4
BOUND = 1.0e-3


@formula
def _phase(sigma: float, q2: float) -> tuple[float, float]:
    """Cosine and sine of delta_0^0 - delta_1^1 (Colangelo, Gasser, Leutwyler, NPB 603 (2001) 125, Schenk form)."""
    t0 = sigma * (0.2220 + 0.276 * q2 - 0.0025 * q2 * q2)
    t1 = sigma * (0.0379 * q2 + 0.0057 * q2 * q2)
    norm = 1.0 / np.sqrt((1.0 + t0 * t0) * (1.0 + t1 * t1))
    return (1.0 + t0 * t1) * norm, (t0 - t1) * norm


@formula
def intensity(
    kaon: float, pion: float, s_pi: float, s_e: float, c_pi: float, c_e: float, cos_phi: float, sin_phi: float, ff: Any
) -> float:
    """I = I_1 + ... + I_9, form factors relative to f_s, masses in MeV; of dimension mass^4."""
    q2 = s_pi / (4.0 * pion * pion) - 1.0
    sigma = np.sqrt(max(1.0 - 4.0 * pion * pion / s_pi, 0.0))
    x = kaon * two_body_momentum(kaon, np.sqrt(s_pi), np.sqrt(s_e))
    pl = 0.5 * (kaon * kaon - s_pi - s_e)
    fs = 1.0 + ff[0] * q2 + ff[1] * q2 * q2 + ff[2] * s_e / (4.0 * pion * pion)
    g, h = ff[4] + ff[5] * q2, ff[6]
    cd, sd = _phase(sigma, q2)
    re1 = x * (fs * cd + ff[3] * c_pi) + sigma * pl * c_pi * g
    im1 = x * fs * sd
    root = np.sqrt(s_pi * s_e)
    f2 = sigma * root * g
    f3 = sigma * x * root * h / (kaon * kaon)
    st2 = 1.0 - c_pi * c_pi
    st, se2 = np.sqrt(st2), 1.0 - c_e * c_e
    se = np.sqrt(se2)
    n1, plus, minus = re1 * re1 + im1 * im1, f2 * f2 + f3 * f3, f2 * f2 - f3 * f3
    i1 = 0.25 * (n1 + 1.5 * plus * st2)
    i2 = -0.25 * (n1 - 0.5 * plus * st2)
    i3 = -0.25 * minus * st2
    i4 = 0.5 * re1 * f2 * st
    i5 = -re1 * f3 * st
    i6 = -f2 * f3 * st2
    i7 = im1 * f2 * st  # -Im(F1* F2), F2 real
    i8 = -0.5 * im1 * f3 * st
    cos_2e, sin_2e = 2.0 * c_e * c_e - 1.0, 2.0 * se * c_e
    cos_2phi = cos_phi * cos_phi - sin_phi * sin_phi  # I_9 = 0: F2 and F3 are both real
    even = i1 + i2 * cos_2e + i3 * se2 * cos_2phi + i4 * sin_2e * cos_phi + i5 * se * cos_phi + i6 * c_e
    return even + (i7 * se + i8 * sin_2e) * sin_phi


@formula
def _trial(seed: int, event: int, vertex: int, trial: int, parameters: Any, v: Any) -> tuple[float, float]:
    """One trial: m_pipi and m_enu uniform, angles flat; S_pi, S_e, c_pi, c_e, cos phi, sin phi into v; weight, uniform."""
    kaon, pion, m = parameters[0], parameters[1], parameters[2]
    u0, u1, u2, u3 = vertex_uniforms(seed, event, vertex, 3 * trial)
    u4, u5, _, _ = vertex_uniforms(seed, event, vertex, 3 * trial + 1)
    mpp = 2.0 * pion + (kaon - 2.0 * pion - m) * u0
    mev = m + (kaon - 2.0 * pion - m) * u1
    if mpp + mev >= kaon:
        return 0.0, u5
    s_pi, s_e = mpp * mpp, mev * mev
    v[0], v[1], v[2], v[3] = s_pi, s_e, 2.0 * u2 - 1.0, 2.0 * u3 - 1.0
    v[5], v[4] = sincos_turns(u4)
    sigma_x = two_body_momentum(mpp, pion, pion) * two_body_momentum(kaon, mpp, mev) * 2.0 * kaon * mev
    w = sigma_x * (1.0 - m * m / s_e) * intensity(kaon, pion, s_pi, s_e, v[2], v[3], v[4], v[5], parameters[4:])
    return w, u5


@kernel
def sample(seed: int, events: Any, vertex: int, parameters: Any, table: Any, rest: Any, weight: Any) -> int:
    """Momenta of pi+ pi- e+ nu in the kaon's rest frame; parameters: m_K, m_pi, m_e, bound, form factors."""
    kaon, pion, m, bound = parameters[0], parameters[1], parameters[2], parameters[3]
    v, q = np.empty(6), np.empty((4, 4))
    failed = 0
    for i in range(events.size):
        last = 0
        for trial in range(MAX_TRIALS):
            last = trial
            w, u = _trial(seed, events[i], vertex, trial, parameters, v)
            failed += w > bound
            if u * bound < w:
                break
        mpp, mev = np.sqrt(v[0]), np.sqrt(v[1])
        p = two_body_momentum(kaon, mpp, mev)
        k = two_body_momentum(mpp, pion, pion)
        s = np.sqrt(1.0 - v[2] * v[2])
        e = 0.5 * mpp
        ex, ee = np.sqrt(p * p + v[0]), np.sqrt(p * p + v[1])
        q[0, 0], q[0, 1], q[0, 2], q[0, 3] = boost(k * s, 0.0, k * v[2], e, 0.0, 0.0, p, ex, mpp)
        q[1, 0], q[1, 1], q[1, 2], q[1, 3] = -q[0, 0], -q[0, 1], p - q[0, 2], ex - q[0, 3]
        # the dilepton flies along -z; c = x, v = z: (c x v) = -y
        k = two_body_momentum(mev, m, 0.0)
        s = np.sqrt(1.0 - v[3] * v[3])
        x, y, z = k * s * v[4], -k * s * v[5], -k * v[3]
        q[2, 0], q[2, 1], q[2, 2], q[2, 3] = boost(x, y, z, np.sqrt(k * k + m * m), 0.0, 0.0, -p, ee, mev)
        q[3, 0], q[3, 1], q[3, 2], q[3, 3] = -q[2, 0], -q[2, 1], -p - q[2, 2], ee - q[2, 3]
        a, b, c, _ = vertex_uniforms(seed, events[i], vertex, 3 * last + 2)
        for row in range(4):
            rotate(q, row, a, b, c, rest, row, i)
    return failed


@kernel
def trial_weights(seed: int, n: int, parameters: Any, out: Any) -> None:
    """Weights of the first trial of n events: the reference form of the rate, which is their mean."""
    v = np.empty(6)
    for i in range(n):
        out[i] = _trial(seed, i, 0, 0, parameters, v)[0]


def ke4(mother: Species, daughters: Daughters) -> Vertex:
    """The vertex K+ -> pi+ pi- e+ nu_e."""
    names = [species.name for species, _ in daughters]
    if names != ["pi+", "pi-", "e+", "nu_e"]:
        raise ValueError(f"amplitude 'ke4' of '{mother.name}' needs pi+ pi- e+ nu_e, not {' '.join(names)}")
    masses = [mother.mass, daughters[0][0].mass, daughters[2][0].mass, BOUND * mother.mass**8]
    return Vertex(sample, 4, np.concatenate((masses, FORM_FACTORS)))
