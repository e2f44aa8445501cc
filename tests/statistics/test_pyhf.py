"""CLs against pyhf with toys; its asymptotic formulae do not hold at these counts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from na62sim.statistics import upper_limit

TOYS = 4000


def cls_of_toys(observed: int, background: float, signal: float, seed: int) -> tuple[float, float]:
    """CLs of one bin with a known background, and its standard deviation from the number of toys."""
    import pyhf
    import pyhf.infer.calculators

    model = pyhf.Model(
        {
            "channels": [
                {
                    "name": "bin",
                    "samples": [
                        {
                            "name": "signal",
                            "data": [1.0],
                            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                        },
                        {"name": "background", "data": [background], "modifiers": []},
                    ],
                }
            ],
        },
        poi_name="mu",
        validate=False,
    )
    np.random.seed(seed)  # noqa: NPY002  pyhf draws its toys from numpy's global state
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyhf's own
        toys = pyhf.infer.calculators.ToyCalculator(
            [float(observed)], model, [1.0], [(0.0, 50.0)], [False], ntoys=TOYS, track_progress=False
        )
        found = toys.teststatistic(signal)
        clsb, clb, cls = (float(p) for p in toys.pvalues(found, *toys.distributions(signal)))
    relative = (1.0 - clsb) / (clsb * TOYS) + (1.0 - clb) / (clb * TOYS)
    return cls, cls * relative**0.5


@pytest.mark.slow
@pytest.mark.parametrize(("observed", "background"), [(1, 0.2), (3, 3.0), (2, 0.5), (6, 4.0)])
def test_the_limit_has_a_cls_of_a_tenth(observed: int, background: float) -> None:
    """At the exact upper limit CLs is 0.1: within four standard deviations of the toys (p = 6e-5)."""
    limit = upper_limit(observed, background).upper_limit
    cls, sigma = cls_of_toys(observed, background, limit, seed=20 + observed)
    assert cls == pytest.approx(0.1, abs=4.0 * sigma)
    assert 0.0 < sigma < 0.01
