"""Chunks of the pipeline as Tables of a sample, and Tables back as arrays for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.core.constants import KICK
from na62sim.core.kernel import kernel, step
from na62sim.detector.response.respond import Hits, offsets_of
from na62sim.detector.transport.crossings import Crossings
from na62sim.generators.chain.truth import Truth
from na62sim.reconstruction import candidate_columns as single
from na62sim.reconstruction import vertex_columns
from na62sim.sample.table import Column, Table
from na62sim.simulation.pipeline import Chunk
from na62sim.simulation.schema import JAGGED, SCHEMA

# what selections see: no row or one row per event
RECO_FIELDS = {
    "reco/events": tuple(Column(name, "float64", unit, text) for name, unit, text in single.COLUMNS),
    "reco/vertices": tuple(Column(name, "float64", unit, text) for name, unit, text in vertex_columns.COLUMNS),
}

_EVENTS = 512  # that are written down together, column by column, while they are in the cache


def sample_groups(chunk: Chunk) -> dict[str, Table]:
    """All groups of a sample file, from the truth to the trigger."""
    truth = chunk.truth
    gtk = truth.gtk
    groups = {
        "events": {"number": truth.events, "weight": truth.weight, "veto_weight": chunk.veto_weight},
        "truth": truth_columns(truth, chunk.crossings),
        "beam": {"x": gtk[0], "y": gtk[1], "dxdz": gtk[2], "dydz": gtk[3], "p": gtk[4]},
        "trigger": chunk.trigger,
        **{f"hits/{name}": columns for name, columns in chunk.hits.items()},
    }
    if truth.made is not None:
        groups["production"] = dict(zip(("x", "y", "z", "base"), truth.made, strict=True))
    if truth.rows is not None:
        groups["record"] = {"particles": np.full(len(truth.events), len(truth.chain.particles))}
    return {name: make_table(name, columns) for name, columns in groups.items()}


def in_order_of_events(parts: Sequence[dict[str, Table]], rows: Sequence[Any]) -> dict[str, Table]:
    """Groups of several kinds of events as one: ``rows[k]`` are the places of the events of part k."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate(rows))
    return {name: Table.concatenate([part[name] for part in parts]).take_events(order) for name in parts[0]}


def reco_groups(
    n: int, tracks: dict[str, Any], candidates: dict[str, Any], vertices: dict[str, Any]
) -> dict[str, Table]:
    """The groups that the reconstruction adds."""
    k = tracks["k"]
    columns = {
        **tracks,
        "p": KICK / np.abs(k),
        "charge": np.where(k > 0.0, 1, -1),
        "offsets": offsets_of(tracks["event"], n),
    }
    return {
        "reco/tracks": make_table("reco/tracks", columns),
        "reco/events": candidate_table(n, candidates),
        "reco/vertices": candidate_table(n, vertices, "reco/vertices"),
    }


def candidate_table(n: int, candidates: dict[str, Any], name: str = "reco/events") -> Table:
    """Rows of ``reco/events`` or ``reco/vertices`` as a jagged Table: no row or one row per event."""
    fields = RECO_FIELDS[name]
    columns = {field.name: candidates[field.name] for field in fields}
    return Table(fields, columns, offsets_of(candidates["event"], n))


def make_table(name: str, columns: dict[str, Any]) -> Table:
    """A group's Table, columns cast to the types that are written."""
    fields = SCHEMA[name]
    cast = {f.name: np.ascontiguousarray(columns[f.name], dtype=f.dtype) for f in fields}
    return Table(fields, cast, columns["offsets"] if name in JAGGED else None)


def of_events(columns: dict[str, Any], events: IntArray) -> dict[str, Any]:
    """Some events of a group of columns, with ``offsets`` unless it has one row per event."""
    if "offsets" not in columns:
        return {name: column[events] for name, column in columns.items()}
    starts, counts = columns["offsets"][events], np.diff(columns["offsets"])[events]
    offsets = np.concatenate(([0], np.cumsum(counts)))
    rows = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
    return {name: column[rows] for name, column in columns.items() if name != "offsets"} | {"offsets": offsets}


