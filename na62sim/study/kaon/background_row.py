"""One row of expected background events from its samples, and the product of factors that it is compared with.

NA62 multiplies what is left in a control region by the share that a control sample has in the signal regions, bin by bin in
momentum. The same product of the simulation's own factors is formed beside every row: it differs from the row by what
the factors have to do with each other within a bin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.generators.generate import AGAIN
from na62sim.geometry import Detector
from na62sim.selection.cut import Selection
from na62sim.simulation.one_track import Effort
from na62sim.study.kaon.background_inputs import LEAST_SHIFT, shifts, varied_inputs
from na62sim.study.kaon.background_parts import Row, Sample
from na62sim.study.kaon.background_sample import (
    NO_NAMES,
    NO_PHOTONS,
    NO_PI0,
    NOMINAL,
    ON_MUON,
    SIGNAL,
    Accepted,
    particles_of,
    simulate_sample,
)

REGIONS = ("R1", "R2")
LARGEST_SHARE = 0.10  # of one weight, above which a row is refused
FEWEST = 1000  # events of a sample
_OVERLAP = (1e-3, 3e-2)  # probability that a muon and a photon on one cluster look like a pion; no source
_ALONE, _PAIRS = 0.01, 0.015  # of the events of a row are made for each factor of it
_BESIDE = (0.0, 9e3, 12e3, 16e3, 20e3, 30e3, math.inf)  # MeV
_PAIR = Effort(1e-6, 3e-6, 1e-6, 4)  # of pairs, without a tail, far more are accepted
_PAIR_WITH = {"pi-": Effort(1e-8, 1e-6, 1e-6, 4)}


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
    stat, syst : standard deviations from the simulated events, and from component efficiencies and the inputs
    n_effective, largest_weight_share : of the weighted events behind it
    regions, bins : the events by region and by momentum
    parts : events of a part, or an interval (low, high) that is not in ``events``
    product : of the factors of the simulation, bin by bin; None where there is but one factor
    product_stat : its standard deviation where its factors have events of their own
    inputs : relative standard deviation for each assumed input that was varied
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
    product: float | None = None
    product_stat: float | None = None
    inputs: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """The samples of a row, weights in expected events, with the bins they are counted in (MeV)."""

    row: Row
    samples: tuple[tuple[Sample, Accepted], ...]
    edges: tuple[float, ...]

    def binned(self, a: Accepted, weights: FloatArray, control: bool = False) -> FloatArray:
        """Sums of weights in bins of momentum, in the signal regions or in the control region."""
        inside = (a.region == SIGNAL) if control else (a.region < SIGNAL)
        return np.histogram(a.p[inside], self.edges, weights=weights[inside])[0]


def simulate_row(
    row: Row, selection: Selection, d: Detector, events: int, seed: int, threads: int | None, flux: float
) -> tuple[BackgroundRow, Made]:
    """A row, and the samples that it was made of.

    Parameters
    ----------
    selection : with the control regions of all rows; flux : kaons times efficiencies of trigger and random veto
    """
    regions = (*REGIONS, row.control) if row.control else REGIONS
    whole = selection = replace(selection, regions={name: selection.regions[name] for name in regions}, signal=regions)
    samples = []
    for sample in row.samples:
        changes = varied_inputs(particles_of(sample))
        if sample.rare is not None:  # what is left in the control region is no factor of it
            selection = replace(whole, regions={name: whole.regions[name] for name in REGIONS}, signal=REGIONS)
        number = max(round(events * sample.share), FEWEST)
        a = simulate_sample(sample, selection, d, number, seed, threads, changes=changes, thin=row.thin)
        samples.append((sample, a.scaled(flux * sample.branching / a.generated)))
    made = Made(row, tuple(samples), tuple(selection.bin_edges))
    product: tuple[float | None, float | None]
    if row.samples[0].rare is not None:
        product = _by_fates(made, whole, d, events, seed, threads, flux)
    else:
        product = _by_control(made) if row.control else _by_weights(made), None
    return _row(made, d, selection.systematic, *product), made


def _row(
    made: Made, d: Detector, relative: float, product: float | None, product_stat: float | None = None
) -> BackgroundRow:
    """The sums of a row."""
    row, hidden, kept = made.row, 0.0, []
    parts: dict[str, float] = {}
    for sample, a in made.samples:
        kept.append((sample, a.take(a.region < SIGNAL)))
        hidden += math.fsum(kept[-1][1].weights[ON_MUON])
        parts[sample.part] = parts.get(sample.part, 0.0) + math.fsum(kept[-1][1].weights[NOMINAL])
    weight = np.concatenate([a.weights[NOMINAL] for _, a in kept])
    region, p = (np.concatenate([getattr(a, name) for _, a in kept]) for name in ("region", "p"))
    decay = np.concatenate([a.decay + k * AGAIN for k, (_, a) in enumerate(kept)])
    total, square = math.fsum(weight), math.fsum(by_decay(weight, decay) ** 2)
    place = np.digitize(p, made.edges) - 1
    bins = [(weight[place == k], decay[place == k]) for k in range(len(made.edges) - 1)]
    sums, squares = zip(*((math.fsum(w), math.fsum(by_decay(w, n) ** 2)) for w, n in bins), strict=True)
    intervals: dict[str, tuple[float, float]] = {}
    if hidden:
        silent = (1.0 - d.muv3.efficiency) / d.lkr.muon_misid
        intervals["photon on the muon's cluster"] = _OVERLAP[0] * silent * hidden, _OVERLAP[1] * silent * hidden
    inputs: dict[str, float] = {}
    for _, a in kept:
        share = math.fsum(a.weights[NOMINAL]) / total if total else 0.0
        for name, shift in shifts(a).items():
            inputs[name] = inputs.get(name, 0.0) + share * shift
    inputs = {name: shift for name, shift in sorted(inputs.items(), key=lambda item: -item[1]) if shift > LEAST_SHIFT}
    share = float(by_decay(weight, decay).max(initial=0.0)) / total if total else 1.0
    edges = [edge / GeV for edge in made.edges]
    result = BackgroundRow(
        row.name, row.title, total, math.sqrt(square), total * math.hypot(relative, dataset_error(d), *inputs.values()),
        total * total / square if square else 0.0, share,
        {name: math.fsum(weight[region == k]) for k, name in enumerate(REGIONS)},
        tuple(BackgroundBin(edges[k], edges[k + 1], sums[k], math.sqrt(squares[k])) for k in range(len(sums))),
        {**parts, **intervals}, inputs=inputs,
    )  # fmt: skip
    return _checked(replace(result, product=product, product_stat=product_stat))


def by_decay(weight: FloatArray, decay: IntArray) -> FloatArray:
    """Sums of the weights of each decay: those are independent of each other."""
    return np.asarray(np.bincount(np.unique(decay, return_inverse=True)[1], weights=weight), dtype=float)


def _checked(row: BackgroundRow) -> BackgroundRow:
    """A row, refused where one weight has too much of the sum."""
    share = row.largest_weight_share
    if share <= LARGEST_SHARE:
        return row
    why = f"one weight has {100 * share:.0f} % of the sum, more than {100 * LARGEST_SHARE:.0f} %: it needs more events"
    return BackgroundRow(row.name, row.title, n_effective=row.n_effective, largest_weight_share=share, reason=why)


def dataset_error(d: Detector) -> float:
    """Relative standard deviation of N_K, trigger efficiency and random veto together."""
    return math.hypot(
        *((d.quantity(f"dataset.{name}").standard_deviation or 0.0) / getattr(d.dataset, name)
          for name in ("kaons", "trigger_efficiency", "random_veto"))
    )  # fmt: skip


def over(a: Any, b: Any) -> FloatArray:
    """A quotient, 0 where the denominator is."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0.0)


