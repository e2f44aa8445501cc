"""L0 conditions of events with several tracks, and the masks of the multi-track streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.detector.trigger import L0_BITS, L1_BITS, _decide, trigger_arrays, trigger_bits
from na62sim.sample.hits import HITS

TILE_X, TILE_Y, MUV3_TILE = 134.0, 108.0, 220.0


def bits(
    bench: Any, newchod: Any = (), lkr: Any = (), muv3: Any = (), rich: int = 12, tracks: Any = (), lav: Any = ()
) -> Any:
    """Trigger words of one event: tiles (x, y), LKr energies (MeV), MUV3 tiles, signed curvatures, stations."""

    def group(name: str, n: int, **columns: Any) -> dict[str, Any]:
        given = {key: np.array(values) for key, values in columns.items()}
        return {"offsets": np.array([0, n])} | {f.name: np.zeros(n, f.dtype) for f in HITS[name]} | given

    def tiles(name: str, points: Any) -> dict[str, Any]:
        x, y = np.array(points, dtype=np.float32).reshape(-1, 2).T.copy()
        return group(name, len(x), x=x, y=y)

    k = np.array(tracks, dtype=float)
    zeros = np.zeros(len(k))
    hits = {name: group(name, 0) for name in HITS} | {
        "rich": group("rich", 1, n_hits=[rich]),
        "newchod": tiles("newchod", newchod),
        "muv3": tiles("muv3", muv3),
        "chod": group("chod", len(newchod)),
        "lkr": group("lkr", len(lkr), energy=lkr),
        "lav": group("lav", len(lav), station=lav, n_blocks=np.full(len(lav), 4)),
        "ktag": group("ktag", 1, n_sectors=[8]),
    }
    found = {
        "event": np.zeros(len(k), dtype=np.int64),
        "x": zeros + 100.0,
        "y": zeros,
        "u": zeros + 2e-3,
        "v": zeros,
        "k": k,
    }
    return trigger_bits(1, np.array([5]), hits, found, trigger_arrays(bench.detector))


def names(word: int) -> set[str]:
    return {name for name, bit in L0_BITS.items() if word & bit}


def tile(column: int, row: int) -> tuple[float, float]:
    return (column + 0.5) * TILE_X, (row + 0.5) * TILE_Y


@pytest.mark.parametrize(
    ("tiles", "expected"),
    [
        ([tile(1, 1)], {"Q1", "UTMC"}),
        ([tile(1, 1), tile(1, 1)], {"Q1", "UTMC"}),  # two tracks in one tile are one hit
        ([tile(1, 1), tile(2, 1)], {"Q1", "UTMC", "H2"}),
        ([tile(1, 1), tile(1, -2)], {"Q1", "Q2", "UTMC", "H2"}),
        ([tile(1, 1), tile(-2, -2)], {"Q1", "Q2", "QX", "UTMC", "H2"}),
        ([tile(-2, 1), tile(1, -2)], {"Q1", "Q2", "QX", "UTMC", "H2"}),
        ([tile(k, 1) for k in range(5)], {"Q1", "H2"}),
        ([tile(min(k, 3), 1) for k in range(6)], {"Q1", "UTMC", "H2"}),  # six tracks, four tiles
    ],
)
def test_tiles_and_quadrants(bench: Any, tiles: Any, expected: set[str]) -> None:
    word = names(int(bits(bench, newchod=tiles)["l0"][0]))
    assert word - {"RICH", "CHOD"} == expected


def test_energies_of_clusters_add_up(bench: Any) -> None:
    for energies, expected in (([9e3], set()), ([6e3, 6e3], {"LKr10"}), ([6e3] * 4, {"LKr10", "LKr20"})):
        word = names(int(bits(bench, lkr=energies)["l0"][0]))
        assert {name for name in word if name.startswith("LKr")} == expected


def test_outer_muon_tiles_are_counted_once(bench: Any) -> None:
    outer, other = (2.5 * MUV3_TILE, 1.5 * MUV3_TILE), (-2.5 * MUV3_TILE, 1.5 * MUV3_TILE)
    assert {"MO1", "MUV3"} <= names(int(bits(bench, muv3=[outer, outer])["l0"][0])) - {"MO2"}
    assert "MO2" not in names(int(bits(bench, muv3=[outer, outer])["l0"][0]))
    assert "MO2" in names(int(bits(bench, muv3=[outer, other])["l0"][0]))


def test_masks_of_the_multi_track_streams(bench: Any) -> None:
    """RICH QX and a negative track, D = 100; with LKr20 and without LAV, D = 8 (data sheet 5.2)."""
    masks = bench.detector.trigger.masks
    assert (masks["multi_track"].downscaling, masks["electron_multi_track"].downscaling) == (100, 8)

    def met(**event: Any) -> set[str]:
        word = int(bits(bench, newchod=[tile(1, 1), tile(-2, -2)], **event)["masks"][0])
        return {name for k, name in enumerate(masks) if word >> k & 1} & {"multi_track", "electron_multi_track"}

    negative = [1e-5, -1e-5, 1e-5]
    assert met(tracks=negative, lkr=[15e3, 8e3]) == {"multi_track", "electron_multi_track"}
    assert met(tracks=negative, lkr=[15e3]) == {"multi_track"}
    assert met(tracks=negative, lkr=[25e3], lav=[3]) == {"multi_track"}
    assert met(tracks=negative, lkr=[25e3], lav=[12]) == {"multi_track", "electron_multi_track"}  # not used at L1
    assert met(tracks=[1e-5, 1e-5], lkr=[25e3]) == set()
    assert met(tracks=negative, lkr=[25e3], rich=1) == set()


def test_masks_of_all_combinations(bench: Any) -> None:
    """Of random conditions, against the declared words; what downscaling leaves within 4.5 sigma (p = 7e-6)."""
    declared, random = bench.detector.trigger.masks, np.random.default_rng(4)
    l0, l1 = (random.integers(0, 2, (40_000, len(b))) @ [*b.values()] for b in (L0_BITS, L1_BITS))
    masks, taken = np.zeros((2, len(l0)), dtype=np.uint32)
    _decide(np.uint64(7), np.arange(len(l0)), l0.astype(np.uint32), l1.astype(np.uint32), trigger_arrays(bench.detector),
            masks, taken)  # fmt: skip
    assert masks.max() < 1 << len(declared)
    for k, mask in enumerate(declared.values()):
        expected = np.ones(len(l0), dtype=bool)
        for word, bits_, found in [(w, L0_BITS, l0) for w in mask.l0] + [(w, L1_BITS, l1) for w in mask.l1]:
            expected &= ((found & bits_[word.lstrip("!")]) == 0) == word.startswith("!")
        np.testing.assert_array_equal(masks >> k & 1, expected)
        kept, n = (taken >> k & 1).astype(bool), int(expected.sum())
        assert n > 100 and not (kept & ~expected).any()
        share = 1.0 / max(mask.downscaling, 1.0)
        assert abs(kept.sum() - n * share) <= 4.5 * np.sqrt(n * share * (1.0 - share)) + 1e-9
