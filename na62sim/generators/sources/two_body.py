"""Two-body decays of heavy mesons that protons make in the dump, drawn so that the hidden particle often goes forward.

The parent's spectrum is a table in (log10 p, log10 theta). A particle made in the decay of a B meson leaves it with more
than 2 GeV in any direction, and few of these reach a detector of milliradians. So a share of the events follows the
spectrum and decays isotropically, and the others favour fast parents and directions close to that of the protons; the weight
is the true probability over that of the mixture. Masses and momenta in MeV.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from hepunits import GeV, mrad

from na62sim.core.arrays import FloatArray
from na62sim.core.elementary import sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.rng import STREAM_DUMP, fill_uniforms
from na62sim.generators.sources.mesons import Spectrum, find_bin, momentum_in_bin
from na62sim.generators.sources.production import ClosedChannelError, OtherFlux
from na62sim.geometry.dump import Cascade, Dump

__all__ = ["PLAIN_SHARE", "TwoBodyArrays", "TwoBodyDecays", "draw_two_body", "read_spectrum", "two_body_arrays"]

PLAIN_SHARE = 0.5  # of the events that follow the spectrum and decay isotropically: bounds the weight by its inverse
_CONE = 6.0 * mrad  # half-width of the favoured directions
_SLOW = 20.0 * GeV  # momenta of the hidden particle below which pairs are rarely accepted
_FAST = 100.0 * GeV  # momenta above which they are drawn more often still: what lives short has them
_BLOCK = 512


class TwoBodyArrays(NamedTuple):
    """What the sampling kernel needs: one row of bins for all decays (MeV, rad)."""

    plain: FloatArray  # cumulative probability over decay and bin, as it is
    favoured: FloatArray  # the same of what is drawn more often
    ratio: FloatArray  # favoured over plain probability of each bin
    parent: float
    recoil: FloatArray  # of each decay
    log_p: FloatArray  # edges, log10 of MeV
    log_theta: FloatArray  # edges, log10 of rad
    hidden: float
    plain_share: float


def two_body_arrays(
    parent: float, decays: list[tuple[float, float]], grid: Spectrum, hidden: float, plain_share: float = PLAIN_SHARE
) -> TwoBodyArrays:
    """Bins to draw from.

    Parameters
    ----------
    parent, hidden : masses (MeV)
    decays : mass of the recoil (MeV) and weight of each decay
    grid : spectrum of the parents
    plain_share : of the events that are drawn as they come; 1 for the plain sampling
    """
    plain = np.stack([grid.counts * weight for _, weight in decays])
    plain /= plain.sum()
    p = 10.0 ** (0.5 * (grid.log_p[1:] + grid.log_p[:-1]))[:, None]
    theta = 10.0 ** (0.5 * (grid.log_theta[1:] + grid.log_theta[:-1]))[None, :]
    # how much the energy of what goes forward grows from the parent's frame to the laboratory; solid angles shrink as its square
    growth = parent / (np.hypot(p, parent) - p * np.cos(theta))
    rows = []
    for recoil, _ in decays:
        forward = growth * (parent**2 + hidden**2 - recoil**2) / (2.0 * parent)
        rows.append(growth**2 * (forward / (forward + _SLOW)) ** 2 * (1.0 + (forward / _FAST) ** 4))
    favour = np.stack(rows)
    favoured = plain * favour
    scale = favoured.sum()
    cumulative = [np.cumsum(x.ravel()) for x in (plain, favoured)]
    return TwoBodyArrays(
        plain=cumulative[0] / cumulative[0][-1],
        favoured=cumulative[1] / cumulative[1][-1],
        ratio=(favour / scale).ravel(),
        parent=parent,
        recoil=np.array([recoil for recoil, _ in decays]),
        log_p=grid.log_p,
        log_theta=grid.log_theta,
        hidden=hidden,
        plain_share=plain_share,
    )


@formula
def _about(x: float, y: float, z: float, nx: float, ny: float, nz: float) -> tuple[float, float, float]:
    """Rotate a vector given about the z axis so that z points along a unit vector."""
    d = nx * x + ny * y
    k = z - d / max(1.0 + nz, 1e-12)
    return x + nx * k, y + ny * k, nz * z - d


@kernel
def draw_two_body(seed: int, events: Any, b: TwoBodyArrays, second: float, made: Any) -> int:
    """Draw parents made by protons along z and let them decay.

    Directions in the parent's frame are counted from the one that goes along the protons in the laboratory; the favoured
    density is 1/(1 - cos + d)^2, d half the square of the cone seen from there.

    Parameters
    ----------
    events : (n,) event numbers
    second : probability that the leading nucleon of a first collision made it, with a flat share of the momentum
    made : (9, n) receives px, py, pz of the hidden particle; px, py, pz, E of the parent (MeV); the weight; the
        proton's momentum over that of the beam

    Returns
    -------
    0, the number of failures
    """
    u, raw = np.empty((8, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.zeros(_BLOCK, dtype=np.int64)
    n_bins = (b.log_p.size - 1) * (b.log_theta.size - 1)
    mass, share = b.parent, b.plain_share
    for begin in range(0, events.size, _BLOCK):
        block = events[begin : begin + _BLOCK]
        fill_uniforms(seed, STREAM_DUMP, group, block, raw, u)
        for j in range(block.size):
            i = begin + j
            stretch = max(u[7, j], 1e-3) if u[6, j] < second else 1.0
            isotropic = u[0, j] < share
            if isotropic:
                k = find_bin(b.plain, u[0, j] / share)
            else:
                k = find_bin(b.favoured, (u[0, j] - share) / (1.0 - share))
            decay, row = k // n_bins, k % n_bins
            px, py, pz = momentum_in_bin(b.log_p, b.log_theta, row, u[1, j], u[2, j], u[3, j])
            pz *= stretch
            energy = np.sqrt(px * px + py * py + pz * pz + mass * mass)
            # a ray along z seen by the parent
            nx, ny, nz, e = boost(0.0, 0.0, 1.0, 1.0, -px, -py, -pz, energy, mass)
            d = 0.5 * (_CONE / e) ** 2
            steep = 1.0 / d - 1.0 / (2.0 + d)
            c = 1.0 - 2.0 * u[4, j] if isotropic else 1.0 + d - 1.0 / (1.0 / (2.0 + d) + u[4, j] * steep)
            c = min(max(c, -1.0), 1.0)
            favour = b.ratio[k] * 2.0 / ((1.0 - c + d) ** 2 * steep)
            q = two_body_momentum(mass, b.recoil[decay], b.hidden)
            s = q * np.sqrt(1.0 - c * c)
            sd, cd = sincos_turns(u[5, j])
            qx, qy, qz = _about(s * cd, s * sd, q * c, nx / e, ny / e, nz / e)
            own = np.sqrt(q * q + b.hidden * b.hidden)
            x, y, z, _ = boost(qx, qy, qz, own, px, py, pz, energy, mass)
            made[0, i], made[1, i], made[2, i] = x, y, z
            made[3, i], made[4, i], made[5, i], made[6, i] = px, py, pz, energy
            made[7, i], made[8, i] = 1.0 / (share + (1.0 - share) * favour), stretch
    return 0


@cache
def read_spectrum(path: str) -> Spectrum:
    """A spectrum from a CSV file: a row per bin with p_low_GeV, p_high_GeV, theta_low_rad, theta_high_rad, per_proton.

    Bins that are left out are empty; those that are there must lie on one grid, equidistant or not.

    Raises
    ------
    ValueError : in one line, for a column that is missing, a cell that is no number, bins that overlap
    OSError : no such file
    """
    names = ("p_low_GeV", "p_high_GeV", "theta_low_rad", "theta_high_rad", "per_proton")
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    missing = [name for name in names if not rows or name not in rows[0]]
    if missing:
        raise ValueError(f"{path}: the spectrum needs the columns {', '.join(names)}; {missing[0]} is missing")
    try:
        p1, p2, t1, t2, n = np.array([[float(row[name]) for name in names] for row in rows]).T
    except (TypeError, ValueError):
        raise ValueError(f"{path}: every cell of the spectrum must be a number") from None
    bad = ~((0.0 < p1) & (p1 < p2) & (0.0 < t1) & (t1 < t2) & (t2 <= math.pi) & (n >= 0.0) & np.isfinite(p2 + n))
    if bad.any() or not n.sum() > 0.0:
        line = int(np.flatnonzero(bad)[0]) + 1 if bad.any() else 1
        raise ValueError(
            f"{path}: bin {line} must have increasing edges above 0, angles up to pi, and a number of 0 or more"
        )
    edges = [np.unique(np.concatenate(pair)) for pair in ((p1, p2), (t1, t2))]
    place = [np.searchsorted(edge, low) for edge, low in zip(edges, (p1, t1), strict=True)]
    last = [np.searchsorted(edge, high) for edge, high in zip(edges, (p2, t2), strict=True)]
    counts = np.zeros([edge.size - 1 for edge in edges])
    single = all(np.array_equal(a + 1, b) for a, b in zip(place, last, strict=True))
    if not single or np.unique(np.stack(place), axis=1).shape[1] != n.size:
        raise ValueError(f"{path}: the bins of the spectrum must lie on one grid, each of them once")
    counts[place[0], place[1]] = n
    return Spectrum(np.log10(edges[0] * GeV), np.log10(edges[1]), counts)


@dataclass(frozen=True)
class TwoBodyDecays:
    """A meson of one's own that decays into the hidden particle and something else.

    Parameters
    ----------
    parent : mass (MeV)
    decays : mass of the recoil (MeV) and branching ratio over the coupling squared of each decay
    spectrum : CSV file of the parents per proton, see `read_spectrum`
    """

    parent: float
    decays: tuple[tuple[float, float], ...]
    spectrum: str

    name: ClassVar[str] = "two-body"
    largest_weight: ClassVar[float] = 1.0 / PLAIN_SHARE
    other_flux: ClassVar[OtherFlux | None] = None

    def __post_init__(self) -> None:
        if not 0.0 < self.parent < math.inf:
            raise ValueError(f"parent = {self.parent:g} MeV: it must be a finite mass above 0")
        if not self.decays:
            raise ValueError("decays is empty: it must hold pairs of a recoil mass (MeV) and a branching ratio")
        for recoil, ratio in self.decays:
            if not 0.0 <= recoil < self.parent or not 0.0 <= ratio < math.inf:
                raise ValueError(
                    f"decay with recoil {recoil:g} MeV and branching ratio {ratio:g}: the mass must lie below that of the"
                    " parent, and neither may be negative"
                )

    def prepared(self, dump: Dump) -> TwoBodyDecays:
        """The same: nothing depends on the geometry."""
        return self

    def open(self, mass: float) -> list[tuple[float, float]]:
        """Recoil mass and branching ratio of the open decays.

        Raises
        ------
        ClosedChannelError : none is
        """
        return open_decays(self.parent, self.decays, mass)

    def check_open(self, mass: float) -> None:
        """Refuse a mass above what the lightest recoil leaves."""
        self.open(mass)

    def branching_ratio(self, mass: float) -> float:
        """Sum of the open decays, over the coupling squared."""
        return sum(ratio for _, ratio in self.open(mass))

    def per_proton(self, mass: float, beam: float) -> float:
        """Hidden particles per interacting proton over the coupling squared; the spectrum is of the beam that it is of."""
        return float(read_spectrum(self.spectrum).counts.sum()) * self.branching_ratio(mass)

    def arrays(self, mass: float, beam: float) -> TwoBodyArrays:
        """Numbers for `draw_two_body`."""
        return two_body_arrays(self.parent, self.open(mass), read_spectrum(self.spectrum), mass)

    def draw(self, seed: Any, events: Any, arrays: TwoBodyArrays, second: float, made: Any) -> int:
        """See `draw_two_body`."""
        return int(draw_two_body(seed, events, arrays, second, made))

    def leading_nucleon(self, cascade: Cascade) -> float:
        """Protons and neutrons alike make mesons."""
        return cascade.nucleons


def open_decays(parent: float, decays: tuple[tuple[float, float], ...], mass: float) -> list[tuple[float, float]]:
    """Recoil mass and branching ratio of the decays that a mass (MeV) leaves open.

    Raises
    ------
    ClosedChannelError : none is
    """
    wanted = [(recoil, ratio) for recoil, ratio in decays if ratio > 0.0]
    found = [(recoil, ratio) for recoil, ratio in wanted if mass + recoil < parent]
    if not found:
        if not wanted:
            raise ClosedChannelError(mass, "the branching ratios of the decays that make it are all 0")
        limit = parent - min(recoil for recoil, _ in wanted)
        raise ClosedChannelError(mass, f"the decay that makes it needs a mass below {limit:.6g} MeV")
    return found
