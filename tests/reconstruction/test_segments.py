"""Segments of other particles beside a track: found where they should be, and not made of the track's own hits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.geometry import load_detector
from na62sim.geometry.segments import segment_arrays
from na62sim.reconstruction.segments import count_segments

S = segment_arrays(load_detector("run1-2018-s2"))
Z = [183508.0, 194066.0, 204459.0, 218885.0]
OFFSETS = [-173.5, -116.5, 116.5, 173.5]


def hits_of(lines: list[tuple[float, float, float, float]], chambers: tuple[int, ...] = (0, 1, 2, 3)) -> list[Any]:
    """Hits of straight lines (x, y at STRAW 1 in mm, slopes) in some chambers."""
    r = np.sqrt(0.5)
    found = []
    for x0, y0, sx, sy in lines:
        for c in chambers:
            for v, dz in enumerate(OFFSETS):
                d = Z[c] - Z[0] + dz
                x, y = x0 + sx * d, y0 + sy * d
                found.append((c, v, ((x - y) * r, (x + y) * r, x, y)[v]))
    return found


TRACK = (-300.0, -100.0, -0.002, -0.001)


def count(*others: Any) -> int:
    """Segments beside a straight track (of infinite momentum)."""
    hits = hits_of([TRACK]) + [h for other in others for h in other]
    straw = {
        "offsets": np.array([0, len(hits)]),
        "chamber": np.array([h[0] for h in hits], dtype=np.uint8),
        "view": np.array([h[1] for h in hits], dtype=np.uint8),
        "position": np.array([h[2] for h in hits], dtype=np.float32),
    }
    x, y, u, v = TRACK
    d = Z[3] - Z[0]
    tracks = {
        "event": np.array([0]), "n_views": np.array([16]), "x": np.array([x]), "y": np.array([y]), "u": np.array([u]),
        "v": np.array([v]), "x_after": np.array([x + u * d]), "y_after": np.array([y + v * d]), "u_after": np.array([u]),
        "v_after": np.array([v]),
    }  # fmt: skip
    return int(count_segments(straw, tracks, S)[0])


def test_a_lone_track_has_no_segment() -> None:
    assert count() == 0


def test_a_particle_before_the_magnet_is_found() -> None:
    assert count(hits_of([(400.0, 200.0, 0.005, 0.003)], (0, 1))) > 0


@pytest.mark.parametrize(("sx", "sy"), [(0.022, 0.0), (0.0, 0.022), (-0.022, 0.0)])
def test_steep_ones_before_the_magnet_do_not_count(sx: float, sy: float) -> None:
    assert count(hits_of([(400.0, 200.0, sx, sy)], (0, 1))) == 0


def test_one_chamber_is_no_segment() -> None:
    assert count(hits_of([(400.0, 200.0, 0.005, 0.003)], (0,))) == 0


def test_close_to_the_track_it_is_its_own() -> None:
    near = (TRACK[0] + 20.0, TRACK[1] + 10.0, TRACK[2], TRACK[3])
    assert count(hits_of([near], (0, 1))) == 0


@pytest.mark.parametrize(("p", "found"), [(-30.0, True), (-70.0, True), (5.0, True), (20.0, False), (-120.0, False)])
def test_momentum_behind_the_magnet(p: float, found: bool) -> None:
    """A particle from the vertex of the track, bent by 270 MeV/c over p (GeV/c, with its charge): kept from -90 to 10."""
    z_magnet, bend = 196995.0, -0.27 / p
    along = TRACK[2] - 1.2e-3, TRACK[3]
    x0 = TRACK[0] - 1.2e-3 * (Z[0] - 102400.0)
    vertex = Z[0] - (x0 * along[0] + TRACK[1] * along[1]) / (along[0] ** 2 + along[1] ** 2)
    vertex = min(max(vertex, 102400.0), Z[0])
    vx = 1.2e-3 * (vertex - 102400.0)
    slope, y_slope = 0.004, 0.003
    at_magnet = vx + slope * (z_magnet - vertex)
    after = slope + bend
    line = (at_magnet - after * (z_magnet - Z[0]), y_slope * (Z[0] - vertex), after, y_slope)
    assert (count(hits_of([line], (2, 3))) > 0) is found


@pytest.mark.parametrize("sx", [-0.09, -0.05, 0.03, 0.09])
def test_views_agree_whatever_the_slope_behind_the_magnet(sx: float) -> None:
    """A soft particle bent by 30 to 90 mrad moves by up to 31 mm between the views; beside the beam Y has no straws."""
    hits = hits_of([(-sx * (Z[2] - Z[0]) + 350.0, 150.0, sx, 0.004)], (2, 3))
    assert count(hits) > 0
    assert count([h for h in hits if h[1] != 3]) > 0


def test_hits_of_two_particles_do_not_agree() -> None:
    """Two views of one and two of another, in both chambers, are no points: far from the hole a point has three views."""
    one = [h for h in hits_of([(600.0, 300.0, 0.001, 0.002)], (0, 1)) if h[1] < 2]
    other = [h for h in hits_of([(-500.0, 400.0, -0.002, 0.003)], (0, 1)) if h[1] > 1]
    assert count(one + other) == 0
