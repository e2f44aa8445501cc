"""The planes a charged particle meets from the first STRAW chamber on, as arrays for the transport."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from hepunits import m, mm, mrad

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.constants import KICK_PER_TM, LIGHT
from na62sim.core.kernel import formula
from na62sim.core.matter import (
    Radiation,
    conversion_depth,
    cumulative,
    highland,
    photons_per_electron,
    radiation_spectra,
    single_scattering,
)
from na62sim.core.particles import species
from na62sim.core.sampling import inverse_cdf
from na62sim.geometry import Detector
from na62sim.geometry.field import field_map, plane_segments
from na62sim.geometry.straw import points_of_a_pair

# Measuring planes, in order of z. STRAW chambers 1-4 come first.
STRAW1, STRAW2, STRAW3, STRAW4, RICH_FRONT, RICH_BACK, NEWCHOD, CHOD, LKR, MUV1, MUV2, MUV3, HASC = range(13)
N_SLOTS = 13
NONE = -1
NORMALS = 20  # two per scatterer, at most ten of them


class Planes(NamedTuple):
    """Everything the transport kernels need (mm, MeV)."""

    z: FloatArray  # (n,) increasing; plane 0 is STRAW 1
    slot: IntArray  # measuring plane, or NONE
    scatterer: IntArray  # number of the scatterer here, or NONE
    theta0: FloatArray  # Highland angle times p beta (MeV)
    lost: FloatArray  # cumulative probability that a pi+ is lost up to and with this plane
    radiated: FloatArray  # the same for the first photon of an electron; behind STRAW 4 nothing is added
    converted: FloatArray  # the same for the conversion of a photon
    annulus_in: FloatArray  # that station absorbs between these radii
    annulus_out: FloatArray
    station: IntArray  # a lead-glass station 9-12 between the plane before and this one, or 0
    station_z: FloatArray
    tube: FloatArray  # radius of the tube up to this plane; inf outside
    segments: FloatArray  # (n, 7) field moments from the plane before
    lav_z: FloatArray  # stations 1-8, front
    lav_in: FloatArray
    lav_out: FloatArray
    tube_z: FloatArray  # ends of the tube segments before STRAW 1
    tube_radius: FloatArray
    hole_x: FloatArray  # (4,) centre of the hole of a STRAW chamber
    half_gap: float  # of the hole
    half_length: float  # of a straw
    near_hole: FloatArray  # (4,) from its centre, where two views make a point of a chamber
    pair_points: (
        FloatArray  # (2,) probability that a pair has a point in the chamber it begins in: elsewhere, near the hole
    )
    hasc_kick: float  # of the BEND dipole, MeV/c for a unit charge
    hasc_lever: float  # from BEND to the HASC
    single: FloatArray  # (4,) probability of a single scattering by a large angle in a STRAW chamber
    smallest: FloatArray  # (4,) such an angle times p beta (MeV)
    forced: bool  # whether that tail is made more often, with weights
    beam_slope: float  # dx/dz
    share_lost: float = 0.0  # of draws in which a pion does not come to the LKr, see `survival`; 0: as often as it does


ALL_BITS = -1


class Flight(NamedTuple):
    """What decays in flight and radiation need (MeV, mm).

    Attributes
    ----------
    where, how : bits of an event's number that decide where its particles decay, and how: events with the same share them
    """

    michel: FloatArray  # quantiles of x = E_e / E_max of muon decay
    pion_mass: float
    muon_mass: float
    electron_mass: float
    kaon_mass: float
    pion_ctau: float
    muon_ctau: float
    kaon_ctau: float
    radiation: Radiation
    where: int = ALL_BITS
    how: int = ALL_BITS


@formula
def stopped(x0: float, y0: float, z0: float, x1: float, y1: float, z1: float, planes: Planes) -> int:
    """Station 1-8 that absorbs a straight path from z0 to STRAW 1, -1 for the tube's wall, 0 for neither."""
    if x1 * x1 + y1 * y1 < planes.lav_in[0] ** 2 and x0 * x0 + y0 * y0 < planes.lav_in[0] ** 2:
        return 0
    sx, sy = (x1 - x0) / (z1 - z0), (y1 - y0) / (z1 - z0)
    wall = 0
    for k in range(planes.lav_z.size):
        z = planes.lav_z[k]
        while wall < planes.tube_z.size and planes.tube_z[wall] < z:
            if planes.tube_z[wall] > z0:
                x, y = x0 + sx * (planes.tube_z[wall] - z0), y0 + sy * (planes.tube_z[wall] - z0)
                if x * x + y * y > planes.tube_radius[wall] ** 2:
                    return -1
            wall += 1
        if z > z0:
            x, y = x0 + sx * (z - z0), y0 + sy * (z - z0)
            r2 = x * x + y * y
            if planes.lav_in[k] ** 2 < r2 < planes.lav_out[k] ** 2:
                return k + 1
    for j in range(wall, planes.tube_z.size):
        if planes.tube_z[j] > z0:
            x, y = x0 + sx * (planes.tube_z[j] - z0), y0 + sy * (planes.tube_z[j] - z0)
            if x * x + y * y > planes.tube_radius[j] ** 2:
                return -1
    return 0


