"""The beam dump as JSON: the block ``exclusion`` of result.json, and a region as ``na62sim exclusion`` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hepunits import GeV, m, mm

from na62sim.statistics.exclusion import CURVES, Exclusion
from na62sim.study.dump.record import MOMENTUM_EDGES
from na62sim.study.dump.reference import BANDS, COUPLING, PLACES, Reference
from na62sim.study.dump.run import ALP_LENGTHS, EFFICIENCY_ERROR, AcceptanceMap, DumpRun, RegionResult, Varied
from na62sim.study.published import Comparison

__all__ = ["alp_dict", "dump_dict", "region_dict", "region_result_dict"]


def region_dict(region: Exclusion) -> dict[str, Any]:
    """The numbers of a region, mass by mass; masses in GeV."""
    low, high = region.edges()
    return {
        "mass_GeV": (region.masses / GeV).tolist(),
        "eps_low": low,
        "eps_high": high,
        "n_events_max": region.events.max(axis=1).tolist(),
        "intervals": [[[i.low, i.high, i.low_end, i.high_end] for i in found] for found in region.regions["observed"]],
        "expected": {curve: _edges(region.edges(curve)) for curve in CURVES[1:]},
        "bands": {curve: _edges(region.band_edges(curve)) for curve in region.bands},
        "limit_events": [limit.upper_limit for limit in region.limits],
        "protons": region.protons,
        "closing": _closing(region.closing),
        "notes": list(region.notes),
    }


def dump_dict(run: DumpRun, comparison: Sequence[Comparison]) -> dict[str, Any]:
    """Everything that a run of the beam dump found, and how it compares with what is published."""
    references = [reference for found in run.references.values() for reference in found.values()]
    return {
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
            channel: {process: _resolutions(reference) for process, reference in found.items()}
            for channel, found in run.references.items()
        },
        "benchmark": [_reference(reference) for reference in references],
        "alp": {channel: alp_dict(run, channel) for channel in run.alp_limits},
        "timings": {"samples_s": run.samples_s, "total_s": run.total_s},
        "comparison": [asdict(row) for row in comparison],
    }


def region_result_dict(run: DumpRun, found: RegionResult) -> dict[str, Any]:
    """A region of a run with how it was made, and with another efficiency."""
    return {
        "channel": found.channel,
        "production": found.production,
        "geometry": run.detector.name,
        "acceptance": "full chain",
        "events": run.block.events,
        "cl": 0.9,
        **region_dict(found.region),
        "varied": {"minus": _varied(found.minus), "plus": _varied(found.plus)},
    }


def alp_dict(run: DumpRun, channel: str) -> dict[str, Any]:
    """Limits on the product of branching ratios of an ALP."""
    limits = run.alp_limits[channel]
    return {
        "ctau_m": (ALP_LENGTHS / m).tolist(),
        "mass_GeV": [mass / GeV for mass in limits],
        "limit": [values.tolist() for values in limits.values()],
    }


def _edges(edges: tuple[list[float | None], list[float | None]]) -> dict[str, list[float | None]]:
    return dict(zip(("eps_low", "eps_high"), edges, strict=True))


def _closing(closing: tuple[float, float] | None) -> list[float] | None:
    return None if closing is None else [closing[0] / GeV, closing[1]]


def _varied(varied: Varied) -> dict[str, Any]:
    out: dict[str, Any] = {"closing": _closing(varied.closing), "mass_GeV": []}
    if varied.region is None:
        return out
    return out | {"mass_GeV": (varied.region.masses / GeV).tolist(), **_edges(varied.region.edges())}


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
    return {
        "mass_GeV": reference.record.sample.mass / GeV,
        "eps": COUPLING,
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
        "channel": r.channel,
        "mass_GeV": r.record.sample.mass / GeV,
        "eps": COUPLING,
        "protons": r.protons,
        "events_generated": r.record.sample.generated,
        "geometry": r.geometry,
        "geometry_error": r.geometry_error,
        "efficiency": r.efficiency,
        "steps": [vars(step) for step in r.steps],
    }
