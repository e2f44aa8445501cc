"""Dark photons from proton bremsstrahlung, p N -> A' X, in the quasi-collinear splitting p -> p A'.

Number of A' per interacting proton: N = int dz dpT^2 w(z, pT^2) |F1(M^2)|^2 sigma(s') / sigma(s), with z = p_A'/p_beam,
s' = 2 m_p (E_beam - E_A') and H = pT^2 + (1 - z) M^2 + z^2 m_p^2. The cross-section of the nucleus cancels.

``bb``: modified Weizsaecker-Williams (Blümlein and Brunner, PLB 731 (2014) 320). ``qra``: quasi-real approximation with
an off-shell form factor of scale Lambda (Foroughi-Abari and Ritz, PRD 105 (2022) 095045). Masses and momenta in MeV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import ALPHA
from na62sim.core.elementary import exp, log, sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.particles import species
from na62sim.core.rng import STREAM_DUMP, STREAM_DUMP_TRIAL, fill_uniforms, uniforms4
from na62sim.core.sampling import inverse_cdf, quantile
from na62sim.core.suggest import did_you_mean
from na62sim.geometry.dump import Cascade, Dump

MODELS = ("bb", "qra")
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_MAX_TRIALS = 2000
_BLOCK = 512
# mass (GeV), width (GeV) and share of the vector mesons in the proton's time-like form factor:
# Faessler, Krivoruchenko, Martemyanov, PRC 82 (2010) 038201, as coded in BdNMC, but for the omega, which stands there at
# the mass of the rho, 0.77: here PDG 2024, omega(782). The shares add up to 1.
_VECTORS = (
    (0.77, 0.15, 0.6165340033101271),
    (1.25, 0.30, 0.22320420111672623),
    (1.45, 0.50, -0.33973820442685326),
    (0.78266, 0.00868, 1.0117544786579074),
    (1.25, 0.30, -0.8816565944110686),
    (1.45, 0.50, 0.3699021157531611),
)


class BremsArrays(NamedTuple):
    """What the sampling kernel needs (MeV)."""

    z_table: FloatArray  # quantiles of z
    pt2_max: float
    mass2: float
    proton2: float
    beam: float
    quasi_real: bool
    scale2: float


@formula
def hardness(z: float, pt2: float, mass2: float, proton2: float) -> float:
    """H = pT^2 + (1 - z) M^2 + z^2 m_p^2: minus the virtuality of the proton times z."""
    return pt2 + (1.0 - z) * mass2 + z * z * proton2


@formula
def compact(z: float, pt2: float, mass2: float, proton2: float) -> float:
    """The brace of the Blümlein-Brunner splitting, summed up: positive, 2 pi H w / alpha."""
    h = hardness(z, pt2, mass2, proton2)
    y = 1.0 - z
    return (1.0 + y * y) / z - 2.0 * z * y * (2.0 * proton2 + mass2) * pt2 / (h * h)


@formula
def four_terms(z: float, pt2: float, mass2: float, proton2: float) -> float:
    """The same brace as it is printed, with [1 + (1 - z)^2] in the third term: the reference form of `compact`."""
    h = hardness(z, pt2, mass2, proton2)
    y = 1.0 - z
    return (
        (1.0 + y * y) / z
        - 2.0 * z * y * ((2.0 * proton2 + mass2) / h - 2.0 * z * z * proton2 * proton2 / (h * h))
        + 2.0 * z * y * (1.0 + y * y) * proton2 * mass2 / (h * h)
        + 2.0 * z * y * y * mass2 * mass2 / (h * h)
    )


@formula
def quasi_real(z: float, pt2: float, mass2: float, proton2: float, scale2: float) -> float:
    """The brace of the quasi-real approximation, with the square of the off-shell form factor."""
    h = hardness(z, pt2, mass2, proton2)
    y = 1.0 - z
    virtuality = h / (z * scale2)
    off_shell = 1.0 / (1.0 + virtuality * virtuality)
    return ((1.0 + y * y) / z - z * y * (2.0 * proton2 + mass2) / h) * off_shell * off_shell


def inelastic_cross_section(s: Any) -> Any:
    """Proton-proton cross-section (mb) at s (GeV^2): the fit used with the ``bb`` model; 39.86 at 400 GeV."""
    fit = 35.45 + 0.308 * np.log(s / 5.38**2) ** 2  # COMPAS fit, as coded in ALPINIST
    return fit + 42.53 * s**-0.458 - 33.34 * s**-0.545


def non_diffractive_cross_section(s: Any) -> Any:
    """Non-single-diffractive cross-section (mb) at s (GeV^2), used with the ``qra`` model."""
    return 1.76 + 19.8 * s**0.057  # Foroughi-Abari and Ritz, PRD 105 (2022) 095045


def form_factor2(mass: Any) -> Any:
    """|F1(M^2)|^2 of the proton at the mass of A' (MeV); the constant widths leave 1.02 at 0."""
    q2 = (np.asarray(mass, dtype=float) / GeV) ** 2
    return np.abs(sum(f * m * m / (m * m - q2 - 1j * m * width) for m, width, f in _VECTORS))[()] ** 2


