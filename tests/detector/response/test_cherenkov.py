"""KTAG sectors and RICH photons against scipy's distributions."""

from __future__ import annotations

import numpy as np
from scipy.stats import poisson

from na62sim.detector.response.cherenkov import _poisson, _sectors, ktag_sector_table
from na62sim.geometry import load_detector


def test_photons_of_rings() -> None:
    """Inversion: the smallest number whose cumulative probability is not below u; none where the mean is 0."""
    random = np.random.default_rng(2)
    mean = np.concatenate((random.uniform(0.0, 13.0, 200), np.zeros(5)))
    u = random.random(len(mean))
    term, total, count = np.empty((3, len(mean)))
    _poisson(u, mean, term, total, count)
    np.testing.assert_array_equal(count, np.maximum(poisson.ppf(u, mean), 0.0))
    assert count[200:].max() == 0.0 < count[:200].max()


def test_sectors_of_ktag() -> None:
    table = ktag_sector_table(load_detector("run1-2018-s2"))
    u = np.concatenate((np.random.default_rng(3).random(1000), [0.0], table[:-1]))
    sectors = np.zeros(len(u), dtype=np.uint8)
    _sectors(table, u, sectors)
    np.testing.assert_array_equal(sectors, np.searchsorted(table, u, side="right"))
