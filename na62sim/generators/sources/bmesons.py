"""Hidden particles from two-body decays of B mesons, which protons make in the dump. Masses in MeV.

The number of B mesons per proton is 2 sigma_bb/sigma_pp A^x, with the B0 and B+ of a pair from PYTHIA. A hard process grows
as A, the total cross-section as A^(2/3): x = 1/3. ALPINIST's plane of May 2023 has no such factor, x = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from hepunits import GeV

from na62sim.core.particles import species
from na62sim.generators.sources.mesons import BEAM, Spectrum
from na62sim.generators.sources.production import ClosedChannelError, OtherFlux
from na62sim.generators.sources.two_body import (
    PLAIN_SHARE,
    TwoBodyArrays,
    draw_two_body,
    open_decays,
    two_body_arrays,
)
from na62sim.geometry.dump import Cascade, Dump
from na62sim.geometry.tables import table_path

# b bbar and total pp cross-section at 400 GeV: ALPINIST, constants (citing arXiv:2407.08673); the first to +-0.76 nb
SIGMA_BB_NB, SIGMA_PP_MB = 2.63, 39.85
SIGMA_BB_ERROR_NB = 0.76
EXPONENT = 1.0 / 3.0  # the constants of ALPINIST that come with these cross-sections
_COPPER = 63.5  # nucleons
_NB_PER_MB = 1e6
KAON_STAR = 891.67  # MeV, PDG 2024, K*(892)+- listing


@cache
def b_meson_table() -> Spectrum:
    """Simulated spectrum of B0 and B+ and their antiparticles above 1 GeV, per b bbar pair."""
    with np.load(table_path("bmesons_pythia8317_400GeV.npz")) as data:
        counts = (data["B0"] + data["B+"]) / float(data["nev"])
        return Spectrum(data["log10p_edges"] + 3.0, data["log10th_edges"], counts)


@dataclass(frozen=True)
class BMesonDecays:
    """How a hidden particle comes from B mesons.

    Parameters
    ----------
    decays : mass of the recoil (MeV) and branching ratio of each decay, over the coupling squared; of a sum of 1, yields
        are per unit of the branching ratio
    sigma_bb_nb : b bbar cross-section of pp collisions at 400 GeV
    exponent : of the number of nucleons of copper, by which the ratio to the total cross-section grows
    """

    decays: tuple[tuple[float, float], ...] = ((493.677, 0.5), (KAON_STAR, 0.5))
    sigma_bb_nb: float = SIGMA_BB_NB
    exponent: float = EXPONENT

    name: ClassVar[str] = "b"
    largest_weight: ClassVar[float] = 1.0 / PLAIN_SHARE

    def __post_init__(self) -> None:
        for recoil, ratio in self.decays:
            if not (recoil >= 0.0 and ratio >= 0.0):
                raise ValueError(
                    f"decay with recoil {recoil:g} MeV and branching ratio {ratio:g}: neither may be negative"
                )
        if not 0.0 < self.sigma_bb_nb <= 1e3:
            raise ValueError(f"sigma_bb_nb = {self.sigma_bb_nb:g}: it must be above 0 and at most 1000")
        if not 0.0 <= self.exponent <= 1.0:
            raise ValueError(f"exponent = {self.exponent:g}: it must lie in 0 to 1")

    @property
    def flux(self) -> float:
        """B mesons per proton.

        Examples
        --------
        >>> f"{BMesonDecays().flux:.2e}, without growth {BMesonDecays(exponent=0.0).flux:.2e}"
        '4.29e-07, without growth 1.08e-07'
        """
        ratio = self.sigma_bb_nb / _NB_PER_MB / SIGMA_PP_MB
        return float(b_meson_table().counts.sum()) * ratio * float(_COPPER**self.exponent)

    @property
    def other_flux(self) -> OtherFlux:
        """The other of the two choices of the exponent that are in use."""
        exponent = 0.0 if self.exponent > 0.0 else EXPONENT
        other = BMesonDecays(self.decays, self.sigma_bb_nb, exponent)
        return OtherFlux(self._words(), other._words(), other.flux / self.flux)

    def _words(self) -> str:
        known = {EXPONENT: "A^(1/3), as hard processes grow", 0.0: "A^0, as in ALPINIST's plane of May 2023"}
        growth = known.get(self.exponent, f"A^{self.exponent:g}")
        return f"{self.flux:.3g} B mesons per proton (sigma_bb = {self.sigma_bb_nb:g} nb, {growth})"

    def prepared(self, dump: Dump) -> BMesonDecays:
        """The same: the target is copper."""
        return self

    def open(self, mass: float) -> list[tuple[float, float]]:
        """Recoil mass and branching ratio of the open decays.

        Raises
        ------
        ClosedChannelError : none is
        """
        try:
            return open_decays(species("B+").mass, self.decays, mass)
        except ClosedChannelError as error:
            raise ClosedChannelError(mass, error.args[1].replace("the decay that makes it", "B -> K(*)")) from None

    def check_open(self, mass: float) -> None:
        """Refuse a mass above what the lightest recoil leaves."""
        self.open(mass)

    def branching_ratio(self, mass: float) -> float:
        """Sum of the open decays, over the coupling squared."""
        return sum(ratio for _, ratio in self.open(mass))

    def per_proton(self, mass: float, beam: float) -> float:
        """Hidden particles per interacting proton; mass and beam momentum in MeV.

        Examples
        --------
        >>> f"{BMesonDecays().per_proton(300.0, 400e3):.1e}"
        '4.3e-07'
        """
        if abs(beam / GeV - BEAM) > 1.0:
            raise ValueError(f"proton momentum {beam / GeV:g} GeV: the table of B mesons is for {BEAM:g} GeV")
        return self.flux * self.branching_ratio(mass)

    def arrays(self, mass: float, beam: float) -> TwoBodyArrays:
        """Numbers for `draw_two_body`."""
        return two_body_arrays(species("B+").mass, self.open(mass), b_meson_table(), mass)

    def draw(self, seed: Any, events: Any, arrays: TwoBodyArrays, second: float, made: Any) -> int:
        """See `draw_two_body`."""
        return int(draw_two_body(seed, events, arrays, second, made))

    def leading_nucleon(self, cascade: Cascade) -> float:
        """Protons and neutrons alike make B mesons."""
        return cascade.nucleons
