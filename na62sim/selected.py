"""A chunk as far as a selection looks at it: only what can be accepted is made.

An event without the number of tracks that a selection asks for cannot be selected. Where too few particles cross the
STRAW, they are carried no further, and no hits are made (`traceable`). Where too few tracks are found, neither is the
response of the detectors behind, nor are the candidates. Trigger words are made of accepted events alone. A response is
a pure function of the seed, the event and the particle, so that the counts are those of the full chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.assemble import candidate_table
from na62sim.detector.respond import respond_behind
from na62sim.detector.tracker import straw_hits
from na62sim.detector.transport import Crossings, transport_charged
from na62sim.detector.trigger import trigger_bits
from na62sim.generators.generate import Truth
from na62sim.pipeline import Simulation
from na62sim.selection.cutflow import CutFlow, Selection
from na62sim.table import Table

IntArray = npt.NDArray[np.int64]
_COPIED = 0.6  # share of the events below which those that are left are gathered


@dataclass(frozen=True)
class Selected:
    """What a selection sees of one range of events.

    Attributes
    ----------
    truth : of all events
    crossings : of all events as far as they can have the tracks that the selection asks for
    tracks : of the events with as many as the selection asks for
    table : candidates of the events with the number of tracks that the selection asks for
    event, weight, veto_weight : of each candidate; index of its event in the range
    flow : the cut-flow
    masks : trigger masks of each accepted candidate (rows ``flow.signal_rows`` of the table)
    """

    truth: Truth
    crossings: Crossings
    tracks: dict[str, Any]
    table: Table
    event: IntArray
    weight: npt.NDArray[np.float64]
    veto_weight: npt.NDArray[np.float64]
    flow: CutFlow
    masks: npt.NDArray[np.uint32]


def run_selected(simulation: Simulation, selection: Selection, first: int, n: int) -> Selected:
    """Events ``first`` to ``first + n - 1``, from the first random number to the cut-flow."""
    s = simulation
    truth = s.generator.generate(s.seed, first, n)
    least, most = selection.tracks
    crossings = transport_charged(s.seed, truth, s.planes, s.flight, s.field, least)
    hit = straw_hits(s.seed, truth, crossings, s.response.straw, least)
    tracks = s.reconstruction.tracks({"straw": hit}, least)
    number = np.bincount(tracks["event"], minlength=n)
    wanted = (number >= least) & (number <= most)
    seen, t, c, picked = _reduce(truth, crossings, tracks, wanted)
    hits, veto = respond_behind(s.seed, t, c, s.generator.beam, s.response, s.weighted)
    found = s.reconstruction.table(selection.candidates, len(t.events), hits, picked, least)
    local = found["event"]
    event, veto = seen[local], veto[local]
    table = candidate_table(n, found | {"event": event}, selection.candidates)
    weight = truth.weight[event] * veto
    flow = CutFlow(selection)
    flow.fill(table, weight, truth.weight)
    accepted = local[flow.signal_rows]
    masks = trigger_bits(s.seed, t.events, hits, picked, s.trigger, accepted)["masks"]
    flow.count_triggers(masks, list(s.detector.trigger.masks))
    return Selected(truth, crossings, tracks, table, event, weight, veto, flow, masks)


def _reduce(
    truth: Truth, crossings: Crossings, tracks: dict[str, Any], wanted: npt.NDArray[np.bool_]
) -> tuple[IntArray, Truth, Crossings, dict[str, Any]]:
    """Events, crossings and tracks of the wanted events, and which events they are.

    Where most are wanted, all events stay; crossings of the others then end before STRAW 1, and their tracks go.
    """
    n = len(wanted)
    if not wanted[tracks["event"]].all():
        rows = np.flatnonzero(wanted[tracks["event"]])
        tracks = {name: column[rows] for name, column in tracks.items()}
    seen = np.flatnonzero(wanted)
    if len(seen) >= _COPIED * n:
        last = np.where(wanted[crossings.event], crossings.last, 0)
        return np.arange(n), truth, replace(crossings, last=last), tracks
    place = np.cumsum(wanted) - 1
    return (
        seen,
        truth.take(seen),
        crossings.take(wanted, place),
        tracks | {"event": place[tracks["event"]]},
    )
