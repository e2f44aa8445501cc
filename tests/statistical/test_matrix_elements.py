"""Rates and distributions of the matrix elements by Monte Carlo, against reference integrals and closed formulas.

Fixed seeds. A mean must be within 4 of its standard errors, combined with the error of the reference where it has one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import dblquad, quad

from na62sim.core.particles import species
from na62sim.generators.amplitudes import double_dalitz, ke4, one_photon
from na62sim.generators.amplitudes.phase_space import momentum
from na62sim.generators.amplitudes.rest_frame import Vertex, sample_vertices
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector

pytestmark = pytest.mark.slow

FloatArray = npt.NDArray[np.float64]
N = 1_000_000
K, PI, PI0, E = (species(name).mass for name in ("K+", "pi+", "pi0", "e+"))
ALPHA = 1.0 / 137.035999
HBAR = 6.582119569e-13  # MeV ns


def vertex_of(name: str, **parameters: object) -> Vertex:
    process = find_process(name, **parameters)
    (vertex,) = compile_chain(process.tree, process.species, process.amplitude).samplers
    return vertex


def draw(vertex: Vertex, n: int = N, seed: int = 20260101) -> tuple[FloatArray, FloatArray]:
    """Momenta (rows, 4, n) in the rest frame, and weights."""
    rest = np.empty((vertex.rows, 4, n))
    weight = sample_vertices(seed, np.arange(n, dtype=np.int64), [vertex], rest)
    return rest, np.ones(n) if weight is None else weight


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2])


def mass(*momenta: FloatArray) -> FloatArray:
    total = np.sum(momenta, axis=0)
    return np.sqrt(np.maximum(dot(total, total), 0.0))


def check(x: FloatArray, expected: float, error: float = 0.0, weight: FloatArray | None = None) -> None:
    """(Weighted) mean within 4 standard errors of the reference, which has a (systematic) error of its own."""
    w = np.ones_like(x) if weight is None else weight
    mean = float((w * x).sum() / w.sum())
    sigma = math.sqrt(float((w**2 * (x - mean) ** 2).sum())) / w.sum()
    assert abs(mean - expected) < 4.0 * sigma + error, (mean, expected, sigma)


def cosine(p: FloatArray, pair: FloatArray, mother: FloatArray) -> FloatArray:
    """Cosine of p to the flight of the pair seen from the mother, in the pair's rest frame."""
    m2, e, em = dot(pair, pair), dot(p, pair), dot(mother, pair)
    q = np.sqrt(np.maximum(e**2 - m2 * dot(p, p), 1e-12))
    qm = np.sqrt(em**2 - m2 * dot(mother, mother))
    return np.asarray((m2 * dot(p, mother) - e * em) / (q * qm))


def momenta(name: str) -> FloatArray:
    """A million events in the laboratory, kaon first."""
    return Generator(find_process(name), load_detector("run1-2018-s2"), (105e3, 170e3)).generate(20260101, 0, N).p


# --- three bodies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "e_lepton", "e_pion", "t", "c1", "c2"),
    [
        ("ke3", 132.2821, 229.1144, 0.0357187, 0.000056, 0.200023),
        ("kmu3", 166.8504, 209.5131, 0.0550721, 0.181856, 0.278873),
    ],
)
def test_kl3(name: str, e_lepton: float, e_pion: float, t: float, c1: float, c2: float) -> None:
    """Energies in the kaon's frame (MeV), t (GeV^2), cosine of the lepton to the pi0 in the l nu frame."""
    p = momenta(name)
    check(dot(p[0], p[2]) / K, e_lepton, 3e-3)  # of the first bin of the table
    check(dot(p[0], p[1]) / K, e_pion, 1e-3)
    pair = p[2] + p[3]
    check(dot(pair, pair) / 1e6, t, 1e-6)
    c = -cosine(p[2], pair, p[0])
    check(c, c1, 5e-5)
    check(c**2, c2, 5e-5)


