"""A detector becomes arrays once, and another one is another detector."""

from __future__ import annotations

from na62sim.geometry import load_detector
from na62sim.geometry.field import field_map
from na62sim.simulation.pipeline import Reconstruction


def test_a_detector_becomes_arrays_once() -> None:
    """Loaded twice it is the same detector; one changed number makes another, and changes what depends on it."""
    one, two = load_detector("run1-2018-s2"), load_detector("run1-2018-s2")
    first, second = Reconstruction(one), Reconstruction(two)
    assert first.field is second.field and first.straw is second.straw and first.vertex is second.vertex
    weak = one.with_values({"field.mnp33.integral_Tm": 0.5 * one.field.mnp33.integral_Tm})
    assert Reconstruction(weak).field is not first.field
    assert field_map(weak).integrals[0, -1] != field_map(one).integrals[0, -1]
    assert field_map(one, thin_kick=True) is not field_map(one)
