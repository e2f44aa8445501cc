"""The blocks of a scenario file: what holds for the run, samples, limits, scans."""

from __future__ import annotations

import math
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = [
    "LABEL",
    "Axis",
    "Block",
    "ExclusionBlock",
    "Limits",
    "MeasurementBlock",
    "NormalisationBlock",
    "ProcessBlock",
    "RunBlock",
    "SampleBlock",
    "ScanBlock",
    "geometries_of",
]

LABEL = r"^[A-Za-z0-9][A-Za-z0-9_+.-]*$"
_MOST_POINTS = 100_000


def geometries_of(text: str) -> tuple[str, ...]:
    """The geometries that a block names: a path, or shipped names joined by + for data sets that are analysed together.

    Examples
    --------
    >>> geometries_of("run1-2018-s1+run1-2018-s2")
    ('run1-2018-s1', 'run1-2018-s2')
    """
    return (text,) if text.endswith(".toml") or "/" in text else tuple(text.split("+"))


class Block(BaseModel):
    """A table of the file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunBlock(Block):
    """What holds for the whole run: the branching ratio that yields are expected for."""

    branching_ratio: float = Field(8.4e-11, gt=0.0, lt=1.0)
    branching_ratio_sigma: float = Field(1.0e-11, ge=0.0, lt=1.0)
    branching_ratio_source: str = "Buras, Buttazzo, Girrbach-Noe, Knegjens, JHEP 11 (2015) 033"
    figures: bool = True


class ProcessBlock(Block):
    """A process in a geometry, seen through a selection.

    ``allow`` and ``stable`` belong to a decay written out: what its vertices may violate, and which short-lived
    particles it leaves undecayed on purpose (see `na62sim.Process`).
    """

    label: str = Field(pattern=LABEL, max_length=60)
    process: str
    geometry: str
    selection: str
    events: int = Field(ge=1, le=10**12)
    parameters: dict[str, str] = Field(default_factory=dict)
    allow: Annotated[tuple[Literal["lepton", "baryon"], ...], Field(strict=False)] = ()
    stable: Annotated[tuple[str, ...], Field(strict=False)] = ()
    decay_volume_m: Annotated[tuple[float, float] | None, Field(strict=False)] = None

    @field_validator("decay_volume_m")
    @classmethod
    def _increasing(cls, volume: tuple[float, float] | None) -> tuple[float, float] | None:
        if volume is not None and not volume[0] < volume[1]:
            raise ValueError("must be two increasing numbers")
        return volume


class SampleBlock(ProcessBlock):
    """One production: a process in a geometry, seen through a selection.

    With a ``branching_ratio`` and the kaons of `Limits`, or a `NormalisationBlock`, the sample has a yield; in the role
    ``search`` it has a limit as well. With a ``trigger`` it is counted behind that mask, and its yield is that of its own
    ``kaons``, in whose number the mask's efficiency is not.
    """

    role: Literal["signal", "normalisation", "figure", "count", "search"] = "count"
    photons: Literal["dice", "weight"] = "dice"
    as_weights: str = ""
    importance: bool = False
    intensity_MHz: float | None = Field(None, gt=0.0, lt=1e5)
    stored_events: int = Field(0, ge=0, le=10**9)
    branching_ratio: float | None = Field(None, gt=0.0, le=1.0)
    branching_ratio_source: str = ""
    trigger: str = ""
    kaons: float | None = Field(None, gt=0.0)
    kaons_source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.branching_ratio is not None and not self.branching_ratio_source:
            raise ValueError("a branching_ratio needs a branching_ratio_source")
        if self.kaons is not None and not (self.trigger and self.kaons_source):
            raise ValueError("the kaons of a sample need a trigger and a kaons_source")
        return self


class Limits(Block):
    """A counting experiment: what turns an acceptance into a limit on a branching ratio.

    ``kaons`` are the kaon decays in the volume; without them the scenario has a `NormalisationBlock`.
    """

    kaons: float | None = Field(None, gt=0.0)
    kaons_relative_sigma: float = Field(0.0, ge=0.0, le=0.5)
    background: float = Field(ge=0.0)
    background_sigma: float = Field(0.0, ge=0.0)
    observed: int = Field(ge=0)
    method: Literal["cls", "fc", "bayes"] = "cls"
    cl: float = Field(0.9, gt=0.0, lt=1.0)
    source: str = Field(min_length=1)


class NormalisationBlock(Block):
    """A counted channel that limits and expected events are normalised to, simulated with their triggers.

    ``counted`` events of branching ratio ``branching_ratio``; ``counted_range`` is what else the number may be.
    ``kaons`` is the published number of kaon decays, for a cross-check. Signal and normalisation are simulated in the same
    ``geometry`` (data sets joined by +) and decay volume, and taken by the same ``triggers``.
    """

    process: str
    selection: str
    geometry: str
    decay_volume_m: Annotated[tuple[float, float] | None, Field(strict=False)] = None
    events: int = Field(ge=1, le=10**12)
    triggers: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    counted: float = Field(gt=0.0)
    counted_sigma: float = Field(ge=0.0)
    counted_range: Annotated[tuple[float, float] | None, Field(strict=False)] = None
    branching_ratio: float = Field(gt=0.0, le=1.0)
    branching_ratio_sigma: float = Field(ge=0.0)
    kaons: float | None = Field(None, gt=0.0)
    kaons_sigma: float = Field(0.0, ge=0.0)
    tag: Literal["published", "known", "derived", "assumed"]
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("decay_volume_m", "counted_range"):
            ends = getattr(self, name)
            if ends is not None and not ends[0] < ends[1]:
                raise ValueError(f"{name} must be two increasing numbers")
        return self


class MeasurementBlock(Block):
    """Counted events of K+ -> pi+ nu nubar to fit a branching ratio to: names as of `branching-ratio`, or a file."""

    data: str = Field(min_length=1)
    bins: Literal["default", "one"] = "default"


class Axis(Block):
    """Values of a parameter: start, start + step, ... up to and with stop."""

    start: float = Field(ge=0.0)
    stop: float = Field(ge=0.0)
    step: float = Field(gt=0.0)
    unit: Literal["MeV", "GeV", "mm", "m", "ns"] = "MeV"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.stop < self.start:
            raise ValueError("stop must not be below start")
        if (self.stop - self.start) / self.step > _MOST_POINTS:
            raise ValueError(f"an axis may have {_MOST_POINTS} values at most")
        return self

    @property
    def values(self) -> list[float]:
        """The values, in the axis' unit."""
        n = math.floor((self.stop - self.start) / self.step + 1e-9) + 1
        return [round(self.start + k * self.step, 9) for k in range(n)]


