"""Vertices sampled in the rest frame: spinors, currents, angular formulas and symmetries, without Monte Carlo."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from na62sim.core.kinematics import two_body_momentum
from na62sim.core.particles import species
from na62sim.generators.amplitudes import cascade, double_dalitz, ke4, one_photon, radiative, two_photon
from na62sim.generators.amplitudes.rest_frame import Vertex, sample_vertices
from na62sim.generators.amplitudes.spinors import current, fill_spinors, slash
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
K, PI, PI0, E = (species(name).mass for name in ("K+", "pi+", "pi0", "e+"))
METRIC = np.diag([-1.0, -1.0, -1.0, 1.0])  # x, y, z, t


def vertex_of(name: str, **parameters: object) -> Vertex:
    """The only sampler of a named process."""
    process = find_process(name, **parameters)
    (vertex,) = compile_chain(process.tree, process.species, process.amplitude).samplers
    return vertex


def draw(vertex: Vertex, n: int, seed: int = 3) -> FloatArray:
    """(rows, 4, n) momenta in the rest frame."""
    rest = np.empty((vertex.rows, 4, n))
    sample_vertices(seed, np.arange(n, dtype=np.int64), [vertex], rest)
    return rest


def gammas() -> ComplexArray:
    """gamma^x, y, z, t in the chiral representation, built from the Pauli matrices."""
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    found = np.zeros((4, 4, 4), dtype=complex)
    for k in range(3):
        found[k, :2, 2:], found[k, 2:, :2] = pauli[k], -pauli[k]
    found[3, :2, 2:] = found[3, 2:, :2] = np.eye(2)
    return found


# --- spinors -------------------------------------------------------------------------------------


def test_spinors_are_complete_and_solve_the_dirac_equation() -> None:
    """Sum of u ubar = pslash + m, of v vbar = pslash - m; currents and slashes against the matrices."""
    g = gammas()
    p = np.array([30.0, -12.0, 5.0, 0.0])
    p[3] = math.sqrt(p[:3] @ p[:3] + E**2)
    lower = METRIC @ p
    pslash = np.einsum("m,mab->ab", lower, g)
    for anti, sign in ((False, 1.0), (True, -1.0)):
        u = np.empty((2, 4), dtype=complex)
        fill_spinors(*p, E, anti, u)
        outer = sum(np.outer(s, s.conj() @ g[3]) for s in u)
        np.testing.assert_allclose(outer, pslash + sign * E * np.eye(4), atol=1e-12)
        out = np.empty(4, dtype=complex)
        slash(*p, u[0], out)
        np.testing.assert_allclose(out, pslash @ u[0], atol=1e-11)
        current(u[0], u[1], out)
        np.testing.assert_allclose(out, [u[0].conj() @ g[3] @ g[k] @ u[1] for k in range(4)], atol=1e-11)
        assert u[0].conj() @ g[3] @ u[0] == pytest.approx(sign * 2.0 * E)


# --- K -> pi 4e, pi0 -> 4e -----------------------------------------------------------------------


def four_current2(q: FloatArray, t: FloatArray) -> float:
    """|t.J|^2 of the one-photon diagrams."""
    work = np.empty((11, 4), dtype=complex), np.empty(16, dtype=complex)
    spinor = np.empty((5, 2, 4), dtype=complex)
    return float(
        one_photon.current2(
            q, E, one_photon._LINES, one_photon._SIGNS, tuple(t.astype(float)), spinor, work[0], work[1]
        )
    )


def test_one_photon_current_is_conserved_and_symmetric() -> None:
    """q.J = 0 for the momentum q of the virtual photon: only with all eight diagrams and their signs."""
    rest = draw(vertex_of("kpi4e"), 20)
    for i in range(20):
        q = np.ascontiguousarray(rest[:, :, i])
        photon = -q[0] + np.array([0.0, 0.0, 0.0, K])
        reference = four_current2(q, np.array([0.0, 0.0, 0.0, K]))
        assert four_current2(q, photon) < 1e-16 * reference
        assert four_current2(q, photon + 2.0 * q[0]) == pytest.approx(four_current2(q, 2.0 * np.array([0, 0, 0, K])))
        for names in ([0, 3, 2, 1, 4], [0, 1, 4, 3, 2], [0, 2, 1, 4, 3]):  # positrons, electrons, charges exchanged
            other = four_current2(np.ascontiguousarray(q[names]), np.array([0.0, 0.0, 0.0, K]))
            assert other == pytest.approx(reference, rel=1e-9)


def test_one_photon_current_by_matrices() -> None:
    """|t.J|^2 of one event from 4 x 4 Dirac matrices and traces over explicit spinors."""
    q = np.ascontiguousarray(draw(vertex_of("kpi4e"), 1)[:, :, 0])
    t = np.array([1.0, -2.0, 0.5, 3.0])
    g = gammas()

    def slashed(v: ComplexArray | FloatArray) -> ComplexArray:
        return np.einsum("m,mab->ab", METRIC @ v, g)

    spinor = np.empty((5, 2, 4), dtype=complex)
    for k in range(1, 5):
        fill_spinors(*q[k], E, k % 2 == 1, spinor[k])
    total, one = 0.0, np.eye(4)
    for spins in itertools.product(range(2), repeat=4):
        s = (0, *spins)
        amplitude = 0.0
        for a, b, c, d, sign in ((2, 1, 4, 3, 1), (4, 3, 2, 1, 1), (2, 3, 4, 1, -1), (4, 1, 2, 3, -1)):
            bar = [spinor[k, s[k]].conj() @ g[3] for k in range(1, 5)]
            j = np.array([bar[c - 1] @ g[m] @ spinor[d, s[d]] for m in range(4)])
            pair = q[c] + q[d]
            before, after = q[a] + pair, q[b] + pair
            first = slashed(j) @ (slashed(before) + E * one) @ slashed(t) / (before @ METRIC @ before - E**2)
            second = slashed(t) @ (E * one - slashed(after)) @ slashed(j) / (after @ METRIC @ after - E**2)
            amplitude += sign * (bar[a - 1] @ (first + second) @ spinor[b, s[b]]) / (pair @ METRIC @ pair)
        total += abs(amplitude) ** 2
    assert four_current2(q, t) == pytest.approx(total, rel=1e-9)


def levi_civita(a: ComplexArray, b: ComplexArray, c: ComplexArray, d: ComplexArray) -> complex:
    """Contraction of four vectors with the antisymmetric tensor, up to its sign."""
    return complex(np.linalg.det(np.array([a, b, c, d])))


def test_double_dalitz_by_matrices() -> None:
    """|M|^2 in units of m_pi0^2 from the covariant formula, both pairings and their interference."""
    q = np.ascontiguousarray(draw(vertex_of("k2pi-4e"), 1)[:, :, 0])
    work = np.empty((4, 2, 4), dtype=complex), np.empty((4, 2, 2, 4), dtype=complex)
    found = double_dalitz.matrix_element2(q, E, *work)
    g = gammas()
    spinor = np.empty((4, 2, 4), dtype=complex)
    for k in range(4):
        fill_spinors(*q[k], E, k % 2 == 0, spinor[k])

    def j(a: int, b: int, s: tuple[int, ...]) -> ComplexArray:
        return np.array([spinor[a, s[a]].conj() @ g[3] @ g[m] @ spinor[b, s[b]] for m in range(4)])

    def term(a: int, b: int, c: int, d: int, s: tuple[int, ...]) -> complex:
        one, two = q[a] + q[b], q[c] + q[d]
        scale = (one @ METRIC @ one) * (two @ METRIC @ two)
        return levi_civita(one.astype(complex), two.astype(complex), j(a, b, s), j(c, d, s)) / scale

    total = sum(abs(term(1, 0, 3, 2, s) - term(1, 2, 3, 0, s)) ** 2 for s in itertools.product(range(2), repeat=4))
    assert found * PI0**2 == pytest.approx(total, rel=1e-9)


def test_two_photons_by_matrices() -> None:
    """|M|^2 from two field strengths of each pair, F_mn G^mn, both pairings and their interference."""
    rest = draw(vertex_of("kpi4e", exchange="two-photon"), 1)[:, :, 0]
    q = np.ascontiguousarray(rest[1:])
    work = np.empty((4, 2, 4), dtype=complex), np.empty((4, 2, 2, 4), dtype=complex)
    found = two_photon.matrix_element2(q, E, *work)
    g = gammas()
    spinor = np.empty((4, 2, 4), dtype=complex)
    for k in range(4):
        fill_spinors(*q[k], E, k % 2 == 0, spinor[k])

    def field(a: int, b: int, s: tuple[int, ...]) -> ComplexArray:
        """k_m j_n - k_n j_m over k^2."""
        j = np.array([spinor[a, s[a]].conj() @ g[3] @ g[m] @ spinor[b, s[b]] for m in range(4)])
        k = q[a] + q[b]
        return np.asarray((np.outer(k, j) - np.outer(j, k)) / (k @ METRIC @ k))

    def term(a: int, b: int, c: int, d: int, s: tuple[int, ...]) -> complex:
        return complex(0.5 * np.trace(field(a, b, s) @ METRIC @ field(c, d, s).T @ METRIC))

    total = sum(abs(term(1, 0, 3, 2, s) - term(1, 2, 3, 0, s)) ** 2 for s in itertools.product(range(2), repeat=4))
    assert found == pytest.approx(total, rel=1e-9)


def test_two_photons_have_the_rate_of_photons_at_every_mass() -> None:
    """Nothing but logarithms is left of m_4e: the mean weight is flat within 10 %, and none is above the bound."""
    vertex = vertex_of("kpi4e", exchange="two-photon", m_4e_min=100.0)
    weight, s = np.empty(40_000), np.empty(40_000)
    two_photon.trial_weights(np.uint64(3), len(weight), vertex.parameters, vertex.table, weight, s)
    assert weight.max() < two_photon.BOUND
    mass = np.sqrt(s)
    means = [
        weight[(mass > low) & (mass <= high)].mean() for low, high in ((100.0, 250.0), (250.0, 300.0), (300.0, 355.0))
    ]
    assert max(means) / min(means) < 1.1
    rest = draw(vertex, 2000)
    lepton = rest[1:].sum(axis=0)
    m_4e = np.sqrt(lepton[3] ** 2 - (lepton[:3] ** 2).sum(axis=0))
    assert m_4e.min() >= 100.0 and np.abs(rest.sum(axis=0)[3] - K).max() < 1e-9 * K


# --- S -> A' A' ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["higgs", "field-strength", "pseudoscalar"])
@pytest.mark.parametrize(("m_s", "m_a"), [(100.0, 17.0), (200.0, 50.0), (250.0, 120.0), (300.0, 100.0)])
def test_correlation_is_the_helicity_formula(kind: str, m_s: float, m_a: float) -> None:
    """Massless leptons: T^2/2 [(1+c1^2)(1+c2^2) +- s1^2 s2^2 cos 2phi] + L^2 s1^2 s2^2 + 2TL s1 c1 s2 c2 cos phi."""
    code = cascade.VERTEX_KINDS[kind]
    p = float(two_body_momentum(m_s, m_a, m_a))
    sum2 = 0.25 * m_s**2 + p**2
    t, el = {"higgs": (1.0, sum2 / m_a**2), "field-strength": (sum2, m_a**2), "pseudoscalar": (1.0, 0.0)}[kind]
    sign = -1.0 if kind == "pseudoscalar" else 1.0
    parameters = np.array([m_s, m_a, 1e-6, code, 0.0])
    q, ratios = np.empty((6, 4)), []
    for c1, c2, turn in itertools.product((-0.9, -0.3, 0.2, 0.8), (-0.7, 0.1, 0.6), (0.0, 0.05, 0.2, 0.43, 0.7)):
        cascade.fill(parameters, c1, turn, c2, 0.0, q)
        s1, s2, phi = math.sqrt(1.0 - c1**2), math.sqrt(1.0 - c2**2), 2.0 * math.pi * turn
        w = 0.5 * t**2 * ((1.0 + c1**2) * (1.0 + c2**2) + sign * (s1 * s2) ** 2 * math.cos(2.0 * phi))
        w += (el * s1 * s2) ** 2 + 2.0 * t * el * s1 * c1 * s2 * c2 * math.cos(phi)
        ratios.append(float(cascade.correlation(code, m_a, q)) / w)
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-7)


@pytest.mark.parametrize(
    ("m_s", "m_a", "higgs", "field"),
    [(100.0, 17.0, 0.2015, 0.3996), (200.0, 50.0, 0.2078, 0.3980), (250.0, 120.0, 0.3187, 0.3465),
     (300.0, 100.0, 0.2281, 0.3922)],
)  # fmt: skip
def test_correlation_mean_square_cosine(m_s: float, m_a: float, higgs: float, field: float) -> None:
    """<c1^2> by quadrature of the weight with the electron mass: the massless prediction to 1e-3."""
    x, w = np.polynomial.legendre.leggauss(5)
    for kind, expected in (("higgs", higgs), ("field-strength", field)):
        code = cascade.VERTEX_KINDS[kind]
        parameters = np.array([m_s, m_a, E, code, 0.0])
        q, total, square = np.empty((6, 4)), 0.0, 0.0
        for (c1, w1), (c2, w2), k in itertools.product(zip(x, w, strict=True), zip(x, w, strict=True), range(8)):
            cascade.fill(parameters, c1, k / 8.0, c2, 0.0, q)
            weight = w1 * w2 * float(cascade.correlation(code, m_a, q))
            total, square = total + weight, square + weight * c1**2
        assert square / total == pytest.approx(expected, abs=1.1e-3)


# --- K_e4 ----------------------------------------------------------------------------------------


def test_ke4_intensity_is_the_lepton_trace() -> None:
    """I of the nine functions against |H.j|^2 of explicit momenta and spinors: the same ratio everywhere, m_e -> 0.

    H_m = F P + G Q + i H eps(L, P, Q)/m_K^2 of the hadrons, with the phase of F, and the left-handed lepton current.
    This fixes the sense of phi: with the other one the ratios differ by 2 to 5 %.
    """
    points = [(300.0, 60.0, 0.3, -0.4, 0.11), (340.0, 20.0, -0.6, 0.5, 0.37), (290.0, 150.0, 0.1, 0.2, 0.81)]
    ratios = []
    for mpp, mev, c_pi, c_e, turn in points:
        s_pi, s_e = mpp**2, mev**2
        phi = 2.0 * math.pi * turn
        intensity = ke4.intensity(K, PI, s_pi, s_e, c_pi, c_e, math.cos(phi), math.sin(phi), ke4.FORM_FACTORS)
        ratios.append(float(intensity) / ke4_trace(mpp, mev, c_pi, c_e, phi))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-7)


def boost_z(p: FloatArray, beta: float) -> FloatArray:
    """Boost (x, y, z, t) along z."""
    gamma = 1.0 / math.sqrt(1.0 - beta**2)
    return np.array([p[0], p[1], gamma * (p[2] + beta * p[3]), gamma * (p[3] + beta * p[2])])


def ke4_trace(mpp: float, mev: float, c_pi: float, c_e: float, phi: float) -> float:
    """|H.j|^2 summed over spins at a point of phase space."""
    s_pi, s_e = mpp**2, mev**2
    p = float(two_body_momentum(K, mpp, mev))
    q2 = s_pi / (4.0 * PI**2) - 1.0
    sigma = math.sqrt(1.0 - 4.0 * PI**2 / s_pi)
    k, s = 0.5 * mpp * sigma, math.sqrt(1.0 - c_pi**2)
    beta = p / math.sqrt(p**2 + s_pi)
    plus = boost_z(np.array([k * s, 0.0, k * c_pi, 0.5 * mpp]), beta)
    minus = boost_z(np.array([-k * s, 0.0, -k * c_pi, 0.5 * mpp]), beta)
    beta, k, s = -p / math.sqrt(p**2 + s_e), 0.5 * mev, math.sqrt(1.0 - c_e**2)
    # sin(phi) = (c x v).d with c = x and v = z
    e = boost_z(np.array([k * s * math.cos(phi), -k * s * math.sin(phi), -k * c_e, k]), beta)
    nu = boost_z(np.array([-k * s * math.cos(phi), k * s * math.sin(phi), k * c_e, k]), beta)
    ff = ke4.FORM_FACTORS
    t0, t1 = sigma * (0.2220 + 0.276 * q2 - 0.0025 * q2**2), sigma * (0.0379 * q2 + 0.0057 * q2**2)
    delta = math.atan(t0) - math.atan(t1)
    f_s = 1.0 + ff[0] * q2 + ff[1] * q2**2 + ff[2] * s_e / (4.0 * PI**2)
    f, g, h = f_s * np.exp(1j * delta) + ff[3] * c_pi, ff[4] + ff[5] * q2, ff[6]
    total, difference, leptons = plus + minus, plus - minus, e + nu
    # eps_mabc L^a P^b Q^c: the sign is the one with which I_5 and I_6 come out; I_7 then fixes the sign of phi
    matrix = np.array([leptons, total, difference])
    eps = np.array([np.linalg.det(np.delete(matrix, m, axis=1)) * (-1) ** (m + 1) for m in range(4)])
    hadron = METRIC @ (f * total + g * difference) + 1j * h / K**2 * eps
    # ubar(nu) gamma (1 - gamma5) v(e): the upper, left-handed, components of both
    neutrino, positron = np.empty((2, 4), dtype=complex), np.empty((2, 4), dtype=complex)
    fill_spinors(*nu, 1e-9, False, neutrino)
    fill_spinors(*e, 1e-9, True, positron)
    matrices = gammas()[:, 2:, :2]
    amplitude = np.einsum("sa,mab,rb,m->sr", neutrino[:, :2].conj(), matrices, positron[:, :2], hadron)
    return float((abs(amplitude) ** 2).sum())


# --- K+ -> pi+ pi0 gamma -------------------------------------------------------------------------


def radiative_share(e_min: float, electric: float = 0.0, magnetic: float = 0.0) -> tuple[float, float, float]:
    """Share of K+ -> pi+ pi0 with a photon above ``e_min`` (MeV), its mean energy, and the share with T_pi below 80 MeV."""
    highest = (K**2 - (PI + PI0) ** 2) / (2.0 * K)
    x, w = np.polynomial.legendre.leggauss(200)
    span = math.log(highest / e_min)
    energy = e_min * np.exp(0.5 * span * (x + 1.0))
    out = np.empty((200, 200))
    parameters = np.array([K, PI, PI0, electric, magnetic, e_min, highest, 0.0])
    radiative.grid_weights(parameters, energy, x, out)
    p_star = float(two_body_momentum(K, PI, PI0))
    alpha = 1.0 / 137.035999
    scale = 4.0 * math.pi * alpha / ((2.0 * math.pi) ** 3 * 8.0 * K) / (p_star / (8.0 * math.pi * K**2))
    weight = scale * 0.5 * span * out * w[:, None] * w
    q, kinetic = np.empty((3, 4)), np.empty_like(out)
    for i, j in itertools.product(range(200), range(200)):
        radiative.fill(parameters, energy[i], x[j], q)
        kinetic[i, j] = q[0, 3] - PI
    total = weight.sum()
    return total, float((weight * energy[:, None]).sum() / total), float(weight[kinetic < 80.0].sum())


@pytest.mark.parametrize(
    ("e_min", "share", "energy"),
    [(1.0, 0.0076279, 17.339), (5.0, 0.0045215, 27.552), (10.0, 0.0032395, 35.608), (50.0, 0.0007257, 77.363)],
)
def test_bremsstrahlung_share(e_min: float, share: float, energy: float) -> None:
    """P_hard and mean photon energy by quadrature, to the digits of the reference."""
    total, mean, _ = radiative_share(e_min)
    assert total == pytest.approx(share, abs=6e-8)
    assert mean == pytest.approx(energy, abs=6e-4)


def test_direct_emission_and_interference() -> None:
    """In 0 < T_pi < 80 MeV: bremsstrahlung 1.805e-4 (with B(pi pi0)), direct 3.231e-2 and interference -2.283e-2 of it."""
    e, m = radiative.ELECTRIC, radiative.MAGNETIC
    _, _, plain = radiative_share(0.01)
    plus, minus = radiative_share(0.01, e, m)[2], radiative_share(0.01, -e, m)[2]
    assert plain * 0.2067 == pytest.approx(1.805e-4, rel=5e-3)  # the edge of the cut falls between grid points
    assert (0.5 * (plus + minus) - plain) / plain == pytest.approx(3.231e-2, rel=5e-3)
    assert 0.5 * (plus - minus) / plain == pytest.approx(-2.283e-2, rel=5e-3)


def test_radiative_sampling() -> None:
    """Photon energy above the cut with the mean of the quadrature, 4 standard errors; momenta close."""
    rest = draw(vertex_of("k2pig", E_min=5.0), 100_000)
    _, mean, _ = radiative_share(5.0, radiative.ELECTRIC, radiative.MAGNETIC)
    energy = rest[2, 3]
    assert energy.min() > 5.0
    assert abs(energy.mean() - mean) < 4.0 * energy.std() / math.sqrt(energy.size)
    assert np.abs(rest.sum(axis=0) - np.array([0.0, 0.0, 0.0, K])[:, None]).max() < 1e-10


# --- what a vertex accepts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("descriptor", "amplitude", "mass", "message"),
    [
        ("K+ -> pi+ (pi0 -> gamma gamma)", {"pi0": "double-dalitz"}, {}, "needs the daughters e. e- e. e-"),
        ("K+ -> pi+ pi- mu+ nu_mu", {"K+": "ke4"}, {}, "needs pi. pi- e. nu_e"),
        ("K+ -> pi+ e+ e-", {"K+": "one-photon"}, {}, "needs pi. e. e- e. e-"),
        ("K+ -> pi+ e+ e- e+ e-", {"K+": "one-photon(m_4e_min=400)"}, {}, "m_4e_min = 400 MeV: it must be from 0"),
        ("K+ -> pi+ e+ e- e+ e-", {"K+": "one-photon(m=x)"}, {}, "is not of the form parameter=number"),
        (
            "K+ -> pi+ pi0 gamma",
            {"K+": "radiative(E_min=171)"},
            {},
            "E_min = 171 MeV: it must be above 0 and below 170.496925 MeV",
        ),
        ("K+ -> pi+ (S -> e+ e-)", {"S": "higgs"}, {"S": 200.0}, "needs two equal daughters that decay"),
        ("K+ -> pi+ (S -> A' A')", {"S": "higgs"}, {"S": 200.0, "A'": 50.0}, "needs two equal daughters that decay"),
    ],
)
def test_errors(descriptor: str, amplitude: dict[str, str], mass: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Process(descriptor, mass, amplitude=amplitude)


@pytest.mark.parametrize("name", ["kpi4e", "k2pi-4e", "ke4", "k2pig"])
def test_an_event_is_the_same_bits_alone(name: str) -> None:
    """Trial j of event i has its own counters."""
    vertex = vertex_of(name)
    whole = draw(vertex, 300)
    for i in (0, 17, 299):
        rest = np.empty((vertex.rows, 4, 1))
        sample_vertices(3, np.array([i]), [vertex], rest)
        np.testing.assert_array_equal(rest[:, :, 0], whole[:, :, i])


@pytest.mark.parametrize("name", ["kpi4e", "k2pi-4e", "ke4"])
def test_an_exceeded_bound_fails_the_job(name: str) -> None:
    """A bound a thousand times too low."""
    vertex = vertex_of(name)
    parameters = vertex.parameters.copy()
    parameters[{"kpi4e": 4, "k2pi-4e": 2, "ke4": 3}[name]] *= 1e-4
    with pytest.raises(RuntimeError, match="exceeded the bound of the matrix element"):
        draw(Vertex(vertex.run, vertex.rows, parameters, vertex.table, weighted=vertex.weighted), 200)
