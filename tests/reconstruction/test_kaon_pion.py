"""K-pi association: discriminants against integrals, and the rules of acceptance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from na62sim.geometry import load_detector
from na62sim.reconstruction.kaon_pion import accepted, beyond, kaon_pion, may_be_kaon

K = kaon_pion(load_detector("run1-2018-s2"))


def bell(x: float, *parts: tuple[float, float]) -> float:
    """A sum of Gaussians: weight and width."""
    return sum(w * math.exp(-0.5 * (x / s) ** 2) for w, s in parts)


@pytest.mark.parametrize("x", [0.3, 1.5, 4.0, 9.0, 20.0])
def test_share_of_true_pairs_beyond_a_distance(x: float) -> None:
    """The density of NA62's matching tool (mm), integrated here."""

    def density(v: float) -> float:
        return bell(v, (0.0702, 1.47), (0.0229, 2.6)) + 0.0145 * math.exp(-0.319 * v) + 3.3e-5 - 1.6e-6 * v

    def positive(v: float) -> float:
        return max(density(v), 0.0)

    expected = quad(positive, x, 25.0)[0] / quad(positive, 0.0, 25.0)[0]
    assert beyond(K.cda, x / 25.0) == pytest.approx(expected, abs=2e-5)
    if x == 4.0:
        assert expected == pytest.approx(0.09, abs=0.02)  # as the method's description says


@pytest.mark.parametrize("t", [0.05, 0.13, 0.3, 0.55])
def test_share_of_true_pairs_beyond_a_time(t: float) -> None:
    for table, parts in (
        (K.ktag, ((0.027, 0.13), (0.0017, 0.23))),
        (K.rich, ((0.026, 0.141), (0.001, 0.279))),
    ):
        whole = quad(lambda v, parts=parts: bell(v, *parts), 0.0, 1.0)[0]
        expected = quad(lambda v, parts=parts: bell(v, *parts), t, 1.0)[0] / whole
        assert beyond(table, t) == pytest.approx(expected, abs=2e-5)
    assert beyond(K.ktag, 1.0) == beyond(K.ktag, np.nan) == 0.0


def test_beam_tracks_that_may_be_the_kaon() -> None:
    """Within 0.6 ns, and chi2 below 20 about 74.9 ± 0.9 GeV/c, 1.22 ± 0.12 and 0.025 ± 0.10 mrad."""
    good = (0.0, 74.9e3, 1.22e-3, 0.025e-3)
    assert may_be_kaon(*good, K)
    assert may_be_kaon(0.59, *good[1:], K) and not may_be_kaon(-0.61, *good[1:], K)
    for k, width in ((1, 0.9e3), (2, 0.12e-3), (3, 0.1e-3)):
        for n, expected in ((4.4, True), (4.5, False)):
            track = list(good)
            track[k] += n * width
            assert may_be_kaon(*track, K) is expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0.2, 0.2, 0.0, 1, True), True),
        ((0.031, 0.006, 0.0, 1, True), True),  # one above 0.03, both above 0.005
        ((0.029, 0.029, 0.0, 1, True), False),
        ((0.5, 0.004, 0.0, 1, True), False),
        ((0.2, 0.2, 0.19, 3, False), True),  # few candidates are not ambiguous
        ((0.2, 0.2, 0.10, 4, True), True),
        ((0.2, 0.2, 0.14, 4, True), False),  # the best two within a factor 1.5
        ((0.2, 0.2, 0.10, 4, False), False),  # another one is likelier against pile-up
        ((0.2, 0.2, 0.0, 7, True), False),
    ],
)
def test_rules_of_acceptance(arguments: Any, expected: bool) -> None:
    assert bool(accepted(*arguments, K)) is expected
