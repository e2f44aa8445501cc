"""What a result must say of the process behind it: flat phase space, numbers that may be violated, particles left stable,
matrix elements of one's own, events of a file that are used again.

The keys stand in `Process.describe` always, in results only where they are not empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "phase_space": "{}: flat phase space",
    "violates": "{} number may be violated, as asked for",
    "stable": "{}: left undecayed, as asked for; no detector sees it",
    "matrix_elements": "matrix element {}",
    "reused": "{}",
}


def remarks(described: Mapping[str, Any]) -> dict[str, list[str]]:
    """The remarks of a described process, or of a result, that are not empty.

    >>> remarks({"name": "kpiaa", "phase_space": ["K+"], "violates": [], "stable": []})
    {'phase_space': ['K+']}
    """
    return {key: list(described[key]) for key in _WORDS if described.get(key)}


def skim_text(skim: Mapping[str, Any]) -> str:
    """What the events of a skim passed.

    >>> skim_text({"selection": "pinunu", "cut": None})
    'pinunu'
    """
    cut = f" as far as '{skim['cut']}'" if skim.get("cut") else ""
    return f"{skim['selection']}{cut}"


def remark_lines(described: Mapping[str, Any]) -> list[str]:
    """The same in words, one line for each particle or number.

    >>> remark_lines({"phase_space": ["K+"], "violates": ["lepton"]})
    ['K+: flat phase space', 'lepton number may be violated, as asked for']
    """
    lines = [_WORDS[key].format(name) for key, names in remarks(described).items() for name in names]
    if described.get("importance"):
        carried = ", ".join(described.get("as_weights", ()))
        also = f"; as weights: {carried}" if carried else ""
        lines.append(f"importance sampling in (q2, cos theta*) towards the signal regions, pions that arrive{also}")
    if described.get("skim"):
        lines.append(
            f"skim {skim_text(described['skim'])}: the sample has, and the rows count, only events that pass it"
        )
    return lines
