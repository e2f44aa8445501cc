"""One sample of a stable X stands for every lifetime: against a simulated decay, and against numbers by hand."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

import na62sim as na
from na62sim.geometry import load_detector
from na62sim.simulation.on_demand import SelectedChunk
from na62sim.study.kaon.kpix.sample import DataSetCount, Passed, count_mass, survival
from na62sim.study.kaon.mixture import Mixture

VETO = 241.093


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    return Mixture((load_detector("run1-2018-s2"),))


def test_survival() -> None:
    times = np.array([0.0, 1.0, 3.0])
    assert survival(times, 2.0) == pytest.approx([1.0, math.exp(-0.5), math.exp(-1.5)])
    assert survival(times, math.inf) == pytest.approx(1.0)
    assert survival(times, 0.0) == pytest.approx(0.0)


def test_against_a_simulated_decay(mixture: Mixture) -> None:
    """X of 240 MeV and 1 ns that decays unseen: the accepted ones behind the veto are as many (4.5 sigma, p = 7e-6)."""
    (found,) = count_mass(240.0, [1.0, math.inf], mixture, 3, 20_000, None, [VETO, 250.0])
    weight = behind = 0.0

    def look(part: SelectedChunk, _table: object, _weight: object) -> None:
        nonlocal weight, behind
        event = part.event[part.flow.signal_rows]
        z = part.truth.vertex[1, 2, event]
        behind += float(part.flow.signal_weight[z > VETO * 1e3].sum())
        weight += float(part.truth.weight.sum())

    na.acceptance(
        "kpix", "kpix", 20_000, mixture.detectors[0], 4, keep=look, m_X=240.0, tau_X=1.0, decay="invisible"
    )  # fmt: skip
    direct = behind / weight
    error = math.hypot(found.passed[0][0].stat, math.sqrt(direct / 20_000))
    assert 0.005 < direct < 0.1
    assert abs(found.passed[0][0].value - direct) < 4.5 * error
    assert found.passed[1][0].value < 0.95 * found.passed[0][0].value  # less far
    assert (
        found.passed[0][1] == found.passed[1][1] and found.passed[0][1].value > direct
    )  # stable: the same at every plane
    for passed in (found.passed[0][0], found.passed[0][1]):
        assert sum(passed.slices) == pytest.approx(passed.value)
    first, second, third, fourth = found.passed[0][1].slices  # a Gaussian has 0.136 and 0.341 of it in them
    assert first + fourth == pytest.approx(0.27 / 0.95 * (first + second + third + fourth), rel=0.15)


def test_an_x_without_mass_lives_for_ever(mixture: Mixture) -> None:
    (found,) = count_mass(0.0, [0.1, math.inf], mixture, 1, 4000, None, [VETO])
    short, stable = found.passed[0]
    assert short == stable and stable.value > 0.005


def test_precision_is_that_of_the_worst_lifetime(mixture: Mixture) -> None:
    """At 0.2 ns the weights are uneven: more events than a stable X needs."""
    (stable,) = count_mass(240.0, [math.inf], mixture, 1, 10**6, 0.025, [VETO])
    (short,) = count_mass(240.0, [0.2, math.inf], mixture, 1, 10**6, 0.025, [VETO])
    assert short.generated > 2 * stable.generated
    for cell in (stable.passed[0][0], short.passed[0][0]):
        assert cell.stat / cell.value < 0.028


def test_it_can_be_kept() -> None:
    count = DataSetCount(10, 3, ((Passed(0.1, 0.01, 0.2, 0.3, (0.04, 0.06)),),))
    assert DataSetCount.from_dict(json.loads(json.dumps(asdict(count)))) == count
