"""The named selections."""

from __future__ import annotations

from collections.abc import Callable

from na62sim.generators.process import did_you_mean
from na62sim.geometry import Detector
from na62sim.selection.cutflow import Selection
from na62sim.selection.pinunu import k2pi, pinunu

SELECTIONS: dict[str, Callable[[Detector], Selection]] = {"pinunu": pinunu, "k2pi": k2pi}


def find_selection(selection: str | Selection, detector: Detector) -> Selection:
    """A named selection for a data set, or a Selection as it is.

    Raises
    ------
    ValueError : unknown name
    """
    if isinstance(selection, Selection):
        return selection
    if selection not in SELECTIONS:
        raise ValueError(f"selection '{selection}' is unknown{did_you_mean(selection, SELECTIONS)}")
    return SELECTIONS[selection](detector)
