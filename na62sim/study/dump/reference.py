"""Numbers of the beam dump at one reference mass and coupling: events cut by cut, resolutions, events by geometry alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hepunits import GeV, m

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dark_photon import branching_ratio, ctau
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.selection.dilepton import in_signal
from na62sim.study.dump.acceptance import Geometric, Reconstructed
from na62sim.study.dump.channels import dilepton_block, dump_of
from na62sim.study.dump.productions import PUBLISHED, own_parameters
from na62sim.study.dump.record import AcceptanceHistograms, Record
from na62sim.study.dump.samples import central_half_width, mass_sample

__all__ = ["BANDS", "COUPLING", "PLACES", "REFERENCE", "Reference", "Resolutions", "Step", "reference_numbers"]

REFERENCE = {"mumu": 300.0, "ee": 100.0}  # MeV
COUPLING = 1e-6
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
    """A process at the reference mass of a channel and the coupling `COUPLING`.

    Attributes
    ----------
    record : everything that passes the cuts, inside the signal region or not, with its columns
    geometry, geometry_error : expected events accepted by geometry and momentum alone
    steps : expected events cut by cut
    """

    process: str
    channel: str
    protons: float
    record: Record
    geometry: float
    geometry_error: float
    steps: tuple[Step, ...]
    resolutions: Resolutions

    @property
    def efficiency(self) -> float:
        """Accepted events over those accepted by geometry and momentum alone."""
        return self.steps[-1].events / self.geometry


def reference_numbers(
    detector: Detector,
    channel: str,
    production: str = PUBLISHED,
    events: int = 100_000,
    seed: int = 1,
    *,
    protons: float | None = None,
    threads: int | None = None,
    **parameters: Any,
) -> dict[str, Reference]:
    """Numbers at the reference mass and coupling for each process of a production, from one pass of the full chain."""
    mass = REFERENCE[channel]
    number = dump_of(detector).protons if protons is None else protons
    fraction = float(branching_ratio(mass, channel))
    found = {}
    for name, own in own_parameters(production, parameters).items():
        process = find_process(name, m_Aprime=mass, channel=channel, eps=str(COUPLING), **own)
        quick = mass_sample(Geometric(process, detector, seed), events, fraction, threads=threads)
        produced = number * COUPLING**2 * quick.produced
        share, effective = quick.probability(ctau(mass, COUPLING))
        geometry = produced * float(share[0])
        chain = Reconstructed(process, detector, seed, outside=True)
        histograms = AcceptanceHistograms(chain, np.array([COUPLING]), columns=True)
        record = histograms.record(mass_sample(histograms, events, fraction, threads=threads))
        found[name] = Reference(
            name,
            channel,
            number,
            record,
            geometry,
            geometry / float(effective[0]) ** 0.5,
            _steps(chain, produced, fraction),
            _resolutions(record, detector, channel),
        )
    return found


def _steps(chain: Reconstructed, produced: float, fraction: float) -> tuple[Step, ...]:
    """Events after each step: produced, decays in the volume, the cuts, the signal region, the trigger."""
    flow = chain.flow
    unit = produced / flow.generated.n
    rows = [("produced, all decays", produced / fraction, 0.0), (f"decays to {chain.channel.name}", produced, 0.0)]
    counters = [("in the decay volume", flow.generated)]
    counters += [(cut.name, counter) for cut, counter in zip(flow.selection.cuts, flow.cuts, strict=True)]
    counters.append(("signal region", flow.selected))
    counters.append((f"trigger {chain.trigger}", flow.triggers[chain.trigger]))
    rows += [(text, unit * c.sumw, unit * c.sumw2**0.5) for text, c in counters]
    before = [rows[0][1], *(row[1] for row in rows)]
    return tuple(
        Step(text, events, error, events / last if last else 0.0)
        for (text, events, error), last in zip(rows, before, strict=False)
    )


def _resolutions(record: Record, detector: Detector, channel: str) -> Resolutions:
    """Resolutions of the accepted events at the reference coupling."""
    weight, c = record.weights(COUPLING), record.columns
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


def _quantiles(values: FloatArray, weights: FloatArray, at: tuple[float, ...]) -> list[float]:
    """Quantiles of weighted values."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    return [float(value) for value in np.interp(at, cumulative, values[order])]
