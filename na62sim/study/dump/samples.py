"""The beam dump end to end: one sample per mass, and the region that it excludes.

A sample is made once per mass, production and channel; it serves every coupling, number of protons and background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dark_photon import branching_ratio
from na62sim.generators.registry import find_process
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry import Detector
from na62sim.simulation.chunks import CHUNK, check_events, default_threads, in_order
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Accepted, Chain, Geometric
from na62sim.study.dump.channels import dilepton_block
from na62sim.study.dump.productions import PUBLISHED, own_parameters, processes_of

MakeChain = Callable[[Process, Detector, int], Chain]
Samples = dict[str, Sequence[MassSample]]


def central_half_width(values: FloatArray, weights: FloatArray) -> float:
    """Half the width of the central 68.3 % of weighted values."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    low, high = np.interp((0.15866, 0.84134), cumulative / cumulative[-1], values[order])
    return float(0.5 * (high - low))


def mass_sample(chain: Chain, events: int, fraction: float, *, threads: int | None = None) -> MassSample:
    """Accepted events of one process, ready for any lifetime.

    Parameters
    ----------
    chain : makes and accepts events
    events : to generate
    fraction : branching ratio of the decay (1 where it is left free)

    Returns
    -------
    MassSample; the resolution is half the central 68 % of the reconstructed masses (at long lifetimes), or, without
    reconstruction, the geometry's estimate
    """
    generator = chain.generator
    source: Any = generator.source
    mother = generator.chain.particles[0]
    paths, weights, masses = [], [], []

    def job(first: int, n: int) -> tuple[FloatArray, FloatArray, Accepted]:
        part = chain.run(first, n)
        truth, rows = part.truth, part.rows
        assert truth.made is not None
        path = np.sqrt(((truth.vertex[0, :3, rows] - truth.made[:3, rows].T) ** 2).sum(axis=1))
        slowness = mother.mass / np.sqrt((truth.p[0, :3, rows] ** 2).sum(axis=1))
        return path * slowness, truth.made[3, rows] * slowness * part.weight, part

    job(0, 10)  # compiled before the threads start
    for a, b, part in in_order(job, 0, check_events(events), CHUNK, threads or default_threads()):
        paths.append(a)
        weights.append(b)
        chain.keep(part)
        if part.mass is not None:
            masses.append(part.mass)
    mass, weight = np.concatenate(masses) if masses else np.empty(0), np.concatenate(weights)
    if mass.size > 50:
        resolution = central_half_width(mass, weight)
    else:
        block = dilepton_block(generator.detector, chain.channel.name)
        resolution = float(np.interp(mother.mass, block.resolution_mass_MeV, block.resolution_MeV))
    return MassSample(
        mass=mother.mass,
        produced=source.per_proton * fraction,
        generated=events,
        scaled_path=np.concatenate(paths),
        scaled_weight=weight,
        resolution=resolution,
        production=generator.process.short,
        channel=chain.channel.name,
    )


def dark_photon_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    production: str = PUBLISHED,
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
    production : name of a production, or ``all``
    chain : how events are accepted, `Geometric` by default
    progress : called with each mass that is done
    parameters : of the processes, where they have them (``model="qra"``, ``scale="pythia"``, ``angles=…``)

    Raises
    ------
    ValueError : unknown names; no mass left
    """
    parameters_of = own_parameters(production, parameters)
    dilepton_block(detector, channel)
    samples, refusal = [], None
    for mass in masses:
        for name, own in parameters_of.items():
            try:
                process = find_process(name, m_Aprime=mass, channel=channel, **own)
                accepting = chain(process, detector, seed)
            except ClosedChannelError as error:
                refusal = error
                continue
            fraction = float(branching_ratio(mass, channel))
            samples.append(mass_sample(accepting, events, fraction, threads=threads))
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
    dilepton_block(detector, channel)
    processes = [find_process("alp-b", m_a=mass, channel=channel, **parameters) for mass in masses]
    return [mass_sample(chain(p, detector, seed), events, 1.0, threads=threads) for p in processes]


def region_samples(
    masses: dict[str, list[float]],
    detector: Detector,
    production: str = PUBLISHED,
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
    each, done = events * len(processes_of(production)), 0

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
