"""Blocks of the beam tracker: its response, and the association of a beam track to a pion."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from na62sim.geometry.blocks import (
    Block,
    Count,
    Interval,
    Length,
    NonNegative,
    Number,
    Place,
    Places,
    Positive,
    Probability,
    context,
)

Two = tuple[Number, Number]
TwoWeights = tuple[NonNegative, NonNegative]
TwoPositive = tuple[Positive, Positive]


class Association(Block):
    """K-pi association by the times of KTAG, GTK and RICH and the closest approach of the tracks.

    A density is a sum of two Gaussians exp(-x^2 / 2 sigma^2) with the ``weights`` and ``sigma`` given; that of the closest
    approach of a true pair has an exponential and a straight line beside them. The norm of a density is of no account.
    """

    window_ns: Positive
    chi2_max: Positive
    momentum_GeV: TwoPositive
    slope_x_mrad: tuple[Number, Positive]
    slope_y_mrad: tuple[Number, Positive]
    cda_range_mm: Length
    time_range_ns: Positive
    cda_weights: TwoWeights
    cda_sigma_mm: TwoPositive
    cda_exponential: Number
    cda_slope_per_mm: Positive
    cda_line: Two
    pileup_cda_weights: TwoWeights
    pileup_cda_sigma_mm: TwoPositive
    ktag_weights: TwoWeights
    ktag_sigma_ns: TwoPositive
    rich_weights: TwoWeights
    rich_sigma_ns: TwoPositive
    discriminant_min: Probability
    discriminant_floor: Probability
    candidates_max: Count
    ambiguous_candidates: Count
    ambiguous_ratio: Positive
    accepted_momentum_GeV: Interval
    accepted_slope_x_mrad: Interval
    accepted_slope_y_mrad: Interval


class Gtk(Block):
    """Response of the GTK to the kaon and to the other particles of the beam."""

    z_m: Annotated[Place, context]
    station_z_m: Annotated[Places, context]
    half_size_x_mm: Annotated[Length, context]
    half_size_y_mm: Annotated[Length, context]
    x_over_x0: NonNegative
    atomic_number: Positive
    momentum_resolution_GeV: NonNegative
    angle_resolution_urad: NonNegative
    position_resolution_mm: NonNegative
    time_resolution_ns: Positive
    time_tail_fraction: Probability
    time_tail_scale: Positive
    pileup_window_ns: Positive
    missing_probability: Probability
    quality_efficiency: Probability
    association: Association

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.pileup_window_ns <= self.association.window_ns:
            raise ValueError(
                f"pileup_window_ns = {self.pileup_window_ns} must be above association.window_ns = "
                f"{self.association.window_ns}, by several times the KTAG resolution"
            )
        return self
