"""One row per event with a STRAW track: vertex with the beam track, identification, vetoes, missing masses.

Everything is computed from hits and fitted tracks. Times are compared with the kaon's time at KTAG after
subtracting the flight at the speed of light from GTK3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.geometry.field import FieldMap
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.association import (
    associate_beam,
    associate_ring,
    count_scintillators,
    count_showers,
    match_ring,
)
from na62sim.reconstruction.candidate_columns import COLUMNS, OF_BEAM, OF_TRACKS, ROWS, ROWS_OF_TRACKS, C
from na62sim.reconstruction.extrapolation import first_tracks
from na62sim.reconstruction.kaon_pion import KaonPion
from na62sim.reconstruction.multiplicity import count_coincidences
from na62sim.reconstruction.track_columns import WITHOUT_ERRORS
from na62sim.sample.hits import hit_arrays


def track_columns(tracks: dict[str, Any], reco: RecoArrays) -> dict[str, Any]:
    """What the tracks alone say of the candidates: event (index in the chunk) and the columns `OF_TRACKS`."""
    event = _candidate_events(tracks)
    out = np.empty((ROWS_OF_TRACKS, len(event)))
    first_tracks(tracks["event"], tracks["n_views"], _straw(tracks), reco, out)
    return {"event": event, **{name: out[getattr(C, name)] for name, _, _ in OF_TRACKS}}


def build_candidates(
    n: int, hits: Any, tracks: dict[str, Any], reco: RecoArrays, association: KaonPion, field: FieldMap
) -> dict[str, Any]:
    """Candidates of a chunk of n events.

    Parameters
    ----------
    tracks : with ``n_segments``, the segments away from each (`segments.count_segments`)

    Returns
    -------
    event (index in the chunk) and the columns of `COLUMNS` as float64, one row per event with a track
    """
    first, straw, arrays = _first_rows(tracks), _straw(tracks), hit_arrays(hits)
    event = tracks["event"][first]
    out = _room(len(event))
    first_tracks(tracks["event"], tracks["n_views"], straw, reco, out)
    out[C.n_segments] = tracks["n_segments"][first]
    match_ring(event, tracks["event"], straw, arrays, reco, out)
    associate_beam(event, tracks["event"], straw, arrays, reco, association, field, out)
    associate_ring(event, arrays, reco, out)
    count_scintillators(event, arrays, reco, out)
    count_showers(event, arrays, reco, out)
    count_coincidences(event, arrays, reco, out)
    return {"event": event, **{name: out[getattr(C, name)] for name, _, _ in COLUMNS}}


def beam_columns(
    hits: Any, tracks: dict[str, Any], reco: RecoArrays, association: KaonPion, field: FieldMap
) -> dict[str, Any]:
    """The columns `OF_BEAM` alone, of the same rows."""
    event, straw, arrays = _candidate_events(tracks), _straw(tracks), hit_arrays(hits)
    out = _room(len(event))
    first_tracks(tracks["event"], tracks["n_views"], straw, reco, out)
    match_ring(event, tracks["event"], straw, arrays, reco, out)
    associate_beam(event, tracks["event"], straw, arrays, reco, association, field, out)
    associate_ring(event, arrays, reco, out)
    return {name: out[getattr(C, name)] for name in OF_BEAM}


def _room(rows: int) -> FloatArray:
    """Room for all columns: those that hits are counted in begin with 0, `first_tracks` writes the others."""
    out = np.empty((ROWS, rows))
    out[ROWS_OF_TRACKS:] = 0.0
    return out


def _first_rows(tracks: dict[str, Any]) -> npt.NDArray[np.int64]:
    """The first track of every event with one."""
    event = tracks["event"]
    first = np.ones(len(event), dtype=np.bool_)
    np.not_equal(event[1:], event[:-1], out=first[1:])
    return np.flatnonzero(first)


def _candidate_events(tracks: dict[str, Any]) -> npt.NDArray[np.int64]:
    """Events with a track."""
    return np.asarray(tracks["event"][_first_rows(tracks)])


def _straw(tracks: dict[str, Any]) -> npt.NDArray[np.float64]:
    """Columns of the tracks as rows of one array, in the order of `track_columns.T`."""
    out = np.empty((len(WITHOUT_ERRORS), len(tracks["event"])))
    for row, name in zip(out, WITHOUT_ERRORS, strict=True):
        row[:] = tracks[name]
    return out
