"""Sensitivities and yields against the published NA62 numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na62sim.statistics.intervals import clopper_pearson
from na62sim.statistics.measured import Measured
from na62sim.statistics.yields import (
    BR_K2PI,
    BR_PINUNU_BURAS_VENTURINI,
    BR_PINUNU_NA62,
    expected_events,
    kaons_from_normalisation,
    single_event_sensitivity,
)

S1 = {"acceptance": 0.0395, "kaons": 7.97e11, "trigger": 0.89, "random_veto": 0.66}
S2 = {"acceptance": 0.0637, "kaons": 1.91e12, "trigger": 0.89, "random_veto": 0.66}


@pytest.mark.parametrize(
    ("inputs", "ses", "events", "theory"),
    [(S1, 0.54e-10, 1.56, 0.19), (S2, 0.14e-10, 6.02, 0.72)],
    ids=["S1", "S2"],
)
def test_published_sensitivities(inputs, ses, events, theory):
    """NA62, JHEP 06 (2021) 093; tolerances are the rounding of inputs and outputs."""
    obtained = single_event_sensitivity(**inputs)
    assert obtained.value == pytest.approx(ses, abs=0.005e-10)
    expected = expected_events(BR_PINUNU_NA62, obtained)
    assert expected.value == pytest.approx(events, rel=0.006)
    # With an exact SES only the theory error of the branching ratio is left.
    assert expected.sigma == pytest.approx(theory, abs=0.006)


@pytest.mark.parametrize(("counted", "acceptance", "kaons"), [(3.14e7, 0.0762, 7.97e11), (1.16e8, 0.1177, 1.91e12)])
def test_published_kaons(counted, acceptance, kaons):
    assert float(kaons_from_normalisation(counted, acceptance)) == pytest.approx(kaons, rel=0.005)


def test_published_branching_ratios():
    assert (BR_PINUNU_NA62.value, BR_PINUNU_NA62.sigma) == (8.4e-11, 1.0e-11)
    assert (BR_PINUNU_BURAS_VENTURINI.value, BR_PINUNU_BURAS_VENTURINI.sigma) == (8.6e-11, 0.42e-11)
    assert (BR_K2PI.value, BR_K2PI.sigma) == (0.2067, 0.00075)  # PDG 2026, as the generators have it


positive = st.floats(1e-3, 1e3)
relative = st.floats(0.0, 0.3)


@settings(deadline=None)
@given(values=st.tuples(*[positive] * 4), errors=st.tuples(*[relative] * 4))
def test_propagation_is_first_order(values, errors):
    """σ² = Σ (∂f/∂x σ_x)² with the derivatives of f = a·b/c − d written out."""
    a, b, c, d = values
    sigmas = [value * error for value, error in zip(values, errors, strict=True)]
    measured = [Measured(value, sigma) for value, sigma in zip(values, sigmas, strict=True)]
    result = measured[0] * measured[1] / measured[2] - measured[3]
    derivatives = [b / c, a / c, -a * b / c**2, -1.0]
    assert result.value == pytest.approx(a * b / c - d)
    assert result.sigma == pytest.approx(math.hypot(*np.multiply(derivatives, sigmas)))


def test_sensitivity_carries_every_error():
    inputs = {
        "acceptance": Measured(0.03, 0.003),
        "kaons": Measured(1.5e12, 0.2e12),
        "trigger": Measured(0.88, 0.04),
        "random_veto": Measured(0.638, 0.014),
    }
    for name, quantity in inputs.items():
        others = {key: float(value) for key, value in inputs.items() if key != name}
        alone = single_event_sensitivity(**others, **{name: quantity})
        assert alone.relative == pytest.approx(quantity.sigma / quantity.value)
    together = single_event_sensitivity(**inputs)
    squares = [(quantity.sigma / quantity.value) ** 2 for quantity in inputs.values()]
    assert together.relative == pytest.approx(math.sqrt(sum(squares)))


def test_anything_with_value_and_sigma_is_accepted():
    interval = clopper_pearson(637, 10_000)
    ses = single_event_sensitivity(interval, kaons=1.91e12)
    assert ses.relative == pytest.approx(math.sqrt((1 - 0.0637) / 637), rel=0.03)
    with pytest.raises(TypeError, match=r"acceptance = '0\.1': it must be a number in"):
        single_event_sensitivity("0.1", kaons=1e12)  # type: ignore[arg-type]


def test_arithmetic_with_numbers():
    measured = Measured(6.0, 0.5)
    assert 2 * measured == measured * 2 == Measured(12.0, 1.0)
    assert np.float64(2) * measured == Measured(12.0, 1.0)
    assert measured / 2 == Measured(3.0, 0.25)
    assert 1 + measured == measured + 1 == Measured(7.0, 0.5)
    assert 10 - measured == Measured(4.0, 0.5)
    assert measured - 10 == Measured(-4.0, 0.5)
    assert (3 / measured).value == 0.5
    assert (3 / measured).sigma == pytest.approx(0.5 * 0.5 / 6.0)
    assert float(measured) == math.fabs(measured) == 6.0
    for operation in (
        lambda: measured + "1",
        lambda: "1" - measured,
        lambda: measured * None,
        lambda: measured / "1",
        lambda: "1" / measured,
        lambda: measured - "1",
    ):
        with pytest.raises(TypeError):
            operation()


@pytest.mark.parametrize(
    ("measured", "spec", "text"),
    [
        (Measured(1.39e-11, 0.12e-11), "e-10", "(0.139 ± 0.012)e-10"),
        (Measured(1.39e-11, 0.12e-11), "", "(1.39 ± 0.12)e-11"),
        (Measured(6.02, 0.392), "", "6.02 ± 0.39"),
        (Measured(6.02, 0.0996), "", "6.02 ± 0.10"),
        (Measured(0.0637, 0.0064), ".3f", "0.064 ± 0.006"),
        (Measured(1.91e12), "", "1.91e+12"),
        (Measured(0.0, 0.012), "", "0.000 ± 0.012"),
        (Measured(0.0), "", "0"),
        (Measured(-150.0, 31.0), "", "-150 ± 31"),
        (Measured(1.91e12, 0.19e12), "e12", "(1.91 ± 0.19)e+12"),
    ],
)
def test_printing(measured, spec, text):
    assert format(measured, spec) == text
    if not spec:
        assert str(measured) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: single_event_sensitivity(0, 1e12), "acceptance = 0 is outside the allowed"),
        (lambda: single_event_sensitivity(1.2, 1e12), "acceptance = 1.2 is outside the allowed"),
        (lambda: single_event_sensitivity(0.1, -1), "kaons = -1 is outside the allowed"),
        (lambda: single_event_sensitivity(0.1, 1, trigger=89), "trigger = 89 is outside"),
        (lambda: single_event_sensitivity(0.1, 1, random_veto=0), "random_veto = 0 is outside"),
        (lambda: expected_events(-1e-11, 1e-11), "branching_ratio = -1e-11 is outside"),
        (lambda: expected_events(1e-11, 0.0), "ses = 0 is outside the allowed range (0, inf)"),
        (lambda: kaons_from_normalisation(1e8, 0.1, downscaling=0), "downscaling = 0 is outside"),
        (lambda: Measured(float("nan")), "value = nan is outside the allowed"),
        (lambda: Measured(1.0, -0.1), "sigma = -0.1 is outside the allowed range [0, inf)"),
    ],
)
def test_errors_name_value_and_range(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
