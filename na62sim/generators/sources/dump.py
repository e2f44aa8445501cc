"""The dump as a source of mothers: a proton on the TAX makes a hidden particle, which decays in the volume by force.

The decay point is drawn from a law that does not depend on the lifetime: the density of z is 1/(z - z1 + s), a little
denser near the beginning. The event carries ``base``, so that for any decay length L (mm) its weight is

    w(L) = base exp(-l / L) / L,   l the path from the interaction to the decay,

whose mean is the probability to decay in the volume. One sample serves every coupling. ``weight`` is w at the
lifetime of the process; it lies in [0, 1] for every L.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm, mrad

from na62sim.core.constants import LIGHT
from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.rng import STREAM_CHAIN, STREAM_DUMP, STREAM_DUMP_PROTON, fill_decays, fill_normals, fill_uniforms
from na62sim.generators.chain.compile import Chain, compile_chain
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import ChainArrays, run_chain
from na62sim.generators.sources.production import ClosedChannelError, Maker, MotherProduction
from na62sim.geometry import Detector

_BLOCK = 512
_NORMALS = 6
_SOFTENING = 20.0 * m  # s of the law of the decay point
_STEEPEST = 0.01  # p_z / p below which nothing is followed
_TRANSVERSE_PEAK = 1.5  # of the angular weight


class DumpArrays(NamedTuple):
    """Protons, decay volume and mother for the kernel (MeV, mm, rad)."""

    x: float
    y: float
    z: float
    sigma_x: float
    sigma_y: float
    divergence_x: float
    divergence_y: float
    interaction: float
    beam: float
    second: float  # probability that the collision is the second one
    leading_pt: float  # rms per axis of the leading nucleon
    z1: float
    z2: float
    softening: float
    z_time: float  # a light signal from here passes GTK3 at t = 0
    mass: float
    ctau: float
    lepton: float
    transverse: bool


class DumpSource:
    """Hidden particles made in the dump; fills mothers, decay points and weights of a `Truth`.

    Attributes
    ----------
    per_proton : mothers per proton on target, over the coupling squared (or over what the maker leaves free)

    Raises
    ------
    ValueError : a geometry without a dump, or a volume that begins before its end
    """

    beam = None  # there are no beam particles in the detector

    def __init__(self, process: Process, detector: Detector, volume: tuple[float, float]) -> None:
        dump = detector.dump
        made: MotherProduction = process.production
        if dump is None:
            raise ValueError(
                f"process {process.short} needs a geometry with a dump, such as dump-2021, not {detector.name}"
            )
        mother = process.species[made.mother]
        z0 = dump.face_z_m * m
        z_end = detector.straw.chamber_z_m[-1] * m
        if not max(z0 + dump.length_m * m, detector.beam.reference_z_m * m) <= volume[0] < volume[1] <= z_end:
            raise ValueError(
                f"decay volume {volume[0] / m:g} to {volume[1] / m:g} m: it must have a positive length and lie between"
                f" the field map ({detector.beam.reference_z_m} m) and the last STRAW chamber ({z_end / m:g} m)"
            )
        if not 0.0 < mother.lifetime < math.inf:
            raise ValueError(f"lifetime of {mother.name} = {mother.lifetime:g} ns: it must be finite and above 0")
        self.chain: Chain = compile_chain(process.tree, process.species, process.amplitude)
        self.maker: Maker = made.maker.prepared(dump)
        beam = dump.proton_momentum_GeV * GeV
        again = self.maker.leading_nucleon(dump.cascade) if made.cascade else 0.0
        try:
            self.per_proton = self.maker.per_proton(mother.mass, beam) * (1.0 + again)
            self.tables = self.maker.arrays(mother.mass, beam)
        except ClosedChannelError as error:
            raise error.of(mother.name) from None
        leptons = [s.mass for s, parent in zip(self.chain.particles, self.chain.parents, strict=True) if parent == 0]
        transverse = made.angles == "transverse"
        if transverse and (len(leptons) != 2 or leptons[0] != leptons[1]):
            raise ValueError(f"angles = transverse: the decay of {mother.name} must be into a pair of leptons")
        self.arrays = DumpArrays(
            x=dump.x_mm * mm,
            y=dump.y_mm * mm,
            z=z0,
            sigma_x=dump.sigma_x_mm * mm,
            sigma_y=dump.sigma_y_mm * mm,
            divergence_x=dump.divergence_x_mrad * mrad,
            divergence_y=dump.divergence_y_mrad * mrad,
            interaction=dump.interaction_length_m * m,
            beam=beam,
            second=again / (1.0 + again),
            leading_pt=dump.cascade.mean_pt_GeV * GeV * math.sqrt(2.0 / math.pi),
            z1=volume[0],
            z2=volume[1],
            softening=_SOFTENING,
            z_time=detector.beam.reference_z_m * m,
            mass=mother.mass,
            ctau=LIGHT * mother.lifetime,
            lepton=leptons[0],
            transverse=transverse,
        )
        bound = self.largest_weight()
        if bound > 1.0:
            raise ValueError(
                f"decay volume {volume[0] / m:g} to {volume[1] / m:g} m is too long: weights reach {bound:.2f}"
            )

    def largest_weight(self) -> float:
        """Bound of the weight for every lifetime: exp(-l/L)/L is at most 1/(e l)."""
        a = self.arrays
        span = math.log1p((a.z2 - a.z1) / a.softening)
        ends = [(z - a.z1 + a.softening) * span / (math.e * (z - a.z - 5e3)) for z in (a.z1, a.z2)]
        return max(ends) * self.maker.largest_weight * (_TRANSVERSE_PEAK if a.transverse else 1.0)

    def fill(self, seed: int, events: Any, rest: Any, p: Any, vertex: Any, proton: Any, weight: Any, made: Any) -> int:
        """Fill the arrays of a `Truth`; the number of events in which a trial failed (must be zero).

        Parameters
        ----------
        proton : (5, n) receives the proton at the face of the dump: x, y (mm), slopes, p (MeV)
        made : (4, n) receives x, y, z of the interaction (mm) and ``base``
        """
        a, seed64 = self.arrays, np.uint64(seed)
        mother = np.empty((9, events.size))
        failed = self.maker.draw(seed64, events, self.tables, a.second, mother)
        chain, turns, draws = self.chain.arrays, self.chain.n_turns, self.chain.n_draws
        return failed + _decay(seed64, events, a, chain, turns, draws, mother, rest, p, vertex, proton, weight, made)


@formula
def _turn(x: float, y: float, z: float, sx: float, sy: float) -> tuple[float, float, float]:
    """Rotate a vector given about the z axis so that z points along the slopes sx, sy."""
    az = 1.0 / np.sqrt(1.0 + sx * sx + sy * sy)
    ax, ay = sx * az, sy * az
    d = ax * x + ay * y
    k = z - d / (1.0 + az)
    return x + ax * k, y + ay * k, az * z - d


@kernel
def _protons(dump: DumpArrays, u: Any, g: Any, stretch: Any, place: Any, proton: Any) -> None:
    """Protons, or leading nucleons, where they interact.

    ``place`` receives x, y, z (mm) and slopes there; ``proton`` x, y, slopes at the face, and momentum (MeV).
    """
    for i in range(stretch.size):
        x, y = dump.x + dump.sigma_x * np.float64(g[0, i]), dump.y + dump.sigma_y * np.float64(g[1, i])
        sx, sy = dump.divergence_x * np.float64(g[2, i]), dump.divergence_y * np.float64(g[3, i])
        proton[0, i], proton[1, i], proton[2, i], proton[3, i], proton[4, i] = x, y, sx, sy, dump.beam
        depth = -dump.interaction * log(1.0 - u[1, i])
        x, y = x + sx * depth, y + sy * depth
        if stretch[i] < 1.0:  # made by the leading nucleon, one collision later
            kick = dump.leading_pt / (stretch[i] * dump.beam)
            sx, sy = sx + kick * np.float64(g[4, i]), sy + kick * np.float64(g[5, i])
            further = -dump.interaction * log(1.0 - u[2, i])
            x, y, depth = x + sx * further, y + sy * further, depth + further
        place[0, i], place[1, i], place[2, i], place[3, i], place[4, i] = x, y, dump.z + depth, sx, sy


@kernel
def _fly(
    begin: int, dump: DumpArrays, u: Any, place: Any, made: Any, p: Any, vertex: Any, weight: Any, origin: Any
) -> None:
    """Point the mother along its proton, let it decay in the volume and weigh the event."""
    span = log(1.0 + (dump.z2 - dump.z1) / dump.softening)
    for j in range(made.shape[1]):
        i = begin + j
        x0, y0, z0, sx, sy = place[0, j], place[1, j], place[2, j], place[3, j], place[4, j]
        px, py, pz = _turn(made[0, j], made[1, j], made[2, j], sx, sy)
        made[3, j], made[4, j], made[5, j] = _turn(made[3, j], made[4, j], made[5, j], sx, sy)
        momentum = np.sqrt(px * px + py * py + pz * pz)
        energy = np.sqrt(momentum * momentum + dump.mass * dump.mass)
        z = dump.z1 + dump.softening * (exp(span * u[0, j]) - 1.0)
        forward = pz > _STEEPEST * momentum
        stride = momentum / pz if forward else 1.0
        length = (z - z0) * stride
        decay = dump.ctau * momentum / dump.mass
        base = made[7, j] * stride * (z - dump.z1 + dump.softening) * span if forward else 0.0
        tx, ty = (px / pz, py / pz) if forward else (0.0, 0.0)
        p[0, 0, i], p[0, 1, i], p[0, 2, i], p[0, 3, i] = px, py, pz, energy
        vertex[0, 0, i], vertex[0, 1, i], vertex[0, 2, i] = x0 + tx * (z - z0), y0 + ty * (z - z0), z
        vertex[0, 3, i] = (z0 - dump.z_time + length * energy / momentum) / LIGHT
        weight[i] = base * exp(-min(length / decay, 690.0)) / decay
        origin[0, i], origin[1, i], origin[2, i], origin[3, i] = x0, y0, z0, base


@formula
def transverse(cosine2: float, kappa: float) -> float:
    """Angular weight of a lepton pair from a vector of helicity +-1, mean 1; kappa = 4 m^2 / M^2."""
    return (1.0 + cosine2 + kappa * (1.0 - cosine2)) * 3.0 / (4.0 + 2.0 * kappa)


@kernel
def _polarise(begin: int, dump: DumpArrays, made: Any, p: Any, weight: Any, origin: Any) -> None:
    """Weigh the leptons as those of a mother of helicity +-1 in the frame of its parent.

    The axis in the mother's frame points against the parent, so the cosine follows from invariants.
    """
    big2 = dump.mass * dump.mass
    kappa = 4.0 * dump.lepton * dump.lepton / big2
    q2 = 0.25 * big2 * (1.0 - kappa)
    for j in range(made.shape[1]):
        i = begin + j
        parent_p = made[3, j] * p[0, 0, i] + made[4, j] * p[0, 1, i] + made[5, j] * p[0, 2, i]
        parent2 = made[6, j] ** 2 - made[3, j] ** 2 - made[4, j] ** 2 - made[5, j] ** 2
        energy = (made[6, j] * p[0, 3, i] - parent_p) / dump.mass
        parent_l = made[3, j] * p[1, 0, i] + made[4, j] * p[1, 1, i] + made[5, j] * p[1, 2, i]
        product = made[6, j] * p[1, 3, i] - parent_l
        r2 = max(energy * energy - parent2, 1e-12)
        t = 0.5 * dump.mass * energy - product
        w = transverse(min(t * t / (q2 * r2), 1.0), kappa)
        weight[i] *= w
        origin[3, i] *= w


@kernel
def _decay(
    seed: int, events: Any, dump: DumpArrays, chain: ChainArrays, turns: int, draws: int, made: Any, rest: Any, p: Any,
    vertex: Any, proton: Any, weight: Any, origin: Any,
) -> int:  # fmt: skip
    """Everything after the mother has been made about a proton along z."""
    n = events.size
    u, c = np.empty((4, _BLOCK)), np.empty((turns + draws, _BLOCK))
    g, raw = np.empty((_NORMALS, _BLOCK), dtype=np.float32), np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.zeros(_BLOCK, dtype=np.int64)
    place, mass = np.empty((5, _BLOCK)), np.empty((chain.mass.size, _BLOCK))
    failed = 0
    for begin in range(0, n, _BLOCK):
        end = min(begin + _BLOCK, n)
        block = events[begin:end]
        fill_uniforms(seed, STREAM_DUMP, group + 2, block, raw, u)  # the first two groups made the mother
        fill_normals(seed, STREAM_DUMP_PROTON, group, block, raw, g)
        fill_decays(seed, STREAM_CHAIN, group, block, raw, c, turns)
        _protons(dump, u, g, made[8, begin:end], place, proton[:, begin:end])
        _fly(begin, dump, u, place, made[:, begin:end], p, vertex, weight, origin)
        failed += run_chain(seed, events, begin, end, chain, c, rest, mass, p, vertex)
        if dump.transverse:
            _polarise(begin, dump, made[:, begin:end], p, weight, origin)
    return failed
