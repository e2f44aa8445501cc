"""Named amplitudes of four bodies and more, and of cascades: vertices sampled in the rest frame of the mother."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from na62sim.core.particles import Species
from na62sim.generators.amplitudes.cascade import cascade
from na62sim.generators.amplitudes.double_dalitz import double_dalitz
from na62sim.generators.amplitudes.ke4 import ke4
from na62sim.generators.amplitudes.lepton_photon import lepton_photon
from na62sim.generators.amplitudes.one_photon import one_photon
from na62sim.generators.amplitudes.radiative import radiative
from na62sim.generators.amplitudes.rest_frame import Daughters, Vertex
from na62sim.generators.amplitudes.shapes import parse_amplitude
from na62sim.generators.amplitudes.two_photon import two_photon

VERTICES: dict[str, Callable[..., Vertex]] = {
    "higgs": partial(cascade, "higgs"),
    "field-strength": partial(cascade, "field-strength"),
    "pseudoscalar": partial(cascade, "pseudoscalar"),
    "double-dalitz": double_dalitz,
    "ke4": ke4,
    "one-photon": one_photon,
    "radiative": radiative,
    "lepton-photon": lepton_photon,
    "two-photon": two_photon,
}


def find_vertex(text: str) -> Callable[[Species, Daughters], Vertex]:
    """A vertex by its name, with its numbers bound."""
    name, numbers = parse_amplitude(text)
    return partial(VERTICES[name], **numbers)
