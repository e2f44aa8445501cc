"""Columns of a sample: name, type, unit and description of everything that is written."""

from __future__ import annotations

from na62sim.sample.table import Column


def _fields(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_TIME = ("time", "float32", "ns", "time; 0 is the kaon at GTK3")

SCHEMA: dict[str, tuple[Column, ...]] = {
    "events": _fields(
        ("number", "int64", "", "event number"),
        ("weight", "float64", "", "probability of the mother's decay in the decay volume"),
        ("veto_weight", "float64", "", "product of photon inefficiencies where vetoes are weights, else 1"),
    ),
    "truth": _fields(
        ("pdg", "int32", "", "PDG code"),
        ("parent", "int16", "", "index of the parent in the event, -1 for the beam kaon"),
        ("status", "int8", "", "1 final, 2 decayed, 4 beam particle that decayed (HepMC)"),
        ("px", "float64", "MeV", "momentum x"),
        ("py", "float64", "MeV", "momentum y"),
        ("pz", "float64", "MeV", "momentum z"),
        ("energy", "float64", "MeV", "energy"),
        ("x", "float32", "mm", "production vertex x; of the beam kaon its decay"),
        ("y", "float32", "mm", "production vertex y"),
        ("z", "float32", "mm", "production vertex z from T10"),
        ("time", "float32", "ns", "production time; 0 is the kaon at GTK3"),
    ),
    "beam": _fields(
        ("x", "float32", "mm", "beam particle: the kaon at GTK3, or the proton at the dump"),
        ("y", "float32", "mm", "kaon at GTK3"),
        ("dxdz", "float32", "", "kaon slope at GTK3"),
        ("dydz", "float32", "", "kaon slope at GTK3"),
        ("p", "float64", "MeV", "kaon momentum"),
    ),
    "production": _fields(  # of the beam dump only
        ("x", "float64", "mm", "where the mother was made"),
        ("y", "float64", "mm", "where the mother was made"),
        ("z", "float64", "mm", "where the mother was made, from T10"),
        ("base", "float64", "mm", "weight at a decay length L is base exp(-l/L)/L, l the path to the decay"),
    ),
    "hits/ktag": _fields(("n_sectors", "uint8", "", "sectors with light in time"), _TIME),
    "hits/gtk": _fields(
        ("p", "float32", "MeV", "measured momentum"),
        ("dxdz", "float32", "", "measured slope at GTK3"),
        ("dydz", "float32", "", "measured slope at GTK3"),
        ("x", "float32", "mm", "measured position at GTK3"),
        ("y", "float32", "mm", "measured position at GTK3"),
        ("time", "float32", "ns", "measured time at GTK3"),
        ("associated", "uint8", "", "1 if the K-pi association by time and position succeeds"),
    ),
    "hits/chanti": _fields(("station", "uint8", "", "station 1 to 6"), _TIME),
    "hits/straw": _fields(
        ("chamber", "uint8", "", "chamber 0 to 3"),
        ("view", "uint8", "", "view U, V, X, Y = 0 to 3"),
        ("position", "float32", "mm", "measured coordinate across the straws"),
        _TIME,
    ),
    "hits/rich": _fields(
        ("radius", "float32", "mm", "ring radius"),
        ("x", "float32", "mm", "ring centre in the focal plane"),
        ("y", "float32", "mm", "ring centre in the focal plane"),
        ("n_hits", "uint8", "", "hits on the ring"),
        ("pion_like", "uint8", "", "1 if the likelihood prefers a pion"),
        _TIME,
    ),
    "hits/newchod": _fields(("x", "float32", "mm", "tile centre"), ("y", "float32", "mm", "tile centre"), _TIME),
    "hits/chod": _fields(("x", "float32", "mm", "position"), ("y", "float32", "mm", "position"), _TIME),
    "hits/lkr": _fields(
        ("energy", "float32", "MeV", "cluster energy"),
        ("x", "float32", "mm", "cluster position"),
        ("y", "float32", "mm", "cluster position"),
        ("pion_like", "uint8", "", "1 if the calorimeters identify a pion"),
        _TIME,
    ),
    "hits/muv1": _fields(("energy", "float32", "MeV", "energy")),
    "hits/muv2": _fields(("energy", "float32", "MeV", "energy")),
    "hits/muv3": _fields(("x", "float32", "mm", "tile centre"), ("y", "float32", "mm", "tile centre"), _TIME),
    "hits/lav": _fields(
        ("station", "uint8", "", "station 1 to 12"),
        ("energy", "float32", "MeV", "energy"),
        ("n_blocks", "uint8", "", "lead-glass blocks above threshold"),
        _TIME,
    ),
    "hits/irc": _fields(("energy", "float32", "MeV", "energy"), _TIME),
    "hits/sac": _fields(("energy", "float32", "MeV", "energy"), _TIME),
    "hits/hasc": _fields(("x", "float32", "mm", "position"), ("y", "float32", "mm", "position"), _TIME),
    "trigger": _fields(
        ("l0", "uint32", "", "L0 conditions met, one bit each"),
        ("l1", "uint32", "", "L1 conditions met, one bit each"),
        ("masks", "uint32", "", "masks whose L0 and L1 conditions hold, before downscaling"),
        ("taken", "uint32", "", "masks that took the event, after downscaling"),
    ),
    "reco/tracks": _fields(
        ("x", "float64", "mm", "position at STRAW 1"),
        ("y", "float64", "mm", "position at STRAW 1"),
        ("u", "float64", "", "direction cosine before STRAW 1"),
        ("v", "float64", "", "direction cosine before STRAW 1"),
        ("p", "float64", "MeV", "momentum"),
        ("charge", "int8", "", "charge"),
        ("chi2", "float64", "", "of the fit, 3 degrees of freedom"),
        ("n_views", "uint8", "", "views with a hit"),
        ("u_after", "float64", "", "direction cosine behind STRAW 4"),
        ("v_after", "float64", "", "direction cosine behind STRAW 4"),
        ("x_after", "float64", "mm", "position at STRAW 4"),
        ("y_after", "float64", "mm", "position at STRAW 4"),
        ("time", "float64", "ns", "mean of the straw times"),
    ),
}

JAGGED = frozenset(name for name in SCHEMA if name.startswith("hits/") and name != "hits/ktag") | {
    "truth",
    "reco/tracks",
}
