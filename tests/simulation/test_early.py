"""Events dropped early: what is accepted, and every count behind the last cut that asks for a draw, stays the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import na62sim as na
from na62sim.detector.response.as_weights import as_weights
from na62sim.detector.response.straw_acceptance import rows_of_enough
from na62sim.detector.transport.crossings import to_straw4
from na62sim.detector.transport.early import Early
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.report.flow import flow_report
from na62sim.report.text import as_text
from na62sim.selection.cut import THROWN, Cut, Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import SELECTIONS, find_selection
from na62sim.simulation import on_demand
from na62sim.simulation.on_demand import EVERY, FIRST_RUNS, SelectedChunk, asked_early, is_followed, run_selected
from na62sim.simulation.pipeline import Simulation

D = load_detector("run1-2018-s2")
FIRST = 1000 * FIRST_RUNS + 1000  # the first event that may be dropped
SINGLE = ["pinunu", "k2pi", "kpix"]


def accepted(chunk: SelectedChunk) -> list[tuple[int, float]]:
    """Number and weight of what is accepted."""
    rows = chunk.flow.signal_rows
    return list(zip(chunk.truth.events[chunk.event[rows]].tolist(), chunk.flow.signal_weight.tolist(), strict=True))


def behind(flow: CutFlow) -> Any:
    """All that does not depend on what is dropped."""
    data = flow.to_dict()
    return {**data, "cutflow": data["cutflow"][1 + flow.selection.complete_from :]}


def test_selections_of_one_track_are_these() -> None:
    of_kaons = [name for name in SELECTIONS if not name.startswith("di")]
    asking = [name for name in of_kaons if find_selection(name, load_detector("run1-2017")).thrown]
    assert sorted(asking) == sorted(SINGLE)


@pytest.mark.parametrize("geometry", ["run1-2018-s2", "run1-2017", "run2-2022"])
@pytest.mark.parametrize("selection", SINGLE)
def test_shipped_selections_accept_the_same(selection: str, geometry: str) -> None:
    d = load_detector(geometry)
    for process, kinds in (
        ("kpinunu", ""),
        ("k2pi", ""),
        ("k2pi", "photons"),
        ("kmu2", ""),
        ("ke4", ""),
        ("k2pi", "all"),
    ):
        s = Simulation(find_process(process), d, 3, as_weights=as_weights(kinds))
        chosen = find_selection(selection, d)
        all_, some = (run_selected(s, chosen, FIRST, 1500, early=early) for early in (False, True))
        assert accepted(some) == accepted(all_)
        assert behind(some.flow) == behind(all_.flow)
        assert some.masks.tolist() == all_.masks.tolist()
        assert process == "kmu2" or len(some.event) < 0.97 * len(all_.event)  # there was something to gain


@pytest.mark.parametrize("kinds", ["", "efficiencies", "charged"])
def test_importance_sampling_accepts_the_same(kinds: str) -> None:
    s, chosen = Simulation(find_process("kpinunu"), D, 3, as_weights=as_weights(kinds), importance=True), "pinunu"
    all_, some = (run_selected(s, find_selection(chosen, D), FIRST, 3000, early=early) for early in (False, True))
    assert accepted(some) == accepted(all_) and len(accepted(all_)) > 700
    assert behind(some.flow) == behind(all_.flow)


@settings(max_examples=12, deadline=None)
@given(
    low=st.floats(1.0, 60.0),
    width=st.floats(0.05, 30.0),
    first=st.integers(FIRST, 10**6),
    asked=st.sets(st.sampled_from(sorted(THROWN))),
    process=st.sampled_from(["kpinunu", "k2pi", "kmu2", "ke3", "k3pi"]),
)
def test_random_windows_accept_the_same(
    low: float, width: float, first: int, asked: set[str], process: str, passes: Mapping[str, Any]
) -> None:
    window = (1e3 * low, 1e3 * (low + width))
    cuts = [
        Cut("p", lambda t: np.asarray((t["p"] >= window[0]) & (t["p"] < window[1])), momentum=window),
        Cut("chi2", lambda t: np.asarray(t["chi2"] < 20.0)),
        *(Cut(name, passes[name], thrown=(name,)) for name in sorted(asked)),
        Cut("no MUV3", lambda t: np.asarray(t["muv3_matched"] == 0)),
    ]
    s, chosen = Simulation(find_process(process), D, 5), Selection("mine", cuts, tracks=(1, 1))
    all_, some = (run_selected(s, chosen, first, 1000, early=early) for early in (False, True))
    assert accepted(some) == accepted(all_)


def test_cuts_before_are_counted_in_runs_that_are_followed() -> None:
    """In these every count is that of all events; by event number alone, whatever the chunks."""
    first, n = 1000 * (FIRST_RUNS - 2), 1000 * (EVERY - 10)
    s, chosen = Simulation(find_process("kpinunu"), D, 3), find_selection("pinunu", D)
    runs = [run for run in range(first, first + n, 1000) if is_followed(np.array([run]))[0]]
    assert [run // 1000 for run in runs] == [FIRST_RUNS - 2, FIRST_RUNS - 1, EVERY]
    followed, parts = CutFlow(chosen), CutFlow(chosen)
    for run in runs:
        followed.merge(run_selected(s, chosen, run, 1000).flow)
    for k in range(first, first + n, 5000):
        parts.merge(run_selected(s, chosen, k, min(5000, first + n - k), early=True).flow)
    whole = run_selected(s, chosen, first, n, early=True).flow
    assert parts.to_dict() == whole.to_dict()
    assert [c.n for c in parts.cuts] == [c.n for c in whole.cuts]
    at = chosen.complete_from
    for row, expected in zip(whole.rows()[1 : at + 1], followed.rows()[1 : at + 1], strict=True):
        assert row == expected | {"n_generated": 3000}
    assert all("n_generated" not in row for row in whole.rows()[at + 1 :])
    # the same as the full count within the errors of both, at a level of 1e-4 for each of twenty
    full = run_selected(s, chosen, first, n).flow
    assert full.followed.n == n and not any("n_generated" in row for row in full.rows())
    for few, every in zip(whole.rows(), full.rows(), strict=True):
        efficiency = every["efficiency"]
        assert abs(few["efficiency"] - efficiency) <= 4.0 * np.sqrt(efficiency * (1.0 - efficiency) / 3000)


def test_few_events_are_all_followed_and_so_is_a_full_cut_flow() -> None:
    small = na.acceptance("kpinunu", "pinunu", 3000, threads=1)
    assert small.rows() == na.acceptance("kpinunu", "pinunu", 3000, threads=1, full_cutflow=True).rows()
    n = 1000 * (FIRST_RUNS + 4)
    some = na.acceptance("kpinunu", "pinunu", n, threads=1)
    full = na.acceptance("kpinunu", "pinunu", n, threads=2, full_cutflow=True)
    kept = na.acceptance("kpinunu", "pinunu", n, threads=2, keep=lambda *_: None)
    assert full.rows() == kept.rows() != some.rows()
    assert some.acceptance == full.acceptance
    assert "*" not in str(full) and f"* counted in {1000 * FIRST_RUNS} of the {n} events" in str(some)
    report = as_text(flow_report(some))
    assert f"* counted in {1000 * FIRST_RUNS} of the {n} events" in report and "--full counts all" in report
    marked = [line for line in report.splitlines() if line.split()[-3:-2] and line.split()[-3].endswith("*")]
    assert len(marked) == some.selection.complete_from


@pytest.mark.parametrize(
    ("process", "parameters", "least", "geometry"),
    [
        ("kpiaa", {"m_a": 100.0}, 5, "run1-2018-s2"), ("kpiaa", {"m_a": 20.0}, 3, "run1-2018-s2"),
        ("k3pi", {}, 3, "run1-2018-s2"),
        ("k2pi-dalitz", {}, 3, "run1-2018-s2"), ("ke4", {}, 2, "run1-2018-s2"), ("k3pi0-dd", {}, 4, "run1-2018-s2"),
        ("aprime-brems", {"m_Aprime": 400.0, "eps": 1e-6}, 2, "dump-2021"),
    ],
)  # fmt: skip
def test_events_with_enough_tracks_stay(process: str, parameters: dict[str, float], least: int, geometry: str) -> None:
    """Those in which so many particles cross straws of all chambers; of the others most are not carried there."""
    s, n = Simulation(find_process(process, **parameters), load_detector(geometry), 6), 4000
    truth, straw = s.generator.generate(6, 0, n), s.response.straw
    all_ = to_straw4(6, truth, s.planes, s.flight, s.field, Early(least))
    some = to_straw4(6, truth, s.planes, s.flight, s.field, Early(least, straw=straw))
    enough = set(all_.event[rows_of_enough(all_, least, straw)].tolist())
    left = set(some.event.tolist())
    assert enough <= left
    if process != "aprime-brems":
        assert len(left) < 3.5 * len(enough) and len(left) < 0.85 * len(set(all_.event.tolist()))
    at = np.flatnonzero(np.isin(all_.event, some.event))
    assert all_.event[at].tolist() == some.event.tolist()  # whole events, as they were
    np.testing.assert_array_equal(all_.x[:, at][:4], some.x[:4])


@pytest.mark.parametrize(
    ("process", "selection", "parameters"),
    [("kpiaa", "kpiaa", {"m_a": 100.0}), ("k3pi", "k3pi", {}), ("kpimumu", "kpimumu", {})],
)
def test_cut_flow_of_several_tracks_stays(
    process: str, selection: str, parameters: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    d = load_detector("run1-2017")
    s = Simulation(find_process(process, **parameters), d, 7)
    chosen = find_selection(selection, d, s.process.mass)
    some = run_selected(s, chosen, 0, 6000)
    assert asked_early(s, chosen, True).straw is not None
    monkeypatch.setattr(on_demand, "asked_early", lambda s, chosen, early: Early(chosen.tracks[0]))
    all_ = run_selected(s, chosen, 0, 6000)
    assert some.flow.to_dict() == all_.flow.to_dict()
    assert some.flow.cuts[0].n > 20 and len(some.crossings.event) < 0.8 * len(all_.crossings.event)
