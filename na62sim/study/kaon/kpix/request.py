"""What a search for K+ -> pi+ X is asked for, checked: masses, lifetimes, data sets, the last veto, observed events.

Where the observed events of a data set lie in m2_miss is not published. A file of one's own can say it, with a block for every
data set of the search::

    [run1-2018-s2]
    m2_miss_GeV2 = [0.0312, 0.0457]
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from na62sim.core.checks import in_range, number
from na62sim.core.particles import species
from na62sim.core.suggest import did_you_mean
from na62sim.geometry import Detector, load_detector
from na62sim.study.kaon.counts import published_background
from na62sim.study.kaon.mixture import Mixture, data_sets

__all__ = ["DATA", "DECAYS", "Request", "request"]

DATA = ("run1-2017", "run1-2018-s1", "run1-2018-s2", "run2-2022")
"""Data sets of a search; of 2016 there are counts alone, no geometry."""

DECAYS = ("visible", "invisible")
BEHIND_THE_CALORIMETERS = 250.0  # m: the other end of where the last veto may be said to stand
_COUNTS_ALONE, _EVERYTHING = "2016", "2016-2022"
_STEP, _RANGES = 1.4, ((0.0, 110.0), (154.0, 260.0))  # MeV, as in NA62, JHEP 06 (2021) 093 (recalled)
_MOST_POINTS = 100_000
_MOST_EVENTS = 100_000


@dataclass(frozen=True)
class Request:
    """A search that can be made.

    Attributes
    ----------
    masses, lifetimes : MeV and ns, inf is stable
    decay : ``visible`` or ``invisible``
    last_veto_m : where the last veto stands (m), then other places to compare with
    observed : m2_miss (GeV^2) of the observed events of each data set, where it is known
    events, precision : at a mass, as in `kpix.sample.count_mass`
    """

    masses: tuple[float, ...]
    lifetimes: tuple[float, ...]
    mixture: Mixture
    decay: str
    last_veto_m: tuple[float, ...]
    observed: Mapping[str, Sequence[float]] | None
    cl: float
    events: int
    precision: float | None
    seed: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know of the numbers."""
        seen = f"an X that decays before {self.last_veto_m[0]:g} m is seen and vetoed"
        return (
            "data of 2016 are left out: of them there are counts alone, no geometry",
            "events per branching ratio: those of K+ -> pi+ nu nubar as published, times the ratio of simulated acceptances",
            "how the published background lies in m2_miss is not known: it is spread evenly over R1 and R2 (assumed)",
            "X decays unseen, and is never vetoed" if self.decay == "invisible" else seen,
            *(() if self.observed is not None else (
                "no observed limit: where the observed events lie in m2_miss is not published (--observed FILE.toml)",
            )),
        )  # fmt: skip


def request(
    masses: Mapping[str, Sequence[float]] | Sequence[float] | None,
    lifetimes: Sequence[float] | None,
    data: str | None,
    *,
    method: str | None = None,
    normalisation_events: int | None = None,
    decay: str,
    last_veto_m: float | None,
    observed: str | os.PathLike[str] | Mapping[str, Sequence[float]] | None,
    cl: float,
    events: int,
    precision: float | None,
    seed: int,
) -> Request:
    """Check what is asked for.

    Raises
    ------
    ValueError : in one line, for the first thing that is not allowed
    OSError : the file of observed events cannot be read
    """
    if method not in (None, "cls"):
        raise ValueError(f"method = {method!r}: limits of kpix are CLs of the profile likelihood, cls")
    if normalisation_events is not None:
        raise ValueError("normalisation_events: kpix takes published signals, there is no channel to simulate")
    grid, taus = _masses(masses), _lifetimes(lifetimes)
    if len(grid) * len(taus) > _MOST_POINTS:
        raise ValueError(f"a search may have 1 to {_MOST_POINTS} points, not {len(grid) * len(taus)}")
    if decay not in DECAYS:
        hint = did_you_mean(str(decay), DECAYS, listed=True)
        raise ValueError(f"decay = {decay!r}: it must be visible or invisible{hint}")
    in_range("cl", cl, "(0, 1)")
    detectors = tuple(load_detector(name) for name in _data(data))
    seen = None
    if observed is not None:
        names = [d.name for d in detectors]
        seen = _observed(observed, names) if isinstance(observed, Mapping) else _read(Path(observed), names)
    mixture = Mixture(detectors, own_volumes=True)
    planes = _last_vetoes(detectors, last_veto_m)
    return Request(grid, taus, mixture, decay, planes, seen, cl, events, precision, seed)


