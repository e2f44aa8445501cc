"""Dark photons from decays of the mesons that protons make in the dump.

P -> gamma A' for the pseudoscalars pi0, eta, eta', and omega -> pi0 A'. Meson spectra per inelastic collision come
from a table in (log10 p, log10 theta), or from a closed form above 10 GeV, as the same kind of table. Forward
mesons are drawn more often and carry the weight. Masses and momenta in MeV.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, mrad

from na62sim.core.arrays import FloatArray
from na62sim.core.elementary import exp, sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.particles import species
from na62sim.core.rng import STREAM_DUMP, fill_uniforms
from na62sim.core.suggest import did_you_mean
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry.dump import Cascade, Dump
from na62sim.geometry.tables import table_path

BEAM = 400.0  # GeV, momentum of the protons of the tables
MESONS = ("pi0", "eta", "etap", "omega")
SPECTRA = ("table", "fit")
# PDG 2024 listings of pi0, eta, eta', omega
_BR_PHOTON = {"pi0": 0.98823, "eta": 0.3936, "etap": 0.02307, "omega": 0.0835}
SCALES = ("data", "pythia")
_PROTONS, _NEUTRONS = 29.0, 34.5  # of copper
TRUE_SHARE = 0.55  # of the mesons that are drawn from the spectrum as it is: bounds the weight
_FORWARD_MOMENTUM, _FORWARD_ANGLE = 20.0 * GeV, 15.0 * mrad
_LN10, _TURN = math.log(10.0), 1.0 / (2.0 * math.pi)
_BLOCK = 512


class MesonArrays(NamedTuple):
    """What the sampling kernel needs: one row of bins for all mesons (MeV, rad)."""

    cumulative: FloatArray  # of the drawn distribution, over meson and bin
    weight: FloatArray  # true over drawn, of each bin
    mass: FloatArray  # of each meson
    recoil: FloatArray  # mass of what goes with A'
    log_p: FloatArray  # edges, log10 of MeV
    log_theta: FloatArray  # edges, log10 of rad
    hidden: float


@dataclass(frozen=True)
class Spectrum:
    """Mean number per collision in bins of log10 p (MeV) and log10 theta (rad)."""

    log_p: FloatArray
    log_theta: FloatArray
    counts: FloatArray  # (p, theta)


@cache
def meson_table(meson: str, target: str = "Cu") -> Spectrum:
    """Simulated spectrum above 1 GeV, on ``pp``, ``pn`` or the mixture of nucleons in ``Cu``, unscaled."""
    with np.load(table_path("mesons_pythia8317_400GeV.npz")) as data:
        pp, pn = (data[f"{pair}_{meson}"] / data[f"nev_{pair}"] for pair in ("pp", "pn"))
        share = {"pp": 1.0, "pn": 0.0, "Cu": _PROTONS / (_PROTONS + _NEUTRONS)}[target]
        counts = share * pp + (1.0 - share) * pn
        return Spectrum(data["log10p_edges"] + 3.0, data["log10th_edges"], counts)


@cache
def meson_fit(meson: str) -> Spectrum:
    """The closed form of the spectrum above 10 GeV, integrated over bins like those of the table, but finer."""
    with table_path("meson_fit.csv").open(encoding="utf-8") as lines:
        rows = {row["meson"]: row for row in csv.DictReader(line for line in lines if not line.startswith("#"))}
    ln_n, b, c, t0, t1 = (float(rows[meson][key]) for key in ("lnN", "b", "c", "T0_GeV", "T1"))
    log_p = np.linspace(1.0, math.log10(BEAM), 81)
    log_theta = np.linspace(-4.0, 0.0, 81)
    p = 10.0 ** (0.5 * (log_p[1:] + log_p[:-1]))[:, None]
    theta = 10.0 ** (0.5 * (log_theta[1:] + log_theta[:-1]))[None, :]
    theta_width = np.diff(10.0 ** np.append(-30.0, log_theta[1:]))  # the first bin reaches down to 0
    x, pt, m = p / BEAM, p * theta, species(meson).mass / GeV
    slope = t0 * (1.0 + t1 * x)
    density = np.exp(ln_n) * x**-b * (1.0 - x) ** c * pt * np.exp(-(np.hypot(pt, m) - m) / slope)
    return Spectrum(log_p + 3.0, log_theta, density * np.diff(10.0**log_p)[:, None] / BEAM * p * theta_width)


def decay_fraction(meson: str, mass: float) -> float:
    """Branching ratio of the meson into A' of the given mass (MeV), over eps^2; 0 if it is closed.

    Examples
    --------
    >>> f"{decay_fraction('eta', 300.0):.3f}"
    '0.270'
    """
    parent = species(meson).mass
    if meson == "omega":
        recoil = species("pi0").mass
        if mass >= parent - recoil:
            return 0.0
        ratio = two_body_momentum(parent, recoil, mass) * 2.0 * parent / (parent**2 - recoil**2)
        return float(_BR_PHOTON[meson] * ratio**3)
    return 2.0 * _BR_PHOTON[meson] * max(1.0 - (mass / parent) ** 2, 0.0) ** 3


@dataclass(frozen=True)
class MesonDecays:
    """Which mesons, and how many of them.

    Parameters
    ----------
    mesons : some of pi0, eta, etap, omega
    scale : ``data`` for the measured numbers of the geometry (`prepared` looks them up), ``pythia`` for the simulated
        ones, or a factor per meson
    spectrum : ``table``, or the closed form ``fit`` (above 10 GeV)
    """

    mesons: tuple[str, ...] = MESONS
    scale: Mapping[str, float] | str = "data"
    spectrum: str = "table"

    name = "meson"
    largest_weight = 1.0 / TRUE_SHARE
    other_flux = None

    def __post_init__(self) -> None:
        if not self.mesons:
            raise ValueError(f"mesons is empty (known: {', '.join(MESONS)})")
        factors = {} if isinstance(self.scale, str) else self.scale
        if isinstance(self.scale, str) and self.scale not in SCALES:
            raise ValueError(f"scale '{self.scale}' of the mesons is unknown{did_you_mean(self.scale, SCALES)}")
        for meson in (*self.mesons, *factors):
            if meson not in MESONS:
                raise ValueError(f"meson '{meson}' is unknown{did_you_mean(meson, MESONS)}")
        for meson, value in factors.items():
            if not 0.0 <= value <= 10.0:
                raise ValueError(f"scale of '{meson}' = {value:g}: it must lie in 0 to 10")
        if self.spectrum not in SPECTRA:
            raise ValueError(
                f"spectrum '{self.spectrum}' of the mesons is unknown{did_you_mean(self.spectrum, SPECTRA)}"
            )

    def prepared(self, dump: Dump) -> MesonDecays:
        """The same with the scale factors of a geometry, if it is scaled to data."""
        return replace(self, scale=dump.mesons.model_dump()) if self.scale == "data" else self

    def number(self, meson: str) -> FloatArray:
        """Scaled spectrum of a meson, per proton: (p bins, theta bins)."""
        if self.scale == "data":
            raise ValueError("scale = 'data': the factors are in the geometry (see `prepared`)")
        factor = 1.0 if isinstance(self.scale, str) else self.scale.get(meson, 1.0)
        spectrum = meson_fit(meson) if self.spectrum == "fit" else meson_table(meson)
        return spectrum.counts * factor

    def fractions(self, mass: float, beam: float) -> dict[str, float]:
        """A' per interacting proton from each meson, over eps^2."""
        if abs(beam / GeV - BEAM) > 1.0:
            raise ValueError(f"proton momentum {beam / GeV:g} GeV: the meson tables are for {BEAM:g} GeV")
        return {m: float(self.number(m).sum()) * decay_fraction(m, mass) for m in self.mesons}

    def check_open(self, mass: float) -> None:
        """Refuse a mass above what the heaviest decay leaves."""
        heaviest = max(species(m).mass - (species("pi0").mass if m == "omega" else 0.0) for m in self.mesons)
        if mass >= heaviest:
            words = self.mesons[0] if len(self.mesons) == 1 else f"the heaviest of {', '.join(self.mesons)}"
            raise ClosedChannelError(mass, f"the decay of {words} needs a mass below {heaviest:.6g} MeV")

    def branching_ratio(self, mass: float) -> float:
        """1: there are several mesons, each with its own."""
        return 1.0

    def per_proton(self, mass: float, beam: float) -> float:
        """A' per interacting proton, over eps^2; mass and beam momentum in MeV."""
        return sum(self.fractions(mass, beam).values())

    def arrays(self, mass: float, beam: float) -> MesonArrays:
        """Numbers for `draw_mesons`.

        Raises
        ------
        ClosedChannelError : if every decay is closed
        """
        self.check_open(mass)
        if self.per_proton(mass, beam) <= 0.0:
            raise ClosedChannelError(mass, f"the numbers of {', '.join(self.mesons)} are all 0")
        spectrum = meson_fit if self.spectrum == "fit" else meson_table
        rows = [
            (species(m).mass, species("pi0").mass if m == "omega" else 0.0, self.number(m) * decay_fraction(m, mass))
            for m in self.mesons
        ]
        return meson_arrays(rows, spectrum("pi0"), mass)

    def draw(self, seed: Any, events: Any, arrays: MesonArrays, second: float, made: Any) -> int:
        """See `draw_mesons`."""
        return int(draw_mesons(seed, events, arrays, second, made))

    def leading_nucleon(self, cascade: Cascade) -> float:
        """Protons and neutrons alike make mesons."""
        return cascade.nucleons


