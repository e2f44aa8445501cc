"""Expected background events of K+ -> pi+ nu nubar in a data set: B = N_K ε_trig ε_RV BR ⟨A w⟩ for every row.

What a fast simulation cannot throw is a weight: photon vetoes (averaged over pi0 decays), charged particles in the vetoes,
muons and electrons taken for pions, flat efficiencies; kinematic tails are made more often. No row is normalised to a published
background. Upstream events are not predicted: N_ref · f_CDA · P_match, as NA62 does, with P_match of the simulated association
and the other two published; without them the row is empty.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.checks import in_range, whole_number
from na62sim.core.suggest import did_you_mean
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.pinunu import GeV2, inside, kmu2_band, pinunu
from na62sim.statistics.estimate import Estimate
from na62sim.study.kaon.background_parts import NAMES, UPSTREAM, rows
from na62sim.study.kaon.background_performance import row_performance
from na62sim.study.kaon.background_row import FEWEST, REGIONS, BackgroundBin, BackgroundRow, simulate_row
from na62sim.study.kaon.matching import match_probability

__all__ = ["BackgroundBin", "BackgroundRow", "Backgrounds", "backgrounds"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Backgrounds:
    """All rows of a data set.

    Attributes
    ----------
    total, total_without_upstream : None where a row has no number
    performance : efficiencies of the simulated detector that the rows rest on
    """

    geometry: str
    seed: int
    rows: dict[str, BackgroundRow]
    total: float | None
    total_without_upstream: float | None
    performance: dict[str, float | None]
    seconds: float


def backgrounds(
    row: str | Sequence[str] = "all",
    detector: str | Detector | None = None,
    *,
    events: int | None = None,
    share: float = 1.0,
    seed: int = 1,
    threads: int | None = None,
    say: Say | None = None,
) -> Backgrounds:
    """Expected background events of a data set.

    Parameters
    ----------
    row : ``all``, or some (a list, or joined by commas) of k2pi, kmu2, ke4, k3pi, kpigg, kl3, upstream
    detector : a data set's name, a geometry file, or a `Detector`
    events : of each row; by default what a row needs
    share : of what a row needs, where no number of events is given
    say : receives messages

    Raises
    ------
    ValueError : unknown row, no row, a geometry without a kaon beam, or a number out of its range
    """
    start = time.perf_counter()
    d = as_detector(detector)
    names = checked_rows(row.split(",") if isinstance(row, str) else row, d)
    share = in_range("share", share, "(0, 1000]")
    events = None if events is None else whole_number("events", events, FEWEST, 10**12, f"{FEWEST} to 1e12")
    found: dict[str, BackgroundRow] = {}
    selection = background_selection(d)
    performance: dict[str, float | None] = {"match_probability": match_probability(d)}
    flux = d.dataset.kaons * d.dataset.trigger_efficiency * d.dataset.random_veto
    for name in names:
        if name == UPSTREAM:
            found[name] = upstream(d)
            continue
        chosen = rows()[name]
        number = max(round(chosen.events * share), FEWEST) if events is None else events
        if number < chosen.least:
            reason = f"rare decays carry it: it needs {chosen.least} events, {number} were asked for"
            found[name] = BackgroundRow(name, chosen.title, reason=reason)
            continue
        if say is not None:
            say(f"{name}: {number} events …")
        found[name], made = simulate_row(chosen, selection, d, number, seed, threads, flux)
        performance |= row_performance(made)
    values = [r.events for r in found.values()]
    others = [r.events for name, r in found.items() if name != UPSTREAM]
    return Backgrounds(d.name, seed, found, _sum(values), _sum(others), performance, time.perf_counter() - start)


def checked_rows(asked: Sequence[str], d: Detector) -> list[str]:
    """The names of the rows that are asked for, each once; ``all`` stands for every one.

    Raises
    ------
    ValueError : unknown row, no row, or a geometry without a kaon beam
    """
    try:
        names = list(dict.fromkeys(name.strip() for name in asked))
    except (TypeError, AttributeError):
        names = []
    if not names:
        raise ValueError(f"rows of background {asked!r}: they must be all, or some of {', '.join(NAMES)}")
    if "all" in names:
        if len(names) > 1:
            raise ValueError(f"background row '{','.join(names)}': all stands alone, it has every row")
        names = list(NAMES)
    for name in names:
        if name not in NAMES:
            near = did_you_mean(name, [*NAMES, "all"], listed=True)
            raise ValueError(f"unknown background row '{name}'{near or ':'} rows are all, {', '.join(NAMES)}")
    if d.dump is not None:
        raise ValueError(f"geometry {d.name} has no kaon beam: K+ -> pi+ nu nubar has no background there")
    return names


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if values and len(known) == len(values) else None


def background_selection(d: Detector) -> Selection:
    """The pi nu nubar selection with the regions that NA62 counts the residual K2pi, K mu2 and K3pi in."""
    s = d.pinunu
    whole = min(s.r1_p_GeV[0], s.r2_p_GeV[0]), max(s.r1_p_GeV[1], s.r2_p_GeV[1])

    def muons(t: Table) -> Any:
        edge = kmu2_band(t["p"], d.beam.momentum_GeV * GeV) + 3e-3 * GeV2
        return np.asarray(inside(t["p"], whole, GeV) & (t["m2_miss"] > -0.05 * GeV2) & (t["m2_miss"] <= edge))

    selection = pinunu(d)
    more = {
        "pi pi0": lambda t: np.asarray(inside(t["p"], whole, GeV) & inside(t["m2_miss"], s.normalisation_GeV2, GeV2)),
        "mu nu": muons,
        "3 pi": lambda t: np.asarray(inside(t["p"], whole, GeV) & (t["m2_miss"] >= s.control_3pi_GeV2[1] * GeV2)),
    }
    return replace(selection, regions={name: selection.regions[name] for name in REGIONS} | more)


def upstream(d: Detector) -> BackgroundRow:
    """N_ref · f_CDA · P_match; without published inputs there is no number."""
    u = d.upstream
    title = "upstream"
    if u.reference_events is None or u.cda_factor is None:
        missing = "upstream.reference_events" if u.reference_events is None else "upstream.cda_factor"
        return BackgroundRow(UPSTREAM, title, reason=f"{d.name} has no {missing}: no published number was found")
    match = match_probability(d)
    sigma = d.quantity("upstream.cda_factor").standard_deviation or 0.0
    value = Estimate(u.reference_events, {"reference": math.sqrt(u.reference_events)})
    value = value * Estimate(u.cda_factor, {"f_CDA": sigma}) * Estimate(match)
    return BackgroundRow(
        UPSTREAM, title, value.value, value.sigma_of(lambda name: name == "reference"),
        value.sigma_of(lambda name: name != "reference"), u.reference_events, 1.0 / u.reference_events,
    )  # fmt: skip
