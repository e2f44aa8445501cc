"""Results as HEPData tables: a folder with submission.yaml and a YAML file per table, ready to be packed and uploaded.

What is written is JSON, which every reader of YAML takes. Form: https://hepdata-submission.readthedocs.io, schema 1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from na62sim.sample.atomic import target_of, write_whole

__all__ = ["HepTable", "hepdata_tables", "write_hepdata"]

_GEV = 1000.0  # MeV
_LISTS = {  # columns of results that have one row per point: what they are called, unit
    "mass_MeV": ("mass", "MeV"),
    "m_S_MeV": ("m(S)", "MeV"),
    "m_Aprime_MeV": ("m(A')", "MeV"),
    "mass_GeV": ("mass", "GeV"),
    "lifetime_ns": ("lifetime", "ns"),
}
_RESULTS = {
    "acceptance": "acceptance", "upper_limit": "upper limit", "eps_low": "lowest excluded coupling",
    "eps_high": "highest excluded coupling", "coupling_low": "lowest excluded coupling",
    "coupling_high": "highest excluded coupling", "n_events_max": "largest number of events",
}  # fmt: skip


@dataclass
class HepTable:
    """One table: columns of numbers or words, those that they depend on first.

    Attributes
    ----------
    independent, dependent : name, unit, values; a value is a number or word, (low, high) of a bin, or a dictionary of HEPData
    """

    name: str
    description: str
    independent: list[tuple[str, str, list[Any]]] = field(default_factory=list)
    dependent: list[tuple[str, str, list[Any]]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The table in HEPData's form."""

        def column(name: str, unit: str, values: Sequence[Any]) -> dict[str, Any]:
            header = {"name": name, "units": unit} if unit else {"name": name}
            return {"header": header, "values": [_value(value) for value in values]}

        return {
            "independent_variables": [column(*c) for c in self.independent],
            "dependent_variables": [column(*c) for c in self.dependent],
        }


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple):
        return {"low": value[0], "high": value[1]}
    return {"value": "-" if value is None else value}


def _measured(numbers: Any) -> Any:
    """A value with its interval, or its statistical error; what is no measured number stays as it is."""
    if not isinstance(numbers, Mapping):
        return numbers
    value = numbers["value"]
    if numbers.get("low") is not None and numbers.get("high") is not None:
        errors = {"asymerror": {"minus": numbers["low"] - value, "plus": numbers["high"] - value}, "label": "stat"}
    else:
        errors = {"symerror": numbers.get("stat", 0.0), "label": "stat"}
    return {"value": value, "errors": [errors]}


def hepdata_tables(payload: Mapping[str, Any]) -> list[HepTable]:
    """Tables of a result: of a run (result.json), or what ``acceptance``, ``select``, ``search`` or ``exclusion`` print as JSON.

    Raises
    ------
    ValueError : there is nothing in it that makes a table
    """
    tables = [table for one in (payload, *payload.get("productions", ())) for table in _flow_tables(one)]
    tables += [table for scan in payload.get("scans", ()) for table in _scan_tables(scan)]
    tables += _list_tables(payload)
    if not tables:
        raise ValueError("there is no cut-flow, no acceptance in bins, no scan and no limit that would make a table")
    return tables


def _flow_tables(flow: Mapping[str, Any]) -> Iterator[HepTable]:
    if "cutflow" not in flow:
        return
    what = f"{flow.get('label') or flow.get('process')} in {flow.get('geometry')}"
    about = f"{flow.get('process')}, selection {flow.get('selection')}, {flow.get('n_generated')} events, seed {flow.get('seed')}"
    rows = flow["cutflow"]
    fewer = {row["n_generated"]: row["cut"] for row in rows if "n_generated" in row}  # and the last such cut
    some = "".join(f"; up to '{cut}' the counts are those of {n} events" for n, cut in fewer.items())
    yield HepTable(
        f"Cut-flow of {what}", f"Events that pass each cut and those before: {about}{some}",
        [("cut", "", [row["cut"] for row in rows])],
        [("events", "", [row["n"] for row in rows]), ("efficiency", "", [row["efficiency"] for row in rows])],
    )  # fmt: skip
    regions = {"all": flow["acceptance"], **flow.get("regions", {})}
    yield HepTable(
        f"Acceptance of {what}", f"Acceptance with its statistical interval of 68 %: {about}",
        [("region", "", list(regions))], [("acceptance", "", [_measured(numbers) for numbers in regions.values()])],
    )  # fmt: skip
    bins, edges = flow.get("bins", []), flow.get("bin_edges_MeV", [])
    if bins:
        column, unit, ranges = (
            bins[0]["column"],
            "",
            [*range(1, len(bins) + 1)],
        )  # their places where the edges are not told
        if len(edges) == len(bins) + 1:
            unit, scale = ("GeV/c", _GEV) if column == "p" else ("MeV", 1.0)
            ranges = [(low / scale, high / scale) for low, high in pairwise(edges)]
        yield HepTable(
            f"Acceptance of {what} in bins of {column}", f"Acceptance of the signal regions together: {about}",
            [(column, unit, ranges)], [("acceptance", "", [_measured(row) for row in bins])],
        )  # fmt: skip


