"""The beam dump as JSON: the block ``exclusion`` of result.json, and a region as ``na62sim exclusion`` prints it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dump import ALP_B
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import OtherFlux
from na62sim.geometry import Detector
from na62sim.statistics.exclusion import CURVES, Exclusion
from na62sim.study.dump.channels import channels_of, dilepton_block, dump_of, protons_error
from na62sim.study.dump.exclusion import projection_words
from na62sim.study.dump.plane import LENGTHS, DumpPlane
from na62sim.study.dump.productions import default_production, product_words, production_words
from na62sim.study.dump.published_contours import Contour, compare_edges, published_contours
from na62sim.study.dump.record import MOMENTUM_EDGES
from na62sim.study.dump.reference import BANDS, PLACES, Reference
from na62sim.study.dump.region import DumpRegion
from na62sim.study.dump.run import EFFICIENCY_ERROR, AcceptanceMap, DumpRun, RegionResult, Varied
from na62sim.study.published import Comparison

__all__ = [
    "alp_dict",
    "dump_dict",
    "dump_plane_dict",
    "dump_region_dict",
    "expected_dict",
    "plane_dict",
    "region_dict",
    "region_result_dict",
]


def region_dict(region: Exclusion, coupling: str = "eps") -> dict[str, Any]:
    """The numbers of a region, mass by mass; masses in GeV, edges as ``eps_low`` or ``coupling_low``."""
    edges = _edges(region.edges(), coupling)
    return {
        "mass_GeV": (region.masses / GeV).tolist(),
        **edges,
        "n_events_max": region.events.max(axis=1).tolist(),
        "mc_error": _edges(region.mc_errors(), coupling),
        "intervals": [
            [[i.low, i.high, i.low_end, i.high_end] for i in found] for found in region.regions[region.curve]
        ],
        "projection": region.curve != "observed",
        "expected": {curve: _edges(region.edges(curve), coupling) for curve in CURVES[1:]},
        "limit_events": region.levels[region.curve],
        "protons": region.protons,
        "closing": _closing(region.closing),
        "notes": list(region.notes),
    }


def dump_region_dict(found: DumpRegion) -> dict[str, Any]:
    """A region with how it was made, its production band, and the published one beside it where there is one."""
    model, coupling = found.model, found.model.coupling
    out = {
        "model": model.name,
        "particle": model.hidden,
        "coupling": coupling,
        "channel": found.channel,
        "production": found.production,
        "words": production_words(model, found.production),
        "geometry": found.detector.name,
        **found.settings,
        **region_dict(found.region, coupling),
    }
    if found.least is not None and found.most is not None:
        out["production_band"] = {
            "least": _edges(found.least.edges(), coupling),
            "most": _edges(found.most.edges(), coupling),
            "variations": found.variations,
        }
    out |= _other(found.flux, found.other, coupling)
    out["comparison"] = [asdict(row) for contour in _comparable(found) for row in compare_edges(found.region, contour)]
    if found.closed:
        masses = ", ".join(f"{mass:g}" for mass in found.closed)
        out["notes"].append(f"no sample at {masses} MeV: the channel or the production is closed there")
    out["notes"] += _zero_backgrounds(found.detector, channels_of(model, found.channel))
    return out


def _zero_backgrounds(detector: Detector, channels: Sequence[str]) -> list[str]:
    """Which channels count on no background."""
    zero = [name for name in channels if not dilepton_block(detector, name).background]
    return [f"background of {' and '.join(zero)}: taken as 0, the published number was not read"] if zero else []


def _other(flux: OtherFlux | None, other: Exclusion | None, coupling: str) -> dict[str, Any]:
    """The region with another number of parents, which is in use, too."""
    if flux is None or other is None:
        return {}
    return {"other_flux": {**flux._asdict(), **_edges(other.edges(), coupling)}}


def dump_plane_dict(found: DumpPlane) -> dict[str, Any]:
    """Limits in lifetime and product of branching ratios with how they were made: a row per channel and mass."""
    model = found.model
    rows = [(channel, mass, values) for channel, limits in found.limits.items() for mass, values in limits.items()]
    best = [_best(found.lengths, values) for _, _, values in rows]
    return {
        "plane": "lifetime", "model": model.name, "particle": model.hidden, "channel": found.channel,
        "production": found.production, "words": production_words(model, found.production),
        "geometry": found.detector.name, **found.settings, "protons": found.protons,
        "projection": found.protons != dump_of(found.detector).protons,
        "channels": [channel for channel, _, _ in rows],
        "mass_GeV": [mass / GeV for _, mass, _ in rows],
        "product": [product_words(model, found.production, channel) for channel, _, _ in rows],
        "best_limit": [limit for limit, _ in best],
        "best_ctau_m": [length for _, length in best],
        "ctau_m": (found.lengths / m).tolist(),
        "limit": [_finite(values) for _, _, values in rows],
        "other_flux": None if found.flux is None else found.flux._asdict(),
        "notes": [*found.notes, *_zero_backgrounds(found.detector, list(found.limits))],
    }  # fmt: skip


def _best(lengths: FloatArray, values: FloatArray) -> tuple[float | None, float | None]:
    """The smallest limit and the c tau (m) where it is."""
    k = int(np.argmin(values))
    return (float(values[k]), float(lengths[k] / m)) if np.isfinite(values[k]) else (None, None)


def _finite(values: FloatArray) -> list[float | None]:
    """JSON has no infinity: where too few events tell there is nothing."""
    return [float(x) if np.isfinite(x) else None for x in values]


def _comparable(found: DumpRegion) -> list[Contour]:
    """Published regions that hold the same: all channels and productions, with the form factor."""
    same = found.channel == found.production == "all" and found.settings["parameters"].get("form_factor") == "on"
    if not same or found.region.curve != "observed":
        return []
    return [contour for contour in published_contours().values() if contour.model == found.model.name]


def expected_dict(
    found: Sequence[Reference], model: DumpModel, channel: str, production: str, detector: Detector
) -> dict[str, Any]:
    """Expected events at a coupling per mass, channel and production, and added up per mass."""
    rows = [_reference(reference) for reference in found]
    first = found[0]
    totals = []
    for mass in sorted({row["mass_GeV"] for row in rows}):
        last = [row["steps"][-1] for row in rows if row["mass_GeV"] == mass]
        events = sum(step["events"] for step in last)
        totals.append({"mass_GeV": mass, "events": events, "error": sum(step["error"] ** 2 for step in last) ** 0.5})
    return {
        "model": model.name, "particle": model.hidden, "channel": channel, "production": production, "geometry": detector.name,
        model.coupling: first.coupling, "protons": first.protons, "protons_error": protons_error(detector),
        "notes": projection_words(detector, first.protons)[:1], "total": totals, "expected": rows,
    }  # fmt: skip


def dump_dict(run: DumpRun, comparison: Sequence[Comparison]) -> dict[str, Any]:
    """Everything that a run of the beam dump found, and how it compares with what is published."""
    references = [reference for found in run.references.values() for reference in found.values()]
    return {
        "particle": run.model.hidden,
        "channels": list(run.references),
        "protons": run.protons,
        "efficiency_error": EFFICIENCY_ERROR,
        "regions": {f"{r.channel}-{r.production}": region_result_dict(run, r) for r in run.regions.values()},
        "mass_resolution": run.mass_resolution,
        "acceptance": {
            f"{channel}-{process}": _acceptance(run, acceptance)
            for (channel, process), acceptance in run.acceptance.items()
        },
        "reference": {
            channel: {process: _resolutions(reference) for process, reference in found.items() if reference.resolutions}
            for channel, found in run.references.items()
        },
        "benchmark": [_reference(reference) for reference in references],
        "planes": {channel: plane_dict(run, channel) for channel in run.planes},
        "alp": {channel: alp_dict(run, channel) for channel in run.alp_limits},
        "timings": {"samples_s": run.samples_s, "total_s": run.total_s},
        "comparison": [asdict(row) for row in comparison],
    }


def region_result_dict(run: DumpRun, found: RegionResult) -> dict[str, Any]:
    """A region of a run with how it was made, and with another efficiency."""
    return {
        "channel": found.channel,
        "production": found.production,
        "words": production_words(run.model, found.production),
        "model": run.model.name,
        "particle": run.model.hidden,
        "coupling": run.model.coupling,
        "geometry": run.detector.name,
        "acceptance": "full chain",
        "events": run.block.events,
        "cl": 0.9,
        **region_dict(found.region, run.model.coupling),
        **_other(found.flux, found.other, run.model.coupling),
        "varied": {"minus": _varied(found.minus, run.model.coupling), "plus": _varied(found.plus, run.model.coupling)},
    }


def plane_dict(run: DumpRun, channel: str) -> dict[str, Any]:
    """Limits of the model of a run on the product of branching ratios."""
    production = run.block.production or default_production(run.model)
    return {"product": product_words(run.model, production, channel), **_limits(run.planes[channel])}


def alp_dict(run: DumpRun, channel: str) -> dict[str, Any]:
    """Limits on the product of branching ratios of an ALP."""
    return {"product": product_words(ALP_B, "b", channel), **_limits(run.alp_limits[channel])}


def _limits(limits: Mapping[float, FloatArray]) -> dict[str, Any]:
    return {
        "ctau_m": (LENGTHS / m).tolist(),
        "mass_GeV": [mass / GeV for mass in limits],
        "limit": [values.tolist() for values in limits.values()],
    }


def _edges(
    edges: tuple[list[float | None], list[float | None]], coupling: str = "eps"
) -> dict[str, list[float | None]]:
    return dict(zip((f"{coupling}_low", f"{coupling}_high"), edges, strict=True))


def _closing(closing: tuple[float, float] | None) -> list[float] | None:
    return None if closing is None else [closing[0] / GeV, closing[1]]


def _varied(varied: Varied, coupling: str) -> dict[str, Any]:
    out: dict[str, Any] = {"closing": _closing(varied.closing), "mass_GeV": []}
    if varied.region is None:
        return out
    return out | {"mass_GeV": (varied.region.masses / GeV).tolist(), **_edges(varied.region.edges(), coupling)}


def _acceptance(run: DumpRun, acceptance: AcceptanceMap) -> dict[str, Any]:
    return {
        "mass_GeV": (acceptance.masses / GeV).tolist(),
        "eps": run.couplings.tolist(),
        "of_coupling": acceptance.of_coupling.tolist(),
        "momentum_edges_GeV": MOMENTUM_EDGES.tolist(),
        "of_momentum": acceptance.of_momentum.tolist(),
    }


def _resolutions(reference: Reference) -> dict[str, Any]:
    r = reference.resolutions
    assert r is not None
    return {
        "words": reference.words,
        "mass_GeV": reference.record.sample.mass / GeV,
        "eps": reference.coupling,
        "sigma_mass_MeV": r.mass,
        "mass_bias_MeV": r.mass_bias,
        "sigma_z_tax_m": r.z_tax / m,
        "cda_tax_mm": {"median": r.cda_tax[0] / mm, "95 %": r.cda_tax[1] / mm},
        "in_signal": r.in_signal,
        "places_m": [list(place) for place in PLACES],
        "momenta_GeV": [list(band) for band in BANDS],
        "sigma_z_m": [[None if sigma is None else sigma / m for sigma in row] for row in r.z],
    }


def _reference(r: Reference) -> dict[str, Any]:
    """Expected events cut by cut."""
    return {
        "process": r.process,
        "words": r.words,
        "channel": r.channel,
        "mass_GeV": r.record.sample.mass / GeV,
        "eps": r.coupling,
        "protons": r.protons,
        "events_generated": r.record.sample.generated,
        "geometry": r.geometry,
        "geometry_error": r.geometry_error,
        "efficiency": r.efficiency,
        "far_pairs": r.far_efficiency,
        "apart_at_lkr": r.apart if math.isfinite(r.apart) else None,
        "steps": [vars(step) for step in r.steps],
    }
