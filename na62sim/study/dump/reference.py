"""Numbers of the beam dump at one mass and coupling: events cut by cut, resolutions, events by geometry alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry import Detector
from na62sim.selection.dilepton import in_signal
from na62sim.study.dump.acceptance import Geometric, Reconstructed
from na62sim.study.dump.channels import dilepton_block, dump_of, find_channel
from na62sim.study.dump.productions import default_production, own_parameters
from na62sim.study.dump.record import NEAR, AcceptanceHistograms, Record
from na62sim.study.dump.samples import central_half_width, mass_sample, sampled_process, stream_seed

__all__ = ["BANDS", "LKR_APART", "PLACES", "Reference", "Resolutions", "Step", "reference_numbers"]

LKR_APART = 200.0 * mm  # a customary cut of other NA62 analyses
BANDS = ((40.0, 80.0), (80.0, 150.0), (150.0, 250.0), (250.0, 360.0))  # momentum of A', GeV/c
PLACES = ((105.0, 120.0), (130.0, 145.0), (155.0, 180.0))  # decay point, m
_FEWEST = 100  # events of a place and momentum


@dataclass(frozen=True)
class Step:
    """Expected events after a cut, their statistical error, and the share of those before it."""

    step: str
    events: float
    error: float
    efficiency: float


@dataclass(frozen=True)
class Resolutions:
    """Half of the central 68 % of what the accepted events are reconstructed with, and quantiles of the distance.

    Attributes
    ----------
    mass, mass_bias : MeV, the bias of the median
    z_tax : of the primary vertex, mm; cda_tax : its distance, median and 95 %, mm
    in_signal : share of what passes the cuts that lies in the signal region
    z : of the decay point per place and momentum (`PLACES`, `BANDS`), mm; None below 100 events
    """

    mass: float
    mass_bias: float
    z_tax: float
    cda_tax: tuple[float, float]
    in_signal: float
    z: list[list[float | None]]


@dataclass(frozen=True)
class Reference:
    """A production at a mass of a channel and a coupling.

    Attributes
    ----------
    process, words : of the production
    record : everything that passes the cuts, inside the signal region or not, with its columns
    geometry, geometry_error : expected events accepted by geometry and momentum alone
    steps : expected events cut by cut
    far_efficiency : share of the pairs more than `pairs.APART` apart in STRAW 1 that are found as two tracks
    resolutions : None where too few events are accepted
    apart : share of the accepted events whose tracks are more than `LKR_APART` apart at the LKr; NaN without any
    """

    process: str
    words: str
    channel: str
    coupling: float
    protons: float
    record: Record
    geometry: float
    geometry_error: float
    steps: tuple[Step, ...]
    far_efficiency: float
    resolutions: Resolutions | None
    apart: float

    @property
    def efficiency(self) -> float:
        """Accepted events over those accepted by geometry and momentum alone."""
        return self.steps[-1].events / self.geometry if self.geometry else math.nan


def reference_numbers(
    detector: Detector,
    channel: str,
    production: str = "",
    events: int = 100_000,
    seed: int = 1,
    *,
    mass: float | None = None,
    coupling: float | None = None,
    model: DumpModel = DARK_PHOTON,
    protons: float | None = None,
    threads: int | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Reference]:
    """Numbers at a mass and coupling for each production, from one pass of the full chain.

    Parameters
    ----------
    mass : MeV; the reference mass of the channel by default
    coupling : the reference coupling of the model by default

    Returns
    -------
    per process; productions that are closed at the mass are left out
    """
    mass = find_channel(channel).reference if mass is None else mass
    at = model.reference if coupling is None else coupling
    number = dump_of(detector).protons if protons is None else protons
    found = {}
    for name, own in own_parameters(model, production or default_production(model), parameters or {}).items():
        try:
            process, fraction = sampled_process(model, mass, channel, name, {**own, "coupling": str(at)})
            stream = stream_seed(seed, name, channel, mass)
            geometric, chain = (
                Geometric(process, detector, stream),
                Reconstructed(process, detector, stream, outside=True),
            )
        except ClosedChannelError:
            continue
        lengths = partial(model.lengths, mass)
        per_proton = model.yields(name, mass)
        quick = mass_sample(geometric, events, fraction, per_proton, threads=threads)
        produced = number * at**2 * quick.produced
        share, effective = quick.probability(lengths(at))
        geometry = produced * float(share[0])
        histograms = AcceptanceHistograms(chain, lengths, np.array([at]), columns=True, near=NEAR * model.reference)
        record = histograms.record(mass_sample(histograms, events, fraction, per_proton, threads=threads))
        found[process.short] = Reference(
            process.short,
            model.words(name),
            channel,
            at,
            number,
            record,
            geometry,
            geometry / float(effective[0]) ** 0.5 if effective[0] else 0.0,
            _steps(chain, produced, fraction),
            chain.pairs.far_efficiency,
            _resolutions(record, detector, channel, at),
            _apart(record, at),
        )
    return found


def _steps(chain: Reconstructed, produced: float, fraction: float) -> tuple[Step, ...]:
    """Events after each step: produced, decays in the volume, both in the chambers, the cuts, the signal region, the
    trigger."""
    flow, pairs = chain.flow, chain.pairs
    unit = produced / flow.generated.n
    rows = [("produced, all decays", produced / fraction, 0.0), (f"decays to {chain.channel.name}", produced, 0.0)]
    rows.append(("in the decay volume", unit * flow.generated.sumw, unit * flow.generated.sumw2**0.5))
    rows.append(("both daughters cross the four chambers", unit * pairs.crossed, unit * pairs.squares**0.5))
    counters = [(cut.name, counter) for cut, counter in zip(flow.selection.cuts, flow.cuts, strict=True)]
    counters.append(("signal region", flow.selected))
    if chain.trigger:
        counters.append((f"trigger {chain.trigger}", flow.triggers[chain.trigger]))
    rows += [(text, unit * c.sumw, unit * c.sumw2**0.5) for text, c in counters]
    before = [rows[0][1], *(row[1] for row in rows)]
    return tuple(
        Step(text, events, error, events / last if last else 0.0)
        for (text, events, error), last in zip(rows, before, strict=False)
    )


def _resolutions(record: Record, detector: Detector, channel: str, coupling: float) -> Resolutions | None:
    """Resolutions of the accepted events at the coupling."""
    weight, c = record.weights(coupling), record.columns
    if weight.size <= _FEWEST:
        return None
    inside = in_signal(c["z_tax"], c["cda_tax"], dilepton_block(detector, channel))
    kept = {name: values[inside] for name, values in c.items()}
    w = weight[inside]
    table = []
    for low, high in PLACES:
        row = []
        for p1, p2 in BANDS:
            cell = (kept["z_true"] >= low * m) & (kept["z_true"] < high * m)
            cell &= (kept["p_true"] >= p1 * GeV) & (kept["p_true"] < p2 * GeV)
            enough = np.count_nonzero(cell) > _FEWEST
            row.append(central_half_width(kept["z_residual"][cell], w[cell]) if enough else None)
        table.append(row)
    median, most = _quantiles(kept["cda_tax"], w, (0.5, 0.95))
    return Resolutions(
        mass=central_half_width(kept["mass"], w),
        mass_bias=_quantiles(kept["mass"], w, (0.5,))[0] - record.sample.mass,
        z_tax=central_half_width(kept["z_tax"], w),
        cda_tax=(median, most),
        in_signal=float(w.sum() / weight.sum()),
        z=table,
    )


def _apart(record: Record, coupling: float) -> float:
    """Share of the events whose tracks are far apart at the LKr."""
    weight = record.weights(coupling)
    total = float(weight.sum())
    return float(weight[record.columns["lkr_apart"] > LKR_APART].sum()) / total if total else math.nan


def _quantiles(values: FloatArray, weights: FloatArray, at: tuple[float, ...]) -> list[float]:
    """Quantiles of weighted values."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    return [float(value) for value in np.interp(at, cumulative, values[order])]
