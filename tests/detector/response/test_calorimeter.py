"""Tables of the calorimeters against scipy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from na62sim.detector.response.calorimeter import calorimeter_arrays
from na62sim.geometry import available_detectors, load_detector


@pytest.mark.parametrize("name", available_detectors())
def test_hadron_energy_is_a_beta_distribution(name: str) -> None:
    """Bit for bit the quantiles of E/p, and the mean and width of the geometry."""
    detector = load_detector(name)
    mean, rms = detector.lkr.hadron_eop_mean, detector.lkr.hadron_eop_rms
    total = mean * (1.0 - mean) / rms**2 - 1.0
    shape = (mean * total, (1.0 - mean) * total)
    table = calorimeter_arrays(detector).hadron
    np.testing.assert_array_equal(table, beta.ppf(np.linspace(0.0, 1.0, len(table)), *shape))
    assert beta.stats(*shape) == pytest.approx((mean, rms**2))
