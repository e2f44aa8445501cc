"""Which events of the beam dump are accepted: by geometry alone (`Geometric`, efficiency 1), the fast mode.

The full chain with its selection is `dump_chain.Reconstructed`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, mm

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.detector.transport.crossings import Crossings, transport_charged
from na62sim.detector.transport.planes import CHOD, LKR, MUV3, NEWCHOD, STRAW1, STRAW4, build_flight, build_planes
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.geometry import Detector
from na62sim.geometry.field import field_map
from na62sim.study.dump.channels import windows


@dataclass(frozen=True)
class Accepted:
    """Events of a chunk that are accepted.

    Attributes
    ----------
    truth : all events of the chunk; rows : indices of those accepted
    weight : factor on the weight of each (inefficiencies that are carried)
    mass : reconstructed, MeV; None without reconstruction
    columns : what was reconstructed of each, for figures; flow : the cut-flow, if there is one
    """

    truth: Truth
    rows: IntArray
    weight: FloatArray
    mass: FloatArray | None = None
    columns: dict[str, FloatArray] = field(default_factory=dict)
    flow: Any = None


class Chain(Protocol):
    """Makes any range of events of a process and says which are accepted."""

    generator: Generator

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        ...

    def keep(self, part: Accepted) -> None:
        """See every chunk once, in order."""
        ...


class Geometric:
    """Acceptance by geometry and momentum: both leptons through all chambers and planes, everything else perfect.

    Parameters
    ----------
    process : into two leptons
    detector : with a dump
    seed : 0 to 2**64 - 1
    """

    def __init__(self, process: Process, detector: Detector, seed: int = 1) -> None:
        self.seed, self.detector = seed, detector
        volume = detector.decay_volume
        self.generator = Generator(process, detector, (volume.z_min_m * m, volume.z_max_m * m))
        self.field = field_map(detector)
        self.planes, self.flight = build_planes(detector), build_flight()
        self.channel = "mumu" if self.generator.chain.particles[1].mass > 50.0 else "ee"

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        truth = self.generator.generate(self.seed, first, n)
        crossings = transport_charged(self.seed, truth, self.planes, self.flight, self.field)
        good = crossings.event[self.tracks(truth, crossings)]
        rows = np.flatnonzero(np.bincount(good, minlength=n) == 2)
        return Accepted(truth, rows, np.ones(rows.size))

    def keep(self, part: Accepted) -> None:
        """Nothing to add up."""

    def tracks(self, truth: Truth, c: Crossings) -> npt.NDArray[np.bool_]:
        """Tracks above the lowest momentum inside the chambers (two views outside the hole), NewCHOD, CHOD and LKr, and for
        muons MUV3."""
        d = self.detector
        last = MUV3 if self.channel == "mumu" else LKR
        momentum = truth.p[c.slot, 3, c.event]
        ok = (c.first == 0) & (c.last > last) & (momentum > windows(d, self.channel).momentum_min_GeV * GeV)
        ok &= np.abs(c.pdg[2]) == (13 if self.channel == "mumu" else 11)
        x, y = np.nan_to_num(c.x, nan=1e9), np.nan_to_num(c.y, nan=1e9)
        r2 = x * x + y * y
        half, root = d.straw.hole_half_size_mm * mm, math.sqrt(0.5)
        for chamber, hole in zip(range(STRAW1, STRAW4 + 1), d.straw.hole_x_mm, strict=True):
            dx, dy = x[chamber] - hole * mm, y[chamber]
            u, v = root * (dx - dy), root * (dx + dy)
            straight, turned = np.maximum(np.abs(dx), np.abs(dy)), np.maximum(np.abs(u), np.abs(v))
            ok &= (r2[chamber] < (d.straw.radius_mm * mm) ** 2) & (straight > half) & (turned > half)
        for place, block in ((NEWCHOD, d.newchod), (CHOD, d.chod)):
            ok &= (r2[place] > (block.radius_min_mm * mm) ** 2) & (r2[place] < (block.radius_max_mm * mm) ** 2)
        lkr, ax, ay = d.lkr, np.abs(x[LKR]), np.abs(y[LKR])
        ok &= (r2[LKR] > (lkr.radius_min_mm * mm) ** 2) & (np.maximum(ax, ay) < lkr.apothem_mm * mm)
        ok &= ax + ay < lkr.diagonal_mm * mm
        ok &= ~((ax > lkr.corner_a_x_mm) & (ay > lkr.corner_a_y_mm)) & ~(
            (ay > lkr.corner_b_y_mm) & (ax > lkr.corner_b_x_mm)
        )
        if self.channel == "mumu":
            inside = np.maximum(np.abs(x[MUV3]), np.abs(y[MUV3])) < d.muv3.half_side_mm * mm
            ok &= inside & (r2[MUV3] > (d.muv3.radius_min_mm * mm) ** 2)
        return ok
