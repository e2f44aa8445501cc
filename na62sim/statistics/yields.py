"""From an acceptance to a single-event sensitivity and an expected number of events."""

from __future__ import annotations

from typing import TypeVar

from na62sim.core.branching_ratios import KAON, PI_NU_NU_NA62
from na62sim.core.checks import in_range
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.measured import Measured, Quantity, _quantity

BR_PINUNU_NA62 = Measured(*PI_NU_NU_NA62)
BR_PINUNU_BURAS_VENTURINI = Measured(*KAON["pi nu nu"])
BR_K2PI = Measured(*KAON["pi pi0"])
Factor = TypeVar("Factor", float, Measured, Estimate)


def events_per_branching_ratio(kaons: Factor, acceptance: Factor, *efficiencies: Factor) -> Factor:
    """Return N_K · A · ε…: accepted events per unit of branching ratio, the inverse of the SES.

    SES = 1/(N_K · A · ε_trig · ε_RV), as in NA62, JHEP 06 (2021) 093.

    Parameters
    ----------
    kaons : float, Measured or Estimate
        Decays in the fiducial volume.
    acceptance : the same
        Acceptance per decay in the same volume.
    efficiencies : the same
        What else an event passes: the trigger, the random veto.

    Examples
    --------
    >>> print(f"{1 / events_per_branching_ratio(1.91e12, 0.0637, 0.89, 0.66):.3g}")
    1.4e-11
    """
    events = kaons * acceptance
    for efficiency in efficiencies:
        events = events * efficiency
    return events


def single_event_sensitivity(
    acceptance: Quantity, kaons: Quantity, trigger: Quantity = 1.0, random_veto: Quantity = 1.0
) -> Measured:
    """Return the branching ratio for which one event is expected.

    SES = 1/(N_K · A · ε_trig · ε_RV), see `events_per_branching_ratio`. When N_K comes from a
    normalisation channel, the two acceptances share systematic effects that cancel in the ratio;
    giving both uncertainties then counts them twice.

    Parameters
    ----------
    acceptance : number, Measured or Interval
        Signal acceptance per decay in the fiducial volume, without trigger and random veto.
    kaons : number or Measured
        Decays in the same fiducial volume.
    trigger, random_veto : number or Measured
        Efficiencies of the trigger and of the random veto.

    Examples
    --------
    >>> ses = single_event_sensitivity(0.0637, kaons=1.91e12, trigger=0.89, random_veto=0.66)
    >>> print(f"{float(ses):.3g}")
    1.4e-11
    """
    return 1.0 / events_per_branching_ratio(
        _quantity("kaons", kaons, "(0, inf)"),
        _quantity("acceptance", acceptance, "(0, 1]"),
        _quantity("trigger", trigger, "(0, 1]"),
        _quantity("random_veto", random_veto, "(0, 1]"),
    )


def expected_events(branching_ratio: Quantity, ses: Quantity) -> Measured:
    """Return the number of events expected for a branching ratio.

    Parameters
    ----------
    branching_ratio : number or Measured
        Branching ratio of the signal.
    ses : number or Measured
        Single-event sensitivity.

    Examples
    --------
    >>> print(expected_events(BR_PINUNU_NA62, Measured(1.40e-11, 0.10e-11)))
    6.00 ± 0.83
    """
    ratio = _quantity("branching_ratio", branching_ratio, "[0, 1]")
    return ratio / _quantity("ses", ses, "(0, inf)")


def kaons_from_normalisation(
    events: Quantity,
    acceptance: Quantity,
    branching_ratio: Quantity = BR_K2PI,
    downscaling: float = 400.0,
) -> Measured:
    """Return the number of kaon decays from a counted normalisation channel.

    N_K = N·D/(A·BR), by default for K+ → π+π0 from the downscaled control trigger.

    Parameters
    ----------
    events : number or Measured
        Selected normalisation events.
    acceptance : number, Measured or Interval
        Acceptance of the normalisation selection per decay in the fiducial volume.
    branching_ratio : number or Measured
        Branching ratio of the normalisation decay.
    downscaling : float
        One in `downscaling` triggers was kept.

    Examples
    --------
    >>> print(kaons_from_normalisation(1.16e8, Measured(0.1177, 0.0118)))
    (1.91 ± 0.19)e+12
    """
    counted = _quantity("events", events, "[0, inf)") * in_range("downscaling", downscaling, "[1, inf)")
    return counted / (
        _quantity("acceptance", acceptance, "(0, 1]") * _quantity("branching_ratio", branching_ratio, "(0, 1]")
    )
