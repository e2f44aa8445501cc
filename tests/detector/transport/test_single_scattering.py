"""The uniform that decides about single scatterings is made of bits that nothing else looks at."""

from __future__ import annotations

import numpy as np
from scipy import stats

from na62sim.detector.transport.single_scattering import ARC, draw_turn, spare_uniform

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


def test_azimuths_near_the_plane_have_exact_weights() -> None:
    """Weights of mean 1 and flat azimuths (moments of order 1, 2 and 4); half of the draws are near the plane."""
    turn = getattr(draw_turn, "py_func", draw_turn)
    a = (np.arange(20_000) + 0.5) / 20_000
    cosine, sine, w = np.array([turn(u, 0.003, 0.004) for u in a]).T
    assert np.allclose(cosine**2 + sine**2, 1.0)
    assert w.mean() == np.float64(1.0) or abs(w.mean() - 1.0) < 2e-3
    phi = np.arctan2(sine, cosine)
    for order in (1, 2, 4):
        assert abs((w * np.cos(order * phi)).mean()) < 2e-3 and abs((w * np.sin(order * phi)).mean()) < 2e-3
    near = np.abs(0.6 * sine - 0.8 * cosine) < np.sin(ARC)
    assert abs(near.mean() - (0.5 + ARC / np.pi)) < 1e-3
    assert turn(0.3, 0.0, 0.0)[2] == 1.0
