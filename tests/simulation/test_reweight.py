"""Other weights for a sample that exists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import na62sim as na

DETECTOR = "run1-2018-s2"


def m2(pion: Any, first: Any, second: Any) -> Any:
    """Falls with the energy of the pion at rest."""
    return (1.0 - pion[3] / 300.0) ** 2


def test_a_flat_decay_becomes_that_of_the_function() -> None:
    n = 20_000
    flat = na.simulate("K+ -> pi+ nu nubar", n, DETECTOR, seed=1)
    dedicated = na.simulate(na.Process("K+ -> pi+ nu nubar", amplitude={"K+": m2}), n, DETECTOR, seed=2)
    again = na.reweight(flat, m2)
    assert again.provenance.extra["reweighted"] == [f"{__name__}:m2"] and len(again) == n
    assert np.array_equal(again["truth"]["px"], flat["truth"]["px"])
    ratio = again["events"]["weight"] / flat["events"]["weight"]
    assert ratio.mean() == pytest.approx(1.0, rel=1e-12) and ratio.std() > 0.1

    def mean_of_pion(sample: na.Sample) -> tuple[float, float]:
        truth, w = sample["truth"], sample["events"]["weight"]
        assert truth.offsets is not None
        energy = truth["energy"][truth.offsets[:-1] + 1]
        mean = np.average(energy, weights=w)
        return mean, float(np.sqrt((w**2 * (energy - mean) ** 2).sum()) / w.sum())

    (a, da), (b, db), (c, _) = (mean_of_pion(s) for s in (again, dedicated, flat))
    assert abs(a - b) < 4.0 * np.hypot(da, db)  # p = 6e-5
    assert abs(a - c) > 10.0 * da
    selected = [na.select(na.reconstruct(s), "pinunu").acceptance for s in (again, dedicated)]
    assert abs(selected[0].value - selected[1].value) < 4.0 * np.hypot(selected[0].stat, selected[1].stat)


def test_the_momenta_are_those_at_rest_of_the_particle_named() -> None:
    seen: list[Any] = []

    def spy(*daughters: Any) -> Any:
        seen.append(daughters)
        return np.full(daughters[0].shape[1], 3.0)

    sample = na.simulate("K+ -> pi+ (X -> e+ e-) (X -> e+ e-)", 500, DETECTOR, m_X=120.0, tau_X=0.1)
    weights = na.reweight(sample, spy, particle="X")["events"]["weight"]
    assert weights == pytest.approx(sample["events"]["weight"])
    (plus, minus) = seen[0]
    assert plus.shape == (4, 1000)  # two of them in each event
    assert np.allclose(plus[3] + minus[3], 120.0) and np.allclose(plus[:3] + minus[:3], 0.0, atol=1e-6)


def test_what_is_refused() -> None:
    sample = na.simulate("kmu2", 50, DETECTOR)
    with pytest.raises(ValueError, match=r"it must return one number per event, shape \(50,\)"):
        na.reweight(sample, lambda *p: 1.0)
    with pytest.raises(ValueError, match="it is 0 in all of 50 events"):
        na.reweight(sample, lambda *p: np.zeros(p[0].shape[1]))
    with pytest.raises(ValueError, match="reweight: no decay of pi0 in the sample"):
        na.reweight(sample, lambda *p: p[0][3], particle="pi0")
    with pytest.raises(ValueError, match="No module named 'no_such'"):
        na.reweight(sample, "no_such:f")
