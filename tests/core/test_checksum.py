"""Checksums of ranges of bytes: what they are by definition, and that no change passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.core.checksum import checksums

P, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def by_definition(data: bytes) -> int:
    """The checksum in the words of the module's docstring, with Python's integers."""

    def mix(h: int, word: int) -> int:
        x = (h ^ word) * P & MASK
        return x ^ x >> 32

    padded = data + bytes(-len(data) % 32)
    words = [int.from_bytes(padded[i : i + 8], "little") for i in range(0, len(padded), 8)]
    h = len(data)
    for lane in range(4):
        total = 0
        for word in words[lane::4]:
            total = mix(total, word)
        h = mix(h, total)
    return h


def whole(values: Any) -> int:
    return int(checksums(values, np.array([0]), np.array([len(values)]))[0])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "float32", "float64", "bool"])
def test_definition(dtype: str) -> None:
    """Of every type, for ranges of any length that start anywhere."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 256, 3000 * np.dtype(dtype).itemsize, dtype=np.uint8).view(dtype)
    first = rng.integers(0, 2000, 60)
    last = np.minimum(first + rng.integers(0, 90, 60), len(values))
    expected = [by_definition(values[a:b].tobytes()) for a, b in zip(first, last, strict=True)]
    assert checksums(values, first, last).tolist() == expected


def test_byte_order_and_gaps_do_not_matter() -> None:
    values = np.random.default_rng(2).random(999)
    assert whole(values.astype(">f8")) == whole(values) == whole(np.repeat(values, 2)[::2])


def test_every_bit_counts() -> None:
    """Each bit of a range, alone, and rows that go, come, or change places."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, 256, 4096, dtype=np.uint8)
    good = whole(values)
    for place in range(8 * len(values)):
        values[place // 8] ^= 1 << place % 8
        assert whole(values) != good
        values[place // 8] ^= 1 << place % 8
    numbers = rng.random(512)
    good = whole(numbers)
    for a, b in rng.integers(0, 512, (2000, 2)):
        if a == b:
            continue
        swapped, cleared, turned = numbers.copy(), numbers.copy(), numbers.copy()
        swapped[[a, b]] = swapped[[b, a]]
        cleared[min(a, b) : max(a, b)] = 0.0
        turned[[a, b]] *= -1.0  # the highest bits of two words
        assert good not in (whole(swapped), whole(cleared), whole(turned))
    zeros = [whole(np.zeros(n)) for n in range(100)]
    assert len(set(zeros)) == 100
