"""Acceptance against the lifetime of a hidden particle, from one sample reweighted in its proper time.

The proper times t are drawn log-uniformly over all lifetimes asked for and beyond, q(t) = 1/(t ln(high/low)); an
event has the weight p(t)/q(t) = ln(high/low) x exp(-x), x = t/tau, for each such particle in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import LIGHT
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.registry import find_process, registry
from na62sim.geometry import Detector
from na62sim.selection.cut import Selection
from na62sim.selection.registry import find_selection
from na62sim.simulation.chunks import CHUNK, check_events, default_threads, in_order
from na62sim.simulation.on_demand import run_selected
from na62sim.simulation.pipeline import Simulation, warm_up

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
    progress: Callable[[int], None] | None = None,
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
    a row per lifetime: tau_ns, ctau_mm, acceptance, stat, n_effective; acceptance and stat are None where fewer than
    25 effective events are accepted

    Raises
    ------
    ValueError : a lifetime that is not above 0, an unknown particle, or several to choose from
    """
    from na62sim.geometry.detector import as_detector

    taus = np.asarray(lifetimes, dtype=np.float64)
    if taus.ndim != 1 or not taus.size or not np.all(np.isfinite(taus)) or not np.all(taus > 0.0):
        raise ValueError("lifetimes: one or more numbers above 0 (ns)")
    made = _decaying(process, parameters)
    name = particle or _only_hidden(made)
    if name not in made.mass:
        raise ValueError(f"lifetime of '{name}': the decay '{made.descriptor}' has no such hidden particle")
    low, high = _BELOW * float(taus.min()), _ABOVE * float(taus.max())
    made = replace(made, lifetime={**made.lifetime, name: high})
    d = as_detector(detector)
    simulation = Simulation(made, d, seed, volume_m=decay_volume_m)
    simulation.generator.spread(name, low, high)
    chosen = find_selection(selection, d, made.mass)

    def job(first: int, n: int) -> tuple[FloatArray, FloatArray, float, int]:
        part = run_selected(simulation, chosen, first, n)
        rows = part.flow.signal_rows
        times = proper_times(part.truth, name, part.event[rows])
        return times, np.asarray(part.weight[rows]), float(part.truth.weight.sum()), n

    warm_up(simulation, chosen.candidates)
    times, weights, generated, done = [], [], 0.0, 0
    for t, w, total, n in in_order(job, 0, check_events(events), CHUNK, threads or default_threads()):
        times.append(t)
        weights.append(w)
        generated, done = generated + total, done + n
        if progress is not None:
            progress(done)
    t, w = np.concatenate(times, axis=1), np.concatenate(weights)
    span = math.log(high / low)
    return [_row(float(tau), t, w, generated, span) for tau in taus]


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


def _row(tau: float, times: FloatArray, weights: FloatArray, generated: float, span: float) -> dict[str, float | None]:
    x = times / tau
    w = weights * np.prod(span * x * np.exp(-np.minimum(x, 700.0)), axis=0)
    total, square = float(w.sum()), float((w * w).sum())
    effective = total**2 / square if square > 0.0 else 0.0
    enough = effective >= MIN_EFFECTIVE
    return {
        "tau_ns": tau,
        "ctau_mm": tau * LIGHT,
        "acceptance": total / generated if enough else None,
        "stat": math.sqrt(square) / generated if enough else None,
        "n_effective": effective,
    }
