"""The five-body vertex K+ -> pi+ e+ e- e+ e-: what its amplitudes by one and by two photons share."""

from __future__ import annotations

from na62sim.core.particles import Species
from na62sim.generators.amplitudes.rest_frame import Daughters

END = 1e-3  # MeV below the end point: nearer to it the masses of the kaon and of what it decays to round to the same


def four_electrons(
    name: str, mother: Species, daughters: Daughters, m_4e_min: float
) -> tuple[float, float, float, float]:
    """Masses of pion and electron, and the range of m_4e (MeV) above ``m_4e_min``, of the amplitude ``name``.

    Raises
    ------
    ValueError : other daughters, or nothing is left above ``m_4e_min``
    """
    names = [species.name for species, _ in daughters]
    if names != ["pi+", "e+", "e-", "e+", "e-"]:
        raise ValueError(f"amplitude '{name}' of '{mother.name}' needs pi+ e+ e- e+ e-, not {' '.join(names)}")
    pion, electron = daughters[0][0].mass, daughters[1][0].mass
    low, high = max(4.0 * electron, m_4e_min), mother.mass - pion
    if not 0.0 <= m_4e_min <= high - END:
        raise ValueError(
            f"m_4e_min = {m_4e_min:.12g} MeV: it must be from 0 to {high - END:.12g} MeV, a keV below m_K - m_pi"
        )
    return pion, electron, low, high