def meson_arrays(rows: list[tuple[float, float, FloatArray]], grid: Spectrum, hidden: float) -> MesonArrays:
    """Bins to draw from, forward mesons more often than they come.

    Parameters
    ----------
    rows : per decay the mass of the meson, of what goes with the hidden particle (MeV), and how often, in bins of `grid`
    hidden : mass of the hidden particle (MeV)
    """
    true = np.stack([number for _, _, number in rows])
    true /= true.sum()
    p = 10.0 ** (0.5 * (grid.log_p[1:] + grid.log_p[:-1]))[:, None]
    theta = 10.0 ** (0.5 * (grid.log_theta[1:] + grid.log_theta[:-1]))[None, :]
    forward = (p / (p + _FORWARD_MOMENTUM)) ** 2 / (1.0 + (theta / _FORWARD_ANGLE) ** 2)
    drawn = true * (TRUE_SHARE + (1.0 - TRUE_SHARE) * forward / (true * forward).sum())
    weight = np.divide(true, drawn, out=np.zeros_like(true), where=drawn > 0.0)
    cumulative = np.cumsum(drawn.ravel())
    return MesonArrays(
        cumulative=cumulative / cumulative[-1],
        weight=weight.ravel(),
        mass=np.array([parent for parent, _, _ in rows]),
        recoil=np.array([recoil for _, recoil, _ in rows]),
        log_p=grid.log_p,
        log_theta=grid.log_theta,
        hidden=hidden,
    )


