"""A region as a table of HEPData: one YAML document with independent and dependent variables.

The form is that of the HEPData submission documentation, "data tables"; written without a library: values are numbers and
quoted words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["region_yaml"]

_BANDS = ("minus2", "minus1", "median", "plus1", "plus2")


def region_yaml(region: Mapping[str, Any]) -> str:
    """Edges of the coupling against the mass: of the region, with the Monte Carlo error, and of the expected band.

    Masses without an edge have the value ``-``, as HEPData writes what is not there.
    """
    coupling = region["coupling"]
    about = {
        "MODEL": region["model"],
        "CHANNEL": region["channel"],
        "PRODUCTION": region["words"],
        "PROTONS": f"{region['protons']:.4g}",
        "CL": f"{region['cl']:g}",
    }
    word = "expected median" if region["projection"] else "observed"
    lines = [
        "independent_variables:",
        f"- header: {{name: {_quoted('m(' + region['particle'] + ')')}, units: GeV}}",
        "  values:",
    ]
    lines += [f"  - {{value: {_number(mass, 6)}}}" for mass in region["mass_GeV"]]
    lines.append("dependent_variables:")
    for end, edge in (("low", "lower"), ("high", "upper")):
        key = f"{coupling}_{end}"
        lines += _column(f"{coupling}, {edge} edge, {word}", about, region[key], region["mc_error"][key])
        for band in _BANDS:
            lines += _column(f"{coupling}, {edge} edge, expected {band}", about, region["expected"][band][key])
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A word in double quotes: JSON strings are YAML."""
    return json.dumps(text, ensure_ascii=False)


def _column(
    name: str, about: Mapping[str, str], values: Sequence[float | None], errors: Sequence[float | None] | None = None
) -> list[str]:
    """A dependent variable; relative errors become symmetric ones."""
    lines = [f"- header: {{name: {_quoted(name)}}}", "  qualifiers:"]
    lines += [f"  - {{name: {_quoted(key)}, value: {_quoted(value)}}}" for key, value in about.items()]
    lines.append("  values:")
    for k, value in enumerate(values):
        if value is None:
            lines.append('  - {value: "-"}')
            continue
        error = errors[k] if errors is not None else None
        words = (
            f", errors: [{{symerror: {_number(error * value, 3)}, label: simulated statistics}}]"
            if error is not None
            else ""
        )
        lines.append(f"  - {{value: {_number(value, 5)}{words}}}")
    return lines


def _number(value: float, digits: int) -> str:
    """A number as YAML 1.1 reads it: ``3e-06`` is a word there, ``3.0e-06`` a number."""
    text = f"{value:.{digits}g}"
    return text if "." in text else text.replace("e", ".0e")
