"""The selections of the beam dump: A' -> mu+ mu-, e+ e-, pi+ pi- and K+ K- behind the TAX.

Two tracks of opposite charge with a vertex in the fiducial volume, identified by E/p and MUV3, and nothing else in the
event. The line of the pair through its vertex is extrapolated to the line of the protons: the signal comes from the
TAX. Windows and regions are those of the geometry (blocks dimuon, dielectron, dipion, dikaon). No cut on the trigger: its
bits are recorded, dump_h2 is the one of two particles.
"""

from __future__ import annotations

import numpy as np
from hepunits import GeV, m, mm, ns

from na62sim.core.constants import KICK_PER_TM
from na62sim.geometry import Detector
from na62sim.geometry.dump import Dilepton, Dump
from na62sim.sample.table import Array, Table
from na62sim.selection.cut import Cut, Loss, Selection
from na62sim.selection.pinunu import inside


def primary_vertex(t: Table, dump: Dump) -> tuple[Array, Array]:
    """Closest approach of the pair's line to the line of the protons: z (mm) and distance (mm).

    The protons run parallel to z, so the two closest points have the same z.
    """
    dx, dy = t["x"] - dump.x_mm * mm, t["y"] - dump.y_mm * mm
    sx, sy = t["px"] / t["pz"], t["py"] / t["pz"]
    slope2 = np.maximum(sx * sx + sy * sy, 1e-18)
    z = t["z"] - (dx * sx + dy * sy) / slope2
    return np.asarray(z), np.asarray(np.abs(dx * sy - dy * sx) / np.sqrt(slope2))


def pair_mass(t: Table, plus: float, minus: float) -> Array:
    """Invariant mass (MeV) of the two tracks for masses of the positive and the negative one (MeV)."""
    energy = sum(np.sqrt(t[f"p_{k}"] ** 2 + mass**2) for k, mass in ((1, plus), (2, minus)))
    square = energy**2 - sum((t[f"{axis}_1"] + t[f"{axis}_2"]) ** 2 for axis in ("px", "py", "pz"))
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def lkr_separation(t: Table, d: Detector) -> Array:
    """Distance (mm) of the two tracks at the front of the LKr: straight lines from their vertex, bent in the magnet's centre."""
    magnet, front = d.field.mnp33, d.lkr.z_m * m
    kick = -KICK_PER_TM * magnet.integral_Tm
    slopes = [
        (t[f"px_{k}"] / t[f"pz_{k}"], t[f"py_{k}"] / t[f"pz_{k}"], kick * t[f"charge_{k}"] / t[f"pz_{k}"])
        for k in (1, 2)
    ]
    (ax, ay, a), (bx, by, b) = slopes
    x = (ax - bx) * (front - t["z"]) + (a - b) * (front - magnet.center_z_m * m)
    return np.asarray(np.hypot(x, (ay - by) * (front - t["z"])))


def in_signal(z: Array, distance: Array, w: Dilepton) -> Array:
    """Whether a primary vertex (mm) lies in the signal region, a box or an ellipse."""
    low, high = w.signal_z_m
    if w.signal_shape == "box":
        return np.asarray(inside(z, w.signal_z_m, m) & (distance < w.signal_cda_mm * mm))
    across = (z / m - 0.5 * (low + high)) / (0.5 * (high - low))
    return np.asarray(across**2 + (distance / (w.signal_cda_mm * mm)) ** 2 < 1.0)


def in_control(z: Array, distance: Array, w: Dilepton) -> Array:
    """Whether a primary vertex (mm) lies in the control region, the signal region apart."""
    around = inside(z, w.control_z_m, m) & (distance < w.control_cda_mm * mm)
    return np.asarray(around & ~in_signal(z, distance, w))


def _both(t: Table, name: str) -> tuple[Array, Array]:
    return t[f"{name}_1"], t[f"{name}_2"]


def _each(t: Table, *names: str) -> Array:
    """Whether both tracks have all the flags."""
    ok = np.ones(len(t), dtype=bool)
    for name in names:
        a, b = _both(t, name)
        ok &= (a > 0) & (b > 0)
    return ok