def hits_of(groups: Any) -> Hits:
    """Hits of a sample (or of a slice of one) as arrays for the reconstruction."""
    hits: Hits = {}
    for name, fields in SCHEMA.items():
        if name.startswith("hits/"):
            table = groups[name]
            columns = {f.name: table[f.name] for f in fields}
            if name in JAGGED:
                columns["offsets"] = table.offsets
            hits[name.removeprefix("hits/")] = columns
    return hits


def truth_columns(truth: Truth, crossings: Crossings) -> dict[str, Any]:
    """Generated particles, then those born on the way through the detector, event by event."""
    chain, n = truth.chain, len(truth.events)
    count = len(chain.particles)
    born = crossings.secondary
    event = born[0].astype(np.int64)
    offsets = np.arange(n + 1, dtype=np.int64) * count
    offsets[1:] += np.cumsum(np.bincount(event, minlength=n))
    rows = int(offsets[-1])
    code, mother = np.empty(rows, dtype=np.int32), np.empty(rows, dtype=np.int16)
    state = np.empty(rows, dtype=np.int8)
    momentum, place = np.empty((4, rows)), np.empty((4, rows), dtype=np.float32)
    status = np.array([4, *(2 if d else 1 for d in chain.decays[1:])], dtype=np.int8)
    _flatten(
        truth.p, truth.vertex, np.array([s.pdg for s in chain.particles], dtype=np.int32),
        np.array(chain.parents, dtype=np.int16), status, np.array(chain.vertex, dtype=np.int64), offsets,
        event, born, crossings.secondary_time, crossings.secondary_name, code, mother, state, momentum, place,
    )  # fmt: skip
    return {
        "pdg": code, "parent": mother, "status": state, "offsets": offsets,
        **dict(zip(("px", "py", "pz", "energy"), momentum, strict=True)),
        **dict(zip(("x", "y", "z", "time"), place, strict=True)),
    }  # fmt: skip


@kernel
def _flatten(
    p: Any, vertex: Any, pdg: Any, parent: Any, status: Any, origin: Any, offsets: Any, event: Any, born: Any, time: Any,
    name: Any, code: Any, mothers: Any, state: Any, momentum: Any, place: Any,
) -> None:  # fmt: skip
    for begin in range(0, offsets.size - 1, _EVENTS):
        first = offsets[begin : min(begin + _EVENTS, offsets.size - 1)]
        end = begin + first.size
        for k in range(pdg.size):
            _label(pdg[k], parent[k], status[k], first, k, code, mothers, state)
            for c in range(4):
                _spread(p[k, c, begin:end], first, k, momentum[c])
                _spread(vertex[origin[k], c, begin:end], first, k, place[c])
    b = 0
    while b < event.size:
        i, first_born = event[b], b
        start = offsets[i] + pdg.size
        while b < event.size and event[b] == i:
            row = start + b - first_born
            # the parent is a generated particle, or what an earlier decay or radiation left of it
            mother = np.int32(born[1, b])
            for r in range(first_born, b):
                if name[r] == born[1, b] and born[2, r] != 22:
                    mother = np.int32(start - offsets[i] + r - first_born)
            if b > first_born and born[2, b - 1] == 22:  # a photon and the electron that radiated it have one parent
                mother = np.int32(mothers[row - 1])
            code[row], mothers[row], state[row] = np.int32(born[2, b]), mother, 1
            state[offsets[i] + mother] = 2
            for c in range(4):
                momentum[c, row] = born[3 + c, b]
            for c in range(3):
                place[c, row] = born[7 + c, b]
            place[3, row] = time[b]
            b += 1


@step
def _spread(values: Any, first: Any, k: int, out: Any) -> None:
    """A number of particle k of every event to its row."""
    for i in range(first.size):
        out[first[i] + k] = values[i]


@step
def _label(pdg: int, parent: int, status: int, first: Any, k: int, code: Any, mothers: Any, state: Any) -> None:
    for i in range(first.size):
        row = first[i] + k
        code[row], mothers[row], state[row] = pdg, parent, status
