"""Bremsstrahlung of electrons and conversion of photons in thin layers: spectra, rates, and the photon that is kept.

A layer here is half a per cent of a radiation length, so an electron radiates a hard photon seldom and two
hardly ever. Photons are therefore sampled one by one from the thin-target spectrum of complete screening

    dN/dy = (X / X0) (4/3 - 4/3 y + y^2) / y,   y = k / E

(Y.-S. Tsai, Rev. Mod. Phys. 46 (1974) 815; PDG review of the passage of particles through matter), above
y = 0.001, as a Poisson process along the layers. What is below takes 1.3e-3 (X / X0) of the energy and is left out.
The alternative, a gamma-distributed -ln(E'/E), gives the same mean loss but no photons. Photons fly in the electron's
direction (the angle m/E is 0.05 mrad at 10 GeV, small against the scattering). A photon converts with
7/9 X / X0, and its electrons share the energy with 1 - 4/3 x (1 - x), x in 0 to 1, again of complete screening.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.elementary import exp
from na62sim.core.kernel import formula
from na62sim.core.sampling import inverse_cdf, quantile

SOFTEST = 1e-3  # share of the electron's energy below which no photon is made
LEAST = 20.0  # MeV: electrons below are not tracked


class Radiation(NamedTuple):
    """Spectra for the kernels."""

    photon: FloatArray  # quantiles of ln y
    pair: FloatArray  # quantiles of x


def radiation_spectra() -> Radiation:
    """Tabulate the two spectra."""
    return Radiation(
        photon=inverse_cdf(lambda s: 4.0 / 3.0 * (1.0 - np.exp(s)) + np.exp(2.0 * s), float(np.log(SOFTEST)), 0.0),
        pair=inverse_cdf(lambda x: 1.0 - 4.0 / 3.0 * x * (1.0 - x), 0.0, 1.0),
    )


def photons_per_electron(x_over_x0: float) -> float:
    """Mean number of photons above `SOFTEST` of the energy that an electron radiates in a layer.

    >>> round(photons_per_electron(0.0045), 4)
    0.0377
    """
    y = SOFTEST
    return x_over_x0 * (-4.0 / 3.0 * float(np.log(y)) - 4.0 / 3.0 * (1.0 - y) + 0.5 * (1.0 - y * y))


def conversion_depth(x_over_x0: float) -> float:
    """Mean number of conversions of a photon in a layer."""
    return 7.0 / 9.0 * x_over_x0


@formula
def photon_share(u: float, r: Radiation) -> float:
    """Share of its energy that an electron radiates, from a uniform."""
    return exp(quantile(r.photon, u))


@formula
def pair_share(u: float, r: Radiation) -> float:
    """Share of a photon's energy that the positron of its conversion takes, from a uniform."""
    return quantile(r.pair, u)


@formula
def next_interaction(before: float, u: float) -> float:
    """Where a Poisson process that was quiet up to the probability ``before`` has its next event.

    The optical depth up to there is exponential; as a probability 1 - exp(-depth) it is uniform.
    """
    return 1.0 - (1.0 - before) * (1.0 - u)


def cumulative(depth: Any) -> FloatArray:
    """Probability 1 - exp(-sum) of at least one event up to and with each of some layers."""
    return np.asarray(-np.expm1(-np.cumsum(depth)))


def highland(x_over_x0: float) -> float:
    """Scattering angle per plane times p beta, in MeV (Highland; PDG review, eq. 34.16)."""
    return 13.6 * float(np.sqrt(x_over_x0)) * (1.0 + 0.038 * float(np.log(x_over_x0)))


BEYOND = 4.0  # Highland angles: single scattering makes what is beyond, the Gaussian what is within


def single_scattering(x_over_x0: float, atomic_number: float) -> tuple[float, float]:
    """Probability of a single Coulomb scattering by more than four Highland angles, and that angle times p beta (MeV).

    Rutherford's law P(> theta) = (chi_c / (p beta theta))^2 with chi_c^2 = 0.157 MeV^2 Z (Z + 1) x / A (x in g/cm^2;
    Moliere, Z. Naturforsch. 3a (1948) 78), by the radiation length 112.5 MeV^2 (X / X0) / ln(287 / sqrt Z) (PDG
    review of the passage of particles through matter).

    >>> probability, angle = single_scattering(0.0045, 6.0)
    >>> round(probability, 4), round(angle, 2)
    (0.0126, 2.9)
    """
    if x_over_x0 == 0.0:
        return 0.0, 1.0
    angle = BEYOND * highland(x_over_x0)
    return 112.5 * x_over_x0 / math.log(287.0 / math.sqrt(atomic_number)) / angle**2, angle
