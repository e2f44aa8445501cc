"""A region as JSON: the keys that scripts rely on."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.report.as_json import plain
from na62sim.report.dump_json import region_dict
from na62sim.statistics.exclusion import CURVES, CountedChannel, Counting, exclusion
from na62sim.statistics.reweighting import MassSample


def sample(mass: float, produced: float) -> MassSample:
    """Mothers that decay between 80 and 155 m, p = 100 m."""
    return MassSample(mass, produced, 400, np.linspace(800.0, 1550.0, 400), np.full(400, 750.0), 1.0)


def test_region() -> None:
    """Masses in GeV, edges per mass; null where nothing is excluded; a dictionary that is JSON already."""
    channel = CountedChannel(Counting(1e-6, 0.0, (10.0, 700.0)), [sample(200.0, 1.0), sample(300.0, 1e-30)])
    found = exclusion([channel], lambda _, eps: 1e-11 / eps**2, np.geomspace(1e-9, 1e-3, 121), 1e17)
    data = region_dict(found)
    assert data["mass_GeV"] == [0.2, 0.3] and data["protons"] == 1e17
    assert data["eps_low"][0] < data["eps_high"][0] and data["eps_low"][1] is None and data["eps_high"][1] is None
    assert [interval[:2] for interval in data["intervals"][0]] == [[data["eps_low"][0], data["eps_high"][0]]]
    assert data["intervals"][1] == []
    assert data["n_events_max"][0] > 2.3
    assert set(data["expected"]) == set(CURVES) - {"observed"} and data["projection"] is False
    assert data["mc_error"]["eps_low"][0] > 0.0 and data["mc_error"]["eps_low"][1] is None
    median = data["expected"]["median"]  # nothing is observed, and nothing else expected
    assert [median["eps_low"][0], median["eps_high"][0]] == pytest.approx(
        [data["eps_low"][0], data["eps_high"][0]], rel=1e-5
    )
    assert plain(data) == data


def test_another_coupling() -> None:
    """Keys carry the name of the coupling."""
    channel = CountedChannel(Counting(1e-6, 0.0, (10.0, 700.0)), [sample(200.0, 1.0)])
    found = exclusion([channel], lambda _, g: 1e-11 / g**2, np.geomspace(1e-9, 1e-3, 121), 1e17)
    data = region_dict(found, "coupling")
    assert data["coupling_low"][0] == found.edges()[0][0] and "eps_low" not in data
    assert set(data["expected"]["median"]) == {"coupling_low", "coupling_high"}
