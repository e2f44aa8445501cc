"""Descriptions of processes, geometries, selections, scenarios and files, as dictionaries for ``na62sim info``."""

from __future__ import annotations

import math
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.remarks import remarks
from na62sim.core.suggest import did_you_mean
from na62sim.geometry import Detector, available_detectors, load_detector
from na62sim.report.reference import REFERENCES, reference
from na62sim.sample.manifest import MANIFEST, read_entries, read_run, sum_up
from na62sim.selection.ledger import _word, ledger_rows
from na62sim.study.scenario.scenario import Scenario, available_scenarios, load_scenario

if TYPE_CHECKING:
    from na62sim.generators.processes.declaration import Declaration

__all__ = ["describe", "ledger_rows", "verify"]


def describe(thing: str | None = None) -> dict[str, Any]:
    """Describe a process, geometry, selection, scenario or file by name or path; for None list all there are.

    Raises
    ------
    ValueError : nothing has that name
    """
    if thing is None:
        return everything()
    if thing in REFERENCES:
        return reference(thing)
    if thing == "geometries":
        return {"kind": "geometries", "geometries": [_short_geometry(name) for name in available_detectors()]}
    if (Path(os.path.expanduser(thing)) / MANIFEST).is_file():
        return _run(Path(os.path.expanduser(thing)))
    if "/" in thing or Path(thing).suffix or Path(thing).is_file():
        return _file(Path(os.path.expanduser(thing)))
    from na62sim.generators.registry import registry
    from na62sim.selection.registry import SELECTIONS

    description: dict[str, Any] = {}
    if thing in registry():
        description = _process(thing)
    if thing in SELECTIONS:
        description = (
            {**_selection(thing), **description, "selection": _selection(thing)} if description else _selection(thing)
        )
    if thing in available_detectors():
        description = _geometry(load_detector(thing))
    if thing in available_scenarios():
        description = _scenario(load_scenario(thing))
    if not description:
        known = [*registry(), *SELECTIONS, *available_detectors(), *available_scenarios(), "geometries", *REFERENCES]
        hint = did_you_mean(thing, known, listed=True)
        raise ValueError(f"nothing is called {thing!r}{hint} (na62sim info lists what there is)")
    return description


def verify(description: dict[str, Any]) -> None:
    """Read what was described, a sample or a folder of shards, as a whole, and compare it with its hashes.

    Raises
    ------
    SampleError : it differs; the message says where
    ValueError : it is something else, which has no events
    """
    from na62sim.sample import sample
    from na62sim.sample.provenance import SampleError

    kind = description["kind"]
    if kind == "sample":
        sample.verify(description["file"])
    elif kind == "run":
        folder = Path(description["folder"])
        run = read_run(folder)
        for entry in read_entries(folder, run).values() if run else ():
            if damage := entry.damage(folder):
                raise SampleError(damage)
    else:
        raise ValueError(f"--verify goes with a sample or a folder of shards; this is a {kind}")
    description["verified"] = True


def everything() -> dict[str, Any]:
    """Names of all processes, geometries, selections and scenarios, with a line about each."""
    from na62sim.core.version import program_version
    from na62sim.generators.registry import registry
    from na62sim.selection.registry import SELECTIONS

    return {
        "kind": "everything",
        "version": program_version(),
        "processes": [
            {"name": p.name, "title": p.title, "parameters": _parameters(p.parameters)} for p in registry().values()
        ],
        "geometries": [_short_geometry(name) for name in available_detectors()],
        "selections": [{"name": name, "title": _title(make)} for name, make in SELECTIONS.items()],
        "scenarios": [{"name": name, "title": load_scenario(name).title} for name in available_scenarios()],
    }


def _title(function: Any) -> str:
    return (function.__doc__ or "").strip().split("\n")[0].rstrip(".")


def _parameters(parameters: Any) -> list[dict[str, Any]]:
    return [
        {"name": name, "default": str(value) if isinstance(value, float) and math.isinf(value) else value, "help": text}
        for name, (value, text) in parameters.items()
    ]


def _numbers(detector: Detector) -> dict[str, int]:
    counts = {_word(tag): n for tag, n in detector.counts().items()}
    return {**counts, "total": sum(counts.values())}


def _short_geometry(name: str) -> dict[str, Any]:
    detector = load_detector(name)
    return {"name": name, "title": detector.description, "numbers": _numbers(detector)}


def _process(name: str) -> dict[str, Any]:
    from na62sim.generators.registry import registry

    declaration = registry()[name]
    process = declaration.make(**{key: value[0] for key, value in declaration.parameters.items()})
    return {
        "kind": "process",
        "name": name,
        "title": declaration.title,
        "descriptor": process.descriptor,
        "parameters": _parameters(declaration.parameters),
        "particles": [
            {"name": s.name, "pdg": s.pdg, "mass_MeV": s.mass, "lifetime_ns": s.lifetime, "charge": s.charge}
            for s in process.species.values()
        ],
        "amplitudes": dict(process.amplitude),
        **remarks(process.describe()),
        **_branching(declaration),
    }


