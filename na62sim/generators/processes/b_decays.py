"""Branching ratios of B -> K X, K* X and of all B -> X_s X for a light X of spin 0, per effective coupling. In GeV.

For g X sbar_L b_R, the coupling of a scalar, the amplitudes are those of the form factors f0 and A0 of the scalar densities;
for g (d_mu X) sbar_L gamma^mu b_L, that of a pseudoscalar, the equations of motion give the same without the masses of the
quarks. B stands for the mean of B0 and B+.
"""

from __future__ import annotations

import math

from hepunits import GeV

from na62sim.core.kinematics import two_body_momentum
from na62sim.core.particles import species

__all__ = ["KAON", "KAON_STAR", "V_TB_V_TS", "derivative_ratios", "inclusive_ratio", "scalar_ratios", "top_loop"]

V_TB_V_TS = 0.0410  # modulus; CKM fit of PDG 2024: |V_ts| = 0.0411, |V_tb| = 0.9991
HIGGS_VEV = 246.22  # (sqrt 2 G_F)^-1/2
B_QUARK, S_QUARK = 4.18, 0.093  # running masses at m_b and 2 GeV, PDG 2024
TOP_QUARK = 162.5  # running mass at itself, PDG 2024
KAON, KAON_STAR = species("K+").mass / GeV, 0.89167  # K*(892)+-, PDG 2024
_B = species("B+").mass / GeV
_WIDTH = 6.582119569e-13 / (0.5 * (1.638 + 1.517))  # hbar over the mean of the lifetimes of B+ and B0 in ps, PDG 2024


def top_loop() -> float:
    """Effective coupling of a scalar that mixes with the Higgs boson, over sin(theta) m_b/v: 3 sqrt2 G_F m_t^2/16 pi^2 V_tb V_ts.

    Batell, Pospelov, Ritz, arXiv:0911.4938; Winkler, arXiv:1809.01876, section 2.

    Examples
    --------
    >>> f"{top_loop():.2e}"
    '3.39e-04'
    """
    return 3.0 * (TOP_QUARK / HIGGS_VEV) ** 2 / (16.0 * math.pi**2) * V_TB_V_TS


def f0(q2: float) -> float:
    """Form factor of B -> K at q^2 (GeV^2): Ball and Zwicky, hep-ph/0406232, table 4."""
    return 0.330 / (1.0 - q2 / 37.46)


def a0(q2: float) -> float:
    """Form factor A0 of B -> K*: Ball and Zwicky, hep-ph/0412079, table 8."""
    return 1.364 / (1.0 - q2 / 5.28**2) - 0.990 / (1.0 - q2 / 36.78)


def derivative_ratios(mass: float) -> tuple[float, float]:
    """Branching ratios of B -> K X and K* X over g^2 (GeV^2), g in 1/GeV, at a mass (GeV); 0 where they are closed.

    |<K|sbar gamma^mu b|B> q_mu| = (m_B^2 - m_K^2) f0, and |<K*|sbar gamma^mu gamma5 b|B> q_mu| = 2 m_B p A0 for the
    longitudinal K*; half of each is left-handed, and the width is |M|^2 p / 8 pi m_B^2.
    """
    found = []
    for recoil, amplitude in (
        (KAON, lambda _: 0.5 * (_B**2 - KAON**2) * f0(mass**2)),
        (KAON_STAR, lambda p: _B * p * a0(mass**2)),
    ):
        p = two_body_momentum(_B, recoil, mass) if mass + recoil < _B else 0.0
        found.append(amplitude(p) ** 2 * p / (8.0 * math.pi * _B**2) / _WIDTH if p else 0.0)
    return found[0], found[1]


def scalar_ratios(mass: float) -> tuple[float, float]:
    """Branching ratios of B -> K S and K* S over sin^2(theta) at a mass (GeV).

    Examples
    --------
    >>> " ".join(f"{ratio:.2f}" for ratio in scalar_ratios(0.24))
    '0.37 0.41'
    """
    g = top_loop() * B_QUARK / HIGGS_VEV
    kaon, star = derivative_ratios(mass)
    return kaon * (g / (B_QUARK - S_QUARK)) ** 2, star * (g / (B_QUARK + S_QUARK)) ** 2


def inclusive_ratio(mass: float) -> float:
    """Branching ratio of B -> X_s S over sin^2(theta) at a mass (GeV), of free quarks: g^2 m_b/32 pi (1 - m^2/m_b^2)^2.

    Close to the threshold of the kaon it means nothing.

    Examples
    --------
    >>> f"{inclusive_ratio(0.24):.1f}"  # arXiv:1904.10447: 3.3
    '3.3'
    """
    g = top_loop() * B_QUARK / HIGGS_VEV
    return g**2 * B_QUARK / (32.0 * math.pi) * max(1.0 - (mass / B_QUARK) ** 2, 0.0) ** 2 / _WIDTH
