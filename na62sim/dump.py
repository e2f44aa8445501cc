"""The beam dump end to end: one sample per mass, and the region that it excludes.

A sample is made once per mass, production and channel; it serves every coupling, number of protons and background.
Events are accepted by their geometry alone (`Geometric`: efficiency 1, the fast mode).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, mm

from na62sim.dark_photon import branching_ratio, ctau
from na62sim.detector.planes import CHOD, LKR, MUV3, NEWCHOD, STRAW1, STRAW4, build_flight, build_planes
from na62sim.detector.transport import Crossings, transport_charged
from na62sim.field import field_map
from na62sim.generators.generate import Generator, Truth
from na62sim.generators.process import Process, did_you_mean, find_process
from na62sim.geometry import Detector
from na62sim.geometry.dump import Dilepton, Dump
from na62sim.pipeline import CHUNK, check_events, default_threads, in_order
from na62sim.statistics.exclusion import Channel, Counting, Exclusion, exclusion
from na62sim.statistics.reweighting import MassSample

__all__ = ["PRODUCTIONS", "Geometric", "counting", "dark_photon_samples", "exclude", "mass_sample", "windows"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SELECTIONS = {"mumu": "dimuon", "ee": "dielectron"}
PRODUCTIONS = {"brems": ("aprime-brems",), "meson": ("aprime-meson",), "all": ("aprime-brems", "aprime-meson")}


def dump_of(detector: Detector) -> Dump:
    """The dump of a detector.

    Raises
    ------
    ValueError : a geometry without one
    """
    if detector.dump is None:
        raise ValueError(f"the geometry {detector.name} has no dump; dump-2021 has one")
    return detector.dump


def windows(detector: Detector, channel: str) -> Dilepton:
    """Windows, background and observation of a channel, ``mumu`` or ``ee``.

    Raises
    ------
    ValueError : unknown channel, or a geometry without it
    """
    if channel not in SELECTIONS:
        raise ValueError(f"channel '{channel}' is unknown{did_you_mean(channel, SELECTIONS)}")
    block: Dilepton | None = getattr(detector, SELECTIONS[channel])
    if block is None:
        raise ValueError(f"the geometry {detector.name} has no block [{SELECTIONS[channel]}]; dump-2021 has one")
    return block


def counting(detector: Detector, channel: str) -> Counting:
    """Background and observed events of a channel, with the uncertainty that the geometry gives."""
    block = windows(detector, channel)
    return Counting(
        background=block.background,
        background_error=detector.quantity(f"{SELECTIONS[channel]}.background").standard_deviation or 0.0,
        mass_range=block.background_mass_MeV,
        observed=block.observed_mass_MeV,
        window=block.mass_window_sigma,
    )


@dataclass(frozen=True)
class Accepted:
    """Events of a chunk that are accepted.

    Attributes
    ----------
    truth : all events of the chunk; rows : indices of those accepted
    weight : factor on the weight of each (inefficiencies that are carried)
    mass : reconstructed, MeV; None without reconstruction
    """

    truth: Truth
    rows: IntArray
    weight: FloatArray
    mass: FloatArray | None = None


class Chain(Protocol):
    """Makes any range of events of a process and says which are accepted."""

    generator: Generator

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
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
        self.planes, self.flight = build_planes(detector, self.field), build_flight()
        self.channel = "mumu" if self.generator.chain.particles[1].mass > 50.0 else "ee"

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        truth = self.generator.generate(self.seed, first, n)
        crossings = transport_charged(self.seed, truth, self.planes, self.flight, self.field)
        good = crossings.event[self.tracks(truth, crossings)]
        rows = np.flatnonzero(np.bincount(good, minlength=n) == 2)
        return Accepted(truth, rows, np.ones(rows.size))

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


def mass_sample(chain: Chain, events: int, channel: str, fraction: float, *, threads: int | None = None) -> MassSample:
    """Accepted events of one process, ready for any lifetime.

    Parameters
    ----------
    chain : makes and accepts events
    events : to generate
    channel : ``mumu`` or ``ee``, for the mass resolution
    fraction : branching ratio of the decay (1 where it is left free)

    Returns
    -------
    MassSample; the resolution is half the central 68 % of the reconstructed masses, or the geometry's estimate
    """
    generator = chain.generator
    source: Any = generator.source
    mother = generator.chain.particles[0]
    reach, strength, masses = [], [], []

    def job(first: int, n: int) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        part = chain.run(first, n)
        truth, rows = part.truth, part.rows
        assert truth.made is not None
        path = np.sqrt(((truth.vertex[0, :3, rows] - truth.made[:3, rows].T) ** 2).sum(axis=1))
        slowness = mother.mass / np.sqrt((truth.p[0, :3, rows] ** 2).sum(axis=1))
        return path * slowness, truth.made[3, rows] * slowness * part.weight, part.mass

    job(0, 10)  # compiled before the threads start
    for a, b, mass in in_order(job, 0, check_events(events), CHUNK, threads or default_threads()):
        reach.append(a)
        strength.append(b)
        if mass is not None:
            masses.append(mass)
    found = np.concatenate(masses) if masses else np.empty(0)
    if found.size > 50:
        low, high = np.quantile(found, (0.1587, 0.8413))
        resolution = float(0.5 * (high - low))
    else:
        block = windows(generator.detector, channel)
        resolution = float(np.interp(mother.mass, block.resolution_mass_MeV, block.resolution_MeV))
    return MassSample(
        mass=mother.mass,
        produced=source.per_proton * fraction,
        generated=events,
        reach=np.concatenate(reach),
        strength=np.concatenate(strength),
        resolution=resolution,
        production=generator.process.short,
        channel=channel,
    )


def dark_photon_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    production: str = "brems",
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: Callable[[Process, Detector, int], Chain] = Geometric,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    **parameters: Any,
) -> list[MassSample]:
    """One sample per mass and production.

    Parameters
    ----------
    masses : MeV; those at which the channel or the production is closed are left out
    production : ``brems``, ``meson`` or ``all``
    chain : how events are accepted, `Geometric` by default
    progress : called with each mass that is done
    parameters : of the processes, where they have them (``model="qra"``, ``scale="pythia"``, ``angles=…``)

    Raises
    ------
    ValueError : unknown names; no mass left
    """
    from na62sim.generators.process import registry

    if production not in PRODUCTIONS:
        raise ValueError(f"production '{production}' is unknown{did_you_mean(production, PRODUCTIONS)}")
    windows(detector, channel)
    known = {key for name in PRODUCTIONS[production] for key in registry()[name].parameters}
    for key in parameters:
        if key not in known:
            raise ValueError(f"parameter '{key}' of production {production} is unknown{did_you_mean(key, known)}")
    samples, refusal = [], None
    for mass in masses:
        for name in PRODUCTIONS[production]:
            own = {key: value for key, value in parameters.items() if key in registry()[name].parameters}
            try:
                process = find_process(name, m_Aprime=mass, channel=channel, **own)
                made = chain(process, detector, seed)
            except ValueError as error:
                if "m_Aprime" not in str(error):
                    raise
                refusal = error
                continue
            samples.append(mass_sample(made, events, channel, float(branching_ratio(mass, channel)), threads=threads))
        if progress is not None:
            progress(mass)
    if not samples:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return samples


def exclude(
    samples: dict[str, Sequence[MassSample]],
    detector: Detector,
    couplings: FloatArray,
    *,
    protons: float | None = None,
    efficiency_error: float = 0.0,
    cl: float = 0.9,
) -> Exclusion:
    """The excluded region of a dark photon from samples of one or more channels.

    Parameters
    ----------
    samples : per channel, ``mumu`` or ``ee``
    couplings : increasing grid of the kinetic mixing
    protons : on target; the geometry's by default. Background and observation are scaled with neither: a projection
        takes them as they are
    """
    dump = dump_of(detector)
    spread = (detector.quantity("dump.protons").standard_deviation or 0.0) / dump.protons
    channels = [Channel(counting(detector, name), found, efficiency_error) for name, found in samples.items()]
    number = dump.protons if protons is None else protons
    return exclusion(channels, ctau, couplings, number, protons_error=spread, cl=cl)
