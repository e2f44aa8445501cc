"""Outlines that kernels and arrays share: the same answer, and the right one beside every edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.path import Path

from na62sim.core.kernel import kernel
from na62sim.detector.response.veto import VetoArrays, in_irc, on_irc, veto_arrays
from na62sim.geometry import load_detector
from na62sim.geometry.annulus import in_annulus, on_annulus
from na62sim.geometry.lkr import LkrArrays, in_lkr, lkr_arrays, on_lkr

N = 20_000


@kernel
def _one_by_one(x: Any, y: Any, lkr: LkrArrays, veto: VetoArrays, lkr_out: Any, irc_out: Any, ring_out: Any) -> None:
    for i in range(x.size):
        lkr_out[i], irc_out[i] = in_lkr(x[i], y[i], lkr), in_irc(x[i], y[i], veto)
        ring_out[i] = in_annulus(x[i] * x[i] + y[i] * y[i], 125.0, 1100.0)


def points(size: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Random points (mm) of a square."""
    x, y = np.random.default_rng(5).uniform(-size, size, (2, N))
    return x, y


@pytest.mark.parametrize("size", [1400.0, 200.0])
def test_kernels_and_arrays_agree(size: float) -> None:
    detector = load_detector("run1-2018-s2")
    lkr, veto, (x, y) = lkr_arrays(detector), veto_arrays(detector), points(size)
    one_by_one = np.empty((3, N), dtype=bool)
    _one_by_one(x, y, lkr, veto, *one_by_one)
    at_once = on_lkr(x, y, lkr), on_irc(x, y, veto), on_annulus(x * x + y * y, 125.0, 1100.0)
    np.testing.assert_array_equal(one_by_one, at_once)
    assert all(0.02 < inside.mean() < 0.98 for inside in at_once[:: 1 if size < 300 else 2])


def test_edges_of_the_lkr() -> None:
    """A millimetre inside and outside of the hole, the sides, the diagonals and the cut corners, in all quadrants."""
    block = load_detector("run1-2018-s2").lkr
    lkr = lkr_arrays(load_detector("run1-2018-s2"))
    middle = 0.5 * block.diagonal_mm
    edges = [
        ((block.hole_radius_mm, 0.0), (1.0, 0.0)),
        ((block.apothem_mm, 0.0), (-1.0, 0.0)),
        ((0.0, block.apothem_mm), (0.0, -1.0)),
        ((middle, middle), (-1.0, -1.0)),
    ]
    for (x, y), (dx, dy) in edges:
        for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            assert on_lkr(np.array([sx * (x + dx)]), np.array([sy * (y + dy)]), lkr).all()
            assert not on_lkr(np.array([sx * (x - dx)]), np.array([sy * (y - dy)]), lkr).any()
    for x, y in ((block.corner_a_x_mm, block.corner_a_y_mm), (block.corner_b_x_mm, block.corner_b_y_mm)):
        assert not on_lkr(np.array([x + 1.0]), np.array([y + 1.0]), lkr).any()


# first quadrant of the LKr's outline (mm): sides, diagonal and the two steps, of which one corner each is cut
QUADRANT = [
    (0, 1130), (468, 1130), (522, 1076), (522, 947), (632, 947), (632, 847), (751, 847), (1130, 468), (1130, 0), (0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("sx", "sy"), [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_the_lkr_is_a_polygon_with_a_hole(sx: int, sy: int) -> None:
    """Every corner, in every quadrant: random points, the more the nearer to the steps."""
    random = np.random.default_rng(7)
    x, y = np.concatenate(
        [random.uniform(0.0, 1200.0, (2, N)), random.uniform((400,) * 2, (800, 1150), (N, 2)).T], axis=1
    )
    expected = Path(QUADRANT).contains_points(np.column_stack([x, y])) & (np.hypot(x, y) >= 80.0)
    lkr = lkr_arrays(load_detector("run1-2018-s2").with_values({"lkr.hole_radius_mm": 80.0}))
    np.testing.assert_array_equal(on_lkr(sx * x, sy * y, lkr), expected)
    for low, high in (((522.0, 947.0), (632.0, 966.0)), ((632.0, 847.0), (751.0, 947.0))):  # behind one corner alone
        inside = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
        assert inside.sum() > 100 and not expected[inside].any()


def test_edges_of_an_annulus() -> None:
    r = np.array([124.9, 125.1, 600.0, 1099.9, 1100.1])
    assert on_annulus(r * r, 125.0, 1100.0).tolist() == [False, True, True, True, False]
