"""A process: a decay descriptor with its masses (MeV), lifetimes (ns) and amplitudes.

The named processes of the package are declarations in `generators/processes/`; a user's own is
``Process("K+ -> pi+ (X -> mu+ mu-)", mass={"X": 250.0}, lifetime={"X": 0.1})``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from na62sim.core import particles
from na62sim.core.suggest import did_you_mean
from na62sim.generators.amplitudes.shapes import AMPLITUDES
from na62sim.generators.amplitudes.vertices import VERTICES
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.descriptor import Decay, names, parse

MAX_PARTICLES = 24


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
