"""The planes a charged particle meets from the first STRAW chamber on, as arrays for the transport."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hepunits import m, mm

from na62sim.field import FieldMap, field_map, plane_segments
from na62sim.generators.sampling import inverse_cdf
from na62sim.geometry import Detector
from na62sim.particles import species

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Measuring planes, in order of z. STRAW chambers 1-4 come first.
STRAW1, STRAW2, STRAW3, STRAW4, RICH_FRONT, RICH_BACK, NEWCHOD, CHOD, LKR, MUV1, MUV2, MUV3, HASC = range(13)
N_SLOTS = 13
NONE = -1
NORMALS = 20  # two per scatterer


class Planes(NamedTuple):
    """Everything the transport kernels need (mm, MeV)."""

    z: FloatArray  # (n,) increasing; plane 0 is STRAW 1
    slot: IntArray  # measuring plane, or NONE
    scatterer: IntArray  # number of the scatterer here, or NONE
    theta0: FloatArray  # Highland angle times p beta (MeV)
    lost: FloatArray  # cumulative probability that a pi+ is lost up to and with this plane
    annulus_in: FloatArray  # a lead-glass station here absorbs between these radii (0, 0: none)
    annulus_out: FloatArray
    station: IntArray  # its number 9-12, or 0
    tube: FloatArray  # radius of the tube up to this plane; inf outside
    kick: FloatArray  # thin kick at this plane, MeV/c for a unit charge
    segments: FloatArray  # (n, 7) field moments from the plane before
    lav_z: FloatArray  # stations 1-8, front
    lav_in: FloatArray
    lav_out: FloatArray
    tube_z: FloatArray  # ends of the tube segments before STRAW 1
    tube_radius: FloatArray


class Flight(NamedTuple):
    """What decays in flight need (MeV, mm)."""

    michel: FloatArray  # quantiles of x = E_e / E_max of muon decay
    pion_mass: float
    muon_mass: float
    electron_mass: float
    pion_ctau: float
    muon_ctau: float


def highland(x_over_x0: float) -> float:
    """Scattering angle per plane times p beta, in MeV (Highland; PDG review, eq. 34.16)."""
    return 13.6 * float(np.sqrt(x_over_x0)) * (1.0 + 0.038 * float(np.log(x_over_x0)))


def build_planes(detector: Detector, field: FieldMap | None = None) -> Planes:
    """Lay out the planes of a detector along z."""
    field = field or field_map(detector)
    straw, lav = detector.straw, detector.lav
    rows: list[tuple[float, int, str, int]] = []  # z in m, slot, material, lead-glass station
    for k, z in enumerate(straw.chamber_z_m):
        rows.append((z, STRAW1 + k, f"straw{k + 1}", 0))
    rows += [
        (detector.rich.front_z_m, RICH_FRONT, "", 0),
        (detector.rich.back_z_m, RICH_BACK, "", 0),
        (detector.newchod.z_m, NEWCHOD, "newchod", 0),
        (0.5 * sum(detector.chod.z_m), CHOD, "chod", 0),
        (detector.lkr.z_m, LKR, "", 0),
        (detector.muv12.z_m[0], MUV1, "", 0),
        (detector.muv12.z_m[1], MUV2, "", 0),
        (detector.muv3.z_m, MUV3, "", 0),
        (detector.field.bend.center_z_m, NONE, "", -1),
        (detector.hasc.z_m, HASC, "", 0),
    ]
    placed = {row[2] for row in rows}
    rows += [(block.z_m, NONE, name, 0) for name, block in detector.material.items() if name not in placed]
    first = next(k for k, z in enumerate(lav.z_front_m) if z > straw.chamber_z_m[0])
    rows += [(lav.z_front_m[k], NONE, "", k + 1) for k in range(first, len(lav.z_front_m))]
    rows.sort()
    n = len(rows)
    z = np.array([row[0] for row in rows]) * m
    scatterer, theta0, loss = np.full(n, NONE), np.zeros(n), np.zeros(n)
    for k, (_, _, name, _) in enumerate(rows):
        if name:
            block = detector.material[name]
            scatterer[k] = scatterer.max() + 1
            theta0[k] = highland(block.x_over_x0)
            loss[k] = block.interaction_fraction * detector.hadronic.lost_fraction
    station = np.array([max(row[3], 0) for row in rows])
    kick = np.array([-299.792458 * detector.field.bend.integral_Tm if row[3] < 0 else 0.0 for row in rows])
    inner = np.array([lav.radius_in_mm[s - 1] if s else 0.0 for s in station]) * mm
    outer = np.array([lav.radius_out_mm[s - 1] if s else 0.0 for s in station]) * mm
    return Planes(
        z=z,
        slot=np.array([row[1] for row in rows]),
        scatterer=scatterer,
        theta0=theta0,
        lost=1.0 - np.cumprod(1.0 - loss),
        annulus_in=inner,
        annulus_out=outer,
        station=station,
        tube=_tube_radius(detector, z),
        kick=kick,
        segments=plane_segments(field, z),
        lav_z=np.array(lav.z_front_m[:first]) * m,
        lav_in=np.array(lav.radius_in_mm[:first]) * mm,
        lav_out=np.array(lav.radius_out_mm[:first]) * mm,
        tube_z=np.array([e for e in detector.tube.z_max_m if e < straw.chamber_z_m[0]]) * m,
        tube_radius=np.array(detector.tube.radius_m) * m,
    )


def build_flight() -> Flight:
    """Masses, decay lengths and the Michel spectrum, for decays in flight."""
    pion, muon = species("pi+"), species("mu+")
    return Flight(
        michel=inverse_cdf(lambda x: x * x * (6.0 - 4.0 * x), 0.0, 1.0),
        pion_mass=pion.mass,
        muon_mass=muon.mass,
        electron_mass=species("e+").mass,
        pion_ctau=299.792458 * pion.lifetime,
        muon_ctau=299.792458 * muon.lifetime,
    )


def _tube_radius(detector: Detector, z: FloatArray) -> FloatArray:
    """Radius (mm) of the tube that ends at or after each z; infinite beyond the tube."""
    ends = np.array(detector.tube.z_max_m) * m
    radii = np.array([*detector.tube.radius_m, np.inf]) * m
    return np.asarray(radii[np.searchsorted(ends, z)])


