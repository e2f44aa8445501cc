"""Acceptance against the lifetime of a hidden particle, from one sample reweighted in its proper time.

The proper times t are drawn log-uniformly over all lifetimes asked for and beyond, q(t) = 1/(t ln(high/low)); an
event has the weight p(t)/q(t) = ln(high/low) x exp(-x), x = t/tau, for each such particle in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import LIGHT
from na62sim.core.progress import Progress
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.registry import find_process, registry
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.selection.cut import Selection
from na62sim.selection.registry import find_selection
from na62sim.selection.tally import Counter
from na62sim.simulation.chunks import check_events
from na62sim.simulation.conditions import Conditions, Running
from na62sim.simulation.dump_lifetimes import tally_lifetimes
from na62sim.simulation.on_demand import SelectedChunk, accepted

__all__ = ["MIN_EFFECTIVE", "lifetime_acceptance"]

MIN_EFFECTIVE = 25.0  # events: below, an acceptance is not given
_BELOW, _ABOVE = 1e-3, 20.0  # of the shortest and the longest lifetime: what lies outside is below a permille


def lifetime_acceptance(
    process: str | Process,
    selection: str | Selection,
    lifetimes: Sequence[float],
    events: int,
    detector: str | Detector | None = None,
    seed: int = 1,
    *,
    particle: str | None = None,
    decay_volume_m: tuple[float, float] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    **parameters: Any,
) -> list[dict[str, float | None]]:
    """Acceptance at several lifetimes from one sample.

    Parameters
    ----------
    lifetimes : ns, above 0
    particle : whose lifetime; the only hidden particle that decays by default
    others : as in `na62sim.acceptance`

    Returns
    -------
    a row per lifetime: tau_ns, ctau_mm, acceptance, stat, n_effective, largest_weight_share; acceptance and stat are None
    where fewer than 25 effective events are accepted

    Raises
    ------
    ValueError : a lifetime that is not above 0, an unknown particle, or several to choose from
    """
    try:
        taus = np.asarray(lifetimes, dtype=np.float64)
    except (TypeError, ValueError):
        taus = np.empty(0)
    if taus.ndim != 1 or not taus.size or not np.all(np.isfinite(taus)) or not np.all(taus > 0.0):
        raise ValueError(f"lifetimes = {lifetimes!r}: it must be one or more numbers above 0 (ns)")
    decay = _decaying(process, parameters)
    name = particle or _only_hidden(decay)
    if name not in decay.mass:
        raise ValueError(f"lifetime of '{name}': the decay '{decay.descriptor}' has no such hidden particle")
    low, high = _BELOW * float(taus.min()), _ABOVE * float(taus.max())
    decay = replace(decay, lifetime={**decay.lifetime, name: high})
    d = as_detector(detector)
    simulation = Conditions(decay_volume_m).simulation(decay, d, seed)
    chosen, running = find_selection(selection, d, decay.mass), Running(threads, progress=progress)
    if decay.production is not None and name == decay.production.mother:
        tallies = tally_lifetimes(simulation, chosen, taus, check_events(events), running)
        return [_row(float(tau), kept, every) for tau, (every, kept) in zip(taus, tallies, strict=True)]
    simulation.generator.spread(name, low, high)

    def take(chunk: SelectedChunk) -> tuple[FloatArray, FloatArray, Counter]:
        times = proper_times(chunk.truth, name, chunk.event[chunk.flow.signal_rows])
        return times, chunk.flow.signal_weight, chunk.flow.generated

    times, weights, generated = [], [], Counter()
    for t, w, total in accepted(simulation, chosen, range(check_events(events)), running, take, early=True):
        times.append(t)
        weights.append(w)
        generated.merge(total)
    t, w = np.concatenate(times, axis=1), np.concatenate(weights)
    span = math.log(high / low)
    return [_row(float(tau), _reweighted(float(tau), t, w, span), generated) for tau in taus]


def _decaying(process: str | Process, parameters: dict[str, Any]) -> Process:
    """The process with finite lifetimes: what is stable by default decays here."""
    known = registry()
    if isinstance(process, str) and process in known:
        stable = {key: 1.0 for key, (value, _) in known[process].parameters.items() if value == math.inf}
        parameters = stable | parameters
    return find_process(process, **parameters)


def _only_hidden(process: Process) -> str:
    """The hidden particle that decays, if there is one kind."""
    decaying = {node.name for node in _nodes(process.tree) if node.daughters and node.name in process.mass}
    if len(decaying) != 1:
        known = ", ".join(sorted(decaying)) or "none"
        raise ValueError(f"process {process.short}: name the particle whose lifetime is scanned (that decay: {known})")
    return decaying.pop()


def _nodes(tree: Any) -> list[Any]:
    return [tree, *(node for daughter in tree.daughters for node in _nodes(daughter))]


def proper_times(truth: Truth, name: str, events: Any) -> FloatArray:
    """Proper times (ns) of the particles of a name that fly, (particles, events)."""
    arrays = truth.chain.arrays
    flights = [k for k, slot in enumerate(arrays.flight_slot) if truth.chain.particles[slot].name == name]
    out = np.empty((len(flights), len(events)))
    for row, k in enumerate(flights):
        slot, a, b = arrays.flight_slot[k], arrays.flight_from[k], arrays.flight_to[k]
        lab = truth.vertex[b, 3, events] - truth.vertex[a, 3, events]
        out[row] = lab * truth.chain.particles[slot].mass / truth.p[slot, 3, events]
    return out


def _reweighted(tau: float, times: FloatArray, weights: FloatArray, span: float) -> Counter:
    """The accepted events at a lifetime."""
    x = times / tau
    return Counter.of(weights * np.prod(span * x * np.exp(-x), axis=0))


def _row(tau: float, accepted: Counter, generated: Counter) -> dict[str, float | None]:
    enough = accepted.n_effective >= MIN_EFFECTIVE
    acceptance, variance = accepted.over(generated) if enough else (0.0, 0.0)
    return {
        "tau_ns": tau,
        "ctau_mm": tau * LIGHT,
        "acceptance": acceptance if enough else None,
        "stat": math.sqrt(variance) if enough else None,
        "n_effective": accepted.n_effective,
        "largest_weight_share": accepted.largest_weight_share,
    }
