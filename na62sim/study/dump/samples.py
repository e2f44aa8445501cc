"""The beam dump end to end: one sample per mass, and the region that it excludes.

A sample is made once per mass, production and channel; it serves every coupling, number of protons and background.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry import Detector
from na62sim.simulation.chunks import CHUNK, check_events, default_threads, in_order
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Accepted, Chain, Geometric
from na62sim.study.dump.channels import channels_of, dilepton_block
from na62sim.study.dump.productions import default_production, own_parameters, productions_of

MakeChain = Callable[[Process, Detector, int], Chain]
Samples = dict[str, Sequence[MassSample]]
_FREE_LIFETIME = 1.0  # ns, of samples of a model whose lifetime is free: reweighted to any other


def central_half_width(values: FloatArray, weights: FloatArray) -> float:
    """Half the width of the central 68.3 % of weighted values."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    low, high = np.interp((0.15866, 0.84134), cumulative / cumulative[-1], values[order])
    return float(0.5 * (high - low))


def mass_sample(
    chain: Chain, events: int, fraction: float, per_proton: float | None = None, *, threads: int | None = None
) -> MassSample:
    """Accepted events of one process, ready for any lifetime.

    Parameters
    ----------
    chain : makes and accepts events
    events : to generate
    fraction : branching ratio of the decay (1 where it is left free)
    per_proton : mothers per proton over the coupling squared; what the source says by default

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
        produced=(source.per_proton if per_proton is None else per_proton) * fraction,
        unit=fraction * (source.maker.branching_ratio(mother.mass) if per_proton is None else 1.0),
        generated=events,
        scaled_path=np.concatenate(paths),
        scaled_weight=weight,
        resolution=resolution,
        production=generator.process.short,
        channel=chain.channel.name,
    )


def channel_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    production: str = "",
    events: int = 100_000,
    seed: int = 1,
    *,
    model: DumpModel = DARK_PHOTON,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> list[MassSample]:
    """One sample per mass and production of a model.

    Parameters
    ----------
    masses : MeV; those at which the channel or the production is closed are left out
    production : name of a production, or ``all``; the first of the model by default
    chain : how events are accepted, `Geometric` by default
    progress : called with each mass that is done
    parameters : of the productions, where they have them (``{"model": "qra", "scale": "pythia"}``)

    Raises
    ------
    ValueError : unknown names; no mass left
    """
    parameters_of = own_parameters(model, production or default_production(model), parameters or {})
    dilepton_block(detector, channel)
    channels_of(model, channel)
    samples, refusal = [], None
    for mass in masses:
        for name, own in parameters_of.items():
            try:
                process, fraction = sampled_process(model, mass, channel, name, own)
                accepting = chain(process, detector, stream_seed(seed, name, channel, mass))
            except ClosedChannelError as error:
                refusal = error
                continue
            samples.append(mass_sample(accepting, events, fraction, model.yields(name, mass), threads=threads))
        if progress is not None:
            progress(mass)
    if not samples:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return samples


def stream_seed(seed: int, production: str, channel: str, mass: float) -> int:
    """The seed of a sample: production, channel and mass (MeV) enter, the name of the model does not.

    So the samples of a region are independent of each other, and a model that copies another one gives its region.
    """
    digest = hashlib.sha256(f"{seed} {production} {channel} {float(mass)!r}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def sampled_process(
    model: DumpModel, mass: float, channel: str, production: str, parameters: Mapping[str, Any]
) -> tuple[Process, float]:
    """The process of a sample and the branching ratio of its decay; the lifetime of the sample is that of a decay length
    of the size of the beam line, where none is known."""
    fraction = model.fraction(mass, channel)
    tau = _FREE_LIFETIME if model.ctau is None else None
    return model.process(mass, channel, production, tau=tau, **parameters), fraction


def region_samples(
    masses: Mapping[str, Sequence[float]],
    detector: Detector,
    production: str = "",
    events: int = 100_000,
    seed: int = 1,
    *,
    model: DumpModel = DARK_PHOTON,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Samples:
    """Samples of every channel.

    Parameters
    ----------
    masses : per channel, as `open_masses` returns them
    progress : called with the number of events done so far
    """
    production = production or default_production(model)
    each, done = events * len(productions_of(model, production)), 0

    def tick(_: float) -> None:
        nonlocal done
        done += each
        if progress is not None:
            progress(done)

    return {
        channel: channel_samples(
            wanted, detector, channel, production, events, seed,
            model=model, chain=chain, threads=threads, progress=tick, parameters=parameters,
        )
        for channel, wanted in masses.items()
    }  # fmt: skip
