"""What makes the mother of a chain in the dump."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from na62sim.core.suggest import did_you_mean
from na62sim.generators.sources.bmesons import BMesonDecays
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.mesons import MesonDecays

Maker = Bremsstrahlung | MesonDecays | BMesonDecays


ANGLES = ("isotropic", "transverse")


@dataclass(frozen=True)
class Production:
    """Where the mother of a process comes from when it is not a kaon of the beam.

    Parameters
    ----------
    maker : bremsstrahlung, meson decays or B decays
    angles : of the two leptons about the mother's flight direction in the frame of what made it: ``isotropic``, or
        ``transverse`` for a mother of helicity +-1; carried as a weight
    cascade : add the second collision of the leading nucleon
    """

    maker: Maker
    angles: str = "isotropic"
    cascade: bool = False

    def __post_init__(self) -> None:
        if self.angles not in ANGLES:
            raise ValueError(f"angles '{self.angles}' is unknown{did_you_mean(self.angles, ANGLES)}")

    @property
    def mother(self) -> str:
        """Name of the particle that is made."""
        return self.maker.hidden

    def describe(self) -> dict[str, Any]:
        """Everything needed to make it again."""
        return {"maker": self.maker.name, "angles": self.angles, "cascade": self.cascade, **asdict(self.maker)}
