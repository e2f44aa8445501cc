"""Points of a STRAW chamber: against straight tracks whose hits are known. Fixed seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.core.kernel import kernel
from na62sim.geometry.straw import straw_arrays
from na62sim.reconstruction.pattern import SPOT_SIZE
from na62sim.reconstruction.points import (
    LANE_SIZE,
    MAX_HITS,
    MAX_POINTS,
    NO_HIT,
    PAIR_LANES,
    PAIRS,
    R_C,
    SHIFT,
    TABLE_SIZE,
    WEAK,
    X,
    Y,
    chamber_points,
    number_of,
    pair_table,
    place_of,
)

R = np.sqrt(0.5)
OFFSETS = np.array([-173.5, -116.5, 116.5, 173.5])  # mm, views U, V, X, Y
HOLE = 114.4  # mm, of STRAW 2
LANES = MAX_POINTS + 8


@kernel
def points_of(
    strict: bool, hit: Any, count: Any, table: Any, bits: Any, kind: Any, spot: Any, lane: Any, chosen: Any
) -> int:
    return int(chamber_points(strict, hit, count, table, bits, kind, spot, lane, chosen))


@kernel
def fill_table(straw: Any, table: Any) -> None:
    pair_table(straw, table)


@kernel
def count_bits(bits: Any, number: Any, place: Any) -> None:
    for k in range(bits.size):
        number[k], place[k] = number_of(bits[k]), place_of(bits[k])


def test_bits() -> None:
    """Number and lowest place of 64 bits, the sign too, as Python counts them."""
    rng = np.random.default_rng(1)
    bits = np.concatenate((rng.integers(-(2**63), 2**63, 500), 1 << np.arange(63), [0, -1, -(2**63)]))
    number, place = np.empty_like(bits), np.empty_like(bits)
    count_bits(bits, number, place)
    texts = [f"{int(b) & (2**64 - 1):064b}"[::-1] for b in bits]
    np.testing.assert_array_equal(number, [t.count("1") for t in texts])
    np.testing.assert_array_equal(place, [max(t.find("1"), 0) for t in texts])


def find(bench: Any, hits: list[list[float]], strict: bool) -> Any:
    """Points of STRAW 2: bits, pairs of views, rows."""
    table = np.empty((4, 6 * TABLE_SIZE))
    fill_table(straw_arrays(bench.detector), table)
    hit, count = np.full(4 * MAX_HITS, NO_HIT), np.array([len(q) for q in hits])
    for v, q in enumerate(hits):
        hit[MAX_HITS * v : MAX_HITS * v + len(q)] = q
    bits, kind = np.empty(MAX_POINTS, dtype=np.int64), np.empty(MAX_POINTS, dtype=np.int64)
    spot, lane, chosen = np.zeros(SPOT_SIZE), np.zeros(LANE_SIZE), np.empty(2 * PAIR_LANES, dtype=np.int64)
    n = points_of(strict, hit, count, table[1], bits, kind, spot, lane, chosen)
    return bits[:n], kind[:n], spot


@pytest.mark.parametrize(("tracks", "gone"), [(1, -1), (5, -1), (12, -1), (5, 0), (5, 3)])
def test_every_track_is_a_point(bench: Any, tracks: int, gone: int) -> None:
    """The point of a track has its hits of three or four views, its place, and no view missing without reason.

    A track is from 40 m upstream, up to 10 mrad beside that line. Where a view is without any hits, tracks in its gap are
    strict points; all the others are points of the second pass, with one view missing.
    """
    rng = np.random.default_rng(tracks)
    for _ in range(100):
        x, y = rng.uniform(-600.0, 600.0, (2, tracks))
        y += np.where(np.abs(x - HOLE) < 200.0, np.sign(y) * 200.0, 0.0)  # out of the hole
        sx, sy = (x - HOLE) / 40e3 + rng.uniform(-0.01, 0.01, tracks), y / 40e3 + rng.uniform(-0.01, 0.01, tracks)
        at = [(x + sx * dz, y + sy * dz) for dz in OFFSETS]
        q = [R * (at[0][0] - at[0][1]), R * (at[1][0] + at[1][1]), at[2][0], at[3][1]]
        middle = np.array([R * HOLE, R * HOLE, HOLE, 0.0])
        seen = np.abs(np.array(q) - middle[:, None]) > 63.8
        inside = ~seen
        if gone >= 0:
            seen[gone] = False
        hits = [list(q[v][seen[v]]) for v in range(4)]
        loose = [find(bench, hits, strict) for strict in (True, False)]
        for k in range(tracks):
            if seen[:, k].sum() < 3:
                continue
            mine = 0
            for v in range(4):
                mine |= (1 << MAX_HITS * v + int(seen[v, :k].sum())) if seen[v, k] else 0
            explained = gone < 0 or inside[gone, k]
            bits, kind, spot = loose[0 if explained else 1]
            signed = np.array(mine, dtype=np.uint64).astype(np.int64)
            assert np.any(bits & signed == signed)  # or with the hit of another track where the own one is missing
            row = np.flatnonzero(bits == signed)
            if len(row) == 0:
                assert seen[:, k].sum() == 3
                continue
            i, pair = int(row[0]), PAIRS[kind[row[0]]]
            shift = [spot[SHIFT + e * LANES + i] for e in range(4)]
            assert spot[X + i] - shift[0] * sx[k] - shift[1] * sy[k] == pytest.approx(x[k], abs=1e-6)
            assert spot[Y + i] - shift[2] * sx[k] - shift[3] * sy[k] == pytest.approx(y[k], abs=1e-6)
            close = abs(abs(q[gone][k] - middle[gone]) - 63.8) < 20.0 if gone >= 0 else False
            assert close or spot[WEAK + i] == (0.0 if explained else 1.0)
            assert (spot[R_C + i] == NO_HIT) == (not seen[pair[2], k])
