"""The efficiency of the beam-dump selections cut by cut, and resolutions, at reference masses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hepunits import GeV, m, mm

from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dark_photon import branching_ratio, ctau
from na62sim.generators.registry import find_process, registry
from na62sim.geometry import Detector
from na62sim.selection.dilepton import in_signal
from na62sim.selection.registry import find_selection
from na62sim.study.dump.acceptance import Chain, Geometric
from na62sim.study.dump.chain import Reconstructed
from na62sim.study.dump.channels import SELECTIONS, dump_of, productions_of, windows
from na62sim.study.dump.record import Record, record
from na62sim.study.dump.samples import mass_sample, spread

__all__ = ["COUPLING", "REFERENCE", "benchmark", "measure", "reference_record"]

REFERENCE = {"mumu": 300.0, "ee": 100.0}  # MeV
COUPLING = 1e-6
_BANDS = ((40.0, 80.0), (80.0, 150.0), (150.0, 250.0), (250.0, 360.0))  # momentum of A', GeV/c
_PLACES = ((105.0, 120.0), (130.0, 145.0), (155.0, 180.0))  # decay point, m


def _before_regions(process: Process, detector: Detector, seed: int) -> Chain:
    """The full chain up to the last cut: whatever the primary vertex is."""
    channel = "mumu" if "mu+" in process.descriptor else "ee"
    selection = find_selection(SELECTIONS[channel], detector)
    return Reconstructed(process, detector, seed, replace(selection, regions={}, signal=()))


def _process(name: str, channel: str, mass: float, parameters: dict[str, Any]) -> Process:
    own = {key: value for key, value in parameters.items() if key in registry()[name].parameters}
    return find_process(name, m_Aprime=mass, channel=channel, eps=str(COUPLING), **own)


def reference_record(
    detector: Detector,
    channel: str,
    mass: float | None = None,
    events: int = 100_000,
    seed: int = 1,
    *,
    process: str = "aprime-brems",
    threads: int | None = None,
    **parameters: Any,
) -> Record:
    """A sample with everything that passes the cuts, inside the signal region or not, with its columns."""
    at = REFERENCE[channel] if mass is None else mass
    made = _process(process, channel, at, parameters)
    fraction = float(branching_ratio(at, channel))
    return record(made, detector, channel, fraction, events, seed, chain=_before_regions, threads=threads)


def benchmark(
    detector: Detector,
    channel: str,
    production: str = "brems",
    events: int = 100_000,
    seed: int = 1,
    *,
    protons: float | None = None,
    threads: int | None = None,
    **parameters: Any,
) -> list[dict[str, Any]]:
    """Expected events at the reference mass and coupling, cut by cut, for each process of a production.

    Returns
    -------
    per process: mass_GeV, eps, ``geometry`` (events accepted by geometry and momentum alone), ``efficiency`` beyond it,
    and ``steps`` with events, their statistical error, and the efficiency of the step
    """
    mass = REFERENCE[channel]
    number = dump_of(detector).protons if protons is None else protons
    fraction = float(branching_ratio(mass, channel))
    found = []
    for name in productions_of(production):
        process = _process(name, channel, mass, parameters)
        quick = mass_sample(Geometric(process, detector, seed), events, channel, fraction, threads=threads)
        made = number * COUPLING**2 * quick.produced
        accepted, effective = quick.probability(ctau(mass, COUPLING))
        chain = Reconstructed(process, detector, seed)
        mass_sample(chain, events, channel, fraction, threads=threads)
        steps = _steps(chain, made, fraction)
        geometry = made * float(accepted[0])
        found.append({
            "process": name,
            "channel": channel,
            "mass_GeV": mass / GeV,
            "eps": COUPLING,
            "protons": number,
            "events_generated": events,
            "geometry": geometry,
            "geometry_error": geometry / float(effective[0]) ** 0.5,
            "efficiency": steps[-1]["events"] / geometry,
            "steps": steps,
        })  # fmt: skip
    return found


def _steps(chain: Reconstructed, made: float, fraction: float) -> list[dict[str, Any]]:
    """Events after each step: produced, decays in the volume, the cuts, the signal region, the trigger."""
    flow = chain.flow
    unit = made / flow.generated.n
    rows = [("produced, all decays", made / fraction, 0.0), (f"decays to {chain.channel}", made, 0.0)]
    counters = [("in the decay volume", flow.generated)]
    counters += [(cut.name, counter) for cut, counter in zip(flow.selection.cuts, flow.cuts, strict=True)]
    counters.append(("signal region", flow.selected))
    name = chain.masks[chain.bit]
    counters.append((f"trigger {name}", flow.triggers[name]))
    rows += [(text, unit * c.sumw, unit * c.sumw2**0.5) for text, c in counters]
    before = [rows[0][1], *(row[1] for row in rows)]
    return [
        {"step": text, "events": events, "error": error, "efficiency": events / last if last else 0.0}
        for (text, events, error), last in zip(rows, before, strict=False)
    ]


def measure(found: Record, detector: Detector, channel: str, eps: float) -> dict[str, Any]:
    """Resolutions of the accepted events at a coupling: half of the central 68 %, and quantiles of the distance.

    Returns
    -------
    ``sigma_mass_MeV`` and ``mass_bias_MeV``; ``sigma_z_tax_m``; ``cda_tax_mm`` (median, 95 %); ``in_signal``, the
    share of what passes the cuts; ``sigma_z_m`` per place of the decay and momentum of A' (None below 100 events)
    """
    weight, c = found.weights(eps), found.columns
    inside = in_signal(c["z_tax"], c["cda_tax"], windows(detector, channel))
    kept = {name: values[inside] for name, values in c.items()}
    w = weight[inside]
    order = np.argsort(kept["cda_tax"])
    cumulative = np.cumsum(w[order]) / w.sum()
    cda = np.interp((0.5, 0.95), cumulative, kept["cda_tax"][order] / mm)
    table = []
    for low, high in _PLACES:
        row = []
        for p1, p2 in _BANDS:
            cell = (kept["z_true"] >= low * m) & (kept["z_true"] < high * m)
            cell &= (kept["p_true"] >= p1 * GeV) & (kept["p_true"] < p2 * GeV)
            row.append(spread(kept["z_residual"][cell], w[cell]) / m if np.count_nonzero(cell) > 100 else None)
        table.append(row)
    middle = np.argsort(kept["mass"])
    median = np.interp(0.5, np.cumsum(w[middle]) / w.sum(), kept["mass"][middle])
    return {
        "mass_GeV": found.sample.mass / GeV,
        "eps": eps,
        "sigma_mass_MeV": spread(kept["mass"], w),
        "mass_bias_MeV": float(median) - found.sample.mass,
        "sigma_z_tax_m": spread(kept["z_tax"], w) / m,
        "cda_tax_mm": {"median": float(cda[0]), "95 %": float(cda[1])},
        "in_signal": float(w.sum() / weight.sum()),
        "places_m": [list(x) for x in _PLACES],
        "momenta_GeV": [list(x) for x in _BANDS],
        "sigma_z_m": table,
    }
