"""The answer of a cut-flow in words."""

from __future__ import annotations

from typing import Any

from na62sim.report.flow import acceptance_text


def interval(value: float, low: float, high: float, n: float = 100.0) -> dict[str, float]:
    return {"value": value, "low": low, "high": high, "n_effective": n, "largest_weight_share": 0.01}


def flow(**more: Any) -> dict[str, Any]:
    """Dictionary of a cut-flow, as far as the answer reads it."""
    return {
        "process": "kpinunu", "selection": "pinunu", "geometry": "run1-2018-s2", "seed": 1, "n_generated": 1000,
        "decay_volume_m": [105.0, 170.0], "acceptance": interval(0.06, 0.05, 0.07) | {"stat": 0.01, "syst": 0.005},
        "regions": {"R1": interval(0.01, 0.009, 0.011), "R2": interval(0.05, 0.04, 0.06)}, "triggers": {},
    } | more  # fmt: skip


def test_control_regions_have_errors() -> None:
    """With weights they may rest on a handful of events; a region without any is not listed as an exact zero."""
    regions = {
        "R1": interval(0.01, 0.009, 0.011),
        "control": interval(0.006, 0.004, 0.008, 11.0),
        "empty": interval(0.0, 0.0, 1e-4),
    }
    said = acceptance_text(flow(regions=regions), 1, ["R1"])
    assert "control 0.00600 ± 0.00200" in said and "empty" not in said


def test_masks_that_never_hold_are_not_listed() -> None:
    """Few effective events leave room for more than a permille, which does not make a mask hold."""
    triggers = {"pnn": interval(0.98, 0.97, 0.99), "multi_track": interval(0.0, 0.0, 8e-4)}
    said = acceptance_text(flow(triggers=triggers), 1, ["R1", "R2"])
    assert "pnn 0.980 ± 0.010" in said and "multi_track" not in said


def test_another_selection_of_a_skim_is_no_acceptance() -> None:
    """What a skim for pinunu left out may have passed k2pi."""
    none = interval(0.0, 0.0, 1e-4, 0.0) | {"stat": 0.0, "syst": 0.0}
    skim = {"selection": "pinunu", "cut": None}
    other = flow(selection="k2pi", skim=skim, acceptance=none, regions={})
    said = acceptance_text(other, 1, ["normalisation"])
    assert "which is no acceptance of k2pi" in said and "acceptance below" not in said
    assert "acceptance 0.06" in acceptance_text(flow(skim=skim), 1, ["R1", "R2"])


def test_losses_as_weights_are_named() -> None:
    assert "as weights: photons, charged, in every row" in acceptance_text(
        flow(as_weights=["photons", "charged"]), 1, []
    )
