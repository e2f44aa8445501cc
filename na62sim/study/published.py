"""The published numbers that results are compared with: published.toml, checked."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from na62sim.core.units import parse_parameter

__all__ = ["Published", "compare", "obtained_numbers", "published_limits", "published_numbers"]


@dataclass(frozen=True, slots=True)
class Published:
    """A published number and the range in which a result counts as reproduced.

    Parameters
    ----------
    key : what it is compared with
    quantity : in words, with its unit
    value, sigma, external : the number, its uncertainty, and the part that comes from outside the experiment
    low, high, range : the stated range, and how it was chosen
    source, tag : ``published``, ``known`` (recalled from the paper, not read again) or ``derived``
    """

    key: str
    quantity: str
    value: float
    low: float
    high: float
    range: str
    source: str
    tag: str
    sigma: float | None = None
    external: float | None = None


@cache
def published_numbers() -> dict[str, Published]:
    """All published numbers by key.

    Examples
    --------
    >>> published_numbers()["run1-2018-s2.acceptance_pinunu"].value
    0.0637
    """
    path = Path(__file__).resolve().with_name("published.toml")
    rows = [Published(**row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["number"]]
    return {row.key: row for row in rows}


def published_limits(process: str) -> dict[float, float]:
    """Published upper limits of a process' branching ratio by mass (MeV); keys ``PROCESS.upper_limit.MASS``."""
    start = f"{process}.upper_limit."
    return {float(k.removeprefix(start)): n.value for k, n in published_numbers().items() if k.startswith(start)}


def compare(number: Published, obtained: float | None, sigma: float | None = None, note: str = "") -> dict[str, Any]:
    """One row of the comparison: published, obtained, ratio, and whether it is within the stated range."""
    return {
        "key": number.key,
        "quantity": number.quantity + (f", {note}" if note else ""),
        "published": number.value,
        "published_sigma": number.sigma,
        "low": number.low,
        "high": number.high,
        "range": number.range,
        "obtained": obtained,
        "obtained_sigma": sigma,
        "ratio": None if obtained is None else obtained / number.value,
        "within": None if obtained is None else number.low <= obtained <= number.high,
        "source": number.source,
        "tag": {"known": "recalled"}.get(number.tag, number.tag),
    }


def obtained_numbers(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare the data sets of a run, and their sum, with what is published for them."""
    known = published_numbers()
    rows: list[dict[str, Any]] = []
    for data in result["data_sets"]:
        several = len(data["ranges"]) > 1
        for numbers in data["ranges"]:
            r2 = numbers["p_GeV"]["R2"]
            note = f"R2 {r2[0]:g}–{r2[1]:g}" if several else ""
            for name in ("acceptance_k2pi", "acceptance_pinunu", "ratio", "ses"):
                found, key = numbers.get(name), f"{data['geometry']}.{name}"
                if found is not None and key in known:
                    rows.append(compare(known[key], found["value"], found["sigma"], note))
            found, key = numbers["ses"]["expected_events"], f"{data['geometry']}.expected_events"
            if key in known:
                rows.append(compare(known[key], found["value"], found["sigma"], note))
    rows += [row for scan in result.get("scans", []) for row in _scan_numbers(scan)]
    total = result.get("total") or {}
    key = "+".join(total.get("data_sets", [])) + ".expected_events"
    if "ses" in total and key in known and len(total["data_sets"]) > 1:
        found = total["ses"]["expected_events"]
        rows.append(compare(known[key], found["value"], found["sigma"]))
    return rows


_SHAPE_AT = {"kpiaa": 155.0}  # MeV; with nothing observed the shape of a limit is that of 1/A


def _scan_numbers(scan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare limits and the shape of the acceptance of a scan in one mass with what is published."""
    known, process = published_numbers(), scan["process"]
    if len(scan["axes"]) != 1:
        return []
    axis = scan["axes"][0]
    points = {float(parse_parameter(axis, row["parameters"][axis])[1]): row for row in scan["rows"]}
    reference = points.get(_SHAPE_AT.get(process, -1.0))
    found = []
    for mass, row in points.items():
        a, key = row["acceptance"], f"{process}.upper_limit.{mass:g}"
        if key in known and row.get("upper_limit"):
            relative = math.hypot(a["stat"], a["syst"]) / a["value"]
            found.append(compare(known[key], row["upper_limit"], relative * row["upper_limit"]))
        key = f"{process}.shape.{mass:g}"
        if key in known and reference and reference["acceptance"]["value"] and a["value"]:
            other = reference["acceptance"]
            triggers = row.get("trigger_ratio", 1.0) / reference.get("trigger_ratio", 1.0)
            ratio = triggers * a["value"] / other["value"]
            relative = math.hypot(a["stat"] / a["value"], other["stat"] / other["value"])  # components are common
            found.append(compare(known[key], ratio, ratio * relative))
    return found
