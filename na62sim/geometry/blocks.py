"""Kinds of value a geometry may hold, and the blocks of beam, decay region and spectrometer.

The unit is part of the key. Values are plain floats and tuples; tags and sources are kept
apart (`Detector.quantity`). A key marked `context` describes the experiment, but no result depends on it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo

_LONGEST = 1000.0  # m: no beam line of the kind is longer


def _positive(value: float) -> float:
    if not value > 0:
        raise ValueError("must be above 0")
    return value


def _count(value: int) -> int:
    if not 1 <= value <= 10**9:
        raise ValueError("must lie in 1 to 1e9")
    return value


def _non_negative(value: float) -> float:
    if not value >= 0:
        raise ValueError("must not be negative (allowed: 0 and above)")
    return value


def _place(value: float) -> float:
    if not 0 <= value <= _LONGEST:
        raise ValueError(f"must lie in 0 (the target) to {_LONGEST:g} m")
    return value


def _probability(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("must lie in [0, 1]")
    return value


def increasing(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(high <= low for low, high in pairwise(values)):
        raise ValueError("must increase from number to number")
    return values


def _not_empty(values: tuple[float, ...]) -> tuple[float, ...]:
    if not values:
        raise ValueError("must not be empty")
    return values


context = FieldInfo(json_schema_extra={"context": True})
"""Marks a key, or a whole block, on which no result depends: it is at most drawn, or compared with its neighbours."""

Number = float
Positive = Annotated[float, AfterValidator(_positive)]
NonNegative = Annotated[float, AfterValidator(_non_negative)]
Probability = Annotated[float, AfterValidator(_probability)]
Count = Annotated[int, AfterValidator(_count)]
Place = Annotated[float, AfterValidator(_place)]
"""A z of a part of the experiment (m)."""
Length = Positive
Numbers = Annotated[tuple[Number, ...], AfterValidator(_not_empty)]
Lengths = Annotated[tuple[Length, ...], AfterValidator(_not_empty)]
Increasing = Annotated[tuple[Number, ...], AfterValidator(_not_empty), AfterValidator(increasing)]
Interval = Annotated[tuple[Number, Number], AfterValidator(increasing)]
PositiveInterval = Annotated[tuple[NonNegative, Positive], AfterValidator(increasing)]
Four = tuple[Number, Number, Number, Number]
FourIncreasing = Annotated[Four, AfterValidator(increasing)]
Places = Annotated[tuple[Place, ...], AfterValidator(_not_empty), AfterValidator(increasing)]
"""The z of parts that stand one behind the other (m)."""
FourPlaces = Annotated[tuple[Place, Place, Place, Place], AfterValidator(increasing)]
TwoPlaces = Annotated[tuple[Place, Place], AfterValidator(increasing)]
Probabilities = Annotated[tuple[Probability, ...], AfterValidator(_not_empty)]


class Block(BaseModel):
    """A block of a geometry file: unknown keys refused, values never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def is_context(item: FieldInfo) -> bool:
    """Whether a key of a block is marked `context`."""
    return item.json_schema_extra == context.json_schema_extra


def equal_lengths(block: Block, *keys: str) -> None:
    """Refuse arrays that should run side by side and do not."""
    lengths = {key: len(getattr(block, key)) for key in keys}
    if len(set(lengths.values())) > 1:
        raise ValueError("the lists must be equally long: " + ", ".join(f"{key} has {n}" for key, n in lengths.items()))


def ordered(block: Block, *keys: str) -> None:
    """Refuse keys whose values do not increase in the order given."""
    values = [(key, getattr(block, key)) for key in keys]
    for (low_key, low), (high_key, high) in pairwise(values):
        if not low < high:
            raise ValueError(f"{high_key} = {high} must be above {low_key} = {low}")


class Target(Block):
    z_m: Place
    length_mm: Length
    radius_mm: Length
    proton_momentum_GeV: Positive


