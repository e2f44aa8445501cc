"""Blocks of the beam dump: the protons on the TAX, what is counted behind it, and the windows of its selections."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from na62sim.geometry.blocks import (
    Block,
    Increasing,
    Interval,
    Length,
    Lengths,
    NonNegative,
    Number,
    Place,
    Positive,
    PositiveInterval,
    Probability,
    equal_lengths,
)

__all__ = ["Cascade", "Dilepton", "Dump", "MesonScale"]


def _switch(value: int) -> int:
    if value not in (0, 1):
        raise ValueError("must be 0 or 1")
    return value


class MesonScale(Block):
    """Ratio of the measured to the simulated number of each meson."""

    pi0: NonNegative
    eta: NonNegative
    etap: NonNegative
    omega: NonNegative


class Cascade(Block):
    """Second collision of the leading nucleon of the first one, for processes that switch it on.

    `nucleons` is their number per proton, `proton_fraction` the share of protons among them.
    """

    nucleons: NonNegative
    proton_fraction: Probability
    mean_pt_GeV: Positive


class Dump(Block):
    """Protons on the dump, and their number.

    The protons run parallel to z through (`x_mm`, `y_mm`), with Gaussian spot and divergence, and interact at an
    exponential depth behind the front face.
    """

    face_z_m: Place
    x_mm: Number
    y_mm: Number
    sigma_x_mm: NonNegative
    sigma_y_mm: NonNegative
    divergence_x_mrad: NonNegative
    divergence_y_mrad: NonNegative
    interaction_length_m: Positive
    length_m: Positive
    proton_momentum_GeV: Positive
    protons: Positive
    mesons: MesonScale
    cascade: Cascade


class Dilepton(Block):
    """Windows of a selection of two charged particles behind the dump, its background and what was observed.

    The signal region in (z, distance) of closest approach to the proton line is a box, or an ellipse about
    (middle of `signal_z_m`, 0) through the ends of `signal_z_m` and `signal_cda_mm`. Pairs nearer than `lkr_separation_mm`
    at the LKr are refused, none if it is 0. The mass resolution is for estimates without reconstruction: full samples
    bring their own.
    """

    momentum_min_GeV: Positive
    energy_over_momentum: PositiveInterval
    muv3: Annotated[int, AfterValidator(_switch)]
    vertex_z_m: Interval
    vertex_chi2_max: Positive
    time_window_ns: Positive
    lkr_separation_mm: NonNegative = 0.0  # samples of earlier versions do not have it
    signal_shape: Literal["box", "ellipse"]
    signal_z_m: Interval
    signal_cda_mm: Length
    control_z_m: Interval
    control_cda_mm: Length
    background: NonNegative
    background_mass_MeV: PositiveInterval
    observed_mass_MeV: tuple[Positive, ...]  # may be empty
    mass_window_sigma: Positive
    resolution_mass_MeV: Increasing
    resolution_MeV: Lengths

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "resolution_mass_MeV", "resolution_MeV")
        inside = self.control_z_m[0] <= self.signal_z_m[0] and self.signal_z_m[1] <= self.control_z_m[1]
        if not inside or self.signal_cda_mm > self.control_cda_mm:
            raise ValueError("the signal region must lie inside the control region")
        return self
