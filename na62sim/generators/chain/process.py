"""A process: a decay descriptor with its masses (MeV), lifetimes (ns) and amplitudes.

The named processes of the package are declarations in `kaon.py` and `hidden.py`; a user's own is
``Process("K+ -> pi+ (X -> mu+ mu-)", mass={"X": 250.0}, lifetime={"X": 0.1})``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from na62sim.core import particles
from na62sim.generators.chain.descriptor import Decay, names, parse

MAX_PARTICLES = 24
LIGHT = 299.792458  # mm/ns


@dataclass(frozen=True)
class Process:
    """What decays, and how.

    Parameters
    ----------
    descriptor : e.g. ``"K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))"``
    mass : MeV, for the hidden particles of the descriptor
    lifetime : ns in the rest frame, 0 is prompt; hidden particles that decay are prompt by default
    amplitude : amplitude name per decaying particle; phase space where none is given
    name : short name, the descriptor if empty
    production : how the mother is made in the dump (`generators.dump.production`); a kaon of the beam if None

    Raises
    ------
    ValueError : unknown particle or amplitude, closed decay, mass or lifetime out of range

    Examples
    --------
    >>> Process("K+ -> pi+ pi0").short
    'K+ -> pi+ pi0'
    """

    descriptor: str
    mass: Mapping[str, float] = field(default_factory=dict)
    lifetime: Mapping[str, float] = field(default_factory=dict)
    amplitude: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    production: Any = None

    def __post_init__(self) -> None:
        from na62sim.generators.amplitudes.shapes import AMPLITUDES
        from na62sim.generators.amplitudes.vertices import VERTICES
        from na62sim.generators.chain.compile import compile_chain

        tree = self.tree
        found = names(tree)
        mother = "K+" if self.production is None else self.production.mother
        if tree.name != mother:
            made = "the particle of the beam" if self.production is None else "which the production makes"
            raise ValueError(f"process '{self.descriptor}': the mother must be {mother}, {made}")
        if len(found) > MAX_PARTICLES:
            raise ValueError(
                f"process '{self.descriptor}': {len(found)} particles, at most {MAX_PARTICLES} are allowed"
            )
        for what, values in (("mass", self.mass), ("lifetime", self.lifetime)):
            for key, value in values.items():
                if key not in found:
                    raise ValueError(f"{what} of '{key}': the decay '{self.descriptor}' has no such particle")
                if not math.isfinite(value) or value < 0.0:
                    raise ValueError(f"{what} of '{key}' = {value:g}: it must be a finite number, 0 or more")
        for key, shape in self.amplitude.items():
            if key not in found:
                raise ValueError(f"amplitude of '{key}': the decay '{self.descriptor}' has no such particle")
            known = [*AMPLITUDES, *VERTICES]
            if shape.partition("(")[0] not in known:
                raise ValueError(f"amplitude '{shape}' of '{key}' is unknown{did_you_mean(shape, known)}")
        compile_chain(tree, self.species, self.amplitude)

    @property
    def tree(self) -> Decay:
        """The parsed descriptor."""
        return parse(self.descriptor)

    @property
    def short(self) -> str:
        """The name under which results are filed."""
        return self.name or self.descriptor

    @property
    def species(self) -> dict[str, particles.Species]:
        """Mass, lifetime, charge and code of every particle of the chain."""
        return {name: self._species(name) for name in names(self.tree)}

    def _species(self, name: str) -> particles.Species:
        if particles.is_hidden(name):
            if name not in self.mass:
                particles.species(name)  # raises with the known names
            return particles.hidden_species(name, float(self.mass[name]), float(self.lifetime.get(name, 0.0)))
        known = particles.species(name)
        if name not in self.mass and name not in self.lifetime:
            return known
        return particles.Species(
            name,
            known.pdg,
            float(self.mass.get(name, known.mass)),
            float(self.lifetime.get(name, known.lifetime)),
            known.charge,
        )

    def describe(self) -> dict[str, Any]:
        """Everything needed to make the process again, for files and results."""
        return {
            "name": self.short,
            "descriptor": self.descriptor,
            "mass_MeV": dict(self.mass),
            "lifetime_ns": dict(self.lifetime),
            "amplitude": dict(self.amplitude),
            **({} if self.production is None else {"production": self.production.describe()}),
        }


@dataclass(frozen=True)
class Declaration:
    """A named process: its parameters with defaults and help, and the function that makes the Process."""

    name: str
    title: str
    make: Callable[..., Process]
    parameters: Mapping[str, tuple[Any, str]] = field(default_factory=dict)  # name: (default, help)
    branching: tuple[float, float, str] | None = None  # ratio of K+ decays, all factors in; its error; what it is


_REGISTRY: dict[str, Declaration] = {}


def declare(declaration: Declaration) -> None:
    """Add a named process to the registry."""
    _REGISTRY[declaration.name] = declaration


def registry() -> dict[str, Declaration]:
    """All named processes."""
    from na62sim.generators.processes import dump, hidden, kaon  # noqa: F401  (they declare when imported)

    return dict(_REGISTRY)


def did_you_mean(word: str, known: Any) -> str:
    """A hint for a mistyped name, or the list of what is allowed."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else f" (known: {', '.join(sorted(known))})"


def _lifetimes(process: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Decay lengths ``ctau_X`` (mm) as lifetimes ``tau_X`` (ns)."""
    found: dict[str, Any] = {}
    for key, value in parameters.items():
        name = key.removeprefix("c") if key.startswith("ctau_") else key
        if name in found:
            raise ValueError(f"parameters of {process}: the lifetime '{name}' is given twice")
        found[name] = value / LIGHT if name != key else value
    return found


def find_process(process: str | Process, **parameters: Any) -> Process:
    """A named process with its parameters (masses in MeV, lifetimes in ns, decay lengths in mm), or a Process as it is.

    Raises
    ------
    ValueError : unknown process or parameter, or a value outside its range
    """
    if isinstance(process, Process):
        if parameters:
            raise ValueError(f"parameters {', '.join(parameters)}: a Process object already has its own")
        return process
    known = registry()
    if process not in known:
        raise ValueError(f"process '{process}' is unknown{did_you_mean(process, known)}")
    declaration = known[process]
    parameters = _lifetimes(process, parameters)
    for key in parameters:
        if key not in declaration.parameters:
            allowed = list(declaration.parameters) or ["no parameters"]
            raise ValueError(f"parameter '{key}' of {process} is unknown{did_you_mean(key, allowed)}")
    return declaration.make(**{key: parameters.get(key, value[0]) for key, value in declaration.parameters.items()})
