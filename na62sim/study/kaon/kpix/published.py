"""Published limits on K+ -> pi+ X beside the expected ones of a search."""

from __future__ import annotations

import math

from na62sim.study.kaon.kpix.request import DATA
from na62sim.study.kaon.kpix.search import KpixSearch
from na62sim.study.published import Comparison, compare, published_kpix

__all__ = ["comparable", "compare_kpix"]


def comparable(result: KpixSearch) -> bool:
    """Whether a search is of the data, the decay of X and the confidence level that the published limits are for."""
    return set(result.data_sets) == set(DATA) and result.decay == "visible" and result.cl == 0.9


def compare_kpix(result: KpixSearch) -> tuple[Comparison, ...]:
    """Published observed limits and expected medians, where masses, lifetimes, data sets and level are the same."""
    known = published_kpix() if comparable(result) else {}
    rows = []
    for p in result.points:
        number = known.get((p.m_X, p.tau)) if math.isfinite(p.tau) else None
        if number is not None:
            median = p.expected.get("median")
            sigma = None if median is None or p.relative_error is None else median * p.relative_error
            rows.append(compare(number, median, sigma))
    return tuple(rows)
