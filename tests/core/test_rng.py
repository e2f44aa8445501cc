"""Random numbers against Random123, pure-Python Philox and numpy, and as random numbers."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from na62sim.core import rng
from na62sim.core.elementary import normal_pair

MASK = 2**64 - 1
WORDS = st.integers(0, MASK)

# Random123 known-answer vectors: tests/kat_vectors, philox4x64-10
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    ((MASK,) * 4, (MASK,) * 2, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x452821E638D01377, 0xBE5466CF34E90C6C),
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
]

# (seed, event, stream) and the first word of block 0: made once with `philox` below
GOLDEN = [
    (0, 0, 1, 0x19BF6BE67257DF0B),
    (1, 0, 1, 0x05C42B05FF257651),
    (1, 0, 2, 0x95263A0A52DD8226),
    (1, 1, 1, 0xA21EC8E32FC4296E),
    (1, 1, 2, 0x2DE12AACDF57F2F4),
    (1, 2, 2, 0x1B701880999AC5B0),
    (2, 0, 2, 0x4BFC147A6ADA387E),
    (7, 123456, 2, 0xC52461E70CDBBF43),
    (7, 123456, 3, 0x28498237095AD2BC),
    (42, 99, 4, 0xAEFC2894F7F8A2BF),
    (42, 100, 5, 0xE9BDD0844741AA55),
    (42, 101, 6, 0x8061A193EF1CACB3),
    (20260101, 0, 3, 0x921A4D587DD3D266),
    (20260101, 1, 3, 0x5D0DF80723E1AF20),
    (20260101, 1000, 3, 0x0D180875F2B0D254),
    (2147483648, 2147483648, 7, 0xB2186CE35CDFC8EB),
    (4294967296, 4294967296, 8, 0xD53F5A85B001EBCE),
    (9223372036854775808, 5, 9, 0x99D521C3673648D1),
    (18446744073709551615, 9223372036854775807, 16, 0x4021C8BD6BC6A895),
    (123456789, 987654321, 17, 0x91B813DE184CA009),
]


def philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Philox4x64-10 written with Python integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (b >> 64) ^ c1 ^ k0, b & MASK, (a >> 64) ^ c3 ^ k1, a & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c0, c1, c2, c3


def uniforms(
    seed: int, stream: int, events: npt.ArrayLike, rows: int = 4, block0: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """The block-wise uniforms of some events."""
    events = np.atleast_1d(np.asarray(events, dtype=np.int64))
    first = np.zeros_like(events) if block0 is None else np.atleast_1d(np.asarray(block0, dtype=np.int64))
    raw = np.empty((4, events.size), dtype=np.uint64)
    out = np.empty((rows, events.size))
    rng.fill_uniforms(np.uint64(seed), np.uint64(stream), first, events, raw, out)
    return out


def normals(seed: int, stream: int, events: npt.ArrayLike, rows: int = 8) -> npt.NDArray[np.float32]:
    """The block-wise normals of some events."""
    events = np.atleast_1d(np.asarray(events, dtype=np.int64))
    raw = np.empty((4, events.size), dtype=np.uint64)
    out = np.empty((rows, events.size), dtype=np.float32)
    rng.fill_normals(np.uint64(seed), np.uint64(stream), np.zeros_like(events), events, raw, out)
    return out


# --- the generator -------------------------------------------------------------------------------


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answer_vectors(counter: tuple[int, ...], key: tuple[int, ...], answer: str) -> None:
    expected = tuple(int(word, 16) for word in answer.split())
    assert rng.philox4x64(*map(np.uint64, (*counter, *key))) == expected
    assert philox(counter, key) == expected


@settings(deadline=None)
@given(counter=st.tuples(WORDS, WORDS, WORDS, WORDS), key=st.tuples(WORDS, WORDS))
def test_philox_equals_python_integers(counter: tuple[int, ...], key: tuple[int, ...]) -> None:
    assert rng.philox4x64(*map(np.uint64, (*counter, *key))) == philox(counter, key)


def test_project_vectors() -> None:
    """Counter (block, event, stream, 0) and key (seed, 0), by numbers printed before the code was written."""
    assert rng.uniforms4(20260101, 0, 3, 0) == (
        0.5707138386768087, 0.6246033915438376, 0.1368713039978363, 0.330746257688859
    )  # fmt: skip
    assert rng.uniforms4(20260101, 1, 3, 0) == (
        0.3634943978721653, 0.8916034321779625, 0.9964030513114577, 0.2726353948970629
    )  # fmt: skip
    assert rng.words(20260101, 1000, 3, 0) == (
        0x0D180875F2B0D254, 0xE1D30A1B49653406, 0xF7E5A7D6B0A78928, 0x42CEE0ABD3077E6F
    )  # fmt: skip


@pytest.mark.parametrize(("seed", "event", "stream", "word"), GOLDEN)
def test_golden_first_draw(seed: int, event: int, stream: int, word: int) -> None:
    assert hex(rng.words(np.uint64(seed), event, stream, 0)[0]) == hex(word)
    assert uniforms(seed, stream, event)[0, 0] == (word >> 11) * 2.0**-53


@pytest.mark.parametrize(("seed", "event", "stream"), [(1, 0, 2), (77, 123456, 16), (2**63 + 11, 2**40, 5)])
def test_numpy_philox(seed: int, event: int, stream: int) -> None:
    """numpy counts up before its first block: started one below, it gives the blocks 0, 1, 2, ... of an event."""
    counter = (((stream << 64) | event) << 64) - 1
    reference = np.random.Generator(np.random.Philox(counter=counter, key=seed)).random(12)
    ours = uniforms(seed, stream, event, rows=12)[:, 0]
    np.testing.assert_array_equal(ours, reference)


def test_streams_are_distinct() -> None:
    numbers = [int(value) for name, value in vars(rng).items() if name.startswith("STREAM_")]
    assert len(numbers) == len(set(numbers)) >= 16


# --- independence of batching --------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(n=st.integers(1, 40), start=st.integers(0, 2**40), rows=st.sampled_from([4, 8, 12]), data=st.data())
def test_event_alone_equals_event_in_batch(n: int, start: int, rows: int, data: st.DataObject) -> None:
    """Odd and even batches, rows in any order, each with its own first block: bit for bit `uniforms4`."""
    events = start + np.arange(n)
    np.random.default_rng(n).shuffle(events)
    block0 = np.array(data.draw(st.lists(st.integers(0, 2**31), min_size=n, max_size=n)))
    batch = uniforms(9, 2, events, rows, block0)
    i = data.draw(st.integers(0, n - 1))
    alone = [rng.uniforms4(9, events[i], 2, block0[i] + j) for j in range(rows // 4)]
    np.testing.assert_array_equal(batch[:, i], np.concatenate(alone))
    np.testing.assert_array_equal(batch[:, i], uniforms(9, 2, events[i], rows, block0[i])[:, 0])


def test_normals_do_not_depend_on_the_batch() -> None:
    events = np.arange(1, 514)
    batch = normals(3, 9, events, rows=10)
    for i in (0, 1, 255, 511, 512):
        np.testing.assert_array_equal(batch[:, i], normals(3, 9, events[i], rows=10)[:, 0])
    np.testing.assert_array_equal(batch[:4], normals(3, 9, events, rows=4))


def test_uniforms_keep_53_bits() -> None:
    values = uniforms(4, 1, np.arange(4000)).ravel() * 2.0**53
    assert np.all(values == np.floor(values))
    assert 0.45 < np.mean(values % 2.0) < 0.55  # the last bit is used


@pytest.mark.parametrize(("dice", "noise"), [(2, 4), (4, 2), (6, 4), (8, 6), (2, 0)])
def test_draws_are_halves_of_the_words(dice: int, noise: int) -> None:
    """Dice from the halves of the first words, then pairs of normals; over the edge of a block of 512 rows."""
    events = np.arange(5, 1030)
    block0 = 4 * (events % 3)
    u, g = np.empty((dice, len(events))), np.empty((noise, len(events)), dtype=np.float32)
    rng.fill_draws(np.uint64(9), np.uint64(12), block0, events, u, g)
    for i in (0, 1, 511, 512, 1024):
        halves = []
        for j in range(4):
            for word in rng.words(9, events[i], 12, block0[i] + j):
                halves += [int(word) >> 32, int(word) & 0xFFFFFFFF]
        np.testing.assert_array_equal(u[:, i], np.array(halves[:dice]) * 2.0**-32)
        pairs = [
            normal_pair(np.uint32(a), np.uint32(b)) for a, b in zip(halves[dice::2], halves[dice + 1 :: 2], strict=True)
        ]
        np.testing.assert_array_equal(g[:, i], np.array(pairs, dtype=np.float32).ravel()[:noise])


# --- as random numbers: fixed seeds, a chance of 1e-4 or less to fail for an ideal generator ------


@pytest.mark.slow
def test_uniformity() -> None:
    """Chi-square in 1000 bins of 1e7 draws, and of neighbours in 100 x 100 bins: p > 1e-4."""
    u = uniforms(12345, 2, np.arange(2_500_000))
    counts = np.histogram(u, bins=1000, range=(0.0, 1.0))[0]
    assert counts.sum() == 10_000_000
    assert stats.chisquare(counts).pvalue > 1e-4
    # within a block, from event to event, and from stream to stream
    pairs = [(u[0], u[1]), (u[2], u[3]), (u[0, :-1], u[0, 1:]), (u[0], uniforms(12345, 3, np.arange(2_500_000))[0])]
    for a, b in pairs:
        cells = np.bincount((a * 100).astype(int) * 100 + (b * 100).astype(int), minlength=10_000)
        assert stats.chisquare(cells).pvalue > 1e-4


@pytest.mark.slow
def test_neighbours_are_uncorrelated() -> None:
    """Events, streams, seeds, blocks and words: |r| < 4 / sqrt(n)."""
    n = 1_000_000
    events = np.arange(n)
    u = uniforms(1, 2, events, rows=8)
    others = {
        "event": (u[0, :-1], u[0, 1:]),
        "stream": (u[0], uniforms(1, 3, events)[0]),
        "seed": (u[0], uniforms(2, 2, events)[0]),
        "block": (u[0], u[4]),
        "word": (u[0], u[1]),
    }
    for name, (a, b) in others.items():
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / math.sqrt(n), name


@pytest.mark.slow
def test_normals() -> None:
    """Moments within 4 sigma, Kolmogorov-Smirnov p > 1e-4 per row, tails as expected, no correlation in a pair."""
    n = 500_000
    g = normals(2024, 9, np.arange(n)).astype(float)
    x = g.ravel()
    total = x.size
    for power, mean, variance in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]:
        assert np.mean(x**power) == pytest.approx(mean, abs=4.0 * math.sqrt(variance / total))
    for row in g:
        assert stats.kstest(row, "norm").pvalue > 1e-4
    for cut in (2.0, 3.0, 4.0, 4.5):
        expected = total * stats.norm.sf(cut)
        for tail in (np.count_nonzero(x > cut), np.count_nonzero(x < -cut)):
            assert abs(tail - expected) < 4.0 * math.sqrt(expected), cut
    for a, b in [(g[0], g[1]), (g[0] ** 2, g[1] ** 2), (g[1], g[2]), (g[0, :-1], g[0, 1:])]:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.0 / math.sqrt(n)
    assert np.abs(x).max() < 6.7
