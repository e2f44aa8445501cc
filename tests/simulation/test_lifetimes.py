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
