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
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.suggest import did_you_mean
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.pinunu import GeV2, inside, kmu2_band, pinunu
from na62sim.selection.tally import Counter
from na62sim.simulation.acceptance import acceptance
from na62sim.simulation.on_demand import SelectedChunk
from na62sim.statistics.estimate import Estimate
from na62sim.study.kaon.background_parts import NAMES, UPSTREAM, Row, Sample, rows
from na62sim.study.kaon.matching import match_probability

__all__ = ["BackgroundBin", "BackgroundRow", "Backgrounds", "backgrounds"]

REGIONS = ("R1", "R2")
LARGEST_SHARE = 0.10  # of one weight, above which a row is refused
FEWEST = 1000  # events of a sample
_OVERLAP = (1e-3, 3e-2)  # probability that a muon and a photon on one cluster look like a pion; no source
Say = Callable[[str], None]


@dataclass(frozen=True)
class BackgroundBin:
    """Events of a momentum bin (GeV/c)."""

    low_GeV: float
    high_GeV: float
    events: float
    stat: float


@dataclass(frozen=True)
class BackgroundRow:
    """A row of the table; ``events`` is None where ``reason`` says why.

    Attributes
    ----------
    stat, syst : standard deviations from the simulated events, and from component efficiencies and the data set's inputs
    n_effective, largest_weight_share : of the weighted events behind it
    regions, bins : the events by region and by momentum
    parts : events of a part, or an interval (low, high) that is not in ``events``
    """

    name: str
    title: str
    events: float | None = None
    stat: float | None = None
    syst: float | None = None
    n_effective: float = 0.0
    largest_weight_share: float = 0.0
    regions: dict[str, float] = field(default_factory=dict)
    bins: tuple[BackgroundBin, ...] = ()
    parts: dict[str, float | tuple[float, float]] = field(default_factory=dict)
    reason: str = ""


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
    row : ``all``, or some of k2pi, kmu2, ke4, k3pi, kpigg, kl3, upstream
    detector : a data set's name, a geometry file, or a `Detector`
    events : of each row; by default what a row needs
    share : of what a row needs, where no number of events is given
    say : receives messages

    Raises
    ------
    ValueError : unknown row, or a geometry without a kaon beam
    """
    start = time.perf_counter()
    d = as_detector(detector)
    names = checked_rows([row] if isinstance(row, str) else row, d)
    found = {}
    for name in names:
        if name == UPSTREAM:
            found[name] = upstream(d)
            continue
        chosen = rows()[name]
        number = max(round(chosen.events * share), FEWEST) if events is None else events
        if say is not None:
            say(f"{name}: {number} events …")
        found[name] = _simulate(chosen, d, number, seed, threads)
    values = [r.events for r in found.values()]
    others = [r.events for name, r in found.items() if name != UPSTREAM]
    return Backgrounds(
        d.name, seed, found, _sum(values), _sum(others), {"match_probability": match_probability(d)},
        time.perf_counter() - start,
    )  # fmt: skip


def checked_rows(asked: Sequence[str], d: Detector) -> list[str]:
    """The names of the rows that are asked for; ``all`` stands for every one.

    Raises
    ------
    ValueError : unknown row, or a geometry without a kaon beam
    """
    names = list(NAMES) if list(asked) == ["all"] else list(asked)
    for name in names:
        if name not in NAMES:
            raise ValueError(f"unknown background row '{name}'{did_you_mean(name, [*NAMES, 'all'])}")
    if d.dump is not None:
        raise ValueError(f"geometry {d.name} has no kaon beam: K+ -> pi+ nu nubar has no background there")
    return names


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if values and len(known) == len(values) else None


def background_selection(d: Detector) -> Selection:
    """The pi nu nubar selection with the regions that NA62 counts the residual K2pi and K mu2 in."""
    s = d.pinunu
    whole = min(s.r1_p_GeV[0], s.r2_p_GeV[0]), max(s.r1_p_GeV[1], s.r2_p_GeV[1])

    def muons(t: Table) -> Any:
        edge = kmu2_band(t["p"], d.beam.momentum_GeV * GeV) + 3e-3 * GeV2
        return np.asarray(inside(t["p"], whole, GeV) & (t["m2_miss"] > -0.05 * GeV2) & (t["m2_miss"] <= edge))

    selection = pinunu(d)
    more = {
        "pi pi0": lambda t: np.asarray(inside(t["p"], whole, GeV) & inside(t["m2_miss"], s.normalisation_GeV2, GeV2)),
        "mu nu": muons,
    }
    return replace(selection, regions={name: selection.regions[name] for name in REGIONS} | more)


@dataclass(frozen=True)
class _Counted:
    """Weights of a sample: all of it, those in each region, and in each momentum bin of a region."""

    total: Counter
    regions: dict[str, Counter]
    bins: dict[str, list[Counter]]
    hidden: float = 0.0


def _simulate(row: Row, d: Detector, events: int, seed: int, threads: int | None) -> BackgroundRow:
    """One row from its samples."""
    flux = d.dataset.kaons * d.dataset.trigger_efficiency * d.dataset.random_veto
    selection = background_selection(d)
    edges = [edge / GeV for edge in selection.bin_edges]
    regions, bins = dict.fromkeys(REGIONS, 0.0), np.zeros((2, len(edges) - 1))
    parts: dict[str, float] = {}
    weights: list[tuple[float, Counter]] = []
    hidden, relative = 0.0, 0.0
    for sample in row.samples:
        number = max(round(events * sample.share), FEWEST)
        flow, counted = _count(sample, selection, d, number, seed, threads)
        scale = flux * sample.branching / flow.generated.sumw
        relative = flow.selection.systematic
        weights.append((scale, counted.total))
        hidden += scale * counted.hidden
        parts[sample.part] = parts.get(sample.part, 0.0) + scale * counted.total.sumw
        for name in REGIONS:
            regions[name] += scale * counted.regions[name].sumw
            for k, c in enumerate(counted.bins[name]):
                bins[:, k] += scale * c.sumw, scale**2 * c.sumw2
    intervals: dict[str, tuple[float, float]] = {}
    if hidden:
        silent = (1.0 - d.muv3.efficiency) / d.lkr.muon_misid
        intervals["photon on the muon's cluster"] = _OVERLAP[0] * silent * hidden, _OVERLAP[1] * silent * hidden
    total, square = math.fsum(s * c.sumw for s, c in weights), math.fsum(s * s * c.sumw2 for s, c in weights)
    share = max(s * c.largest for s, c in weights) / total if total else 1.0
    result = BackgroundRow(
        row.name, row.title, total, math.sqrt(square), total * math.hypot(relative, _inputs(d)),
        total * total / square if square else 0.0, share, regions,
        tuple(BackgroundBin(edges[k], edges[k + 1], bins[0, k], math.sqrt(bins[1, k])) for k in range(bins.shape[1])),
        {**parts, **intervals},
    )  # fmt: skip
    if share <= LARGEST_SHARE:
        return result
    why = f"one weight has {100 * share:.0f} % of the sum, more than {100 * LARGEST_SHARE:.0f} %: it needs more events"
    return replace(result, events=None, stat=None, syst=None, reason=why)


def _count(
    sample: Sample, selection: Selection, d: Detector, number: int, seed: int, threads: int | None
) -> tuple[CutFlow, _Counted]:
    """Simulate a sample. A photon on the cluster of a muon is a case of its own: it is counted apart."""
    overlap = _Overlap(d) if sample.process == "kmu2g" else None
    flow = acceptance(
        sample.process, selection, number, d, seed, as_weights="all", tails=sample.tails, threads=threads,
        keep=None if overlap is None else overlap.look, **sample.parameters,
    )  # fmt: skip
    if overlap is None:
        return flow, _Counted(flow.selected, flow.counts, flow.binned)
    return flow, overlap.counted(selection)


class _Overlap:
    """Accepted K+ -> mu+ nu gamma, those with the photon near the muon at the LKr apart."""

    def __init__(self, detector: Detector) -> None:
        self.z, self.distance = detector.lkr.z_m * m, detector.lkr.track_distance_mm * mm
        self.rows: list[Table] = []
        self.weights: list[Any] = []
        self.near: list[Any] = []

    def look(self, chunk: SelectedChunk, table: Table, _weight: Any) -> None:
        """Keep what a chunk has in the signal regions."""
        rows = chunk.flow.signal_rows
        if len(rows) == 0:
            return
        event, chain = chunk.event[rows], chunk.truth.chain
        slot = next(k for k, s in enumerate(chain.particles) if s.name == "gamma")
        p, vertex = chunk.truth.p[slot][:, event], chunk.truth.vertex[chain.vertex[slot]][:, event]
        accepted = table.take(rows)
        d = (self.z - vertex[2]) / p[2]
        x, y = vertex[0] + p[0] * d - accepted["lkr_x"], vertex[1] + p[1] * d - accepted["lkr_y"]
        self.rows.append(accepted)
        self.weights.append(chunk.flow.signal_weight)
        self.near.append((p[2] > 0.0) & (x * x + y * y < self.distance**2))

    def counted(self, selection: Selection) -> _Counted:
        """The weights of all chunks."""
        bins = len(selection.bin_edges) - 1
        found = _Counted(
            Counter(), {r: Counter() for r in REGIONS}, {r: [Counter() for _ in range(bins)] for r in REGIONS}
        )
        hidden = 0.0
        for table, weight, near in zip(self.rows, self.weights, self.near, strict=True):
            hidden += float(weight[near].sum())
            index = np.searchsorted(np.asarray(selection.bin_edges), table["p"], side="right") - 1
            for name in REGIONS:
                here = np.asarray(selection.regions[name](table)) & ~near
                found.regions[name].merge(Counter.of(weight[here]))
                found.total.merge(Counter.of(weight[here]))
                for k in range(bins):
                    found.bins[name][k].merge(Counter.of(weight[here & (index == k)]))
        return replace(found, hidden=hidden)


def _inputs(d: Detector) -> float:
    """Relative standard deviation of N_K, trigger efficiency and random veto together."""
    return math.hypot(
        *((d.quantity(f"dataset.{name}").standard_deviation or 0.0) / getattr(d.dataset, name)
          for name in ("kaons", "trigger_efficiency", "random_veto"))
    )  # fmt: skip


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
