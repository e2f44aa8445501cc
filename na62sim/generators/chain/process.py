"""A process: a decay descriptor with its masses (MeV), lifetimes (ns) and amplitudes.

The named processes of the package are declarations in `generators/processes/`; a user's own is
``Process("K+ -> pi+ (X -> mu+ mu-)", mass={"X": 250.0}, lifetime={"X": 0.1})``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from na62sim.core import particles
from na62sim.core.checks import mapping, number, whole_number
from na62sim.core.suggest import did_you_mean
from na62sim.generators.amplitudes.shapes import AMPLITUDES
from na62sim.generators.amplitudes.vertices import VERTICES
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.conservation import check_conserved
from na62sim.generators.chain.descriptor import Decay, leaves, names, parse, vertices, with_arrows, written
from na62sim.generators.chain.layout import Layout, find_layouts
from na62sim.generators.chain.matrix_element import Amplitude, MatrixElement, UserAmplitude, user_amplitude
from na62sim.generators.chain.undecayed import check_undecayed
from na62sim.sample.formats.record import EventRecord

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
    amplitude : amplitude per decaying particle, a name or a function of one's own (`matrix_element.UserAmplitude`); phase
        space where none is given
    name : short name, the descriptor if empty
    production : how the mother is made in the dump (`generators.dump.production`); a kaon of the beam if None
    violates : ``lepton`` or ``baryon``, where a vertex may violate that number; charge is always conserved
    stable : short-lived neutral particles that are left undecayed and are meant to be, e.g. ``{"pi0"}``
    unweighted : whether events of amplitudes of one's own are accepted or rejected, instead of weighted
    record : events of a generator to be played instead, see `from_file` and `from_arrays`

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
    amplitude: Mapping[str, str | Amplitude] = field(default_factory=dict)
    name: str = ""
    production: Any = None
    violates: Collection[str] = frozenset()
    stable: Collection[str] = frozenset()
    unweighted: bool = False
    record: EventRecord | None = None
    layouts: tuple[Layout, ...] = field(default=(), init=False, compare=False, repr=False)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        events: int | None = None,
        weight: str | None = None,
        numbers: str = "file",
        mass: Mapping[str, float] | None = None,
        lifetime: Mapping[str, float] | None = None,
        stable: Collection[str] = (),
    ) -> Process:
        """The events of a HepMC3 or Les Houches file as a process.

        A mother at rest is boosted and placed with the kaons of the beam; one that moves is in the laboratory (z from T10, as in
        the geometry). A decay that the file does not place is drawn: of the mother in the decay volume, of others with
        their lifetime. The number of an event carries its random numbers.

        Parameters
        ----------
        path : NAME.hepmc3, .hepmc or .lhe, packed in .gz or not
        events : how many to read; all by default
        weight : name of the weight to use; the first by default
        numbers : ``file``, or ``order`` to count the events from 0 (Les Houches files have no numbers)
        mass, lifetime : MeV and ns, of particles by name, or by code where they have none (``{"9000001": 0.1}``)
        stable : short-lived particles that are left undecayed and are meant to be

        Raises
        ------
        SampleError : a file that cannot be used, in one line
        """
        from na62sim.sample.formats.read import read_events

        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"path = {path!r}: it must be the name of a file of events")
        most = None if events is None else whole_number("events", events, 1, 10**12, "1 to 1e12")
        record = read_events(path, most, weight, numbers)
        return cls("", mass or {}, lifetime or {}, name=Path(path).name, stable=stable, record=record)

    @classmethod
    def from_arrays(
        cls,
        pdg: Any,
        px: Any,
        py: Any,
        pz: Any,
        energy: Any,
        *,
        parent: Any = None,
        status: Any = None,
        x: Any = None,
        y: Any = None,
        z: Any = None,
        time: Any = None,
        number: Any = None,
        weight: Any = None,
        mass: Mapping[str, float] | None = None,
        lifetime: Mapping[str, float] | None = None,
        stable: Collection[str] = (),
        name: str = "arrays",
    ) -> Process:
        """Events from arrays as a process, as `from_file` takes them from a file.

        Parameters
        ----------
        pdg, px, py, pz, energy : (n, k) arrays, or jagged ones of awkward: a row per event, MeV; ``pdg``, ``parent`` and
            ``status`` may be (k,) where all events have the same
        parent : place of the mother in the event, -1 for the first; the first particle is the mother of all by default
        status : 1 for what is left as it is; what is nobody's mother by default
        x, y, z, time : where each particle was made, mm and ns; NaN, or 0 in all four, where that is not known
        number, weight : (n,), the order and 1 by default
        mass, lifetime, stable : as in `from_file`

        Raises
        ------
        ValueError : arrays that do not fit each other, or events that cannot be used, in one line
        """
        from na62sim.sample.formats.arrays import record_of_arrays

        record = record_of_arrays(
            pdg,
            px,
            py,
            pz,
            energy,
            parent=parent,
            status=status,
            x=x,
            y=y,
            z=z,
            time=time,
            number=number,
            weight=weight,
        )
        return cls("", mass or {}, lifetime or {}, name=name, stable=stable, record=record)

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
        if self.record is not None:
            self._find_layouts(self.record)
            return
        own = {k: user_amplitude(k, v, self.unweighted) for k, v in self.amplitude.items() if not isinstance(v, str)}
        if self.unweighted and not own:
            raise ValueError("unweighted: it is for amplitudes of your own; there is none")
        object.__setattr__(self, "amplitude", {**self.amplitude, **own})
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

    def _find_layouts(self, record: EventRecord) -> None:
        """What is in the events; masses of hidden particles are those of the first."""
        if self.amplitude or self.production is not None or self.violates or self.unweighted:
            raise ValueError(f"{record.source}: events of a file are as they are: no amplitude, nothing to violate")
        for what, values in (("mass", self.mass), ("lifetime", self.lifetime)):
            for key, value in values.items():
                if not number(f"{what} of '{key}'", value) >= 0.0:
                    raise ValueError(f"{what} of '{key}' = {value:g}: it must be 0 or more")
        layouts = find_layouts(record, self.mass, self.lifetime, self.stable)
        object.__setattr__(self, "layouts", layouts)
        kinds = layouts[0].chain.particles
        hidden = {s.name: s.mass for s in kinds if particles.species_of_code(s.pdg) is None}
        object.__setattr__(self, "mass", {**hidden, **self.mass})
        object.__setattr__(self, "descriptor", written(self.tree))

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
            if isinstance(shape, str) and shape.partition("(")[0] not in known:
                raise ValueError(f"amplitude '{shape}' of '{key}' is unknown{did_you_mean(shape, known)}")
            if key not in decaying:
                raise ValueError(f"amplitude of '{key}': {key} is left undecayed in '{self.descriptor}'")

    @property
    def tree(self) -> Decay:
        """The parsed descriptor; of a file the decay of its first event."""
        return parse(self.descriptor) if self.record is None else _tree(self.layouts[0], 0)

    @property
    def short(self) -> str:
        """The name under which results are filed."""
        return self.name or self.descriptor

    @property
    def species(self) -> dict[str, particles.Species]:
        """Mass, lifetime, charge and code of every particle of the chain."""
        if self.record is not None:
            return {s.name: s for s in self.layouts[0].chain.particles}
        return {name: self._species(name) for name in names(self.tree)}

    @property
    def n_events(self) -> int | None:
        """How many events there are to be played; None where any number is generated."""
        return None if self.record is None else len(self.record)

    @property
    def phase_space(self) -> list[str]:
        """Particles that decay into three or more by phase space alone, without an amplitude."""
        if self.record is not None:
            return []
        flat = [
            vertex.name
            for vertex in vertices(self.tree)
            if len(vertex.daughters) > 2 and str(self.amplitude.get(vertex.name, "flat")).partition("(")[0] == "flat"
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
        about: dict[str, Any] = {
            "name": self.short,
            "descriptor": self.descriptor,
            "mass_MeV": dict(self.mass),
            "lifetime_ns": dict(self.lifetime),
            "amplitude": {name: str(amplitude) for name, amplitude in self.amplitude.items()},
            "phase_space": self.phase_space,
            "violates": sorted(self.violates),
            "stable": sorted(self.stable),
        }
        if any(isinstance(amplitude, UserAmplitude) for amplitude in self.amplitude.values()):
            chain = compile_chain(self.tree, self.species, self.amplitude)
            about["matrix_elements"] = [v.run.about for v in chain.samplers if isinstance(v.run, MatrixElement)]
        if self.record is not None:
            source, sha256 = self.record.source, self.record.sha256
            about["events_of"] = {"source": source, "sha256": sha256, "events": len(self.record)}
            about["kinds"] = len(self.layouts)
        if self.production is not None:
            about["production"] = self.production.describe()
        return about


def _tree(layout: Layout, slot: int) -> Decay:
    """The decay of a particle of a layout."""
    chain = layout.chain
    below = [k for k, above in enumerate(chain.parents) if above == slot]
    return Decay(chain.particles[slot].name, tuple(_tree(layout, k) for k in below))
