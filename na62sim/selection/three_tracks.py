"""K+ -> pi mu mu and K+ -> pi e e, of both charges of the pion, and K+ -> pi+ pi+ pi-, with three tracks in all detectors.

Cuts of NA62's three-track analyses (arXiv:1905.07770, recalled); numbers come from the block ``three_tracks`` of the
geometry. Cluster and MUV3 hits alone, not the charge, say what a track is: one pion and two leptons. The charge of the
pion makes the regions: pi+ l+ l- conserves lepton number, pi- l+ l+ violates it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
from hepunits import GeV, MeV, m, mm

from na62sim.core.constants import KICK
from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.geometry.dataset import ThreeTracks
from na62sim.geometry.field import field_map
from na62sim.sample.table import Array, Table
from na62sim.selection.cut import ANY, Cut, Loss, Selection
from na62sim.selection.ledger import _entry, multi_track_ledger
from na62sim.selection.pinunu import inside

_TRACKS = (1, 2, 3)
Which = Callable[[Table], Array]
"""Which of three tracks are leptons: (3, n) bool, of the candidates of a table."""


def kpimumu(d: Detector) -> Selection:
    """K+ -> pi+ mu+ mu- and K+ -> pi- mu+ mu+: three tracks in all detectors, muons by MUV3, the kaon's mass."""
    s = _block(d, "kpimumu")

    def muons(t: Table) -> Array:
        return np.stack([t[f"muv3_{k}"] > 0.0 for k in _TRACKS])

    def one_pion(t: Table) -> Array:
        quiet = [inside(t[f"eop_{k}"], (0.0, s.hadron_eop_max)) for k in _TRACKS]
        return np.asarray((muons(t).sum(axis=0) == 2) & np.all(quiet, axis=0))

    cut = Cut(f"two tracks with MUV3, one without, E/p < {s.hadron_eop_max:g}", one_pion)
    losses = [
        _entry(d, "MUV3, per muon", "muv3.efficiency", tracks=2),
        _entry(d, "MUV3 silent at the pion", "muv3.pion_quiet_efficiency"),
    ]
    return _of_leptons(d, s, "kpimumu", "mu", muons, cut, losses)


def kpiee(d: Detector) -> Selection:
    """K+ -> pi+ e+ e- above the pi0 and K+ -> pi- e+ e+: three tracks in all detectors, electrons by E/p, the kaon's mass."""
    s = _block(d, "kpiee")
    low, high = s.electron_eop

    def electrons(t: Table) -> Array:
        return np.stack([inside(t[f"eop_{k}"], s.electron_eop) for k in _TRACKS])

    def one_pion(t: Table) -> Array:
        pions = np.stack([inside(t[f"eop_{k}"], (0.0, s.hadron_eop_max)) for k in _TRACKS])
        return np.asarray((electrons(t).sum(axis=0) == 2) & (pions.sum(axis=0) == 1))

    cut = Cut(f"two tracks with E/p in {low:g} to {high:g}, one below {s.hadron_eop_max:g}", one_pion)
    losses = [_entry(d, "LKr cluster, per electron", "lkr.efficiency", tracks=2)]
    return _of_leptons(d, s, "kpiee", "e", electrons, cut, losses, s.m_ee_min_MeV)


def k3pi_lkr(d: Detector) -> Selection:
    """K+ -> pi+ pi+ pi-: three tracks in all detectors with the mass of the kaon, not identified."""
    s = _block(d, "k3pi-lkr")
    mass = _mass_cut("m(3pi)", lambda t: np.asarray(t["m_3pi"]), s)
    cuts = [*_track_cuts(d, s), *_kaon_cuts(d, s), mass]
    return Selection("k3pi-lkr", cuts, ledger=multi_track_ledger(d, 3), candidates="reco/vertices", tracks=(3, ANY))


def at_lkr(d: Detector) -> Callable[[Table], tuple[Array, Array]]:
    """Where tracks that start at the vertex with its momenta come to at the LKr: x and y (mm), (3, n) each.

    To first order in the slopes, through the field of the tube and of the magnet (see `na62sim.geometry.field`).
    """
    field, z_lkr = field_map(d), d.lkr.z_m * m
    z = field.z0 + field.step * np.arange(field.integrals.shape[1])
    kick, moment = field.integrals[0], field.integrals[1]  # F and int F
    at_end = moment[-1] + kick[-1] * (z_lkr - z[-1])

    def positions(t: Table) -> tuple[Array, Array]:
        way = z_lkr - t["z"]
        bent = at_end - np.interp(t["z"], z, moment) - np.interp(t["z"], z, kick) * way
        x = [t["x"] + (t[f"px_{k}"] * way - KICK * t[f"charge_{k}"] * bent) / t[f"pz_{k}"] for k in _TRACKS]
        y = [t["y"] + t[f"py_{k}"] * way / t[f"pz_{k}"] for k in _TRACKS]
        return np.stack(x), np.stack(y)

    return positions


def three_track_mass(t: Table, leptons: Array, lepton: float) -> Array:
    """Mass (MeV) of three tracks, of which some (3, n) have the mass ``lepton`` and the others that of the pion."""
    energy = sum(np.hypot(t[f"p_{k}"], _mass(of, lepton)) for k, of in zip(_TRACKS, leptons, strict=True))
    return np.asarray(np.sqrt(np.maximum(energy**2 - t["p"] ** 2, 0.0)))


