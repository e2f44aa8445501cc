"""What every maker of a hidden particle in the dump has in common."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.generators.sources.bmesons import BMesonDecays
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.mesons import MesonDecays
from na62sim.generators.sources.production import ClosedChannelError, Maker
from na62sim.geometry.dump import Cascade

BEAM = 400e3
MAKERS = [Bremsstrahlung(), MesonDecays(scale="pythia"), BMesonDecays()]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.name)
def test_weights(maker: Maker) -> None:
    """Mean 1 within 4 standard errors, and none above the bound; the momentum of a first collision is that of the beam."""
    n = 40_000
    drawn = np.empty((9, n))
    assert maker.draw(np.uint64(5), np.arange(n), maker.arrays(300.0, BEAM), 0.0, drawn) == 0
    weight = drawn[7]
    assert abs(weight.mean() - 1.0) <= 4.0 * weight.std() / np.sqrt(n)
    assert 0.0 < weight.max() <= maker.largest_weight
    assert (drawn[8] == 1.0).all()


@pytest.mark.parametrize(("maker", "expected"), list(zip(MAKERS, (0.5, 2.0, 2.0), strict=True)))
def test_leading_nucleon(maker: Maker, expected: float) -> None:
    """Two leading nucleons, a quarter of them protons: only these radiate, all of them make mesons."""
    assert maker.leading_nucleon(Cascade(nucleons=2.0, proton_fraction=0.25, mean_pt_GeV=0.3)) == expected


@pytest.mark.parametrize(("maker", "mass"), [(MesonDecays(("eta",), "pythia"), 600.0), (BMesonDecays(), 5000.0)])
def test_closed(maker: Maker, mass: float) -> None:
    with pytest.raises(ClosedChannelError, match=f"= {mass:g} MeV"):
        maker.arrays(mass, BEAM)
