"""Transport of charged particles from their vertex through fields, material and apertures.

Two passes: all charged particles are carried to STRAW 1 (`reach`), where most are inside or outside at once; the
survivors go on plane by plane (`follow`), scattering in each material, decaying in flight with the kink, and, for
pions, being lost to a hadronic interaction with a probability per material. Electrons radiate photons in the
chambers (`radiation`), and photons convert there to pairs that go on (`conversion`). The result is a table of
crossings: where each track crossed each measuring plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from na62sim.detector.conversion import convert_photons, photon_slots
from na62sim.detector.follow import AT_STRAW1, T, empty_flown, follow
from na62sim.detector.planes import Flight, Planes
from na62sim.detector.reach import Charged, reach
from na62sim.field import FieldMap
from na62sim.generators.chain import Chain
from na62sim.generators.generate import Truth

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# attributes of `Crossings` with an entry per track
_ROWS = ("event", "slot", "first", "last", "x", "y", "u", "v", "pdg", "p", "ring_u", "ring_v", "time")


@dataclass(frozen=True, slots=True)
class Crossings:
    """Charged tracks that reached STRAW 1 (or began behind it), one row each, in event order.

    Attributes
    ----------
    event : (n,) index of the event in the chunk; slot : (n,) particle index in the event
    first, last : (n,) the measuring planes [first, last) were crossed
    x, y : (13, n) mm, at the planes of `planes.py`
    u, v : (4, n) direction cosines at the STRAW chambers
    pdg : (3, n) PDG code at STRAW 1, in the RICH and at the LKr (a decay in flight changes it)
    p : (3, n) momentum there, MeV/c
    ring_u, ring_v : (n,) direction cosines in the RICH
    time : (n,) ns, at STRAW 1; of a track that began behind it, less the flight of light from there
    lav_event, lav_station : charged particles absorbed in a lead-glass station
    secondary : (10, k) particles born on the way, of decays, radiation and conversions: event, parent slot, PDG code,
        px, py, pz, E, x, y, z, and
    secondary_time : (k,) ns
    secondary_name : (k,) the slot by which a charged one goes on (and is the parent of others); -1 and below for
        radiated photons
    converted : (photons, n) 1 for generated photons that converted
    """

    event: IntArray
    slot: IntArray
    first: IntArray
    last: IntArray
    x: FloatArray
    y: FloatArray
    u: FloatArray
    v: FloatArray
    pdg: IntArray
    p: FloatArray
    ring_u: FloatArray
    ring_v: FloatArray
    time: FloatArray
    lav_event: IntArray
    lav_station: IntArray
    secondary: FloatArray
    secondary_time: FloatArray
    secondary_name: IntArray
    converted: npt.NDArray[np.uint8]

    def take(self, wanted: npt.NDArray[np.bool_], place: IntArray) -> Crossings:
        """What belongs to wanted events; ``place`` is the new index of each event."""
        rows, lav = np.flatnonzero(wanted[self.event]), wanted[self.lav_event]
        parent = self.secondary[0].astype(np.int64)
        born = np.flatnonzero(wanted[parent])
        secondary = self.secondary.take(born, axis=1)
        secondary[0] = place[parent[born]]
        part = {name: getattr(self, name).take(rows, axis=-1) for name in _ROWS}
        return Crossings(
            **part | {"event": place[part["event"]]}, lav_event=place[self.lav_event[lav]],
            lav_station=self.lav_station[lav], secondary=secondary, secondary_time=self.secondary_time[born],
            secondary_name=self.secondary_name[born], converted=self.converted.compress(wanted, axis=1),
        )  # fmt: skip


def transport_charged(seed: int, truth: Truth, planes: Planes, flight: Flight, field: FieldMap) -> Crossings:
    """Carry all charged particles of a chunk to their last plane."""
    chain, n = truth.chain, len(truth.events)
    charged = _charged(chain, flight)
    cap = max(n * (len(charged.slot) + 2 * len(photon_slots(truth))), 1)
    state = np.empty((AT_STRAW1, cap))
    ids = np.empty((5, cap), dtype=np.int64)  # event, slot, pdg, charge, first plane
    lav = np.empty((2, cap), dtype=np.int64)
    secondary = np.empty((12, 4 * cap + 1024))
    counts = np.zeros(3, dtype=np.int64)  # rows, lav hits, secondaries
    reach(
        np.uint64(seed), truth.events, truth.p, truth.vertex, charged, planes, flight, field, state, ids, lav, secondary,
        counts,
    )  # fmt: skip
    reached = int(counts[0])
    converted = convert_photons(seed, truth, planes, flight, state, ids, secondary, counts)
    rows = int(counts[0])
    if rows > reached:  # two lists in event order become one
        order = np.argsort(ids[0, :rows], kind="stable")
        ids[:, :rows], state[:, :rows] = ids[:, order], state[:, order]
    out = empty_flown(rows)
    follow(np.uint64(seed), truth.events[ids[0, :rows]], planes, flight, field, state, ids, out, lav, secondary, counts)
    hits, born = int(counts[1]), int(counts[2])
    return Crossings(
        ids[0, :rows], ids[1, :rows], ids[4, :rows], out.last, out.x, out.y, out.u, out.v, out.pdg, out.p, out.ring[0],
        out.ring[1], state[T, :rows], lav[0, :hits], lav[1, :hits],
        np.ascontiguousarray(secondary[:10, :born]), secondary[10, :born], secondary[11, :born].astype(np.int64), converted,
    )  # fmt: skip


def _charged(chain: Chain, flight: Flight) -> Charged:
    """The charged particles of a process that do not decay at once."""
    slots = [k for k, s in enumerate(chain.particles) if s.charge and not chain.decays[k]]
    kinds = [chain.particles[k] for k in slots]
    ctau = {211: flight.pion_ctau, 13: flight.muon_ctau}
    return Charged(
        slot=np.array(slots, dtype=np.int64),
        pdg=np.array([s.pdg for s in kinds], dtype=np.int64),
        mass=np.array([s.mass for s in kinds], dtype=float),
        charge=np.array([s.charge for s in kinds], dtype=np.int64),
        vertex=np.array([chain.vertex[k] for k in slots], dtype=np.int64),
        ctau=np.array([ctau.get(abs(s.pdg), 0.0) for s in kinds], dtype=float),
    )
