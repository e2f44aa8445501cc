"""Close tracks in the straws: the hits that are left, against a count of straws in plain Python.

Straw geometry of the NA62 software framework: four layers of pitch 17.6 mm, inner radius 4.875 mm; fixed seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from na62sim.detector.response.shared_straws import BUCKETS, MOST, StrawHits, ViewHits, share_straws
from na62sim.geometry import load_detector
from na62sim.geometry.straw import straw_arrays

PITCH, LAYERS, RADIUS, SIGMA = 17.6, 4, 4.875, 0.0876
FloatArray = npt.NDArray[np.float64]


def crossed(q: float) -> set[tuple[int, int]]:
    """Straws (layer, number in the layer) that a track at coordinate q crosses: layers shifted by a quarter pitch."""
    straws = set()
    for layer in range(LAYERS):
        for number in range(int(q // PITCH) - 2, int(q // PITCH) + 3):
            if abs(q - PITCH * number - PITCH / LAYERS * layer) < RADIUS:
                straws.add((layer, number))
    return straws


def wire(straw: tuple[int, int]) -> float:
    return PITCH * straw[1] + PITCH / LAYERS * straw[0]


def expected_hits(q: list[float]) -> list[tuple[float, ...]]:
    """Per track the coordinates its hits are about: one, two (a mirror image) or none; the tracks differ in straws."""
    straws = [crossed(a) for a in q]
    nearest = {s: min((k for k in range(len(q)) if s in straws[k]), key=lambda k: abs(q[k] - wire(s)))
               for s in set().union(*straws)}  # fmt: skip
    held = [{s for s in straws[k] if nearest[s] == k} for k in range(len(q))]
    kept = [k for k in sorted(range(len(q)), key=lambda k: q[k]) if held[k]]

    def own(k: int) -> set[tuple[int, int]]:
        return straws[k] - set().union(*(straws[i] for i in kept if i != k))

    while lost := [k for k in kept if not own(k)]:
        kept.remove(min(lost, key=lambda k: len(held[k])))
    mirror = {k: 2.0 * wire(min(held[k])) - q[k] for k in kept if len(held[k]) == 1}
    return [() if k not in kept else ((q[k], mirror[k]) if k in mirror else (q[k],)) for k in range(len(q))]


def shared(q: FloatArray, noise: FloatArray | None = None, least: int = 1) -> list[FloatArray]:
    """Hits of events with tracks at q (n, tracks) in one view; a hit needs ``least`` straws."""
    out, detector = [], load_detector("run1-2018-s2")
    arrays = straw_arrays(detector)._replace(spacing=PITCH / LAYERS, radius=RADIUS, least=least)
    for k, row in enumerate(q):
        m = len(row)
        chamber, view, time = np.full(2 * m, 2, np.uint8), np.full(2 * m, 1, np.uint8), np.zeros(2 * m, np.float32)
        position = np.zeros(2 * m, np.float32)
        position[:m] = row + (0.0 if noise is None else noise[k])
        rows, true, count = np.zeros((BUCKETS, MOST), np.int64), np.zeros((BUCKETS, MOST)), np.zeros(BUCKETS, np.int64)
        rows[9, :m], true[9, :m], count[9] = np.arange(m), row, m
        close = (np.diff(np.sort(row)) < 2 * RADIUS).any()
        hits = StrawHits(chamber, view, position, time)
        views = ViewHits(rows, true, count, np.empty(MOST), np.empty((5, MOST), np.int64))
        end = share_straws(0, m, int(close) << 9, arrays, hits, views)
        assert set(chamber[:end]) <= {2} and set(view[:end]) <= {1}
        out.append(np.sort(position[:end].astype(float)))
    return out


def test_a_track_crosses_two_or_three_straws() -> None:
    """The evenly staggered layers leave no gap; mean 4 x 9.75 / 17.6 = 2.216."""
    number = [len(crossed(q)) for q in np.linspace(0.0, PITCH, 8801)[:-1]]
    assert set(number) == {2, 3} and np.mean(number) == pytest.approx(LAYERS * 2 * RADIUS / PITCH, abs=1e-3)


@pytest.mark.parametrize("tracks", [2, 3, 5])
def test_hits_that_are_left(tracks: int) -> None:
    """Number and place of the hits of close tracks; two without a straw that tells them apart are one, in between."""
    rng = np.random.default_rng(tracks)
    q = rng.uniform(-300.0, 300.0, (1500, 1)) + rng.uniform(-4.0 * tracks, 4.0 * tracks, (1500, tracks))
    merged = 0
    for row, hits in zip(q, shared(q), strict=True):
        if len({frozenset(crossed(a)) for a in row}) < tracks:  # the same straws: looked at below
            merged += 1
            assert len(hits) < 2 * tracks
            continue
        expected = sorted(a for found in expected_hits(list(row)) for a in found)
        # the wire of a mirror image that falls on the hit itself stays a hit
        np.testing.assert_allclose(hits, expected, rtol=0.0, atol=1e-4)
    assert 20 < merged < 1400


def test_both_tracks_against_their_separation() -> None:
    """0 at zero separation, 1 from a wire distance of 4.4 mm on; in between the straws' edges decide.

    A right edge of a straw must lie between the tracks, and a left one: edges of both kinds every 4.4 mm, 0.95 mm
    and 3.45 mm apart in turn. Without an ambiguous side from 9.75 mm on. 2000 pairs each, 4 standard deviations.
    """
    rng = np.random.default_rng(1)
    step, overlap = PITCH / LAYERS, 2 * RADIUS - 2 * PITCH / LAYERS
    assert overlap == pytest.approx(0.95)
    both = {}
    for s in (0.0, 0.5, 1.5, 2.5, 3.0, 4.0, 4.4001, 6.0, 8.0, 9.76, 20.0, 2 * PITCH):
        q = rng.uniform(0.0, PITCH, 2000)
        pairs = np.stack((q, q + s), axis=1)
        hits = shared(pairs)
        own = [len(found) > 1 for found in hits]
        plain = [all(len(h) == 1 for h in expected_hits(list(pair))) for pair in pairs[:300]]
        both[s] = np.mean(own)
        left = max(s - overlap, 0.0) + max(s - (step - overlap), 0.0)
        assert np.all([len(crossed(a) - crossed(b)) > 0 and len(crossed(b) - crossed(a)) > 0 for a, b in pairs[own]])
        probability = min(left / step, 1.0)
        assert both[s] == pytest.approx(probability, abs=4.0 * np.sqrt(probability * (1 - probability) / 2000) + 1e-9)
        assert s < 9.75 or np.all(plain)
        assert s < 9.75 or all(len(h) == 2 for h in hits)
    assert both[0.0] == 0.0 and both[4.4001] == 1.0


def test_merged_hit_lies_between() -> None:
    """Two tracks in the same two straws, each the nearer to one of the wires: the hit is in the middle."""
    np.testing.assert_allclose(shared(np.array([[1.0, 3.0]]))[0], [2.0], atol=1e-6)
    # in the same three straws: the one on the wire of the middle straw is nearest to two wires of three
    np.testing.assert_allclose(shared(np.array([[-0.4, 0.1]]))[0], [(-0.4 + 0.1 + 0.1) / 3], atol=1e-6)
    # the noise is that of one of the tracks
    np.testing.assert_allclose(shared(np.array([[1.0, 1.0]]), np.array([[0.05, 0.2]]))[0], [1.05], atol=1e-6)


def test_single_straw_resolution_and_mirror_image() -> None:
    """One straw left: 0.130 mm (the design value of a single straw) about the track and about its mirror image."""
    q = np.array([[0.9, 5.0]])  # straws 0 and 1, straws 1 and 2; in straw 1 the second is nearer
    assert expected_hits([0.9, 5.0]) == [(0.9, -0.9), (5.0,)]
    rng = np.random.default_rng(5)
    noise = SIGMA * rng.standard_normal((20_000, 2))
    hits = np.array(shared(np.repeat(q, 20_000, axis=0), noise))
    assert hits.shape == (20_000, 3)
    np.testing.assert_allclose(hits.mean(axis=0), [-0.9, 0.9, 5.0], atol=0.004)
    np.testing.assert_allclose(hits.std(axis=0), [0.1304, 0.1304, SIGMA], rtol=0.02)
    np.testing.assert_allclose(hits[:, 0], -hits[:, 1], atol=1e-5)


@pytest.mark.parametrize("tracks", [2, 4])
def test_a_hit_needs_two_straws(tracks: int) -> None:
    """With two straws asked for, those with one are gone, and nothing else is: no mirror image is left."""
    rng = np.random.default_rng(10 + tracks)
    q = rng.uniform(-300.0, 300.0, (1000, 1)) + rng.uniform(-4.0 * tracks, 4.0 * tracks, (1000, tracks))
    q = q[[len({frozenset(crossed(a)) for a in row}) == tracks for row in q]]
    gone = 0
    for row, hits in zip(q, shared(q, least=2), strict=True):
        expected = [found for found in expected_hits(list(row)) if found]
        np.testing.assert_allclose(hits, sorted(a for a, *mirror in expected if not mirror), rtol=0.0, atol=1e-4)
        gone += sum(len(found) == 2 for found in expected)
    assert gone > 100


def pair(bench: Any, shoot: Any, n: int) -> Any:
    """Events of K+ -> pi+ (a -> e+ e-) (a -> e+ e-) with light a: many close tracks."""
    from na62sim.generators.chain.process import Process

    return bench.generate(Process("K+ -> pi+ (a -> e+ e-) (a -> e+ e-)", mass={"a": 5.0}), n)


@pytest.mark.parametrize("least", [1, 2])
def test_hits_of_events_with_close_tracks(bench: Any, shoot: Any, least: int) -> None:
    """No two hits of isolated tracks change; close ones lose hits, and have mirror images where one straw is enough."""
    from na62sim.detector.response import straw

    sure = {"straw.view_efficiency": 1.0, "straw.quality_efficiency": 1.0, "straw.tail_fraction": 0.0}
    detector = bench.detector.with_values(sure)
    truth = pair(bench, shoot, 300)
    tracks = bench.off("matter", "decays").carry(truth)
    arrays = straw_arrays(detector)
    assert arrays.least == 2  # left and right of the wire are settled by a second straw
    arrays = arrays._replace(least=least)
    hits = straw.straw_hits(7, truth, tracks, arrays)
    apart = straw.straw_hits(7, truth, tracks, arrays._replace(radius=1e-9))
    lost, mirrored, checked = 0, 0, 0
    for i in range(300):
        a, b = (slice(h["offsets"][i], h["offsets"][i + 1]) for h in (hits, apart))
        for c in range(4):
            for v in range(4):
                left, alone = (
                    np.sort(h["position"][s][(h["chamber"][s] == c) & (h["view"][s] == v)].astype(float))
                    for h, s in ((hits, a), (apart, b))
                )
                if len(alone) < 2:
                    np.testing.assert_array_equal(left, alone)
                    continue
                checked += 1
                if np.diff(alone).min() > 2 * RADIUS + 0.6:
                    np.testing.assert_array_equal(left, alone)
                lost += len(left) < len(alone)
                mirrored += len(left) > len(alone)
    assert checked > 2000 and lost > 100 and (mirrored > 20 if least == 1 else mirrored == 0)


def test_close_tracks_do_not_depend_on_the_chunk(bench: Any, shoot: Any) -> None:
    from dataclasses import replace

    from na62sim.detector.response import straw
    from na62sim.geometry.straw import straw_arrays

    truth = pair(bench, shoot, 60)
    arrays = straw_arrays(bench.detector)
    whole = straw.straw_hits(7, truth, bench.carry(truth), arrays)
    for cut in (slice(0, 17), slice(17, 60)):
        part = replace(truth, events=truth.events[cut], p=truth.p[:, :, cut].copy(), vertex=truth.vertex[:, :, cut].copy(),
                       gtk=truth.gtk[:, cut].copy(), weight=truth.weight[cut])  # fmt: skip
        found = straw.straw_hits(7, part, bench.carry(part), arrays)
        rows = slice(whole["offsets"][cut.start], whole["offsets"][cut.stop])
        for name in ("chamber", "view", "position", "time"):
            np.testing.assert_array_equal(found[name], whole[name][rows])
