"""What the simulated detector does that a background rests on: kinematic tails and photon veto, as NA62 quotes them."""

from __future__ import annotations

from hepunits import GeV

from na62sim.core.arrays import BoolArray, FloatArray
from na62sim.study.kaon.background_row import REGIONS, Made, left_out
from na62sim.study.kaon.background_sample import NO_PHOTONS, NOMINAL, SIGNAL, Accepted

RANGE = 15.0, 35.0  # GeV/c, of numerators and denominators


def row_performance(made: Made) -> dict[str, float | None]:
    """Tails of K2pi and K mu2 into each region, over the control region; of K2pi the inefficiency for a pi0.

    Numerators and denominators are of 15 to 35 GeV/c; the inefficiency also of all momenta.
    """
    if made.row.name not in ("k2pi", "kmu2"):
        return {}
    sample, a = made.samples[0]
    name, inside = made.row.name, (a.p >= RANGE[0] * GeV) & (a.p < RANGE[1] * GeV)
    weight, below = a.weights[left_out(made.row, sample)], inside & (a.region == SIGNAL)
    found = {f"{name}.kinematic_tails": _share(weight, inside & (a.region < SIGNAL), below)}
    for k, region in enumerate(REGIONS):
        found[f"{name}.kinematic_tails.{region}"] = _share(weight, inside & (a.region == k), below)
    if name == "k2pi":
        found["k2pi.pi0_inefficiency"] = _passing(a, below)
        found["k2pi.pi0_inefficiency.15-45"] = _passing(a, a.region == SIGNAL)
    return found


def _passing(a: Accepted, control: BoolArray) -> float | None:
    """Share of the control region that the photon veto leaves."""
    below = float(a.weights[NO_PHOTONS][control].sum())
    return float(a.weights[NOMINAL][control].sum()) / below if below else None


def _share(weight: FloatArray, above: BoolArray, below: BoolArray) -> float | None:
    whole = float(weight[below].sum())
    return float(weight[above].sum()) / whole if whole else None
