"""K+ -> pi+ e+ e- e+ e-: signal, dark cascades, the normalisation pi0 -> e+ e- e+ e-; and K+ -> pi+ pi+ pi-.

Cuts in the order of NA62, PLB 846 (2023) 138193 (recalled); numbers come from the block ``pi4e`` of the geometry.
Triggers stay outside: they are counted behind, for signal and normalisation alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from hepunits import GeV, MeV, m, mm

from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.sample.table import Array, Table
from na62sim.selection.cut import ANY, Cut, CutFunction, Selection
from na62sim.selection.ledger import multi_track_ledger
from na62sim.selection.pinunu import inside

TABLE = "reco/vertices"


def m_ee_resolution(d: Detector, mass: float) -> float:
    """Resolution of the mass (MeV) of an e+ e- pair from a vertex of five tracks."""
    return math.hypot(d.pi4e.m_ee_resolution_MeV, d.pi4e.m_ee_resolution_relative * mass)


def vertex_cuts(d: Detector, tracks: int) -> list[Cut]:
    """So many tracks of charge +1 with a common vertex, apart in the first chamber."""
    s, straw = d.pi4e, d.straw
    name = {3: "three", 5: "five"}[tracks]
    return [
        Cut(f"{name} STRAW tracks, charge +1", lambda t: np.asarray((t["n_vertex"] == tracks) & (t["charge"] == 1))),
        Cut(
            "STRAW acceptance",
            lambda t: np.asarray(
                (t["r_max"] < straw.radius_mm * mm) & (t["hole_clearance"] > straw.hole_half_size_mm * mm)
            ),
        ),
        Cut(
            "common vertex in the fiducial volume",
            lambda t: inside(t["z"], s.vertex_z_m, m) & (t["chi2"] < s.vertex_chi2_max),
        ),
        Cut(
            f"every track p > {s.track_momentum_min_GeV:g} GeV/c",
            lambda t: np.asarray(t["p_min"] > s.track_momentum_min_GeV * GeV),
        ),
        Cut(
            f"pairs {s.pair_distance_mm:g} mm apart in STRAW 1",
            lambda t: np.asarray(t["pair_distance"] > s.pair_distance_mm * mm),
        ),
    ]


def beam_cuts(d: Detector) -> list[Cut]:
    """All of the kaon's momentum, and the kaon at KTAG."""
    s = d.pi4e
    return [
        Cut(
            f"total momentum within {s.total_momentum_GeV:g} GeV/c of the beam",
            lambda t: np.asarray(np.abs(t["p"] - d.beam.momentum_GeV * GeV) < s.total_momentum_GeV * GeV),
        ),
        Cut(f"pT < {s.pt_max_MeV:g} MeV/c", lambda t: np.asarray(t["pt"] < s.pt_max_MeV * MeV)),
        Cut("KTAG >= 5 sectors", lambda t: np.asarray(t["ktag_sectors"] >= d.ktag.min_sectors)),
    ]


def _identified(d: Detector, t: Table) -> Array:
    """pi+ at the LKr below, electrons above the E/p threshold where they reach it; no ring of the other particle.

    A track whose cluster merges with that of another one is not required to be identified.
    """
    limit = d.lkr.electron_eop_min
    good = np.asarray((t["lkr_1"] > 0) & (t["eop_1"] < limit))
    good &= ~_other_ring(t, "ring_pi_1", "ring_e_1")
    for k in range(2, 6):
        good &= (t[f"lkr_{k}"] == 0) | (t[f"eop_{k}"] > limit) | (t[f"eop_{k}"] < 0.0)
        good &= ~_other_ring(t, f"ring_e_{k}", f"ring_pi_{k}")
    return good


def _other_ring(t: Table, own: str, other: str) -> Array:
    """A ring that is the other particle's: closer to its radius, the two radii being two standard deviations apart."""
    a, b = t[own], t[other]
    return np.asarray((np.abs(a - b) > 2.0) & (np.abs(b) < np.abs(a)))


def event_cuts(d: Detector) -> list[Cut]:
    """No photon, particles identified, the kaon's mass."""
    window = d.pi4e.mass_window_MeV * MeV
    kaon = species("K+").mass
    return [
        Cut(
            "no photon",
            lambda t: np.asarray((t["lkr_extra"] == 0) & (t["n_lav"] == 0) & (t["n_irc_sac"] == 0)),
        ),
        Cut("pi+ and four electrons", lambda t: _identified(d, t)),
        Cut(
            f"|m(pi4e) - m_K| < {d.pi4e.mass_window_MeV:g} MeV",
            lambda t: np.asarray(np.abs(t["m_pi4e"] - kaon) < window),
        ),
    ]


def _in_peak(d: Detector) -> CutFunction:
    return lambda t: inside(t["m_4e"], d.pi4e.pi0_window_MeV, MeV)


def _outside_peak(d: Detector) -> Cut:
    low, high = d.pi4e.pi0_window_MeV
    peak = _in_peak(d)
    return Cut(f"m_4e outside {low:g} to {high:g} MeV", lambda t: ~peak(t))