@dataclass(frozen=True)
class Bremsstrahlung:
    """How bremsstrahlung is modelled.

    Parameters
    ----------
    model : ``bb`` or ``qra``
    scale : off-shell scale Lambda of ``qra`` (MeV)
    form_factor : multiply by the time-like form factor |F1(M^2)|^2
    z_range : of the momentum fraction
    pt_max : MeV
    """

    model: str = "bb"
    scale: float = 1.5 * GeV
    form_factor: bool = False
    z_range: tuple[float, float] = (0.1, 0.9)
    pt_max: float = 1.0 * GeV

    name = "brems"
    largest_weight = 1.0
    other_flux = None

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model '{self.model}' of bremsstrahlung is unknown{did_you_mean(self.model, MODELS)}")
        low, high = self.z_range
        if not 0.0 < low < high < 1.0:
            raise ValueError(f"z_range = {low:g} to {high:g}: it must be two increasing numbers between 0 and 1")
        if not 0.5 * GeV <= self.scale <= 10.0 * GeV:
            raise ValueError(f"scale = {self.scale:g} MeV: it must lie in 500 to 10000 MeV")
        if not 0.1 * GeV <= self.pt_max <= 10.0 * GeV:
            raise ValueError(f"pt_max = {self.pt_max:g} MeV: it must lie in 100 to 10000 MeV")

    def density(self, z: FloatArray, mass: float, beam: float) -> FloatArray:
        """dN/dz per proton and eps^2, integrated over pT^2 in logarithms of H; without |F1|^2."""
        m2, p2 = mass**2, species("p").mass ** 2
        low = hardness(z, 0.0, m2, p2)
        half = 0.5 * np.log1p(self.pt_max**2 / low)
        total = np.zeros_like(z)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            pt2 = low * np.expm1(half * (1.0 + node))
            brace = quasi_real(z, pt2, m2, p2, self.scale**2) if self.model == "qra" else compact(z, pt2, m2, p2)
            total += weight * half * brace
        return ALPHA / (2.0 * math.pi) * total * self.flux_ratio(z, mass, beam)

    def flux_ratio(self, z: FloatArray, mass: float, beam: float) -> FloatArray:
        """sigma(s') / sigma(s)."""
        sigma = non_diffractive_cross_section if self.model == "qra" else inelastic_cross_section
        proton = species("p").mass
        left = np.hypot(beam, proton) - np.hypot(z * beam, mass)
        return sigma(2.0 * proton * left / GeV**2) / sigma(2.0 * proton * np.hypot(beam, proton) / GeV**2)

    def prepared(self, dump: Dump) -> Bremsstrahlung:
        """The same: nothing depends on the geometry."""
        return self

    def check_open(self, mass: float) -> None:
        """Nothing closes it."""

    def branching_ratio(self, mass: float) -> float:
        """1: there is no decay."""
        return 1.0

    def per_proton(self, mass: float, beam: float) -> float:
        """A' per interacting proton, over eps^2; mass and beam momentum in MeV.

        Examples
        --------
        >>> f"{Bremsstrahlung().per_proton(300.0, 400e3):.2e}"
        '6.33e-03'
        """
        low, high = np.log(self.z_range)
        z = np.exp(0.5 * (low + high) + 0.5 * (high - low) * _NODES)
        total = float((_WEIGHTS * z * self.density(z, mass, beam)).sum() * 0.5 * (high - low))
        return total * float(form_factor2(mass)) if self.form_factor else total

    def arrays(self, mass: float, beam: float) -> BremsArrays:
        """Numbers for `draw_bremsstrahlung`."""
        return _arrays(self, mass, beam)

    def draw(self, seed: Any, events: Any, arrays: BremsArrays, second: float, made: Any) -> int:
        """See `draw_bremsstrahlung`."""
        return int(draw_bremsstrahlung(seed, events, arrays, second, made))

    def leading_nucleon(self, cascade: Cascade) -> float:
        """Protons alone radiate."""
        return cascade.nucleons * cascade.proton_fraction