def dilepton_mass(t: Table, leptons: Array, lepton: float) -> Array:
    """Mass (MeV) of the tracks that are leptons (3, n)."""
    total = np.zeros((4, len(t)))
    for k, of in zip(_TRACKS, leptons, strict=True):
        p = [t[f"{name}_{k}"] for name in ("px", "py", "pz")]
        total += np.where(of, np.stack([*p, np.hypot(t[f"p_{k}"], lepton)]), 0.0)
    return np.asarray(np.sqrt(np.maximum(total[3] ** 2 - (total[:3] ** 2).sum(axis=0), 0.0)))


def _mass(leptons: Array, lepton: float) -> Array:
    return np.where(leptons, lepton, species("pi+").mass)


def _block(d: Detector, name: str) -> ThreeTracks:
    if d.three_tracks is None:
        raise ValueError(f"selection '{name}': the geometry {d.name} has no block three_tracks; run1-2017 has one")
    return d.three_tracks


def _track_cuts(d: Detector, s: ThreeTracks) -> list[Cut]:
    """Three tracks of charge +1 with a common vertex, inside all detectors, apart in STRAW 1 and at the LKr."""
    positions = at_lkr(d)

    def everywhere(t: Table) -> Array:
        return np.all([t[f"{name}_{k}"] > 0.0 for name in ("newchod", "chod", "lkr") for k in _TRACKS], axis=0)

    def apart(t: Table) -> Array:
        x, y = positions(t)
        pairs = combinations(range(3), 2)
        return np.all([np.hypot(x[i] - x[j], y[i] - y[j]) > s.lkr_distance_mm * mm for i, j in pairs], axis=0)

    return [
        Cut("three STRAW tracks, charge +1", lambda t: np.asarray((t["n_vertex"] == 3) & (t["charge"] == 1))),
        Cut(
            "STRAW acceptance",
            lambda t: np.asarray(
                (t["r_max"] < d.straw.radius_mm * mm) & (t["hole_clearance"] > d.straw.hole_half_size_mm * mm)
            ),
        ),
        Cut("NewCHOD, CHOD and LKr acceptance of each", everywhere),
        Cut(
            f"vertex in the fiducial volume, chi2 < {s.vertex_chi2_max:g}",
            lambda t: inside(t["z"], s.vertex_z_m, m) & (t["chi2"] < s.vertex_chi2_max),
        ),
        Cut(
            f"pairs {s.pair_distance_mm:g} mm apart in STRAW 1",
            lambda t: np.asarray(t["pair_distance"] > s.pair_distance_mm * mm),
        ),
        Cut(f"pairs {s.lkr_distance_mm:g} mm apart at the LKr", apart),
    ]


def _kaon_cuts(d: Detector, s: ThreeTracks) -> list[Cut]:
    """All of the kaon's momentum, and the kaon at KTAG."""
    beam = d.beam.momentum_GeV * GeV
    return [
        Cut(
            f"total momentum within {s.total_momentum_GeV:g} GeV/c of the beam",
            lambda t: np.asarray(np.abs(t["p"] - beam) < s.total_momentum_GeV * GeV),
        ),
        Cut(f"pT < {s.pt_max_MeV:g} MeV/c", lambda t: np.asarray(t["pt"] < s.pt_max_MeV * MeV)),
        Cut("KTAG >= 5 sectors", lambda t: np.asarray(t["ktag_sectors"] >= d.ktag.min_sectors)),
    ]


def _mass_cut(name: str, mass: Which, s: ThreeTracks) -> Cut:
    kaon, window = species("K+").mass, s.mass_window_MeV
    return Cut(f"|{name} - m_K| < {window:g} MeV", lambda t: np.asarray(np.abs(mass(t) - kaon) < window * MeV))


def _of_leptons(
    d: Detector,
    s: ThreeTracks,
    name: str,
    lepton: str,
    which: Which,
    identified: Cut,
    losses: list[Loss],
    low: float = 0.0,
) -> Selection:
    """The selection of a pion and two leptons; ``low`` is the smallest mass (MeV) of a pair of opposite charges."""
    mass = species(f"{lepton}+").mass
    pair = 2 * lepton

    def charge(t: Table) -> Array:  # of the pion: what the leptons leave of +1
        return np.asarray(sum(np.where(of, 0, t[f"charge_{k}"]) for k, of in zip(_TRACKS, which(t), strict=True)))

    observables: Mapping[str, Which] = {
        f"m_pi{pair}": lambda t: three_track_mass(t, which(t), mass),
        f"m_{pair}": lambda t: dilepton_mass(t, which(t), mass),
    }
    conserving, violating = f"pi+ {lepton}+ {lepton}-", f"pi- {lepton}+ {lepton}+"
    if low:
        conserving += f" above m_{pair} = {low:g} MeV"
    regions = {
        conserving: lambda t: np.asarray((charge(t) > 0) & (observables[f"m_{pair}"](t) > low * MeV)),
        violating: lambda t: np.asarray(charge(t) < 0),
    }
    kaon_mass = _mass_cut(f"m(pi{pair})", observables[f"m_pi{pair}"], s)
    ledger = multi_track_ledger(d, 3)
    return Selection(
        name,
        [*_track_cuts(d, s), *_kaon_cuts(d, s), identified, kaon_mass],
        regions=regions,
        signal=tuple(regions),
        ledger=[*ledger[:-1], *losses, ledger[-1]],
        candidates="reco/vertices",
        tracks=(3, ANY),
        observables=observables,
    )
