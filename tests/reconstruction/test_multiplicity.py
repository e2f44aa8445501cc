"""Other charged particles behind the spectrometer: what makes a coincidence, and what is the track's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from na62sim.geometry import load_detector
from na62sim.reconstruction.arrays import reco_arrays
from na62sim.reconstruction.candidate_columns import ROWS, C
from na62sim.reconstruction.multiplicity import count_coincidences

LIGHT = 299.792458  # mm/ns
KTAG = -1.5  # ns
TRACK = (-250.0, 100.0)  # mm: where the track crosses
plain = getattr(count_coincidences, "py_func", count_coincidences)
Hit = tuple[float, float, float]
AWAY = (400.0, -300.0, 0.0)  # mm from the track, ns from the arrival of light


def counted(**hits: list[Hit]) -> Any:
    """The columns for hits by detector: x, y (mm) from the track, but for MUV0, and ns from the arrival of light."""
    r = reco_arrays(load_detector("run1-2018-s2"))
    planes = {"newchod": r.newchod, "chod": r.chod, "lkr": r.lkr, "muv0": 237_358.0}
    arrays: dict[str, Any] = {"ktag_time": np.array([KTAG], dtype=np.float32)}
    for name, z in planes.items():
        found = np.array(hits.get(name, []), dtype=float).reshape(-1, 3)
        arrays[f"{name}_offsets"] = np.array([0, len(found)])
        arrays[f"{name}_x"], arrays[f"{name}_y"] = found[:, 0] + TRACK[0], found[:, 1] + TRACK[1]
        arrays[f"{name}_time"] = found[:, 2] + KTAG + (z - r.z_gtk) / LIGHT
    out = np.zeros((ROWS, 1))
    for name in ("newchod", "chod", "lkr"):
        out[getattr(C, f"{name}_x"), 0], out[getattr(C, f"{name}_y"), 0] = TRACK
    plain(np.array([0]), SimpleNamespace(**arrays), r, out)
    return out[:, 0]


@pytest.mark.parametrize(
    ("one", "other", "dx", "dy", "found"),
    [
        ("chod", "lkr", 129.0, 0.0, True),
        ("chod", "lkr", 0.0, -131.0, False),
        ("chod", "lkr", 100.0, 100.0, False),  # a circle
        ("chod", "newchod", 249.0, 139.0, True),  # a rectangle
        ("chod", "newchod", 251.0, 0.0, False),
        ("chod", "newchod", 0.0, -141.0, False),
        ("newchod", "lkr", -249.0, 139.0, True),
        ("newchod", "lkr", -251.0, 0.0, False),
        ("newchod", "lkr", 0.0, 141.0, False),
    ],
)
def test_pairs_in_one_place(one: str, other: str, dx: float, dy: float, found: bool) -> None:
    """As in NA62's multiplicity rejection: 130 mm between CHOD and LKr, 250 x 140 mm for NewCHOD with either."""
    second = (AWAY[0] + dx, AWAY[1] + dy, 0.0)
    assert bool(counted(**{one: [AWAY], other: [second]})[C.n_coincidences] > 0) is found


@pytest.mark.parametrize("pair", [("chod", "lkr"), ("chod", "newchod"), ("newchod", "lkr")])
def test_both_hits_of_a_pair_are_in_time_and_away_from_the_track(pair: tuple[str, str]) -> None:
    for late in pair:
        for shift, found in ((14.9, True), (-14.9, True), (15.1, False)):
            hits = {name: [(AWAY[0], AWAY[1], shift if name == late else 0.0)] for name in pair}
            assert bool(counted(**hits)[C.n_coincidences] > 0) is found
    assert counted(**{name: [(30.0, 0.0, 0.0)] for name in pair})[C.n_coincidences] == 0
    for own in pair:  # one at the track
        assert counted(**{name: [(30.0, 0.0, 0.0) if name == own else (110.0, 0.0, 0.0)] for name in pair})[
            C.n_coincidences
        ] == (0.0)


def test_one_detector_alone_makes_no_pair() -> None:
    for name in ("chod", "newchod", "lkr"):
        assert counted(**{name: [AWAY, AWAY]})[C.n_coincidences] == 0


def test_chod_hits_beside_the_track() -> None:
    assert counted(chod=[(0.0, 0.0, 0.0)])[C.chod_extra] == 0
    assert counted(chod=[(0.0, 0.0, 0.0), AWAY, (70.0, 0.0, 6.9), (70.0, 0.0, 7.1)])[C.chod_extra] == 2


@pytest.mark.parametrize(("early", "found"), [(7.9, True), (8.1, False), (-9.9, True), (-10.1, False)])
def test_muv0_window(early: float, found: bool) -> None:
    """The track's time minus the hit's is between -10 and 8 ns."""
    assert bool(counted(muv0=[(0.0, 0.0, -early)])[C.n_muv0] > 0) is found
