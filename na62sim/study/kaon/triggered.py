"""Samples that one trigger mask takes: acceptance times trigger efficiency, expected events, and the mass resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from na62sim.statistics.yields import events_per_branching_ratio

if TYPE_CHECKING:
    from na62sim.selection.cutflow import CutFlow
    from na62sim.study.scenario.blocks import SampleBlock

__all__ = ["TriggeredSample", "triggered_sample"]


@dataclass(frozen=True)
class TriggeredSample:
    """A sample as its trigger takes it.

    Attributes
    ----------
    acceptance, acceptance_stat, acceptance_components : A, with its standard deviations
    trigger_efficiency, trigger_stat : share of the accepted events for which the mask holds, before downscaling
    taken, taken_stat, taken_components : A times that efficiency
    kaons, branching_ratio : of the scenario
    expected_events, expected_sigma : N_K BR A epsilon with the uncertainty of A epsilon, where both are given
    sigma_m_MeV, sigma_m_error : Gaussian core of the mass of the kaon, where enough events are accepted
    """

    label: str
    process: str
    selection: str
    geometry: str
    trigger: str
    acceptance: float
    acceptance_stat: float
    acceptance_components: float
    trigger_efficiency: float
    trigger_stat: float
    taken: float
    taken_stat: float
    taken_components: float
    kaons: float | None
    branching_ratio: float | None
    expected_events: float | None
    expected_sigma: float | None
    sigma_m_MeV: float | None
    sigma_m_error: float | None

    @property
    def acceptance_sigma(self) -> float:
        """Standard deviation of `acceptance`."""
        return math.hypot(self.acceptance_stat, self.acceptance_components)

    @property
    def taken_sigma(self) -> float:
        """Standard deviation of `taken`."""
        return math.hypot(self.taken_stat, self.taken_components)


def triggered_sample(
    block: SampleBlock, flow: CutFlow, resolutions: Mapping[str, Mapping[str, float]] | None
) -> TriggeredSample:
    """What the cut-flow and the resolutions of a sample give behind the trigger mask that its block names."""
    a, relative = flow.acceptance, flow.selection.systematic
    taken = flow.efficiency(flow.triggers[block.trigger]) if flow.selected.n else a
    efficiency = flow.trigger_efficiency.get(block.trigger)
    per_branching = None if block.kaons is None else events_per_branching_ratio(block.kaons, taken.value)
    expected = None
    if per_branching is not None and block.branching_ratio is not None:
        expected = per_branching * block.branching_ratio
    core = next((r for name, r in (resolutions or {}).items() if name in ("m_pimumu", "m_piee", "m_3pi")), None)
    sigma = math.hypot(taken.stat, relative * taken.value)
    return TriggeredSample(
        label=block.label,
        process=flow.info["process"],
        selection=flow.selection.name,
        geometry=flow.info["geometry"],
        trigger=block.trigger,
        acceptance=a.value,
        acceptance_stat=a.stat,
        acceptance_components=relative * a.value,
        trigger_efficiency=0.0 if efficiency is None else efficiency.value,
        trigger_stat=0.0 if efficiency is None else efficiency.stat,
        taken=taken.value,
        taken_stat=taken.stat,
        taken_components=relative * taken.value,
        kaons=block.kaons,
        branching_ratio=block.branching_ratio,
        expected_events=expected,
        expected_sigma=expected * sigma / taken.value if expected else None,
        sigma_m_MeV=core["value"] if core else None,
        sigma_m_error=core["error"] if core else None,
    )
