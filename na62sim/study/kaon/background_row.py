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

from na62sim.core.arrays import FloatArray
from na62sim.geometry import Detector
from na62sim.selection.cut import Selection
from na62sim.study.kaon.background_inputs import LEAST_SHIFT, shifts, varied_charged, varied_photons
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
_FATES = 0.5  # of the events of a row are made for each fate of a particle


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
    selection = replace(selection, regions={name: selection.regions[name] for name in regions}, signal=regions)
    samples = []
    for sample in row.samples:
        photons = any(s.name == "gamma" for s in particles_of(sample))
        changes = varied_photons if photons else varied_charged
        number = max(round(events * sample.share), FEWEST)
        a = simulate_sample(sample, selection, d, number, seed, threads, changes=changes, thin=row.thin)
        samples.append((sample, a.scaled(flux * sample.branching / a.generated)))
    made = Made(row, tuple(samples), tuple(selection.bin_edges))
    if not row.others:
        product = _by_control(made) if row.control else _by_weights(made)
        return _row(made, d, selection.systematic, product), made
    fates = _fates(made, selection, d, max(round(_FATES * events), FEWEST), seed, threads, flux)
    result = _row(made, d, selection.systematic, None if row.control else fates.events)
    if result.events is not None:
        return result, made
    error = math.hypot(selection.systematic, dataset_error(d), *result.inputs.values())
    return _checked(fates.into(result, made, error), fates.tail(made) if row.control else None), made


def _row(made: Made, d: Detector, relative: float, product: float | None) -> BackgroundRow:
    """The sums of a row."""
    row, hidden, kept = made.row, 0.0, []
    parts: dict[str, float] = {}
    for sample, a in made.samples:
        kept.append((sample, a.take(a.region < SIGNAL)))
        hidden += math.fsum(kept[-1][1].weights[ON_MUON])
        parts[sample.part] = parts.get(sample.part, 0.0) + math.fsum(kept[-1][1].weights[NOMINAL])
    weight = np.concatenate([a.weights[NOMINAL] for _, a in kept])
    region, p = (np.concatenate([getattr(a, name) for _, a in kept]) for name in ("region", "p"))
    total, square = math.fsum(weight), math.fsum(weight**2)
    sums, squares = (np.histogram(p, made.edges, weights=w)[0] for w in (weight, weight**2))
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
    share = float(weight.max(initial=0.0)) / total if total else 1.0
    edges = [edge / GeV for edge in made.edges]
    result = BackgroundRow(
        row.name, row.title, total, math.sqrt(square), total * math.hypot(relative, dataset_error(d), *inputs.values()),
        total * total / square if square else 0.0, share,
        {name: math.fsum(weight[region == k]) for k, name in enumerate(REGIONS)},
        tuple(BackgroundBin(edges[k], edges[k + 1], float(sums[k]), math.sqrt(squares[k])) for k in range(len(sums))),
        {**parts, **intervals}, inputs=inputs,
    )  # fmt: skip
    return _checked(result, product)


def _checked(row: BackgroundRow, product: float | None) -> BackgroundRow:
    """A row with the product beside it; refused where one weight has too much of the sum."""
    share = row.largest_weight_share
    if share <= LARGEST_SHARE:
        return replace(row, product=product)
    why = f"one weight has {100 * share:.0f} % of the sum, more than {100 * LARGEST_SHARE:.0f} %: it needs more events"
    return replace(row, events=None, stat=None, syst=None, reason=why)


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


@dataclass(frozen=True)
class Fates:
    """A row as the pion alone, times the probability that each other charged particle is not seen beside it.

    Attributes
    ----------
    bins : events by momentum; share : of the control region that the tail of a pion alone brings into the signal regions
    first_region : share of the events in R1
    n_effective, largest_weight_share : of all factors together, and of the one where it is largest
    """

    bins: FloatArray
    share: FloatArray
    first_region: float
    n_effective: float
    largest_weight_share: float

    @property
    def events(self) -> float:
        """Sum of the bins."""
        return float(self.bins.sum())

    def tail(self, made: Made) -> float:
        """N_j f_j: what is left of all particles in the control region, by the tail of the pion alone; bin by bin."""
        _, a = made.samples[0]
        return float(made.binned(a, a.weights[NOMINAL], control=True) @ self.share)

    def into(self, row: BackgroundRow, made: Made, error: float) -> BackgroundRow:
        """The row with these numbers: of a decay that needs a tail and two losses, all at once are too rare to be made."""
        edges, relative = [edge / GeV for edge in made.edges], self.n_effective**-0.5 if self.n_effective else 0.0
        bins, low = zip(edges, edges[1:], self.bins.tolist(), strict=False), self.first_region * self.events
        return replace(
            row, events=self.events, stat=relative * self.events, syst=error * self.events, reason="",
            n_effective=self.n_effective, largest_weight_share=self.largest_weight_share,
            regions=dict(zip(REGIONS, (low, self.events - low), strict=True)), parts={made.samples[0][0].part: self.events},
            bins=tuple(BackgroundBin(begin, end, b, relative * b) for begin, end, b in bins),
        )  # fmt: skip


def _fates(
    made: Made, selection: Selection, d: Detector, events: int, seed: int, threads: int | None, flux: float
) -> Fates:
    """Make the pion alone, and with each other particle.

    Where a tail is needed the losses are those of all momenta and missing masses.
    """
    sample, particles = made.samples[0][0], particles_of(made.samples[0][0])
    charged = [k for k, s in enumerate(particles) if k > 0 and s.charge]
    pions = [k for k in charged if particles[k].name == "pi+"]
    others = [k for k in charged if k != pions[0]]
    inverse, largest = 0.0, 0.0

    def alone(*kept: int) -> Accepted:
        without = tuple(k for k in charged if k not in kept)
        a = simulate_sample(sample, selection, d, events, seed, threads, thin=made.row.thin, without=without)
        return a.scaled(flux * sample.branching / a.generated)

    def rare(a: Accepted, signal: bool) -> FloatArray:
        nonlocal inverse, largest
        weight = a.weights[NOMINAL][a.region < SIGNAL] if signal else a.weights[NOMINAL]
        if weight.sum() > 0.0:
            inverse += float((weight**2).sum() / weight.sum() ** 2)
            largest = max(largest, float(weight.max() / weight.sum()))
        return made.binned(a, a.weights[NOMINAL])

    single = alone(pions[0])
    bins = rare(single, True) * len(pions)
    share = over(made.binned(single, single.weights[NOMINAL]), made.binned(single, single.weights[NOMINAL], True))
    for k in others:
        both, ways = alone(pions[0], k), 2 if k in pions else 1
        pair = rare(both, not made.row.control)
        if made.row.control:
            bins = bins * (math.fsum(both.weights[NOMINAL]) / math.fsum(single.weights[NOMINAL]) / ways)
        else:
            bins = bins * over(pair, made.binned(single, single.weights[NOMINAL]) * ways)
    signal = single.weights[NOMINAL] * (single.region < SIGNAL)
    first = float(over(signal[single.region == 0].sum(), signal.sum()))
    if not bins.sum():
        inverse, largest = 0.0, 1.0
    return Fates(bins, share, first, 1.0 / inverse if inverse else 0.0, largest)
