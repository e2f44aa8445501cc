"""Counting in a mixture of data sets: triggers, downscaling, independent events, any threads."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.sample.table import Column, Table
from na62sim.selection.cut import Cut, Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.simulation.acceptance import acceptance
from na62sim.simulation.precision import Precision
from na62sim.study.kaon.count import Counted, Trigger, count
from na62sim.study.kaon.mixture import Mixture
from na62sim.study.kaon.rows import row_of
from na62sim.study.resolution.histograms import Histograms

MULTI = Trigger(("multi_track", "electron_multi_track"))
VOLUME = (105.0, 180.0)


def flow_of(masks: list[list[str]], x: list[float], names: list[str]) -> CutFlow:
    """A cut-flow of one candidate per list of masks that fired; a region takes x > 0."""
    selection = Selection("s", [Cut("all", lambda t: t["x"] > -10.0)], {"high": lambda t: t["x"] > 0.0})
    flow, n = CutFlow(selection), len(masks)
    table = Table([Column("x", "float64", "", "x")], {"x": np.array(x)}, np.arange(n + 1))
    flow.fill(table, np.ones(n), np.ones(2 * n))
    words = [sum(1 << names.index(name) for name in fired) for fired in masks]
    flow.count_triggers(np.array(words, dtype=np.uint32), names)
    return flow


def test_triggers_are_downscaled() -> None:
    """One in 8 of the electron multi-track and one in 100 of the multi-track triggers are kept, each for itself."""
    d = load_detector("run1-2018-s2")
    assert MULTI.kept(d) == {"multi_track": 0.01, "electron_multi_track": 0.125}
    names = ["pnn", "multi_track", "other", "electron_multi_track"]
    fired = [["multi_track"], ["electron_multi_track", "pnn"], ["multi_track", "electron_multi_track"], ["pnn"], []]
    flow = flow_of(fired, [1.0, 1.0, -1.0, 1.0, 1.0], names)
    both = 1.0 - 0.99 * 0.875
    taken = flow.taken(MULTI.kept(d))
    assert taken.sumw == pytest.approx(0.01 + 0.125 + both) and taken.n == 3
    assert taken.sumw2 == pytest.approx(0.01**2 + 0.125**2 + both**2)
    assert flow.taken(MULTI.kept(d), "high").sumw == pytest.approx(0.01 + 0.125)
    assert {name: c.n for name, c in flow.triggers.items()} == {
        "pnn": 2,
        "multi_track": 2,
        "other": 0,
        "electron_multi_track": 2,
    }
    counted = Counted(CutFlow(flow.selection))
    counted.add(flow, MULTI, d)
    assert counted.relative.sumw == pytest.approx((0.01 + 0.125 + both) / both)
    tighter = d.with_values({"trigger.masks.multi_track.downscaling": 50})
    assert flow.taken(MULTI.kept(tighter)).sumw == pytest.approx(0.02 + 0.125 + 1.0 - 0.98 * 0.875)


def test_an_unknown_mask() -> None:
    with pytest.raises(ValueError, match="mask 'multitrack' of run1-2017 is unknown; did you mean 'multi_track'"):
        Trigger(("multitrack",)).kept(load_detector("run1-2017"))


def test_one_data_set_is_an_acceptance() -> None:
    process = find_process("kpiaa", m_a=155.0)
    found = count(process, "kpiaa", Mixture.of(["run1-2018-s2"], VOLUME), 3, 24_000, threads=1)
    flow = acceptance(process, "kpiaa", 24_000, "run1-2018-s2", 3, decay_volume_m=VOLUME, threads=1)
    assert found.flow.rows() == flow.rows() and found.flow.selected.n > 100
    row = row_of(found, {})
    assert row.triggered.value == row.acceptance.value and row.trigger == 1.0


def test_data_sets_have_events_of_their_own() -> None:
    """Two data sets of the same numbers give other events, and the sum does not depend on threads."""
    process, one = find_process("kpiaa", m_a=155.0), load_detector("run1-2018-s2")
    twice = Mixture((one, one), VOLUME)
    rows = [row_of(count(process, "kpiaa", twice, 3, 24_000, trigger=MULTI, threads=t), {}) for t in (1, 2)]
    assert rows[0].triggered == rows[1].triggered and rows[0].n_generated == 24_000
    halves = row_of(count(process, "kpiaa", Mixture((one,), VOLUME), 3, 12_000, trigger=MULTI), {})
    assert rows[0].n_selected != 2 * halves.n_selected
    assert rows[0].triggered.value == pytest.approx(halves.triggered.value, rel=0.4)
    assert 0.01 < (rows[0].trigger or 0.0) < 0.134


def test_the_triggers_decide_when_a_point_stops() -> None:
    wanted = Precision(0.2, 200_000, 50_000)
    mixture = Mixture.of(["run1-2017", "run1-2018-s2"], VOLUME)
    row = row_of(
        count(find_process("kpiaa", m_a=155.0), "kpiaa", mixture, 1, 200_000, trigger=MULTI, precision=wanted), {}
    )
    assert 0.0 < row.triggered.stat <= 0.2 * row.triggered.value and row.n_generated < 50_000
    none = row_of(count(find_process("kpinunu"), "kpiaa", mixture, 1, 200_000, trigger=MULTI, precision=wanted), {})
    assert none.n_generated == 50_000 and none.triggered.value == 0.0 and none.trigger is None


@pytest.mark.parametrize(("done", "relative"), list(product((0, 16_000), (float("inf"), 0.5))))
def test_bounds_of_a_precision(done: int, relative: float) -> None:
    """Without an event the smaller bound holds, with one that of all events."""
    wanted = Precision(0.001, 100_000, 20_000)
    found = wanted.total(done, relative)
    assert found == (16_000 if done == 0 else 20_000 if relative > 1.0 else 100_000)


@pytest.mark.parametrize(("process", "selection"), [("kpinunu", "pinunu"), ("k3pi", "pinunu"), ("k2pi", "k2pi")])
def test_spectra_of_what_is_kept_are_those_of_whole_events(process: str, selection: str) -> None:
    """Dropping events for the beam track alone, and carrying on candidates alone, changes no spectrum."""
    d, n, decay = load_detector("run1-2018-s2"), 44_000, find_process(process)
    ours, whole = (Histograms(process, d, selection) for _ in range(2))
    found = count(decay, selection, Mixture.of([d.name], VOLUME), 1, n, threads=1, keep=ours.fill).flow
    flow = acceptance(decay, selection, n, d, 1, decay_volume_m=VOLUME, threads=1, keep=whole.fill)
    assert found.followed.n < n == flow.followed.n == found.generated.n
    behind = [row["cut"] for row in flow.rows()].index("K-pi association")
    assert found.rows()[behind:] == flow.rows()[behind:] and found.to_dict()["regions"] == flow.to_dict()["regions"]
    ours.flush()
    whole.flush()
    assert ours.sumw_generated == whole.sumw_generated
    for name, h in whole.histograms.items():
        assert h.sum(flow=True).value > 0.0 or name.startswith("selected") or name == "m2_p_selected"
        assert np.array_equal(ours.histograms[name].values(flow=True), h.values(flow=True)), name


@pytest.mark.parametrize(("process", "selection"), [("kpinunu", "pinunu"), ("k2pi", "k2pi")])
def test_spectra_of_some_events_stand_for_those_of_all(process: str, selection: str) -> None:
    """What is generated and what is selected is filled of all events, candidates of the first, scaled to all."""
    d, n, first, decay = load_detector("run1-2018-s2"), 96_000, 48_000, find_process(process)
    ours, whole, part = (Histograms(process, d, selection) for _ in range(3))
    mixture = Mixture.of([d.name], VOLUME)
    given = {"threads": 2, "keep": ours.fill, "keep_first": first, "keep_others": ours.fill_selected}
    found = count(decay, selection, mixture, 1, n, **given).flow
    flow = acceptance(decay, selection, n, d, 1, decay_volume_m=VOLUME, threads=2, keep=whole.fill)
    acceptance(decay, selection, first, d, 1, decay_volume_m=VOLUME, threads=2, keep=part.fill)
    assert found.to_dict()["regions"] == flow.to_dict()["regions"] and found.generated.n == n
    assert found.followed.n == first + 1_000  # of the others one run in forty: 80
    unseen = found.selection.complete_from
    assert found.rows()[1 + unseen :] == flow.rows()[1 + unseen :]
    ours.complete()
    ours.complete()  # nothing is scaled twice
    whole.flush()
    part.flush()
    scaled = [*set(part.histograms) - {"generated_p", "generated_z", "selected_p", "selected_z", "m2_p_selected"}]
    assert len(scaled) == 11 and ours.sumw_generated == whole.sumw_generated
    to_all = whole.sumw_generated / part.sumw_generated
    assert to_all == pytest.approx(2.0, rel=1e-3)  # decays have weights
    for name, h in ours.histograms.items():
        other, times = (part, to_all) if name in scaled else (whole, 1.0)
        assert np.allclose(h.values(flow=True), times * other.histograms[name].values(flow=True), 1e-12, 0.0), name
        variances = times**2 * other.histograms[name].variances(flow=True)
        assert np.allclose(h.variances(flow=True), variances, 1e-12, 0.0), name
