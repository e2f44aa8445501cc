"""Importance sampling of K+ -> pi+ nu nubar: the same distributions with weights, more events where they are wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hepunits import GeV, m
from scipy.stats import chi2

from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.generators.sources.importance import LARGEST, importance_arrays
from na62sim.geometry import load_detector

N = 400_000
S2 = load_detector("run1-2018-s2")
VOLUME = (105.0 * m, 170.0 * m)


def generated(importance: bool, seed: int, shape: str = "vector") -> Truth:
    return Generator(find_process("kpinunu", shape=shape), S2, VOLUME, importance).generate(seed, 0, N)


def q2_and_p(truth: Truth) -> tuple[Any, Any]:
    """q^2 (GeV^2) and the momentum of the pion in the laboratory (GeV/c)."""
    q = truth.p[0] - truth.p[1]
    return (q[3] ** 2 - (q[:3] ** 2).sum(axis=0)) / GeV**2, np.sqrt((truth.p[1, :3] ** 2).sum(axis=0)) / GeV


@pytest.mark.parametrize("shape", ["vector", "scalar", "tensor"])
def test_the_weights_give_back_the_distribution(shape: str) -> None:
    """q^2 against momentum, 12 x 12 bins: chi2 of weighted and plain events with p > 1e-3, at seeds 3 and 4."""
    plain, drawn = generated(False, 3, shape), generated(True, 4, shape)
    assert plain.importance is None and drawn.importance is not None
    edges = np.linspace(0.0, 0.13, 13), np.linspace(0.0, 60.0, 13)
    a = np.histogram2d(*q2_and_p(plain), edges)[0]
    x, w = q2_and_p(drawn), drawn.importance
    b, b2 = (np.histogram2d(*x, edges, weights=k)[0] for k in (w, w**2))
    some = np.histogram2d(*x, edges)[0] > 20
    assert some.sum() > 30
    statistic = float(((a - b)[some] ** 2 / (a + b2)[some]).sum())
    assert chi2.sf(statistic, int(some.sum())) > 1e-3
    assert w.max() <= LARGEST and w.min() > 0.0
    assert abs(w.mean() - 1.0) < 4.0 * w.std() / np.sqrt(N)


def test_events_are_where_they_are_wanted() -> None:
    """Nine of ten lie in a signal region and its momentum range, of plain events every third."""
    s = S2.pinunu

    def share(truth: Truth) -> float:
        q2, p = q2_and_p(truth)
        windows = ((s.r1_GeV2, s.r1_p_GeV), (s.r2_GeV2, s.r2_p_GeV))
        return float(sum(((q2 > a) & (q2 < b) & (p > low) & (p < high)).mean() for (a, b), (low, high) in windows))

    assert share(generated(False, 1)) < 0.35 and share(generated(True, 1)) > 0.88


def test_maps_cover_the_interval() -> None:
    """From 0 to 1, increasing: the mean of the weights is 1 exactly."""
    arrays = importance_arrays(generated(True, 1).chain, S2)
    for edges in (arrays.mass[None], arrays.angle):
        assert np.all(edges[:, 0] == 0.0) and np.all(edges[:, -1] == 1.0)
        assert np.all(np.diff(edges, axis=1) > 0.0)


def test_the_beam_is_the_same() -> None:
    """The kaon and where it decays do not know of it; an event is the same in any batch."""
    g = Generator(find_process("kpinunu"), S2, VOLUME, True)
    one, other = g.generate(1, 0, 3000), Generator(find_process("kpinunu"), S2, VOLUME).generate(1, 0, 3000)
    np.testing.assert_array_equal(one.weight, other.weight)
    np.testing.assert_array_equal(one.vertex, other.vertex)
    part = g.generate(1, 1000, 700)
    assert one.importance is not None and part.importance is not None
    np.testing.assert_array_equal(part.p, one.p[:, :, 1000:1700])
    np.testing.assert_array_equal(part.importance, one.importance[1000:1700])
    np.testing.assert_array_equal(one.take(np.array([5, 9])).drawn_weight, one.drawn_weight[[5, 9]])


def test_other_decays_are_refused() -> None:
    with pytest.raises(ValueError, match="K\\+ -> pi\\+ nu nubar alone, not for k2pi"):
        Generator(find_process("k2pi"), S2, VOLUME, True)
