"""The named selections."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from na62sim.core.checks import number
from na62sim.core.suggest import did_you_mean
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.selection.cut import Selection
from na62sim.selection.dilepton import dielectron, dikaon, dimuon, dipion
from na62sim.selection.kpix import kpix
from na62sim.selection.pi4e import k2pi4e, k3pi, kpiaa, kpis, pi4e
from na62sim.selection.pinunu import k2pi, pinunu
from na62sim.selection.three_tracks import k3pi_lkr, kpiee, kpimumu

SELECTIONS: dict[str, Callable[..., Selection]] = {
    "pinunu": pinunu,
    "k2pi": k2pi,
    "kpix": kpix,
    "pi4e": pi4e,
    "kpiaa": kpiaa,
    "kpis": kpis,
    "k2pi-4e": k2pi4e,
    "k3pi": k3pi,
    "k3pi-lkr": k3pi_lkr,
    "kpimumu": kpimumu,
    "kpiee": kpiee,
    "dimuon": dimuon,
    "dielectron": dielectron,
    "dipion": dipion,
    "dikaon": dikaon,
}


def selection_parameters(name: str) -> list[str]:
    """Parameters of a named selection (masses in MeV)."""
    return list(inspect.signature(SELECTIONS[name]).parameters)[1:]


def load_selection(name: str, detector: str | Detector | None = None, **parameters: float) -> Selection:
    """A shipped selection for a data set, to use or to change: `Selection.with_cut`, `Selection.without`.

    Parameters
    ----------
    name : ``na62sim info`` lists them
    detector : a data set by name, a file or a Detector; run1-2018-s2 by default
    parameters : of the selection, masses in MeV

    Raises
    ------
    ValueError : unknown name or parameter

    Examples
    --------
    >>> load_selection("pinunu", "run1-2018-s2").signal
    ('R1', 'R2')
    """
    return find_selection(name, as_detector(detector), None, **parameters)


def find_selection(
    selection: str | Selection, detector: Detector, masses: Mapping[str, float] | None = None, **parameters: float
) -> Selection:
    """A named selection for a data set, or a Selection as it is.

    Parameters
    ----------
    masses : of the process's particles (MeV), the defaults of parameters of that name (``m_a`` for ``a``)
    parameters : of the selection

    Raises
    ------
    ValueError : unknown name or parameter, or a parameter that is no number
    TypeError : neither a name nor a Selection
    """
    if isinstance(selection, Selection):
        if parameters:
            raise ValueError(f"parameters {', '.join(parameters)}: a Selection object already has its own")
        return selection
    if not isinstance(selection, str):
        raise TypeError(f"selection = {selection!r}: it must be a Selection or one of {', '.join(SELECTIONS)}")
    if selection not in SELECTIONS:
        raise ValueError(f"selection '{selection}' is unknown{did_you_mean(selection, SELECTIONS)}")
    known = selection_parameters(selection)
    for key in parameters:
        if key not in known:
            raise ValueError(
                f"parameter '{key}' of selection {selection} is unknown{did_you_mean(key, known or ['no parameters'])}"
            )
        number(f"parameter '{key}' of selection {selection}", parameters[key], "a number in MeV")
    own = {f"m_{name.replace(chr(39), 'prime')}": float(value) for name, value in (masses or {}).items()}
    return SELECTIONS[selection](detector, **{key: value for key, value in own.items() if key in known} | parameters)