Row = tuple[float, int]  # a plane: z (m) and measuring plane, or NONE


class Matter(NamedTuple):
    """What a particle meets at one plane."""

    x_over_x0: float  # that scatters
    survival: float  # probability that a pi+ is not lost to a hadronic interaction
    radiator: float  # radiation lengths that electrons and photons meet


class Stations(NamedTuple):
    """Lead-glass stations between the planes, see `Planes`."""

    number: IntArray
    z: FloatArray
    inner: FloatArray
    outer: FloatArray


def _measuring_rows(detector: Detector) -> list[Row]:
    """The measuring planes."""
    return [
        *((z, STRAW1 + k) for k, z in enumerate(detector.straw.chamber_z_m)),
        (detector.rich.front_z_m, RICH_FRONT),
        (detector.rich.back_z_m, RICH_BACK),
        (detector.newchod.z_m, NEWCHOD),
        (0.5 * sum(detector.chod.z_m), CHOD),
        (detector.lkr.z_m, LKR),
        (detector.muv12.z_m[0], MUV1),
        (detector.muv12.z_m[1], MUV2),
        (detector.muv3.z_m, MUV3),
        (detector.hasc.z_m, HASC),
    ]


def _matter_by_plane(detector: Detector, rows: list[Row]) -> dict[float, Matter]:
    """Matter by z (m): within a metre of a measuring plane it acts there, elsewhere at a plane of its own.

    Electrons radiate, and photons convert, in the STRAW chambers alone. Behind them there is no field, so that
    an electron and what it radiates (or what a photon converts to) meet the LKr in one place.
    """
    matter: dict[float, Matter] = {}
    for block in detector.material.values():
        nearest = min((z for z, _ in rows), key=lambda z: abs(z - block.z_m))
        at = nearest if abs(nearest - block.z_m) < 1.0 else block.z_m
        before = matter.get(at, Matter(0.0, 1.0, 0.0))
        loss = block.interaction_fraction * detector.hadronic.lost_fraction
        radiator = 0.0
        if at in detector.straw.chamber_z_m:
            radiator = block.x_over_x0 if block.x_over_x0_real is None else block.x_over_x0_real
        matter[at] = Matter(
            before.x_over_x0 + block.x_over_x0, before.survival * (1.0 - loss), before.radiator + radiator
        )
    return matter


def _stations(detector: Detector, z: FloatArray, first: int) -> Stations:
    """Lead-glass stations from number ``first`` (from 0) on: each stands before the next of the planes z (mm)."""
    lav, n = detector.lav, len(z)
    stations = Stations(np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n), np.zeros(n))
    for k in range(first, len(lav.z_front_m)):
        row = int(np.searchsorted(z, lav.z_front_m[k] * m))
        stations.number[row], stations.z[row] = k + 1, lav.z_front_m[k] * m
        stations.inner[row], stations.outer[row] = lav.radius_in_mm[k] * mm, lav.radius_out_mm[k] * mm
    return stations


