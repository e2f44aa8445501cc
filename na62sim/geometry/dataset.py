"""Blocks that change from data set to data set: trigger, vetoes, selection windows, exposure."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from na62sim.core.suggest import did_you_mean
from na62sim.geometry.blocks import (
    Block,
    Count,
    Increasing,
    Interval,
    Length,
    NonNegative,
    Number,
    Numbers,
    Place,
    Positive,
    PositiveInterval,
    Probability,
    context,
    equal_lengths,
    increasing,
)

__all__ = [
    "L0_CONDITIONS",
    "L1_CONDITIONS",
    "DataSet",
    "Pi4e",
    "PiNuNu",
    "RandomVeto",
    "ThreeTracks",
    "Trigger",
    "Upstream",
    "Vertices",
    "Veto",
]

_MOST_BINS = 1000  # of momentum: each has its cut-flow

L0_CONDITIONS = (
    "RICH", "Q1", "Q2", "QX", "UTMC", "MUV3", "M1", "MO1", "MO2", "MOQX",
    "LKr10", "LKr20", "LKr30", "LKr40", "LAV12", "CHOD", "H2",
)  # fmt: skip
"""L0 building blocks a mask may name; ! in front of one makes it a veto."""

L1_CONDITIONS = ("KTAG", "LAV", "IRCSAC", "STRAW1T", "STRAWNEG", "STRAW3T", "STRAWDV")
"""L1 algorithms: STRAW1T one track as for pi nu nu, STRAWNEG a negative track, STRAW3T three tracks,
STRAWDV an opposite-charge pair displaced from the beam."""


def _conditions(names: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name.removeprefix("!") not in known:
            raise ValueError(f"names the unknown condition {name!r}{did_you_mean(name, known)}")
    return names


def _l0(names: tuple[str, ...]) -> tuple[str, ...]:
    return _conditions(names, L0_CONDITIONS)


def _l1(names: tuple[str, ...]) -> tuple[str, ...]:
    return _conditions(names, L1_CONDITIONS)


class Mask(Block):
    """One trigger stream: an event must meet all conditions of `l0` and `l1`; one in `downscaling` is kept."""

    l0: Annotated[tuple[str, ...], AfterValidator(_l0)]
    l1: Annotated[tuple[str, ...], AfterValidator(_l1)]
    downscaling: Count


class Trigger(Block):
    rich_min_hits: Count
    utmc_max_tiles: Count
    lkr_thresholds_GeV: Increasing
    ktag_min_sectors: Count
    ktag_window_ns: Annotated[Positive, context]
    lav_min_hits: Count
    lav_stations: tuple[Count, Count]
    lav_window_ns: Annotated[Positive, context]
    irc_sac_min_hits: Annotated[Count, context]
    irc_sac_window_ns: Annotated[Positive, context]
    straw_window_ns: Annotated[Positive, context]
    momentum_max_GeV: Positive
    straw_one_track_momentum_max_GeV: Annotated[Positive, context]
    cda_max_mm: Length
    vertex_z_max_m: Number
    pair_cda_mm: Annotated[Length, context]
    displaced_loose_mm: Length
    displaced_tight_mm: Annotated[Length, context]
    multi_track_min: Annotated[Count, context]
    masks: dict[str, Mask]


class Veto(Block):
    """Time windows (half-widths) of the photon and muon vetoes.

    LKr: `lkr_window_low_ns` below the first energy of `lkr_window_energy_GeV`, then from each
    energy on `lkr_window_sigma` times the cluster-time resolution.
    """

    lkr_window_low_ns: Positive
    lkr_window_energy_GeV: Increasing
    lkr_window_sigma: tuple[Positive, ...]
    lkr_bunch_ns: Annotated[Positive, context]
    lkr_bunch_window_ns: Annotated[Positive, context]
    lkr_bunch_energy_GeV: Annotated[NonNegative, context]
    lav_window_ns: Positive
    irc_sac_window_ns: Positive
    muv3_window_ns: Positive

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "lkr_window_energy_GeV", "lkr_window_sigma")
        return self


class RandomVeto(Block):
    """Share of events that the accidental activity in each detector leaves, at one beam intensity."""

    intensity_MHz: Positive
    lav: Probability
    lkr: Probability
    irc_sac: Probability
    multiplicity: Probability


class Upstream(Block):
    """The cut against kaon decays and interactions upstream of the decay volume.

    "box": the track at the plane must lie outside |x| < half_x and |y| < half_y.
    "multivariate": a flat `efficiency`. Of the background that it leaves, data give `reference_events`, selected but for a
    closest approach above 4 mm, and `cda_factor`, how many are below for one above.
    """

    method: Literal["box", "multivariate"]
    plane_z_m: Place
    half_x_mm: Length
    half_y_mm: Length
    efficiency: Probability
    reference_events: Positive | None = None
    cda_factor: Probability | None = None


class Guard(Block):
    """Window of a second missing mass in momentum ranges: the edges between them, and both ends in each (GeV^2)."""

    p_edges_GeV: Annotated[tuple[Number, ...], AfterValidator(increasing)] = ()
    low_GeV2: Numbers
    high_GeV2: Numbers

    @model_validator(mode="after")
    def _check(self) -> Self:
        equal_lengths(self, "low_GeV2", "high_GeV2")
        if len(self.low_GeV2) != len(self.p_edges_GeV) + 1:
            raise ValueError(
                f"low_GeV2 needs one number more than p_edges_GeV: {len(self.low_GeV2)} and {len(self.p_edges_GeV)}"
            )
        for low, high in zip(self.low_GeV2, self.high_GeV2, strict=True):
            if not low < high:
                raise ValueError(f"high_GeV2 = {high} must be above low_GeV2 = {low}")
        return self


class PiNuNu(Block):
    """Windows of the K+ -> pi+ nu nubar selection; squared missing masses in GeV^2.

    Resolution of the squared missing mass of accepted K+ -> pi+ X: `m2_resolution_GeV2` at mass 0 and `m2_resolution_slope`
    times m_X^2 beside it; the window of K+ -> pi+ X has `window_sigmas` of it to both sides.
    """

    r1_p_GeV: PositiveInterval
    r2_p_GeV: PositiveInterval
    r2_alternative_p_GeV: PositiveInterval | None = None
    normalisation_p_GeV: PositiveInterval
    momentum_bin_GeV: Positive
    vertex_z_m: Interval
    cda_mm: Length
    rich_mass_MeV: PositiveInterval
    r1_GeV2: Interval
    r2_GeV2: Interval
    normalisation_GeV2: Interval
    control_2pi_low_GeV2: Interval
    control_2pi_high_GeV2: Interval
    control_3pi_GeV2: Interval
    rich_guard_r1: Guard
    rich_guard_r2: Guard
    beam_guard_r1: Guard
    beam_guard_r2: Guard
    window_sigmas: Positive
    m2_resolution_GeV2: Positive
    m2_resolution_slope: Number

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("r1_p_GeV", "r2_p_GeV", "r2_alternative_p_GeV", "normalisation_p_GeV"):
            low, high = getattr(self, name) or (0.0, 0.0)
            if high - low > _MOST_BINS * self.momentum_bin_GeV:
                raise ValueError(
                    f"{name} = [{low:g}, {high:g}] has more than {_MOST_BINS} bins of momentum_bin_GeV = "
                    f"{self.momentum_bin_GeV:g}"
                )
        return self


class Vertices(Block):
    """Choices of the multi-track reconstruction.

    Tracks with a fit chi2 above `track_chi2_max` make no vertex. Of several combinations that with the smallest vertex
    chi2 is kept; for three and five tracks, (total minus beam momentum) / `momentum_scale_GeV` squared is added to it.
    """

    track_chi2_max: Positive
    momentum_scale_GeV: Positive


class Pi4e(Block):
    """Windows of the selections of K+ -> pi+ e+ e- e+ e-.

    Resolution of m_ee: `m_ee_resolution_MeV` and `m_ee_resolution_relative` times m_ee in quadrature. Signal events with
    m_4e above `window_m_4e_min_MeV` are counted apart; below `m_ee_min_MeV` no pair is accepted.
    """

    vertex_z_m: Interval
    vertex_chi2_max: Positive
    track_momentum_min_GeV: NonNegative
    pair_distance_mm: NonNegative
    total_momentum_GeV: Positive
    pt_max_MeV: Positive
    mass_window_MeV: Positive
    pi0_window_MeV: Interval
    window_m_4e_min_MeV: Positive | None = None
    m_ee_min_MeV: NonNegative = 0.0
    lkr_tracks: Positive
    window_sigmas: Positive
    m_ee_resolution_MeV: Positive
    m_ee_resolution_relative: NonNegative


class ThreeTracks(Block):
    """Windows of the selections of three tracks in all detectors behind the spectrometer.

    `electron_eop` is the range of E/p of an electron; that of a pion or muon is below `hadron_eop_max`.
    K+ -> pi+ e+ e- is selected above `m_ee_min_MeV`, away from the Dalitz decays of the pi0.
    """

    vertex_z_m: Interval
    vertex_chi2_max: Positive
    pair_distance_mm: NonNegative
    lkr_distance_mm: NonNegative
    total_momentum_GeV: Positive
    pt_max_MeV: Positive
    electron_eop: PositiveInterval
    hadron_eop_max: Positive
    mass_window_MeV: Positive
    m_ee_min_MeV: NonNegative


class DataSet(Block):
    """Factors of a yield beside the acceptance: kaon decays, trigger efficiency, events left by the random veto.

    `normalisation_events` is the number of K+ -> pi+ pi0 events counted behind the trigger whose downscaling is given.
    """

    kaons: Positive
    trigger_efficiency: Probability
    random_veto: Probability
    random_veto_I0_MHz: Annotated[Positive, context]
    normalisation_downscaling: Count
    normalisation_events: Positive | None = None