def _scan_tables(scan: Mapping[str, Any]) -> Iterator[HepTable]:
    rows = scan["rows"]
    if not rows:
        return
    axes = list(rows[0]["parameters"])
    table = HepTable(
        f"Scan {scan['label']}", f"{scan['process']} in {scan['geometry']}, selection {scan['selection']}",
        [(axis, "", [row["parameters"][axis] for row in rows]) for axis in axes],
        [("acceptance", "", [_measured(row["acceptance"]) for row in rows])],
    )  # fmt: skip
    if any("upper_limit" in row for row in rows):
        level = f"{100.0 * float(scan['cl']):g} % CL" if scan.get("cl") else ""
        table.dependent.append((f"upper limit, {level}", "", [row.get("upper_limit") for row in rows]))
        table.dependent.append(("expected limit", "", [_expected(row.get("expected")) for row in rows]))
    yield table


def _expected(band: Mapping[str, Any] | None) -> Any:
    """A median with its bands as errors."""
    if not band or band.get("median") is None:
        return None
    median, errors = float(band["median"]), []
    for number, label in ((1, "1 sigma"), (2, "2 sigma")):
        low, high = band.get(f"minus{number}"), band.get(f"plus{number}")
        if low is not None and high is not None:
            errors.append({"asymerror": {"minus": low - median, "plus": high - median}, "label": label})
    return {"value": median, "errors": errors}


def _list_tables(payload: Mapping[str, Any]) -> list[HepTable]:
    """Results with one row per point: lists of the same length."""
    axes = [(key, *_LISTS[key]) for key in _LISTS if isinstance(payload.get(key), list)]
    if not axes:
        return []
    table = HepTable(
        "Results per point", f"{payload.get('process') or payload.get('channel') or 'result'}; '-' where there is none",
        [(name, unit, payload[key]) for key, name, unit in axes],
    )  # fmt: skip
    count = len(payload[axes[0][0]])
    for key, name in _RESULTS.items():
        values = payload.get(key)
        if isinstance(values, list) and len(values) == count:
            table.dependent.append((name, "", values))
    expected = payload.get("expected")
    if isinstance(expected, Mapping) and isinstance(expected.get("median"), list):
        rows = [{name: column[k] for name, column in expected.items()} for k in range(count)]
        table.dependent.append(("expected limit", "", [_expected(row) for row in rows]))
    return [table] if table.dependent else []


def write_hepdata(payload: Mapping[str, Any], folder: Path, *, force: bool = False) -> list[str]:
    """Write the tables of a result into a folder, which is made if it does not exist.

    Parameters
    ----------
    force : files of these names may be replaced

    Returns
    -------
    names of the files

    Raises
    ------
    ValueError : nothing makes a table
    OSError : a file is there, or cannot be written
    """
    tables = hepdata_tables(payload)
    about = payload.get("scenario", {})
    comment = about.get("title") or about.get("name") or f"{payload.get('process', 'result')}"
    made = f"made by na62sim {payload['program_version']}" if payload.get("program_version") else "made by na62sim"
    documents: list[dict[str, Any]] = [{"comment": f"{comment} ({made}; a fast simulation, no data)"}]
    files = {}
    for table in tables:
        name = f"{re.sub(r'[^A-Za-z0-9]+', '-', table.name).strip('-').lower()}.yaml"
        while name in files:
            name = f"{name.removesuffix('.yaml')}-2.yaml"
        files[name] = json.dumps(table.to_dict(), indent=1, ensure_ascii=False) + "\n"
        documents.append({
            "name": table.name[:64], "description": table.description, "data_file": name, "keywords": [],
        })  # fmt: skip
    files["submission.yaml"] = "".join(f"---\n{json.dumps(d, indent=1, ensure_ascii=False)}\n" for d in documents)
    folder.mkdir(exist_ok=True)
    for name in files:
        target_of(folder / name, force=force)
    for name, text in files.items():
        write_whole(folder / name, text, force=force)
    return list(files)
