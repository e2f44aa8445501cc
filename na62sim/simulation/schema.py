"""Columns of a sample: name, type, unit and description of everything that is written."""

from __future__ import annotations

from na62sim.sample.hits import HITS, PER_EVENT, fields
from na62sim.sample.table import Column

SCHEMA: dict[str, tuple[Column, ...]] = {
    "events": fields(
        ("number", "int64", "", "event number"),
        ("weight", "float64", "", "probability of the mother's decay in the decay volume"),
        ("veto_weight", "float64", "", "product of photon inefficiencies where vetoes are weights, else 1"),
    ),
    "truth": fields(
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
    "beam": fields(
        ("x", "float32", "mm", "beam particle: the kaon at GTK3, or the proton at the dump"),
        ("y", "float32", "mm", "kaon at GTK3"),
        ("dxdz", "float32", "", "kaon slope at GTK3"),
        ("dydz", "float32", "", "kaon slope at GTK3"),
        ("p", "float64", "MeV", "kaon momentum"),
    ),
    "production": fields(  # of the beam dump only
        ("x", "float64", "mm", "where the mother was made"),
        ("y", "float64", "mm", "where the mother was made"),
        ("z", "float64", "mm", "where the mother was made, from T10"),
        ("base", "float64", "mm", "weight at a decay length L is base exp(-l/L)/L, l the path to the decay"),
    ),
    "record": fields(  # of a file of events only
        ("particles", "int16", "", "true particles of the file; those behind them were born in the detector"),
    ),
    **{f"hits/{name}": columns for name, columns in HITS.items()},
    "trigger": fields(
        ("l0", "uint32", "", "L0 conditions met, one bit each"),
        ("l1", "uint32", "", "L1 conditions met, one bit each"),
        ("masks", "uint32", "", "masks whose L0 and L1 conditions hold, before downscaling"),
        ("taken", "uint32", "", "masks that took the event, after downscaling"),
    ),
    "reco/tracks": fields(
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

JAGGED = frozenset(f"hits/{name}" for name in HITS if name not in PER_EVENT) | {"truth", "reco/tracks"}
