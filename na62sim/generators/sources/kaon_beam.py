"""The secondary K+ beam at GTK3 and the forced decay of the kaon in a chosen volume.

Position: Gaussian cut at the edges of the beam; direction: Gaussian about the TRIM5 angle; momentum: Gaussian.
The kaon decays in [z1, z2] with certainty and carries the weight P = exp(-(z1 - z0)/L) (1 - exp(-(z2 - z1)/L)),
the probability that it decays there after GTK3 at z0; L = p c tau / m.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, mm, mrad
from scipy.special import ndtr, ndtri

from na62sim.core.constants import KICK, LIGHT
from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.particles import Species
from na62sim.core.rng import STREAM_BEAM, STREAM_CHAIN, fill_decays, fill_draws
from na62sim.core.sampling import BINS, quantile
from na62sim.generators.chain.compile import compile_chain, without_neutrinos
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import ChainArrays, run_chain
from na62sim.generators.sources.importance import Importance, importance_arrays, no_importance, stretch
from na62sim.geometry import Detector
from na62sim.geometry.field import FieldMap, field_map

DICE = 4  # uniforms with 32 bits: x, y, decay position, and one to spare
NORMALS = 4  # momentum, two slopes, and one to spare


class BeamArrays(NamedTuple):
    """Beam phase space at GTK3 for the kernel (MeV, mm, rad)."""

    momentum: float
    spread: float  # relative
    slope_x: float
    slope_y: float
    divergence: float
    x_table: npt.NDArray[np.float64]  # quantiles of the truncated profiles
    y_table: npt.NDArray[np.float64]
    z0: float
    z1: float
    z2: float
    mass: float
    ctau: float  # mm


def beam_arrays(detector: Detector, kaon: Species, volume: tuple[float, float]) -> BeamArrays:
    """Beam parameters for decays in ``volume`` = (z1, z2) in mm.

    Raises
    ------
    ValueError : if the volume is empty, begins before GTK3 or ends after the last STRAW chamber
    """
    beam = detector.beam
    z0, z_end = beam.reference_z_m * m, detector.straw.chamber_z_m[-1] * m  # the field is tabulated in between
    if not z0 <= volume[0] < volume[1] <= z_end:
        raise ValueError(
            f"decay volume {volume[0] / m:g} to {volume[1] / m:g} m: it must have a positive length and lie between"
            f" GTK3 ({beam.reference_z_m} m) and the last STRAW chamber ({z_end / m:g} m)"
        )
    return BeamArrays(
        momentum=beam.momentum_GeV * GeV,
        spread=beam.momentum_spread,
        slope_x=beam.slope_x_mrad * mrad,
        slope_y=beam.slope_y_mrad * mrad,
        divergence=beam.divergence_mrad * mrad,
        x_table=_truncated_normal(beam.sigma_x_mm * mm, beam.half_width_x_mm * mm),
        y_table=_truncated_normal(beam.sigma_y_mm * mm, beam.half_height_y_mm * mm),
        z0=z0,
        z1=volume[0],
        z2=volume[1],
        mass=kaon.mass,
        ctau=LIGHT * kaon.lifetime,
    )


def _truncated_normal(sigma: float, cut: float) -> npt.NDArray[np.float64]:
    """Quantiles of a Gaussian cut at +-cut."""
    edge = ndtr(-cut / sigma)
    u = np.linspace(0.0, 1.0, BINS + 1)
    table: npt.NDArray[np.float64] = sigma * ndtri(edge + (1.0 - 2.0 * edge) * u)
    return table


@formula
def _between(row: Any, k: int, w: float) -> float:
    return row[k] + w * (row[k + np.uint32(1)] - row[k])


@step
def decay_kaons(
    begin: int, end: int, beam: BeamArrays, field: FieldMap, u: Any, g: Any, p: Any, vertex: Any, gtk: Any, weight: Any
) -> None:
    """Draw kaons at GTK3 and let them decay, for the lanes [begin, end) of a chunk.

    Parameters
    ----------
    u : (>= 3, lanes) uniforms; g : (>= 3, lanes) normals; lane 0 is ``begin``
    p : (slots, 4, n), slot 0 receives the kaon at its decay (MeV)
    vertex : (vertices, 4, n), vertex 0 receives the decay point (mm, ns); t = 0 at GTK3
    gtk : (5, n) receives the kaon at GTK3: x, y (mm), dx/dz, dy/dz, p (MeV)
    weight : (n,) receives the probability of the forced decay
    """
    n = end - begin
    gx, gy, gtx, gty, gp = gtk[0, begin:end], gtk[1, begin:end], gtk[2, begin:end], gtk[3, begin:end], gtk[4, begin:end]
    vx, vy, vz, vt = vertex[0, 0, begin:end], vertex[0, 1, begin:end], vertex[0, 2, begin:end], vertex[0, 3, begin:end]
    px, py, pz, pe = p[0, 0, begin:end], p[0, 1, begin:end], p[0, 2, begin:end], p[0, 3, begin:end]
    w = weight[begin:end]
    ux, uy, uz = u[0], u[1], u[2]
    g0, g1, g2 = g[0], g[1], g[2]
    for i in range(n):
        gx[i], gy[i] = quantile(beam.x_table, ux[i]), quantile(beam.y_table, uy[i])
    for i in range(n):
        pk = beam.momentum * (1.0 + beam.spread * np.float64(g0[i]))
        length = pk * beam.ctau / beam.mass
        span = 1.0 - exp(-(beam.z2 - beam.z1) / length)
        vz[i] = beam.z1 - length * log(1.0 - uz[i] * span)
        w[i] = exp(-(beam.z1 - beam.z0) / length) * span
        gp[i] = pk
        gtx[i] = beam.slope_x + beam.divergence * np.float64(g1[i])
        gty[i] = beam.slope_y + beam.divergence * np.float64(g2[i])
    f, m1, h, n1 = field.integrals[0], field.integrals[1], field.integrals[4], field.integrals[5]
    for i in range(n):  # the residual field of the tube: microradians at 75 GeV/c
        step = (vz[i] - field.z0) / field.step
        k = np.uint32(np.int32(step))
        t = step - k
        px[i], vx[i] = _between(f, k, t), _between(m1, k, t)
        py[i], vy[i] = _between(h, k, t), _between(n1, k, t)
    for i in range(n):
        pk, tx, ty = gp[i], gtx[i], gty[i]
        kick = KICK / pk
        norm = 1.0 / np.sqrt(1.0 + tx * tx + ty * ty)
        e = np.sqrt(pk * pk + beam.mass * beam.mass)
        dz = vz[i] - beam.z0
        vx[i] = gx[i] + tx * dz - kick * vx[i]
        vy[i] = gy[i] + ty * dz + kick * vy[i]
        vt[i] = dz * e / (norm * pk * LIGHT)
        ax, ay = tx * norm - kick * px[i], ty * norm + kick * py[i]
        px[i], py[i], pe[i] = pk * ax, pk * ay, e
        pz[i] = pk * np.sqrt(1.0 - ax * ax - ay * ay)


_BLOCK = 512


class KaonBeam:
    """The kaons of the beam as a source of mothers."""

    def __init__(
        self, process: Process, detector: Detector, volume: tuple[float, float], importance: bool = False
    ) -> None:
        if detector.dump is not None:
            raise ValueError(f"process {process.short} needs a kaon beam; the geometry {detector.name} has none")
        self.chain = compile_chain(process.tree, process.species, process.amplitude)
        self.beam = beam_arrays(detector, process.species["K+"], volume)
        self.field = field_map(detector)
        self.importance = importance_arrays(self.chain, detector) if importance else no_importance()

    def fill(
        self, seed: int, events: Any, rest: Any, p: Any, vertex: Any, gtk: Any, weight: Any, factor: Any,
        neutrinos: bool = True,
    ) -> int:  # fmt: skip
        """Fill the arrays of a `Truth`; the number of events that failed (must be zero).

        Parameters
        ----------
        factor : (n,) weights of importance sampling; None without
        neutrinos : their momenta are wanted, see `without_neutrinos`
        """
        chain = self.chain.arrays if neutrinos else without_neutrinos(self.chain)
        turns, draws = self.chain.n_turns, self.chain.n_draws
        return _generate(
            np.uint64(seed), events, self.beam, self.field, chain, turns, draws, rest, p, vertex, gtk, weight,
            self.importance, np.empty(0) if factor is None else factor,
        )  # fmt: skip


@kernel
def _generate(
    seed: int,
    events: Any,
    beam: BeamArrays,
    field: FieldMap,
    chain: ChainArrays,
    turns: int,
    draws: int,
    rest: Any,
    p: Any,
    vertex: Any,
    gtk: Any,
    weight: Any,
    importance: Importance,
    factor: Any,
) -> int:
    n = events.size
    u = np.empty((turns + draws, _BLOCK))
    dice, g = np.empty((DICE, _BLOCK)), np.empty((NORMALS, _BLOCK), dtype=np.float32)
    raw = np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.zeros(_BLOCK, dtype=np.int64)
    mass = np.empty((chain.mass.size, _BLOCK))
    failed = 0
    for begin in range(0, n, _BLOCK):
        end = min(begin + _BLOCK, n)
        block = events[begin:end]
        fill_decays(seed, STREAM_CHAIN, group, block, raw, u, turns)
        fill_draws(seed, STREAM_BEAM, group, block, dice, g)
        if importance.mass.size:
            stretch(end - begin, importance, u[chain.draw[0] + 1], u[chain.draw[0]], factor[begin:end])
        decay_kaons(begin, end, beam, field, dice, g, p, vertex, gtk, weight)
        failed += run_chain(seed, events, begin, end, chain, u, rest, mass, p, vertex)
    return failed
