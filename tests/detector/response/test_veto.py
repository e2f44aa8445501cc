"""Photon vetoes: thrown as dice or carried as a weight, the same photons are missed."""

from __future__ import annotations

import numpy as np
from hepunits import GeV, m
from scipy.stats import poisson

from na62sim.core.constants import LIGHT
from na62sim.detector.response import veto
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation


def test_dice_and_weight_miss_the_same_photons_in_the_lav() -> None:
    """Of photons above 0.2 GeV at a station: those without a hit in the window, against the sum of the inefficiencies.

    One K2pi event in twelve has one of them. Poisson probability to be as far off by chance above 1e-3; fixed seed.
    """
    d = load_detector("run1-2018-s2")
    s, n = Simulation(find_process("k2pi"), d, 5), 150_000
    truth = s.generator.generate(5, 0, n)
    from na62sim.detector.transport.crossings import transport_charged

    tracks = transport_charged(5, truth, s.planes, s.flight, s.field)
    v = s.response.veto
    thrown = veto.photon_hits(5, truth, tracks, v, s.response.calorimeter, False)
    slots = veto.photon_slots(truth)
    at_lav = thrown["target"] == veto.AT_LAV
    energy = truth.p[slots, 3]
    chosen = at_lav & (energy > 0.2 * GeV)
    chosen &= at_lav.sum(axis=0) == 1  # so that a hit belongs to the photon
    expected = sum(veto.photon_inefficiency(e, 0, v) for e in energy[chosen])
    lav = thrown["lav"]
    z, t = truth.vertex[:, 2], truth.vertex[:, 3]
    origin = np.array([truth.chain.vertex[k] for k in slots])
    in_time = np.zeros(n, dtype=bool)
    front = np.array(d.lav.z_front_m) * m
    for j in range(len(slots)):
        mine = np.flatnonzero(chosen[j][lav["event"]])
        event, station = lav["event"][mine], lav["station"][mine].astype(int)
        start, stop = z[origin[j], event], np.maximum(front[station - 1], z[origin[j], event])
        p = truth.p[slots[j]][:, event]
        true = t[origin[j], event] + (stop - start) * np.sqrt(1.0 + (p[0] ** 2 + p[1] ** 2) / p[2] ** 2) / LIGHT
        good = np.abs(lav["time"][mine] - true) < d.veto.lav_window_ns
        in_time[event[good]] = True
    missed = int((chosen & ~in_time).sum())
    assert chosen.sum() > 10_000 and expected < 30.0
    assert min(poisson.cdf(missed, expected), poisson.sf(missed - 1, expected)) > 1e-3, (missed, expected)


def test_blocks_of_a_photon() -> None:
    """One for every 100 MeV begun, twelve at most; the kernel and the arrays have the same formula."""
    energy = np.array([1.0, 99.0, 101.0, 950.0, 5000.0])
    assert veto.blocks_of(energy).tolist() == [1.0, 1.0, 2.0, 10.0, 12.0]
    assert [veto.n_blocks(e) for e in energy] == veto.blocks_of(energy).tolist()