def _cuts(d: Detector, w: Dilepton) -> list[Cut]:
    """Cuts in order; identification between acceptance and vertex."""
    muons = w.muv3 > 0

    def planes(t: Table) -> Array:
        return _each(t, "newchod", "chod", "lkr")

    def energy(t: Table) -> Array:
        a, b = _both(t, "eop")
        return inside(a, w.energy_over_momentum) & inside(b, w.energy_over_momentum)

    def muv3(t: Table) -> Array:
        a, b = _both(t, "muv3")
        return np.asarray((a > 0) & (b > 0)) if muons else np.asarray((a == 0) & (b == 0))

    cuts = [
        Cut("two STRAW tracks, charges + and -", lambda t: np.asarray((t["n_vertex"] == 2) & (t["n_tracks"] == 2))),
        Cut(f"p > {w.momentum_min_GeV:g} GeV", lambda t: np.asarray(t["p_min"] > w.momentum_min_GeV * GeV)),
        Cut(
            "STRAW acceptance",
            lambda t: np.asarray(
                (t["r_max"] < d.straw.radius_mm * mm) & (t["hole_clearance"] > d.straw.hole_half_size_mm * mm)
            ),
        ),
        Cut("NewCHOD, CHOD and LKr acceptance", planes),
        Cut(f"tracks within {w.time_window_ns:g} ns", lambda t: np.asarray(t["time_spread"] < w.time_window_ns * ns)),
        Cut(f"E/p in {w.energy_over_momentum[0]:g} to {w.energy_over_momentum[1]:g}", energy),
        Cut("MUV3 signal of each" if muons else "no MUV3 signal", muv3),
        Cut("vertex in the fiducial volume", lambda t: inside(t["z"], w.vertex_z_m, m)),
        Cut(f"vertex chi2 < {w.vertex_chi2_max:g}", lambda t: np.asarray(t["chi2"] < w.vertex_chi2_max)),
        Cut("no LAV", lambda t: np.asarray(t["n_lav"] == 0)),
        Cut("no IRC, SAC", lambda t: np.asarray(t["n_irc_sac"] == 0)),
    ]
    if w.lkr_separation_mm > 0.0:
        least = w.lkr_separation_mm
        cuts.append(
            Cut(f"tracks > {least:g} mm apart at the LKr", lambda t: np.asarray(lkr_separation(t, d) > least * mm))
        )
    return cuts


def _ledger(d: Detector, w: Dilepton) -> list[Loss]:
    """Losses: all simulated, apart from what has no number."""
    losses = [
        Loss("geometry, momentum, E/p, vertex, regions", "simulated", None, 0.0, "derived", "transport and fit"),
        Loss("lead glass crossed before STRAW 1", "simulated", None, 0.0, "derived", "transport"),
    ]
    for name, path in (("NewCHOD, per track", "newchod.efficiency"), ("CHOD, per track", "chod.efficiency")):
        losses.append(Loss(name, "factor", float(d.quantity(path).numbers[0]), 0.0, *_words(d, path)))
    if w.muv3:
        losses.append(Loss("MUV3, per muon", "dice", d.muv3.efficiency, 0.0, *_words(d, "muv3.efficiency")))
    source = "no published number: random veto of LAV, IRC, SAC and ANTI-0 in dump mode is taken as 1"
    losses.append(Loss("random veto", "factor", None, 0.0, "assumed", source))
    return losses


def _words(d: Detector, path: str) -> tuple[str, str]:
    entry = d.quantity(path)
    return entry.tag, entry.source


def _dilepton(d: Detector, name: str, w: Dilepton | None) -> Selection:
    if w is None or d.dump is None:
        raise ValueError(f"selection '{name}': the geometry {d.name} has no dump; dump-2021 has one")
    dump = d.dump
    return Selection(
        name,
        _cuts(d, w),
        regions={
            "signal": lambda t: in_signal(*primary_vertex(t, dump), w),
            "control": lambda t: in_control(*primary_vertex(t, dump), w),
        },
        signal=("signal",),
        ledger=_ledger(d, w),
        candidates="vertices",
        tracks=(2, 2),
    )


def dimuon(d: Detector) -> Selection:
    """A' -> mu+ mu- behind the beam dump."""
    return _dilepton(d, "dimuon", d.dimuon)


def dipion(d: Detector) -> Selection:
    """A' -> pi+ pi- behind the beam dump: no electron by E/p, no muon by MUV3."""
    return _dilepton(d, "dipion", d.dipion)


def dikaon(d: Detector) -> Selection:
    """A' -> K+ K- behind the beam dump; the mass hypothesis is all that it has of its own."""
    return _dilepton(d, "dikaon", d.dikaon)


def dielectron(d: Detector) -> Selection:
    """A' -> e+ e- behind the beam dump."""
    return _dilepton(d, "dielectron", d.dielectron)
