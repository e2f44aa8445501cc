"""The cuts of the dump's selections one by one: each rejects on its own, just outside what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from na62sim.detector.transport.crossings import transport_charged
from na62sim.detector.transport.planes import LKR, build_flight, build_planes
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.geometry.field import field_map
from na62sim.sample.table import Table
from na62sim.selection.dilepton import lkr_separation
from na62sim.selection.registry import find_selection
from na62sim.simulation.on_demand import run_selected
from na62sim.simulation.tables import RECO_FIELDS
from na62sim.study.dump.acceptance import Reconstructed

DETECTOR = load_detector("dump-2021")
STRAW = DETECTOR.straw
BOTH = {
    "n_vertex": 2, "n_tracks": 2, "p_min": 12e3, "r_max": STRAW.radius_mm - 1.0, "hole_clearance": STRAW.hole_half_size_mm + 1.0,
    "z": 130e3, "chi2": 1.0, **{f"{name}_{k}": 1 for name in ("newchod", "chod", "lkr") for k in (1, 2)},
}  # fmt: skip
GOOD = {
    "dimuon": {**BOTH, "eop_1": 0.01, "eop_2": 0.19, "muv3_1": 1, "muv3_2": 1},
    "dielectron": {**BOTH, "eop_1": 0.96, "eop_2": 1.04},
}
CUTS = [  # what is changed just inside, just outside, and a word of the cut that must fail
    ({}, {"n_vertex": 3, "n_tracks": 3}, "two STRAW tracks"),
    ({}, {"n_tracks": 3}, "two STRAW tracks"),
    ({"p_min": 10.01e3}, {"p_min": 9.99e3}, "p > 10"),
    ({}, {"r_max": STRAW.radius_mm + 1.0}, "STRAW acceptance"),
    ({}, {"hole_clearance": STRAW.hole_half_size_mm - 1.0}, "STRAW acceptance"),
    *(({}, {f"{name}_{k}": 0}, "NewCHOD, CHOD and LKr") for name in ("newchod", "chod", "lkr") for k in (1, 2)),
    ({"time_spread": 24.9}, {"time_spread": 25.1}, "within 25 ns"),
    ({"z": 105.01e3}, {"z": 104.99e3}, "vertex in"),
    ({"z": 179.99e3}, {"z": 180.01e3}, "vertex in"),
    ({"chi2": 24.9}, {"chi2": 25.1}, "chi2"),
    *(({}, {"n_lav": n}, "LAV") for n in (1, 2)),
    *(({}, {"n_irc_sac": n}, "IRC") for n in (1, 2)),
]
IDENTIFIED = [
    ("dimuon", {"eop_2": 0.21}, "E/p"),
    ("dimuon", {"eop_1": 0.21}, "E/p"),
    ("dielectron", {"eop_1": 0.94}, "E/p"),
    ("dielectron", {"eop_2": 1.06}, "E/p"),
    ("dimuon", {"muv3_1": 0}, "MUV3"),
    ("dimuon", {"muv3_2": 0}, "MUV3"),
    ("dielectron", {"muv3_1": 1}, "MUV3"),
    ("dielectron", {"muv3_2": 1}, "MUV3"),
]


def failed(name: str, **changed: float) -> str:
    """The first cut that one vertex fails, which passes but for what is changed; nothing if it passes."""
    fields = RECO_FIELDS["reco/vertices"]
    values = {f.name: np.zeros(1) for f in fields}
    for key, x in (GOOD[name] | changed).items():
        values[key][:] = x
    table = Table(fields, values, np.array([0, 1]))
    return next((cut.name for cut in find_selection(name, DETECTOR).cuts if not cut.function(table)[0]), "")


@pytest.mark.parametrize("name", ["dimuon", "dielectron"])
@pytest.mark.parametrize(("inside", "outside", "word"), CUTS)
def test_cuts(name: str, inside: dict[str, float], outside: dict[str, float], word: str) -> None:
    assert failed(name, **inside) == ""
    assert word in failed(name, **outside)


@pytest.mark.parametrize(("name", "outside", "word"), IDENTIFIED)
def test_identification(name: str, outside: dict[str, float], word: str) -> None:
    """Of both tracks."""
    assert word in failed(name, **outside)


def test_tracks_apart_at_the_lkr() -> None:
    """The distance from the fitted vertex and momenta is that of the particles at the LKr, fringe field and scattering included:
    for nine of ten pairs to 15 mm. A cut on it comes with the geometry's number, 0 being none."""
    chain = Reconstructed(find_process("aprime-brems", m_Aprime=300.0), DETECTOR, 3)
    part = run_selected(chain.simulation, replace(chain.selection, regions={}, signal=()), 0, 4000)
    c = transport_charged(3, part.truth, build_planes(DETECTOR), build_flight(), field_map(DETECTOR))
    kept = part.flow.signal_rows
    found = lkr_separation(part.table, DETECTOR)[kept]
    near = []
    for event, apart in zip(part.event[kept], found, strict=True):
        rows = np.flatnonzero((c.event == event) & ((c.slot == 1) | (c.slot == 2)))
        first, second = rows[:2]
        true = np.hypot(c.x[LKR, first] - c.x[LKR, second], c.y[LKR, first] - c.y[LKR, second])
        near.append(abs(apart - true))
    assert len(near) > 100 and np.quantile(near, 0.9) < 15.0
    cut = find_selection("dimuon", DETECTOR.with_values({"dimuon.lkr_separation_mm": 200.0})).cuts[-1]
    assert cut.name == "tracks > 200 mm apart at the LKr"
    assert np.array_equal(cut.function(part.table)[kept], found > 200.0)
    assert "LKr" not in find_selection("dimuon", DETECTOR).cuts[-1].name
