"""Every column of a sample, every key of a scenario and of a geometry, from the code that uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["REFERENCES", "reference", "reference_report"]

REFERENCES = ("columns", "scenario", "geometry")
"""Words of ``na62sim info`` that list them."""

_DATA_SET = "run1-2018-s2"  # whose values are shown
_UNITS = {
    "m": "m", "mm": "mm", "um": "µm", "ns": "ns", "GeV": "GeV", "MeV": "MeV", "MHz": "MHz", "Tm": "T m", "mrad": "mrad",
    "urad": "µrad", "GeV2": "GeV²",
}  # fmt: skip


def reference(word: str) -> dict[str, Any]:
    """What ``na62sim info columns|scenario|geometry`` says."""
    return {"columns": _columns, "scenario": _scenario, "geometry": _geometry}[word]()


def _columns() -> dict[str, Any]:
    from na62sim.simulation.schema import JAGGED, SCHEMA
    from na62sim.simulation.tables import RECO_FIELDS

    groups = {
        name: {
            "jagged": name in JAGGED or name in RECO_FIELDS,
            "columns": [
                {"name": c.name, "type": c.dtype, "unit": c.unit, "description": c.description} for c in fields
            ],
        }
        for name, fields in {**SCHEMA, **RECO_FIELDS}.items()
    }
    return {"kind": "columns", "groups": groups}


def _scenario() -> dict[str, Any]:
    from na62sim.study.scenario.meaning import KEYS, ROLES, key_types

    blocks = {
        block or "(top)": [
            {"key": key, "type": kind, "default": default, "meaning": KEYS[block].get(key, "")}
            for key, (kind, default) in keys.items()
        ]
        for block, keys in key_types().items()
    }
    return {"kind": "scenario-keys", "blocks": blocks, "roles": ROLES}


def _geometry() -> dict[str, Any]:
    from na62sim.geometry import load_detector
    from na62sim.selection.ledger import _word

    keys = [
        {
            "key": entry.path, "unit": _unit(entry.path), "value": entry.value, "tag": _word(entry.tag),
            "context": entry.context, "source": entry.source,
        }
        for entry in load_detector(_DATA_SET).entries()
    ]  # fmt: skip
    return {"kind": "geometry-keys", "geometry": _DATA_SET, "keys": keys}


def _unit(path: str) -> str:
    """The unit in which a key ends."""
    return _UNITS.get(path.rpartition("_")[2], "")


def reference_report(data: Mapping[str, Any]) -> list[RenderableType]:
    """The same as tables."""
    return {"columns": _column_tables, "scenario-keys": _scenario_tables, "geometry-keys": _geometry_tables}[
        data["kind"]
    ](data)


def _column_tables(data: Mapping[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for name, group in data["groups"].items():
        rows = [[c["name"], c["type"], c["unit"], c["description"]] for c in group["columns"]]
        rows_of = "rows of event i from offsets[i] to offsets[i + 1]" if group["jagged"] else "one row per event"
        parts.append(grid(f"/{name}: {rows_of}", ["column", "type", "unit", "what"], rows))
    return parts


def _scenario_tables(data: Mapping[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for block, keys in data["blocks"].items():
        rows = [[k["key"], k["type"], k["default"], k["meaning"]] for k in keys]
        title = "Keys at the top of the file" if block == "(top)" else f"[{block}]"
        parts.append(grid(title, ["key", "type", "default", "meaning"], rows))
    parts.append(
        grid(
            "Roles of a [[sample]]", ["role", "what its numbers are for"], [list(row) for row in data["roles"].items()]
        )
    )
    return parts


def _geometry_tables(data: Mapping[str, Any]) -> list[RenderableType]:
    rows = [
        [k["key"], k["unit"], str(k["value"]), k["tag"] + (", context" if k["context"] else ""), k["source"]]
        for k in data["keys"]
    ]
    heads = ["key", "unit", f"value in {data['geometry']}", "number is", "source"]
    return [grid("Keys of a geometry file; context: no result depends on it", heads, rows)]
