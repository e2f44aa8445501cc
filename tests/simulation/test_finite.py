"""Every column of every process is a number, at any lifetime and at thresholds."""

from __future__ import annotations

from typing import Any

import pytest

import na62sim as na

DECADES = [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6]  # ns
KAON = 493.677 - 139.57039  # MeV, what is left for a hidden particle
CASES: list[tuple[str, dict[str, Any]]] = [
    *(("kpix", {"m_X": mass, "tau_X": tau}) for tau in DECADES for mass in (1.03, 250.0, KAON - 1e-3)),
    *(("kpiaa", {"m_a": mass, "tau_a": tau}) for tau in DECADES[::3] for mass in (1.03, 100.0, 0.5 * KAON - 1e-3)),
    *(
        ("kpis", {"m_S": big, "m_Aprime": small, "tau_S": tau, "tau_Aprime": tau})
        for tau in DECADES[::3]
        for big, small in ((2.1, 1.03), (200.0, 50.0), (KAON - 1e-3, 0.5 * KAON - 1e-3))
    ),
    *((name, {}) for name in ("kpinunu", "k2pi", "k2pi-dalitz", "k2pi-4e", "k3pi", "k3pi0", "k3pi0-dd", "kmu2", "ke3")),
    *((name, {}) for name in ("kmu3", "ke4", "kpiee", "kpimumu", "kpigg", "k2pig", "kpi4e")),
    ("aprime-brems", {}),
    ("aprime-meson", {}),
    ("alp-b", {}),
]
FAST = {("kpix", 1.0), ("kpix", 10.0), ("kpiaa", 1e3)}


def marked() -> list[Any]:
    cases = []
    for name, parameters in CASES:
        tau = parameters.get("tau_X", parameters.get("tau_a"))
        fast = (name, tau) in FAST and 50.0 < parameters.get("m_X", parameters.get("m_a", 0.0)) < 300.0
        label = "-".join([name, *(f"{value:g}" for value in parameters.values())])
        cases.append(pytest.param(name, parameters, id=label, marks=() if fast else pytest.mark.slow))
    return cases


@pytest.mark.parametrize(("name", "parameters"), marked())
def test_every_column_is_finite(unfinite: Any, name: str, parameters: dict[str, Any]) -> None:
    detector = "dump-2021" if name.startswith(("aprime", "alp")) else "run1-2018-s2"
    sample = na.reconstruct(na.simulate(name, 2000, detector, seed=5, **parameters))
    assert unfinite(sample) == []


@pytest.mark.parametrize(("tau", "acceptance"), [(1.0, 0.0227), (10.0, 0.1209)])
def test_what_is_born_behind_a_detector_makes_no_hit_in_it(tau: float, acceptance: float) -> None:
    """X -> e+ e- behind the LKr leaves the pion's cluster alone: the acceptance of pinunu, within four errors.

    A cluster of an electron born behind the calorimeter, at no place, would swallow that of the pion: 0.0184 and 0.1184.
    """
    flow = na.acceptance("kpix", "pinunu", 40_000, seed=1, m_X=250.0, tau_X=tau)
    assert flow.acceptance.value == pytest.approx(acceptance, abs=4.0 * flow.acceptance.stat)
