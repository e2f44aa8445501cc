"""What figures and tables of the beam dump need beyond the accepted events of a sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.arrays import FloatArray
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.geometry import Detector
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Accepted, Chain
from na62sim.study.dump.samples import MakeChain, central_half_width

Lengths = Callable[[Any], Any]

__all__ = ["MOMENTUM_EDGES", "NEAR", "AcceptanceHistograms", "Record", "recording"]

NEAR = 0.6  # times the reference coupling: where the resolution of the mass is stated, the middle of the regions in the logarithm
MOMENTUM_EDGES = np.arange(0.0, 401.0, 20.0)  # GeV/c


@dataclass(frozen=True)
class Record:
    """One sample with what was seen on the way.

    Attributes
    ----------
    decays : per coupling the probability to decay in the volume, whether accepted or not
    in_volume, squares, accepted : sums of weights, of their squares, and of the accepted ones, in bins of the true
        momentum of A' (`MOMENTUM_EDGES`), at the lifetime of the process
    lengths : mean proper decay length (mm) at couplings
    columns : of the accepted events, in the order of ``sample``: ``p``, ``z``, ``z_tax``, ``cda_tax``, ``mass``,
        ``z_residual``, ``lkr_apart``, ``p_true``, ``z_true`` (MeV, mm); empty where they were not kept
    resolution : half of the central 68 % of the reconstructed masses (MeV) at `NEAR` times the reference coupling; None without
    """

    sample: MassSample
    decays: FloatArray
    in_volume: FloatArray
    squares: FloatArray
    accepted: FloatArray
    lengths: Lengths
    columns: dict[str, FloatArray]
    resolution: float | None = None

    def weights(self, eps: float) -> FloatArray:
        """Weight of each accepted event at a coupling, as a share of all mothers that are made."""
        length = float(self.lengths(eps))
        decay = np.exp(-np.minimum(self.sample.scaled_path / length, 690.0)) / length
        return np.asarray(self.sample.scaled_weight * decay / self.sample.generated)


class AcceptanceHistograms:
    """A chain that counts decays and accepted events on the way, against momentum and coupling.

    Parameters
    ----------
    chain : how events are accepted
    lengths : mean proper decay length (mm) at couplings
    couplings : at which the decays in the volume are counted
    columns : whether to keep what was reconstructed
    near : coupling at which the resolution of the mass is stated
    """

    def __init__(
        self, chain: Chain, lengths: Lengths, couplings: FloatArray, columns: bool = False, near: float = NEAR * 1e-6
    ) -> None:
        self.near = near
        self.chain, self.generator, self.channel, self.columns = chain, chain.generator, chain.channel, columns
        self.mass = self.generator.chain.particles[0].mass
        self.lengths_at, self.lengths = lengths, np.asarray(lengths(couplings))
        self.generated = 0
        self.decays = np.zeros(self.lengths.size)
        self.in_volume, self.squares, self.accepted = np.zeros((3, MOMENTUM_EDGES.size - 1))
        self.kept: list[dict[str, FloatArray]] = []
        self.masses: list[FloatArray] = []

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        return self.chain.run(first, n)

    def keep(self, part: Accepted) -> None:
        """Count a chunk."""
        self.chain.keep(part)
        truth, rows = part.truth, part.rows
        assert truth.made is not None
        momentum = np.sqrt((truth.p[0, :3] ** 2).sum(axis=0))
        path = np.sqrt(((truth.vertex[0, :3] - truth.made[:3]) ** 2).sum(axis=0))
        slowness = self.mass / momentum
        whole = MassSample(self.mass, 1.0, momentum.size, path * slowness, truth.made[3] * slowness, 1.0)
        self.decays += momentum.size * whole.probability(self.lengths)[0]
        self.generated += momentum.size
        self.in_volume += np.histogram(momentum / GeV, MOMENTUM_EDGES, weights=truth.weight)[0]
        self.squares += np.histogram(momentum / GeV, MOMENTUM_EDGES, weights=truth.weight**2)[0]
        weight = truth.weight[rows] * part.weight
        self.accepted += np.histogram(momentum[rows] / GeV, MOMENTUM_EDGES, weights=weight)[0]
        if part.mass is not None:
            self.masses.append(part.mass)
        if self.columns:
            z = truth.vertex[0, 2, rows]
            own = {"p_true": momentum[rows], "z_true": z}
            if part.mass is not None:
                own |= {**part.columns, "mass": part.mass, "z_residual": part.columns["z"] - z}
            self.kept.append(own)

    def record(self, sample: MassSample) -> Record:
        """What was seen, beside the sample that was made with this chain."""
        names = self.kept[0] if self.kept else ()
        columns = {name: np.concatenate([part[name] for part in self.kept]) for name in names}
        decays = self.decays / self.generated
        found = Record(sample, decays, self.in_volume, self.squares, self.accepted, self.lengths_at, columns)
        masses = np.concatenate(self.masses) if self.masses else np.empty(0)
        if masses.size <= 50:
            return found
        return replace(found, resolution=central_half_width(masses, found.weights(self.near)))


def recording(
    chain: MakeChain, model: DumpModel, couplings: FloatArray, histograms: list[AcceptanceHistograms]
) -> MakeChain:
    """A maker of chains that appends an `AcceptanceHistograms` per chain to a list."""

    def make(process: Process, detector: Detector, seed: int) -> Chain:
        lengths = partial(model.lengths, process.mass[model.hidden])
        near = NEAR * model.reference
        histograms.append(AcceptanceHistograms(chain(process, detector, seed), lengths, couplings, near=near))
        return histograms[-1]

    return make