@lru_cache(maxsize=256)  # the channels of a region ask for the same masses one after the other
def _arrays(made: Bremsstrahlung, mass: float, beam: float) -> BremsArrays:
    return BremsArrays(
        z_table=inverse_cdf(lambda z: made.density(z, mass, beam), *made.z_range),
        pt2_max=made.pt_max**2,
        mass2=mass**2,
        proton2=species("p").mass ** 2,
        beam=beam,
        quasi_real=made.model == "qra",
        scale2=made.scale**2,
    )


@formula
def _transverse2(seed: int, event: int, z: float, b: BremsArrays) -> float:
    """pT^2 of A' (MeV^2) at a given z: as 1/H, accepted with the brace; -1 if no trial is accepted."""
    low = hardness(z, 0.0, b.mass2, b.proton2)
    span = log(1.0 + b.pt2_max / low)
    bound = (1.0 + (1.0 - z) * (1.0 - z)) / z
    if b.quasi_real:  # the off-shell factor is largest at pT = 0, and far below 1 for a small scale
        virtuality = low / (z * b.scale2)
        bound /= (1.0 + virtuality * virtuality) * (1.0 + virtuality * virtuality)
    for trial in range(_MAX_TRIALS):
        first, second, third, fourth = uniforms4(seed, event, STREAM_DUMP_TRIAL, trial)
        for half in range(2):
            a, c = (first, second) if half == 0 else (third, fourth)
            pt2 = low * (exp(span * a) - 1.0)
            if b.quasi_real:
                brace = quasi_real(z, pt2, b.mass2, b.proton2, b.scale2)
            else:
                brace = compact(z, pt2, b.mass2, b.proton2)
            if c * bound < brace:
                return pt2
    return -1.0


@kernel
def draw_bremsstrahlung(seed: int, events: Any, b: BremsArrays, second: float, made: Any) -> int:
    """Draw A' made by protons along z: z from its table, then pT^2.

    Parameters
    ----------
    events : (n,) event numbers
    second : probability that the leading nucleon of a first collision made it, with a flat share of the momentum
    made : (9, n) receives px, py, pz of A'; px, py, pz, E of the proton (MeV); a weight of 1; the proton's momentum
        over that of the beam

    Returns
    -------
    the number of events in which no trial was accepted (must be zero)
    """
    u, raw = np.empty((8, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.zeros(_BLOCK, dtype=np.int64)
    failed = 0
    for begin in range(0, events.size, _BLOCK):
        block = events[begin : begin + _BLOCK]
        fill_uniforms(seed, STREAM_DUMP, group, block, raw, u)
        for j in range(block.size):
            i = begin + j
            stretch = max(u[7, j], 1e-3) if u[6, j] < second else 1.0
            z = quantile(b.z_table, u[0, j])
            pt2 = _transverse2(seed, block[j], z, b)
            failed += pt2 < 0.0
            pt, proton = np.sqrt(abs(pt2)), stretch * b.beam
            sine, cosine = sincos_turns(u[1, j])
            made[0, i], made[1, i], made[2, i] = pt * cosine, pt * sine, z * proton
            made[3, i], made[4, i], made[5, i] = 0.0, 0.0, proton
            made[6, i] = np.sqrt(proton * proton + b.proton2)
            made[7, i], made[8, i] = 1.0, stretch
    return failed
