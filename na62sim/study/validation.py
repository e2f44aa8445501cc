"""The validation table: published, obtained, ratio, for every published number the project knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.version import program_version
from na62sim.detector.response import veto
from na62sim.detector.response.as_weights import AsWeights
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector, load_detector
from na62sim.geometry.dataset import Guard
from na62sim.sample.table import Array, Table
from na62sim.selection.cut import Cut, CutFunction, Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.pinunu import (
    beam_cuts,
    guarded,
    inside,
    k2pi,
    mu_nu_band,
    pinunu,
    pion_cuts,
    track_cuts,
)
from na62sim.simulation.acceptance import acceptance
from na62sim.simulation.conditions import Running
from na62sim.simulation.on_demand import SelectedChunk, accepted
from na62sim.simulation.pipeline import Simulation
from na62sim.statistics import BR_PINUNU_NA62
from na62sim.study.comparison import compare_triggered, obtained_numbers, published_edges, sample_limits
from na62sim.study.kaon.branching_ratio import branching_ratio
from na62sim.study.kaon.count import count
from na62sim.study.kaon.counts import PERIODS
from na62sim.study.kaon.limits import point_limits
from na62sim.study.kaon.normalisation import normalise
from na62sim.study.kaon.rows import ScanResult, row_of
from na62sim.study.kaon.sensitivity import BranchingRatio, DataSetResult, combine, data_set_result
from na62sim.study.kaon.triggered import triggered_sample
from na62sim.study.plan import plan
from na62sim.study.published import Comparison, compare, published_limits, published_numbers
from na62sim.study.resolution.gaussian_core import fit_resolutions
from na62sim.study.resolution.histograms import Histograms
from na62sim.study.resolution.masses import Masses
from na62sim.study.scan import measure_point
from na62sim.study.scenario.scenario import load_scenario

__all__ = ["CASCADE_FACTOR", "ValidationResult", "validation"]

Numbers = dict[str, tuple[float | None, float | None]]  # key to value and statistical error
GeV2 = GeV * GeV
DATA_SETS = ("run1-2018-s1", "run1-2018-s2", "run1-2017", "run2-2022")
RESOLUTION_DATA_SET = "run1-2018-s2"
THREE_TRACK_DATA_SET = "run1-2017"
TRUTH_EVENTS = 1_000_000
_P = (15.0, 35.0)  # GeV/c, of the published photon numbers
CASCADE_FACTOR = 5
"""More events for points of a scan that stop at a precision; the normalisation has two and a half times as many."""
_OTHER_TRACK = 0.6  # mm at GTK3, seven standard deviations: a beam track so far from the kaon is another particle's


@dataclass(frozen=True)
class ValidationResult:
    """The comparison with every published number, and what made it."""

    rows: tuple[Comparison, ...]
    events: int
    seed: int
    program_version: str
    seconds: float

    @property
    def n_within(self) -> int:
        """How many are within their stated range."""
        return sum(row.within is True for row in self.rows)

    @property
    def missed(self) -> tuple[Comparison, ...]:
        """Those outside it by more than their error allows."""
        return tuple(row for row in self.rows if row.verdict == "outside")


def validation(
    events: int, *, seed: int = 1, threads: int | None = None, say: Callable[[str], None] = print
) -> ValidationResult:
    """Simulate what is needed and compare with every published number.

    Parameters
    ----------
    events : of each sample that goes through the detector
    seed : the table is the same for the same seed and number of events
    say : receives messages
    """
    start = time.perf_counter()
    branching = BranchingRatio(BR_PINUNU_NA62.value, BR_PINUNU_NA62.sigma)
    common: dict[str, Any] = {"events": events, "seed": seed, "threads": threads}
    data_sets: list[DataSetResult] = []
    numbers: Numbers = {}
    for name in DATA_SETS:
        say(f"{name}: kpinunu and k2pi, {events} events each …")
        d = load_detector(name)
        signal, normalisation = Histograms("kpinunu", d), Histograms("k2pi", d)
        keep = name == RESOLUTION_DATA_SET
        flow = acceptance("kpinunu", "pinunu", detector=d, keep=signal.fill if keep else None, **common)
        other = acceptance("k2pi", "k2pi", detector=d, keep=normalisation.fill if keep else None, **common)
        data_sets.append(data_set_result(d, flow, other, branching))
        if keep:
            numbers |= _resolutions(signal, normalisation)
    total = combine([data for data in data_sets if data.geometry.startswith("run1-2018")], branching)
    rows = obtained_numbers(data_sets, total)
    say(f"kpiaa at four masses and kpi4e, up to {CASCADE_FACTOR * events} events each, and their normalisation …")
    rows += _cascades(common)
    say(f"three tracks in five channels, {events} events each …")
    rows += _three_tracks(common)
    say("generated truth, bands, photons and tails …")
    d = load_detector(RESOLUTION_DATA_SET)
    numbers |= (
        _truth(d, seed)
        | _bands(d, common)
        | _tails(d, common)
        | _association(d, common)
        | _photons(d, events, seed, threads)
    )
    say("beam dump, bremsstrahlung, 15 masses …")
    rows += published_edges(max(events // 4, 10_000), seed, threads)
    rows += [row for data in PERIODS for row in branching_ratio(data).comparison]
    compared = {row.key for row in rows}
    rows += [
        compare(n, *numbers.get(n.key, (None, None))) for n in published_numbers().values() if n.key not in compared
    ]
    return ValidationResult(tuple(rows), events, seed, program_version(), time.perf_counter() - start)


def _cascades(common: Mapping[str, Any]) -> list[Comparison]:
    """The published masses of K+ -> pi+ aa, and the Standard Model decay, with the limits of the shipped scenario."""
    start, seed, threads = time.perf_counter(), common["seed"], common["threads"]
    scenario = load_scenario("pi4e-2017-2018")
    assert scenario.limits is not None and scenario.normalisation is not None
    whole = plan(scenario.scaled_to(CASCADE_FACTOR * common["events"]))
    planned = whole.normalisation
    assert planned is not None
    normalisation = normalise(planned.block, planned.process, planned.mixture, planned.trigger, seed, threads)
    scan = next(scan for scan in whole.scans if scan.block.process == "kpiaa")
    rows = []
    for mass in published_limits(scan.block.process):
        row = measure_point(scan, {"m_a": f"{mass:g}MeV"}, seed, whole.trigger, threads)
        rows.append(replace(row, limit=point_limits(row, scenario.limits, normalisation)))
    b = scan.block
    found = ScanResult(
        b.label, b.process, b.selection, b.geometry, b.events,
        ("m_a",), scenario.limits.cl, tuple(rows), time.perf_counter() - start,
    )  # fmt: skip
    sample = next(s for s in whole.samples if s.block.process == "kpi4e")
    counted = count(
        sample.process, sample.block.selection, sample.mixture, seed, sample.block.events, trigger=whole.trigger,
        threads=threads,
    )  # fmt: skip
    row = row_of(counted, {})
    limit = point_limits(row, scenario.limits, normalisation)
    return [*obtained_numbers((), scans=[found]), *sample_limits({"kpi4e": replace(row, limit=limit)})]


def _three_tracks(common: Mapping[str, Any]) -> list[Comparison]:
    """The samples of the shipped scenario of three tracks for whose data set numbers are published."""
    found = []
    for planned in plan(load_scenario("three-tracks-2017-2018")).samples:
        if planned.detector.name == THREE_TRACK_DATA_SET:
            masses, volume = Masses(planned.selection), planned.block.decay_volume_m
            flow = acceptance(
                planned.process, planned.selection, detector=planned.detector, decay_volume_m=volume,
                keep=masses.fill, **common,
            )  # fmt: skip
            found.append(triggered_sample(planned.block, flow, masses.resolutions()))
    return compare_triggered(found)


def _pair(measured: Mapping[str, float] | None) -> tuple[float | None, float | None]:
    return (measured["value"], measured["error"]) if measured else (None, None)


def _resolutions(signal: Histograms, normalisation: Histograms) -> Numbers:
    """Momentum and angle from the signal sample, missing mass from the K2pi peak."""
    numbers: Numbers = {}
    track, peak = fit_resolutions(signal), fit_resolutions(normalisation)
    for p, momentum, angle in zip(track["p_GeV"], track["sigma_p_over_p"], track["sigma_theta_x_urad"], strict=True):
        numbers[f"sigma_p_over_p.{p:g}"] = _pair(momentum)
        numbers[f"sigma_theta_urad.{p:g}"] = _pair(angle)
    numbers["sigma_m2_GeV2"] = _pair(peak["sigma_m2_GeV2"])
    numbers["m2_peak_k2pi_GeV2"] = _pair(peak["m2_peak_GeV2"])
    return numbers


def _truth(d: Detector, seed: int) -> Numbers:
    """Shape of the generated neutrino-pair mass; regions of the missing mass without momentum range."""
    volume = (d.decay_volume.z_min_m * 1e3, d.decay_volume.z_max_m * 1e3)
    generator = Generator(find_process("kpinunu"), d, volume)
    pion = next(k for k, s in enumerate(generator.chain.particles) if s.name == "pi+")
    parts = []
    for first in range(0, TRUTH_EVENTS, 100_000):
        p = generator.generate(seed, first, 100_000).p
        q = p[0] - p[pion]
        parts.append((q[3] ** 2 - q[0] ** 2 - q[1] ** 2 - q[2] ** 2) / GeV2)
    q2 = np.concatenate(parts)
    numbers: Numbers = {"kpinunu.mean_q2_GeV2": (float(q2.mean()), float(q2.std() / np.sqrt(len(q2))))}
    for name, (low, high) in (("r1", d.pinunu.r1_GeV2), ("r2", d.pinunu.r2_GeV2)):
        share = float(np.mean((q2 >= low) & (q2 < high)))
        numbers[f"kpinunu.{name}_fraction"] = share, float(np.sqrt(share * (1.0 - share) / len(q2)))
    return numbers


def _bands(d: Detector, common: Mapping[str, Any]) -> Numbers:
    """The K mu2 band under the pion hypothesis, and how much of it leaks into the signal regions."""
    histograms = Histograms("kmu2", d)
    acceptance("kmu2", _without_identification(d), detector=d, keep=histograms.fill, **common)
    r = fit_resolutions(histograms)
    numbers: Numbers = {}
    if r["m2_peak_in_p_GeV2"]:
        for p, measured in zip(r["p_GeV"], r["m2_peak_in_p_GeV2"], strict=True):
            numbers[f"m2_band_kmu2_GeV2.{p:g}"] = _pair(measured)
    flow = acceptance("kmu2", _without_identification(d), detector=d, tails=True, **common)
    numbers["kmu2.kinematic_tails"] = _tail(flow)
    return numbers


def _without_identification(d: Detector) -> Selection:
    """K mu2 by track and beam cuts, 15-35 GeV/c: signal regions without the guard of the RICH, over the band."""
    s, cuts = d.pinunu, [*track_cuts(d), *beam_cuts(d)]

    def region(window: Sequence[float], beam: Guard) -> CutFunction:
        return lambda t: np.asarray(
            inside(t["p"], _P, GeV) & inside(t["m2_miss"], window, GeV2) & guarded(t, "m2_beam", beam)
        )

    def band(t: Table) -> Array:
        low, high = -0.05 * GeV2, mu_nu_band(d, t)
        return np.asarray(inside(t["p"], _P, GeV) & (t["m2_miss"] > low) & (t["m2_miss"] <= high))

    regions = {"R1": region(s.r1_GeV2, s.beam_guard_r1), "R2": region(s.r2_GeV2, s.beam_guard_r2), "all": band}
    return Selection("kinematics", cuts, regions, signal=("R1", "R2"), tracks=(1, 1))


def _tails(d: Detector, common: Mapping[str, Any]) -> Numbers:
    """Selected K2pi, photons ignored, 15-35 GeV/c: signal regions with both guards over the region of the peak."""
    s, signal = d.pinunu, pinunu(d)

    def peak(t: Table) -> Array:
        here = inside(t["p"], _P, GeV) & inside(t["m2_miss"], s.normalisation_GeV2, GeV2)
        return np.asarray(here & inside(t["m2_rich"], (0.0, 0.07), GeV2))

    def region(name: str) -> CutFunction:
        return lambda t: np.asarray(signal.regions[name](t) & inside(t["p"], _P, GeV))

    regions = {"R1": region("R1"), "R2": region("R2"), "all": peak}
    selection = Selection("k2pi without photon veto", k2pi(d).cuts, regions, signal=("R1", "R2"), tracks=(1, 1))
    return {"k2pi.kinematic_tails": _tail(acceptance("k2pi", selection, detector=d, tails=True, **common))}


def _tail(flow: CutFlow) -> tuple[float | None, float | None]:
    """Signal regions over the region that they are counted against."""
    tail, everything = flow.selected, flow.counts["all"]
    if not tail.n or not everything.sumw:
        return None, None
    return tail.sumw / everything.sumw, float(np.sqrt(tail.sumw2)) / everything.sumw


def _association(d: Detector, common: Mapping[str, Any]) -> Numbers:
    """K2pi with a track and KTAG, 15-45 GeV/c: how many keep a GTK track behind association and CDA, and how many of these
    have another particle's, where the kaon's is there."""
    first, *rest = [cut for cut in beam_cuts(d) if not cut.name.startswith(("vertex", "no CHANTI", "upstream"))]
    selection = Selection("association", [*track_cuts(d, d.pinunu.r2_p_GeV), first], tracks=(1, 1))
    found: dict[bool, Array] = {}
    for missing in (True, False):
        counts = np.zeros(3)

        def count(chunk: SelectedChunk, table: Table, _weight: Array, counts: Array = counts) -> None:
            rows = chunk.flow.signal_rows
            seen = table.take(rows)
            good = np.logical_and.reduce([cut.function(seen) for cut in rest])
            kaon = chunk.truth.gtk[:, chunk.event[rows]]
            other = np.hypot(seen["gtk_x"] - kaon[0], seen["gtk_y"] - kaon[1]) > _OTHER_TRACK
            counts += len(rows), np.count_nonzero(good), np.count_nonzero(good & other)

        detector = d if missing else d.with_values({"gtk.missing_probability": 0.0})
        acceptance("k2pi", selection, detector=detector, keep=count, **common)
        found[missing] = counts
    numbers: Numbers = {}
    for key, n, of in (
        ("gtk.association", found[True][1], found[True][0]),
        ("gtk.wrong_track", found[False][2], found[False][1]),
    ):
        share = n / of if of else 0.0
        numbers[key] = (share, float(np.sqrt(share * (1.0 - share) / of))) if of else (None, None)
    return numbers


def _photons(d: Detector, events: int, seed: int, threads: int | None) -> Numbers:
    """Selected K2pi, 15-35 GeV/c: photons that hit no detector (pi+ in the acceptance), and the inefficiency of the veto."""
    simulation = Simulation(find_process("k2pi"), d, seed, as_weights=AsWeights(photons=True))
    response = simulation.response
    selection = Selection("pi+", [*track_cuts(d), Cut("momentum", lambda t: inside(t["p"], _P, GeV))])

    identified = pion_cuts(d)

    def photons(chunk: SelectedChunk) -> tuple[Array, Array]:
        """Whether a photon of each selected event hits no detector; the veto weight of those with an identified pion."""
        rows = chunk.flow.signal_rows
        hits = veto.photon_hits(seed, chunk.truth, chunk.crossings, response.veto, response.calorimeter, True)
        lost = (hits["target"] == veto.NOTHING) | (hits["target"] == veto.WALL)
        seen = chunk.table.take(rows)
        pion = np.logical_and.reduce([cut.function(seen) for cut in identified])
        return lost[:, chunk.event[rows]].any(axis=0), chunk.veto_weight[rows[pion]]

    passed = outside = pions = 0
    missed = squares = 0.0
    running = Running(threads, chunk=20_000)  # the sums of weights are those of this chunk
    for lost, weight in accepted(simulation, selection, range(events), running, photons, whole=True):
        passed, outside, pions = passed + len(lost), outside + int(lost.sum()), pions + len(weight)
        missed, squares = missed + float(weight.sum()), squares + float((weight**2).sum())
    if not passed or not pions:
        return {}
    share = outside / passed
    return {
        "k2pi.both_photons_reach_a_detector": (1.0 - share, float(np.sqrt(share * (1.0 - share) / passed))),
        "k2pi.pi0_inefficiency": (missed / pions, float(np.sqrt(squares)) / pions),
    }
