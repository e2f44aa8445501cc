"""Mistakes in Python: each is refused in one line that names the value and what it may be, before any kernel runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.core.checks import in_range, mapping, number, whole_number
from na62sim.generators.registry import find_process
from na62sim.geometry.detector import as_detector
from na62sim.sample.provenance import Provenance
from na62sim.sample.table import Column
from na62sim.selection.cut import Survivors
from na62sim.selection.registry import find_selection
from na62sim.simulation.conditions import Running
from na62sim.simulation.lazy_candidates import LazyCandidates

n: Any = na  # what is called wrongly on purpose
X = "K+ -> pi+ X"


def _passes(table: Any) -> Any:
    return np.ones(len(table), dtype=bool)


def _cut(name: Any = "cut", function: Any = _passes, factor: Any = 1.0) -> Any:
    return n.Cut(name, function, factor)


def _table() -> na.Table:
    return na.Table([Column("momentum", "float64", "MeV", "p")], {"momentum": np.ones(3)})


def _sample() -> na.Sample:
    return na.Sample({"events": _table()}, Provenance(), 3)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    # processes and their parameters
    (lambda: find_process("kpix", m_X="150MeV"), "parameter 'm_X' of kpix = '150MeV': it must be a number in MeV"),
    (
        lambda: find_process("kpix", tau_X="1ns"),
        "parameter 'tau_X' of kpix = '1ns': it must be a number in ns, 0 or more",
    ),
    (
        lambda: find_process("kpix", ctau_X="1m"),
        "parameter 'ctau_X' of kpix = '1m': it must be a number in mm, 0 or more",
    ),
    (lambda: find_process("kpix", m_X=None), "parameter 'm_X' of kpix = None: it must be a number in MeV"),
    (lambda: find_process("kpix", m_X=[1.0]), "parameter 'm_X' of kpix = [1.0]: it must be a number in MeV"),
    (lambda: find_process("kpix", mx=1.0), "parameter 'mx' of kpix is unknown; did you mean 'm_X'?"),
    (lambda: find_process(X, m_X="150MeV"), "parameter 'm_X' of 'K+ -> pi+ X' = '150MeV': it must be a number in MeV"),
    (lambda: find_process(X, mass=150.0), "mass of 'K+ -> pi+ X' = 150.0: it must be a mapping"),
    (
        lambda: find_process(X, mass={"X": "150MeV"}),
        "mass of 'X' = '150MeV': it must be a finite number in MeV, 0 or more",
    ),
    (lambda: n.simulate(None, 10), "process = None: it must be a name, a decay"),
    (lambda: n.simulate(12, 10), "process = 12: it must be a name, a decay"),
    (lambda: n.Process(12), "descriptor = 12: it must be a decay"),
    (lambda: n.Process(X, mass=100.0), "mass = 100.0: it must be a mapping of names, for example {'X': 100.0}"),
    (lambda: n.Process(X, mass={"X": None}), "mass of 'X' = None: it must be a finite number in MeV"),
    (lambda: n.Process("K+ -> pi+ (X -> e+ e-)", mass={"X": 9.0}, lifetime={"X": "1ns"}), "lifetime of 'X' = '1ns'"),
    (lambda: n.Process(X, mass={"X": 9.0}, lifetime=1.0), "lifetime = 1.0: it must be a mapping"),
    (lambda: n.Process(X, mass={"X": 9.0}, amplitude="vector"), "amplitude = 'vector': it must be a mapping"),
    (
        lambda: n.Process("K+ -> pi+ (X -> e+ e-)", mass={"X": 9.0}, amplitude={"X": 1}),
        "amplitude of 'X' = 1: it must be",
    ),
    (lambda: n.Process(X, mass={"X": 9.0}, stable=1), "stable = 1: it must be a name or a set of names"),
    # events, seeds, conditions, threads
    (lambda: n.simulate("k2pi", "many"), "events = 'many': it must be a whole number from 1 to 1e12"),
    (lambda: n.simulate("k2pi", None), "events of k2pi: give their number; only a file of events has one of its own"),
    (lambda: n.simulate("k2pi", 1.5), "events = 1.5: it must be a whole number from 1 to 1e12"),
    (lambda: n.simulate("k2pi", float("nan")), "events = nan: it must be a whole number from 1 to 1e12"),
    (lambda: n.simulate("k2pi", float("inf")), "events = inf: it must be a whole number from 1 to 1e12"),
    (lambda: n.simulate("k2pi", True), "events = True: it must be a whole number from 1 to 1e12"),
    (lambda: n.simulate("k2pi", 10, seed="one"), "seed = 'one': it must be a whole number from 0 to 2**64 - 1"),
    (lambda: n.simulate("k2pi", 10, seed=None), "seed = None: it must be a whole number from 0 to 2**64 - 1"),
    (lambda: n.simulate("k2pi", 10, seed=2**64), "it must be a whole number from 0 to 2**64 - 1"),
    (lambda: n.simulate("k2pi", 10, threads=0), "threads = 0: it must be a whole number from 1 to 4096"),
    (lambda: n.simulate("k2pi", 10, threads="2"), "threads = '2': it must be a whole number from 1 to 4096"),
    (lambda: n.simulate("k2pi", 10, chunk="1000"), "chunk = '1000': it must be a whole number from 1000"),
    (lambda: n.simulate("k2pi", 10, decay_volume_m=105), "decay_volume_m = 105: it must be two increasing numbers"),
    (
        lambda: n.simulate("k2pi", 10, decay_volume_m=(105,)),
        "decay_volume_m = (105,): it must be two increasing numbers",
    ),
    (lambda: n.simulate("k2pi", 10, decay_volume_m="105,170"), "decay_volume_m = '105,170': it must be two increasing"),
    (
        lambda: n.simulate("k2pi", 10, decay_volume_m=(170, 105)),
        "decay_volume_m = (170, 105): it must be two increasing",
    ),
    (lambda: n.simulate("k2pi", 10, photons=None), "photons = 'None': it must be 'dice' or 'weight'"),
    (lambda: n.simulate("k2pi", 10, as_weights="photon"), "as-weights: unknown kind 'photon'; did you mean 'photons'?"),
    (lambda: n.simulate("k2pi", 10, path=5), "path = 5: it must be the name of a file, or None for memory"),
    (lambda: Running(workers="2"), "workers = '2': it must be a whole number from 1 to 4096"),  # type: ignore[arg-type]
    (lambda: n.acceptance("k2pi", "k2pi", precision="fine"), "precision = 'fine' is not a relative error"),
    (lambda: n.lifetime_acceptance("kpix", "pinunu", "1ns", 10), "lifetimes = '1ns': it must be one or more numbers"),
    (lambda: n.lifetime_acceptance("kpix", "pinunu", [1.0, "x"], 10), "it must be one or more numbers above 0 (ns)"),
    # geometry
    (lambda: n.load_detector(None), "geometry = None: it must be the path of a file or one of "),
    (lambda: n.load_detector(2018), "geometry = 2018: it must be the path of a file or one of "),
    (lambda: as_detector(5), "geometry = 5: it must be the path of a file or one of "),  # type: ignore[arg-type]
    (lambda: n.load_detector("run1-2018-s2", override=0.97), "override = 0.97: it must be a mapping of names"),
    (lambda: n.load_detector("run1-2018-s2").with_values(3), "values = 3: it must be a mapping of names"),
    (lambda: n.load_detector("run1-2018-s2", override={"ktag.efficiency": "high"}), "ktag.efficiency = 'high'"),
    # cuts and selections
    (lambda: _cut(factor=2), "factor of cut 'cut' = 2 is outside the allowed range [0, 1]"),
    (lambda: _cut(factor="half"), "factor of cut 'cut' = 'half': it must be a number in [0, 1]"),
    (lambda: _cut(name=3), "name of a cut = 3: it must be text"),
    (lambda: _cut(function="p > 15"), "function of cut 'cut' = 'p > 15': it must be a function of a table"),
    (lambda: n.Selection("s", [_cut()], signal=["R"]), "selection 's': signal = 'R' is none of its regions"),
    (
        lambda: n.Selection("s", [_cut()], {"R1": _passes}, signal=["R2"]),
        "'R2' is none of its regions; did you mean 'R1'?",
    ),
    (lambda: n.Selection("s", [_cut()], {"R": _passes}, signal="R"), "selection 's': signal = 'R': it must be a list"),
    (lambda: n.Selection("s", [_cut()], {"R": 3}), "region 'R' = 3: it must be a function of a table"),
    (lambda: n.Selection("s", [_cut()], _passes), "it must be a mapping of names"),
    (lambda: n.Selection("s", _cut()), "it must be a list"),
    (lambda: n.Selection("s", [_passes]), "each must be a Cut"),
    (lambda: n.Selection("s", [_cut()], candidates=3), "candidates = 3: it must be one of reco/events, reco/vertices"),
    (lambda: n.Selection("s", [_cut()], tracks=2), "tracks = 2: it must be the least and the largest number"),
    (lambda: n.Selection("s", [_cut()], tracks=(3, 2)), "tracks = (3, 2): the least number is above the largest"),
    (lambda: n.Selection("s", [_cut()], bin_column="p"), "bin_column = 'p' and bin_edges = []: give both or none"),
    (lambda: n.Selection("s", [_cut()], bin_column="p", bin_edges=[2, 1]), "two or more increasing numbers"),
    (lambda: find_selection(None, as_detector(None)), "selection = None: it must be a Selection or one of pinunu"),  # type: ignore[arg-type]
    (lambda: find_selection("kpiaa", as_detector(None), m_a="17MeV"), "'m_a' of selection kpiaa = '17MeV'"),  # type: ignore[arg-type]
    # tables and samples
    (lambda: _table()["momentun"], "no column 'momentun'; did you mean 'momentum'?"),
    (lambda: n.Table([], {})[3], "no column 3"),
    (lambda: Survivors(_table(), np.arange(2))["momentun"], "no column 'momentun'; did you mean 'momentum'?"),
    (lambda: _sample()["event"], "no group 'event'; did you mean 'events'?"),
    (lambda: n.Sample.open(None), "sample = None: it must be a Sample or the path of a file"),
    (lambda: n.reconstruct(5), "sample = 5: it must be a Sample or the path of a file"),
    (lambda: n.select(None, "pinunu"), "sample = None: it must be a Sample or the path of a file"),
    (lambda: n.merge("a.h5", "b.h5"), "paths = 'a.h5': it must be a list of names"),
    (lambda: n.merge([3], "b.h5"), "paths = [3]: it must be a list of names"),
    # statistics
    (lambda: n.upper_limit("none", 0.2), "observed = 'none': it must be a number in [0, 100000]"),
    (lambda: n.upper_limit(0, None), "background = None: it must be a number in [0, 100000]"),
    (lambda: n.upper_limit(0, 0.2, cl="90%"), "cl = '90%': it must be a number in (0, 1)"),
    (lambda: n.upper_limit(0, 0.2, method=None), "method = None is not one of cls, fc, bayes"),
    (lambda: n.Measured("1.0"), "value = '1.0': it must be a number in (-inf, inf)"),
    (lambda: n.Measured(1.0, None), "sigma = None: it must be a number in [0, inf)"),
    (lambda: n.single_event_sensitivity("0.06", kaons=1e12), "acceptance = '0.06': it must be a number in (0, 1]"),
    (lambda: n.expected_events(1e-10, ses=None), "ses = None: it must be a number in (0, inf)"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_mistake(call: Callable[[], Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError, KeyError)) as caught:
        call()
    said = caught.value.args[0]
    assert message in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


def test_columns_made_on_demand_have_a_nearest_name() -> None:
    """The candidates that a cut of `acceptance` sees, before they are made."""
    lazy = LazyCandidates.__new__(LazyCandidates)
    lazy._of_tracks, lazy._made = {}, {}
    with pytest.raises(KeyError, match="no column 'ring_hit'; did you mean 'ring_hits'"):
        Survivors(lazy, np.arange(0))["ring_hit"]


def test_what_is_right_is_taken() -> None:
    """Numbers of numpy, whole floats, values with an error, a cut that loses nothing or all."""
    assert number("x", np.float32(2.0)) == number("x", na.Measured(2.0, 1.0)) == 2.0
    assert whole_number("n", np.int64(3), 1, 9) == whole_number("n", 3.0, 1, 9) == 3
    assert whole_number("seed", np.uint64(2**64 - 1), 0, 2**64 - 1) == 2**64 - 1
    assert in_range("x", np.int16(1), "[1, 2)") == 1.0
    assert mapping("m", {"a": 1}, "") == {"a": 1}
    assert find_process("kpix", m_X=np.float64(150.0)).mass["X"] == 150.0
    for factor in (0, 1, 0.5, np.float32(0.5)):
        assert _cut(factor=factor).factor == factor
    chosen = na.Selection("s", [na.Cut("all", _passes)], {"R": _passes}, ["R"], "p", [1.0, 2.0], tracks=(1, 1))
    assert chosen.tracks == (1, 1)
