"""Acceptance against lifetime: one reweighted sample against dedicated ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

import na62sim as na
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.simulation.lifetimes import lifetime_acceptance, proper_times

THREE = na.Selection("three tracks", [na.Cut("three tracks", lambda t: t["n_vertex"] == 3)], candidates="reco/vertices")


def test_proper_times_are_log_uniform() -> None:
    """Quantiles of ln t of a spread flight; four standard deviations of 20 000 events."""
    process = find_process("kpix", m_X=250.0, tau_X=0.1)
    generator = Generator(process, na.load_detector("run1-2018-s2"), (105e3, 170e3))
    generator.spread("X", 1e-4, 10.0)
    n = 20_000
    t = proper_times(generator.generate(1, 0, n), "X", np.arange(n))[0]
    u = np.log(t / 1e-4) / math.log(1e5)
    assert u.min() > -1e-6 and u.max() < 1.0 + 1e-6
    assert np.mean(u) == pytest.approx(0.5, abs=4.0 / math.sqrt(12.0 * n))
    assert np.mean(u * u) == pytest.approx(1.0 / 3.0, abs=4.0 * math.sqrt(4.0 / 45.0 / n))


def test_reweighted_is_dedicated() -> None:
    """K+ -> pi+ X, X -> e+ e- at five lifetimes over four decades: within four standard deviations (p = 6e-5 each)."""
    taus = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]
    rows = lifetime_acceptance("kpix", THREE, taus, 60_000, seed=2, m_X=250.0)
    values = []
    for tau, row in zip(taus, rows, strict=True):
        alone = na.acceptance("kpix", THREE, 20_000, seed=3, m_X=250.0, tau_X=tau).acceptance
        assert row["acceptance"] is not None and row["stat"] is not None and row["n_effective"] > 500.0
        assert row["acceptance"] == pytest.approx(alone.value, abs=4.0 * math.hypot(row["stat"], alone.stat))
        values.append(row["acceptance"])
    assert values[0] > 1.5 * values[-1]  # 45 m of flight at 1 ns: many leave


def test_too_few_are_refused() -> None:
    """Two particles that must fly: 2000 events do not tell the acceptance of five tracks."""
    (row,) = lifetime_acceptance("kpiaa", "kpiaa", [1e-3], 2000, m_a=100.0)
    assert row["acceptance"] is None and row["n_effective"] < 25.0


@pytest.mark.parametrize(
    ("process", "taus", "options", "message"),
    [
        ("kpix", [0.0], {"m_X": 250.0}, "above 0"),
        ("kpix", [], {"m_X": 250.0}, "one or more"),
        ("kpinunu", [1.0], {}, "name the particle"),
        ("kpis", [1.0], {}, "A', S"),
        ("kpiaa", [1.0], {"particle": "b"}, "no such hidden particle"),
    ],
)
def test_refused(process: str, taus: list[float], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lifetime_acceptance(process, "kpiaa", taus, 1000, **options)  # type: ignore[arg-type]


def test_factors_of_cuts_count() -> None:
    """A loss that a cut carries as a weight is in the reweighted acceptance: here exactly one half."""
    (cut,) = THREE.cuts
    half = na.Selection("half", [na.Cut(cut.name, cut.function, factor=0.5)], candidates="reco/vertices")
    whole, less = (lifetime_acceptance("kpix", s, [0.01, 0.1], 5000, seed=1, m_X=250.0) for s in (THREE, half))
    for a, b in zip(whole, less, strict=True):
        assert a["acceptance"] is not None and b["acceptance"] is not None
        assert b["acceptance"] == 0.5 * a["acceptance"]
        assert b["n_effective"] == a["n_effective"]


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
def test_reweighted_is_dedicated_over_seeds(own: bool) -> None:
    """pinunu, which carries its upstream cut as a weight, and a selection with a factor of its own: chi2 of 20 seeds.

    p = 1e-4 at chi2 = 52.4 for 20 degrees of freedom.
    """
    detector = na.load_detector("run1-2018-s2")
    selection: str | na.Selection = "pinunu"
    if own:
        track = na.Cut("one track", lambda t: t["n_tracks"] == 1, factor=0.7)
        selection = na.Selection("own", [track, na.Cut("in time", lambda t: t["p"] < 35e3, factor=0.9)])
    tau = 100e3 / 299.792458
    pulls = []
    for seed in range(20):
        row = lifetime_acceptance("kpix", selection, [0.1 * tau, tau], 20_000, detector, seed, m_X=250.0)[1]
        alone = na.acceptance("kpix", selection, 20_000, detector, 100 + seed, m_X=250.0, tau_X=tau).acceptance
        assert row["acceptance"] is not None and row["stat"] is not None
        pulls.append((row["acceptance"] - alone.value) / math.hypot(row["stat"], alone.stat))
    assert sum(pull**2 for pull in pulls) < 52.4
    assert abs(np.mean(pulls)) < 4.0 / math.sqrt(20.0)
