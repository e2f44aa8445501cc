"""Search for K+ -> pi+ X in the data sets of K+ -> pi+ nu nubar, at every mass and lifetime of a grid."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from na62sim.core.progress import Meter, silent
from na62sim.geometry import Detector
from na62sim.selection.kpix import m2_slices, m2_window
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.likelihood import Background
from na62sim.study.kaon.kpix.limits import WindowLimit, by_kaons, by_signal, total_of, window_limit
from na62sim.study.kaon.kpix.request import Request
from na62sim.study.kaon.kpix.sample import DataSetCount, Passed, count_mass
from na62sim.study.kaon.kpix.window import STANDARD_MODEL, Windows
from na62sim.study.kaon.rows import STATISTICS

__all__ = ["KpixPoint", "KpixSearch", "run_kpix"]


class Store(Protocol):
    """Finished points that an interrupted search left."""

    points: dict[str, dict[str, Any]]

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep a finished point."""


@dataclass(frozen=True)
class KpixPoint:
    """What is found at a mass and a lifetime.

    Attributes
    ----------
    m_X, tau : MeV and ns; inf is stable
    window : of m2_miss (GeV^2), in the first data set
    acceptance, stat : of all data sets, weighted with their kaon decays
    trigger, random_veto : outside factors of the accepted events
    standard_model, background : events in the windows of all data sets: K+ -> pi+ nu nubar, and the published background
    ses, relative_error, mc_error : single event sensitivity, its relative error, and the part from the simulated events
    upper_limit : observed, None where the events in the window are not known
    expected : limits without signal (median, minus1, plus1, minus2, plus2); empty where ``reason`` says why
    medians : expected median by place of the last veto (m)
    median_by_kaons : expected median with the kaons of the data sets instead of their published signal
    """

    m_X: float
    tau: float
    window: tuple[float, float]
    acceptance: float
    stat: float
    trigger: float | None
    random_veto: float | None
    standard_model: float
    background: float
    observed: int | None
    ses: float | None
    relative_error: float | None
    mc_error: float | None
    upper_limit: float | None
    expected: dict[str, float]
    medians: dict[float, float | None]
    median_by_kaons: float | None
    n_generated: int
    n_selected: int
    n_effective: float
    largest_weight_share: float
    reason: str = ""


@dataclass(frozen=True)
class KpixSearch:
    """A search for K+ -> pi+ X: what was asked for, and a point per mass and lifetime.

    Attributes
    ----------
    decay : ``visible``: an X that decays before the last veto is vetoed; ``invisible``: it never is
    last_veto_m : where the last veto stands (m): that of the limits, then others to compare with
    signals, kaons : published signal events of K+ -> pi+ nu nubar, and kaon decays, of each data set
    """

    data_sets: tuple[str, ...]
    decay: str
    last_veto_m: tuple[float, ...]
    points: tuple[KpixPoint, ...]
    cl: float
    events: int
    precision: float | None
    seed: int
    signals: dict[str, float]
    kaons: dict[str, float]
    notes: tuple[str, ...]
    seconds: float
    selection: str = "kpix"
    process: str = "kpix"

    @property
    def geometry(self) -> str:
        """Names of the data sets, joined by +."""
        return "+".join(self.data_sets)


def run_kpix(asked: Request, store: Store, threads: int | None = None, meter: Meter = silent) -> KpixSearch:
    """Simulate, count and set limits.

    Parameters
    ----------
    store : gets what is counted at each mass; what is in it is not simulated again
    """
    start, detectors = time.perf_counter(), asked.mixture.detectors
    points: list[KpixPoint] = []
    windows = Windows(detectors, asked.seed, threads)
    with meter(f"kpix in {asked.mixture.name}", len(asked.masses)) as progress:
        for done, mass in enumerate(asked.masses, 1):
            points += _points(asked, mass, _counts(asked, mass, store, threads), windows)
            progress(done)
    signals = {d.name: signal.value for d, signal in zip(detectors, windows.signals, strict=True)}
    kaons, seconds = {d.name: d.dataset.kaons for d in detectors}, time.perf_counter() - start
    return KpixSearch(
        tuple(d.name for d in detectors), asked.decay, asked.last_veto_m, tuple(points), asked.cl, asked.events,
        asked.precision, asked.seed, signals, kaons, asked.notes, seconds,
    )  # fmt: skip


def _counts(asked: Request, mass: float, store: Store, threads: int | None) -> list[DataSetCount]:
    """What is counted at a mass, made or taken from the finished points."""
    key = f"m_X={mass:.12g}MeV"
    if key not in store.points:
        lifetimes = [math.inf] if asked.decay == "invisible" else asked.lifetimes
        found = count_mass(
            mass, lifetimes, asked.mixture, asked.seed, asked.events, asked.precision, asked.last_veto_m, threads
        )
        store.add(key, {"data_sets": [asdict(count) for count in found]})
    return [DataSetCount.from_dict(row) for row in store.points[key]["data_sets"]]


