"""The detector from the side, drawn from its geometry: z in m along the beam, x or y in m across."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.geometry import Detector
from na62sim.report.figures.style import GREY

Z_RANGE, SIDE = (100.5, 263.5), 1.55  # m: what is drawn
# Depths that the geometry does not hold (m), from the layers: 24 x (26.8 + 9) mm, 22 x (25 + 4.3) mm, 70 x 3 mm.
_MUV1, _MUV2, _SHASHLIK = 0.86, 0.65, 0.21
_THIN = 0.30  # m: thin detectors are drawn this long
TRACKER, PARTICLE_ID, VETO, CALORIMETER, MUON, MAGNET = "#56B4E9", "#F6DFA4", "#CC79A7", "#9BCB9B", "#B8A48A", "#D9D9D9"


class Outline:
    """Draws pieces of the detector into one projection and remembers where the labels belong."""

    def __init__(self, ax: Any, detector: Detector, axis: str) -> None:
        self.ax, self.d, self.axis = ax, detector, axis
        self.labels: list[tuple[float, str]] = []

    def block(self, z: tuple[float, float], low: float, high: float, colour: str, **style: Any) -> None:
        """A filled rectangle between two z and two transverse positions (m); thin ones are widened."""
        from matplotlib.patches import Rectangle

        a, b = z
        if b - a < _THIN:
            a, b = 0.5 * (a + b - _THIN), 0.5 * (a + b + _THIN)
        look: dict[str, Any] = {"facecolor": colour, "edgecolor": "#555555", "linewidth": 0.7, "zorder": 2} | style
        self.ax.add_artist(
            Rectangle((a, low), b - a, high - low, **look)
        )  # the limits are given: it need not look for them

    def ring(
        self, z: tuple[float, float], inner: float, outer: float, colour: str, centre: float = 0.0, **style: Any
    ) -> None:
        """A ring cut by the plane: one rectangle above and one below the hole, which is centred at ``centre``."""
        self.block(z, centre + inner, outer, colour, **style)
        self.block(z, -outer, centre - inner, colour, **style)

    def name(self, z: float, text: str) -> None:
        """Remember a label."""
        self.labels.append((z, text))

    def draw(self) -> None:
        """Everything."""
        self._decay_region()
        self._spectrometer()
        self._identification()
        self._calorimeters()
        self._far_end()
        self.ax.axhline(0.0, color=GREY, lw=0.6, ls=(0, (8, 4)), zorder=1)

    def _decay_region(self) -> None:
        d, x = self.d, self.axis == "x"
        self.block((d.gtk.z_m, d.gtk.z_m), *_both(d.gtk.half_size_x_mm if x else d.gtk.half_size_y_mm), TRACKER)
        self.name(d.gtk.z_m, "GTK3")
        hole = d.chanti.hole_half_x_mm if x else d.chanti.hole_half_y_mm
        for z in d.chanti.station_z_m:
            self.ring((z, z), hole / 1e3, d.chanti.half_size_mm / 1e3, VETO, linewidth=0.3)
        self.name(float(np.mean(d.chanti.station_z_m)), "CHANTI")
        if d.anti0 is not None:
            self.ring((d.anti0.z_m, d.anti0.z_m), 0.1, d.anti0.radius_mm / 1e3, VETO)
            self.name(d.anti0.z_m, "ANTI-0")
        for low, high, radius in zip(d.tube.z_min_m, d.tube.z_max_m, d.tube.radius_m, strict=True):
            self.block((low, high), -radius, radius, "#F4F8FB", edgecolor="none", zorder=0)
            for side in (-radius, radius):
                self.ax.plot((low, high), (side, side), color="#333333", lw=1.2, zorder=1)
        lav = d.lav
        for k, (front, back) in enumerate(zip(lav.z_front_m, lav.z_back_m, strict=True)):
            self.ring((front, back), lav.radius_in_mm[k] / 1e3, lav.radius_out_mm[k] / 1e3, VETO)
            self.name(0.5 * (front + back), f"LAV{k + 1}")

    def _spectrometer(self) -> None:
        d, magnet = self.d, self.d.field.mnp33
        width = 1.25 * magnet.sigma_m
        z = (magnet.center_z_m - width, magnet.center_z_m + width)
        self.block(z, -SIDE, SIDE, MAGNET, hatch="///", edgecolor="#AAAAAA", zorder=1)
        self.name(magnet.center_z_m, "MNP33")
        half, hole, radius = (
            0.5e-3 * d.straw.chamber_thickness_mm,
            d.straw.hole_half_size_mm / 1e3,
            d.straw.radius_mm / 1e3,
        )
        for k, (z0, x) in enumerate(zip(d.straw.chamber_z_m, d.straw.hole_x_mm, strict=True)):
            self.ring((z0 - half, z0 + half), hole, radius, TRACKER, centre=x / 1e3 if self.axis == "x" else 0.0)
            self.name(z0, f"STRAW{k + 1}")

    def _identification(self) -> None:
        d, rich = self.d, self.d.rich
        z = (rich.front_z_m, rich.back_z_m)
        self.ring(z, 0.09, rich.radius_max_mm / 1e3, PARTICLE_ID, alpha=0.6)
        self.ring((rich.mirror_z_m, rich.mirror_z_m), 0.09, rich.radius_max_mm / 1e3, "#8C6D1F", linewidth=0.3)
        self.name(0.5 * sum(z), "RICH")
        shift = (rich.hole_x_front_mm / 1e3, rich.hole_x_back_mm / 1e3) if self.axis == "x" else (0.0, 0.0)
        pipe = d.beam_pipe.newchod_radius_mm[1] / 1e3
        for side in (-pipe, pipe):  # the beam pipe through the RICH, and on to the muon detectors
            line = (shift[0] + side, shift[1] + side, side)
            self.ax.plot((*z, d.muv3.z_m), line, color="#333333", lw=0.8, zorder=3)
        new, chod = d.newchod, d.chod
        self.ring((new.z_front_m, new.z_back_m), new.radius_min_mm / 1e3, new.radius_max_mm / 1e3, "#E69F00")
        self.ring((chod.z_m[0], chod.z_m[1]), chod.radius_min_mm / 1e3, chod.radius_max_mm / 1e3, "#E69F00")
        self.name(new.z_m, "NewCHOD")
        self.name(float(np.mean(chod.z_m)), "CHOD")

    def _calorimeters(self) -> None:
        d = self.d
        irc, lkr = d.irc, d.lkr
        hole = irc.hole_x_mm / 1e3 if self.axis == "x" else 0.0
        depth = (irc.z_m, irc.z_m + _SHASHLIK)
        self.ring(depth, irc.radius_min_mm / 1e3, irc.radius_max_mm / 1e3, VETO, centre=hole, zorder=4)
        self.name(irc.z_m, "IRC")
        z = (lkr.cryostat_z_min_m, lkr.cryostat_z_max_m)
        self.ring(z, lkr.hole_radius_mm / 1e3, lkr.apothem_mm / 1e3, CALORIMETER)
        self.name(0.5 * sum(z), "LKr")
        for k, (front, depth_m) in enumerate(zip(d.muv12.z_m, (_MUV1, _MUV2), strict=True)):
            self.ring((front, front + depth_m), d.muv12.radius_min_mm / 1e3, d.muv12.half_side_mm / 1e3, MUON)
            self.name(front + 0.5 * depth_m, f"MUV{k + 1}")
        wall, muv3 = d.iron_wall, d.muv3
        self.ring((wall.z_min_m, wall.z_max_m), wall.radius_min_mm / 1e3, wall.half_side_mm / 1e3, "#808080")
        self.name(0.5 * (wall.z_min_m + wall.z_max_m), "iron")
        z = (muv3.z_m, muv3.z_m + muv3.thickness_mm / 1e3)
        self.ring(z, muv3.radius_min_mm / 1e3, muv3.half_side_mm / 1e3, "#8A6D4B")
        self.name(muv3.z_m, "MUV3")

    def _far_end(self) -> None:
        d, bend, hasc = self.d, self.d.field.bend, self.d.hasc
        z = (bend.center_z_m - 0.5 * bend.length_m, bend.center_z_m + 0.5 * bend.length_m)
        self.block(z, -0.5, 0.5, MAGNET, hatch="///", edgecolor="#AAAAAA", zorder=1)
        self.name(bend.center_z_m, "BEND")
        module = hasc.module_mm / 1e3
        low, high = hasc.x_min_mm / 1e3, hasc.x_min_mm / 1e3 + hasc.columns * module
        if self.axis == "y":
            low, high = -0.5 * hasc.rows * module, 0.5 * hasc.rows * module
        self.block((hasc.z_m - 0.5 * hasc.length_m, hasc.z_m + 0.5 * hasc.length_m), low, high, VETO)
        self.name(hasc.z_m, "HASC")
        self.block((d.sac.z_m, d.sac.z_m + _SHASHLIK), *_both(d.sac.half_side_mm), VETO)
        self.name(d.sac.z_m, "SAC")

    def write_names(self) -> None:
        """Names above the axes, spread so that they do not touch, each with a line to its detector."""
        gap = 2.75  # m between names
        names = sorted(self.labels)
        z = np.array([item[0] for item in names])
        place = z.copy()
        for _ in range(400):  # push neighbours apart until there is room
            push = np.maximum(gap - np.diff(place), 0.0) * 0.5
            if push.max(initial=0.0) < 1e-3:
                break
            place[:-1] -= push
            place[1:] += push
        line = {"arrowstyle": "-", "lw": 0.6, "color": GREY, "shrinkA": 1, "shrinkB": 0, "relpos": (0.5, 0.0)}
        for (anchor, text), at in zip(names, place, strict=True):
            self.ax.annotate(
                text, (anchor, SIDE), (at, SIDE + 0.36), rotation=90, ha="center", va="bottom", fontsize=10.5,
                annotation_clip=False, arrowprops=line,
            )  # fmt: skip


def _both(half_mm: float) -> tuple[float, float]:
    return -half_mm / 1e3, half_mm / 1e3


def stops(detector: Detector, kind: str) -> Any:
    """Where a particle ends, as a function of arrays z, x, y (m): True from there on.

    Parameters
    ----------
    kind : "hadron", "electron", "photon", "muon" or "neutrino"
    """
    d = detector
    depth = {"hadron": d.muv12.z_m[0], "electron": d.lkr.z_m + 0.3, "photon": d.lkr.z_m + 0.3, "muon": d.muv3.z_m + 0.8}

    def stopped(z: FloatArray, x: FloatArray, y: FloatArray) -> npt.NDArray[np.bool_]:
        if kind == "neutrino":
            return np.asarray(z > Z_RANGE[1])
        r = np.hypot(x, y)
        out = (np.maximum(np.abs(x), np.abs(y)) > SIDE) | (z > Z_RANGE[1])
        for low, high, radius in zip(d.tube.z_min_m, d.tube.z_max_m, d.tube.radius_m, strict=True):
            out |= (z > low) & (z < high) & (r > radius)
        lav = d.lav
        for k, (front, back) in enumerate(zip(lav.z_front_m, lav.z_back_m, strict=True)):
            middle = 0.5 * (front + back)  # drawn into the blocks
            out |= (z > middle) & (z < back) & (r > lav.radius_in_mm[k] / 1e3) & (r < lav.radius_out_mm[k] / 1e3)
        at_end = (z > depth[kind]) & (z < depth[kind] + 0.5)  # what is in the beam pipe there goes on
        out |= at_end & (r > d.lkr.hole_radius_mm / 1e3)
        sac = np.maximum(np.abs(x), np.abs(y)) < d.sac.half_side_mm / 1e3
        out |= (z > d.sac.z_m + 0.1) & (sac | (kind == "photon"))
        if kind == "photon":
            inner = np.hypot(x - d.irc.hole_x_mm / 1e3, y) > d.irc.radius_min_mm / 1e3
            out |= (z > d.irc.z_m + 0.1) & inner & (r < d.irc.radius_max_mm / 1e3)
        return np.asarray(out)

    return stopped
