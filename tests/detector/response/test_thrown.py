"""What is asked for early is what the response throws: nothing else is dropped, and all that a flat efficiency loses is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from na62sim.detector.response.as_weights import as_weights
from na62sim.detector.response.respond import build_response
from na62sim.detector.response.thrown import build_draws
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.selection.cut import THROWN, Cut, Selection
from na62sim.simulation.on_demand import FIRST_RUNS, run_selected
from na62sim.simulation.pipeline import Simulation

D = load_detector("run1-2018-s2")
N, FIRST = 6000, 1000 * FIRST_RUNS + 1000
COLUMNS = {
    "gtk": lambda t: np.asarray(t["gtk_associated"] > 0),
    "chanti": lambda t: np.asarray(t["n_chanti"] == 0),
    "rich": lambda t: np.asarray(t["rich_pion_like"] > 0),
    "lkr": lambda t: np.asarray(t["lkr_pion_like"] > 0),
}


@pytest.mark.parametrize("process", ["kpinunu", "k2pi"])
@pytest.mark.parametrize("name", THROWN)
def test_what_is_dropped_lacks_it(name: str, process: str) -> None:
    """And of what lacks it, that is dropped which lacks it by a draw alone: a pion that decays is asked for nothing."""
    s = Simulation(find_process(process), D, 4)
    cut = Cut("it", COLUMNS[name], thrown=(name,))
    all_ = run_selected(s, Selection("all", [replace(cut, thrown=())], tracks=(1, 1)), FIRST, N)
    some = run_selected(s, Selection("some", [cut], tracks=(1, 1)), FIRST, N, early=True)
    has_it = COLUMNS[name](all_.table)
    dropped = ~np.isin(all_.event, some.event)
    assert not (dropped & has_it).any()
    assert some.flow.selected.n == all_.flow.selected.n == has_it.sum()
    lost_by_draw = {
        "gtk": 1.0 - D.gtk.quality_efficiency,
        "chanti": 1.0 - D.chanti.quiet_efficiency,
        "rich": 1.0 - D.rich.ring_efficiency,
        "lkr": 1.0 - D.lkr.efficiency * s.response.calorimeter.pion_like * 0.93,  # hadronic losses before: 7 % or more
    }[name]
    n = len(all_.event)
    # all but the 15 % of pions that decay, or that photons' electrons come with, to four standard deviations
    least = (1.0 if name in ("gtk", "chanti") else 0.85) * lost_by_draw
    assert dropped.sum() > least * n - 4.0 * np.sqrt(least * n)


def test_flat_efficiencies_in_the_weight_are_not_thrown() -> None:
    """The draws end above 1 where the response carries the efficiency as a weight."""
    draws = build_draws(build_response(D, carried=as_weights("efficiencies,identification")), tuple(THROWN), beam=True)
    assert sorted(set(draws.high.ravel().tolist())) == [D.lkr.efficiency, 1.0, 2.0]  # the cluster is still to be there
    r = build_response(D)
    plain = build_draws(r, tuple(THROWN), beam=True)
    common = [D.straw.quality_efficiency, D.gtk.quality_efficiency, D.chanti.quiet_efficiency, D.lkr.efficiency]
    of_kind = [[r.rich.pion_like], [r.rich.pion_like, r.calorimeter.pion_like], [r.rich.muon_like.max()]]
    for k, expected in enumerate(of_kind):
        assert {*plain.high[:, k].ravel().tolist()} - {2.0} == {*common, *expected}
    assert len(build_draws(r, tuple(THROWN), beam=False).stream) == 3  # of the track alone
