"""What makes the mother of a chain in the dump."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

from na62sim.core.suggest import did_you_mean
from na62sim.geometry.dump import Cascade, Dump

ANGLES = ("isotropic", "transverse")


class ClosedChannelError(ValueError):
    """A mass (MeV) at which a production or a decay is not possible, or not known, and why.

    Who raises it may not know what the particle is called: who does says so with `of`.
    """

    def __init__(self, mass: float, reason: str, particle: str = "") -> None:
        super().__init__(mass, reason, particle)

    def of(self, particle: str) -> ClosedChannelError:
        """The same for a particle of a name."""
        return ClosedChannelError(self.args[0], self.args[1], particle)

    def __str__(self) -> str:
        mass, reason, particle = self.args
        name = f"m_{parameter_name(particle)}" if particle else "mass"
        return f"{name} = {mass:g} MeV: {reason}"


def parameter_name(particle: str) -> str:
    """A particle's name as parameters spell it.

    Examples
    --------
    >>> parameter_name("A'")
    'Aprime'
    """
    return particle.replace("'", "prime")


class OtherFlux(NamedTuple):
    """A number of parents that is in use, too: what is drawn and the other in words, and the ratio of the other to it."""

    drawn: str
    other: str
    ratio: float


class Maker(Protocol):
    """A way in which protons make a hidden particle in the dump: a frozen dataclass, whose fields describe it.

    Attributes
    ----------
    name : in results
    largest_weight : bound of the weight that `draw` gives
    other_flux : another number of parents that is in use; None where there is one alone
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...
    @property
    def largest_weight(self) -> float: ...
    @property
    def other_flux(self) -> OtherFlux | None: ...

    def prepared(self, dump: Dump) -> Maker:
        """The same with what it takes from the geometry."""
        ...

    def check_open(self, mass: float) -> None:
        """Refuse a mass (MeV) that is not made.

        Raises
        ------
        ClosedChannelError : nothing makes such a mass
        """
        ...

    def branching_ratio(self, mass: float) -> float:
        """Branching ratio of what makes a mass (MeV), over the coupling squared; 1 where no single decay does."""
        ...

    def per_proton(self, mass: float, beam: float) -> float:
        """Hidden particles per interacting proton, over the coupling squared; mass and beam momentum in MeV."""
        ...

    def arrays(self, mass: float, beam: float) -> Any:
        """Tables for `draw`.

        Raises
        ------
        ClosedChannelError : nothing makes such a mass
        """
        ...

    def draw(self, seed: Any, events: Any, arrays: Any, second: float, made: Any) -> int:
        """Draw hidden particles made by protons along z; the number of events in which that failed.

        Parameters
        ----------
        events : (n,) event numbers
        arrays : as `arrays` returns them
        second : probability that the leading nucleon of a first collision made it
        made : (9, n) receives px, py, pz of the hidden particle; px, py, pz, E of its parent (MeV); the weight; the
            proton's momentum over that of the beam
        """
        ...

    def leading_nucleon(self, cascade: Cascade) -> float:
        """How many leading nucleons of a first collision can make the particle in a second one."""
        ...


@dataclass(frozen=True)
class MotherProduction:
    """Where the mother of a process comes from when it is not a kaon of the beam.

    Parameters
    ----------
    maker : bremsstrahlung, meson decays, B decays
    mother : name of the particle that is made
    angles : of the two leptons about the mother's flight direction in the frame of what made it: ``isotropic``, or
        ``transverse`` for a mother of helicity +-1; carried as a weight
    cascade : add the second collision of the leading nucleon
    """

    maker: Maker
    mother: str
    angles: str = "isotropic"
    cascade: bool = False

    def __post_init__(self) -> None:
        if self.angles not in ANGLES:
            raise ValueError(f"angles '{self.angles}' is unknown{did_you_mean(self.angles, ANGLES)}")

    def describe(self) -> dict[str, Any]:
        """Everything needed to make it again."""
        return {"maker": self.maker.name, "angles": self.angles, "cascade": self.cascade, **asdict(self.maker)}
