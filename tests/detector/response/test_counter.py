"""MUV0, beside the end of the RICH: where it stands, how often it fires, and what is carried as a weight instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

MUV0_Z, CENTER, HALF = 237_358.0, 2245.0, 700.0  # mm


def test_where_muv0_fires(bench: Any, shoot: Any) -> None:
    """A square of 1.4 m about x = 2.245 m; straight lines with a slope meet it 32 mm behind the end of the RICH."""
    z, slope = 200e3, 0.004
    x = np.array(
        [CENTER - HALF + 1.0, CENTER - HALF - 1.0, CENTER + HALF - 1.0, CENTER + HALF + 1.0, CENTER, CENTER, 0.0]
    )
    y = np.array([0.0, 0.0, 0.0, 0.0, HALF - 1.0, HALF + 1.0, 0.0])
    quiet = bench.without_field().off("decays", "matter", "losses").having(
        muv0__efficiency=1.0, tube__radius_m=[9.0, 9.0, 9.0], lav__radius_in_mm=[9000.0] * 12, lav__radius_out_mm=[9001.0] * 12
    )  # fmt: skip
    truth = shoot("mu+", 20e3, x=x - slope * (MUV0_Z - z), y=y, z=z, sx=slope)
    hits, _ = quiet.hits(truth)
    fired = np.diff(hits["muv0"]["offsets"])
    assert fired.tolist() == [1, 0, 1, 0, 1, 0, 0]
    np.testing.assert_allclose(hits["muv0"]["x"], x[fired > 0], atol=0.05)
    flight = (MUV0_Z - 102_400.0) / 299.792458
    np.testing.assert_allclose(hits["muv0"]["time"], flight, atol=6.0)


def test_efficiency_of_muv0_thrown_and_as_a_weight(bench: Any, shoot: Any) -> None:
    """0.99: four standard deviations of a binomial; the weight of a missed particle is 0.01."""
    n = 20_000
    truth = shoot("mu+", np.full(n, 20e3), x=CENTER, z=230e3)
    hits, weight = bench.hits(truth)
    assert len(hits["muv0"]["x"]) == pytest.approx(0.99 * n, abs=4.0 * np.sqrt(0.99 * 0.01 * n))
    assert (weight == 1.0).all()
    time = hits["muv0"]["time"] - np.mean(hits["muv0"]["time"])
    assert np.std(time) == pytest.approx(1.0, abs=4.0 / np.sqrt(2.0 * n))
    hits, weight = bench.hits(truth, charged=True)
    assert len(hits["muv0"]["x"]) == 0
    np.testing.assert_allclose(weight, 0.01, rtol=1e-9)
