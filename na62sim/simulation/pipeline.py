"""Chunks through the stages: generate, transport, respond, trigger, reconstruct; threads side by side.

A chunk of events goes through all stages on one thread while its arrays are in the cache; kernels release the
GIL, so threads run chunks side by side, and results come back in order. A stage keeps nothing between events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.checks import number, whole_number
from na62sim.core.first_use import compile_first
from na62sim.detector.response.as_weights import DICE, AsWeights
from na62sim.detector.response.respond import Hits, build_response, matched_alone, respond
from na62sim.detector.transport.crossings import Crossings, transport_charged, with_survival
from na62sim.detector.transport.planes import build_flight, build_planes, lost_behind_straws
from na62sim.detector.transport.survival import SHARE
from na62sim.detector.trigger import trigger_arrays, trigger_bits
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.geometry import Detector
from na62sim.geometry.field import field_map
from na62sim.geometry.segments import segment_arrays
from na62sim.geometry.straw import straw_arrays
from na62sim.reconstruction.arrays import reco_arrays
from na62sim.reconstruction.candidates import beam_columns, build_candidates, track_columns
from na62sim.reconstruction.fit import fit_arrays
from na62sim.reconstruction.kaon_pion import kaon_pion
from na62sim.reconstruction.segments import count_segments
from na62sim.reconstruction.tracks import find_tracks
from na62sim.reconstruction.vertices import build_vertices, vertex_arrays

_FREED = 32_000_000  # bytes; the most that glibc heeds is 32 MiB


class Reconstruction:
    """Tracks, candidates and vertices from hits, with the detector the reconstruction believes in."""

    def __init__(self, detector: Detector) -> None:
        self.field = field_map(detector)
        self.straw = straw_arrays(detector)
        self.fit = fit_arrays(detector)
        self.reco = reco_arrays(detector)
        self.association = kaon_pion(detector)
        self.vertex = vertex_arrays(detector)
        self.segments = segment_arrays(detector)

    def tracks(self, hits: Hits, at_least: int = 0) -> dict[str, Any]:
        """STRAW tracks of a chunk, of the events with ``at_least`` so many."""
        return find_tracks(hits["straw"]["offsets"], hits["straw"], self.straw, self.fit, at_least)

    def with_segments(self, straw: dict[str, Any], tracks: dict[str, Any]) -> dict[str, Any]:
        """Tracks, with the segments of other particles beside each; all tracks of an event together."""
        return tracks | {"n_segments": count_segments(straw, tracks, self.segments)}

    def track_columns(self, tracks: dict[str, Any]) -> dict[str, Any]:
        """What the tracks alone say of the candidates, see `candidates.track_columns`."""
        return track_columns(tracks, self.reco)

    def candidates(self, n: int, hits: Hits, tracks: dict[str, Any]) -> dict[str, Any]:
        """One row per event with a track; segments are counted unless the tracks have them already."""
        if "n_segments" not in tracks:
            tracks = self.with_segments(hits["straw"], tracks)
        return build_candidates(n, hits, tracks, self.reco, self.association, self.field)

    def beam_columns(self, hits: Hits, tracks: dict[str, Any]) -> dict[str, Any]:
        """Of the candidates, the columns that the beam tracks have a part in."""
        return beam_columns(hits, tracks, self.reco, self.association, self.field)

    def vertices(self, n: int, hits: Hits, tracks: dict[str, Any], at_least: int = 0) -> dict[str, Any]:
        """One row per event with a vertex of two or more tracks, of ``at_least`` so many."""
        return build_vertices(n, hits, tracks, self.vertex, self.field, at_least)

    def table(self, name: str, n: int, hits: Hits, tracks: dict[str, Any], at_least: int = 0) -> dict[str, Any]:
        """The rows that a selection of the table ``name`` (``reco/events`` or ``reco/vertices``) sees."""
        if name == "reco/vertices":
            return self.vertices(n, hits, tracks, at_least)
        return self.candidates(n, hits, tracks)


@dataclass(frozen=True)
class Chunk:
    """What the stages made of one range of events."""

    truth: Truth
    crossings: Crossings
    hits: Hits
    veto_weight: Any
    tracks: dict[str, Any]
    trigger: dict[str, Any]


class Simulation:
    """A process in a detector, ready to make any range of events.

    Parameters
    ----------
    process, detector : what decays, and where
    seed : 0 to 2**64 - 1
    volume_m : decay volume (z1, z2) in metres; the data set's own by default
    intensity : instantaneous beam intensity in MHz; the data set's mean by default
    as_weights : what multiplies the weight of an event instead of being thrown, see `detector.response.as_weights`
    importance : the decays are drawn in the signal regions more often, with weights, see `generators.sources.importance`

    Raises
    ------
    ValueError : for a value outside its range
    """

    def __init__(
        self,
        process: Process,
        detector: Detector,
        seed: int = 1,
        *,
        volume_m: tuple[float, float] | None = None,
        intensity: float | None = None,
        as_weights: AsWeights = DICE,
        importance: bool = False,
    ) -> None:
        seed = whole_number("seed", seed, 0, 2**64 - 1, "0 to 2**64 - 1")
        self.process, self.detector, self.seed = process, detector, seed
        block = detector.decay_volume
        self.volume_m = (block.z_min_m, block.z_max_m) if volume_m is None else _volume(volume_m)
        self.as_weights, self.importance = as_weights, importance
        self.generator = Generator(process, detector, (self.volume_m[0] * m, self.volume_m[1] * m), importance)
        self.field = field_map(detector)
        self.planes, self.flight = build_planes(detector, as_weights.tails), build_flight()
        if as_weights.photons:  # conversions are in the weight
            self.planes = self.planes._replace(converted=np.zeros_like(self.planes.converted))
        self.response = build_response(detector, intensity, as_weights)
        if as_weights.charged:  # what interacts in a chamber is not seen as a track there, but its products are
            self.planes, survival = lost_behind_straws(self.planes)
            self.response = replace(self.response, flat=self.response.flat * survival)
        if importance:
            self.planes = self.planes._replace(share_lost=SHARE)
        if importance and as_weights.efficiencies:
            self.response = matched_alone(self.response)
        self.trigger = trigger_arrays(detector)
        self.reconstruction = Reconstruction(detector)

    @property
    def one_weight(self) -> bool:
        """Whether all that the response throws flat is in the weight, which is the same for every pion that is accepted."""
        return self.importance and self.as_weights.names() == ["efficiencies"] and not self.as_weights.tails

    def run(self, first: int, n: int) -> Chunk:
        """Events ``first`` to ``first + n - 1``, from the first random number to the trigger."""
        return self.see(self.generator.generate(self.seed, first, n))

    def see(self, truth: Truth) -> Chunk:
        """What the detectors see of generated events."""
        truth = with_survival(self.seed, truth, self.planes, self.flight)
        crossings = transport_charged(self.seed, truth, self.planes, self.flight, self.field)
        hits, weight = respond(self.seed, truth, crossings, self.generator.beam, self.response)
        tracks = self.reconstruction.tracks(hits)
        trigger = trigger_bits(self.seed, truth.events, hits, tracks, self.trigger)
        return Chunk(truth, crossings, hits, weight, tracks, trigger)


def _volume(given: Any) -> tuple[float, float]:
    """A decay volume as two numbers in metres, increasing."""
    try:
        first, last = (number("decay_volume_m", z) for z in given)
    except (TypeError, ValueError):
        first = last = 0.0
    if not first < last < math.inf:  # where they may lie depends on the detector
        raise ValueError(f"decay_volume_m = {given!r}: it must be two increasing numbers in metres, as in (105, 170)")
    return first, last


def warm_up(simulation: Simulation, table: str = "reco/events") -> None:
    """Compile (or load) every kernel of the chain up to a table on one thread, before threads start."""

    def chunk_of(events: int) -> None:
        for truth in simulation.generator.parts(simulation.seed, 0, events)[:1]:
            chunk = simulation.see(truth)
            simulation.reconstruction.table(table, len(truth.events), chunk.hits, chunk.tracks)

    compile_first(f"{simulation.process.short} {table}", lambda: chunk_of(0))
    # The C library gives freed memory back to the system, and takes it anew page by page, unless a block as large
    # has been freed before: this one keeps what the arrays of a chunk need.
    np.empty(_FREED, dtype=np.uint8)
    chunk_of(10)
