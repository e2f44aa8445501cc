"""The events of a file as a source: placed in the laboratory, with the beam particle that each came from.

A mother at rest is boosted with a kaon of the beam and decays where that does; one that moves stays as it is. Where the file
does not place its decay, it is drawn in the decay volume, with the probability as a weight. Times are shifted so that the
mother passes GTK3 at 0, as in every sample.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.constants import KICK, LIGHT
from na62sim.core.kernel import kernel
from na62sim.core.rng import STREAM_BEAM, STREAM_RECORD, fill_draws, fill_uniforms
from na62sim.generators.chain.layout import Layout
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.kaon_beam import DICE, NORMALS, BeamArrays, beam_arrays, decay_kaons
from na62sim.geometry import Detector
from na62sim.geometry.field import FieldMap, field_map
from na62sim.sample.formats.record import EventRecord
from na62sim.sample.provenance import SampleError

__all__ = ["EventSource"]

_BLOCK = 512
_FORWARD = 0.9  # p_z / p of a mother that moves
_EDGE = 1.0  # mm by which a decay may lie outside of the volume: files hold rounded numbers


class EventSource:
    """Plays the events of a record.

    Parameters
    ----------
    process : with a record
    detector : beam and fields
    volume : (z1, z2) in mm, where the mother decays

    Raises
    ------
    ValueError : a mother at rest that is not the particle of the beam, or a decay outside of the volume
    """

    def __init__(self, process: Process, detector: Detector, volume: tuple[float, float]) -> None:
        assert process.record is not None
        self.record: EventRecord = process.record
        self.layouts, self.volume = process.layouts, volume
        self.chain = self.layouts[0].chain
        self.mother = self.chain.particles[0]
        self.field = field_map(detector)
        self.arrays = beam_arrays(detector, self.mother, volume)
        has_beam = detector.dump is None and self.mother.pdg == 321
        self.beam: BeamArrays | None = self.arrays if has_beam else None
        self.of_event = np.empty(len(self.record), dtype=np.int64)
        for k, layout in enumerate(self.layouts):
            self.of_event[layout.events] = k
            if layout.at_rest and not has_beam:
                raise SampleError(
                    f"{self.record.source}: {self.mother.name} is at rest, and only a K+ can be boosted with the kaon beam"
                    f" ({detector.name}); write its events as they are in the laboratory"
                )
            if layout.placed[0] < 0 and not layout.at_rest and detector.dump is not None:
                raise SampleError(
                    f"{self.record.source}: behind a dump the events must say where {self.mother.name} decays"
                )
            self._check_direction(layout)
            self._check_volume(layout)

    def _check_direction(self, layout: Layout) -> None:
        """Back to GTK3 goes only what comes from there."""
        if layout.at_rest:
            return
        p = self.record.p[:3, self.record.offsets[layout.events] + layout.rows[0]]
        share = p[2] / np.sqrt((p**2).sum(axis=0))
        if share.min() < _FORWARD:
            event = int(layout.events[np.argmin(share)])
            raise SampleError(
                f"{self.record.source}: event {event} (from 0): {self.mother.name} does not move along the beam:"
                f" p_z / p = {share.min():.3g}, at least {_FORWARD:g} is needed"
            )

    def _check_volume(self, layout: Layout) -> None:
        if layout.at_rest or layout.placed[0] < 0:
            return
        z = self._places(layout, layout.events, layout.placed[0])[2]
        low, high = self.volume
        outside = (z < low - _EDGE) | (z > high + _EDGE)
        if outside.any():
            event = int(layout.events[np.argmax(outside)])
            raise SampleError(
                f"{self.record.source}: event {event} (from 0) decays at z = {z[np.argmax(outside)] / m:.6g} m, outside of the"
                f" decay volume {low / m:g} to {high / m:g} m; --decay-volume Z0,Z1 (decay_volume_m) gives another one"
            )

    def numbers(self, places: IntArray) -> tuple[IntArray, IntArray]:
        """Entries of the record and event numbers of places in a run, which uses the record again at its end."""
        size = len(self.record)
        entries, again = places % size, places // size
        return entries, self.record.number[entries] + again * self.record.stride

    def parts(self, seed: int, first: int, n: int) -> list[Truth]:
        """Events ``first`` to ``first + n - 1`` of a run, one `Truth` per layout."""
        places = np.arange(first, first + n, dtype=np.int64)
        entries, numbers = self.numbers(places)
        kinds = self.of_event[entries]
        parts = []
        for k in np.unique(kinds):
            rows = np.flatnonzero(kinds == k)
            parts.append(self._play(seed, self.layouts[k], entries[rows], numbers[rows], rows))
        return parts

    def _play(self, seed: int, layout: Layout, entries: IntArray, numbers: IntArray, rows: IntArray) -> Truth:
        chain, n = layout.chain, len(entries)
        where = self.record.offsets[entries] + layout.rows[:, None]
        p = np.ascontiguousarray(np.moveaxis(self.record.p[:, where], 0, 1))
        vertex, gtk = np.empty((chain.n_vertices, 4, n)), np.empty((5, n))
        weight = self.record.weight[entries].copy()
        origin = None if layout.placed[0] < 0 else self._places(layout, entries, layout.placed[0])
        if layout.at_rest:
            mother, forced = np.empty((1, 4, n)), np.empty(n)
            _beam_kaons(np.uint64(seed), numbers, self.arrays, self.field, mother, vertex, gtk, forced)
            weight *= forced
            for k in range(1, len(p)):
                p[k] = _boosted(p[k], mother[0], self.arrays.mass)
            p[0] = mother[0]
        else:
            self._place(seed, layout, numbers, p[0], origin, vertex[0], gtk, weight)
        for v, k in enumerate(layout.placed):
            if v and k >= 0:
                shift = self._places(layout, entries, k) - (0.0 if origin is None else origin)
                shift[3] *= LIGHT
                shift = _boosted(shift, p[0], self.arrays.mass) if layout.at_rest else shift
                shift[3] /= LIGHT
                vertex[v] = vertex[0] + shift
        for slot, at, to, lifetime in layout.flights:
            u, raw = np.empty((4, n)), np.empty((4, n), dtype=np.uint64)
            fill_uniforms(np.uint64(seed), np.uint64(STREAM_RECORD), np.full(n, slot), numbers, raw, u)
            path = -lifetime * np.log1p(-u[0]) / chain.particles[slot].mass  # laboratory time per unit of energy
            vertex[to] = vertex[at] + p[slot] * path * np.array([[LIGHT], [LIGHT], [LIGHT], [1.0]])
        return Truth(chain, numbers, p, vertex, gtk, weight, rows=rows)

    def _places(self, layout: Layout, entries: IntArray, place: int) -> FloatArray:
        """Production vertices in the file, (4, n), of a particle by its place in the event."""
        return np.asarray(self.record.vertex[:, self.record.offsets[entries] + place])

    def _place(
        self, seed: int, layout: Layout, numbers: IntArray, p: FloatArray, origin: FloatArray | None, vertex: FloatArray,
        gtk: FloatArray, weight: FloatArray,
    ) -> None:  # fmt: skip
        """Where a mother that moves decays, and what it was at GTK3, by the field in between."""
        b, n = self.arrays, p.shape[1]
        momentum = np.sqrt((p[:3] ** 2).sum(axis=0))
        dice, normals = np.empty((DICE, n)), np.empty((NORMALS, n), dtype=np.float32)
        if origin is None:
            fill_draws(np.uint64(seed), STREAM_BEAM, np.zeros(n, dtype=np.int64), numbers, dice, normals)
            z = self._draw_z(dice[2], momentum, weight, layout.collides)
        else:
            z = origin[2]
        f, m1, h, n1 = (self._integral(row, z) for row in (0, 1, 4, 5))
        kick, dz = KICK * self.mother.charge / momentum, z - b.z0
        ax, ay = p[0] / momentum + kick * f, p[1] / momentum - kick * h
        az = np.sqrt(1.0 - ax * ax - ay * ay)
        gtk[2], gtk[3], gtk[4] = ax / az, ay / az, momentum
        dx, dy = gtk[2] * dz - kick * m1, gtk[3] * dz + kick * n1
        if origin is None:
            gtk[0], gtk[1] = _quantiles(b.x_table, dice[0]), _quantiles(b.y_table, dice[1])
            vertex[0], vertex[1] = gtk[0] + dx, gtk[1] + dy
        else:
            gtk[0], gtk[1] = origin[0] - dx, origin[1] - dy
            vertex[0], vertex[1] = origin[0], origin[1]
        vertex[2], vertex[3] = z, dz * p[3] / (az * momentum * LIGHT)

    def _draw_z(self, u: FloatArray, momentum: FloatArray, weight: FloatArray, collides: bool) -> FloatArray:
        """Decays of the mother in the volume by its lifetime, with their probability; collisions evenly."""
        b, tau = self.arrays, self.mother.lifetime
        if collides or not 0.0 < tau < math.inf:
            return np.asarray(b.z1 + u * (b.z2 - b.z1))
        length = momentum * LIGHT * tau / self.mother.mass
        span = -np.expm1(-(b.z2 - b.z1) / length)
        weight *= np.exp(-(b.z1 - b.z0) / length) * span
        return np.asarray(b.z1 - length * np.log1p(-u * span))

    def _integral(self, row: int, z: FloatArray) -> FloatArray:
        """A field integral from GTK3 to z, as `kaon_beam.decay_kaons` takes it from the table."""
        cell = (z - self.field.z0) / self.field.step
        k = np.clip(cell.astype(np.int64), 0, self.field.integrals.shape[1] - 2)
        values = self.field.integrals[row]
        return np.asarray(values[k] + (cell - k) * (values[k + 1] - values[k]))


def _quantiles(table: FloatArray, u: FloatArray) -> FloatArray:
    """Values of an inverse-CDF table at uniforms."""
    return np.asarray(np.interp(u, np.linspace(0.0, 1.0, len(table)), table))


def _boosted(q: FloatArray, p: FloatArray, mass: float) -> FloatArray:
    """Four-vectors (4, n) of the rest frame of p, seen in the frame of p: `core.kinematics.boost` for arrays."""
    pq = (p[:3] * q[:3]).sum(axis=0)
    k = (pq / (p[3] + mass) + q[3]) / mass
    return np.concatenate((q[:3] + k * p[:3], [(p[3] * q[3] + pq) / mass]))


@kernel
def _beam_kaons(
    seed: int, events: Any, beam: BeamArrays, field: FieldMap, p: Any, vertex: Any, gtk: Any, weight: Any
) -> None:
    """The kaons of the beam that these events get, where they decay: those that a generated process would have."""
    dice, g = np.empty((DICE, _BLOCK)), np.empty((NORMALS, _BLOCK), dtype=np.float32)
    group = np.zeros(_BLOCK, dtype=np.int64)
    for begin in range(0, events.size, _BLOCK):
        end = min(begin + _BLOCK, events.size)
        fill_draws(seed, STREAM_BEAM, group, events[begin:end], dice, g)
        decay_kaons(begin, end, beam, field, dice, g, p, vertex, gtk, weight)
