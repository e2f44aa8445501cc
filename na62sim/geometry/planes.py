"""Planes must follow one another along the beam: checks between blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from na62sim.geometry.layout import Layout

__all__ = ["check_planes"]

Plane = tuple[str, float, float]
"""Path of the key, first and last z in m (equal for a thin plane)."""


def check_planes(detector: Layout) -> Iterator[tuple[str, str]]:
    """Find planes that overlap or stand in the wrong order: yields the key and what is wrong with it."""
    line = _beam_line(detector)
    lav = detector.lav
    stations = [
        (f"lav.z_front_m[{index}]", front, back)
        for index, (front, back) in enumerate(zip(lav.z_front_m, lav.z_back_m, strict=True))
    ]
    for before, after in pairwise(line):
        if after[1] <= before[2]:
            where = f"starts at {after[1]:g} m, upstream of the end of {before[0]} at {before[2]:g} m"
            yield _key(after), where
    for station in stations:
        for plane in line:
            if station[1] <= plane[2] and plane[1] <= station[2]:
                yield (
                    _key(station),
                    f"station at {station[1]:g} to {station[2]:g} m overlaps {plane[0]} at {plane[1]:g} m",
                )
    yield from _inside(detector)


def _beam_line(detector: Layout) -> list[Plane]:
    """All planes but the LAV stations, in the order they must have."""
    half = 0.5e-3 * detector.straw.chamber_thickness_mm
    bend, hasc = detector.field.bend, detector.hasc
    planes: list[Plane] = [_thin("target.z_m", detector.target.z_m)]
    planes.append(("ktag.z_min_m", detector.ktag.z_min_m, detector.ktag.z_max_m))
    planes += [_thin(f"gtk.station_z_m[{i}]", z) for i, z in enumerate(detector.gtk.station_z_m)]
    planes += [_thin(f"chanti.station_z_m[{i}]", z) for i, z in enumerate(detector.chanti.station_z_m)]
    if detector.anti0 is not None:
        planes.append(_thin("anti0.z_m", detector.anti0.z_m))
    planes += [(f"straw.chamber_z_m[{i}]", z - half, z + half) for i, z in enumerate(detector.straw.chamber_z_m)]
    planes.append(("rich.front_z_m", detector.rich.front_z_m, detector.rich.back_z_m))
    planes.append(("newchod.z_front_m", detector.newchod.z_front_m, detector.newchod.z_back_m))
    planes += [_thin(f"chod.z_m[{i}]", z) for i, z in enumerate(detector.chod.z_m)]
    planes.append(_thin("irc.z_m", detector.irc.z_m))
    planes.append(("lkr.cryostat_z_min_m", detector.lkr.cryostat_z_min_m, detector.lkr.cryostat_z_max_m))
    planes += [_thin(f"muv12.z_m[{i}]", z) for i, z in enumerate(detector.muv12.z_m)]
    planes.append(("iron_wall.z_min_m", detector.iron_wall.z_min_m, detector.iron_wall.z_max_m))
    planes.append(("muv3.z_m", detector.muv3.z_m, detector.muv3.z_m + 1e-3 * detector.muv3.thickness_mm))
    planes.append(("field.bend.center_z_m", bend.center_z_m - bend.length_m / 2, bend.center_z_m + bend.length_m / 2))
    planes.append(("hasc.z_m", hasc.z_m - hasc.length_m / 2, hasc.z_m + hasc.length_m / 2))
    planes.append(_thin("sac.z_m", detector.sac.z_m))
    return planes


def _inside(detector: Layout) -> Iterator[tuple[str, str]]:
    """Decay volume, magnet and straw material, each against the chambers or GTK3."""
    chambers = detector.straw.chamber_z_m
    volume, magnet = detector.decay_volume, detector.field.mnp33
    if volume.z_min_m < detector.gtk.z_m:
        yield "decay_volume.z_min_m", f"{volume.z_min_m:g} m is upstream of gtk.z_m = {detector.gtk.z_m:g} m"
    if volume.z_max_m > chambers[0]:
        yield "decay_volume.z_max_m", f"{volume.z_max_m:g} m is beyond straw.chamber_z_m[0] = {chambers[0]:g} m"
    if not chambers[1] < magnet.center_z_m < chambers[2]:
        where = f"must lie between straw chambers 2 and 3 ({chambers[1]:g} to {chambers[2]:g} m)"
        yield "field.mnp33.center_z_m", f"{magnet.center_z_m:g} m {where}"
    thickness = 1e-3 * detector.straw.chamber_thickness_mm
    for index, z in enumerate(chambers, start=1):
        name = f"straw{index}"
        if name not in detector.material:
            yield f"material.{name}", "is missing"
        elif abs(detector.material[name].z_m - z) > thickness:
            layer = detector.material[name].z_m
            yield f"material.{name}.z_m", f"{layer:g} m is not at straw.chamber_z_m[{index - 1}] = {z:g} m"


def _thin(path: str, z: float) -> Plane:
    return (path, z, z)


def _key(plane: Plane) -> str:
    """The key without the index of an array, under which its file is known."""
    return plane[0].partition("[")[0]
