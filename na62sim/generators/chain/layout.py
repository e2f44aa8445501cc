"""Layouts of a file of events: events with the same particles in the same order are played together.

A layout is what a compiled chain is for a process: the particles, their mothers and vertices. It keeps of a file what a detector
can see or a table of truth should name: the mother, what is left at the end, and what decays on the way. Partons, strings,
copies of a particle and targets are passed over; what comes from them belongs to the nearest particle that is kept.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.core.constants import LIGHT
from na62sim.core.particles import HIDDEN, Species, species_of_code
from na62sim.generators.chain.compile import Chain
from na62sim.generators.chain.steps import ChainArrays
from na62sim.sample.formats.record import EventRecord, invariant_mass
from na62sim.sample.provenance import SampleError

__all__ = ["MOST_SLOTS", "Flight", "Layout", "find_layouts"]

MOST_SLOTS = (
    64  # of particles; electrons of converted photons have the slots above, see `detector.transport.conversion`
)
_SHORT = 1000.0  # mm of c tau, below which what is left undecayed must be meant to be
_REST = 1e-6  # momentum over energy below which a mother is at rest
_HIDDEN_CODES = {code: name for name, code in HIDDEN.items()}


class Flight(NamedTuple):
    """A particle whose decay the file does not place: slot, vertices from and to, lifetime (ns)."""

    slot: int
    origin: int
    to: int
    lifetime: float


@dataclass(frozen=True)
class Layout:
    """Events of a file that have the same particles.

    Attributes
    ----------
    chain : particles, mothers and vertices; no steps
    rows : (particles,) their places in the event
    events : entries of the file
    at_rest : whether the mother is at rest
    collides : whether it collides with something, instead of decaying
    placed : per vertex, the place in the event of the particle whose production vertex it is; -1 where the file does not say
    flights : decays that are drawn instead
    """

    chain: Chain
    rows: IntArray
    events: IntArray
    at_rest: bool
    collides: bool
    placed: tuple[int, ...]
    flights: tuple[Flight, ...]


def find_layouts(
    record: EventRecord, mass: Mapping[str, float], lifetime: Mapping[str, float], stable: Collection[str]
) -> tuple[Layout, ...]:
    """Sort the events of a record by what is in them.

    Parameters
    ----------
    mass, lifetime : MeV and ns of particles by name, or by code (``"9000001"``) where they have none
    stable : short-lived particles that are left undecayed and are meant to be

    Raises
    ------
    SampleError : a particle that is not known, or an event that has no mother, in one line
    """
    lacking = ~np.isfinite(record.vertex).all(axis=0)
    facts = np.ascontiguousarray(np.stack((record.pdg, record.parent, record.final, lacking), axis=1).astype(np.int64))
    blob, offsets = memoryview(facts.tobytes()), record.offsets.tolist()
    found: dict[bytes, list[int]] = {}
    for event, (a, b) in enumerate(pairwise(offsets)):
        found.setdefault(bytes(blob[32 * a : 32 * b]), []).append(event)
    known = _Known(record.source, mass, lifetime, frozenset(stable))
    layouts = []
    for entries in found.values():
        layouts += _Builder(record, known, np.array(entries)).layouts()
    mothers = {layout.chain.particles[0].name for layout in layouts}
    if len(mothers) > 1:
        raise SampleError(f"{record.source}: its events have different mothers: {', '.join(sorted(mothers))}")
    known.check_used()
    return tuple(layouts)


def is_internal(pdg: int) -> bool:
    """Whether a code is of what a generator has on the way: partons, diquarks, strings, clusters."""
    code = abs(pdg)
    return code <= 10 or code in (21, 110, 990) or 80 < code <= 100 or (1000 < code < 10000 and (code // 10) % 10 == 0)


class _Known:
    """Particles by code: those of the package, and what the user says of others."""

    def __init__(
        self, source: str, mass: Mapping[str, float], lifetime: Mapping[str, float], stable: frozenset[str]
    ) -> None:
        self.source, self.mass, self.lifetime, self.stable = source, mass, lifetime, stable
        self.used: set[str] = set()

    def find(self, pdg: int, mass: float, event: int, decays: bool, placed: bool) -> Species:
        """The particle of a code; ``mass`` is what the file gives it, ``placed`` whether it says where it decays."""
        table = species_of_code(pdg)
        name = table.name if table is not None else _HIDDEN_CODES.get(pdg, str(pdg))
        self.used.add(name)
        if table is not None:
            if decays:
                lifetime = float(self.lifetime.get(name, table.lifetime))
                return Species(name, pdg, float(self.mass.get(name, table.mass)), lifetime, table.charge)
            short = table.lifetime * LIGHT < _SHORT
            for what, values in (("mass", self.mass), ("lifetime", self.lifetime)):
                if name in values:
                    raise self._error(event, f"{what} of '{name}': {name} is left undecayed and keeps its own")
            if is_internal(pdg) or (short and name not in self.stable):
                raise self._error(
                    event, f"{name} ({pdg}) is left undecayed; let the generator decay it{_stable(name, short)}"
                )
            return table
        self._check_charge(pdg, name, event)
        if name not in self.lifetime and pdg not in _HIDDEN_CODES and not (decays and placed):
            raise self._error(
                event, f"code {pdg} is unknown; give its lifetime in ns, lifetime={{'{pdg}': …}} (-p tau_{pdg}=0.1ns;"
                f" inf if it is stable), and with mass={{'{pdg}': …}} (-p m_{pdg}=100MeV) its mass where the file has another",
            )  # fmt: skip
        given = self.lifetime.get(name, 0.0 if decays else math.inf)
        if not decays and math.isfinite(given):
            raise self._error(
                event, f"{name} is left undecayed: a lifetime of {given:g} ns has no effect; inf is stable"
            )
        return Species(name, pdg, float(self.mass.get(name, mass)), float(given), 0)

    def _check_charge(self, pdg: int, name: str, event: int) -> None:
        from particle import PDGID

        code = PDGID(pdg)
        if code.is_valid and code.charge and float(code.charge).is_integer():
            raise self._error(event, f"code {pdg} is unknown and has a charge; the detector carries none of that kind")

    def _error(self, event: int, what: str) -> SampleError:
        return SampleError(f"{self.source}: event {event} (from 0): {what}")

    def check_used(self) -> None:
        """What the user says must be about a particle of the file."""
        for what, names in (("mass", self.mass), ("lifetime", self.lifetime), ("stable", self.stable)):
            for name in sorted(names):
                if name not in self.used:
                    listed = ", ".join(sorted(self.used))
                    raise SampleError(
                        f"{self.source}: {what} of '{name}': no particle of that name in it, but {listed}"
                    )


def _stable(name: str, short: bool) -> str:
    return f", or say that it is meant: stable={{'{name}'}} (--stable {name})" if short else ""


class _Builder:
    """What the events of one pattern have in common."""

    def __init__(self, record: EventRecord, known: _Known, events: IntArray) -> None:
        self.record, self.known, self.events, self.first = record, known, events, int(events[0])
        a, b = record.offsets[self.first], record.offsets[self.first + 1]
        self.pdg, self.final = record.pdg[a:b].tolist(), record.final[a:b].tolist()
        self.parent: list[int] = record.parent[a:b].tolist()
        self.lacking: list[bool] = (~np.isfinite(record.vertex[:, a:b]).all(axis=0)).tolist()
        self.children: list[list[int]] = [[] for _ in self.pdg]
        self.collides = False
        mothers = set(self.parent)
        for place, mother in enumerate(self.parent):
            if mother >= 0 and (self.final[place] or place in mothers):  # else it only documents
                self.children[mother].append(place)

    def layouts(self) -> list[Layout]:
        """One layout, or two if the mother is at rest in some of the events and moves in others."""
        mother = self._mother()
        self._check_no_circle()
        kept = self._kept(mother)
        p = self.record.p[:, self.record.offsets[self.events] + mother]
        rest = np.sqrt((p[:3] ** 2).sum(axis=0)) <= _REST * np.abs(p[3])
        return [
            self._layout(kept, events, at_rest)
            for at_rest, events in ((True, self.events[rest]), (False, self.events[~rest]))
            if len(events)
        ]

    def _error(self, what: str) -> SampleError:
        return SampleError(f"{self.record.source}: event {self.first} (from 0) {what}")

    def _mother(self) -> int:
        """The particle that decays or collides: without a mother, not left as it is; of several the fastest."""
        roots = [place for place, mother in enumerate(self.parent) if mother < 0 and not self.final[place]]
        if not roots:
            raise self._error("has no mother: a particle that comes from none and decays")
        self.collides = len(roots) > 1
        p = self.record.p[:3, self.record.offsets[self.first] + np.array(roots)]
        return roots[int(np.argmax((p**2).sum(axis=0)))]

    def _check_no_circle(self) -> None:
        for place in range(len(self.pdg)):
            above, steps = self.parent[place], 0
            while above >= 0:
                above, steps = self.parent[above], steps + 1
                if steps > len(self.pdg):
                    raise self._error("has a particle that is its own ancestor")

    def _kept(self, mother: int) -> list[int]:
        """Places of the particles that are kept, each behind its mother."""
        kept = [mother]
        for place, code in enumerate(self.pdg):
            below = self.children[place]
            if place == mother or (not self.final[place] and not below):
                continue
            copied = len(below) == 1 and self.pdg[below[0]] == code
            target = self.parent[place] < 0 and not self.final[place]
            copy = self.pdg[place] == self.pdg[mother] and bool(below) and len(self.children[mother]) == 1
            if below and (copied or target or copy or is_internal(code)):
                continue
            kept.append(place)
        if len(kept) == 1:
            raise self._error("has no particle behind its mother")
        if len(kept) > MOST_SLOTS:
            raise self._error(f"has {len(kept)} particles; at most {MOST_SLOTS} can be simulated")
        parents = self._parents(kept)
        if any(parents[k] > k for k in range(len(kept))):
            depth = [0] * len(kept)
            for k in range(len(kept)):
                above = parents[k]
                while above >= 0:
                    depth[k], above = depth[k] + 1, parents[above]
            kept = [place for _, place in sorted(zip(depth, kept, strict=True), key=lambda pair: pair[0])]
        return kept

    def _parents(self, kept: Sequence[int]) -> list[int]:
        """Slot of the nearest ancestor that is kept; the mother (slot 0) of what comes from elsewhere."""
        slot = {place: k for k, place in enumerate(kept)}
        found = [-1]
        for place in kept[1:]:
            above = self.parent[place]
            while above >= 0 and above not in slot:
                above = self.parent[above]
            found.append(slot.get(above, 0))
        return found

    def _layout(self, kept: list[int], events: IntArray, at_rest: bool) -> Layout:
        parents = self._parents(kept)
        daughters: list[list[int]] = [[] for _ in kept]
        for k, above in enumerate(parents):
            if above >= 0:
                daughters[above].append(k)
        rows = np.array(kept)
        masses = self._masses(rows, events)
        particles: list[Species] = []
        vertex, placed, flights, out = [0] * len(kept), [-1], [], [0] * len(kept)
        for k, place in enumerate(kept):
            if k:
                vertex[k] = out[parents[k]]
            below = [j for j in daughters[k] if not self.lacking[kept[j]]]
            species = self.known.find(self.pdg[place], masses[k], self.first, bool(daughters[k]), bool(below))
            particles.append(species)
            out[k] = vertex[k]
            if k == 0:
                placed[0] = kept[below[0]] if below else -1
            elif below or (daughters[k] and 0.0 < species.lifetime < math.inf):
                out[k] = len(placed)
                placed.append(kept[below[0]] if below else -1)
                if not below:
                    flights.append(Flight(k, vertex[k], out[k], species.lifetime))
        decays = tuple(bool(below) for below in daughters)
        chain = Chain(
            _no_steps([s.mass for s in particles]), tuple(particles), tuple(parents), decays, tuple(vertex), len(kept),
            len(placed), 0, 0,
        )  # fmt: skip
        return Layout(chain, rows, events, at_rest, self.collides, tuple(placed), tuple(flights))

    def _masses(self, rows: IntArray, events: IntArray) -> list[float]:
        """What the file says of the masses: its column, or the four-momenta."""
        where = self.record.offsets[events][:, None] + rows
        given = self.record.mass[where].mean(axis=0)
        if np.all(np.isfinite(given) & (given >= 0.0)):
            return [float(mass) for mass in given]
        return [float(invariant_mass(self.record.p[:, where[:, k]]).mean()) for k in range(len(rows))]


def _no_steps(masses: Sequence[float]) -> ChainArrays:
    """Arrays of a chain in which nothing is left to draw."""
    none: dict[str, Any] = dict.fromkeys(ChainArrays._fields, np.empty(0, dtype=np.int64))
    floats = {name: np.empty(0) for name in ("flat", "flight_lifetime", "flight_span")}
    shaped = {"tables": np.empty((0, 0)), "volumes": np.empty((0, 0, 0)), "mass": np.array(masses)}
    return ChainArrays(**{**none, **floats, **shaped})