def _points(asked: Request, mass: float, counts: Sequence[DataSetCount], windows: Windows) -> list[KpixPoint]:
    """The points of a mass, one per lifetime."""
    detectors = asked.mixture.detectors
    backgrounds = [windows.of(k, mass) for k in range(len(detectors))]
    observed = None
    if asked.observed is not None:
        observed = [_in_slices(d, mass, asked.observed[d.name]) for d in detectors]
    return [_point(asked, mass, k, counts, windows, backgrounds, observed) for k in range(len(asked.lifetimes))]


def _in_slices(d: Detector, mass: float, m2: Sequence[float]) -> list[int]:
    """Observed events in each slice of a window."""
    regions = d.pinunu.r1_GeV2, d.pinunu.r2_GeV2
    seen = [x for x in m2 if any(a <= x < b for a, b in regions)]
    return [sum(low <= x < high for x in seen) for low, high in m2_slices(d, mass)]


def _point(
    asked: Request,
    mass: float,
    k: int,
    counts: Sequence[DataSetCount],
    windows: Windows,
    backgrounds: Sequence[Sequence[tuple[Background, ...]]],
    observed: Sequence[Sequence[int]] | None,
) -> KpixPoint:
    """One mass and lifetime."""
    detectors, column = asked.mixture.detectors, 0 if asked.decay == "invisible" else k
    cells = [[c.passed[plane][column] for c in counts] for plane in range(len(asked.last_veto_m))]
    first, *others = cells
    events = by_signal(windows, counts, 0, column)
    total = total_of(events)
    slices = [c.slices for c in first]
    limit = window_limit(events, slices, backgrounds, observed, asked.cl)
    if not any(b for rows in backgrounds for b in rows):
        limit = "the window lies outside R1 and R2, in the peak of K2pi or beyond: no limit"
    medians = [_median(limit)]
    for plane, row in enumerate(others, 1):
        same = row == first
        there = limit if same else window_limit(
            by_signal(windows, counts, plane, column), [c.slices for c in row], backgrounds, None, asked.cl
        )  # fmt: skip
        medians.append(_median(there))
    kaons = window_limit(by_kaons(detectors, counts, 0, column), slices, backgrounds, None, asked.cl)
    number = [d.dataset.kaons for d in detectors]
    share = [n / sum(number) for n in number]
    effective, largest = _weights(events, first)
    known = total.value > 0.0
    mc = total.sigma_of(lambda name: name.startswith(STATISTICS))
    return KpixPoint(
        m_X=mass,
        tau=asked.lifetimes[k],
        window=m2_window(detectors[0], mass),
        acceptance=sum(s * c.value for s, c in zip(share, first, strict=True)),
        stat=math.hypot(*(s * c.stat for s, c in zip(share, first, strict=True))),
        trigger=_mean_factor(detectors, first, "trigger_efficiency"),
        random_veto=_mean_factor(detectors, first, "random_veto"),
        standard_model=sum(b.events for of in backgrounds for row in of for b in row if b.source == STANDARD_MODEL),
        background=sum(b.events for of in backgrounds for row in of for b in row if b.source != STANDARD_MODEL),
        observed=None if observed is None else sum(map(sum, observed)),
        ses=1.0 / total.value if known else None,
        relative_error=total.sigma / total.value if known else None,
        mc_error=mc / total.value if known else None,
        upper_limit=None if isinstance(limit, str) else limit.observed,
        expected={} if isinstance(limit, str) else limit.expected,
        medians=dict(zip(asked.last_veto_m, medians, strict=True)),
        median_by_kaons=_median(kaons),
        n_generated=sum(c.generated for c in counts),
        n_selected=sum(c.selected for c in counts),
        n_effective=effective,
        largest_weight_share=largest,
        reason=limit if isinstance(limit, str) else "",
    )


def _median(limit: WindowLimit | str) -> float | None:
    return None if isinstance(limit, str) else limit.expected["median"]


def _mean_factor(detectors: Sequence[Detector], cells: Sequence[Passed], name: str) -> float | None:
    """Mean of a factor of the data sets over their accepted decays."""
    weight = [d.dataset.kaons * c.value for d, c in zip(detectors, cells, strict=True)]
    total = sum(weight)
    return sum(w * getattr(d.dataset, name) for w, d in zip(weight, detectors, strict=True)) / total if total else None


def _weights(events: Sequence[Estimate], cells: Sequence[Passed]) -> tuple[float, float]:
    """Effective number of accepted events, and share of the largest weight, all data sets together."""
    found = [(e.value / c.value, c) for e, c in zip(events, cells, strict=True) if c.value]
    total, square = sum(f * c.value for f, c in found), sum(f * f * c.square for f, c in found)
    if not total or not square:
        return 0.0, 0.0
    return total * total / square, max(f * c.largest for f, c in found) / total
