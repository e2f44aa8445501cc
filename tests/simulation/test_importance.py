"""Acceptances by importance sampling: unbiased, with the errors that they state, the same everywhere."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

import na62sim as na
from na62sim.cli import main
from na62sim.selection.cutflow import CutFlow
from na62sim.study.scenario.scenario import load_scenario

WEIGHTED: dict[str, Any] = {"as_weights": "efficiencies", "importance": True}


def measured(events: int, seed: int, **how: Any) -> CutFlow:
    return na.acceptance("kpinunu", "pinunu", events, seed=seed, **how)


def test_the_acceptance_is_that_of_dice() -> None:
    """Regions, momentum bins and trigger of 60 000 weighted and 200 000 plain events: chi2 with p > 1e-3, at seeds 1 and 2."""
    plain, drawn = measured(200_000, 1), measured(60_000, 2, **WEIGHTED)
    differences = []
    for a, b in [
        *((plain.regions[name], drawn.regions[name]) for name in ("R1", "R2", "control 2pi high")),
        *(
            (plain.efficiency(a), drawn.efficiency(b))
            for a, b in zip(plain.binned["R2"], drawn.binned["R2"], strict=True)
        ),
        (plain.trigger_efficiency["pnn"], drawn.trigger_efficiency["pnn"]),
    ]:
        differences.append((a.value - b.value) / np.hypot(a.stat, b.stat))
    assert chi2.sf(np.sum(np.square(differences)), len(differences)) > 1e-3
    assert drawn.generated.n == 60_000 and drawn.info["importance"] is True
    assert drawn.generated.sumw == pytest.approx(0.3 * plain.generated.sumw, rel=1e-3)  # of the decay alone
    # three times the effective events of ten times as many plain ones
    assert drawn.acceptance.stat * np.sqrt(60_000) < 0.33 * plain.acceptance.stat * np.sqrt(200_000)
    assert drawn.to_dict()["acceptance"]["n_effective"] > 20_000
    assert "importance sampling" in str(drawn) and "as weights: efficiencies" in str(drawn)


def test_what_is_carried_as_a_weight_is_told() -> None:
    """Without importance sampling as well: rows of the cut-flow differ from those that are thrown."""
    flow = measured(1000, 1, as_weights="efficiencies")
    assert flow.to_dict()["as_weights"] == ["efficiencies"] and "as weights: efficiencies, in every row" in str(flow)
    assert "as_weights" not in measured(1000, 1).to_dict()


@pytest.mark.slow
@pytest.mark.parametrize("geometry", ["run1-2018-s2", "run1-2017"])
def test_unbiased_over_a_hundred_seeds(geometry: str) -> None:
    """The errors are those of the spread, and the mean is that of dice, at p > 1e-3 each."""
    drawn = [measured(8000, seed, detector=geometry, **WEIGHTED).regions for seed in range(100)]
    plain = measured(4_000_000, 1000, detector=geometry).regions
    for name in ("R1", "R2"):
        value, stat = (np.array([getattr(r[name], part) for r in drawn]) for part in ("value", "stat"))
        spread = float((((value - value.mean()) / stat) ** 2).sum())
        assert 1e-3 < chi2.sf(spread, 99) < 1.0 - 1e-3
        error = np.hypot(stat.mean() / 10.0, plain[name].stat)
        assert chi2.sf(((value.mean() - plain[name].value) / error) ** 2, 1) > 1e-3


def test_the_same_everywhere() -> None:
    """In any chunks, on threads and in processes."""
    flows = [
        measured(30_000, 3, **how, **WEIGHTED)
        for how in ({"threads": 1}, {"threads": 2, "chunk": 3000}, {"workers": 2, "chunk": 5000})
    ]
    first = {key: value for key, value in flows[0].to_dict().items() if key != "events_per_second"}
    for flow in flows[1:]:
        assert {key: value for key, value in flow.to_dict().items() if key != "events_per_second"} == first


def test_a_precision_uses_it() -> None:
    """Where it is known to help, unless it is forbidden; a tenth of the events do."""
    flow = na.acceptance("kpinunu", "pinunu", precision="0.6%", seed=3)
    assert flow.info["importance"] and flow.info["as_weights"] == ["efficiencies"] and flow.info["precision"]["met"]
    assert flow.acceptance.stat / flow.acceptance.value <= 0.006
    assert flow.generated.n < 0.12 / 0.06 / 0.006**2
    for how in ({"importance": False}, {}):
        selection = "pinunu" if how else "k2pi"
        assert "importance" not in na.acceptance("kpinunu", selection, precision="9%", seed=3, **how).info
    kept = na.acceptance("kpinunu", "pinunu", precision="3%", seed=3, as_weights="charged").info
    assert kept["importance"] and kept["as_weights"] == ["charged"]


def test_without_an_accepted_event_the_bound_knows_the_weights() -> None:
    nothing = na.load_selection("pinunu").with_cut(na.Cut("never", lambda t: t["p"] < 0.0))
    found = na.acceptance("kpinunu", nothing, 2000, importance=True).acceptance
    assert (found.value, found.low) == (0.0, 0.0) and found.high > 0.5


@pytest.mark.parametrize(("process", "selection"), [("k2pi", "pinunu"), ("kpinunu", "k2pi"), ("kpix", "kpix")])
def test_what_it_is_not_for_is_refused(process: str, selection: str) -> None:
    with pytest.raises(
        ValueError, match=f"importance: it is for .* selection pinunu, not for {process} with {selection}"
    ):
        na.acceptance(process, selection, 1000, importance=True, **({"m_X": 100.0} if process == "kpix" else {}))


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acceptance", "kpinunu", "-s", "pinunu", "-n", "4000", "--importance", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["importance"] is True and told["acceptance"]["n_effective"] > 100
    assert main(["acceptance", "kpinunu", "-s", "pinunu", "--precision", "9%", "--no-importance", "--json"]) == 0
    assert "importance" not in json.loads(capsys.readouterr().out)
    assert main(["acceptance", "k2pi", "-s", "k2pi", "-n", "4000", "--importance"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(["run", "pi4e-2017-2018", "--importance"]) == 2
    assert "has no signal sample of kpinunu" in capsys.readouterr().err


def test_a_scenario_takes_it() -> None:
    asked = load_scenario("pinunu-2018").with_importance()
    drawn = {block.label for block in asked.sample if block.importance}
    assert drawn == {"S1-kpinunu", "S2-kpinunu"} and asked.model_dump()["sample"][0]["as_weights"] == "efficiencies"
