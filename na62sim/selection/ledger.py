"""The ledger: every loss of signal once, with how it enters, its value, uncertainty and source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from na62sim.geometry import Detector
from na62sim.selection.cut import Loss


def ledger(d: Detector, normalisation: bool) -> list[Loss]:
    """Losses of the pi nu nubar selection, or of its K2pi normalisation (which has no photon veto).

    ``simulated`` losses come out of the transport and the fit and carry no number here; ``dice`` are thrown per
    event with the value shown; ``weight`` multiplies the weights; ``factor`` stays outside the acceptance.
    The K-pi association is simulated: beam tracks missing, other particles of the beam, times and distances.
    """
    losses = [
        Loss("geometry, momentum and m2 windows", "simulated", None, 0.0, "derived", "transport and fit"),
        Loss("pi+ decay in flight", "simulated", None, 0.0, "derived", "lifetime of the pi+ (PDG 2026)"),
        _entry(d, "KTAG, >= 5 sectors", "ktag.efficiency"),
        _simulated("GTK track, K-pi association, CDA", *_words(d, "gtk.association.window_ns")),
        _entry(d, "GTK cuts that are not simulated", "gtk.quality_efficiency"),
        _entry(d, "STRAW track found, quality", "straw.quality_efficiency"),
        _entry(d, "CHOD, NewCHOD, LKr matched", "matching.efficiency"),
        _entry(d, "RICH likelihood (hits and mass window are simulated)", "rich.ring_efficiency"),
        _entry(d, "calorimetric pion identification", "lkr.pion_identification"),
        _entry(d, "MUV3 veto on a pion", "muv3.pion_quiet_efficiency"),
        _hadronic(d),
        _entry(d, "CHANTI, extra beam hits", "chanti.quiet_efficiency"),
    ]
    if not normalisation:
        losses.append(_entry(d, "veto fired by the pion's own shower", "lkr.satellite.efficiency"))
    if d.upstream.method == "box":
        losses.append(
            Loss("upstream: box cut", "simulated", None, 0.0, "known", d.quantity("upstream.half_x_mm").source)
        )
    else:
        losses.append(_entry(d, "upstream: multivariate cut", "upstream.efficiency", how="weight"))
    losses.append(_entry(d, "trigger", "dataset.trigger_efficiency", how="factor"))
    losses.append(_entry(d, "random veto", "dataset.random_veto", how="factor"))
    return losses


def multi_track_ledger(d: Detector, tracks: int) -> list[Loss]:
    """Losses of the selections of three and five tracks.

    No GTK, no CHANTI, no calorimetric likelihood and no RICH likelihood enter: their dice are thrown, nothing looks at
    them. The quality of a track is thrown for every track, that of its LKr cluster as far as the track gets; both
    are one number for all tracks. Three tracks are not identified, and nothing else in their event is looked at.
    Of a pi+ its track must point at the LKr; that it makes a cluster there is not asked for (one that interacts before it
    has E/p = 0, below the limit), so that only an interaction before the last chamber loses it, and the efficiency of
    the cluster counts for electrons alone.
    """
    losses = [
        _simulated("geometry, track finding, vertex, momenta, masses", "derived", "transport and fits"),
        _simulated("straws shared by close tracks", *_words(d, "straw.pitch_mm")),
        _simulated("bremsstrahlung and conversions in the straws", *_words(d, "material.straw1.x_over_x0_real")),
        _entry(d, "KTAG, >= 5 sectors", "ktag.efficiency"),
        _entry(d, "STRAW track found, quality: per track", "straw.quality_efficiency", tracks=tracks),
    ]
    if tracks == 5:
        losses += [
            _simulated("E/p and ring radius", "derived", "responses of LKr and RICH"),
            _cluster(d),
            _hadronic(d, d.straw.chamber_z_m[-1], "hadronic interaction of the pi+ before STRAW 4"),
            _entry(d, "veto fired by the pion's own shower", "lkr.satellite.efficiency"),
        ]
    why = "triggers are simulated for signal and normalisation alike; accidentals cancel in the ratio"
    losses.append(Loss("trigger and random veto", "factor", None, 0.0, "known", why))
    return losses


def _simulated(name: str, tag: str, source: str) -> Loss:
    return Loss(name, "simulated", None, 0.0, tag, source)


def _words(d: Detector, path: str) -> tuple[str, str]:
    q = d.quantity(path)
    return q.tag, q.source


def _cluster(d: Detector) -> Loss:
    """LKr cluster of a track: the range is that of the product of three detectors, which holds it."""
    value, _, tag, source = _number(d, "lkr.efficiency")
    product, sigma, _, _ = _number(d, "matching.efficiency")
    number, _, _, _ = _number(d, "pi4e.lkr_tracks")
    name = "LKr cluster: per electron that reaches it"
    return Loss(name, "dice", value, value * sigma / product / 3.0, tag, source, number)


def _entry(d: Detector, name: str, path: str, how: str = "dice", tracks: int = 1) -> Loss:
    value, sigma, tag, source = _number(d, path)
    return Loss(name, how, value, sigma, tag, source, float(tracks))


def _number(d: Detector, path: str) -> tuple[float, float, str, str]:
    """Value, standard deviation, tag and source of one number of the geometry."""
    q = d.quantity(path)
    if not isinstance(q.value, (int, float)):
        raise TypeError(f"{path} is not a single number")
    return float(q.value), float(q.standard_deviation or 0.0), q.tag, q.source


def _hadronic(d: Detector, z_m: float = math.inf, name: str = "hadronic interaction before the LKr") -> Loss:
    """Survival of the pi+ up to z (m), the LKr by default, with the uncertainty of the lost fraction."""
    lost, sigma, tag, source = _number(d, "hadronic.lost_fraction")
    fractions = [block.interaction_fraction for block in d.material.values() if block.z_m < z_m]
    kept = [1.0 - fraction * lost for fraction in fractions]
    survive = math.prod(kept)
    slope = sum(fraction / k for fraction, k in zip(fractions, kept, strict=True)) * survive
    return Loss(name, "dice", survive, slope * sigma, tag, source)


_TAG_WORDS = {"known": "recalled"}  # how people see a tag


def ledger_rows(losses: Sequence[Any]) -> list[dict[str, Any]]:
    """A ledger as dictionaries."""
    return [
        {
            "loss": x.name,
            "how": x.how,
            "value": x.value,
            "sigma": x.sigma or None,
            "tracks": x.tracks,
            "tag": _word(x.tag),
            "source": x.source,
        }
        for x in losses
    ]


def _word(tag: str) -> str:
    return _TAG_WORDS.get(tag, tag)


def component_parts(value: float, ledger: tuple[Loss, ...] | list[Loss]) -> dict[str, float]:
    """Changes of an acceptance for one standard deviation of each component efficiency inside it."""
    return {loss.name: value * loss.relative for loss in ledger if loss.relative}
