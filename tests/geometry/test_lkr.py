"""The outline of the LKr: what is accepted lies inside what is there."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.geometry import load_detector
from na62sim.geometry.lkr import lkr_arrays, meets_lkr, on_lkr


def test_as_many_cells_as_there_are() -> None:
    """13 248 cells of 19.738 mm fill the octagon (NA48): centres of a square grid on it, within 1 %."""
    lkr = lkr_arrays(load_detector("run1-2018-s2"))
    at = (np.arange(140) - 69.5) * 19.738
    assert sum(bool(meets_lkr(x, y, lkr)) for x in at for y in at) == pytest.approx(13_248, rel=0.01)


def test_what_is_accepted_is_there() -> None:
    """No accepted point is off the cells, and photons that pass inside LAV 12 (1070 mm) meet them: there is no gap."""
    lkr = lkr_arrays(load_detector("run1-2018-s2"))
    x, y = np.random.default_rng(1).uniform(-1300.0, 1300.0, (2, 20_000))
    there = np.array([meets_lkr(a, b, lkr) for a, b in zip(x, y, strict=True)])
    assert not (on_lkr(x, y, lkr) & ~there).any()
    r = np.hypot(x, y)
    assert there[(r > 86.0) & (r < 1110.0)].all() and not there[r > 1354.0].any()
    assert not meets_lkr(float("nan"), 0.0, lkr)