@lru_cache(maxsize=8)
def build_planes(detector: Detector, forced: bool = False) -> Planes:
    """Lay out the planes of a detector along z; ``forced``: kinematic tails are made, with weights."""
    straw, lav = detector.straw, detector.lav
    rows = _measuring_rows(detector)
    matter = _matter_by_plane(detector, rows)
    rows = sorted(rows + [(z, NONE) for z in matter if z not in {at for at, _ in rows}])
    z = np.array([at for at, _ in rows]) * m
    layers = [matter.get(at, Matter(0.0, 1.0, 0.0)) for at, _ in rows]
    scatters = np.array([at in matter for at, _ in rows])
    first = next(k for k, front in enumerate(lav.z_front_m) if front > straw.chamber_z_m[0])
    stations = _stations(detector, z, first)
    chambers = [matter.get(at, Matter(0.0, 1.0, 0.0)).radiator for at in straw.chamber_z_m]
    single = np.array([single_scattering(thickness, straw.atomic_number) for thickness in chambers])
    return Planes(
        z=z,
        slot=np.array([slot for _, slot in rows]),
        scatterer=np.where(scatters, np.cumsum(scatters) - 1, NONE),
        theta0=np.array([highland(layer.x_over_x0) if layer.x_over_x0 else 0.0 for layer in layers]),
        lost=np.asarray(1.0 - np.cumprod([layer.survival for layer in layers])),
        radiated=cumulative([photons_per_electron(layer.radiator) for layer in layers]),
        converted=cumulative([conversion_depth(layer.radiator) for layer in layers]),
        annulus_in=stations.inner,
        annulus_out=stations.outer,
        station=stations.number,
        station_z=stations.z,
        tube=_tube_radius(detector, z),
        segments=plane_segments(field_map(detector), z),
        lav_z=np.array(lav.z_front_m[:first]) * m,
        lav_in=np.array(lav.radius_in_mm[:first]) * mm,
        lav_out=np.array(lav.radius_out_mm[:first]) * mm,
        tube_z=np.array([e for e in detector.tube.z_max_m if e < straw.chamber_z_m[0]]) * m,
        tube_radius=np.array(detector.tube.radius_m) * m,
        hole_x=np.array(straw.hole_x_mm) * mm,
        half_gap=straw.hole_half_size_mm * mm,
        half_length=straw.active_half_length_mm * mm,
        near_hole=np.array(detector.segments.two_views_mm) * mm,
        pair_points=np.array([points_of_a_pair(detector, 3), points_of_a_pair(detector, 2)]),
        hasc_kick=-KICK_PER_TM * detector.field.bend.integral_Tm,
        hasc_lever=(detector.hasc.z_m - detector.field.bend.center_z_m) * m,
        single=single[:, 0].copy(),
        smallest=single[:, 1].copy(),
        forced=forced,
        beam_slope=detector.beam.slope_x_mrad * mrad,
    )


def lost_behind_straws(planes: Planes) -> tuple[Planes, float]:
    """The planes without hadronic interactions in the chambers, and the probability that a track survives these."""
    last = int(np.flatnonzero(planes.slot == STRAW4)[0])
    survival = 1.0 - float(planes.lost[last])
    lost = np.maximum(0.0, 1.0 - (1.0 - planes.lost) / survival)
    lost[: last + 1] = 0.0
    return planes._replace(lost=lost), survival


@lru_cache(maxsize=1)
def build_flight() -> Flight:
    """Masses, decay lengths and spectra, for decays in flight and radiation."""
    pion, muon, kaon = species("pi+"), species("mu+"), species("K+")
    return Flight(
        michel=inverse_cdf(lambda x: x * x * (6.0 - 4.0 * x), 0.0, 1.0),
        pion_mass=pion.mass,
        muon_mass=muon.mass,
        electron_mass=species("e+").mass,
        kaon_mass=kaon.mass,
        pion_ctau=LIGHT * pion.lifetime,
        muon_ctau=LIGHT * muon.lifetime,
        kaon_ctau=LIGHT * kaon.lifetime,
        radiation=radiation_spectra(),
    )


def _tube_radius(detector: Detector, z: FloatArray) -> FloatArray:
    """Radius (mm) of the tube that ends at or after each z; infinite beyond the tube."""
    ends = np.array(detector.tube.z_max_m) * m
    radii = np.array([*detector.tube.radius_m, np.inf]) * m
    return np.asarray(radii[np.searchsorted(ends, z)])
