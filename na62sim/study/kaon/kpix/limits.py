"""Limits on K+ -> pi+ X from the counts in the slices of its window, by the likelihood of K+ -> pi+ nu nubar.

A category per data set and slice: so the shape of the peak counts, as in the published search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from na62sim.geometry import Detector
from na62sim.selection.ledger import component_parts
from na62sim.selection.registry import find_selection
from na62sim.statistics import profile
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.likelihood import Background, Category, Likelihood, Scale
from na62sim.statistics.yields import events_per_branching_ratio
from na62sim.study.kaon.counts import REFERENCE
from na62sim.study.kaon.kpix.sample import DataSetCount, Passed
from na62sim.study.kaon.kpix.window import Windows
from na62sim.study.kaon.rows import STATISTICS
from na62sim.study.kaon.sensitivity import data_set_input

__all__ = ["WindowLimit", "by_kaons", "by_signal", "total_of", "window_limit"]

_LEAST_KNOWN = 0.5  # relative error of a sensitivity above which there is no limit


@dataclass(frozen=True)
class WindowLimit:
    """Limits on a branching ratio; None where the observed events of the window are not known.

    Attributes
    ----------
    observed : upper limit
    expected : median, minus1, plus1, minus2, plus2
    """

    observed: float | None
    expected: dict[str, float]


def by_signal(windows: Windows, counts: Sequence[DataSetCount], plane: int, lifetime: int) -> list[Estimate]:
    """Events per unit of branching ratio in each data set: the published signal of K+ -> pi+ nu nubar over its branching ratio,
    times the ratio of the simulated acceptances, in which what both decays lose in the same way cancels."""
    found = []
    for d, signal, spectrum, count in zip(windows.detectors, windows.signals, windows.spectra, counts, strict=True):
        passed = count.passed[plane][lifetime]
        a = Estimate(passed.value, {f"{STATISTICS}, {d.name}": passed.stat})
        reference = Estimate(spectrum.acceptance, {f"{STATISTICS}, {d.name}, pi nu nubar": spectrum.stat})
        found.append(signal * (1.0 / REFERENCE) * a / reference)
    return found


def by_kaons(
    detectors: Sequence[Detector], counts: Sequence[DataSetCount], plane: int, lifetime: int
) -> list[Estimate]:
    """The same by the kaons of each data set, N_K A eps_trig eps_RV."""
    return [_by_kaons(d, c.passed[plane][lifetime]) for d, c in zip(detectors, counts, strict=True)]


def _by_kaons(d: Detector, passed: Passed) -> Estimate:
    parts = component_parts(passed.value, list(find_selection("kpix", d).ledger))
    a = Estimate(passed.value, {f"{STATISTICS}, {d.name}": passed.stat, **parts})
    kaons = Estimate(d.dataset.kaons, {f"N_K, {d.name}": d.quantity("dataset.kaons").standard_deviation or 0.0})
    factors = data_set_input(d, "dataset.trigger_efficiency") * data_set_input(d, "dataset.random_veto")
    return events_per_branching_ratio(kaons, a, factors)


def total_of(events: Sequence[Estimate]) -> Estimate:
    """The sum of all data sets."""
    total = events[0]
    for other in events[1:]:
        total = total + other
    return total


def window_limit(
    events: Sequence[Estimate],
    slices: Sequence[Sequence[float]],
    backgrounds: Sequence[Sequence[tuple[Background, ...]]],
    observed: Sequence[Sequence[int]] | None,
    cl: float,
) -> WindowLimit | str:
    """CLs limits from the slices of the window in all data sets, a category each; or why there are none.

    Parameters
    ----------
    events : per unit of branching ratio, of each data set; their common relative error is profiled
    slices : acceptance in each slice, of each data set
    backgrounds : in each slice of each data set
    observed : counted there, if that is known
    cl : confidence level
    """
    total = total_of(events)
    if total.value <= 0.0 or not math.isfinite(1.0 / total.value):
        return "no event is accepted: no limit"
    relative = total.sigma / total.value
    if relative > _LEAST_KNOWN:
        return "the sensitivity is known to less than 50 %: no limit"
    categories = []
    for k, (event, shares, found) in enumerate(zip(events, slices, backgrounds, strict=True)):
        for j, (share, b) in enumerate(zip(shares, found, strict=True)):
            if share > 0.0 and b:
                signal = event.value * share / sum(shares) / total.value
                n = 0 if observed is None else observed[k][j]
                categories.append(Category(f"slice {j} of data set {k}", n, signal, b, Scale(relative, "signal")))
    if not categories:
        return "no event is accepted: no limit"
    model, ses = Likelihood(categories), 1.0 / total.value
    expected = {name: ses * value for name, value in profile.expected_limits(model, cl).items()}
    return WindowLimit(None if observed is None else ses * profile.limit(model, cl)[0], expected)
