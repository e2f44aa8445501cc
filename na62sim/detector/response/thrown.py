"""What the response throws flat: decisions by the number of the event, and of the particle in it, alone.

They are asked for before anything is carried through the detectors (`transport.early`), where an event is dropped that cannot
be accepted. A decision is thrown by the response in the file that its entry names; here is which uniform of which stream it
is, and what it is compared with.

A particle that is alone in its event, and that nothing happens to but scattering, is measured with its own momentum
(`early.doomed_outside`). Its ring in the RICH is then known: too few hits, or a mass outside the window of the selection by
more than the momentum can be wrong, are no pion's. So is a second cluster of its shower, far enough from where the track can
point to and near enough in time: more than ten standard deviations of the one, the largest normal of the other.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, mm

from na62sim.core.arrays import IntArray
from na62sim.core.rng import (
    STREAM_BEAM_DETECTORS,
    STREAM_CALORIMETER,
    STREAM_COUNTER,
    STREAM_GTK,
    STREAM_RICH,
    STREAM_STRAW_POSITION,
)
from na62sim.detector.response.calorimeter import NEAREST
from na62sim.detector.response.drop import ALL, MOST, Asked, Dice, Particle, drop_events
from na62sim.detector.response.respond import Response
from na62sim.detector.transport.early import FEW_VIEWS, Early, momentum_error, plane_of
from na62sim.detector.transport.planes import LKR, STRAW4, Planes, build_planes
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.lkr import lkr_arrays, time_sigma

_NONE = -1.0  # below any uniform
_WIDTHS = 10.0  # standard deviations that are taken for never
_SLACK = 1.0  # ns, by which a particle may be late


@dataclass(frozen=True)
class FlatDraws:
    """What a selection asks of the draws, see `early.Thrown`."""

    asked: Asked

    def left(
        self, seed: int, truth: Truth, charged: Any, converted: Any, early: Early, planes: Planes, exempt: Any
    ) -> IntArray:
        """Indices of the events that may have what a selection asks for."""
        n = len(truth.events)
        pairs, free = converted.any(axis=0), np.zeros(n, dtype=np.bool_) if exempt is None else exempt
        one, p, z = Particle(0, 0, 1.0, 0.0), np.empty((4, 0)), np.empty(0)
        if len(charged.slot) == 1:
            slot, pdg = int(charged.slot[0]), int(charged.pdg[0])
            one = Particle(slot, pdg, float(charged.mass[0]), float(charged.ctau[0]))
            p, z = truth.p[slot], truth.vertex[charged.vertex[0], 2]
        left = np.empty(n, dtype=np.int64)
        windows = early.outside, early.core, early.broad
        m = drop_events(np.uint64(seed), truth.events, p, z, one, pairs, free, planes, windows, self.asked, left)
        return left[:m]


def flat_draws(r: Response, d: Detector, names: Collection[str], beam: bool) -> FlatDraws:
    """Draws by the names that cuts ask for (`selection.cut.THROWN`), and of the STRAW's quality, without which there is no track.

    Parameters
    ----------
    beam : whether KTAG, GTK and CHANTI see a beam
    """
    quiet = "quiet" in names and "lkr" in names and not r.carried.efficiencies  # else it is in the weight
    late, p_quiet = _latest_satellite(d), _least_momentum(d)
    asks_quiet = quiet and late > 0.0 and p_quiet < math.inf
    missing = r.gtk.missing if "gtk" in names and beam and not r.gtk.forced else 0.0
    other = {
        STREAM_STRAW_POSITION: True,
        STREAM_CALORIMETER: asks_quiet,
        STREAM_GTK: missing > 0.0,
        STREAM_RICH: "ring" in names,
    }
    asked = Asked(
        dice=_dice([row for row in _rows(r, d, names, beam) if _decides(row) or other.get(row.stream, False)]),
        lost="lkr" in names,
        quiet=r.calorimeter.quiet if asks_quiet else ALL,
        quiet_p=p_quiet,
        quiet_normal=late,
        hits=d.rich.min_hits if "ring" in names else 0,
        mass=(float(d.pinunu.rich_mass_MeV[0]), float(d.pinunu.rich_mass_MeV[1])),
        error=momentum_error(d, True),
        gtk=r.gtk._replace(missing=missing),
        rich=r.rich,
    )
    return FlatDraws(asked)


class _Row(NamedTuple):
    """A stream of `Dice`: number of a uniform to its lower end, and to its upper for any particle, for pions, for muons."""

    stream: np.uint64
    of_track: bool
    always: bool
    low: dict[int, float]
    high: tuple[dict[int, float], ...]


def _decides(row: _Row) -> bool:
    """Whether anything is lost by its uniforms alone."""
    return any(end < 1.0 for ends in row.high for end in ends.values()) or any(end > 0.0 for end in row.low.values())


def _rows(r: Response, d: Detector, names: Collection[str], beam: bool) -> list[_Row]:
    """The decisions by a uniform alone."""
    certain = r.carried.efficiencies  # they are in the weight
    table: list[_Row] = []
    if "lkr" in names:  # calorimeter.py; the uniform behind is that of a second cluster
        seen, like = {2: r.calorimeter.efficiency, 3: ALL, 4: ALL}, ALL if certain else r.calorimeter.pion_like
        table.append(_Row(STREAM_CALORIMETER, True, False, {}, (seen, seen | {3: like}, seen)))
    if "gtk" in names and beam:  # gtk.py
        table.append(_Row(STREAM_GTK, False, False, {}, ({3: r.gtk.quality},) * 3))
    if "rich" in names or "ring" in names:  # cherenkov.py; muons carried as a weight are all taken for pions
        wanted = "rich" in names
        pion = r.rich.pion_like if wanted and not certain else ALL
        told = r.carried.identification or not wanted
        muon = ALL if told else float(r.rich.muon_like.max())
        electron = ALL if told else r.rich.electron_like
        table.append(_Row(STREAM_RICH, True, False, {}, ({1: max(pion, muon, electron)}, {1: pion}, {1: muon})))
    if beam and ("chanti" in names or "ktag" in names):  # counter.py, with the uniforms of the KTAG, cherenkov.py
        least = {0: float(r.ktag[d.ktag.min_sectors - 1]) if "ktag" in names else _NONE}
        quiet = r.chanti_quiet if "chanti" in names else ALL
        table.append(_Row(STREAM_BEAM_DETECTORS, False, False, least, ({0: ALL, 1: quiet},) * 3))
    # straw.py; the next uniform tells which hits are of the broad component: what is known but for them is dropped here
    table.append(_Row(STREAM_STRAW_POSITION, True, True, {}, ({1: r.straw.quality, 2: ALL},) * 3))
    if "newchod" in names or "chod" in names:  # counter.py
        new = r.counter.newchod_efficiency if "newchod" in names else ALL
        chod = r.counter.chod_efficiency if "chod" in names else ALL
        table.append(_Row(STREAM_COUNTER, True, False, {}, ({0: new, 1: chod},) * 3))
    return table


def _dice(table: Sequence[_Row]) -> Dice:
    """The same for the kernel."""
    stream, of_track, always = (np.array([row[k] for row in table]) for k in range(3))
    number = np.full((len(table), MOST), -1)
    low, high = np.full((len(table), MOST), _NONE), np.full((len(table), 3, MOST), ALL)
    for k, row in enumerate(table):
        thrown = sorted(row.high[0])
        number[k, : len(thrown)] = thrown
        low[k, : len(thrown)] = [row.low.get(which, _NONE) for which in thrown]
        high[k, :, : len(thrown)] = [[ends[which] for which in thrown] for ends in row.high]
    rows = 2 * (1 + number.max(axis=1) // 2)  # two to a word
    return Dice(stream, of_track, always, rows, number, low, high)


@lru_cache(maxsize=8)
def _latest_satellite(d: Detector) -> float:
    """The normal of the time of a second cluster of a pion's shower below which the veto sees it; 0 if it may not see it."""
    lkr, veto, arrays = d.lkr, d.veto, lkr_arrays(d)
    if lkr.photon_min_GeV <= lkr.veto_min_GeV:  # photon_min is the least energy of such a cluster
        return 0.0
    energy = lkr.photon_min_GeV * GeV * np.geomspace(1.0, 1e3, 1000)
    sigma = np.array([time_sigma(e, arrays) for e in energy])
    window = np.full(len(energy), float(veto.lkr_window_low_ns))
    for above, widths in zip(veto.lkr_window_energy_GeV, veto.lkr_window_sigma, strict=True):
        window = np.where(energy > above * GeV, widths * sigma, window)
    return max((float(window.min()) - _SLACK) / float(sigma.max()), 0.0)


@lru_cache(maxsize=8)
def _least_momentum(d: Detector) -> float:
    """Momentum (MeV/c) above which a track points to its cluster in the LKr to what a second one is away from both."""
    planes, room = build_planes(d), NEAREST - d.lkr.track_distance_mm * mm
    straws, lkr = plane_of(STRAW4, planes), plane_of(LKR, planes)
    z, theta0 = planes.z[straws:lkr], planes.theta0[straws:lkr]
    scattered = float(np.sqrt(np.sum((theta0 * (planes.z[lkr] - z)) ** 2)))  # mm MeV/c
    chambers = [at * 1e3 for at in d.straw.chamber_z_m]
    lever = math.sqrt(2.0) * (planes.z[lkr] - chambers[3]) / (chambers[3] - chambers[2])
    measured = 1e-3 * d.straw.chamber_resolution_um * FEW_VIEWS * math.hypot(1.0, lever)
    rest = (room / _WIDTHS) ** 2 - measured**2
    return scattered / math.sqrt(rest) if room > 0.0 and rest > 0.0 else math.inf
