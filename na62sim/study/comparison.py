"""Published numbers beside those that a run obtains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from na62sim.core.units import parse_parameter
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.geometry import load_detector
from na62sim.statistics.exclusion import Exclusion
from na62sim.study.dump.productions import PUBLISHED
from na62sim.study.dump.run import DumpRun, RegionResult, run_dump
from na62sim.study.kaon.rows import ScanResult, ScanRow
from na62sim.study.kaon.sensitivity import NORMALISATION, SIGNAL, DataSetResult, TotalSensitivity
from na62sim.study.kaon.triggered import TriggeredSample
from na62sim.study.published import Comparison, Published, compare, published_channel, published_numbers, settled
from na62sim.study.scenario.blocks import ExclusionBlock

_MASSES = (
    50.0, 100.0, 200.0, 220.0, 300.0, 400.0, 470.0, 480.0, 500.0, 520.0, 540.0, 560.0, 580.0, 600.0, 620.0,
)  # fmt: skip


def dump_comparison(run: DumpRun) -> list[Comparison]:
    """Edges of bremsstrahlung alone, and numbers of its reference sample, beside the published ones.

    The uncertainty of an edge is what the uncertainty of the efficiency gives it.
    """
    known = published_numbers()
    rows: list[Comparison] = []
    if run.model is not DARK_PHOTON:
        return rows
    for (channel, production), region in run.regions.items():
        if production != PUBLISHED:
            continue
        start = f"dump-2021-{channel}."
        for key in (k for k in known if k.startswith(start)):
            value, sigma = _obtained(region, key.removeprefix(start))
            if value is not None:
                rows.append(compare(known[key], value, sigma))
    references = [r for found in run.references.values() for r in found.values()]
    for r in references:
        if r.process != DARK_PHOTON.process_name(PUBLISHED) or r.protons != 1.4e17:
            continue
        steps = {step.step: (step.events, step.error) for step in r.steps}
        found = {"produced": steps["produced, all decays"], "in_volume": steps["in the decay volume"]}
        found["geometry"] = r.geometry, r.geometry_error
        for name, (events, error) in found.items():
            key = f"dump-2021-{r.channel}.{name}"
            if key in known:
                rows.append(compare(known[key], events, error or None))
    return rows


def published_edges(events: int, seed: int = 1, threads: int | None = None) -> list[Comparison]:
    """The comparison of the dump of 2021, bremsstrahlung alone, from as few masses as it needs."""
    block = ExclusionBlock(
        channels=("mumu", "ee"),
        production=PUBLISHED,
        geometry="dump-2021",
        events=events,
        masses_MeV=_MASSES,
        eps_min=1e-7,
        eps_max=1e-4,
        eps_points=60,
    )
    return dump_comparison(run_dump(block, load_detector("dump-2021"), seed, threads=threads))


def _obtained(found: RegionResult, name: str) -> tuple[float | None, float | None]:
    """An edge or the closing mass (MeV) of a region, and its uncertainty."""
    if name == "closing":
        closings = (found.region.closing, found.minus.closing, found.plus.closing)
        values = [closing[0] if closing else None for closing in closings]
    else:
        edge, _, mass = name.partition(".")
        if edge not in ("eps_low", "eps_high"):
            return None, None
        regions = (found.region, found.minus.region, found.plus.region)
        values = [_edge_at(region, edge, float(mass)) for region in regions]
    value, low, high = values
    return value, None if value is None or low is None or high is None else 0.5 * abs(high - low)


def _edge_at(region: Exclusion | None, edge: str, mass: float) -> float | None:
    """The lower or upper edge at a mass (MeV)."""
    if region is None or not (near := np.flatnonzero(np.abs(region.masses - mass) < 1e-6).tolist()):
        return None
    low, high = region.edges()
    return (low if edge == "eps_low" else high)[near[0]]


def obtained_numbers(
    data_sets: Sequence[DataSetResult], total: TotalSensitivity | None = None, scans: Sequence[ScanResult] = ()
) -> list[Comparison]:
    """Compare data sets, their sum, and scans with what is published for them.

    The published acceptances are those of K+ -> pi+ nu nubar and of K2pi: a data set of other processes has none.
    """
    known = published_numbers()
    rows: list[Comparison] = []
    published = [data for data in data_sets if data.process == SIGNAL]
    for data in published:
        normalised = data.normalisation == NORMALISATION
        for numbers in data.ranges:
            r2 = numbers.p_GeV["R2"]
            note = f"R2 {r2[0]:g}–{r2[1]:g}" if len(data.ranges) > 1 else ""
            obtained = {
                "acceptance_k2pi": numbers.acceptance_k2pi if normalised else None,
                "acceptance_pinunu": numbers.acceptance_pinunu,
                "ratio": numbers.ratio if normalised else None,
                "ses": numbers.headline.ses,
                "expected_events": numbers.headline.expected_events,
            }
            for name, estimate in obtained.items():
                key = f"{data.geometry}.{name}"
                if estimate is not None and key in known:
                    rows.append(compare(known[key], estimate.value, estimate.sigma, note))
    rows += [row for scan in scans for row in _scan_numbers(scan)]
    if published and total is not None and total.headline is not None and len(total.data_sets) > 1:
        key, events = "+".join(total.data_sets) + ".expected_events", total.headline.expected_events
        if key in known and events is not None:
            rows.append(compare(known[key], events.value, events.sigma))
    return settled(rows)


_SHAPE_AT = {"kpiaa": 155.0}  # MeV; with nothing observed the shape of a limit is that of 1/(A eps)


def sample_limits(rows: Mapping[str, ScanRow]) -> list[Comparison]:
    """Limits of processes without a parameter beside the published ones, from all events and from each window."""
    known = published_numbers()
    return settled(
        [
            found
            for process, row in rows.items()
            if (key := f"{process}.upper_limit") in known
            for found in _limits(known[key], row)
        ]
    )


def _scan_numbers(scan: ScanResult) -> list[Comparison]:
    """Compare limits and the shape of the acceptance of a scan in one mass with what is published."""
    known, process = published_numbers(), scan.process
    if len(scan.axes) != 1:
        return []
    axis = scan.axes[0]
    points = {float(parse_parameter(axis, row.parameters[axis])[1]): row for row in scan.rows}
    reference = points.get(_SHAPE_AT.get(process, -1.0))
    rows: list[Comparison] = []
    for mass, row in points.items():
        if (key := f"{process}.upper_limit.{mass:g}") in known:
            rows += _limits(known[key], row)
    for mass, row in points.items():
        key, a = f"{process}.shape.{mass:g}", row.triggered
        if key not in known or reference is None or not reference.triggered.value or not a.value:
            continue
        for name in ("", *row.windows):
            a, b = (r.windows[name] if name else r.triggered for r in (row, reference))
            ratio, relative = a.value / b.value, math.hypot(a.stat / a.value, b.stat / b.value)  # components are common
            rows.append(compare(known[key], ratio, ratio * relative, name))
    return rows


def _limits(number: Published, row: ScanRow) -> list[Comparison]:
    """A limit of a point, and those of its windows; the error is that of the sensitivity."""
    if row.limit is None or row.upper_limit is None or row.limit.relative is None:
        return []
    found = {"": row.upper_limit, **row.limit.windows}
    return [
        compare(number, limit, row.limit.relative * limit, name) for name, limit in found.items() if limit is not None
    ]


def compare_triggered(samples: Iterable[TriggeredSample]) -> list[Comparison]:
    """Samples that one trigger mask takes beside what is published for their data set, selection and process."""
    rows = []
    for s in samples:
        obtained = {
            "acceptance": (s.acceptance, s.acceptance_sigma),
            "taken": (s.taken, s.taken_sigma),
            "expected_events": (s.expected_events, s.expected_sigma),
            "sigma_m_MeV": (s.sigma_m_MeV, s.sigma_m_error),
        }
        for name, (value, sigma) in obtained.items():
            number = published_channel(s.geometry, s.selection, s.process, name)
            if number is not None:
                rows.append(compare(number, value, sigma))
    return rows