@pytest.mark.parametrize(
    ("name", "u", "u2", "v2", "odd", "pion"),
    [
        ("k3pi", -0.0777344, 0.3706036, 1.1165043, PI, PI),
        ("k3pi0", 0.1910604, 0.4343354, 1.3624744, PI, PI0),
    ],
)
def test_k3pi(name: str, u: float, u2: float, v2: float, odd: float, pion: float) -> None:
    """Dalitz variables of the odd pion, from the invariants."""
    p = momenta(name)
    s1, s2, s3 = (dot(p[0] - p[k], p[0] - p[k]) for k in (2, 3, 1))
    found = (s3 - (K**2 + odd**2 + 2.0 * pion**2) / 3.0) / PI**2
    check(found, u, 1e-6)
    check(found**2, u2, 3e-6)
    check(((s2 - s1) / PI**2) ** 2, v2, 3e-6)
    check((s2 - s1) / PI**2, 0.0)


@pytest.mark.parametrize(("name", "first", "mother"), [("k2pi-dalitz", 3, 2), ("k3pi0-dd", 7, 3)])
def test_dalitz(name: str, first: int, mother: int) -> None:
    """x, ln x, and the angle 1 + r/x + y^2, y = beta c, of e+ to the photon, in three ranges of x."""
    p = momenta(name)
    pair = p[first + 1] + p[first + 2]
    x = (PI0**2 - 2.0 * dot(p[mother], p[first])) / PI0**2  # the photon's energy: no cancellation in a small mass
    check(x, 0.0330190, 1e-7)
    check(np.log(np.maximum(x, 1e-9)), -5.573546, 1e-5)
    r = (2.0 * E / PI0) ** 2
    y = (dot(p[first + 1], p[first]) - dot(p[first + 2], p[first])) / dot(pair, p[first])
    for low, high in ((2.0 * r, 10.0 * r), (10.0 * r, 0.01), (0.01, 1.0)):
        chosen = (x > low) & (x < high)
        beta2 = 1.0 - r / x[chosen]
        expected = beta2 * ((2.0 - beta2) / 3.0 + beta2 / 5.0) / (2.0 - beta2 + beta2 / 3.0)
        check(y[chosen] ** 2 - expected, 0.0, 1e-5)
        check(y[chosen], 0.0)


@pytest.mark.parametrize(("name", "mean", "sign"), [("kpiee", 0.168309, -1.0), ("kpimumu", 0.305812, -1.0)])
def test_kpill(name: str, mean: float, sign: float) -> None:
    """z = q2/m_K^2, and the angle 1 - beta^2 c^2."""
    p = momenta(name)
    pair = p[2] + p[3]
    z = dot(pair, pair) / K**2
    check(z, mean, 2e-6)
    lepton = species("e+" if name == "kpiee" else "mu+").mass
    beta2 = 1.0 - 4.0 * lepton**2 / (z * K**2)
    c = cosine(p[2], pair, p[0])
    chosen = z > 0.01
    expected = (1.0 / 3.0 + sign * beta2 / 5.0) / (1.0 + sign * beta2 / 3.0)
    check((c**2 - expected)[chosen], 0.0, 1e-5)
    check(c[chosen], 0.0)


# --- pi0 -> e+ e- e+ e- --------------------------------------------------------------------------


def double_dalitz_ratio(weights: FloatArray) -> tuple[float, float]:
    """Gamma(4e) / Gamma(gamma gamma) of the trial weights, and its error; form factor 1."""
    span = 2.0 * math.log((PI0 - 2.0 * E) / (2.0 * E))
    scale = math.pi**3 * span**2 * PI0**2 * (4.0 * math.pi * ALPHA) ** 2 * (2.0 * math.pi) ** -8 / 4.0
    scale /= 0.5 * (2.0 * math.pi) ** -2 * (math.pi / 2.0) * PI0**4 / 2.0
    return scale * weights.mean(), scale * weights.std() / math.sqrt(weights.size)


