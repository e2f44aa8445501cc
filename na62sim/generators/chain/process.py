"""A process: a decay descriptor with its masses (MeV), lifetimes (ns) and amplitudes.

The named processes of the package are declarations in `generators/processes/`; a user's own is
``Process("K+ -> pi+ (X -> mu+ mu-)", mass={"X": 250.0}, lifetime={"X": 0.1})``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from na62sim.core import particles
from na62sim.core.checks import mapping, number
from na62sim.core.suggest import did_you_mean
from na62sim.generators.amplitudes.shapes import AMPLITUDES
from na62sim.generators.amplitudes.vertices import VERTICES
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.conservation import check_conserved
from na62sim.generators.chain.descriptor import Decay, leaves, names, parse, vertices, with_arrows
from na62sim.generators.chain.undecayed import check_undecayed

MAX_PARTICLES = 24


@dataclass(frozen=True)
class Process:
    """What decays, and how.

    Parameters
    ----------
    descriptor : e.g. ``"K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))"``
    mass : MeV, for the hidden particles of the descriptor, and for known ones whose mass enters here alone: those that
        decay in the descriptor, and neutral ones but photons
    lifetime : ns in the rest frame, 0 is prompt, for particles that decay in the descriptor; hidden ones are prompt by
        default
    amplitude : amplitude name per decaying particle; phase space where none is given
    name : short name, the descriptor if empty
    production : how the mother is made in the dump (`generators.dump.production`); a kaon of the beam if None
    violates : ``lepton`` or ``baryon``, where a vertex may violate that number; charge is always conserved
    stable : short-lived neutral particles that are left undecayed and are meant to be, e.g. ``{"pi0"}``

    Raises
    ------
    ValueError : unknown particle or amplitude, closed decay, a vertex that violates what it must conserve, a
        short-lived neutral particle left undecayed, mass or lifetime out of range or without effect
    TypeError : a descriptor that is no text, masses, lifetimes or amplitudes that are no mapping

    Examples
    --------
    >>> Process("K+ -> pi+ (pi0 -> gamma gamma)").short
    'K+ -> pi+ (pi0 -> gamma gamma)'
    """

    descriptor: str
    mass: Mapping[str, float] = field(default_factory=dict)
    lifetime: Mapping[str, float] = field(default_factory=dict)
    amplitude: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    production: Any = None
    violates: Collection[str] = frozenset()
    stable: Collection[str] = frozenset()

    def __post_init__(self) -> None:
        if not isinstance(self.descriptor, str):
            raise TypeError(f"descriptor = {self.descriptor!r}: it must be a decay, for example 'K+ -> pi+ X'")
        object.__setattr__(self, "descriptor", with_arrows(self.descriptor).strip())
        for name, example in (("mass", 100.0), ("lifetime", 0.1), ("amplitude", "flat")):
            mapping(name, getattr(self, name), f"{{'X': {example!r}}}")
        for name in ("violates", "stable"):
            value = getattr(self, name)
            if not isinstance(value, Collection):
                raise TypeError(f"{name} = {value!r}: it must be a name or a set of names")
            object.__setattr__(self, name, frozenset([value] if isinstance(value, str) else value))
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
        self._check_values(tree)
        self._check_amplitudes(tree)
        species = self.species
        check_conserved(tree, species, sorted(self.violates))
        compile_chain(tree, species, self.amplitude)
        check_undecayed(tree, sorted(self.stable))

    def _check_values(self, tree: Decay) -> None:
        """Masses and lifetimes are those of particles of the decay, in their range, and take effect everywhere."""
        for what, values in (("mass", self.mass), ("lifetime", self.lifetime)):
            for key, value in values.items():
                if key not in names(tree):
                    raise ValueError(f"{what} of '{key}': the decay '{self.descriptor}' has no such particle")
                unit = "MeV" if what == "mass" else "ns"
                found = number(f"{what} of '{key}'", value, f"a finite number in {unit}, 0 or more")
                if not (math.isfinite(found) and found >= 0.0):
                    raise ValueError(f"{what} of '{key}' = {value:g}: it must be a finite number, 0 or more")
                if self.production is None and key == tree.name:
                    raise ValueError(f"{what} of '{key}': the kaons of the beam keep their own")
                if not particles.is_hidden(key):
                    self._check_known(what, key, tree)
                if what == "lifetime" and key in leaves(tree):
                    raise ValueError(f"lifetime of '{key}': {key} is left undecayed in '{self.descriptor}'")

    def _check_known(self, what: str, key: str, tree: Decay) -> None:
        """A known particle keeps its own mass and lifetime wherever more than the decay here depends on them."""
        if key in leaves(tree) and (particles.species(key).charge or key == "gamma"):
            raise ValueError(f"{what} of '{key}': the detector sees {key} with its own, which cannot be changed")
        if what == "mass" and key in leaves(tree) and key.startswith("nu"):
            raise ValueError(f"mass of '{key}': neutrinos have none; write a heavy one as N")
        for vertex in vertices(tree):
            if what == "mass" and key in (vertex.name, *(d.name for d in vertex.daughters)):
                shape = self.amplitude.get(vertex.name, "flat")
                if shape != "flat":
                    raise ValueError(f"mass of '{key}': the amplitude '{shape}' of {vertex.name} is for its own mass")

    def _check_amplitudes(self, tree: Decay) -> None:
        decaying = {vertex.name for vertex in vertices(tree)}
        for key, shape in self.amplitude.items():
            if key not in names(tree):
                raise ValueError(f"amplitude of '{key}': the decay '{self.descriptor}' has no such particle")
            known = [*AMPLITUDES, *VERTICES]
            if not isinstance(shape, str):
                raise TypeError(f"amplitude of '{key}' = {shape!r}: it must be a name")
            if shape.partition("(")[0] not in known:
                raise ValueError(f"amplitude '{shape}' of '{key}' is unknown{did_you_mean(shape, known)}")
            if key not in decaying:
                raise ValueError(f"amplitude of '{key}': {key} is left undecayed in '{self.descriptor}'")

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

    @property
    def phase_space(self) -> list[str]:
        """Particles that decay into three or more by phase space alone, without an amplitude."""
        flat = [
            vertex.name
            for vertex in vertices(self.tree)
            if len(vertex.daughters) > 2 and self.amplitude.get(vertex.name, "flat").partition("(")[0] == "flat"
        ]
        return list(dict.fromkeys(flat))

    def _species(self, name: str) -> particles.Species:
        if particles.is_hidden(name):
            if name not in self.mass:
                particles.species(name)  # raises, and says how to give the mass
            default = 0.0 if any(name == vertex.name for vertex in vertices(self.tree)) else math.inf
            return particles.hidden_species(name, float(self.mass[name]), float(self.lifetime.get(name, default)))
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
        """Everything needed to make the process again, for files and results; and ``phase_space``."""
        return {
            "name": self.short,
            "descriptor": self.descriptor,
            "mass_MeV": dict(self.mass),
            "lifetime_ns": dict(self.lifetime),
            "amplitude": dict(self.amplitude),
            "phase_space": self.phase_space,
            "violates": sorted(self.violates),
            "stable": sorted(self.stable),
            **({} if self.production is None else {"production": self.production.describe()}),
        }
