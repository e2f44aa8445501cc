"""From counts to results: intervals, yields and limits."""

from na62sim.statistics.intervals import Interval, clopper_pearson, garwood, sampled_mean, weighted_efficiency
from na62sim.statistics.limits import Expected, Limit, upper_limit
from na62sim.statistics.measured import Measured
from na62sim.statistics.yields import (
    BR_K2PI,
    BR_PINUNU_BURAS_VENTURINI,
    BR_PINUNU_NA62,
    expected_events,
    kaons_from_normalisation,
    single_event_sensitivity,
)

__all__ = [
    "BR_K2PI",
    "BR_PINUNU_BURAS_VENTURINI",
    "BR_PINUNU_NA62",
    "Expected",
    "Interval",
    "Limit",
    "Measured",
    "clopper_pearson",
    "expected_events",
    "garwood",
    "kaons_from_normalisation",
    "sampled_mean",
    "single_event_sensitivity",
    "upper_limit",
    "weighted_efficiency",
]