def left_out(row: Row, sample: Sample) -> str:
    """The factor that a row takes from its control region: photons that are not seen, or muons that look like pions."""
    if row.name == "kmu2":
        return NO_NAMES
    return NO_PI0 if sample.radiative else NO_PHOTONS


def _by_control(made: Made) -> float:
    """N_j f_j: what is left in the control region, by the share of the signal regions without that loss; bin by bin."""
    first, main = made.samples[0]
    whole = made.binned(main, main.weights[left_out(made.row, first)], control=True)
    passing = over(made.binned(main, main.weights[NOMINAL], control=True), whole)
    total = 0.0
    for sample, a in made.samples:
        total += float(made.binned(a, a.weights[left_out(made.row, sample)]) @ passing)
    return total


def _by_weights(made: Made) -> float | None:
    """N_j η_j ε_j: events without photon veto and identification, by the mean of each factor; bin by bin."""
    total = 0.0
    for sample, a in made.samples:
        if not any(s.name == "nu" or s.name.startswith("nu_") for s in particles_of(sample)):
            return None  # a pion: there is no other factor than the photons
        photons, names, both = a.weights[NO_PHOTONS], a.weights[NO_NAMES], a.weights[NOMINAL]
        neither = made.binned(a, over(photons * names, both))
        total += float(np.sum(over(made.binned(a, photons) * made.binned(a, names), neither)))
    return total