class ScanBlock(ProcessBlock):
    """One sample per point of a grid of parameters; points whose decay is closed are left out.

    With a ``precision`` a point stops when its acceptance times trigger efficiency is known that well (relative statistical
    error), and ``events`` is the most that is made. ``lifetime`` names the parameter of what decays into tracks.
    """

    axes: dict[str, Axis] = Field(min_length=1, max_length=3)
    precision: float | None = Field(None, gt=0.0, lt=1.0)
    lifetime: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if math.prod(len(axis.values) for axis in self.axes.values()) > _MOST_POINTS:
            raise ValueError(f"a scan may have {_MOST_POINTS} points at most")
        return self

    @property
    def points(self) -> list[dict[str, str]]:
        """All points of the grid, as parameters with their units; the last axis runs fastest."""
        axes = [[(name, f"{value:g}{axis.unit}") for value in axis.values] for name, axis in self.axes.items()]
        return [dict(point) for point in product(*axes)]


class BackgroundBlock(Block):
    """The expected background of data sets: which rows, and the share of the events that each needs by itself."""

    geometries: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    rows: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = ("all",)
    share: float = Field(1.0, gt=0.0, le=10.0)


class ExclusionBlock(Block):
    """The masses and couplings of a dump model to exclude, from one sample per mass, production and channel."""

    model: str = "dark-photon"  # a name, or a file NAME.toml
    channels: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    production: str = ""  # one of the model's, its first by default, or all
    geometry: str
    events: int = Field(ge=1, le=10**9)
    masses_MeV: Annotated[tuple[float, ...], Field(strict=False, min_length=1)]
    eps_min: float = Field(gt=0.0, lt=1.0)
    eps_max: float = Field(gt=0.0, le=1.0)
    eps_points: int = Field(60, ge=3, le=10_000)
    protons: float | None = Field(None, gt=0.0, lt=1e25)
    parameters: dict[str, str] = Field(default_factory=dict)
    plane_masses_MeV: Annotated[
        tuple[float, ...], Field(strict=False)
    ] = ()  # of masses_MeV, for (c tau, product of BR)
    alp_masses_MeV: Annotated[tuple[float, ...], Field(strict=False)] = ()  # limits in (c tau, product of BR) for these

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.eps_min < self.eps_max:
            raise ValueError(f"eps_min = {self.eps_min:g} must be below eps_max = {self.eps_max:g}")
        if any(not 0.0 < mass < 1e6 for mass in (*self.masses_MeV, *self.alp_masses_MeV)):
            raise ValueError("masses_MeV and alp_masses_MeV must be above 0")
        for mass in self.plane_masses_MeV:
            if mass not in self.masses_MeV:
                raise ValueError(f"plane_masses_MeV = {mass:g}: it must be one of masses_MeV")
        return self
