"""Three-body matrix elements: what the kernel draws, averaged without random numbers, against reference integrals.

The references are adaptive quadratures of the same formulas by another program; the tables must reproduce them to 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import quad

from na62sim.core.particles import species
from na62sim.generators.amplitudes import form_factors, three_body
from na62sim.generators.amplitudes.form_factors import FERMI, dilepton_form_factor, form_factor, scalar_form_factor
from na62sim.generators.amplitudes.phase_space import momentum
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import QUADRATIC, QUANTILES, STEEP, TABLE
from na62sim.generators.registry import find_process

FloatArray = npt.NDArray[np.float64]
K, PI, PI0, MU, E = (species(name).mass for name in ("K+", "pi+", "pi0", "mu+", "e+"))
GEV2 = 1e6  # MeV^2
ALPHA = 1.0 / 137.035999
HBAR = 6.582119569e-13  # MeV ns


class Drawn:
    """The vertex of a process as the kernel draws it: Gauss points inside each of the 4096 bins of the uniform."""

    def __init__(self, process: Process, mother: str = "K+") -> None:
        chain = compile_chain(process.tree, process.species, process.amplitude)
        arrays = chain.arrays
        index = [particle.name for particle in chain.particles].index(mother)
        step = int(np.flatnonzero((arrays.parent == index) & np.isin(arrays.mass_kind, (TABLE, STEEP)))[0])
        nodes, weights = np.polynomial.legendre.leggauss(4)
        self.fraction, weight = 0.5 * (nodes + 1.0), 0.5 * weights
        at = (np.arange(4096.0)[:, None] + self.fraction) / 4096.0
        steep = arrays.mass_kind[step] == STEEP  # the grid is in 1 - sqrt(1 - u)
        self.weight = weight * (2.0 * (1.0 - at) if steep else np.ones_like(at))
        self.q2 = self._interpolate(arrays.tables[arrays.mass_table[step]])
        row, kind = arrays.angle_table[step + 1], arrays.angle_kind[step + 1]
        self.c1, self.c2 = np.zeros_like(self.q2), np.full_like(self.q2, 1.0 / 3.0)
        assert kind in (QUADRATIC, QUANTILES) or row == -1
        if kind == QUADRATIC:
            low = self._interpolate(arrays.tables[row])
            mid = self._interpolate(arrays.tables[row + 1]) - low
            high = 1.0 - low - mid
            # lowest, middle and highest of three uniforms: <c> = -1/2, 0, 1/2; <c^2> = 2/5, 1/5, 2/5
            self.c1, self.c2 = 0.5 * (high - low), 0.4 * (low + high) + 0.2 * mid

    def _interpolate(self, table: FloatArray) -> FloatArray:
        return np.asarray(table[:-1, None] + self.fraction * np.diff(table)[:, None])

    def mean(self, values: FloatArray) -> float:
        """Average of a function of q2 (MeV^2) given at the points."""
        return float((values * self.weight).sum() / 4096.0)

    def sigma(self, values: FloatArray) -> float:
        """Standard deviation."""
        return math.sqrt(self.mean(values**2) - self.mean(values) ** 2)


def integral(f: Callable[[float], float], low: float, high: float, points: list[float]) -> float:
    """Adaptive quadrature in pieces."""
    edges = [low, *[p for p in points if low < p < high], high]
    return sum(quad(f, a, b, epsrel=1e-11, epsabs=0.0, limit=400)[0] for a, b in pairwise(edges))


# --- K_l3 ----------------------------------------------------------------------------------------

KL3 = {
    "ke3": (E, 0.159634, 0.0357187, 0.0269590, 132.2821, 229.1144, 0.000056, 0.200023),
    "kmu3": (MU, 0.106462, 0.0550721, 0.0253621, 166.8504, 209.5131, 0.181856, 0.278873),
}


def kl3_statistics(name: str) -> tuple[float, ...]:
    """<t>, sigma(t) in GeV^2, <E_l*>, <E_pi*> in MeV, <c>, <c^2>."""
    lepton = KL3[name][0]
    drawn = Drawn(find_process(name))
    m = np.sqrt(drawn.q2)
    pair, inside = momentum(K, PI0, m), (drawn.q2 - lepton**2) / (2.0 * m)
    e_pair, e_lepton = np.sqrt(pair**2 + drawn.q2), (drawn.q2 + lepton**2) / (2.0 * m)
    energy = (e_pair * e_lepton - pair * inside * drawn.c1) / m  # the pi0 flies against the pair
    return (
        drawn.mean(drawn.q2) / GEV2,
        drawn.sigma(drawn.q2) / GEV2,
        drawn.mean(energy),
        drawn.mean(K - e_pair),
        drawn.mean(drawn.c1),
        drawn.mean(drawn.c2),
    )


@pytest.mark.parametrize("name", KL3)
def test_kl3(name: str) -> None:
    """Reference integrals with quadratic f+ and linear f0, in units of the last digit."""
    t, sigma, e_lepton, e_pion, c1, c2 = kl3_statistics(name)
    _, _, *reference = KL3[name]
    assert t == pytest.approx(reference[0], abs=2e-6)
    assert sigma == pytest.approx(reference[1], abs=2e-6)
    assert e_lepton == pytest.approx(reference[2], abs=3e-3)
    assert e_pion == pytest.approx(reference[3], abs=3e-3)
    assert c1 == pytest.approx(
        reference[4], abs=5e-5
    )  # the first of 4096 bins holds the whole threshold of an electron
    assert c2 == pytest.approx(reference[5], abs=5e-5)


@pytest.mark.parametrize("name", KL3)
def test_kl3_rate_integral(name: str) -> None:
    """I_l3 of the form factors, to the digits of the reference."""
    m, delta2, top = KL3[name][0], (K**2 - PI0**2) ** 2, (K - PI0) ** 2

    def density(t: float) -> float:
        q2 = np.array(t)
        root, k = 2.0 * K * float(momentum(K, PI0, np.sqrt(q2))), m**2 / t
        vector, scalar = (
            root**3 * float(form_factor(q2)) ** 2,
            3.0 * k * delta2 * root * float(scalar_form_factor(q2)) ** 2,
        )
        return (1.0 - k) ** 2 * (1.0 + k / 2.0) * (vector + scalar / (2.0 + k))

    found = integral(density, m**2, top, [m**2 * f for f in (1.3, 2.0, 4.0, 10.0, 1e2, 1e3, 1e4)] + [0.99 * top]) / K**8
    assert found == pytest.approx(KL3[name][1], abs=6e-7)


# --- K -> 3 pi -----------------------------------------------------------------------------------

K3PI = {
    "k3pi": (PI, PI, -0.0777344, 0.3706036, 1.1165043, 26.52226),
    "k3pi0": (PI, PI0, 0.1910604, 0.4343354, 1.3624744, 22.07064),
}


def k3pi_statistics(name: str) -> tuple[float, ...]:
    """<u>, <u^2>, <v^2>, <T_odd*> in MeV."""
    odd, pion, *_ = K3PI[name]
    drawn = Drawn(find_process(name))
    u = (drawn.q2 - (K**2 + odd**2 + 2.0 * pion**2) / 3.0) / PI**2
    m = np.sqrt(drawn.q2)
    v2 = (4.0 * momentum(K, odd, m) * K / m * momentum(m, pion, pion) / PI**2) ** 2 * drawn.c2
    kinetic = (K**2 + odd**2 - drawn.q2) / (2.0 * K) - odd
    return drawn.mean(u), drawn.mean(u**2), drawn.mean(v2), drawn.mean(kinetic)


@pytest.mark.parametrize("name", K3PI)
def test_k3pi(name: str) -> None:
    """1e-5 of the reference integrals."""
    _, _, *reference = K3PI[name]
    assert k3pi_statistics(name) == pytest.approx(reference, abs=2e-5, rel=1e-5)


# --- pi0 -> gamma e e ----------------------------------------------------------------------------


def test_dalitz_moments() -> None:
    """Mean and rms of x, <ln x>, <m_ee>, shares and quartiles of the Kroll-Wada spectrum with slope 0.0332."""
    drawn = Drawn(find_process("k2pi-dalitz"), "pi0")
    x = drawn.q2 / PI0**2
    assert drawn.mean(x) == pytest.approx(0.0330190, rel=1e-4)
    assert math.sqrt(drawn.mean(x**2)) == pytest.approx(0.0816352, rel=1e-4)
    assert drawn.mean(np.log(x)) == pytest.approx(-5.573546, abs=1e-5)
    assert drawn.mean(np.sqrt(drawn.q2)) == pytest.approx(15.895172, rel=1e-4)
    for cut, share in ((0.01, 0.367369), (0.05, 0.172397), (0.1, 0.0998094), (0.25, 0.0286453), (0.5, 0.0035891)):
        assert drawn.mean((x > cut).astype(float)) == pytest.approx(share, abs=1e-4)
    for quartile, log_x in ((0.25, -7.569952), (0.5, -5.641279), (0.75, -3.659553)):
        assert drawn.mean((np.log(x) < log_x).astype(float)) == pytest.approx(quartile, abs=2e-4)


def test_dalitz_rate_and_angle() -> None:
    """Rate over pi0 -> gamma gamma 1.1877178e-2, to 1e-7; y^2 of 1 + y^2 + r/x on [-beta, beta] at every x."""
    from na62sim.generators.amplitudes.three_body import dalitz

    shape = dalitz(PI0, [0.0, E, E])
    assert shape.mass2 is not None and shape.quadratic is not None
    density = shape.mass2
    low, top = 4.0 * E**2, PI0**2
    found = integral(lambda s: float(density(np.array(s))), low, top, [low * f for f in (1.1, 2.0, 10.0, 1e2, 1e3)])
    # the marginal A + C/3 is 4/3 (1 + r/2x); dGamma/dx has 2 alpha / 3 pi
    assert 2.0 * ALPHA / (3.0 * math.pi) * 0.75 * found / PI0**2 == pytest.approx(1.1877178e-2, rel=1e-7)
    drawn = Drawn(find_process("k2pi-dalitz"), "pi0")
    ratio = low / drawn.q2
    beta2 = 1.0 - ratio
    exact = ((1.0 + ratio) / 3.0 + beta2 / 5.0) / (1.0 + ratio + beta2 / 3.0)
    assert np.abs(drawn.c2 - exact).max() < 1e-3  # linear inside a bin
    assert drawn.mean(drawn.c2) == pytest.approx(drawn.mean(exact), abs=1e-6)


# --- K -> pi l l ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lepton", "branching", "mean", "sigma"),
    [("kpiee", E, 2.997e-7, 0.168309, 0.117153), ("kpimumu", MU, 8.86e-8, 0.305812, 0.0723225)],
)
def test_kpill(name: str, lepton: float, branching: float, mean: float, sigma: float) -> None:
    """<z> and its width to 1e-5, and the branching ratio from the form factor to the last digit."""
    drawn = Drawn(find_process(name))
    z = drawn.q2 / K**2
    assert drawn.mean(z) == pytest.approx(mean, abs=5e-6)
    assert drawn.sigma(z) == pytest.approx(sigma, abs=5e-6)
    r2 = (lepton / K) ** 2

    def density(z: float) -> float:
        lam = 1.0 + z * z + (PI / K) ** 4 - 2.0 * (z + (PI / K) ** 2 + z * (PI / K) ** 2)
        w2 = abs(complex(dilepton_form_factor(np.array(z * K**2), K, lepton == MU))) ** 2
        return max(lam, 0.0) ** 1.5 * math.sqrt(1.0 - 4.0 * r2 / z) * (1.0 + 2.0 * r2 / z) * w2

    total = integral(density, 4.0 * r2, (1.0 - PI / K) ** 2, [8.0 * r2, 0.01, 4.0 * (PI / K) ** 2])
    rate = ALPHA**2 * K / (12.0 * math.pi * (4.0 * math.pi) ** 4) * total
    assert rate * species("K+").lifetime / HBAR == pytest.approx(branching, rel=1e-3)
    assert pytest.approx(1.1663788e-11) == FERMI
    # longitudinal photon: 1 - beta^2 c^2; the first of 4096 bins holds the threshold of an electron
    beta2 = 1.0 - 4.0 * r2 / z
    exact = (1.0 / 3.0 - beta2 / 5.0) / (1.0 - beta2 / 3.0)
    assert drawn.mean(drawn.c2) == pytest.approx(drawn.mean(exact), abs=2e-5)


# --- K -> pi a a ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mass", "mean", "sigma", "m_aa"),
    [
        (5.0, 0.0488274, 0.0324388, 0.2056496),
        (17.0, 0.0503779, 0.0319408, 0.2107955),
        (50.0, 0.0586987, 0.0291888, 0.2340286),
        (100.0, 0.0790376, 0.0213833, 0.2785017),
        (150.0, 0.1071966, 0.0088474, 0.3271296),
    ],
)
def test_kpiaa(mass: float, mean: float, sigma: float, m_aa: float) -> None:
    """Invariant mass of the pair for a constant matrix element, GeV; 1e-5."""
    drawn = Drawn(find_process("kpiaa", m_a=mass))
    assert drawn.mean(drawn.q2) / GEV2 == pytest.approx(mean, rel=1e-5)
    assert drawn.sigma(drawn.q2) / GEV2 == pytest.approx(sigma, rel=3e-5)
    assert drawn.mean(np.sqrt(drawn.q2)) / 1e3 == pytest.approx(m_aa, rel=1e-5)


@pytest.mark.parametrize("kappa", [-1.0, 1.0])
def test_kpiaa_quartic(kappa: float) -> None:
    """<s_aa> with (1 + kappa s/m_K^2)^2 is the ratio of moments of the constant one."""
    s = Drawn(find_process("kpiaa", m_a=50.0))
    factor = (1.0 + kappa * s.q2 / K**2) ** 2
    expected = s.mean(s.q2 * factor) / s.mean(factor)
    drawn = Drawn(find_process("kpiaa", m_a=50.0, kappa=kappa))
    assert drawn.mean(drawn.q2) == pytest.approx(expected, rel=2e-5)
    assert abs(drawn.mean(drawn.q2) / s.mean(s.q2) - 1.0) > 0.05


# --- K -> pi gamma gamma -------------------------------------------------------------------------


def test_kpigg_rate() -> None:
    """Branching ratio at leading order without poles: within 10 % of the measured 9.65e-7; threshold at 2 m_pi visible."""
    r2 = (PI / K) ** 2

    def density(z: float) -> float:
        lam = max(1.0 + z * z + r2 * r2 - 2.0 * (z + r2 + z * r2), 0.0)
        return math.sqrt(lam) * float(form_factors.two_photon_form_factor2(np.array(z * K**2), K))

    total = integral(density, 0.0, (1.0 - PI / K) ** 2, [4.0 * r2])
    # dGamma/dz dy = m_K/(2^9 pi^3) z^2 |A|^2 with 0 < y < sqrt(lambda)/2
    scale = K / (2.0**10 * math.pi**3) * (form_factors.OCTET * ALPHA * K**2 / (2.0 * math.pi)) ** 2
    assert scale * total * species("K+").lifetime / HBAR == pytest.approx(9.65e-7, rel=0.1)
    z = Drawn(find_process("kpigg")).q2 / K**2
    above = Drawn(find_process("kpigg")).mean((z > 4.0 * r2).astype(float))
    assert above == pytest.approx(integral(density, 4.0 * r2, (1.0 - PI / K) ** 2, []) / total, abs=1e-4)
    assert above > 0.6  # phase space alone has 0.20


# --- bugs put in on purpose: each test above fails when a constant is off by 1 % -------------------

BUGS = [
    (form_factors, "QUADRATIC_SLOPES", 0, test_kl3, "ke3"),
    (form_factors, "QUADRATIC_SLOPES", 1, test_kl3, "ke3"),
    (form_factors, "SCALAR_SLOPE", None, test_kl3, "kmu3"),
    (form_factors, "DALITZ_SLOPE", None, test_dalitz_moments, None),
    *((three_body, "SLOPES_CHARGED", k, test_k3pi, "k3pi") for k in range(3)),
    *((three_body, "SLOPES_NEUTRAL", k, test_k3pi, "k3pi0") for k in range(3)),
    *((form_factors, "LOOP_ELECTRON", k, test_kpill, ("kpiee", E, 2.997e-7, 0.168309, 0.117153)) for k in range(2)),
    *((form_factors, "LOOP_MUON", k, test_kpill, ("kpimumu", MU, 8.86e-8, 0.305812, 0.0723225)) for k in range(2)),
    *((form_factors, "LOOP_PIONS", k, test_kpill, ("kpiee", E, 2.997e-7, 0.168309, 0.117153)) for k in range(2)),
]


@pytest.mark.parametrize(("module", "name", "index", "test", "argument"), BUGS)
def test_a_constant_off_by_one_percent_is_caught(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, index: int | None, test: object, argument: object
) -> None:
    value = getattr(module, name)
    if index is None:
        monkeypatch.setattr(module, name, 1.01 * value)
    else:
        monkeypatch.setattr(module, name, tuple(1.01 * v if k == index else v for k, v in enumerate(value)))
    arguments = argument if isinstance(argument, tuple) else () if argument is None else (argument,)
    with pytest.raises(AssertionError):
        test(*arguments)  # type: ignore[operator]
