"""Numbers with units, as the command line and scenarios take them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from na62sim.core.constants import LIGHT
from na62sim.core.units import UnitError, parse_count, parse_interval, parse_parameter, parse_parameters


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("m_X", "17MeV", "m_X", 17.0),
        ("m_X", "0.017 GeV", "m_X", 17.0),
        ("m_a", "1_000keV", "m_a", 1.0),
        ("m_a", "0", "m_a", 0.0),
        ("m_Aprime", "1e-3GeV", "m_Aprime", 1.0),
        ("tau_X", "0.1ns", "tau_X", 0.1),
        ("tau_X", "100 ps", "tau_X", 0.1),
        ("tau_X", "2µs", "tau_X", 2000.0),
        ("tau_X", "inf", "tau_X", math.inf),
        ("tau_X", "0", "tau_X", 0.0),
        ("ctau_X", "30mm", "tau_X", 30.0 / LIGHT),
        ("ctau_X", "1m", "tau_X", 1e3 / LIGHT),
        ("shape", "scalar", "shape", "scalar"),
    ],
)
def test_parameter(name: str, text: str, key: str, value: float | str) -> None:
    found = parse_parameter(name, text)
    assert found[0] == key
    assert found[1] == pytest.approx(value, rel=1e-15) if isinstance(value, float) else found[1] == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m_X", "17", "m_X = 17 has no unit"),
        ("m_X", "17Mev", "did you mean 'MeV'"),
        ("m_X", "17ns", "'ns' is not a unit of a mass"),
        ("E_min", "17", "E_min = 17 has no unit; write for example E_min=10MeV"),
        ("E_min", "-1MeV", "an energy must not be negative"),
        ("m_X", "-17MeV", "must not be negative"),
        ("m_X", "infMeV", "must be finite"),
        ("m_X", "nanMeV", "m_X = nanMeV is not a number"),
        ("m_X", "seventeen", "is not a number with a unit"),
        ("m_X", "1.2.3MeV", "is not a number with a unit"),
        ("m_X", "", "is not a number with a unit"),
        ("tau_X", "0.1mm", "'mm' is not a unit of a lifetime"),
        ("ctau_X", "0.1ns", "'ns' is not a unit of a decay length"),
        ("tau_X", "-1ns", "must not be negative"),
    ],
)
def test_parameter_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(UnitError, match=message) as caught:
        parse_parameter(name, text)
    assert "\n" not in str(caught.value)


def test_parameters() -> None:
    assert parse_parameters(["m_X = 17MeV", "ctau_X=0"]) == {"m_X": 17.0, "tau_X": 0.0}
    assert parse_parameters({"m_X": "17MeV"}) == {"m_X": 17.0}
    for words in (["m_X"], ["=17MeV"], ["m_X="], ["m_X=1MeV", "m_X=2MeV"], ["tau_X=1ns", "ctau_X=1mm"]):
        with pytest.raises(UnitError):
            parse_parameters(words)


@pytest.mark.parametrize(
    ("text", "count"), [("1", 1), ("1e6", 1_000_000), ("1_000", 1000), ("2.0", 2), ("1e12", 10**12)]
)
def test_count(text: str, count: int) -> None:
    assert parse_count("events", text) == count


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "many", "", "nan", "inf", "1e13"])
def test_count_refused(text: str) -> None:
    with pytest.raises(UnitError, match=r"^events = "):
        parse_count("events", text)


def test_interval() -> None:
    assert parse_interval("decay volume", "105,170") == (105.0, 170.0)
    assert parse_interval("decay volume", "105:170") == (105.0, 170.0)
    for text in ("170,105", "105", "105,105", "a,b", "105,170,180", "105,inf", ""):
        with pytest.raises(UnitError, match="two increasing numbers"):
            parse_interval("decay volume", text)


@given(st.text(max_size=12))
def test_any_text_is_understood_or_refused_in_one_line(text: str) -> None:
    for name in ("m_X", "tau_X", "ctau_X"):
        try:
            _, value = parse_parameter(name, text)
        except UnitError:
            continue
        assert isinstance(value, float)
        assert value >= 0.0