def _windows(d: Detector) -> dict[str, CutFunction]:
    """Parts of the signal selection that are counted apart: m_4e above the peak alone."""
    least = d.pi4e.window_m_4e_min_MeV
    if least is None:
        return {}
    return {f"m_4e > {least:g} MeV": lambda t: np.asarray(t["m_4e"] > least * MeV)}


def _pairs(d: Detector) -> list[Cut]:
    """A least mass of both pairs, where the data set has one; that of the lighter pair is ``m_ee2``."""
    least = d.pi4e.m_ee_min_MeV
    if least == 0.0:
        return []
    return [Cut(f"both m_ee > {least:g} MeV", lambda t: np.asarray(t["m_ee2"] > least * MeV))]


def _common(d: Detector) -> list[Cut]:
    return [*vertex_cuts(d, 5), *beam_cuts(d), *event_cuts(d)]


def _signal_cuts(d: Detector) -> list[Cut]:
    return [*_common(d), _outside_peak(d), *_pairs(d)]


def _selection(
    name: str, d: Detector, cuts: Sequence[Cut], tracks: int = 5, windows: Mapping[str, CutFunction] | None = None
) -> Selection:
    return Selection(
        name, cuts, windows or {}, ledger=multi_track_ledger(d, tracks), candidates=TABLE, tracks=(tracks, ANY)
    )


def pi4e(d: Detector) -> Selection:
    """K+ -> pi+ e+ e- e+ e-: five tracks, all of the kaon, m_4e outside the pi0 peak."""
    return _selection("pi4e", d, _signal_cuts(d), windows=_windows(d))


def k2pi4e(d: Detector) -> Selection:
    """The normalisation: K+ -> pi+ pi0, pi0 -> e+ e- e+ e-, inside the pi0 peak."""
    low, high = d.pi4e.pi0_window_MeV
    return _selection("k2pi-4e", d, [*_common(d), Cut(f"m_4e in {low:g} to {high:g} MeV", _in_peak(d))])


def _mass_cuts(d: Detector, name: str, mass: float | None) -> list[Cut]:
    """Both pairs of one mass, and of a given one."""
    n = d.pi4e.window_sigmas

    def equal(t: Table) -> Array:
        r = np.hypot(d.pi4e.m_ee_resolution_MeV, d.pi4e.m_ee_resolution_relative * 0.5 * (t["m_ee1"] + t["m_ee2"]))
        return np.asarray(t["m_ee1"] - t["m_ee2"] < math.sqrt(2.0) * n * r * MeV)

    cuts = [Cut("pairs of equal mass", equal)]
    if mass is not None:
        width = n * m_ee_resolution(d, mass) * MeV

        def near(t: Table) -> Array:
            return np.asarray((np.abs(t["m_ee1"] - mass) < width) & (np.abs(t["m_ee2"] - mass) < width))

        cuts.append(Cut(f"both m_ee within {width:.2f} MeV of {name} = {mass:g} MeV", near))
    return cuts


def kpiaa(d: Detector, m_a: float | None = None) -> Selection:
    """K+ -> pi+ a a, a -> e+ e-: both pairs of one mass, that of a if it is given."""
    _check("m_a", m_a)
    return _selection("kpiaa", d, [*_signal_cuts(d), *_mass_cuts(d, "m_a", m_a)], windows=_windows(d))


def kpis(d: Detector, m_S: float | None = None, m_Aprime: float | None = None) -> Selection:
    """K+ -> pi+ S, S -> A' A', A' -> e+ e-: pairs of one mass, and m_4e near m_S, as far as the masses are given."""
    _check("m_S", m_S)
    _check("m_Aprime", m_Aprime)
    if m_S is not None and m_Aprime is not None and m_S < 2.0 * m_Aprime:
        raise ValueError(f"m_S = {m_S:g} MeV: it must be at least 2 m_Aprime = {2.0 * m_Aprime:g} MeV")
    cuts = [*_signal_cuts(d), *_mass_cuts(d, "m_Aprime", m_Aprime)]
    if m_S is not None:
        width = d.pi4e.window_sigmas * m_ee_resolution(d, m_S) * MeV
        cuts.append(
            Cut(
                f"m_4e within {width:.2f} MeV of m_S = {m_S:g} MeV",
                lambda t: np.asarray(np.abs(t["m_4e"] - m_S) < width),
            )
        )
    return _selection("kpis", d, cuts, windows=_windows(d))


def k3pi(d: Detector) -> Selection:
    """K+ -> pi+ pi+ pi-: three tracks with the mass of the kaon, for checks of the resolution."""
    kaon, window = species("K+").mass, d.pi4e.mass_window_MeV * MeV
    mass = Cut(
        f"|m(3pi) - m_K| < {d.pi4e.mass_window_MeV:g} MeV", lambda t: np.asarray(np.abs(t["m_3pi"] - kaon) < window)
    )
    return _selection("k3pi", d, [*vertex_cuts(d, 3), *beam_cuts(d), mass], tracks=3)


def _check(name: str, mass: float | None) -> None:
    if mass is not None and not 0.0 < mass < species("K+").mass:
        raise ValueError(f"{name} = {mass:g} MeV: it must lie between 0 and the kaon mass")
