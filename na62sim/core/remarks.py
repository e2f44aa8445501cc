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


def setting_text(value: Any) -> str:
    """A setting of a run in words, as messages that compare two runs print it.

    >>> setting_text({"selection": "pinunu", "cut": None}), setting_text(["beam", "truth"]), setting_text(None)
    ('pinunu', 'beam, truth', 'none')
    """
    if isinstance(value, Mapping) and "selection" in value:
        return skim_text(value)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value)


def remark_lines(described: Mapping[str, Any]) -> list[str]:
    """The same in words, one line for each particle or number.

    >>> remark_lines({"phase_space": ["K+"], "violates": ["lepton"]})
    ['K+: flat phase space', 'lepton number may be violated, as asked for']
    """
    lines = [_WORDS[key].format(name) for key, names in remarks(described).items() for name in names]
    carried = ", ".join(described.get("as_weights", ()))
    weights = f"as weights: {carried}, in every row of the cut-flow"
    if described.get("importance"):
        also = f"; {weights}" if carried else ""
        lines.append(
            f"importance sampling in (q2, cos theta*) towards the signal regions, of pions that arrive{also}; what lies "
            "outside of them, the control regions and most of each row of the cut-flow, is less well known"
        )
    elif carried:
        lines.append(weights)
    if described.get("skim"):
        lines.append(
            f"skim {skim_text(described['skim'])}: the sample has, and the rows count, only events that pass it"
        )
    return lines
