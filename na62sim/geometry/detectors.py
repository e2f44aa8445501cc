"""Blocks of the detectors around the spectrometer: identification, calorimeters, counters, vetoes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from na62sim.geometry.blocks import (
    Block,
    Count,
    Increasing,
    Interval,
    Length,
    Lengths,
    NonNegative,
    Number,
    Place,
    Places,
    Positive,
    PositiveInterval,
    Probabilities,
    Probability,
    TwoPlaces,
    context,
    equal_lengths,
    ordered,
)


class Ktag(Block):
    z_min_m: Annotated[Place, context]
    z_max_m: Annotated[Place, context]
    efficiency: Probability
    n_sectors: Count
    min_sectors: Count
    pion_mistag: Annotated[Probability, context]
    time_resolution_ns: Positive

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "z_min_m", "z_max_m")
        if self.min_sectors > self.n_sectors:
            raise ValueError(f"min_sectors = {self.min_sectors} is above n_sectors = {self.n_sectors}")
        return self


class Rich(Block):
    front_z_m: Place
    back_z_m: Place
    mirror_z_m: Annotated[Place, context]
    radius_min_mm: Length
    radius_max_mm: Length
    hole_x_front_mm: Number
    hole_x_back_mm: Number
    focal_length_mm: Length
    electron_ring_radius_mm: Length
    electron_ring_hits: Positive
    hit_resolution_mm: Positive
    time_resolution_ns: Positive
    ring_efficiency: Probability
    min_hits: Count
    muon_misid_p_GeV: Increasing
    muon_misid: Probabilities
    electron_misid: Probability

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "muon_misid_p_GeV", "muon_misid")
        ordered(self, "front_z_m", "mirror_z_m", "back_z_m")
        ordered(self, "radius_min_mm", "radius_max_mm")
        return self


class PhotonInefficiency(Block):
    """Inefficiency in bins of photon energy; the last bin has no end.

    `energy_GeV` are the lower edges. With "step" the inefficiency is constant in a bin; with
    "log-linear" its logarithm is linear in energy from `inefficiency` to `inefficiency_end`.
    """

    energy_GeV: Increasing
    inefficiency: Probabilities
    interpolation: Literal["step", "log-linear"]
    inefficiency_end: Probabilities | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "energy_GeV", "inefficiency")
        if (self.inefficiency_end is None) != (self.interpolation == "step"):
            raise ValueError("inefficiency_end belongs to interpolation = 'log-linear', and only to it")
        if self.inefficiency_end is not None:
            equal_lengths(self, "inefficiency", "inefficiency_end")
            if min(*self.inefficiency, *self.inefficiency_end) <= 0:
                raise ValueError("with interpolation = 'log-linear' every inefficiency must be above 0")
        if self.energy_GeV[0] != 0:
            raise ValueError(f"energy_GeV must start at 0, not {self.energy_GeV[0]}")
        return self


class PhotonInefficiencies(Block):
    lkr: PhotonInefficiency
    lav: PhotonInefficiency
    irc_sac: PhotonInefficiency


class Segments(Block):
    """Rejection of other particles by segments of two STRAW chambers."""

    on_track_mm: Length
    view_window_mm: Length
    two_views_mm: tuple[Length, Length, Length, Length]
    slope_max_mrad: Positive
    momentum_GeV: Interval
    track_distance_mm: Length


class Multiplicity(Block):
    """Rejection of other charged particles by hits behind the spectrometer, away from the track.

    Times are half-widths about that of the kaon, but for MUV0: track minus hit, from and to.
    """

    newchod_window_ns: Positive
    newchod_distance_mm: Length
    chod_window_ns: Positive
    chod_slabs_max: Count
    pair_window_ns: Positive
    newchod_pair_mm: tuple[Length, Length]
    chod_lkr_mm: Length
    muv0_window_ns: Interval


class Newchod(Block):
    z_m: Place
    z_front_m: Annotated[Place, context]
    z_back_m: Annotated[Place, context]
    radius_min_mm: Length
    radius_max_mm: Length
    time_resolution_ns: Positive
    efficiency: Probability
    tile_x_mm: Length
    tile_y_mm: Length

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "z_front_m", "z_m", "z_back_m")
        ordered(self, "radius_min_mm", "radius_max_mm")
        return self


class Chod(Block):
    z_m: TwoPlaces
    radius_min_mm: Length
    radius_max_mm: Length
    slab_thickness_mm: Annotated[Length, context]
    time_resolution_ns: Positive
    efficiency: Probability

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "radius_min_mm", "radius_max_mm")
        return self


class Matching(Block):
    efficiency: Probability


class Satellite(Block):
    """Energy a showering pion puts into the LKr far from its track."""

    efficiency: Probability
    mean_energy_GeV: Positive


class Lkr(Block):
    z_m: Place
    cryostat_z_min_m: Annotated[Place, context]
    cryostat_z_max_m: Annotated[Place, context]
    radius_min_mm: Length
    hole_radius_mm: Length
    apothem_mm: Length
    active_apothem_mm: Length
    diagonal_mm: Length
    corner_a_x_mm: Length
    corner_a_y_mm: Length
    corner_b_x_mm: Length
    corner_b_y_mm: Length
    cell_mm: Annotated[Length, context]
    stochastic: NonNegative
    noise_GeV: NonNegative
    constant: NonNegative
    position_stochastic_mm: NonNegative
    position_constant_mm: NonNegative
    time_a_ns: Number
    time_b: Number
    time_c: Number
    efficiency: Probability
    photon_min_GeV: NonNegative
    photon_separation_mm: Annotated[Length, context]
    merge_distance_mm: Length
    track_distance_mm: Length
    mip_energy_GeV: Positive
    mip_width_GeV: Positive
    hadron_mip_fraction: Probability
    hadron_eop_mean: Probability
    hadron_eop_rms: Positive
    electron_eop_min: Positive
    pion_identification: Probability
    muon_misid: Probability
    electron_misid: Probability
    veto_min_GeV: NonNegative
    merged_distance_mm: PositiveInterval
    total_over_p_max: Positive
    merged_energy_GeV: NonNegative
    merged_window_ns: Positive
    satellite: Satellite

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "cryostat_z_min_m", "z_m", "cryostat_z_max_m")
        ordered(self, "hole_radius_mm", "apothem_mm", "diagonal_mm")
        ordered(self, "radius_min_mm", "apothem_mm", "active_apothem_mm")
        # A Beta distribution of this mean cannot be wider than that of two points at 0 and 1.
        if self.hadron_eop_rms**2 >= self.hadron_eop_mean * (1 - self.hadron_eop_mean):
            raise ValueError(f"hadron_eop_rms = {self.hadron_eop_rms} is too wide for its mean")
        return self


class Muv0(Block):
    z_m: Place
    center_x_mm: Number
    half_side_mm: Length
    efficiency: Probability
    time_resolution_ns: Positive


class Muv12(Block):
    z_m: TwoPlaces
    radius_min_mm: Annotated[Length, context]
    half_side_mm: Length
    stochastic: NonNegative
    noise_GeV: NonNegative
    constant: NonNegative
    muv1_share: Probability
    mip_energy_GeV: Positive
    extra_max_GeV: NonNegative


class IronWall(Block):
    z_min_m: Place
    z_max_m: Place
    half_side_mm: Length
    radius_min_mm: Length

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "z_min_m", "z_max_m")
        return self


class Muv3(Block):
    z_m: Place
    thickness_mm: Annotated[Length, context]
    radius_min_mm: Length
    half_side_mm: Length
    tile_mm: Length
    inner_tile_mm: Annotated[Length, context]
    time_resolution_ns: Positive
    efficiency: Probability
    turn_on_GeV: PositiveInterval
    matched_turn_on_GeV: PositiveInterval
    pion_quiet_efficiency: Probability
    rate_MHz: Annotated[NonNegative, context]


class Lav(Block):
    """Ring stations: a particle that is between the two radii anywhere in the depth of the lead glass crosses it."""

    z_front_m: Places
    z_back_m: Places
    radius_in_mm: Lengths
    radius_out_mm: Lengths
    time_resolution_ns: Positive
    charged_inefficiency: Probability

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "z_front_m", "z_back_m", "radius_in_mm", "radius_out_mm")
        stations = zip(self.z_front_m, self.z_back_m, self.radius_in_mm, self.radius_out_mm, strict=True)
        for number, (front, back, inner, outer) in enumerate(stations, start=1):
            if back <= front:
                raise ValueError(f"station {number}: z_back_m = {back} must be above z_front_m = {front}")
            if outer <= inner:
                raise ValueError(f"station {number}: radius_out_mm = {outer} must be above radius_in_mm = {inner}")
            if number < len(self.z_front_m) and self.z_front_m[number] <= back:
                raise ValueError(
                    f"stations {number} and {number + 1} overlap: z_back_m = {back} m, "
                    f"z_front_m = {self.z_front_m[number]} m"
                )
        return self


class Irc(Block):
    z_m: Place
    radius_min_mm: Length
    radius_max_mm: Length
    hole_x_mm: Number
    time_resolution_ns: Positive
    charged_inefficiency: Probability

    @model_validator(mode="after")
    def _check(self) -> Self:
        ordered(self, "radius_min_mm", "radius_max_mm")
        return self


class Sac(Block):
    z_m: Place
    half_side_mm: Length
    rotation_mrad: Annotated[Number, context]
    time_resolution_ns: Positive


class Hasc(Block):
    """Square modules in a grid that starts at `x_min_mm` and is centred in y."""

    z_m: Place
    length_m: Annotated[Length, context]
    x_min_mm: Number
    module_mm: Length
    columns: Count
    rows: Count
    efficiency: Probability
    time_resolution_ns: Positive


class Anti0(Block):
    z_m: Place
    radius_mm: Length
    efficiency: Probability
    time_resolution_ns: Positive
