"""Tables that ``na62sim info`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from na62sim.core.remarks import remark_lines, remarks, skim_text
from na62sim.report.flow import ledger_table
from na62sim.report.reference import reference_report
from na62sim.report.text import grid
from na62sim.sample.provenance import NO_CHECKSUMS
from na62sim.statistics.text import number

if TYPE_CHECKING:
    from rich.console import RenderableType

_TAGS = ("published", "recalled", "derived", "calibrated", "assumed", "total")
_LEGEND = (
    "published: seen in the source · recalled: from a paper named, not read again (tag known)\n"
    "derived: follows from others · calibrated: on a detector performance · assumed: no source"
)


def info_report(data: Mapping[str, Any]) -> list[RenderableType]:
    """Tables for what `na62sim.report.describe.describe` returned."""
    makers = {
        "everything": _everything,
        "geometries": _geometries,
        "geometry": _geometry,
        "process": _process,
        "selection": _selection,
        "scenario": _scenario,
        "sample": _sample,
        "run": _run,
        "columns": reference_report,
        "scenario-keys": reference_report,
        "geometry-keys": reference_report,
    }
    return makers[data["kind"]](data)


def _counts(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    cells = [[row["name"], row["title"], *(str(row["numbers"][tag]) for tag in _TAGS)] for row in rows]
    return grid(
        "Geometries, and what their numbers rest on", ["name", "title", *((tag, "right") for tag in _TAGS)], cells
    )


def _everything(data: Mapping[str, Any]) -> list[RenderableType]:
    processes = [
        [row["name"], row["title"], ", ".join(f"{p['name']} ({p['default']})" for p in row["parameters"])]
        for row in data["processes"]
    ]
    return [
        grid(f"na62sim {data['version']}: processes", ["name", "what", "parameters (default)"], processes),
        _counts(data["geometries"]),
        _names("Selections", data["selections"]),
        _names("Scenarios", data["scenarios"]),
        "na62sim info NAME says more about each, info columns, scenario and geometry list every column and key with unit and "
        "meaning; a file's name shows its provenance.",
    ]


def _names(title: str, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    return grid(title, ["name", "what"], [[row["name"], row["title"]] for row in rows])


def _geometries(data: Mapping[str, Any]) -> list[RenderableType]:
    return [_counts(data["geometries"]), _LEGEND]


def _geometry(data: Mapping[str, Any]) -> list[RenderableType]:
    facts = [
        ["decay volume [m]", _pair(data["decay_volume_m"])],
        ["mean intensity [MHz]", number(data["mean_intensity_MHz"])],
        *([f"momentum, {name} [GeV/c]", _pair(interval)] for name, interval in data["momentum_ranges_GeV"].items()),
        *([name, number(value)] for name, value in data["dataset"].items()),
    ]
    counts = [[tag, str(data["numbers"][tag])] for tag in _TAGS]
    changed = data["context_changed"]
    return [
        grid(f"{data['name']}: {data['title']}", ["numbers that are", ("count", "right")], counts),
        _LEGEND + "\n",
        grid("Data set", ["quantity", ("value", "right")], facts),
        _masks(data["trigger_masks"]),
        ledger_table(data["ledger"]["pinunu"], "Ledger of pinunu: every loss once"),
        ledger_table(data["ledger"]["k2pi"], "Ledger of k2pi, the normalisation"),
        ledger_table(data["ledger"]["pi4e"], "Ledger of pi4e, kpiaa, kpis and k2pi-4e"),
        _context(data["context"]),
        *([f"changed without effect: {', '.join(changed)}"] if changed else []),
        f"sha256 {data['sha256']}",
    ]


def _masks(masks: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """What each trigger asks for; of one event in ``downscaling`` it is kept."""
    rows = [
        [name, " ".join(mask["l0"]), " ".join(mask["l1"]), f"{mask['downscaling']:g}"] for name, mask in masks.items()
    ]
    title = "Trigger masks: acceptance prints their efficiencies"
    return grid(title, ["mask", "level 0", "level 1", ("one in … is kept", "right")], rows)


def _context(paths: Sequence[str]) -> RenderableType:
    """The keys that are context, by block."""
    blocks: dict[str, list[str]] = {}
    for path in paths:
        block, _, key = path.rpartition(".")
        blocks.setdefault(block, []).append(key)
    rows = [[block, ", ".join(keys)] for block, keys in blocks.items()]
    return grid("Context: no result depends on these; at most they are drawn or checked", ["block", "keys"], rows)


def _pair(interval: Sequence[float]) -> str:
    return f"{interval[0]:g} to {interval[1]:g}"


def _process(data: Mapping[str, Any]) -> list[RenderableType]:
    particles = [
        [row["name"], str(row["pdg"]), number(row["mass_MeV"], 9), number(row["lifetime_ns"], 6)]
        for row in data["particles"]
    ]
    columns: list[str | tuple[str, str]] = [
        "name",
        ("PDG", "right"),
        ("mass [MeV]", "right"),
        ("lifetime [ns]", "right"),
    ]
    parts: list[RenderableType] = [
        f"[bold]{data['name']}[/bold]: {data['title']}\n{data['descriptor']}\n",
        grid("Particles, with default parameters", columns, particles),
    ]
    if data["branching_ratio"]:
        b = data["branching_ratio"]
        parts.append(f"branching ratio {b['value']:.4g} +- {b['error']:.2g} ({b['source']})")
    if "branching_ratio_in_runs" in data:
        b = data["branching_ratio_in_runs"]
        parts.append(f"a run expects events for {b['value']:.4g} +- {b['error']:.2g} ({b['source']})")
    if data["amplitudes"]:
        parts.append("amplitudes: " + ", ".join(f"{name} {shape}" for name, shape in data["amplitudes"].items()))
    parts += remark_lines(data)
    if data["parameters"]:
        rows = [[row["name"], str(row["default"]), row["help"]] for row in data["parameters"]]
        parts.append(grid("Parameters", ["name", "default", "meaning"], rows))
    if "selection" in data:
        parts += [f"[bold]{data['name']}[/bold] is a selection, too.\n", *_selection(data["selection"])]
    return parts


def _selection(data: Mapping[str, Any]) -> list[RenderableType]:
    cuts = [[str(k), cut] for k, cut in enumerate(data["cuts"], 1)]
    regions = f"signal regions: {', '.join(data['signal_regions'])}\n"
    if data["other_regions"]:
        regions += f"beside them: {', '.join(data['other_regions'])}\n"
    return [
        grid(f"Selection {data['name']}: {data['title']}", ["", "cut, in this order"], cuts),
        regions,
        ledger_table(data["ledger"], f"Ledger in {data['geometry']}: every loss once"),
    ]


def _scenario(data: Mapping[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    rows = []
    for row in data["samples"]:
        words = " ".join([row["process"], *(f"{name}={value}" for name, value in row["parameters"].items())])
        rows.append([
            row["label"], row["role"], words, row["geometry"], row["selection"], row["photons"],
            str(row["events"]), str(row["stored_events"]),
        ])  # fmt: skip
    columns: list[str | tuple[str, str]] = [
        "label",
        "role",
        "process",
        "geometry",
        "selection",
        "photons",
        ("events", "right"),
        ("stored", "right"),
    ]
    return [
        grid(f"Scenario {data['name']}: {data['title']}", columns, rows),
        f"seed {data['seed']}; na62sim run {data['name']} runs it\nsha256 {data['sha256']}\n",
        "[bold]As TOML[/bold]",
        Text(data["toml"]),
    ]


def _sample(data: Mapping[str, Any]) -> list[RenderableType]:
    hidden = {
        "kind",
        "file",
        "groups",
        "extra",
        "scenario",
        "geometry_lines",
        "checksums",
        "verified",
        "generated",
        *remarks(data),
    }
    facts = [
        [name, _pair(value) if isinstance(value, tuple) else str(value)]
        for name, value in data.items()
        if name not in hidden
    ]
    facts += [[name, _told(name, value)] for name, value in data["extra"].items()]
    if (generated := data["generated"]) is not None:
        facts.append(["generated", f"{generated['n']} events, sum of weights {generated['sumw']:.10g}"])
    facts += [["the process", line] for line in remark_lines(data)]
    facts.append(["geometry text", f"{data['geometry_lines']} lines, in the file's attribute geometry_text"])
    facts.append(["scenario", "in the file's attribute scenario" if data["scenario"] else "none"])
    checked = "of each column and 1000 events, compared as they are read"
    facts.append(["checksums", checked if data["checksums"] else NO_CHECKSUMS])
    facts += [["verified", "all events have the content hash"]] if data.get("verified") else []
    groups = [
        [
            row["name"] + (" (jagged)" if row["jagged"] else ""),
            str(row["rows"]),
            ", ".join(f"{c['name']} [{c['unit']}]" if c["unit"] else c["name"] for c in row["columns"]),
        ]
        for row in data["groups"]
    ]
    return [
        grid(f"Sample {data['file']}", ["provenance", "value"], facts),
        grid("Groups", ["name", ("rows", "right"), "columns"], groups),
    ]


def _told(name: str, value: Any) -> str:
    """A value of the provenance in words."""
    if name == "skim" and isinstance(value, dict):
        return f"only events that pass {skim_text(value)}"
    if name == "keep" and isinstance(value, list):
        return f"only {', '.join(map(str, value))}, beside events"
    return str(value)


def _run(data: Mapping[str, Any]) -> list[RenderableType]:
    missing = data["missing"]
    few = ", ".join(str(shard) for shard in missing[:10]) + (", …" if len(missing) > 10 else "")
    facts = [
        ["shards", f"{data['n_finished']} of {data['n_shards']}" + (f", missing: {few}" if missing else "")],
        ["events", str(data["n_events"])],
        ["bytes", str(data["bytes"])],
        ["content_sha256", data["content_sha256"] or "not before all shards are there"],
        *([name, _told(name, value)] for name, value in data["run"].items()),
        *([["verified", "every finished shard has its SHA-256"]] if data.get("verified") else []),
    ]
    return [grid(f"Run of shards {data['folder']}", ["what", "value"], facts)]