def test_double_dalitz_rate() -> None:
    """3.4190(26)e-5 of the two-photon rate, by an independent program."""
    weights = np.empty(2 * N)
    double_dalitz.trial_weights(np.uint64(7), weights.size, PI0, E, True, weights)
    ratio, error = double_dalitz_ratio(weights)
    assert abs(ratio - 3.4190e-5) < 4.0 * math.hypot(error, 0.0026e-5)
    assert weights.max() < double_dalitz.BOUND * PI0**2


def test_double_dalitz_direct_term() -> None:
    """Without interference the rate is the double integral of two Kroll-Wada factors, 3.45575e-5."""

    def conversion(x: float, r: float) -> float:
        return (1.0 + r / (2.0 * x)) * math.sqrt(max(1.0 - r / x, 0.0))

    r = (2.0 * E / PI0) ** 2

    def density(b: float, a: float) -> float:
        x, y = math.exp(a), math.exp(b)
        lam = max((1.0 - x - y) ** 2 - 4.0 * x * y, 0.0)
        return lam**1.5 * conversion(x, r) * conversion(y, r)

    upper = 2.0 * math.log(1.0 - math.sqrt(r))
    analytic = (
        dblquad(
            density, math.log(r), upper, math.log(r), lambda a: 2.0 * math.log(1.0 - math.exp(0.5 * a)), epsrel=1e-5
        )[0]
        * (ALPHA / (3.0 * math.pi)) ** 2
    )
    assert analytic == pytest.approx(3.45575e-5, rel=1e-4)
    weights = np.empty(N)
    double_dalitz.trial_weights(np.uint64(7), N, PI0, E, False, weights)
    ratio, error = double_dalitz_ratio(weights)
    assert abs(ratio - analytic) < 4.0 * error
    assert error < 3e-3 * analytic


def test_double_dalitz_is_symmetric() -> None:
    """Both positrons, both electrons, and the two charges have the same energy spectrum; the total is m_pi0."""
    rest, _ = draw(vertex_of("k2pi-4e"), 300_000)
    for k in range(4):
        check(rest[k, 3], PI0 / 4.0)
    for k, other in ((0, 2), (1, 3), (0, 1)):
        check(rest[k, 3] ** 2 - rest[other, 3] ** 2, 0.0)
    check(mass(rest[0], rest[1]) - mass(rest[2], rest[1]), 0.0)
    np.testing.assert_allclose(
        rest.sum(axis=0), np.array([0, 0, 0, PI0])[:, None] + np.zeros(rest.shape[1:]), atol=1e-11
    )


# --- K+ -> pi+ 4e --------------------------------------------------------------------------------


def one_photon_branching() -> tuple[FloatArray, FloatArray]:
    """Branching ratio of each trial, whose mean is that of the model, and m_4e in MeV."""
    vertex = vertex_of("kpi4e")
    weights, s = np.empty(N), np.empty(N)
    one_photon.trial_weights(np.uint64(7), N, vertex.parameters, vertex.table, weights, s)
    density = quad(lambda m: 2.0 * m * one_photon.mass2_density(K, PI, m**2), 4.0 * E, K - PI, epsrel=1e-9)[0]
    couplings = (ALPHA / (4.0 * math.pi * K**2)) ** 2 * (4.0 * math.pi * ALPHA) ** 2
    # 1/(2M) (2 pi)^(4-15), 1/4 for two pairs of equal leptons; pi p*/M and pi^3 of four two-body steps
    rate = couplings * density * math.pi**4 / K / (2.0 * K) * (2.0 * math.pi) ** -11 / 4.0
    return rate * species("K+").lifetime / HBAR * weights, np.sqrt(s)


