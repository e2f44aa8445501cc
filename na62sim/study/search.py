"""Search for a process: its acceptance, own normalisation and limits at every point of a grid of masses and lifetimes.

What a search is stands in a shipped scenario: the ``[[scan]]`` of the process declares selection, data sets, grid and the
parameter of the lifetime, ``[limits]`` the counting experiment and ``[normalisation]`` what it is normalised to. A search
for another process is a scenario with these blocks. K+ -> pi+ X is searched for in the data of K+ -> pi+ nu nubar, with their
kaons and backgrounds: it has its own way (`study.kaon.kpix`).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from na62sim.core.checks import whole_number
from na62sim.core.progress import Meter, silent
from na62sim.core.sources import closure_hash
from na62sim.core.suggest import did_you_mean
from na62sim.core.units import parse_count, parse_parameters, parse_precision
from na62sim.generators.registry import process_of
from na62sim.study.kaon.kpix.request import Request, request
from na62sim.study.kaon.kpix.search import KpixSearch, run_kpix
from na62sim.study.kaon.mixture import Mixture, data_sets
from na62sim.study.kaon.normalisation import Normalisation, normalise
from na62sim.study.kaon.rows import ScanResult
from na62sim.study.plan import Plan, PlannedScan, plan
from na62sim.study.scan import PointsFile, run_scan
from na62sim.study.scenario.blocks import Limits, NormalisationBlock
from na62sim.study.scenario.scenario import Scenario, available_scenarios, load_scenario

__all__ = [
    "PRECISION",
    "SearchResult",
    "available_searches",
    "changed_limits",
    "declared",
    "in_data_sets",
    "normalised",
    "search",
]

PRECISION = 0.03
"""Relative statistical error of acceptance times trigger efficiency at a point, unless another is asked for."""

KPIX, _KPIX_EVENTS = "kpix", 2_000_000
_MOST_POINTS = 100_000
Masses = Mapping[str, Sequence[float]] | Sequence[float]


@dataclass(frozen=True)
class SearchResult:
    """A search: what was asked for, a row per point, and what they are normalised to.

    Attributes
    ----------
    axes : parameters of the masses
    lifetime : parameter of the lifetime
    notes : what a reader has to know of these numbers
    """

    scenario: str
    scan: ScanResult
    limits: Limits
    normalisation: Normalisation | None
    axes: tuple[str, ...]
    lifetime: str
    precision: float | None
    seed: int
    notes: tuple[str, ...]


def available_searches() -> dict[str, str]:
    """Processes that can be searched for, with the scenario that declares each; kpix needs none.

    Examples
    --------
    >>> available_searches()
    {'kpiaa': 'pi4e-2017-2018', 'kpis': 'pi4e-2017-2018', 'kpix': ''}
    """
    found: dict[str, str] = {}
    for name in available_scenarios():
        scenario = load_scenario(name)
        if scenario.limits is not None:
            found |= {scan.process: name for scan in scenario.scan}
    return found | {KPIX: ""}


def search(
    process: str,
    masses: Masses | None = None,
    lifetimes: Sequence[float] | None = None,
    data: str | None = None,
    *,
    events: int | None = None,
    precision: str | float | None = None,
    seed: int = 1,
    method: str | None = None,
    cl: float | None = None,
    normalisation_events: int | None = None,
    threads: int | None = None,
    points: Path | None = None,
    resume: bool = False,
    meter: Meter = silent,
    say: Callable[[str], None] | None = None,
    decay: str | None = None,
    last_veto_m: float | None = None,
    observed: str | os.PathLike[str] | Mapping[str, Sequence[float]] | None = None,
) -> SearchResult | KpixSearch:
    """Limits on the branching ratio of a process at every point of a grid.

    Parameters
    ----------
    process : one of `available_searches`
    masses : of each parameter (MeV), ``{"m_S": [200, 230], "m_Aprime": [50]}``, or a list for a process with one mass; the
        scenario's grid by default
    lifetimes : ns, 0 is prompt; that of the process by default
    data : names of data sets joined by commas, ``run1-2017,run1-2018``; those of the scenario by default
    events : the most that are made at a point; without a precision so many are made
    precision : relative statistical error of a point, ``"3%"`` or 0.03; by default that, unless ``events`` are given
    method, cl : ``cls``, ``fc`` or ``bayes``, and the confidence level; those of the scenario by default
    normalisation_events : that are made once and kept; those of the scenario, ten million, by default
    points : file that keeps finished points; with ``resume`` those that it holds are taken over
    decay : of kpix: ``visible``, where an X that decays before the last veto is vetoed (the default), or ``invisible``
    last_veto_m : of kpix: where that veto stands (m); the front of the LKr by default
    observed : of kpix: m2_miss (GeV^2) of the observed events of each data set, or a file with them; no observed limit without

    Returns
    -------
    SearchResult, of kpix KpixSearch; a point without an accepted or triggered event has a row with the reason and no limit

    Raises
    ------
    ValueError : in one line, for anything that is not allowed
    """
    seed = whole_number("seed", seed, 0, 2**64 - 1, "0 to 2**64 - 1")
    kept = PointsFile(points, resume, say)
    wanted = None if precision is None else parse_precision("precision", precision)
    if precision is None and events is None:
        wanted = PRECISION
    if process == KPIX:
        asked = request(
            masses, lifetimes, data, method=method, normalisation_events=normalisation_events,
            decay=decay or "visible", last_veto_m=last_veto_m, observed=observed,
            cl=0.9 if cl is None else cl, events=_KPIX_EVENTS if events is None else parse_count("events", events),
            precision=wanted, seed=seed,
        )  # fmt: skip
        return _search_kpix(asked, kept, threads, meter)
    for name, value in (("decay", decay), ("last_veto_m", last_veto_m), ("observed", observed)):
        if value is not None:
            raise ValueError(f"{name}: it is for kpix alone, not for {process}")
    scenario = declared(process, normalisation_events)
    limits = changed_limits(scenario.limits, method, cl)
    own = next(scan for scan in plan(scenario).scans if scan.block.process == process)
    axes, lifetime = tuple(own.block.axes), own.block.lifetime
    most = own.block.events if events is None else parse_count("events", events)
    grid, notes = _grid(process, own, masses, lifetimes)
    whole, limits, more = in_data_sets(plan(scenario.with_seed(seed).changed({"limits": limits})), data)
    mixture = next(scan for scan in whole.scans if scan.block.process == process).mixture
    block = own.block.model_copy(update={"events": most, "precision": wanted, "geometry": mixture.name})
    scan = PlannedScan(block, mixture, tuple(grid))
    store = kept.store(_identity(whole, scan))
    normalisation = normalised(whole, threads, meter, say)
    rows, start = [], time.perf_counter()
    with kept.keeping(store), meter(f"{process} in {mixture.name}", len(grid)) as progress:
        for row in run_scan(whole.scenario, scan, store, threads, normalisation, whole.trigger):
            rows.append(row)
            progress(len(rows))
    names = (*axes, *((lifetime,) if lifetimes is not None else ()))
    result = ScanResult(
        process, process, block.selection, mixture.name, most, names, limits.cl, tuple(rows), time.perf_counter() - start,
        own.gaps, scan.remarks,
    )  # fmt: skip
    kept.finish()
    return SearchResult(scenario.name, result, limits, normalisation, axes, lifetime, wanted, seed, (*notes, *more))


def _search_kpix(asked: Request, kept: PointsFile, threads: int | None, meter: Meter) -> KpixSearch:
    """The search for K+ -> pi+ X."""
    about = [
        asked.lifetimes, asked.decay, asked.last_veto_m, asked.events, asked.precision, asked.seed,
        [detector.sha256 for detector in asked.mixture.detectors], closure_hash("study.kaon.kpix.sample"),
    ]  # fmt: skip
    store = kept.store(hashlib.sha256(json.dumps(about).encode()).hexdigest())
    with kept.keeping(store):
        found = run_kpix(asked, store, threads, meter)
    kept.finish()
    return found


def declared(process: str, normalisation_events: int | None) -> Scenario:
    """The scenario that declares a search, with as many events of its normalisation."""
    known = available_searches()
    if process not in known:
        raise ValueError(
            f"there is no search for '{process}'{did_you_mean(str(process), known)}; allowed are {', '.join(known)}"
        )
    scenario = load_scenario(known[process])
    if normalisation_events is None or (block := scenario.normalisation) is None:
        return scenario
    count = parse_count("normalisation_events", normalisation_events)
    return scenario.changed({"normalisation": block.model_copy(update={"events": count})})


def changed_limits(limits: Limits | None, method: str | None, cl: float | None) -> Limits:
    """The counting experiment with another method or confidence level."""
    from na62sim.core.checks import in_range
    from na62sim.statistics.limits import METHODS

    assert limits is not None
    if method is not None and method not in METHODS:
        hint = did_you_mean(str(method), METHODS, listed=True)
        raise ValueError(f"method = {method!r} is not one of {', '.join(METHODS)}{hint}")
    update: dict[str, object] = {} if method is None else {"method": method}
    if cl is not None:
        update["cl"] = in_range("cl", cl, "(0, 1)")
    return limits.model_copy(update=update)


def _grid(
    process: str, scan: PlannedScan, masses: Masses | None, lifetimes: Sequence[float] | None
) -> tuple[list[dict[str, str]], list[str]]:
    """The points at which the process is possible, and what to say of those that are left out.

    Raises
    ------
    ValueError : a parameter that is no mass of the process, too many points, or none that is possible
    """
    axes, name = list(scan.block.axes), scan.block.lifetime
    if masses is not None and not isinstance(masses, Mapping):
        if len(axes) > 1:
            raise ValueError(f"masses of {process}: name them, {' and '.join(f'{axis}=LIST' for axis in axes)}")
        masses = {axes[0]: masses}
    for key in masses or {}:
        if key not in axes:
            raise ValueError(f"masses of {process}: '{key}' is none of {', '.join(axes)}{did_you_mean(key, axes)}")
    values = [
        [f"{mass:.12g}MeV" for mass in masses[axis]] if masses and axis in masses else
        [f"{x:g}{scan.block.axes[axis].unit}" for x in scan.block.axes[axis].values] for axis in axes
    ]  # fmt: skip
    names = list(axes)
    if lifetimes is not None:
        values.append([f"{tau:.12g}ns" for tau in lifetimes])
        names.append(name)
    total = math.prod(map(len, values))
    if not 0 < total <= _MOST_POINTS:
        raise ValueError(f"a search may have 1 to {_MOST_POINTS} points, not {total}")
    found, closed, reason = [], [], ""
    for words in product(*values):
        point = scan.block.parameters | dict(zip(names, words, strict=True))
        try:
            process_of(process, parse_parameters(point))
        except ValueError as error:
            reason = reason or str(error)
            closed.append(point)
        else:
            found.append(point)
    if not found:
        raise ValueError(reason)
    notes = [f"{len(closed)} of {total} points are left out: the decay is closed there"] if closed and masses else []
    return found, notes


def in_data_sets(whole: Plan, data: str | None) -> tuple[Plan, Limits, list[str]]:
    """The plan in some of its data sets: counted events and background in proportion to the kaon decays.

    Raises
    ------
    ValueError : a data set in which nothing was counted
    """
    limits, block, own = whole.scenario.limits, whole.scenario.normalisation, whole.normalisation
    assert limits is not None
    if data is None or block is None or own is None:
        return whole, limits, []
    known, names = [d.name for d in own.mixture.detectors], data_sets(data)
    if set(names) == set(known):
        return whole, limits, []
    for name in names:
        if name not in known:
            raise ValueError(f"data = '{data}': the events were counted in {', '.join(known)}, not in {name}")
    mixture = Mixture.of(names, own.mixture.volume_m)
    part = sum(d.value for d in mixture.decays) / sum(d.value for d in own.mixture.decays)
    update = {"geometry": mixture.name, "events": block.events}
    changed = block.model_copy(update={**update, **_scaled(block, part)})
    less = limits.model_copy(
        update={"background": part * limits.background, "background_sigma": part * limits.background_sigma}
    )
    scans = tuple(
        replace(s, mixture=mixture, block=s.block.model_copy(update={"geometry": mixture.name})) for s in whole.scans
    )
    scenario = whole.scenario.changed({"limits": less, "normalisation": changed})
    note = (
        f"counted events and background are taken as {part:.3f} of those of all data sets, the share of the kaon decays"
    )
    return (
        replace(whole, scenario=scenario, scans=scans, normalisation=replace(own, block=changed, mixture=mixture)),
        less,
        [note],
    )


def _scaled(block: NormalisationBlock, part: float) -> dict[str, object]:
    """The counted events and the kaon decays of a part of the data."""
    ends = block.counted_range
    return {
        "counted": part * block.counted,
        "counted_sigma": math.sqrt(part) * block.counted_sigma,
        "counted_range": None if ends is None else (part * ends[0], part * ends[1]),
        "kaons": None if block.kaons is None else part * block.kaons,
        "kaons_sigma": part * block.kaons_sigma,
    }


def normalised(
    whole: Plan, threads: int | None, meter: Meter, say: Callable[[str], None] | None
) -> Normalisation | None:
    if (own := whole.normalisation) is None:
        return None
    found = normalise(own.block, own.process, own.mixture, own.trigger, whole.scenario.seed, threads, meter)
    if found.taken_over and say is not None:
        say(f"normalisation: {found.row.n_generated} events of an earlier run, from {found.kept_in}")
    return found


def _identity(whole: Plan, scan: PlannedScan) -> str:
    """Digest of what the counts of a point depend on, beside its parameters."""
    block, trigger = scan.block, whole.trigger
    about = [
        block.process, block.selection, block.events, block.precision, whole.scenario.seed, scan.mixture.volume_m,
        scan.mixture.shares, [detector.sha256 for detector in scan.mixture.detectors],
        None if trigger is None else trigger.masks, closure_hash("study.scan"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()
