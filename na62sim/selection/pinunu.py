"""The K+ -> pi+ nu nubar selection and its K2pi normalisation.

Cuts in the order of NA62's analyses (2016: PLB 791 (2019) 156; 2017: JHEP 11 (2020) 042; 2018: JHEP 06 (2021) 093);
windows, momentum ranges and the upstream cut come with the geometry file of the data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hepunits import GeV, m, mm, mrad

from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.geometry.annulus import on_annulus
from na62sim.geometry.dataset import Guard
from na62sim.geometry.lkr import lkr_arrays, on_lkr
from na62sim.sample.table import Array, Table
from na62sim.selection.cut import Cut, CutFunction, Selection
from na62sim.selection.ledger import ledger

GeV2 = GeV * GeV


def inside(x: Array, interval: Sequence[Any], unit: float = 1.0) -> Array:
    """Whether x lies in [low, high) times a unit; the ends are numbers, or arrays like x."""
    return np.asarray((x >= interval[0] * unit) & (x < interval[1] * unit))


def track_cuts(d: Detector, p_range: Sequence[float] | None = None) -> list[Cut]:
    """One downstream track in all four chambers, in a momentum range, matched in CHOD, NewCHOD, RICH and LKr.

    The momentum comes first, so that what is far outside its range need not be simulated further.
    """
    lkr = lkr_arrays(d)

    def calorimeter(t: Table) -> Array:
        x, y = t["lkr_x"], t["lkr_y"]
        return np.asarray(on_lkr(x, y, lkr) & (x * x + y * y > lkr.track_radius**2))

    def rich(t: Table) -> Array:
        r = d.rich
        front = (t["rich_x_front"] - r.hole_x_front_mm) ** 2 + t["rich_y_front"] ** 2
        back = (t["rich_x_back"] - r.hole_x_back_mm) ** 2 + t["rich_y_back"] ** 2
        radii = r.radius_min_mm * mm, r.radius_max_mm * mm
        return np.asarray(on_annulus(front, *radii) & on_annulus(back, *radii))

    def counters(t: Table) -> Array:
        new, chod = d.newchod, d.chod
        ok = on_annulus(t["newchod_r"] ** 2, new.radius_min_mm * mm, new.radius_max_mm * mm)
        return np.asarray(ok & on_annulus(t["chod_r"] ** 2, chod.radius_min_mm * mm, chod.radius_max_mm * mm))

    def muv3(t: Table) -> Array:
        x, y = np.abs(t["muv3_x"]), np.abs(t["muv3_y"])
        side, hole = d.muv3.half_side_mm, d.muv3.radius_min_mm
        return np.asarray((x < side) & (y < side) & (x * x + y * y > hole * hole))

    return [
        Cut("one STRAW track", lambda t: np.asarray(t["n_tracks"] == 1)) if p_range is None else _momentum_cut(p_range),
        Cut("positive charge", lambda t: np.asarray(t["charge"] > 0)),
        Cut("fit chi2 < 20", lambda t: np.asarray(t["chi2"] < 20.0)),
        Cut(
            "STRAW acceptance",
            lambda t: np.asarray(
                (t["r_chambers"] < d.straw.radius_mm * mm) & (t["hole_clearance"] > d.straw.hole_half_size_mm * mm)
            ),
        ),
        Cut("RICH acceptance", rich),
        Cut("NewCHOD and CHOD acceptance", counters),
        Cut("LKr acceptance", calorimeter),
        Cut("MUV3 acceptance", muv3),
        Cut("NewCHOD matched", lambda t: np.asarray(t["newchod_matched"] > 0), thrown=("newchod",)),
        Cut("CHOD matched", lambda t: np.asarray(t["chod_matched"] > 0), thrown=("chod",)),
        Cut("LKr matched", lambda t: np.asarray(t["lkr_matched"] > 0)),
    ]


def beam_cuts(d: Detector) -> list[Cut]:
    """KTAG kaon, GTK track, K-pi association, vertex, and the upstream cut."""
    up, a = d.upstream, d.gtk.association

    def kaon(t: Table) -> Array:
        direction = inside(t["gtk_dxdz"], a.accepted_slope_x_mrad, mrad) & inside(
            t["gtk_dydz"], a.accepted_slope_y_mrad, mrad
        )
        return np.asarray(inside(t["gtk_p"], a.accepted_momentum_GeV, GeV) & direction)

    cuts = [
        Cut("KTAG >= 5 sectors", lambda t: np.asarray(t["ktag_sectors"] >= d.ktag.min_sectors), thrown=("ktag",)),
        Cut("GTK track", lambda t: np.asarray(t["n_gtk"] > 0)),
        Cut("K-pi association", lambda t: np.asarray(t["gtk_associated"] > 0), thrown=("gtk",)),
        Cut("GTK momentum and direction", kaon),
        Cut("CDA < 4 mm", lambda t: np.asarray(t["cda"] < d.pinunu.cda_mm * mm)),
        Cut("vertex in the fiducial volume", lambda t: inside(t["vertex_z"], d.pinunu.vertex_z_m, m)),
        Cut("no CHANTI activity", lambda t: np.asarray(t["n_chanti"] == 0), thrown=("chanti",)),
    ]
    if up.method == "box":
        cuts.append(
            Cut(
                "upstream: outside the box",
                lambda t: np.asarray(
                    (np.abs(t["collimator_x"]) > up.half_x_mm) | (np.abs(t["collimator_y"]) > up.half_y_mm)
                ),
            )
        )
    else:
        cuts.append(Cut("upstream: multivariate", lambda t: np.ones(len(t), dtype=bool), factor=up.efficiency))
    return cuts


def pion_cuts(d: Detector) -> list[Cut]:
    """Pion identification: RICH ring, mass and likelihood, calorimeters (E/p is part of them), no MUV3."""
    return [
        Cut("RICH ring, >= 4 hits", lambda t: np.asarray((t["n_rings"] > 0) & (t["ring_hits"] >= d.rich.min_hits))),
        Cut("RICH mass", lambda t: inside(t["rich_mass"], d.pinunu.rich_mass_MeV), thrown=("ring",)),
        Cut("RICH likelihood", lambda t: np.asarray(t["rich_pion_like"] > 0), thrown=("rich",)),
        Cut("calorimeter identification", lambda t: np.asarray(t["lkr_pion_like"] > 0), thrown=("lkr",)),
        Cut("no MUV3", lambda t: np.asarray(t["muv3_matched"] == 0)),
    ]


def veto_cuts(d: Detector) -> list[Cut]:
    """Photon and multiplicity veto."""
    slabs = d.multiplicity.chod_slabs_max

    def alone(t: Table) -> Array:
        return np.asarray((t["n_coincidences"] == 0) & (2.0 * t["chod_extra"] <= slabs))

    return [
        Cut(
            "no LKr cluster away from the track",
            lambda t: np.asarray((t["lkr_extra"] == 0) & (t["lkr_merged"] == 0)),
            thrown=("quiet",),
        ),
        Cut("no LAV", lambda t: np.asarray(t["n_lav"] == 0)),
        Cut("no IRC, SAC", lambda t: np.asarray(t["n_irc_sac"] == 0)),
        Cut("no segment of another particle", lambda t: np.asarray(t["n_segments"] == 0)),
        Cut("no HASC, no other NewCHOD hit", lambda t: np.asarray((t["n_hasc"] == 0) & (t["newchod_extra"] == 0))),
        Cut("no MUV0", lambda t: np.asarray(t["n_muv0"] == 0)),
        Cut("no other particle in CHOD, NewCHOD, LKr", alone),
    ]


def momentum_edges(*ranges: Sequence[float], step: float) -> list[float]:
    """Edges (MeV) of momentum bins of ``step`` GeV/c that cover the ranges (GeV/c)."""
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    n = max(round((high - low) / step), 1)
    return [float((low + k * (high - low) / n) * GeV) for k in range(n + 1)]


def guarded(t: Table | Mapping[str, Array], column: str, guard: Guard) -> Array:
    """Whether a second missing mass is in its window at the momentum of each candidate."""
    k = np.searchsorted(np.asarray(guard.p_edges_GeV) * GeV, t["p"], side="right")
    return inside(t[column], (np.asarray(guard.low_GeV2)[k], np.asarray(guard.high_GeV2)[k]), GeV2)


def _region(p_range: Sequence[float], main: Sequence[float], rich: Guard, beam: Guard) -> CutFunction:
    def region(t: Table) -> Array:
        found = inside(t["p"], p_range, GeV) & inside(t["m2_miss"], main, GeV2)
        rows = np.flatnonzero(found)  # few: the other masses are looked at where they decide
        some = {name: t[name][rows] for name in ("p", "m2_rich", "m2_beam")}
        found[rows] = guarded(some, "m2_rich", rich) & guarded(some, "m2_beam", beam)
        return np.asarray(found)

    return region


def _window(p_range: Sequence[float], m2: Sequence[float]) -> CutFunction:
    return lambda t: np.asarray(inside(t["p"], p_range, GeV) & inside(t["m2_miss"], m2, GeV2))


def kmu2_band(p: Any, beam: float = 75.0 * GeV) -> Any:
    """m2_miss (MeV^2) of K+ -> mu+ nu under the pion hypothesis, at track momentum p for kaon momentum ``beam`` (MeV/c).

    For relativistic tracks: (m_pi^2 - m_mu^2)(1 - p_K/p).
    """
    return (species("pi+").mass ** 2 - species("mu+").mass ** 2) * (1.0 - beam / p)


def mu_nu_band(d: Detector, t: Table) -> Array:
    """Upper edge (MeV^2) of the K mu2 band: three standard deviations of m2_miss (1e-3 GeV^2 each) above its centre."""
    return np.asarray(kmu2_band(t["p"], d.beam.momentum_GeV * GeV) + 3e-3 * GeV2)


def pinunu(d: Detector) -> Selection:
    """K+ -> pi+ nu nubar: signal regions R1 and R2, control regions beside them."""
    s = d.pinunu
    r1, r2 = s.r1_p_GeV, s.r2_p_GeV
    whole = (min(r1[0], r2[0]), max(r1[1], r2[1]))
    regions: dict[str, CutFunction] = {
        "R1": _region(r1, s.r1_GeV2, s.rich_guard_r1, s.beam_guard_r1),
        "R2": _region(r2, s.r2_GeV2, s.rich_guard_r2, s.beam_guard_r2),
    }
    if s.r2_alternative_p_GeV is not None:
        regions["R2 alternative p"] = _region(s.r2_alternative_p_GeV, s.r2_GeV2, s.rich_guard_r2, s.beam_guard_r2)
    windows = {
        "control 2pi low": s.control_2pi_low_GeV2,
        "control 2pi high": s.control_2pi_high_GeV2,
        "control 3pi": s.control_3pi_GeV2,
    }
    for name, window in windows.items():
        regions[name] = _window(whole, window)
    regions["control mu nu"] = lambda t: np.asarray(
        inside(t["p"], whole, GeV) & (t["m2_miss"] > mu_nu_band(d, t)) & (t["m2_miss"] < 0.0)
    )
    return Selection(
        "pinunu",
        [*track_cuts(d, whole), *beam_cuts(d), *pion_cuts(d), *veto_cuts(d)],
        regions,
        signal=("R1", "R2"),
        bin_column="p",
        bin_edges=momentum_edges(r1, r2, step=s.momentum_bin_GeV),
        ledger=ledger(d, normalisation=False),
        tracks=(1, 1),
    )


def k2pi(d: Detector) -> Selection:
    """The normalisation: K2pi by its missing mass, without photon and multiplicity veto."""
    s = d.pinunu
    p_range = s.normalisation_p_GeV
    regions: dict[str, CutFunction] = {
        "normalisation": lambda t: inside(t["p"], p_range, GeV) & inside(t["m2_miss"], s.normalisation_GeV2, GeV2)
    }
    if s.r2_alternative_p_GeV is not None:
        other = s.r2_alternative_p_GeV
        regions["normalisation alternative p"] = lambda t: np.asarray(
            inside(t["p"], other, GeV) & inside(t["m2_miss"], s.normalisation_GeV2, GeV2)
        )
    return Selection(
        "k2pi",
        [*track_cuts(d, p_range), *beam_cuts(d), *pion_cuts(d)],
        regions,
        signal=("normalisation",),
        bin_column="p",
        bin_edges=momentum_edges(p_range, step=s.momentum_bin_GeV),
        ledger=ledger(d, normalisation=True),
        tracks=(1, 1),
    )


def _momentum_cut(p_range: Sequence[float]) -> Cut:
    """One track in the range; of events with more no momentum is asked, so that files and chains count the same."""
    name = f"one STRAW track, {p_range[0]:g} < p < {p_range[1]:g} GeV/c"
    window = p_range[0] * GeV, p_range[1] * GeV
    return Cut(name, lambda t: np.asarray((t["n_tracks"] == 1) & inside(t["p"], p_range, GeV)), momentum=window)
