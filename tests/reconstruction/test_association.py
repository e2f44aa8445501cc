"""Scintillator hits of one candidate, put there by hand: what is at the track, what is beside it, what is out of time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from na62sim.geometry import load_detector
from na62sim.reconstruction.arrays import reco_arrays
from na62sim.reconstruction.association import count_scintillators, count_showers
from na62sim.reconstruction.candidate_columns import ROWS, C

LIGHT = 299.792458  # mm/ns
KTAG = 2.5  # ns
TRACK = (300.0, -200.0)  # mm: where the track crosses
DETECTORS = ("newchod", "chod", "muv3", "hasc", "chanti")
plain = getattr(count_scintillators, "py_func", count_scintillators)
plain_showers = getattr(count_showers, "py_func", count_showers)


def counted(**hits: list[tuple[float, float, float]]) -> Any:
    """The columns for hits (x, y in mm from the track, ns from the arrival of light) by detector."""
    r = reco_arrays(load_detector("run1-2018-s2"))
    planes = {"newchod": r.newchod, "chod": r.chod, "muv3": r.muv3, "hasc": r.hasc, "chanti": 0.0}
    arrays: dict[str, Any] = {"ktag_time": np.array([KTAG], dtype=np.float32)}
    for name in DETECTORS:
        found = np.array(hits.get(name, []), dtype=float).reshape(-1, 3)
        arrays[f"{name}_offsets"] = np.array([0, len(found)])
        arrays[f"{name}_x"], arrays[f"{name}_y"] = found[:, 0] + TRACK[0], found[:, 1] + TRACK[1]
        arrays[f"{name}_time"] = found[:, 2] + KTAG + (planes[name] - r.z_gtk) / LIGHT
    out = np.zeros((ROWS, 1))
    for name in ("newchod", "chod", "muv3"):
        out[getattr(C, f"{name}_x"), 0], out[getattr(C, f"{name}_y"), 0] = TRACK
    plain(np.array([0]), SimpleNamespace(**arrays), r, out)
    return out[:, 0]


def test_newchod_hits_away_from_the_track_are_counted() -> None:
    """In time and more than three quarters of a tile away: further hits, which the selection vetoes."""
    r = reco_arrays(load_detector("run1-2018-s2"))
    tile = max(r.tile_x, r.tile_y)
    c = counted(newchod=[(0.0, 0.0, 0.0), (2.0 * tile, 0.0, 1.0), (0.0, -2.0 * tile, -1.0), (5.0 * tile, 0.0, 100.0)])
    assert (c[C.newchod_matched], c[C.newchod_extra]) == (1.0, 2.0)
    alone = counted(newchod=[(0.0, 0.0, 0.0)])
    assert (alone[C.newchod_matched], alone[C.newchod_extra]) == (1.0, 0.0)


@pytest.mark.parametrize("shift", [-100.0, 100.0])
def test_hits_out_of_time_do_not_count(shift: float) -> None:
    c = counted(**{name: [(0.0, 0.0, shift)] for name in ("newchod", "chod", "muv3", "hasc")})
    assert [c[k] for k in (C.newchod_matched, C.newchod_extra, C.chod_matched, C.muv3_matched, C.n_hasc)] == [0.0] * 5


def test_hits_in_time_at_the_track() -> None:
    c = counted(**{name: [(1.0, -1.0, 0.1)] for name in DETECTORS})
    assert [c[k] for k in (C.newchod_matched, C.chod_matched, C.muv3_matched, C.n_hasc, C.n_chanti)] == [1.0] * 5


def test_chod_and_muv3_hits_away_from_the_track_do_not_count() -> None:
    c = counted(chod=[(61.0, 0.0, 0.0)], muv3=[(500.0, 0.0, 0.0)])
    assert (c[C.chod_matched], c[C.muv3_matched]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("clusters", "counted"),
    [
        ([(1.0, 20e3)], 0),  # the track's own
        ([(1.0, 20e3), (30.0, 3.9e3)], 0),  # 1.2 of the momentum of 20 GeV/c in all
        ([(1.0, 20e3), (30.0, 4.1e3)], 1),
        ([(30.0, 4.1e3), (1.0, 20e3)], 1),  # in any order
        ([(1.0, 3e3), (70.0, 1.9e3)], 0),  # away from it 2 GeV are enough
        ([(1.0, 3e3), (70.0, 2.1e3)], 1),
    ],
)
def test_another_cluster_at_the_track(clusters: list[tuple[float, float]], counted: int) -> None:
    """Clusters in time at so many mm from the track, with so many MeV: those that are not the track's alone."""
    r = reco_arrays(load_detector("run1-2018-s2"))
    arrays: dict[str, Any] = {"ktag_time": np.array([KTAG], dtype=np.float32)}
    for name in ("lkr", "muv1", "muv2", "lav", "irc", "sac"):
        arrays[f"{name}_offsets"] = np.array([0, len(clusters) if name == "lkr" else 0])
    arrays["lkr_x"], arrays["lkr_energy"] = (
        np.array(column, dtype=np.float32) for column in zip(*clusters, strict=True)
    )
    arrays["lkr_y"] = np.zeros(len(clusters), dtype=np.float32)
    arrays["lkr_time"] = np.full(len(clusters), KTAG + (r.lkr - r.z_gtk) / LIGHT, dtype=np.float32)
    arrays["lkr_pion_like"] = np.ones(len(clusters), dtype=np.uint8)
    out = np.zeros((ROWS, 1))
    out[C.p] = 20e3
    plain_showers(np.array([0]), SimpleNamespace(**arrays), r, out)
    assert out[C.lkr_merged, 0] == counted
    assert out[C.lkr_matched, 0] == len(clusters)
