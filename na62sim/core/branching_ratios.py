"""Branching ratios of K+ and pi0 decays: one table for generators, yields and normalisations.

A decay is a value and its standard deviation. Those without a source of their own are of PDG 2026.
"""

from __future__ import annotations

import math

Branching = tuple[float, float]

PI0: dict[str, Branching] = {
    "gamma gamma": (0.98823, 0.00034),
    "gamma e+ e-": (0.01174, 0.00035),
    "4e": (3.34e-5, 0.16e-5),
}
KAON: dict[str, Branching] = {
    "mu nu": (0.6356, 0.0011),
    "pi pi0": (0.20670, 0.00075),
    "3 pi": (0.05583, 0.00024),
    "pi 2 pi0": (0.01760, 0.00023),
    "pi0 e nu": (0.0507, 0.0004),
    "pi0 mu nu": (0.03352, 0.00034),
    "pi pi e nu": (4.247e-5, 0.024e-5),
    "pi e e": (3.00e-7, 0.09e-7),
    "pi mu mu": (9.17e-8, 0.14e-8),
    "pi gamma gamma": (9.65e-7, 0.16e-7),
    # one- and two-photon exchange, without the pi0 pole: NA62, PLB 846 (2023) 138193, from Husek, PRD 106 (2022)
    # L071301. The one-photon tree alone has 5.9e-11: its shape is scaled to this.
    "pi 4e": (7.2e-11, 0.7e-11),
    # Buras and Venturini, EPJC 82 (2022) 615, arXiv:2203.10099
    "pi nu nu": (8.60e-11, 0.42e-11),
}
PI_NU_NU_NA62: Branching = (8.4e-11, 1.0e-11)
"""The value that NA62 expects events for in its results of 2016 to 2018.

Buras, Buttazzo, Girrbach-Noe, Knegjens, JHEP 11 (2015) 033. Runs and the validation take it, because the published
numbers of expected events beside theirs rest on it; as the branching ratio of the decay the newer value stands above.
"""


def with_pi0(kaon: str, *pions: str) -> Branching:
    """Branching ratio of a K+ decay whose pi0 decay in a given way, and its standard deviation.

    Examples
    --------
    >>> value, error = with_pi0("pi pi0", "gamma e+ e-")
    >>> print(f"{value:.4e} +- {error:.0e}")
    2.4267e-03 +- 7e-05
    """
    factors = [KAON[kaon], *(PI0[pion] for pion in pions)]
    value = math.prod(b for b, _ in factors)
    relative = [error / b for b, error in factors[:1]]
    if pions:  # all pi0 decay in the same way: their errors add
        relative.append(sum(error / b for b, error in factors[1:]))
    return value, value * math.hypot(*relative)
