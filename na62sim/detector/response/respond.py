"""The response stage: crossings of a chunk become hits of every detector, ordered by event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hepunits import ns

from na62sim.core.checks import in_range
from na62sim.core.constants import LIGHT
from na62sim.core.kernel import kernel
from na62sim.core.rng import STREAM_CHARGED_VETO, fill_uniforms
from na62sim.detector.response import calorimeter, cherenkov, counter, photon_weight, showers, veto
from na62sim.detector.response.as_weights import DICE, AsWeights
from na62sim.detector.response.gtk import GtkArrays, gtk_arrays, gtk_hits, no_gtk_hits
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import CHOD
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.kaon_beam import BeamArrays
from na62sim.geometry import Detector
from na62sim.geometry.straw import StrawArrays, straw_arrays

_MIP_BLOCKS, _MIP_ENERGY = 4, 500.0  # of a charged particle in the lead glass; assumed
_MIP_IRC = 500.0  # MeV; assumed

Hits = dict[str, dict[str, Any]]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Response:
    """All response numbers of a detector at one beam intensity (MHz), as arrays for the kernels.

    ``flat`` is what the weight of every event is multiplied by: efficiencies of the kaon and of the track that are not thrown.
    """

    straw: StrawArrays
    gtk: GtkArrays
    rich: cherenkov.RichArrays
    ktag: npt.NDArray[np.float64]
    ktag_time: float
    calorimeter: calorimeter.CalorimeterArrays
    counter: counter.CounterArrays
    veto: veto.VetoArrays
    pairs: photon_weight.PairArrays
    chanti_quiet: float
    chanti_stations: int
    lav_z: npt.NDArray[np.float64]
    straw1_z: float
    irc_z: float
    carried: AsWeights = DICE
    flat: float = 1.0


def build_response(detector: Detector, intensity: float | None = None, carried: AsWeights = DICE) -> Response:
    """Collect the response of a detector; ``intensity`` in MHz, the data set's mean by default.

    Raises
    ------
    ValueError : if the intensity is not positive
    """
    rate = detector.beam.mean_intensity_MHz if intensity is None else in_range("intensity", intensity, "(0, 100000)")
    response = Response(
        straw=straw_arrays(detector),
        gtk=gtk_arrays(detector, rate, carried.tails),
        rich=cherenkov.rich_arrays(detector),
        ktag=cherenkov.ktag_sector_table(detector),
        ktag_time=detector.ktag.time_resolution_ns * ns,
        calorimeter=calorimeter.calorimeter_arrays(detector),
        counter=counter.counter_arrays(detector),
        veto=veto.veto_arrays(detector),
        pairs=photon_weight.pair_arrays(detector),
        chanti_quiet=detector.chanti.quiet_efficiency,
        chanti_stations=len(detector.chanti.station_z_m),
        lav_z=np.array(detector.lav.z_front_m) * 1e3,
        straw1_z=detector.straw.chamber_z_m[0] * 1e3,
        irc_z=detector.irc.z_m * 1e3,
        carried=carried,
    )
    return _without_dice(response, detector) if carried.efficiencies else response


def _without_dice(r: Response, d: Detector) -> Response:
    """The response whose flat efficiencies of kaon and track are in the weight."""
    flat = d.ktag.efficiency * d.gtk.quality_efficiency * d.chanti.quiet_efficiency * d.straw.quality_efficiency
    sectors = np.zeros_like(r.ktag)
    sectors[-1] = 1.0  # all of them
    return replace(
        r,
        straw=r.straw._replace(quality=1.0),
        gtk=r.gtk._replace(quality=1.0),
        ktag=sectors,
        chanti_quiet=1.0,
        flat=flat,
    )


def matched_alone(r: Response) -> Response:
    """The response of events with one charged particle: the efficiencies of what its track is matched with are in the weight."""
    matching = r.counter.newchod_efficiency * r.counter.chod_efficiency * r.calorimeter.efficiency
    return replace(
        r,
        counter=r.counter._replace(newchod_efficiency=1.0, chod_efficiency=1.0),
        calorimeter=r.calorimeter._replace(efficiency=1.0),
        flat=r.flat * matching,
    )


def pion_weight(r: Response) -> float:
    """The weight by the efficiencies of an event with a pion that every detector sees, where they are in the weight."""
    if not r.carried.efficiencies:
        return 1.0
    return r.flat * r.rich.pion_like * r.calorimeter.pion_like * r.calorimeter.quiet * r.counter.pion_quiet


def offsets_of(event: Any, n: int) -> Offsets:
    """Row offsets per event from the event index of each row (rows in event order)."""
    out = np.zeros(n + 1, dtype=np.int64)
    _count(event, out)
    return out


@kernel
def _count(event: Any, offsets: Any) -> None:
    for row in range(event.size):
        offsets[event[row] + 1] += 1
    rows = 0
    for i in range(offsets.size):
        rows += offsets[i]
        offsets[i] = rows


def respond(seed: int, truth: Truth, tracks: Crossings, beam: BeamArrays | None, r: Response) -> tuple[Hits, Any]:
    """Hits of all detectors, and the weight of each event by what is carried as a weight.

    Without a beam (None: the dump) KTAG and GTK see nothing. Each group holds its columns and, unless it has one
    row per event, ``offsets`` (n + 1).
    """
    hits, weight = respond_behind(seed, truth, tracks, beam, r)
    hits["straw"] = straw_hits(seed, truth, tracks, r.straw)
    return hits, weight


def respond_behind(
    seed: int, truth: Truth, tracks: Crossings, beam: BeamArrays | None, r: Response
) -> tuple[Hits, Any]:
    """The same without the STRAW."""
    n = len(truth.events)
    ktag = cherenkov.ktag_hits(seed, truth, r.ktag, r.ktag_time)
    uniform = ktag.pop("uniform")
    if beam is None:
        ktag["n_sectors"][:] = 0
    gtk = no_gtk_hits(n) if beam is None else gtk_hits(seed, truth, beam, r.gtk, tracks)
    weight = r.flat * gtk.pop("weight")
    if r.carried.tails or tracks.track is not None:
        np.multiply.at(weight, tracks.event, tracks.at_planes.weight)
    shower = showers.electron_showers(tracks, r.veto.lkr_z, r.calorimeter)
    photons = veto.photon_hits(seed, truth, tracks, r.veto, r.calorimeter, r.carried.photons, shower.photons)
    if r.carried.photons and not r.carried.late:
        weight *= photons_unseen(seed, truth, tracks, r)
    beside, allowed = np.zeros(len(tracks.event), dtype=np.uint8), np.zeros(len(tracks.event))
    if r.carried.charged:
        beside, allowed = counter.beside_tracks(
            tracks, r.counter, r.veto.track_distance, r.veto.surplus, r.calorimeter.muv_extra, n
        )
    deposits = calorimeter.calorimeter_hits(
        seed, truth, tracks, r.calorimeter, shower.at_lkr, r.carried, beside, allowed, weight
    )
    muv, lkr = deposits["muv12"], _merge(deposits["lkr"], photons["lkr"], {"pion_like": np.uint8(0)})
    hits: Hits = {
        "gtk": gtk,
        "chanti": counter.chanti_hits(truth, uniform, r.chanti_quiet, r.chanti_stations),
        "rich": cherenkov.rich_hits(seed, truth, tracks, r.rich, r.carried, beside, weight),
        **counter.counter_hits(seed, truth, tracks, r.counter, r.carried, beside, weight),
        "lkr": showers.merge_clusters(lkr, n, tracks, r.calorimeter),
        "muv1": {"event": muv["event"], "energy": muv["energy1"]},
        "muv2": {"event": muv["event"], "energy": muv["energy2"]},
        "lav": _lav(seed, truth, tracks, photons["lav"], r, weight),
        "irc": _merge(_charged_irc(seed, truth, tracks, r, weight), photons["irc"], {}),
        "sac": photons["sac"],
    }
    for columns in hits.values():
        if "event" in columns:
            columns["offsets"] = offsets_of(columns.pop("event"), n)
    hits["ktag"] = ktag
    return hits, weight


def photons_unseen(seed: int, truth: Truth, tracks: Crossings, r: Response, pi0: bool = True) -> Any:
    """Probability that no generated photon of each event is seen, (n,); those of a pi0 are left out unless ``pi0``."""
    track = veto.track_at_lkr(tracks, len(truth.events), r.veto)
    return photon_weight.photon_weights(seed, truth, track, r.veto, r.calorimeter, r.pairs, r.carried.turns, pi0)


def _merge(a: dict[str, Any], b: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """Rows of two groups in event order; columns that b lacks take the default."""
    if len(b["event"]) == 0:
        return a
    b = b | {k: np.full(len(b["event"]), v) for k, v in default.items()}
    if len(a["event"]) == 0:
        return {k: b[k] for k in a}
    order = np.argsort(np.concatenate((a["event"], b["event"])), kind="stable")
    return {k: np.concatenate((a[k], b[k]))[order] for k in a}


def _seen(
    seed: int, truth: Truth, event: Any, inefficiency: float, block: int, r: Response, weight: Any
) -> npt.NDArray[np.bool_]:
    """Which charged particles (rows in event order) a veto sees; none where its inefficiency is carried in the weight."""
    if r.carried.charged:
        np.multiply.at(weight, event, inefficiency)
        return np.zeros(len(event), dtype=np.bool_)
    which = np.arange(len(event)) - np.searchsorted(event, event)  # of the event's
    u, raw = np.empty((4, len(event))), np.empty((4, len(event)), dtype=np.uint64)
    fill_uniforms(np.uint64(seed), STREAM_CHARGED_VETO, block + which, truth.events[event], raw, u)
    return np.asarray(u[0] >= inefficiency)


def _lav(
    seed: int, truth: Truth, tracks: Crossings, photons: dict[str, Any], r: Response, weight: Any
) -> dict[str, Any]:
    """Lead-glass hits: charged particles that end there, and photons."""
    order = np.argsort(tracks.lav_event, kind="stable")  # two passes of the transport stop tracks here
    event, station = tracks.lav_event[order], tracks.lav_station[order]
    seen = _seen(seed, truth, event, r.veto.lav_charged, 0, r, weight)
    event, station = event[seen], station[seen]
    z0, t0 = truth.vertex[0, 2, event], truth.vertex[0, 3, event]
    charged = {
        "event": event,
        "station": station.astype(np.uint8),
        "energy": np.full(len(event), _MIP_ENERGY, dtype=np.float32),
        "n_blocks": np.full(len(event), _MIP_BLOCKS, dtype=np.uint8),
        "time": (t0 + (r.lav_z[station - 1] - z0) / LIGHT).astype(np.float32),
    }
    blocks = veto.blocks_of(photons["energy"]).astype(np.uint8)
    return _merge(charged, photons | {"n_blocks": blocks}, {})


def _charged_irc(seed: int, truth: Truth, tracks: Crossings, r: Response, weight: Any) -> dict[str, Any]:
    """Charged particles that cross the IRC."""
    x, y = tracks.x[CHOD], tracks.y[CHOD]
    with np.errstate(invalid="ignore"):
        inside = veto.on_irc(x, y, r.veto)
    rows = np.flatnonzero(inside & (tracks.last > CHOD))
    rows = rows[_seen(seed, truth, tracks.event[rows], r.veto.irc_charged, 1000, r, weight)]
    return {
        "event": tracks.event[rows],
        "energy": np.full(len(rows), _MIP_IRC, dtype=np.float32),
        "time": (tracks.time[rows] + (r.irc_z - r.straw1_z) / LIGHT).astype(np.float32),
    }
