"""Named amplitudes: the shapes of a decay vertex, as densities of the cluster mass and of one angle.

A vertex P -> d1 d2 ... dn is decayed as P -> d1 C, C -> d2 ...; an amplitude gives the density of
q^2 = m(C)^2 and, for three bodies, the density of c = cos(angle of d2 to d1 in the rest frame of C).
`flat` is phase space. A new amplitude is one function and one entry of `AMPLITUDES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na62sim.generators.phase_space import momentum, volume_function
from na62sim.particles import species

FloatArray = npt.NDArray[np.float64]

# K_e3 form factor f+(t)/f+(0) = 1 + l1 t/m_pi^2 + l2/2 (t/m_pi^2)^2, slopes of K_e3: PDG 2026, K+- listing
QUADRATIC_SLOPES = (0.02589, 0.00186)
LINEAR_SLOPE = 0.02959
# f0 slope (K_mu3, linear): PDG 2026, K+- listing
SCALAR_SLOPE = 0.01760
# pole mass of f+ (MeV): PDG 2026, K+- listing
POLE_MASS = 890.3


@dataclass(frozen=True, slots=True)
class Shape:
    """Densities of a vertex: of q^2 (MeV^2) and of the cosine of d2 to d1 (None: isotropic)."""

    mass2: Callable[[FloatArray], FloatArray] | None
    cosine: Callable[[FloatArray], FloatArray] | None = None


def flat(mass: float, daughters: Sequence[float]) -> Shape:
    """Phase space: dR_n / dq^2 proportional to p*(M; m1, q) R_{n-1}(q). Any number of daughters."""
    if len(daughters) < 3:
        return Shape(None)
    inner = volume_function(daughters[1:], mass - daughters[0])
    return Shape(lambda q2: np.asarray(momentum(mass, daughters[0], np.sqrt(q2)) * inner(np.sqrt(q2))))


def form_factor(q2: FloatArray, kind: str = "quadratic") -> FloatArray:
    """K_l3 vector form factor f+(q2)/f+(0), q2 in MeV^2; ``kind`` quadratic, linear, pole or constant."""
    t = q2 / species("pi+").mass ** 2
    if kind == "quadratic":
        return np.asarray(1.0 + QUADRATIC_SLOPES[0] * t + 0.5 * QUADRATIC_SLOPES[1] * t * t)
    if kind == "linear":
        return np.asarray(1.0 + LINEAR_SLOPE * t)
    if kind == "pole":
        return np.asarray(POLE_MASS**2 / (POLE_MASS**2 - q2))
    return np.ones_like(q2)


def vector(mass: float, daughters: Sequence[float]) -> Shape:
    """K+ -> pi+ nu nubar in the Standard Model: p*^3 f+^2, c as 1 - c^2.

    Mescia and Smith, PRD 76 (2007) 034017; the matrix element is the isospin rotation of K_e3.
    """
    return Shape(
        lambda q2: np.asarray(momentum(mass, daughters[0], np.sqrt(q2)) ** 3 * form_factor(q2) ** 2),
        lambda c: 1.0 - c * c,
    )


def scalar(mass: float, daughters: Sequence[float]) -> Shape:
    """Lepton-number violating scalar current: q^2 p* f0^2, c flat (Deppisch, Fridell, Harz, JHEP 12 (2020) 186)."""

    def mass2(q2: FloatArray) -> FloatArray:
        f0 = 1.0 + SCALAR_SLOPE * q2 / species("pi+").mass ** 2
        return np.asarray(q2 * momentum(mass, daughters[0], np.sqrt(q2)) * f0**2)

    return Shape(mass2)


def tensor(mass: float, daughters: Sequence[float]) -> Shape:
    """Tensor current, constant form factor: q^2 p*^3, c as c^2 (Gorbahn et al., EPJC 84 (2024) 680)."""
    return Shape(
        lambda q2: np.asarray(q2 * momentum(mass, daughters[0], np.sqrt(q2)) ** 3),
        lambda c: c * c,
    )


AMPLITUDES: dict[str, Callable[[float, Sequence[float]], Shape]] = {
    "flat": flat,
    "vector": vector,
    "scalar": scalar,
    "tensor": tensor,
}
