"""KTAG sectors and RICH photons against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, poisson

from na62sim.detector.response.cherenkov import _sectors, ktag_sector_table, poisson_numbers
from na62sim.geometry import load_detector


def test_photons_of_rings() -> None:
    """Inversion: the smallest number whose cumulative probability is not below u; none where the mean is 0."""
    random = np.random.default_rng(2)
    mean = np.concatenate((random.uniform(0.0, 13.0, 200), np.zeros(5)))
    u = random.random(len(mean))
    term, total, count = np.empty((3, len(mean)))
    poisson_numbers(u, mean, term, total, count)
    np.testing.assert_array_equal(count, np.maximum(poisson.ppf(u, mean), 0.0))
    assert count[200:].max() == 0.0 < count[:200].max()


def test_sectors_of_ktag() -> None:
    table = ktag_sector_table(load_detector("run1-2018-s2"))
    u = np.concatenate((np.random.default_rng(3).random(1000), [0.0], table[:-1]))
    sectors = np.zeros(len(u), dtype=np.uint8)
    _sectors(table, u, sectors)
    np.testing.assert_array_equal(sectors, np.searchsorted(table, u, side="right"))


@pytest.mark.parametrize("efficiency", [0.0, 0.5, 0.97, 0.98, 1.0])
def test_sectors_are_binomial(efficiency: float) -> None:
    """Equal sectors, at least five of eight with the published probability."""
    table = ktag_sector_table(load_detector("run1-2018-s2", override={"ktag.efficiency": efficiency}))
    single = 1.0 if efficiency == 1.0 else 1.0 - table[0] ** (1.0 / 8.0)  # nothing fires: (1 - p)^8
    np.testing.assert_allclose(table, binom.cdf(np.arange(9), 8, single), rtol=1e-7)
    assert 1.0 - table[4] == pytest.approx(efficiency, abs=1e-14)
