"""Masses and vertices of the accepted candidates of several tracks, beside what was generated."""

from __future__ import annotations

from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import species
from na62sim.generators.chain.truth import Truth
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.simulation.on_demand import SelectedChunk
from na62sim.study.resolution.gaussian_core import gaussian_core

__all__ = ["PAIR_EDGES", "RESOLUTIONS", "Masses"]

RESOLUTIONS = {  # name: unit, what the table calls it
    "m_pi4e": ("MeV", "m(π4e) − m_K"),
    "m_4e": ("MeV", "m(4e) − true"),
    "m_ee": ("MeV", "m(ee) − true"),
    "m_3pi": ("MeV", "m(3π) − m_K"),
    "m_pimumu": ("MeV", "m(πμμ) − m_K"),
    "m_piee": ("MeV", "m(πee) − m_K"),
    "z": ("m", "vertex z − true"),
}
_BINS, _RANGE = 120, 6.0  # of a residual, in half widths of its central 68 %
PAIR_EDGES = np.arange(0.0, 361.0, 10.0)  # MeV, of the mass of two leptons


class Masses:
    """Collects the accepted candidates of a selection on ``reco/vertices``; only those are kept in memory.

    ``fill`` fits `na62sim.simulation.acceptance.acceptance`'s ``keep``.

    Parameters
    ----------
    selection : whose `observables` are looked at beside the masses of the table

    Attributes
    ----------
    pairs : decays with two leptons in bins (`PAIR_EDGES`) of the generated mass of these: sums of weights of all decays and
        of the accepted ones, then sums of squared weights, (4, bins)
    """

    def __init__(self, selection: Selection | None = None) -> None:
        self._observables = {} if selection is None else selection.observables
        self._own = [name for name in ("m_pimumu", "m_piee") if name in self._observables]
        self.pairs = np.zeros((4, len(PAIR_EDGES) - 1))
        self._residuals: dict[str, list[FloatArray]] = {name: [] for name in RESOLUTIONS}
        self._weights: dict[str, list[FloatArray]] = {name: [] for name in RESOLUTIONS}
        self._spectrum: list[FloatArray] = []
        self._spectrum_weight: list[FloatArray] = []

    def fill(self, chunk: SelectedChunk, table: Table, weight: Any) -> None:
        """Add the accepted candidates of a chunk."""
        rows = chunk.flow.signal_rows
        if self._own:
            self._add_pairs(chunk, table, rows, np.asarray(weight)[rows])
        if not len(rows):
            return
        events, w = table.event_of_row()[rows], np.asarray(weight)[rows]
        found = {name: np.asarray(table[name])[rows] for name in ("m_pi4e", "m_4e", "m_ee1", "m_ee2", "m_3pi", "z")}
        tracks, kaon = np.asarray(table["n_vertex"])[rows], species("K+").mass
        five, three = tracks == 5, tracks == 3
        self._add("z", (found["z"] - chunk.truth.vertex[0, 2, events]) / m, w)
        if not self._own:
            self._add("m_3pi", (found["m_3pi"] - kaon)[three], w[three])
        for name in self._own:
            self._add(name, self._observables[name](table.take(rows)) - kaon, w)
        if not five.any():
            return
        self._add("m_pi4e", (found["m_pi4e"] - kaon)[five], w[five])
        self._spectrum.append(found["m_4e"][five])
        self._spectrum_weight.append(w[five])
        true = _mass_of_electrons(chunk.truth, events[five])
        if true is not None:
            self._add("m_4e", found["m_4e"][five] - true, w[five])
        mass = _pair_mass(chunk.truth)
        if mass is not None:
            for pair in ("m_ee1", "m_ee2"):
                self._add("m_ee", found[pair][five] - mass, w[five])

    def _add_pairs(self, chunk: SelectedChunk, table: Table, rows: Any, weight: Any) -> None:
        """Generated mass of two leptons: of all decays, and of the accepted ones."""
        mass = _mass_of_leptons(chunk.truth)
        if mass is None:
            return
        of_accepted = mass[table.event_of_row()[rows]]
        for k, (x, w) in enumerate(((mass, chunk.truth.weight), (of_accepted, weight))):
            self.pairs[k] += np.histogram(x, PAIR_EDGES, weights=w)[0]
            self.pairs[2 + k] += np.histogram(x, PAIR_EDGES, weights=w * w)[0]

    def _add(self, name: str, residual: FloatArray, weight: FloatArray) -> None:
        self._residuals[name].append(residual)
        self._weights[name].append(weight)

    @property
    def spectrum(self) -> tuple[FloatArray, FloatArray]:
        """Reconstructed m(4e) (MeV) of the accepted candidates of five tracks, and their weights."""
        return _joined(self._spectrum), _joined(self._spectrum_weight)

    def residual(self, name: str) -> tuple[FloatArray, FloatArray]:
        """Residuals of one of `RESOLUTIONS` and their weights."""
        return _joined(self._residuals[name]), _joined(self._weights[name])

    def resolutions(self) -> dict[str, dict[str, float]]:
        """Mean and Gaussian core of each residual that has enough events."""
        found = {}
        for name in RESOLUTIONS:
            x, w = self.residual(name)
            if len(x) < 50:
                continue
            low, middle, high = np.quantile(x, (0.1587, 0.5, 0.8413))
            edges = np.linspace(middle - _RANGE * (high - low) / 2, middle + _RANGE * (high - low) / 2, _BINS + 1)
            values, variances = (np.histogram(x, edges, weights=w**power)[0] for power in (1, 2))
            core = gaussian_core(edges, values, variances)
            if core is not None:
                found[name] = {"value": core.sigma, "error": core.sigma_error, "mean": core.mean}
        return found


def _joined(parts: list[FloatArray]) -> FloatArray:
    return np.concatenate(parts) if parts else np.empty(0)


def _mass_of_electrons(truth: Truth, events: Any) -> FloatArray | None:
    """Mass of the generated electrons, where there are four of them."""
    slots = [k for k, s in enumerate(truth.chain.particles) if abs(s.pdg) == 11]
    return _mass(truth.p[slots][:, :, events].sum(axis=0)) if len(slots) == 4 else None


def _mass_of_leptons(truth: Truth) -> FloatArray | None:
    """Mass of the generated charged leptons, where there are two of them."""
    slots = [k for k, s in enumerate(truth.chain.particles) if abs(s.pdg) in (11, 13)]
    return _mass(truth.p[slots].sum(axis=0)) if len(slots) == 2 else None


def _mass(p: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.maximum(p[3] ** 2 - p[0] ** 2 - p[1] ** 2 - p[2] ** 2, 0.0)))


def _pair_mass(truth: Truth) -> float | None:
    """Mass of what decays into e+ e-, if all such particles have the same."""
    particles, parents = truth.chain.particles, truth.chain.parents
    mothers = [parents[k] for k, s in enumerate(particles) if abs(s.pdg) == 11]
    masses = {particles[k].mass for k in mothers if mothers.count(k) == 2}
    return masses.pop() if len(masses) == 1 and all(mothers.count(k) == 2 for k in mothers) else None
