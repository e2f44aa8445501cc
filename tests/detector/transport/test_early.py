"""Particles that are not carried through the spectrometer: what is accepted, and every count of the cut-flow, stays the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na62sim.detector.response.as_weights import as_weights
from na62sim.detector.transport.crossings import to_straw4
from na62sim.detector.transport.early import Early, doomed_outside
from na62sim.detector.transport.planes import STRAW4
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.geometry.straw import straw_arrays
from na62sim.selection.cut import Cut, Selection
from na62sim.selection.registry import find_selection
from na62sim.simulation.on_demand import run_selected
from na62sim.simulation.pipeline import Simulation

D = load_detector("run1-2018-s2")
N = 3000


def with_and_without(simulation: Simulation, selection: Selection, n: int = N, first: int = 0) -> tuple[Any, Any]:
    """What a selection sees of events with, and without, the rejection."""
    assert selection.momentum is not None
    plain = replace(selection, cuts=[replace(selection.cuts[0], momentum=None), *selection.cuts[1:]])
    assert plain.momentum is None
    return run_selected(simulation, selection, first, n), run_selected(simulation, plain, first, n)


@pytest.mark.parametrize(
    ("process", "selection", "kinds"),
    [
        ("kpinunu", "pinunu", ""),
        ("k2pi", "k2pi", ""),
        ("kmu2", "pinunu", ""),
        ("ke4", "pinunu", ""),
        ("k2pi", "pinunu", "all"),
    ],
)
def test_counts_of_the_shipped_selections_stay(process: str, selection: str, kinds: str) -> None:
    s = Simulation(find_process(process), D, 3, as_weights=as_weights(kinds))
    some, all_ = with_and_without(s, find_selection(selection, D))
    assert some.flow.to_dict() == all_.flow.to_dict()
    assert [(c.n, c.total) for c in some.flow.cuts] == [(c.n, c.total) for c in all_.flow.cuts]
    signal = [part.event[part.flow.signal_rows].tolist() for part in (some, all_)]
    assert signal[0] == signal[1]
    if process != "ke4":
        assert len(some.crossings.event) < 0.75 * len(all_.crossings.event)  # there was something to gain


@settings(max_examples=12, deadline=None)
@given(
    low=st.floats(1.0, 60.0),
    width=st.floats(0.05, 30.0),
    first=st.integers(0, 10**6),
    process=st.sampled_from(["kpinunu", "k2pi", "kmu2", "ke3", "k3pi"]),
)
def test_counts_of_random_windows_stay(low: float, width: float, first: int, process: str) -> None:
    window = (1e3 * low, 1e3 * (low + width))
    cuts = [
        Cut("p", lambda t: np.asarray((t["p"] >= window[0]) & (t["p"] < window[1])), momentum=window),
        Cut("chi2", lambda t: np.asarray(t["chi2"] < 20.0)),
        Cut("LKr", lambda t: np.asarray(t["lkr_matched"] > 0)),
    ]
    some, all_ = with_and_without(
        Simulation(find_process(process), D, 5), Selection("mine", cuts, tracks=(1, 1)), 1000, first
    )
    assert some.flow.to_dict() == all_.flow.to_dict()
    assert [c.n for c in some.flow.cuts] == [c.n for c in all_.flow.cuts]


def test_only_what_cannot_change_its_momentum_is_left_out(bench: Any, shoot: Any) -> None:
    """Pions that decay before STRAW 4 or are scattered by a large angle go on, and so do electrons."""
    field, planes, flight = bench._setup
    n, early = 20_000, Early(1, doomed_outside(D, (15e3, 45e3)), straw=straw_arrays(D))
    for name in ("pi+", "e+"):
        truth = shoot(name, np.full(n, 10e3), x=-300.0, y=-100.0)
        everything = to_straw4(1, truth, planes, flight, field)
        some = to_straw4(1, truth, planes, flight, field, early)
        if name == "e+":
            np.testing.assert_array_equal(some.event, everything.event)
            continue
        left_out = ~np.isin(everything.event, some.event)
        assert 0.80 * n < left_out.sum() < 0.95 * n
        assert everything.rest is not None
        behind = everything.rest.ids[2]  # pions and muons at STRAW 1, and what is left of them behind STRAW 4
        assert (behind == everything.pdg[0])[left_out].all() and (behind != everything.pdg[0])[~left_out].sum() > 100
        arrived = everything.last > STRAW4
        turn = np.hypot(everything.u[1] - everything.u[0], everything.v[1] - everything.v[0])
        scattered = turn > 1.5 * np.quantile(turn, 0.98)
        assert not (left_out & arrived & scattered).any()
    inside = shoot("pi+", np.full(n, 14.5e3), x=-300.0, y=-100.0)
    whole = to_straw4(1, inside, planes, flight, field)
    left_out = ~np.isin(whole.event, to_straw4(1, inside, planes, flight, field, early).event)
    assert (whole.pdg[0, left_out] == -13).all() and left_out.sum() < 0.01 * n  # muons of decays before STRAW 1


def test_margin_is_that_of_the_detector() -> None:
    """About ten per cent; wider for chambers that measure worse, and without a magnet nothing is left out."""
    low, high = doomed_outside(D, (15e3, 45e3))
    assert 13e3 < low < 14.6e3 and 48e3 < high < 52e3
    worse = doomed_outside(D.with_values({"straw.chamber_resolution_um": 365.0}), (15e3, 45e3))
    assert worse[0] < low and worse[1] > high + 10e3
    assert doomed_outside(D.with_values({"field.mnp33.integral_Tm": 0.0}), (15e3, 45e3)) == (0.0, np.inf)


def test_who_asks_for_it() -> None:
    """The first cut of a selection of one track, and no other."""
    window = (15e3, 45e3)
    p, other = (
        Cut("p", lambda t: np.asarray(t["p"] > 0.0), momentum=window),
        Cut("n", lambda t: np.asarray(t["p"] > 0.0)),
    )
    assert Selection("a", [p, other], tracks=(1, 1)).momentum == window
    assert Selection("a", [other, p], tracks=(1, 1)).momentum is None
    assert Selection("a", [p]).momentum is None
    assert find_selection("pinunu", D).momentum == find_selection("k2pi", D).momentum == window
