"""What is asked for early is what the response throws: nothing else is dropped, and all that a flat efficiency loses is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from na62sim.core.rng import STREAM_BEAM_DETECTORS
from na62sim.detector.response.as_weights import as_weights
from na62sim.detector.response.drop import Asked
from na62sim.detector.response.respond import build_response
from na62sim.detector.response.thrown import FlatDraws, flat_draws
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.sample.table import Table
from na62sim.selection.cut import THROWN, Cut, Selection
from na62sim.simulation.on_demand import FIRST_RUNS, run_selected
from na62sim.simulation.pipeline import Simulation

D = load_detector("run1-2018-s2")
Passes = Mapping[str, Callable[[Table], Any]]
N, FIRST = 6000, 1000 * FIRST_RUNS + 1000


@pytest.mark.parametrize("process", ["kpinunu", "k2pi"])
@pytest.mark.parametrize("name", THROWN)
def test_what_is_dropped_lacks_it(name: str, process: str, passes: Passes) -> None:
    """And of what lacks it, that is dropped which lacks it by a draw alone: a pion that decays is asked for nothing."""
    s = Simulation(find_process(process), D, 4)
    cut = Cut("it", passes[name], thrown=("lkr", "quiet") if name == "quiet" else (name,))
    all_ = run_selected(s, Selection("all", [replace(cut, thrown=())], tracks=(1, 1)), FIRST, N)
    some = run_selected(s, Selection("some", [cut], tracks=(1, 1)), FIRST, N, early=True)
    has_it = passes[name](all_.table)
    dropped = ~np.isin(all_.event, some.event)
    assert not (dropped & has_it).any()
    assert some.flow.selected.n == all_.flow.selected.n == has_it.sum()
    survives, like = 0.93, D.lkr.efficiency * s.response.calorimeter.pion_like  # hadronic losses before: 7 % or more
    kept = {
        "ktag": D.ktag.efficiency,
        "gtk": D.gtk.quality_efficiency,
        "chanti": D.chanti.quiet_efficiency,
        "newchod": D.newchod.efficiency,
        "chod": D.chod.efficiency,
        "rich": D.rich.ring_efficiency,
        "ring": 0.93,  # of the 17 % without such a ring near the window, or no undecayed pion
        "lkr": like * survives,
        "quiet": like
        * survives
        * D.lkr.satellite.efficiency
        / 0.985,  # those late, or that may be near the track, stay
    }[name]
    n = len(all_.event)
    # all but the 15 % of pions that decay, or that photons' electrons come with, to four standard deviations
    least = (1.0 if name in ("ktag", "gtk", "chanti") else 0.85) * (1.0 - kept)
    assert dropped.sum() > least * n - 4.0 * np.sqrt(least * n)


def ends(draws: FlatDraws) -> set[float]:
    """The ends of all decisions."""
    dice = draws.asked.dice
    return {*dice.high.ravel().tolist(), *dice.low.ravel().tolist()} - {2.0, -1.0}


def test_flat_efficiencies_in_the_weight_are_not_thrown() -> None:
    """The draws end above 1 where the response carries the efficiency as a weight."""
    carried = build_response(D, carried=as_weights("efficiencies,identification"))
    some = flat_draws(carried, D, tuple(THROWN), beam=True)
    # what the track is matched with is still to be there
    assert ends(some) == {D.lkr.efficiency, D.newchod.efficiency, D.chod.efficiency, 1.0}
    assert STREAM_BEAM_DETECTORS not in some.asked.dice.stream  # they decide nothing
    assert some.asked.quiet > 1.0 and some.asked.hits == D.rich.min_hits
    r = build_response(D)
    plain = flat_draws(r, D, tuple(THROWN), beam=True)
    common = {D.straw.quality_efficiency, D.gtk.quality_efficiency, D.chanti.quiet_efficiency, D.lkr.efficiency}
    common |= {D.newchod.efficiency, D.chod.efficiency, r.ktag[D.ktag.min_sectors - 1]}
    assert ends(plain) == common | {r.rich.pion_like, r.calorimeter.pion_like, r.rich.muon_like.max()}
    assert plain.asked.quiet == D.lkr.satellite.efficiency and plain.asked.gtk.missing == D.gtk.missing_probability
    assert len(flat_draws(r, D, tuple(THROWN), beam=False).asked.dice.stream) == 4  # of the track alone
    none = flat_draws(r, D, (), beam=True).asked
    assert len(none.dice.stream) == 1 and none.quiet > 1.0 and none.gtk.missing == 0.0 and none.hits == 0


def test_second_clusters_are_asked_for_where_they_are_seen_in_any_case() -> None:
    """A track that may point near them, a veto that may not see them or looks at a narrow window: nothing is asked."""

    def asked(**values: float) -> Asked:
        changed = D.with_values({key.replace("__", "."): value for key, value in values.items()})
        return flat_draws(build_response(changed), changed, ("lkr", "quiet"), beam=True).asked

    # 13.6 MeV / p of what stands between STRAW 4 and the LKr makes 4 mm at 15 GeV/c; room is for 50
    assert 10e3 < asked().quiet_p < 15e3 and 1.5 < asked().quiet_normal < 2.7
    assert asked(lkr__track_distance_mm=149.9).quiet == asked(lkr__track_distance_mm=151.0).quiet == 2.0
    assert asked(lkr__track_distance_mm=120.0).quiet_p > asked().quiet_p
    assert asked(lkr__veto_min_GeV=1.0).quiet == asked(veto__lkr_window_low_ns=0.9).quiet == 2.0
    assert asked(veto__lkr_window_low_ns=3.0).quiet_normal < asked().quiet_normal


def test_tracks_with_the_broad_component_of_the_hits_are_not_known(passes: Passes) -> None:
    """Their momentum is measured worse by far, and with it the mass of the ring: more of them may have the one asked for."""
    worse = D.with_values({"straw.tail_fraction": 1.0, "straw.tail_scale": 60.0})
    cut = Cut("ring", passes["ring"], thrown=("ring",))
    s = Simulation(find_process("kpinunu"), worse, 4)
    all_ = run_selected(s, Selection("all", [replace(cut, thrown=())], tracks=(1, 1)), FIRST, N)
    some = run_selected(s, Selection("some", [cut], tracks=(1, 1)), FIRST, N, early=True)
    assert some.flow.selected.n == all_.flow.selected.n > 100


def test_all_is_every_kind_in_any_company() -> None:
    assert (
        as_weights("all,photons").names()
        == as_weights("all").names()
        == ["photons", "charged", "identification", "efficiencies"]
    )
    with pytest.raises(TypeError, match="as-weights = 3: it must be all, or some of photons"):
        as_weights(3)  # type: ignore[arg-type]
