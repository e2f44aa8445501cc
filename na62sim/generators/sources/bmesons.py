"""Axion-like particles from B -> K a and B -> K* a, the B mesons made by protons in the dump.

The branching ratio of the decay is free: yields are per unit of BR(B -> K a) + BR(B -> K* a). Masses in MeV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.particles import species
from na62sim.generators.sources.mesons import BEAM, TRUE_SHARE, MesonArrays, Spectrum, draw_mesons, meson_arrays
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry.dump import Cascade, Dump
from na62sim.geometry.tables import table_path

# b bbar and total pp cross-section at 400 GeV, and the growth of the ratio with the nucleus, A^(1/3), in copper:
# ALPINIST, constants (citing arXiv:2407.08673)
SIGMA_BB, SIGMA_PP = 2.63e-6, 39.85  # mb; the first to +-0.76e-6
COPPER = 63.5 ** (1.0 / 3.0)
KAON_STAR = 891.67  # MeV, PDG 2024, K*(892)+- listing


@cache
def b_meson_table() -> Spectrum:
    """Simulated spectrum of B0 and B+ and their antiparticles above 1 GeV, per b bbar pair."""
    with np.load(table_path("bmesons_pythia8317_400GeV.npz")) as data:
        counts = (data["B0"] + data["B+"]) / float(data["nev"])
        return Spectrum(data["log10p_edges"] + 3.0, data["log10th_edges"], counts)


@dataclass(frozen=True)
class BMesonDecays:
    """How ALPs come from B mesons.

    Parameters
    ----------
    star_share : share of B -> K* a among B -> K(*) a, in its open range
    """

    star_share: float = 0.5

    name = "b"
    largest_weight = 1.0 / TRUE_SHARE

    def __post_init__(self) -> None:
        if not 0.0 <= self.star_share <= 1.0:
            raise ValueError(f"star_share = {self.star_share:g}: it must lie in 0 to 1")

    def prepared(self, dump: Dump) -> BMesonDecays:
        """The same: nothing depends on the geometry."""
        return self

    def check_open(self, mass: float) -> None:
        """Refuse a mass above what B -> K or K* leaves."""
        self._shares(mass)

    def per_proton(self, mass: float, beam: float) -> float:
        """ALPs per interacting proton for BR(B -> K(*) a) = 1; mass and beam momentum in MeV.

        Examples
        --------
        >>> f"{BMesonDecays().per_proton(300.0, 400e3):.1e}"
        '4.3e-07'
        """
        if abs(beam / GeV - BEAM) > 1.0:
            raise ValueError(f"proton momentum {beam / GeV:g} GeV: the table of B mesons is for {BEAM:g} GeV")
        self._shares(mass)
        return float(b_meson_table().counts.sum()) * SIGMA_BB / SIGMA_PP * COPPER

    def _shares(self, mass: float) -> list[tuple[float, float]]:
        """Recoil mass and share of the open decays."""
        recoils = [(species("K+").mass, 1.0 - self.star_share), (KAON_STAR, self.star_share)]
        found = [(recoil, share) for recoil, share in recoils if share > 0.0 and mass + recoil < species("B+").mass]
        if not found:
            limit = species("B+").mass - min(recoil for recoil, share in recoils if share > 0.0)
            raise ClosedChannelError(mass, f"B -> K(*) needs a mass below {limit:.6g} MeV")
        return found

    def arrays(self, mass: float, beam: float) -> MesonArrays:
        """Numbers for `draw_mesons`."""
        grid = b_meson_table()
        rows = [(species("B+").mass, recoil, grid.counts * share) for recoil, share in self._shares(mass)]
        return meson_arrays(rows, grid, mass)

    def draw(self, seed: Any, events: Any, arrays: MesonArrays, second: float, made: Any) -> int:
        """See `draw_mesons`."""
        return int(draw_mesons(seed, events, arrays, second, made))

    def leading_nucleon(self, cascade: Cascade) -> float:
        """Protons and neutrons alike make B mesons."""
        return cascade.nucleons