def _branching(declaration: Declaration) -> dict[str, Any]:
    """The branching ratio of a process, and the one that runs expect events for where it is another."""
    both = {"branching_ratio": declaration.branching, "branching_ratio_in_runs": declaration.expected_for}
    found = {key: value and dict(zip(("value", "error", "source"), value, strict=True)) for key, value in both.items()}
    return {key: value for key, value in found.items() if value or key == "branching_ratio"}


def _selection(name: str) -> dict[str, Any]:
    from na62sim.generators.processes.dump_model import CHANNELS
    from na62sim.selection.registry import SELECTIONS, selection_parameters

    geometry = "dump-2021" if name in [channel.selection for channel in CHANNELS.values()] else "run1-2018-s2"
    chosen = SELECTIONS[name](load_detector(geometry))
    return {
        "kind": "selection",
        "name": name,
        "title": _title(SELECTIONS[name]),
        "geometry": geometry,
        "candidates": chosen.candidates,
        "masses": selection_parameters(name),  # default: those of the process
        "cuts": [cut.name for cut in chosen.cuts],
        "signal_regions": list(chosen.signal),
        "other_regions": [region for region in chosen.regions if region not in chosen.signal],
        "ledger": ledger_rows(chosen.ledger),
    }


def _geometry(detector: Detector) -> dict[str, Any]:
    from na62sim.selection.ledger import ledger, multi_track_ledger

    data = detector.dataset
    return {
        "kind": "geometry",
        "name": detector.name,
        "title": detector.description,
        "sha256": detector.sha256,
        "numbers": _numbers(detector),
        "decay_volume_m": [detector.decay_volume.z_min_m, detector.decay_volume.z_max_m],
        "mean_intensity_MHz": detector.beam.mean_intensity_MHz,
        "momentum_ranges_GeV": {
            "R1": list(detector.pinunu.r1_p_GeV),
            "R2": list(detector.pinunu.r2_p_GeV),
            "normalisation": list(detector.pinunu.normalisation_p_GeV),
        },
        "dataset": {key: value for key, value in data.model_dump().items() if value is not None},
        "trigger_masks": {
            name: {"l0": list(mask.l0), "l1": list(mask.l1), "downscaling": mask.downscaling}
            for name, mask in detector.trigger.masks.items()
        },
        "ledger": {
            "pinunu": ledger_rows(ledger(detector, normalisation=False)),
            "k2pi": ledger_rows(ledger(detector, normalisation=True)),
            "pi4e": ledger_rows(multi_track_ledger(detector, 5)),
        },
        "assumed": [q.path for q in detector.quantities() if "assumed" in q.each_tag],
        "context": list(detector.context),
        "context_changed": list(detector.context_changed),
    }


def _scenario(scenario: Scenario) -> dict[str, Any]:
    return {
        "kind": "scenario",
        "name": scenario.name,
        "title": scenario.title,
        "sha256": scenario.sha256,
        "seed": scenario.seed,
        "samples": [block.model_dump() for block in scenario.sample],
        "toml": scenario.text,
    }


def _run(folder: Path) -> dict[str, Any]:
    """A folder of shards: what its manifest says of the run, and which shards are finished."""
    run = read_run(folder)
    assert run is not None
    totals = sum_up(folder, run)
    finished = {int(shard["first_event"]) // run.shard_events for shard in totals["shards"]}
    return {
        "kind": "run",
        "folder": str(folder),
        "complete": totals["complete"],
        "n_shards": run.n_shards,
        "n_finished": len(finished),
        "missing": [shard for shard in range(run.n_shards) if shard not in finished],
        "n_events": totals["n_events"],
        "bytes": sum(shard["bytes"] for shard in totals["shards"]),
        "content_sha256": totals["content_sha256"],
        "run": run.to_dict(),
    }


def _file(path: Path) -> dict[str, Any]:
    """A sample, or a geometry or scenario file."""
    if path.suffix == ".toml":
        import tomllib

        try:
            keys = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError:  # the reader of geometries says what is wrong
            keys = {}
        return _scenario(load_scenario(path)) if "sample" in keys else _geometry(load_detector(path))
    from dataclasses import fields

    from na62sim.sample.reader import FileGroups

    with closing(FileGroups(path)) as groups:
        p = groups.provenance
        values = {item.name: getattr(p, item.name) for item in fields(p)}
        geometry_text, scenario = values.pop("geometry_text"), values.pop("scenario")
        return {
            "kind": "sample",
            "file": str(path),
            "bytes": path.stat().st_size,
            **values,
            "n_generated": p.n_events if groups.generated is None else groups.generated.n,
            "checksums": groups.checked,
            **remarks(values["extra"].get("process", {})),
            "scenario": scenario,
            "geometry_lines": len(geometry_text.splitlines()),
            "groups": [
                {
                    "name": name,
                    "rows": groups.rows(name),
                    "jagged": "offsets" in groups.columns(name),
                    "columns": [
                        {"name": f.name, "unit": f.unit, "description": f.description} for f in groups.fields(name)
                    ],
                }
                for name in groups
            ],
        }
