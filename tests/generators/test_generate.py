"""What of a decay is generated."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.generators.chain.compile import without_neutrinos
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector


@pytest.mark.parametrize("process", ["kpinunu", "ke4", "k2pi"])
def test_without_neutrinos_all_else_is_the_same(process: str) -> None:
    """Of K+ -> pi+ nu nubar those alone are left out; a neutrino that comes with something else is there."""
    g = Generator(find_process(process), load_detector("run1-2018-s2"), (105e3, 170e3))
    whole, some = g.generate(5, 1000, 700), g.generate(5, 1000, 700, neutrinos=False)
    assert len(without_neutrinos(g.chain).parent) == len(g.chain.arrays.parent) - (process == "kpinunu")
    for slot, particle in enumerate(g.chain.particles):
        if process != "kpinunu" or abs(particle.pdg) not in (12, 14, 16):
            np.testing.assert_array_equal(some.p[slot], whole.p[slot])
    rows = np.array([3, 4, 600])
    np.testing.assert_array_equal(g.with_neutrinos(5, some.take(rows)).p, whole.p[:, :, rows])
    assert (g.with_neutrinos(5, some) is some) == (process != "kpinunu")  # nothing is made again that is there
    for name in ("events", "vertex", "gtk", "weight"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name))
