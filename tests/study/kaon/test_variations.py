"""Fits in which one thing is otherwise."""

from __future__ import annotations

import pytest

from na62sim.statistics.likelihood import Background, Category, Likelihood, Scale
from na62sim.statistics.profile import fit
from na62sim.study.kaon.branching_ratio import branching_ratio, measure
from na62sim.study.kaon.counts import wanted_counts
from na62sim.study.kaon.variations import variations


def test_each_changes_one_thing() -> None:
    """Against categories written out here."""
    scale = Scale(0.1, "s")
    mine = [
        Category("run1-2017", 6, 2.0, (Background(1.5, 0.5, 0.4, "a"),), scale),
        Category("other", 9, 3.0, (Background(2.5, 0.5, 0.4, "b"),), scale),
    ]
    found = {v.what: v.fit for v in variations(mine, {"run1-2017": 4.0, "run2-2022": 9.0})}
    assert list(found) == [
        "all counts in one category", "background exactly known", "signal exactly known", "signal as simulated here (run1-2017)",
    ]  # fmt: skip
    fixed = [Category(c.name, c.observed, c.signal, (Background(c.background, 0.0, 0.0, "x"),), scale) for c in mine]
    exact = [Category(c.name, c.observed, c.signal, c.backgrounds) for c in mine]
    other = [Category("a", 6, 4.0, mine[0].backgrounds, scale), mine[1]]
    for name, categories in zip(list(found)[1:], (fixed, exact, other), strict=True):
        expected = fit(Likelihood(categories))
        assert found[name].value == pytest.approx(expected.value, abs=1e-6)
        assert found[name].plus == pytest.approx(expected.plus, abs=1e-6)
    assert found["background exactly known"].plus < fit(Likelihood(mine)).plus  # type: ignore[operator]


def test_of_the_published_counts() -> None:
    """One bin with the background known: 10.89 +4.04 -3.48 of a fit written apart from this program (with the scale's 6.4 %)."""
    found = {v.what: v.fit for v in branching_ratio("run1").variations}
    assert 8.4 * found["all counts in one category"].value == pytest.approx(10.89, rel=0.01)
    assert "signal as simulated" not in " ".join(found)
    with_signal = measure("run1", wanted_counts("run1"), simulated={"run1-2018-s1": 1.5, "run1-2018-s2": 6.0})
    assert with_signal.variations[-1].what == "signal as simulated here (run1-2018)"
    assert branching_ratio("run1", "one").variations == ()
