"""What the simulated detector does that a background rests on: kinematic tails and photon veto, as NA62 quotes them."""

from __future__ import annotations

import numpy as np
from hepunits import GeV

from na62sim.core.arrays import BoolArray
from na62sim.study.kaon.background_row import REGIONS, Made, left_out
from na62sim.study.kaon.background_sample import NO_PHOTONS, NOMINAL, SIGNAL, Accepted

RANGE = 15.0, 35.0  # GeV/c, of numerators and denominators


def row_performance(made: Made) -> dict[str, float | None]:
    """Tails of K2pi and K mu2 into each region, over the control region; of K2pi the inefficiency for a pi0.

    Numerators and denominators are of 15 to 35 GeV/c; the inefficiency also of all momenta. As NA62 counts them, K mu2 with
    a photon that is not seen is in the tail of K mu2, K2pi with a further photon is not in that of K2pi.
    """
    if made.row.name not in ("k2pi", "kmu2"):
        return {}
    name, (first, main) = made.row.name, made.samples[0]
    inside = _in_range(main)
    below = float(main.weights[left_out(made.row, first)][inside & (main.region == SIGNAL)].sum())
    above = np.zeros(len(REGIONS))
    for sample, a in made.samples[: 1 if name == "k2pi" else None]:
        weight = a.weights[left_out(made.row, sample)]
        kept = _in_range(a)
        above += [float(weight[kept & (a.region == k)].sum()) for k in range(len(REGIONS))]
    tails = (above / below).tolist() if below else [None] * len(REGIONS)
    found: dict[str, float | None] = {f"{name}.kinematic_tails": float(above.sum()) / below if below else None}
    found |= {f"{name}.kinematic_tails.{region}": tail for region, tail in zip(REGIONS, tails, strict=True)}
    if name == "k2pi":
        found["k2pi.pi0_inefficiency"] = _passing(main, inside & (main.region == SIGNAL))
        found["k2pi.pi0_inefficiency.15-45"] = _passing(main, main.region == SIGNAL)
    return found


def _in_range(a: Accepted) -> BoolArray:
    return np.asarray((a.p >= RANGE[0] * GeV) & (a.p < RANGE[1] * GeV))


def _passing(a: Accepted, control: BoolArray) -> float | None:
    """Share of the control region that the photon veto leaves."""
    below = float(a.weights[NO_PHOTONS][control].sum())
    return float(a.weights[NOMINAL][control].sum()) / below if below else None
