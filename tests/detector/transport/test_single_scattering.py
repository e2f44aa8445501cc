"""The uniform that decides about single scatterings is made of bits that nothing else looks at."""

from __future__ import annotations

import numpy as np
from scipy import stats

from na62sim.detector.transport.single_scattering import spare_uniform

plain = getattr(spare_uniform, "py_func", spare_uniform)


def test_spare_uniform_is_uniform_and_independent_of_its_source() -> None:
    """chi2 of a 10 x 10 table of both, and of the rare corner that matters (p > 1e-4 each; fixed seed)."""
    n = 200_000
    loss = np.random.default_rng(4).integers(0, 2**53, n) * 2.0**-53
    spare = plain(loss)
    assert (spare >= 0.0).all() and (spare < 1.0).all()
    table, _, _ = np.histogram2d(loss, spare, bins=10, range=((0.0, 1.0), (0.0, 1.0)))
    assert stats.chisquare(table.ravel()).pvalue > 1e-4
    both = np.count_nonzero((loss < 0.09) & (spare < 0.05))  # lost to an interaction, and scattered
    assert stats.binomtest(both, n, 0.09 * 0.05).pvalue > 1e-4


def test_spare_uniform_shifts_the_lower_bits_up() -> None:
    """Exactly: k / 2^53 with k = a 2^27 + b gives b / 2^27."""
    a, b = 12_345_678, 87_654_321
    assert plain((a * 2**27 + b) * 2.0**-53) == b * 2.0**-27