def _masses(masses: Mapping[str, Sequence[float]] | Sequence[float] | None) -> tuple[float, ...]:
    """Masses (MeV), by name or not; those of the published search by default."""
    if isinstance(masses, Mapping):
        for key in masses:
            if key != "m_X":
                raise ValueError(f"masses of kpix: '{key}' is not m_X{did_you_mean(key, ['m_X'], listed=True)}")
        masses = masses.get("m_X", [])
    if masses is None:
        return tuple(
            round(low + k * _STEP, 6) for low, high in _RANGES for k in range(int((high - low) / _STEP + 1e-9) + 1)
        )
    most = species("K+").mass - species("pi+").mass
    found = [number("mass m_X", mass, "a number in MeV") for mass in masses]
    for mass in found:
        if not 0.0 <= mass < most:
            raise ValueError(f"mass m_X = {mass:g} MeV: it must be 0 or more, and below m_K - m_pi = {most:.2f} MeV")
    if not found:
        raise ValueError(f"masses = []: a search may have 1 to {_MOST_POINTS} points, not 0")
    return tuple(sorted(set(found)))


def _lifetimes(lifetimes: Sequence[float] | None) -> tuple[float, ...]:
    """Lifetimes (ns); an X that is stable by default."""
    found = [math.inf] if lifetimes is None else [number("lifetime of X", tau, "a number in ns") for tau in lifetimes]
    for tau in found:
        if not tau >= 0.0:
            raise ValueError(f"lifetime of X = {tau:g} ns: it must be 0 or more; inf is stable")
    if not found:
        raise ValueError("lifetimes = []: give one or more, in ns")
    return tuple(sorted(set(found)))


def _data(data: str | None) -> tuple[str, ...]:
    """The geometries of some data sets, 2016 left out."""
    if data is None:
        return DATA
    if not isinstance(data, str):
        raise TypeError(f"data = {data!r}: it must be names of data sets joined by commas")
    words = [word.strip() for word in data.split(",")]
    words = [part for word in words for part in (DATA if word == _EVERYTHING else (word,))]
    rest = [word for word in words if word != _COUNTS_ALONE]
    if not rest:
        raise ValueError(f"data = '{data}': of 2016 there are counts alone, no geometry; allowed are {', '.join(DATA)}")
    found = data_sets(",".join(rest))
    for name in found:
        published_background(name)
    return found


def _last_vetoes(detectors: Sequence[Detector], last_veto_m: float | None) -> tuple[float, ...]:
    """Where the last veto stands (m): the front of the LKr unless another place is given; and 250 m to compare with."""
    start = max(d.pinunu.vertex_z_m[1] for d in detectors)
    first = detectors[0].lkr.z_m if last_veto_m is None else in_range("last veto", last_veto_m, f"({start:g}, 300]")
    return tuple(dict.fromkeys((first, BEHIND_THE_CALORIMETERS)))


def _read(path: Path, names: Sequence[str]) -> Mapping[str, Sequence[float]]:
    """Observed events of a file."""
    try:
        table = tomllib.loads(path.expanduser().read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also of tomllib and of the decoding
        raise ValueError(f"{path.name}: {' '.join(str(error).split())}") from None
    try:
        blocks: dict[str, Any] = {}
        for name, block in table.items():
            for key in block if isinstance(block, dict) else [""]:
                if key != "m2_miss_GeV2":
                    what = f"unknown key {name}.{key}" if key else f"'{name}' is no block"
                    raise ValueError(f"{what}; write [{names[0]}] and m2_miss_GeV2 = [0.0312, 0.0457]")
            blocks[name] = block.get("m2_miss_GeV2")
        return _observed(blocks, names)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def _observed(table: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Sequence[float]]:
    """Observed events by data set, checked: each of the search has its list, and there is no other."""
    for name in table:
        if name not in names:
            raise ValueError(f"observed events of '{name}': the search is in {', '.join(names)}")
    found = {}
    for name in names:
        values = table.get(name)
        if isinstance(values, str) or not isinstance(values, Sequence) or len(values) > _MOST_EVENTS:
            raise ValueError(f"observed events of {name}: give m2_miss_GeV2 = [...], [] without any, not {values!r}")
        found[name] = [in_range(f"m2_miss of {name} (GeV2)", x, "[-1, 1]") for x in values]
    return found
