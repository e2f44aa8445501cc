"""A model of the beam dump: a declaration that every verb takes.

It names the hidden particle, says how it is made (productions with their yield per proton over the coupling squared), how
long it lives at a coupling, and how often it ends in each of the channels that a dump is read for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from na62sim.core.constants import LIGHT
from na62sim.core.particles import species
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.declaration import Declaration
from na62sim.generators.sources.production import ClosedChannelError, Maker, MotherProduction, parameter_name

__all__ = ["CHANNELS", "COMMON", "Channel", "DumpModel", "Production", "number", "switch"]


@dataclass(frozen=True)
class Channel:
    """A final state of two charged particles.

    Parameters
    ----------
    name : in options and results
    daughters : what the hidden particle decays to, the positive one first
    selection : its selection, and the block of the geometry with its windows, background and observation
    reference : mass (MeV) at which a run prints expected events cut by cut
    """

    name: str
    daughters: tuple[str, str]
    selection: str
    reference: float

    @property
    def threshold(self) -> float:
        """Smallest mass of the mother (MeV)."""
        return sum(species(name).mass for name in self.daughters)


CHANNELS = {
    channel.name: channel
    for channel in (
        Channel("mumu", ("mu+", "mu-"), "dimuon", 300.0),
        Channel("ee", ("e+", "e-"), "dielectron", 100.0),
        Channel("pipi", ("pi+", "pi-"), "dipion", 500.0),
        Channel("KK", ("K+", "K-"), "dikaon", 1100.0),
    )
}


@dataclass(frozen=True)
class Production:
    """A way in which the particle of a model is made.

    Parameters
    ----------
    make : the `Maker` of a mass (MeV), with the values of ``parameters`` as keywords
    words : in tables and figures
    parameters : name: (default, help)
    process : name of the process; ``MODEL-PRODUCTION`` if empty
    decay : what makes the particle, as ``B -> K(*)``, where it is a decay of one mother; then limits can be on its branching
        ratio
    yields : particles per interacting proton over the coupling squared at a mass (MeV), in place of what the maker says
    variations : of the parameters, for the uncertainty of the production: in words, and the values that change
    """

    make: Callable[..., Maker]
    words: str = ""
    parameters: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    process: str = ""
    decay: str = ""
    yields: Callable[[float], float] | None = None
    variations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def made(self, mass: float, parameters: Mapping[str, Any]) -> Maker:
        """The maker at a mass (MeV) with some parameters; the rest of them have their defaults."""
        own = {key: parameters.get(key, default) for key, (default, _) in self.parameters.items() if key not in COMMON}
        return self.make(mass, **own)


COMMON = {
    "angles": ("isotropic", "isotropic or transverse daughters"),
    "cascade": ("off", "on adds the second collision of the leading nucleon"),
}


@dataclass(frozen=True)
class DumpModel:
    """A hidden particle made in the dump.

    Parameters
    ----------
    name : of the model
    hidden : name of the particle
    productions : by name, in order; a `Maker` alone stands for a production without parameters
    branching_ratios : per channel of `CHANNELS` a function of the mass (MeV), 0 where it is closed
    ctau : mean proper decay length (mm) at a mass (MeV) and couplings; None for a lifetime that is free, with yields per
        product of the branching ratios of production and decay
    title : one line
    coupling : what it is called in options and results, ``eps`` or ``coupling``
    largest : largest coupling that makes sense
    masses : range (MeV) in which the functions hold
    grid : masses (MeV) of a scan that asks for none
    couplings : smallest and largest of a scan that asks for none
    reference : coupling at which a run prints expected events, in the middle of what a dump excludes
    axis : the coupling in words for figures, in the mathematics of matplotlib

    Raises
    ------
    ValueError, TypeError : an ingredient that is missing or has another form
    """

    name: str
    hidden: str
    productions: Mapping[str, Production | Maker]
    branching_ratios: Mapping[str, Callable[[float], float]]
    ctau: Callable[[float, Any], Any] | None = None
    title: str = ""
    coupling: str = "coupling"
    largest: float = 1.0
    masses: tuple[float, float] = (0.0, math.inf)
    grid: Sequence[float] = ()
    couplings: tuple[float, float] = (1e-8, 1e-3)
    reference: float = 1e-6
    axis: str = "Coupling"

    def __post_init__(self) -> None:
        what = f"dump model '{self.name}'"
        if not self.productions:
            raise ValueError(f"{what}: it has no productions")
        if not self.branching_ratios:
            raise ValueError(f"{what}: it has no branching_ratios (channels: {', '.join(CHANNELS)})")
        for name, ratio in self.branching_ratios.items():
            if name not in CHANNELS:
                raise ValueError(f"{what}: channel '{name}' is unknown{did_you_mean(name, CHANNELS)}")
            if not callable(ratio):
                raise TypeError(
                    f"{what}: branching ratio of {name} = {ratio!r}: it must be a function of the mass (MeV)"
                )
        if self.ctau is not None and not callable(self.ctau):
            raise TypeError(f"{what}: ctau = {self.ctau!r}: it must be a function of mass (MeV) and coupling")
        found = {}
        for name, given in self.productions.items():
            made = given if isinstance(given, Production) else _of_maker(what, name, given)
            found[name] = made
        object.__setattr__(self, "productions", found)

    def __reduce__(self) -> Any:  # functions of a file or a notebook do not travel; processes do
        raise TypeError(f"dump model '{self.name}' cannot be pickled: give its name or its file")

    @property
    def channels(self) -> list[str]:
        """Names of its channels."""
        return [name for name in CHANNELS if name in self.branching_ratios]

    def production(self, name: str) -> Production:
        """A production by name.

        Raises
        ------
        ValueError : unknown
        """
        if name not in self.productions:
            raise ValueError(f"production '{name}' is unknown{did_you_mean(name, self.productions)}")
        made = self.productions[name]
        assert isinstance(made, Production)
        return made

    def yields(self, production: str, mass: float) -> float | None:
        """Particles per interacting proton over the coupling squared at a mass (MeV); None where the maker says it."""
        own = self.production(production).yields
        return None if own is None else own(mass)

    def process_name(self, production: str) -> str:
        """Name of the process of a production."""
        return self.production(production).process or f"{self.name}-{production}"

    def words(self, production: str) -> str:
        """A production in words."""
        return self.production(production).words or production

    @property
    def mass_name(self) -> str:
        """The parameter that is the mass: ``m_Aprime``."""
        return f"m_{parameter_name(self.hidden)}"

    def check(self, mass: float, channel: str) -> float:
        """A mass (MeV) at which a channel is open and the functions of the model hold.

        Raises
        ------
        ValueError : a channel that the model has not
        ClosedChannelError : the mass is outside
        """
        if channel not in self.branching_ratios:
            raise ValueError(
                f"channel '{channel}' of {self.hidden} is unknown{did_you_mean(channel, self.branching_ratios)}"
            )
        (low, high), threshold = self.masses, CHANNELS[channel].threshold
        if not (threshold < mass <= high and mass >= low):
            beyond = f", and {self.name} is known up to {high:g} MeV" if math.isfinite(high) else ""
            least = max(low, threshold)
            raise ClosedChannelError(mass, f"{channel} needs a mass above {least:.6g} MeV{beyond}", self.hidden)
        return float(mass)

    def fraction(self, mass: float, channel: str) -> float:
        """Branching ratio of a channel at a mass (MeV).

        Raises
        ------
        ClosedChannelError : it is 0, or the mass is outside
        ValueError : it is no number from 0 to 1
        """
        found = float(self.branching_ratios[channel](self.check(mass, channel)))
        if not 0.0 <= found <= 1.0 + 1e-9:
            raise ValueError(
                f"branching ratio of {self.hidden} to {channel} = {found:g} at {mass:g} MeV: must be 0 to 1"
            )
        if found == 0.0:
            raise ClosedChannelError(mass, f"the branching ratio to {channel} is 0 there", self.hidden)
        return found

    def lengths(self, mass: float, couplings: Any) -> Any:
        """Mean proper decay lengths (mm) at couplings."""
        if self.ctau is None:
            raise ValueError(f"{self.name} has no coupling: its lifetime is free")
        return self.ctau(mass, couplings)

    def process(
        self, mass: float, channel: str = "", production: str = "", *, coupling: float | str | None = None,
        tau: float | None = None, **parameters: Any,
    ) -> Process:  # fmt: skip
        """The process of a production and channel.

        Parameters
        ----------
        mass : MeV
        channel, production : the first ones by default
        coupling : gives the lifetime where ``tau`` (ns) does not, ``reference`` by default; one sample serves every coupling
        parameters : of the production, and ``angles``, ``cascade``

        Raises
        ------
        ClosedChannelError : the channel or the production is closed at this mass
        ValueError : unknown names, numbers out of range
        """
        channel, production = channel or self.channels[0], production or next(iter(self.productions))
        made = self.production(production)
        self._known(production, parameters)
        mass = self.check(mass, channel)
        if tau is None:
            value = number(self.coupling, self.reference if coupling is None else coupling, high=self.largest)
            tau = float(self.lengths(mass, value)) / LIGHT
        common = {key: parameters.get(key, default) for key, (default, _) in COMMON.items()}
        maker = made.made(mass, parameters)
        plus, minus = CHANNELS[channel].daughters
        return Process(
            f"{self.hidden} -> {plus} {minus}",
            mass={self.hidden: mass},
            lifetime={self.hidden: tau},
            name=self.process_name(production),
            production=MotherProduction(maker, self.hidden, common["angles"], switch("cascade", common["cascade"])),
        )

    def _known(self, production: str, parameters: Mapping[str, Any]) -> None:
        """Refuse parameters that a production has not."""
        known = [*self.production(production).parameters, *COMMON]
        for key in parameters:
            if key not in known:
                raise ValueError(
                    f"parameter '{key}' of {self.process_name(production)} is unknown{did_you_mean(key, known)}"
                )

    def declarations(self) -> Iterator[Declaration]:
        """The named processes, one per production: parameters are the mass, the channel, the coupling (or the lifetime
        where it is free) and those of the production."""
        first = self.channels[0]
        tau_name = f"tau_{parameter_name(self.hidden)}"
        states = " or ".join(" ".join(CHANNELS[name].daughters) for name in self.channels)
        for name in self.productions:
            made = self.production(name)
            common: dict[str, tuple[Any, str]] = {
                self.mass_name: (self._example(first), f"mass of {self.hidden} (MeV)"),
                "channel": (first, " or ".join(self.channels)),
            }
            if self.ctau is None:
                common[tau_name] = (1.0, f"lifetime of {self.hidden} (ns)")
            else:
                common[self.coupling] = (self.reference, "coupling; only the lifetime of the sample depends on it")
            yield Declaration(
                self.process_name(name),
                f"{self.hidden} from {self.words(name)} in the dump, {self.hidden} -> {states}",
                self._maker_of(name, tau_name),
                {**common, **made.parameters},
            )

    def _example(self, channel: str) -> float:
        """A mass (MeV) at which a channel is open: its reference mass, if the model holds there."""
        low, high = max(self.masses[0], CHANNELS[channel].threshold), self.masses[1]
        reference = CHANNELS[channel].reference
        return reference if low < reference <= high else low * (1.0 + 1e-3)

    def _maker_of(self, production: str, tau_name: str) -> Callable[..., Process]:
        def make(**given: Any) -> Process:
            mass, channel = given.pop(self.mass_name), given.pop("channel")
            tau = given.pop(tau_name, None)
            if self.ctau is None and not (tau is not None and 0.0 < tau < math.inf):
                raise ValueError(f"{tau_name} = {tau:g} ns: it must be a finite number above 0")
            coupling = given.pop(self.coupling, None)
            process = self.process(mass, channel, production, coupling=coupling, tau=tau, **given)
            closed(process)
            return process

        return make


def closed(process: Process) -> None:
    """Refuse a process whose production is closed at its mass.

    Raises
    ------
    ClosedChannelError : it is
    """
    made: MotherProduction = process.production
    try:
        made.maker.check_open(process.mass[made.mother])
    except ClosedChannelError as error:
        raise error.of(made.mother) from None


def _of_maker(what: str, name: str, maker: Any) -> Production:
    """A production without parameters."""
    if not callable(getattr(maker, "draw", None)):
        raise TypeError(
            f"{what}: production '{name}' = {maker!r}: it must be a Production or a maker, as Bremsstrahlung()"
        )
    return Production(lambda mass: maker, words=maker.name)


def number(name: str, value: float | str, low: float = 0.0, high: float = math.inf) -> float:
    """A parameter that may come as a word from the command line.

    Raises
    ------
    ValueError : unless it is a number above ``low`` and up to ``high``
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = '{value}' is not a number") from None
    if not low < found <= high or math.isinf(found):
        limit = f" and at most {high:g}" if math.isfinite(high) else ""
        raise ValueError(f"{name} = {value}: it must be a finite number above {low:g}{limit}")
    return found


def switch(name: str, value: bool | str) -> bool:
    """A parameter that is on or off."""
    if value in (True, "on"):
        return True
    if value in (False, "off"):
        return False
    raise ValueError(f"{name} = '{value}': it must be on or off")