def _by_fates(
    made: Made, selection: Selection, d: Detector, events: int, seed: int, threads: int | None, flux: float
) -> tuple[float, float]:
    """The pion alone, times the probability that each other charged particle is not seen beside it.

    Bin by bin in the momenta of the track and of the negative particle: beside an accepted pion a soft one leaves a hard one, so
    that their fates are independent of each other at given momenta only. Where a tail is needed the probabilities are those of
    all missing masses and momenta of the track. Beside it the standard deviation from the simulated pairs.
    """
    sample = made.samples[0][0]
    particles = particles_of(sample)
    charged = [k for k, s in enumerate(particles) if k > 0 and s.charge]
    pions = [k for k in charged if particles[k].name == "pi+"]
    negative = next(k for k in charged if particles[k].charge < 0)
    n = max(round(_ALONE * events), FEWEST), max(round(_PAIRS * events), FEWEST)
    plain = replace(sample, rare=None)

    def one(sample: Sample, events: int, *kept: int) -> Accepted:
        without = tuple(k for k in charged if k not in kept)
        a = simulate_sample(sample, selection, d, events, seed, threads, without=without, beside=negative)
        return a.scaled(flux * sample.branching / a.generated)

    tails = bool(made.row.control)
    edges = (0.0, math.inf) if tails else made.edges

    def places(a: Accepted, everywhere: bool) -> tuple[IntArray, IntArray]:
        """The events in the signal regions, or everywhere, and the bin of each."""
        rows = np.flatnonzero((a.region < SIGNAL) | everywhere)
        p = np.clip(np.digitize(a.p[rows], edges) - 1, 0, len(edges) - 2)
        return rows, (len(_BESIDE) - 1) * p + np.digitize(a.beside[rows], _BESIDE) - 1

    def binned(a: Accepted, everywhere: bool) -> FloatArray:
        rows, place = places(a, everywhere)
        number = (len(edges) - 1) * (len(_BESIDE) - 1)
        return np.asarray(np.bincount(place, weights=a.weights[NOMINAL][rows], minlength=number), dtype=float)

    single, pairs = one(plain, n[0], pions[0]), []
    bins, alone = binned(single, False) * len(pions), binned(single, tails)
    for k in charged:
        if k == pions[0]:
            continue
        ways = 2 if k in pions else 1
        assert sample.rare is not None
        effort = _PAIR_WITH.get(particles[k].name, _PAIR)
        pairs.append(one(replace(sample, rare=replace(sample.rare, effort=effort)), n[1], pions[0], k))
        bins = bins * over(binned(pairs[-1], tails), alone * ways)
    variance = 0.0  # of the single pions there are thousands
    for pair in pairs:
        rows, place = places(pair, tails)
        part = over(bins, binned(pair, tails))[place] * pair.weights[NOMINAL][rows]
        variance += math.fsum(by_decay(part, pair.decay[rows]) ** 2)
    return float(bins.sum()), math.sqrt(variance)
