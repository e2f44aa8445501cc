"""One row per event with a STRAW track: vertex with the beam track, identification, vetoes, missing masses.

Everything is computed from hits and fitted tracks. Times are compared with the kaon's time at KTAG after
subtracting the flight at the speed of light from GTK3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.geometry.field import FieldMap
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.association import beam_side, calorimeters, counters, rings
from na62sim.reconstruction.candidate_columns import COLUMNS, OF_TRACKS, ROW, ROWS, ROWS_OF_TRACKS
from na62sim.reconstruction.extrapolation import track_side


def track_columns(tracks: dict[str, Any], reco: RecoArrays) -> dict[str, Any]:
    """What the tracks alone say of the candidates: event (index in the chunk) and the columns `OF_TRACKS`."""
    event = _candidate_events(tracks)
    out = np.empty((ROWS_OF_TRACKS, len(event)))
    track_side(tracks["event"], tracks["n_views"], _straw(tracks), reco, out)
    return {"event": event, **{name: out[k] for k, (name, _, _) in enumerate(OF_TRACKS)}}


def build_candidates(n: int, hits: Any, tracks: dict[str, Any], reco: RecoArrays, field: FieldMap) -> dict[str, Any]:
    """Candidates of a chunk of n events.

    Returns
    -------
    event (index in the chunk) and the columns of `COLUMNS` as float64, one row per event with a track
    """
    event = _candidate_events(tracks)
    out = np.zeros((ROWS, len(event)))
    track_side(tracks["event"], tracks["n_views"], _straw(tracks), reco, out)
    straw, time = _straw(tracks), hits["ktag"]["time"]
    rich, lkr, lav = hits["rich"], hits["lkr"], hits["lav"]
    beam_side(
        event, tracks["event"], straw, hits["ktag"]["n_sectors"], time, hits["gtk"]["offsets"],
        _stack(hits["gtk"], "x", "y", "dxdz", "dydz", "p", "time", "associated"), reco, field, out,
    )  # fmt: skip
    rings(
        event,
        out,
        rich["offsets"],
        _stack(rich, "radius", "x", "y", "n_hits", "pion_like"),
        straw,
        tracks["event"],
        reco,
    )
    counters(
        event, out, time, hits["newchod"]["offsets"], _stack(hits["newchod"], "x", "y", "time"), hits["chod"]["offsets"],
        _stack(hits["chod"], "x", "y", "time"), hits["muv3"]["offsets"], _stack(hits["muv3"], "x", "y", "time"),
        hits["hasc"]["offsets"], hits["hasc"]["time"], hits["chanti"]["offsets"], reco,
    )  # fmt: skip
    calorimeters(
        event, out, time, lkr["offsets"], _stack(lkr, "energy", "x", "y", "time", "pion_like"), hits["muv1"]["offsets"],
        hits["muv1"]["energy"], hits["muv2"]["energy"], lav["offsets"], lav["station"], lav["time"],
        hits["irc"]["offsets"], hits["irc"]["time"], hits["sac"]["offsets"], hits["sac"]["time"], reco,
    )  # fmt: skip
    return {"event": event, **{name: out[k] for k, (name, _, _) in zip(ROW, COLUMNS, strict=True)}}


def _candidate_events(tracks: dict[str, Any]) -> npt.NDArray[np.int64]:
    """Events with a track."""
    event = tracks["event"]
    return np.asarray(event[np.diff(event, prepend=-1) != 0])


def _straw(tracks: dict[str, Any]) -> npt.NDArray[np.float64]:
    return _stack(tracks, "x", "y", "u", "v", "k", "u_after", "v_after", "x_after", "y_after", "chi2")


def _stack(group: dict[str, Any], *names: str) -> npt.NDArray[np.float64]:
    """Columns of a group as rows of one array, so that a kernel takes one argument."""
    out = np.empty((len(names), len(group[names[0]])))
    for k, name in enumerate(names):
        out[k] = group[name]
    return out
