"""Named amplitudes: the shapes of a decay vertex, as densities of the cluster mass and of one angle.

A vertex P -> d1 d2 ... dn is decayed as P -> d1 C, C -> d2 ...; an amplitude gives the density of
q^2 = m(C)^2 and, for three bodies, the density of c = cos(angle of d2 to d1 in the rest frame of C).
`flat` is phase space. A new amplitude is one function and one entry of `AMPLITUDES`. Amplitudes of four
or more bodies are in `vertices.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.amplitudes.form_factors import form_factor, scalar_form_factor
from na62sim.generators.amplitudes.phase_space import momentum, volume_function
from na62sim.generators.amplitudes.shape import Shape
from na62sim.generators.amplitudes.three_body import dalitz, k3pi, k3pi0, kl3, kpigg, kpill

Amplitude = Callable[[float, Sequence[float]], Shape]


def flat(mass: float, daughters: Sequence[float]) -> Shape:
    """Phase space: dR_n / dq^2 proportional to p*(M; m1, q) R_{n-1}(q). Any number of daughters."""
    if len(daughters) < 3:
        return Shape(None)
    inner = volume_function(daughters[1:], mass - daughters[0])
    return Shape(lambda q2: np.asarray(momentum(mass, daughters[0], np.sqrt(q2)) * inner(np.sqrt(q2))))


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
        return np.asarray(q2 * momentum(mass, daughters[0], np.sqrt(q2)) * scalar_form_factor(q2) ** 2)

    return Shape(mass2)


def tensor(mass: float, daughters: Sequence[float]) -> Shape:
    """Tensor current, constant form factor: q^2 p*^3, c as c^2 (Gorbahn et al., EPJC 84 (2024) 680)."""
    return Shape(
        lambda q2: np.asarray(q2 * momentum(mass, daughters[0], np.sqrt(q2)) ** 3),
        lambda c: c * c,
    )


def quartic(mass: float, daughters: Sequence[float], kappa: float = 0.0) -> Shape:
    """P -> d1 a a from a vertex linear in s_aa: phase space times (1 + kappa s_aa / M^2)^2.

    The most general quartic vertex of leading-order chiral perturbation theory; kappa is not predicted.
    """
    space = flat(mass, daughters).mass2
    assert space is not None
    return Shape(lambda q2: np.asarray(space(q2) * (1.0 + kappa * q2 / mass**2) ** 2))


AMPLITUDES: dict[str, Callable[..., Shape]] = {
    "flat": flat,
    "vector": vector,
    "scalar": scalar,
    "tensor": tensor,
    "quartic": quartic,
    "k3pi": k3pi,
    "k3pi0": k3pi0,
    "kl3": kl3,
    "dalitz": dalitz,
    "kpill": kpill,
    "kpigg": kpigg,
}


def parse_amplitude(text: str) -> tuple[str, dict[str, float]]:
    """Name and numbers of an amplitude.

    >>> parse_amplitude("quartic(kappa=-1)")
    ('quartic', {'kappa': -1.0})

    Raises
    ------
    ValueError : not of this form
    """
    match = re.fullmatch(r"([\w-]+)(?:\((.*)\))?", text.strip())
    if match is None:
        raise ValueError(f"amplitude '{text}' is not of the form name or name(parameter=number)")
    numbers: dict[str, float] = {}
    for item in filter(None, (match[2] or "").split(",")):
        key, _, value = item.partition("=")
        try:
            numbers[key.strip()] = float(value)
        except ValueError:
            raise ValueError(f"amplitude '{text}': '{item}' is not of the form parameter=number") from None
    return match[1], numbers


def find_amplitude(text: str) -> Amplitude:
    """A shape by its name, with its numbers bound."""
    name, numbers = parse_amplitude(text)
    return partial(AMPLITUDES[name], **numbers)
