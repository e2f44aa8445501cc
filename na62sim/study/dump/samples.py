"""The beam dump end to end: one sample per mass, and the region that it excludes.

A sample is made once per mass, production and channel; it serves every coupling, number of protons and background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dark_photon import branching_ratio
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.simulation.chunks import CHUNK, check_events, default_threads, in_order
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Accepted, Chain, Geometric
from na62sim.study.dump.channels import (
    PRODUCTIONS,
    productions_of,
    windows,
)

MakeChain = Callable[[Process, Detector, int], Chain]
Samples = dict[str, Sequence[MassSample]]


def spread(values: FloatArray, weights: FloatArray) -> float:
    """Half the width of the central 68.3 % of weighted values."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    low, high = np.interp((0.15866, 0.84134), cumulative / cumulative[-1], values[order])
    return float(0.5 * (high - low))


def mass_sample(chain: Chain, events: int, channel: str, fraction: float, *, threads: int | None = None) -> MassSample:
    """Accepted events of one process, ready for any lifetime.

    Parameters
    ----------
    chain : makes and accepts events
    events : to generate
    channel : ``mumu`` or ``ee``, for the mass resolution
    fraction : branching ratio of the decay (1 where it is left free)

    Returns
    -------
    MassSample; the resolution is half the central 68 % of the reconstructed masses (at long lifetimes), or, without
    reconstruction, the geometry's estimate
    """
    generator = chain.generator
    source: Any = generator.source
    mother = generator.chain.particles[0]
    reach, strength, masses = [], [], []

    def job(first: int, n: int) -> tuple[FloatArray, FloatArray, Accepted]:
        part = chain.run(first, n)
        truth, rows = part.truth, part.rows
        assert truth.made is not None
        path = np.sqrt(((truth.vertex[0, :3, rows] - truth.made[:3, rows].T) ** 2).sum(axis=1))
        slowness = mother.mass / np.sqrt((truth.p[0, :3, rows] ** 2).sum(axis=1))
        return path * slowness, truth.made[3, rows] * slowness * part.weight, part

    job(0, 10)  # compiled before the threads start
    for a, b, part in in_order(job, 0, check_events(events), CHUNK, threads or default_threads()):
        reach.append(a)
        strength.append(b)
        chain.keep(part)
        if part.mass is not None:
            masses.append(part.mass)
    found, weights = np.concatenate(masses) if masses else np.empty(0), np.concatenate(strength)
    if found.size > 50:
        resolution = spread(found, weights)
    else:
        block = windows(generator.detector, channel)
        resolution = float(np.interp(mother.mass, block.resolution_mass_MeV, block.resolution_MeV))
    return MassSample(
        mass=mother.mass,
        produced=source.per_proton * fraction,
        generated=events,
        reach=np.concatenate(reach),
        strength=weights,
        resolution=resolution,
        production=generator.process.short,
        channel=channel,
    )


def dark_photon_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    production: str = "brems",
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    **parameters: Any,
) -> list[MassSample]:
    """One sample per mass and production.

    Parameters
    ----------
    masses : MeV; those at which the channel or the production is closed are left out
    production : ``brems``, ``meson`` or ``all``
    chain : how events are accepted, `Geometric` by default
    progress : called with each mass that is done
    parameters : of the processes, where they have them (``model="qra"``, ``scale="pythia"``, ``angles=…``)

    Raises
    ------
    ValueError : unknown names; no mass left
    """
    from na62sim.generators.registry import registry

    if production not in PRODUCTIONS:
        raise ValueError(f"production '{production}' is unknown{did_you_mean(production, PRODUCTIONS)}")
    windows(detector, channel)
    known = {key for name in PRODUCTIONS[production] for key in registry()[name].parameters}
    for key in parameters:
        if key not in known:
            raise ValueError(f"parameter '{key}' of production {production} is unknown{did_you_mean(key, known)}")
    samples, refusal = [], None
    for mass in masses:
        for name in PRODUCTIONS[production]:
            own = {key: value for key, value in parameters.items() if key in registry()[name].parameters}
            try:
                process = find_process(name, m_Aprime=mass, channel=channel, **own)
                made = chain(process, detector, seed)
            except ValueError as error:
                if "m_Aprime" not in str(error):
                    raise
                refusal = error
                continue
            samples.append(mass_sample(made, events, channel, float(branching_ratio(mass, channel)), threads=threads))
        if progress is not None:
            progress(mass)
    if not samples:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return samples


def alp_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    **parameters: Any,
) -> list[MassSample]:
    """One sample of B -> K(*) a, a -> l l per mass (MeV); every number is per product of the two branching ratios."""
    windows(detector, channel)
    processes = [find_process("alp-b", m_a=mass, channel=channel, **parameters) for mass in masses]
    return [mass_sample(chain(p, detector, seed), events, channel, 1.0, threads=threads) for p in processes]


def region_samples(
    masses: dict[str, list[float]],
    detector: Detector,
    production: str = "brems",
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    parameters: dict[str, Any] | None = None,
) -> Samples:
    """Samples of every channel.

    Parameters
    ----------
    masses : per channel, as `open_masses` returns them
    progress : called with the number of events done so far
    """
    each, done = events * len(productions_of(production)), 0

    def tick(_: float) -> None:
        nonlocal done
        done += each
        if progress is not None:
            progress(done)

    return {
        channel: dark_photon_samples(
            wanted, detector, channel, production, events, seed,
            chain=chain, threads=threads, progress=tick, **(parameters or {}),
        )
        for channel, wanted in masses.items()
    }  # fmt: skip