@formula
def find_bin(cumulative: Any, u: float) -> int:
    """The first bin whose cumulative probability exceeds u."""
    low, high = 0, cumulative.size - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


@formula
def momentum_in_bin(log_p: Any, log_theta: Any, row: int, u: float, v: float, w: float) -> tuple[float, float, float]:
    """Momentum of a parent in a bin of a spectrum: its size, its angle and the turn about z by three uniforms.

    ``row`` : number of the bin, angles first
    """
    n_theta = log_theta.size - 1
    a, t = row // n_theta, row % n_theta
    p = exp(_LN10 * (log_p[a] + u * (log_p[a + 1] - log_p[a])))
    theta = exp(_LN10 * (log_theta[t] + v * (log_theta[t + 1] - log_theta[t])))
    sine, cosine = sincos_turns(theta * _TURN)
    sp, cp = sincos_turns(w)
    return p * sine * cp, p * sine * sp, p * cosine


@kernel
def draw_mesons(seed: int, events: Any, b: MesonArrays, second: float, made: Any) -> int:
    """Draw mesons made by protons along z and let them decay, isotropically in their rest frames.

    Parameters
    ----------
    events : (n,) event numbers
    second : probability that the leading nucleon of a first collision made it, with a flat share of the momentum
    made : (9, n) receives px, py, pz of the hidden particle; px, py, pz, E of the meson (MeV); the weight; the
        proton's momentum over that of the beam

    Returns
    -------
    0, the number of failures
    """
    u, raw = np.empty((8, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.zeros(_BLOCK, dtype=np.int64)
    n_bins = (b.log_p.size - 1) * (b.log_theta.size - 1)
    for begin in range(0, events.size, _BLOCK):
        block = events[begin : begin + _BLOCK]
        fill_uniforms(seed, STREAM_DUMP, group, block, raw, u)
        for j in range(block.size):
            i = begin + j
            stretch = max(u[7, j], 1e-3) if u[6, j] < second else 1.0
            k = find_bin(b.cumulative, u[0, j])
            meson, row = k // n_bins, k % n_bins
            px, py, pz = momentum_in_bin(b.log_p, b.log_theta, row, u[1, j], u[2, j], u[3, j])
            pz *= stretch
            mass, q = b.mass[meson], two_body_momentum(b.mass[meson], b.recoil[meson], b.hidden)
            energy = np.sqrt(px * px + py * py + pz * pz + mass * mass)
            c = 1.0 - 2.0 * u[4, j]
            s = q * np.sqrt(1.0 - c * c)
            sd, cd = sincos_turns(u[5, j])
            own = np.sqrt(q * q + b.hidden * b.hidden)
            x, y, z, _ = boost(s * cd, s * sd, q * c, own, px, py, pz, energy, mass)
            made[0, i], made[1, i], made[2, i] = x, y, z
            made[3, i], made[4, i], made[5, i], made[6, i] = px, py, pz, energy
            made[7, i], made[8, i] = b.weight[k], stretch
    return 0
