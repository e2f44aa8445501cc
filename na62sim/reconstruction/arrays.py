"""Numbers of the reconstruction for the kernels."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, mm, mrad

from na62sim.core.particles import species
from na62sim.geometry import Detector


class RecoArrays(NamedTuple):
    """Numbers of the reconstruction (mm, MeV, ns)."""

    z_gtk: float
    z1: float
    chambers: npt.NDArray[np.float64]
    holes: npt.NDArray[np.float64]
    z4: float
    beam_p: float
    beam_slope: float
    collimator: float
    rich_front: float
    rich_back: float
    focal: float
    angle2: float
    newchod: float
    tile_x: float
    tile_y: float
    newchod_distance: float  # beyond it a hit is not the track's
    newchod_window: float
    chod: float
    chod_window: float
    pair_window: float  # of coincidences of other particles
    pair_x: float  # distances of NewCHOD and CHOD or LKr
    pair_y: float
    chod_lkr: float
    muv0: float
    muv0_low: float
    muv0_high: float
    lkr: float
    track_distance: float
    photon_min: float
    veto_min: float
    merged_low: float
    merged_energy: float
    surplus: float  # share of the track's momentum that another particle on its cluster may have
    merged_window: float
    time_a: float
    time_b: float
    time_c: float
    window_low: float
    window_energy: npt.NDArray[np.float64]
    window_sigma: npt.NDArray[np.float64]
    muv3: float
    muv3_tile: float
    muv3_window: float
    lav_z: npt.NDArray[np.float64]
    lav_window: float
    irc: float
    sac: float
    irc_sac_window: float
    hasc: float
    pion: float
    muon: float
    kaon: float


@lru_cache(maxsize=8)
def reco_arrays(detector: Detector) -> RecoArrays:
    """Reconstruction numbers of a detector."""
    d, veto = detector, detector.veto
    return RecoArrays(
        z_gtk=d.beam.reference_z_m * m,
        z1=d.straw.chamber_z_m[0] * m,
        chambers=np.array(d.straw.chamber_z_m) * m,
        holes=np.array(d.straw.hole_x_mm) * mm,
        z4=d.straw.chamber_z_m[3] * m,
        beam_p=d.beam.momentum_GeV * GeV,
        beam_slope=d.beam.slope_x_mrad * mrad,
        collimator=d.upstream.plane_z_m * m,
        rich_front=d.rich.front_z_m * m,
        rich_back=d.rich.back_z_m * m,
        focal=d.rich.focal_length_mm * mm,
        angle2=(d.rich.electron_ring_radius_mm / d.rich.focal_length_mm) ** 2,
        newchod=d.newchod.z_m * m,
        tile_x=d.newchod.tile_x_mm * mm,
        tile_y=d.newchod.tile_y_mm * mm,
        newchod_distance=d.multiplicity.newchod_distance_mm * mm,
        newchod_window=d.multiplicity.newchod_window_ns,
        chod=0.5 * sum(d.chod.z_m) * m,
        chod_window=d.multiplicity.chod_window_ns,
        pair_window=d.multiplicity.pair_window_ns,
        pair_x=d.multiplicity.newchod_pair_mm[0] * mm,
        pair_y=d.multiplicity.newchod_pair_mm[1] * mm,
        chod_lkr=d.multiplicity.chod_lkr_mm * mm,
        muv0=d.muv0.z_m * m,
        muv0_low=d.multiplicity.muv0_window_ns[0],
        muv0_high=d.multiplicity.muv0_window_ns[1],
        lkr=d.lkr.z_m * m,
        track_distance=d.lkr.track_distance_mm * mm,
        photon_min=d.lkr.photon_min_GeV * GeV,
        veto_min=d.lkr.veto_min_GeV * GeV,
        merged_low=d.lkr.merged_distance_mm[0] * mm,
        merged_energy=d.lkr.merged_energy_GeV * GeV,
        surplus=d.lkr.total_over_p_max - 1.0,
        merged_window=d.lkr.merged_window_ns,
        time_a=d.lkr.time_a_ns,
        time_b=d.lkr.time_b,
        time_c=d.lkr.time_c,
        window_low=veto.lkr_window_low_ns,
        window_energy=np.array(veto.lkr_window_energy_GeV) * GeV,
        window_sigma=np.array(veto.lkr_window_sigma),
        muv3=d.muv3.z_m * m,
        muv3_tile=d.muv3.tile_mm * mm,
        muv3_window=veto.muv3_window_ns,
        lav_z=np.array(d.lav.z_front_m) * m,
        lav_window=veto.lav_window_ns,
        irc=d.irc.z_m * m,
        sac=d.sac.z_m * m,
        irc_sac_window=veto.irc_sac_window_ns,
        hasc=d.hasc.z_m * m,
        pion=species("pi+").mass,
        muon=species("mu+").mass,
        kaon=species("K+").mass,
    )