def test_one_photon_rate() -> None:
    """Reference program: 5.80(9)e-11 in total, 4.61(9), 0.672(11), 0.517(17)e-11 above 150, below 120, between 120 and 150."""
    branching, m4 = one_photon_branching()
    for low, high, reference, error in (
        (0.0, 400.0, 5.80e-11, 0.09e-11),
        (150.0, 400.0, 4.61e-11, 0.09e-11),
        (0.0, 120.0, 6.72e-12, 0.11e-12),
        (120.0, 150.0, 5.17e-12, 0.17e-12),
    ):
        x = np.where((m4 > low) & (m4 < high), branching, 0.0)
        assert abs(x.mean() - reference) < 4.0 * math.hypot(error, x.std() / math.sqrt(N)), (low, x.mean())


def test_one_photon_mass_spectrum() -> None:
    """m_4e quantiles (GeV) of the reference program, good to about 1 %; effective number of the weighted events."""
    rest, weight = draw(vertex_of("kpi4e"), 100_000)
    assert 0.0 < weight.min() and weight.max() <= 1.0
    effective = weight.sum() ** 2 / (weight**2).sum() / weight.size
    assert 0.45 < effective < 0.8
    m4 = mass(rest[1], rest[2], rest[3], rest[4]) / 1e3
    order = np.argsort(m4)
    share = np.cumsum(weight[order]) / weight.sum()
    for u, reference in (
        (0.05, 0.090),
        (0.1, 0.114),
        (0.25, 0.162),
        (0.5, 0.214),
        (0.75, 0.265),
        (0.9, 0.299),
        (0.95, 0.315),
    ):
        assert np.interp(u, share, m4[order]) == pytest.approx(reference, rel=0.02)
    check(m4, 0.2102, 0.002, weight)
    np.testing.assert_allclose(rest.sum(axis=0)[3], K, rtol=1e-12)
    above, weights = draw(vertex_of("kpi4e", m_4e_min=150.0), 20_000)
    assert mass(above[1], above[2], above[3], above[4]).min() > 150.0 - 1e-6
    fraction = float(weight[m4 > 0.15].sum() / weight.sum())
    assert fraction == pytest.approx(4.61 / 5.80, abs=0.03)
    check(
        mass(above[1], above[2], above[3], above[4]),
        float(np.average(m4[m4 > 0.15], weights=weight[m4 > 0.15])) * 1e3,
        1.0,
        weights,
    )


def test_one_photon_samples_what_the_trials_say() -> None:
    """<min m_ee> of the accepted, permuted, weighted events is that of the plainly weighted trials."""
    vertex = vertex_of("kpi4e")
    rest, weight = draw(vertex, 100_000)
    flat = Vertex(
        vertex.run, 5, np.array([*vertex.parameters[:3], 1e-30, vertex.parameters[4]]), vertex.table, weighted=True
    )
    trial, plain = draw(flat, 400_000, seed=5)  # with a cut of nothing every first trial is taken

    def smallest(p: FloatArray) -> FloatArray:
        return np.min([np.log(mass(p[a], p[b])) for a in (1, 3) for b in (2, 4)], axis=0)

    for f in (smallest, lambda p: mass(p[0], p[1]), lambda p: p[4, 3]):
        a, b = f(rest), f(trial)
        mean = float(np.average(b, weights=plain))
        error = math.sqrt(float((plain**2 * (b - mean) ** 2).sum())) / plain.sum()
        check(a, mean, 4.0 * error, weight)


# --- K_e4 ----------------------------------------------------------------------------------------


