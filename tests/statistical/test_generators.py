"""Distributions of generated events against quadrature, closed formulas and an independent phase-space sampler.

Fixed seeds. A mean must be within 4 of its standard errors, a chi-square or Kolmogorov-Smirnov test must have
p > 1e-4: an ideal generator fails one such test in ten thousand.
"""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from na62sim.core.particles import species
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector, load_detector

pytestmark = pytest.mark.slow

N = 1_000_000
VOLUME = (105e3, 170e3)  # mm
LIGHT = 299.792458  # mm/ns
K, PI, PI0, E = (species(name).mass for name in ("K+", "pi+", "pi0", "e+"))
GEV2 = 1e6  # MeV^2
FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def pencil() -> Detector:
    """The detector with a beam of exactly 75 GeV/c."""
    return load_detector("run1-2018-s2").with_values({"beam.momentum_spread": 0.0})


def generate(process: Process, detector: Detector, n: int = N, seed: int = 20260101) -> Truth:
    """Events 0 to n - 1."""
    return Generator(process, detector, VOLUME).generate(seed, 0, n)


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Minkowski product of four-momenta of shape (4, n)."""
    return np.asarray(a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2])


def mass(*momenta: FloatArray) -> FloatArray:
    """Invariant mass of a sum."""
    total = np.sum(momenta, axis=0)
    return np.sqrt(np.maximum(dot(total, total), 0.0))


def check_mean(x: FloatArray, expected: float, rounding: float = 0.0) -> None:
    """Mean within 4 standard errors, and within half of the last digit of the reference."""
    error = 4.0 * x.std() / math.sqrt(x.size) + rounding
    assert abs(x.mean() - expected) < error, (x.mean(), expected, error)


def check_flat(x: FloatArray, low: float, high: float, bins: int = 100) -> None:
    """Chi-square of a uniform distribution: p > 1e-4."""
    assert low - 1e-6 * (high - low) <= x.min() and x.max() <= high + 1e-6 * (high - low)
    counts = np.bincount(np.clip(((x - low) / (high - low) * bins).astype(int), 0, bins - 1), minlength=bins)
    assert stats.chisquare(counts).pvalue > 1e-4


def cosine_in_pair(p: FloatArray, first: int, second: int, sister: int) -> FloatArray:
    """Cosine between `first` and `sister` in the rest frame of first + second, by invariants alone."""
    pair = p[first] + p[second]
    m2 = dot(pair, pair)
    e1, es = dot(pair, p[first]), dot(pair, p[sister])  # energies times the mass of the pair
    q1 = np.sqrt(np.maximum(e1**2 - m2 * dot(p[first], p[first]), 0.0))
    qs = np.sqrt(np.maximum(es**2 - m2 * PI**2, 0.0))
    return np.asarray((e1 * es - m2 * dot(p[first], p[sister])) / (q1 * qs))


def boosted(q: FloatArray, p: FloatArray) -> FloatArray:
    """q of the rest frame of p, in the frame of p: the Lorentz matrix, written with vectors."""
    m = np.sqrt(dot(p, p))
    beta = p[:3] / p[3]
    gamma = p[3] / m
    along = np.sum(beta * q[:3], axis=0)
    b2 = np.maximum(np.sum(beta * beta, axis=0), 1e-300)
    space = q[:3] + ((gamma - 1.0) * along / b2 + gamma * q[3]) * beta
    return np.asarray(np.vstack((space, gamma * (q[3] + along))))


# --- K+ -> pi+ nu nubar --------------------------------------------------------------------------


# <q2>, sigma, shares of [0, 0.010] and [0.026, 0.068] GeV^2, <c2>, <c4>: reference integrals by quadrature
SHAPES = {
    "vector": (0.0348905, 0.0263099, 0.194830, 0.413797, 1 / 5, 3 / 35),
    "scalar": (0.0718152, 0.0291928, 0.011364, 0.362460, 1 / 3, 1 / 5),
    "tensor": (0.0526810, 0.0261801, 0.031234, 0.533295, 3 / 5, 3 / 7),
    "flat": (0.0486025, 0.0325156, 0.124666, 0.398751, 1 / 3, 1 / 5),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_pinunu(pencil: Detector, shape: str) -> None:
    """3 sigma at 1e6 events: 7.9e-5 of <q2>, 1.2e-3 and 1.5e-3 of the shares, for the vector shape."""
    p = generate(find_process("kpinunu", shape=shape), pencil).p
    missing = p[0] - p[1]
    q2 = dot(missing, missing) / GEV2
    mean, sigma, low, high, c2, c4 = SHAPES[shape]
    check_mean(q2, mean, 5e-8)
    assert q2.std() == pytest.approx(sigma, abs=4.0 * sigma / math.sqrt(2.0 * N))
    check_mean((q2 < 0.010).astype(float), low, 5e-7)
    check_mean(((q2 > 0.026) & (q2 < 0.068)).astype(float), high, 5e-7)
    c = cosine_in_pair(p, 2, 3, 1)[q2 > 1e-3]  # below, rounding of a boosted pair blurs the angle
    check_mean(c, 0.0)
    check_mean(c**2, c2)
    check_mean(c**4, c4)


def test_pinunu_lab_momentum(pencil: Detector) -> None:
    """Shares of all decays per momentum window and region, 75 GeV/c: reference integrals by quadrature, 1e-5."""
    p = generate(find_process("kpinunu"), pencil).p
    missing = p[0] - p[1]
    q2 = dot(missing, missing) / GEV2
    momentum = np.sqrt(np.sum(p[1, :3] ** 2, axis=0)) / 1e3
    in_r1, in_r2 = q2 < 0.010, (q2 > 0.026) & (q2 < 0.068)
    for high, r1, r2, total in ((35.0, 0.05797, 0.15937, 0.37876), (45.0, 0.08696, 0.23906, 0.55816)):
        window = (momentum > 15.0) & (momentum < high)
        for chosen, expected in ((window & in_r1, r1), (window & in_r2, r2), (window, total)):
            check_mean(chosen.astype(float), expected, 1e-5)


# --- isotropy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kpinunu", "k2pi", "kpix"])
def test_isotropy_in_the_kaon_frame(pencil: Detector, name: str) -> None:
    """Direction of the pion, boosted back here, in 20 x 20 bins of cosine and azimuth."""
    p = generate(find_process(name), pencil, 400_000).p
    back = p[0] * np.array([-1.0, -1.0, -1.0, 1.0])[:, None]
    x, y, z, _ = boosted(p[1], back)
    c = np.clip((1.0 + z / np.sqrt(x**2 + y**2 + z**2)) * 10.0, 0.0, 19.999).astype(int)
    phi = np.clip((np.arctan2(y, x) / math.pi + 1.0) * 10.0, 0.0, 19.999).astype(int)
    assert stats.chisquare(np.bincount(20 * c + phi, minlength=400)).pvalue > 1e-4


def test_lab_energies_of_two_body_decays_are_flat(pencil: Detector) -> None:
    """The muon of K -> mu nu and the photons of pi0, between gamma (E* -+ beta p*)."""
    gamma, beta_gamma = math.hypot(75e3, K) / K, 75e3 / K
    p = generate(find_process("kmu2"), pencil, 400_000).p
    check_flat(p[1, 3], gamma * 258.14518 - beta_gamma * 235.53182, gamma * 258.14518 + beta_gamma * 235.53182)
    p = generate(find_process("k2pi"), pencil, 400_000).p
    for photon in (3, 4):
        fraction = p[photon, 3] / p[2, 3]
        beta = np.sqrt(1.0 - (PI0 / p[2, 3]) ** 2)
        check_flat((2.0 * fraction - 1.0) / beta, -1.0, 1.0)


def test_everything_drawn_is_independent(pencil: Detector) -> None:
    """Masses, angles and azimuths of pi nu nu, decay point and beam position: each pair flat in 20 x 20 ranks."""
    truth = generate(find_process("kpinunu"), pencil, 400_000)
    p, n = truth.p, truth.p.shape[2]
    back = p[0] * np.array([-1.0, -1.0, -1.0, 1.0])[:, None]
    pion, nu = boosted(p[1], back)[:3], boosted(p[2], back)[:3]
    axis = pion / np.linalg.norm(pion, axis=0)
    across = np.cross([0.0, 0.0, 1.0], axis, axis=0)  # with `axis` it spans the frame the neutrino turns in
    drawn = {
        "q2": dot(p[0] - p[1], p[0] - p[1]),
        "cosine of pi": axis[2],
        "azimuth of pi": np.arctan2(axis[1], axis[0]),
        "cosine of nu": cosine_in_pair(p, 2, 3, 1),
        "azimuth of nu": np.arctan2(np.sum(np.cross(axis, across, axis=0) * nu, axis=0), np.sum(across * nu, axis=0)),
        "decay point": truth.vertex[0, 2],
        "x": truth.gtk[0],
        "y": truth.gtk[1],
        "slope x": truth.gtk[2],
        "slope y": truth.gtk[3],
    }
    ranks = {name: stats.rankdata(x, method="ordinal").astype(np.int64) - 1 for name, x in drawn.items()}
    for (name, a), (other, b) in combinations(ranks.items(), 2):
        cells = np.bincount(a * 20 // n * 20 + b * 20 // n, minlength=400)
        assert stats.chisquare(cells, ddof=400 - 1 - 19 * 19).pvalue > 1e-4, (name, other)


# --- phase space ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("m_a", "mean", "sigma"),
    [(5.0, 0.0488274, 0.0324388), (17.0, 0.0503779, 0.0319408), (50.0, 0.0586987, 0.0291888), (150.0, 0.1071966, 0.0088474)],
)  # fmt: skip
def test_flat_three_bodies(pencil: Detector, m_a: float, mean: float, sigma: float) -> None:
    """<s_aa> and its rms by quadrature; the angle in the pair is flat."""
    p = generate(Process("K+ -> pi+ a a", {"a": m_a}), pencil, 400_000).p
    s = mass(p[2], p[3]) ** 2 / GEV2
    check_mean(s, mean, 5e-8)
    assert s.std() == pytest.approx(sigma, abs=4.0 * sigma / math.sqrt(2.0 * s.size))
    check_flat(cosine_in_pair(p, 2, 3, 1), -1.0, 1.0)


def test_flat_dalitz_plot(pencil: Detector) -> None:
    """K+ -> pi+ pi0 pi0: <u>, <u2>, <v2> and <T_odd> of flat phase space by quadrature."""
    p = generate(Process("K+ -> pi+ pi0 pi0", stable={"pi0"}), pencil).p
    s1, s2, s3 = (mass(p[0] - p[i]) ** 2 for i in (2, 3, 1))
    u = (s3 - (s1 + s2 + s3) / 3.0) / PI**2
    v = (s2 - s1) / PI**2
    check_mean(u, -0.0982462, 5e-8)
    check_mean(u**2, 0.4639518, 5e-8)
    check_mean(v**2, 1.4164704, 5e-8)
    check_mean(dot(p[0], p[1]) / K - PI, 27.77849, 5e-6)


def genbod(parent: float, masses: list[float], n: int, seed: int) -> FloatArray:
    """Unweighted n-body events at rest by Raubold and Lynch (F. James, CERN 68-15): (bodies, 4, events)."""
    rng = np.random.default_rng(seed)
    bodies, excess = len(masses), parent - sum(masses)
    r = np.sort(rng.random((bodies - 2, n)), axis=0)
    r = np.vstack((np.zeros(n), r, np.ones(n)))
    clusters = np.cumsum(masses)[:, None] + excess * r  # masses of the first i + 1 bodies

    def momentum(big: FloatArray, a: FloatArray, b: float) -> FloatArray:
        lam = (big**2 - (a + b) ** 2) * (big**2 - (a - b) ** 2)
        return np.sqrt(np.maximum(lam, 0.0)) / (2.0 * big)

    q = [momentum(clusters[i], clusters[i - 1], masses[i]) for i in range(1, bodies)]
    weight = np.prod(q, axis=0)
    kept = rng.random(n) * weight.max() < weight
    clusters, q, n = clusters[:, kept], [x[kept] for x in q], int(kept.sum())
    cluster = np.vstack((np.zeros((3, n)), np.full(n, parent)))
    out = np.empty((bodies, 4, n))
    for i in range(bodies - 1, 0, -1):
        c, phi = rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 2.0 * math.pi, n)
        s = np.sqrt(1.0 - c * c)
        k = q[i - 1] * np.array([s * np.cos(phi), s * np.sin(phi), c])
        out[i] = boosted(np.vstack((k, np.hypot(q[i - 1], masses[i]))), cluster)
        cluster = boosted(np.vstack((-k, np.hypot(q[i - 1], clusters[i - 1]))), cluster)
    out[0] = cluster
    return out


# the groups whose masses are compared, by position among the daughters
GROUPS = [(0, 1), (0, 3), (1, 2), (1, 3), (2, 3), (1, 2, 3), (0, 2, 3)]


@pytest.mark.parametrize(
    ("decay", "names", "groups"),
    [
        ("K+ -> pi+ nu nubar", ["pi+", "nu", "nubar"], [(0, 1), (0, 2), (1, 2)]),
        ("K+ -> pi+ pi- e+ nu", ["pi+", "pi-", "e+", "nu"], GROUPS),
        ("K+ -> pi+ e+ e- e+ e-", ["pi+", "e+", "e-", "e+", "e-"], [*GROUPS, (3, 4), (1, 4), (1, 2, 3, 4), (0, 3, 4)]),
        ("K+ -> e+ e- mu+ nu nubar", ["e+", "e-", "mu+", "nu", "nubar"], [*GROUPS, (3, 4), (1, 2, 3, 4), (0, 1, 4)]),
        ("K+ -> gamma gamma gamma e+ nu", ["gamma", "gamma", "gamma", "e+", "nu"], [*GROUPS, (3, 4), (1, 2, 3, 4)]),
    ],
)
def test_many_bodies_against_raubold_lynch(
    pencil: Detector, decay: str, names: list[str], groups: list[tuple[int, ...]]
) -> None:
    """Kolmogorov-Smirnov of every kind of cluster mass, two samples of 1e5 and more."""
    p = generate(Process(decay, violates={"lepton"}), pencil, 200_000).p[1:]
    reference = genbod(K, [species(name).mass for name in names], 600_000, seed=1)
    assert reference.shape[2] > 100_000
    np.testing.assert_allclose(reference.sum(axis=0)[3], K, rtol=1e-9)
    for group in groups:
        ours, theirs = mass(*p[list(group)]), mass(*reference[list(group)])
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-4, group


def test_cascade_angles(pencil: Detector) -> None:
    """S -> A'A' -> 4e, both isotropic: flat cosines of the A' to the pion and of the e+ to the other A'."""
    process = Process("K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))", {"S": 250.0, "A'": 100.0})
    p = generate(process, pencil, 400_000).p
    check_flat(cosine_in_pair(p, 3, 4, 1), -1.0, 1.0)
    pair, electron, other = p[3], p[5], p[4]
    e1, es = dot(pair, electron) / 100.0, dot(pair, other) / 100.0
    q1, qs = np.sqrt(e1**2 - E**2), np.sqrt(es**2 - 100.0**2)
    check_flat((e1 * es - dot(electron, other)) / (q1 * qs), -1.0, 1.0)
    np.testing.assert_allclose(mass(p[5], p[6]), 100.0, rtol=1e-6)
    np.testing.assert_allclose(mass(p[3], p[4]), 250.0, rtol=1e-6)


# --- lifetimes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "index", "tau"),
    [
        (find_process("kpix", m_X=250.0, tau_X=0.1), 2, 0.1),
        (find_process("kpix", m_X=20.0, tau_X=5.0), 2, 5.0),
        (Process("K+ -> (pi+ -> mu+ nu) (pi0 -> gamma gamma)"), 1, 26.032746),  # ns, `particle` 1.1.0 as printed
    ],
)
def test_decay_length_is_exponential(pencil: Detector, process: Process, index: int, tau: float) -> None:
    """Distance over beta gamma c tau: mean 1, Kolmogorov-Smirnov of the exponential, and no memory of the energy."""
    truth = generate(process, pencil, 300_000)
    distance = np.sqrt(np.sum((truth.vertex[1, :3] - truth.vertex[0, :3]) ** 2, axis=0))
    beta_gamma = np.sqrt(np.sum(truth.p[index, :3] ** 2, axis=0)) / truth.chain.particles[index].mass
    t = distance / (beta_gamma * LIGHT * tau)
    check_mean(t, 1.0)
    assert stats.kstest(t, "expon").pvalue > 1e-4
    assert abs(np.corrcoef(t, truth.p[index, 3])[0, 1]) < 4.0 / math.sqrt(t.size)
    assert abs(np.corrcoef(t, truth.vertex[0, 2])[0, 1]) < 4.0 / math.sqrt(t.size)


def test_two_lifetimes_in_a_row(pencil: Detector) -> None:
    """S, then each of two A', live their own times: exponential and independent."""
    process = Process(
        "K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))", {"S": 250.0, "A'": 100.0}, {"S": 0.02, "A'": 0.05}
    )
    truth = generate(process, pencil, 300_000)
    flights = [(2, 0, 1, 0.02), (3, 1, 2, 0.05), (4, 1, 3, 0.05)]  # particle, from vertex, to vertex, ns
    times = []
    for index, start, end, tau in flights:
        gamma = truth.p[index, 3] / truth.chain.particles[index].mass
        times.append((truth.vertex[end, 3] - truth.vertex[start, 3]) / (gamma * tau))
        assert stats.kstest(times[-1], "expon").pvalue > 1e-4
    for a, b in pairwise([*times, times[0]]):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / math.sqrt(a.size)