class Beam(Block):
    momentum_GeV: Positive
    momentum_spread: Probability
    slope_x_mrad: Number
    slope_y_mrad: Number
    reference_z_m: Place
    sigma_x_mm: Length
    sigma_y_mm: Length
    half_width_x_mm: Length
    half_height_y_mm: Length
    divergence_mrad: Positive
    ktag_divergence_mrad: Annotated[Positive, context]
    mean_intensity_MHz: Positive
    nominal_intensity_MHz: Annotated[Positive, context]
    intensity_spread: NonNegative
    intensity_max_ratio: Positive
    spill_s: Annotated[Positive, context]
    effective_spill_s: Annotated[Positive, context]
    kaon_fraction: Annotated[Probability, context]
    pion_fraction: Annotated[Probability, context]
    proton_fraction: Annotated[Probability, context]
    muon_fraction: Annotated[Probability, context]


class DecayVolume(Block):
    z_min_m: Place
    z_max_m: Place

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "z_min_m", "z_max_m")
        return self


class Tube(Block):
    z_min_m: Annotated[Places, context]
    z_max_m: Places
    radius_m: Lengths

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "z_min_m", "z_max_m", "radius_m")
        for index, (low, high) in enumerate(zip(self.z_min_m, self.z_max_m, strict=True)):
            if high <= low or (index and low < self.z_max_m[index - 1]):
                raise ValueError(f"section {index} ({low} to {high} m) is empty or overlaps the one before")
        return self


class BeamPipe(Block):
    """Inner and outer radius of the beam pipe at NewCHOD, LKr, MUV3 and HASC."""

    newchod_radius_mm: PositiveInterval
    lkr_radius_mm: PositiveInterval
    muv3_radius_mm: PositiveInterval
    hasc_radius_mm: PositiveInterval


class BlueTubeField(Block):
    z_edges_m: Places
    b_x_uT: Numbers
    b_y_uT: Numbers

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "b_x_uT", "b_y_uT")
        if len(self.z_edges_m) != len(self.b_x_uT) + 1:
            raise ValueError(
                f"z_edges_m needs one number more than b_x_uT: {len(self.z_edges_m)} and {len(self.b_x_uT)}"
            )
        return self


class FringeField(Block):
    z_m: Places
    b_y_uT: Numbers
    z_outer_min_m: Place
    z_outer_max_m: Place

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "z_m", "b_y_uT")
        ordered(self, "z_outer_min_m", "z_outer_max_m")
        return self


class MNP33Field(Block):
    center_z_m: Place
    integral_Tm: Number
    sigma_m: Length
    map_z_min_m: Place
    map_z_max_m: Place

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "map_z_min_m", "center_z_m", "map_z_max_m")
        return self


class BoxField(Block):
    """A magnet whose field is constant over its length."""

    center_z_m: Place
    integral_Tm: Number
    length_m: Annotated[Length, context]


class Field(Block):
    blue_tube: BlueTubeField
    fringe: FringeField
    mnp33: MNP33Field
    trim5: Annotated[BoxField, context]
    bend: BoxField


class Material(Block):
    """One thin layer of material.

    `x_over_x0` sets the multiple scattering and may be an effective number, tuned to a resolution; photon conversion and
    bremsstrahlung then take `x_over_x0_real`. `interaction_fraction` is the share of pions that interact.
    """

    z_m: Place
    x_over_x0: NonNegative
    x_over_x0_real: NonNegative | None = None
    interaction_fraction: Probability


class Hadronic(Block):
    lost_fraction: Probability


class Chanti(Block):
    quiet_efficiency: Probability
    station_z_m: Places
    half_size_mm: Annotated[Length, context]
    hole_half_x_mm: Annotated[Length, context]
    hole_half_y_mm: Annotated[Length, context]
    position_resolution_mm: Annotated[Positive, context]
    time_resolution_ns: Annotated[Positive, context]


class Straw(Block):
    chamber_z_m: FourPlaces
    chamber_thickness_mm: Annotated[Length, context]
    hole_x_mm: Four
    hole_half_size_mm: Length
    radius_mm: Length
    active_half_length_mm: Length
    view_offset_mm: FourIncreasing
    layers_per_view: Annotated[Count, context]
    pitch_mm: Length
    layer_stagger_mm: Length
    straws_per_view: Literal[1, 2]
    straw_radius_mm: Length
    view_over_chamber: Positive
    atomic_number: Positive
    chamber_resolution_um: Positive
    view_efficiency: Probability
    quality_efficiency: Probability
    found_efficiency: Annotated[Probability, context]
    time_resolution_ns: Positive
    tail_fraction: Probability
    tail_scale: Positive
    published_momentum_constant: Positive
    published_momentum_slope_per_GeV: Positive