def test_ke4_moments() -> None:
    """Reference integrals on a Gauss grid: <S_pi>, <M_pipi>, <S_e>, <M_enu> (GeV), cosines of theta_pi and theta_e."""
    rest, _ = draw(vertex_of("ke4"))
    pipi, enu = rest[0] + rest[1], rest[2] + rest[3]
    kaon = pipi + enu
    m_pipi, m_enu = mass(pipi) / 1e3, mass(enu) / 1e3
    check(m_pipi**2, 0.1098230, 5e-8)
    check(m_pipi, 0.3298243, 5e-8)
    check(m_enu**2, 0.0084103, 5e-8)
    check(m_enu, 0.0829336, 5e-8)
    c_pi = cosine(rest[0], pipi, kaon)
    check(c_pi, 0.2559028)
    check(c_pi**2, 0.3448265)
    c_e = cosine(rest[2], enu, kaon)
    check(c_e, 0.0033960)
    check(c_e**2, 0.2101240)
    weights = np.empty(N)
    parameters = vertex_of("ke4").parameters
    ke4.trial_weights(np.uint64(9), N, parameters, weights)
    assert weights.max() < parameters[3]


# --- S -> A' A' ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("m_s", "m_a", "higgs", "vector"),
    [(100.0, 17.0, 0.992530, 0.001878), (200.0, 50.0, 0.960784, 0.010101), (250.0, 120.0, 0.406392, 0.267491),
     (300.0, 100.0, 0.859649, 0.039216)],
)  # fmt: skip
def test_cascade(m_s: float, m_a: float, higgs: float, vector: float) -> None:
    """<c1^2> = f_L/5 + 2 (1 - f_L)/5 of both A' with the published f_L; electron mass: 1e-3. No preferred direction."""
    for correlation, f_l in (("higgs", higgs), ("vector", vector), ("pseudoscalar", 0.0)):
        rest, _ = draw(vertex_of("kpis", m_S=m_s, m_Aprime=m_a, correlation=correlation), 400_000)
        scalar = rest[0] + rest[1]
        for prime, electron in ((0, 3), (1, 5)):
            c = cosine(rest[electron], rest[prime], scalar)
            check(c, 0.0)
            check(c**2, 0.2 * f_l + 0.4 * (1.0 - f_l), 1.1e-3)
        for k in range(3):
            check(rest[2, k], 0.0)
        np.testing.assert_allclose((rest[2] + rest[3] - rest[0])[:, :1000], 0.0, atol=1e-11)
        np.testing.assert_allclose(mass(rest[1]), m_a, rtol=1e-9)


def test_uncorrelated_cascade_is_flat() -> None:
    """The default: <c^2> = 1/3, by the plain two-body steps."""
    p = momenta("kpis")
    c = cosine(p[6], p[3], p[2])
    check(c, 0.0)
    check(c**2, 1.0 / 3.0)


# --- phase space by weights ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "daughters", "volume", "tolerance"),
    [
        (K, [PI, PI, PI], 1.54700325e-2, 2e-3),
        (K, [PI, PI, E, 0.0], 1.37036259e-3, 1e-2),
        (PI0, [E, E, E, E], 1.06849184e-4, 1e-2),
        (K, [PI, E, E, E, E], 1.24546697e-4, 2e-2),
    ],
)
def test_volume_by_sorted_masses(parent: float, daughters: list[float], volume: float, tolerance: float) -> None:
    """R_n from the weights of Raubold and Lynch (numpy, sorted intermediate masses), 4 standard errors."""
    n = len(daughters)
    rng = np.random.default_rng(5)
    free = parent - sum(daughters)
    r = np.sort(rng.random((n - 2, N)), axis=0)
    masses = [np.full(N, daughters[0])]
    masses += [sum(daughters[: k + 2]) + free * r[k] for k in range(n - 2)]
    masses.append(np.full(N, parent))
    w = np.ones(N)
    for k in range(1, n):
        w *= momentum(masses[k], masses[k - 1], daughters[k])
    scale = math.pi ** (n - 1) * 2.0 ** (n - 2) / parent * free ** (n - 2) / math.factorial(n - 2)
    found = scale * w.mean() * 1e-3 ** (2 * n - 4)
    error = w.std() / w.mean() / math.sqrt(N)
    assert abs(found / volume - 1.0) < 4.0 * error < tolerance
