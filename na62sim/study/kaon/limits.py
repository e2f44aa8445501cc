"""From what is counted at a point to its sensitivity and limits, and to expected events: one function for both."""

from __future__ import annotations

import math

from na62sim.statistics import Limit, upper_limit
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.yields import events_per_branching_ratio
from na62sim.study.kaon.normalisation import Normalisation
from na62sim.study.kaon.rows import STATISTICS, ExpectedYield, PointLimit, Rate, ScanRow
from na62sim.study.scenario.blocks import Limits

__all__ = ["events_per_branching", "expected_yield", "mc_error", "point_limits"]

_LEAST_KNOWN = 0.5  # relative error of a sensitivity above which there is no limit


def events_per_branching(
    row: ScanRow, limits: Limits, normalisation: Normalisation | None, rate: Rate | None = None
) -> Estimate | None:
    """Events expected per unit of branching ratio, 1/SES; None if the normalisation has no event.

    With a normalisation N_norm / B_norm (A eps) / (A eps)_norm, else N_K A with the kaon decays of the scenario.

    Parameters
    ----------
    rate : of the row, its acceptance times trigger efficiency by default
    """
    kaons = _kaons(limits, normalisation)
    return None if kaons is None else events_per_branching_ratio(kaons, row.estimate(rate or row.triggered, "signal"))


def _kaons(limits: Limits, normalisation: Normalisation | None) -> Estimate | None:
    if normalisation is not None:
        return normalisation.kaons
    assert limits.kaons is not None
    return Estimate(limits.kaons, {"N_K": limits.kaons * limits.kaons_relative_sigma})


def expected_yield(
    label: str,
    names: tuple[str, str],
    row: ScanRow,
    branching: float,
    limits: Limits,
    normalisation: Normalisation | None = None,
) -> ExpectedYield:
    """Expected events of a process whose branching ratio is known, for example a background.

    Parameters
    ----------
    names : of process and selection
    row : what was counted
    branching : branching ratio
    """
    a, events = row.acceptance, events_per_branching(row, limits, normalisation)
    kaons = _kaons(limits, normalisation)
    return ExpectedYield(
        label,
        *names,
        branching_ratio=branching,
        acceptance=a.value,
        acceptance_sigma=math.hypot(a.stat, a.syst),
        trigger=row.trigger,
        n_effective=row.n_effective,
        largest_weight_share=row.largest_weight_share,
        expected_events=None if events is None else events.value * branching,
        expected_sigma=None if events is None else events.sigma * branching,
        expected_high=None
        if kaons is None
        else events_per_branching_ratio(kaons.value, row.triggered.high) * branching,
    )


def mc_error(events: Estimate) -> float:
    """The relative error of expected events that comes from the numbers of simulated events."""
    return events.sigma_of(lambda name: name.startswith(STATISTICS)) / events.value


def point_limits(row: ScanRow, limits: Limits, normalisation: Normalisation | None = None) -> PointLimit:
    """Single event sensitivity and the limits on the branching ratio, observed and expected.

    The uncertainty of the sensitivity enters as that of the efficiency: statistics of signal and normalisation, counted
    events, branching ratio, and of the component efficiencies what does not cancel. Without a limit ``reason`` says why.
    """
    if row.acceptance.value <= 0.0:
        return PointLimit(reason="no event is selected: no acceptance, so no limit")
    if row.triggered.value <= 0.0:
        return PointLimit(reason="the triggers take no accepted event: no limit")
    events = events_per_branching(row, limits, normalisation)
    if events is None:
        return PointLimit(reason="the normalisation has no event that the triggers take: no limit")
    relative = events.sigma / events.value
    if relative > _LEAST_KNOWN:
        return PointLimit(reason="the sensitivity is known to less than 50 %: no limit", mc_error=mc_error(events))
    limit = _limit(events, limits)
    windows = {
        name: None if rate.value <= 0.0 else _upper(events_per_branching(row, limits, normalisation, rate), limits)
        for name, rate in row.windows.items()
    }
    return PointLimit(
        ses=1.0 / events.value,
        limit=limit,
        relative=relative,
        mc_error=mc_error(events),
        with_published_kaons=_upper(_with_published_kaons(row, normalisation), limits),
        windows=windows,
    )


def _with_published_kaons(row: ScanRow, normalisation: Normalisation | None) -> Estimate | None:
    """Events per unit of branching ratio with the published kaon decays, the trigger relative to its downscaling."""
    published = None if normalisation is None else normalisation.published_kaons
    return None if published is None else events_per_branching_ratio(published, row.estimate(row.relative, "signal"))


def _limit(events: Estimate, limits: Limits) -> Limit:
    """Observed and expected limit on the branching ratio."""
    return upper_limit(
        limits.observed, limits.background, background_error=limits.background_sigma,
        efficiency_error=events.sigma / events.value, ses=1.0 / events.value, method=limits.method, cl=limits.cl,
    )  # fmt: skip


def _upper(events: Estimate | None, limits: Limits) -> float | None:
    """The observed limit; None if the sensitivity is not known well enough."""
    if events is None or events.sigma > _LEAST_KNOWN * events.value:
        return None
    return _limit(events, limits).upper_limit
