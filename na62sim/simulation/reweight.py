"""Another matrix element for a sample that exists: its events get new weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import hidden_species, is_hidden, species
from na62sim.generators.chain.matrix_element import Amplitude, evaluate, load_amplitude, name_of
from na62sim.sample.sample import Sample
from na62sim.sample.table import Table
from na62sim.sample.truth import generated_particles
from na62sim.simulation.chunks import CHUNK

__all__ = ["reweight"]


def reweight(sample: Sample, function: Amplitude | str, particle: str | None = None) -> Sample:
    """Multiply the weights of a sample by a function of the true momenta, in the rest frame of what decays.

    A sample of flat phase space becomes one of the matrix element |M|^2; one of a matrix element becomes that of another by
    their ratio. The mean of the factors is 1.

    Parameters
    ----------
    sample : reconstructed or not; its other columns are shared with the result
    function : ``function(p1, p2, …)``: (n,) numbers, 0 or more, from (4, n) arrays px, py, pz, E in MeV, one for each
        daughter in the order of the decay; or ``module:function``
    particle : what decays; the mother by default. All particles of that name in an event give a factor each.

    Returns
    -------
    the sample with other weights, in memory

    Raises
    ------
    ValueError : the function fails or returns anything else, or no such particle decays in the sample
    """
    if sample.provenance.skim is not None:
        raise ValueError(
            "reweight: of a skim the events that it left out are not there, and so not the mean of the factors"
        )
    call = load_amplitude(function) if isinstance(function, str) else function
    factors = np.concatenate([_factors(part, call, particle) for part in sample.chunks(CHUNK)])
    if not factors.any():
        raise ValueError(f"amplitude {name_of(call)}: it is 0 in all of {len(factors)} events")
    events = sample["events"]
    columns = {name: events[name] for name in events.names}
    columns["weight"] = columns["weight"] * (factors / factors.mean())
    done = [*sample.provenance.extra.get("reweighted", ()), name_of(call)]
    provenance = replace(sample.provenance, content_sha256="", extra={**sample.provenance.extra, "reweighted": done})
    groups = {**sample.groups, "events": Table(events.fields, columns)}
    return Sample(groups, provenance, len(sample), sample.first_event)


def _factors(part: Sample, function: Amplitude, particle: str | None) -> FloatArray:
    """The product of the function over the decays of each event."""
    truth, n = part["truth"], len(part)
    assert truth.offsets is not None
    code = None if particle is None else _code(particle)
    event = truth.event_of_row()
    place = np.arange(len(truth)) - truth.offsets[:-1][event]
    made = place < generated_particles(part)[event]  # what the detector made is no daughter
    mother = np.where(truth["parent"] >= 0, truth.offsets[:-1][event] + truth["parent"], -1)
    p = np.stack([truth[name] for name in ("px", "py", "pz", "energy")])
    decays = np.flatnonzero((place == 0) if code is None else made & (truth["pdg"] == code))
    daughters = np.flatnonzero(made & (mother >= 0))
    daughters = daughters[np.argsort(mother[daughters], kind="stable")]  # in the order of the decay
    first = np.searchsorted(mother[daughters], decays)
    count = np.searchsorted(mother[daughters], decays, side="right") - first
    factors = np.ones(n)
    if not (count > 0).any():
        raise ValueError(f"reweight: no decay of {particle or 'the mother'} in the sample")
    for k in np.unique(count[count > 0]):
        of_kind = np.flatnonzero(count == k)
        rows = daughters[first[of_kind] + np.arange(k)[:, None]]
        momenta = _at_rest(p[:, rows], p[:, decays[of_kind]])
        np.multiply.at(factors, event[decays[of_kind]], evaluate(function, np.moveaxis(momenta, 0, 1)))
    return factors


def _at_rest(q: FloatArray, mother: FloatArray) -> FloatArray:
    """Four-momenta (4, daughters, n) in the rest frame of their mother (4, n)."""
    mass = np.sqrt(mother[3] ** 2 - (mother[:3] ** 2).sum(axis=0))
    along = (mother[:3, None] * q[:3]).sum(axis=0)
    k = (along / (mother[3] + mass) - q[3]) / mass
    return np.concatenate((q[:3] + k * mother[:3, None], [(mother[3] * q[3] - along) / mass]))


def _code(particle: str) -> int:
    if particle.isdigit():
        return int(particle)
    return hidden_species(particle, 1.0, 0.0).pdg if is_hidden(particle) else species(particle).pdg
