"""Three tracks in all detectors: every cut at its number, what a track is taken for, masses, and the way to the LKr.

Numbers of the cuts: NA62, arXiv:1905.07770 (recalled), written here again. Fixed seeds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import species
from na62sim.detector.transport.planes import LKR
from na62sim.generators.chain.process import Process
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.registry import find_selection
from na62sim.selection.three_tracks import at_lkr, dilepton_mass, three_track_mass
from na62sim.simulation.acceptance import acceptance, select
from na62sim.simulation.stages import reconstruct, simulate
from na62sim.simulation.tables import RECO_FIELDS

KAON, PION = species("K+").mass, species("pi+").mass
MASS = {"kpimumu": species("mu+").mass, "kpiee": species("e+").mass}
VOLUME = (105.0, 180.0)


def decay(lepton: float, m_pair: float, pion: int) -> FloatArray:
    """A kaon of 75 GeV/c along z: a pion in y against a pair that opens in x as the magnet turns it; momenta (3, 3)."""
    e_pion = (KAON**2 + PION**2 - m_pair**2) / (2.0 * KAON)
    p_pion = np.sqrt(e_pion**2 - PION**2)  # against the pair, along y
    q = np.sqrt(m_pair**2 / 4.0 - lepton**2)
    rest = [[sign * q, -p_pion / 2.0, (KAON - e_pion) / 2.0] for sign in (-1.0, 1.0)]
    rest.insert(pion, [0.0, p_pion, e_pion])
    p = np.array(rest)
    p[:, 2] *= 75e3 / KAON
    return p


def row(name: str, pion: int = 0, m_pair: float = 250.0, **changed: float) -> Table:
    """One vertex that passes a selection, the pion in a slot (0 and 1 are positive, 2 is negative), some numbers changed."""
    fields = RECO_FIELDS["reco/vertices"]
    values = {f.name: np.zeros(1) for f in fields}
    p = decay(MASS.get(name, PION), 300.0 if name == "k3pi-lkr" else m_pair, pion)
    total = p.sum(axis=0)
    good: dict[str, float] = {
        "n_vertex": 3, "charge": 1, "z": 140e3, "chi2": 3.0, "pair_distance": 50.0, "p": float(np.linalg.norm(total)),
        "pt": 10.0, "ktag_sectors": 7, "r_max": 600.0, "hole_clearance": 80.0, "m_3pi": KAON,
    }  # fmt: skip
    for k in range(3):
        good |= {f"{x}_{k + 1}": v for x, v in zip(("px", "py", "pz"), p[k], strict=True)}
        good |= {f"p_{k + 1}": float(np.linalg.norm(p[k])), f"charge_{k + 1}": (1.0, 1.0, -1.0)[k]}
        good |= {f"{x}_{k + 1}": 1.0 for x in ("newchod", "chod", "lkr")}
        lepton = k != pion and name != "k3pi-lkr"
        good[f"eop_{k + 1}"] = 1.0 if lepton and name == "kpiee" else 0.3
        good[f"muv3_{k + 1}"] = float(lepton and name == "kpimumu")
    for column, x in (good | changed).items():
        values[column][:] = x
    return Table(fields, values, np.array([0, 1]))


def passes(selection: Selection, table: Table) -> str:
    """Name of the first cut that fails, or of the last region; nothing outside all regions."""
    failed = next((cut.name for cut in selection.cuts if not cut.function(table)[0]), None)
    return failed or next((f"in {name}" for name, region in selection.regions.items() if region(table)[0]), "in none")


CUTS = [  # just inside, just outside, and a word of the cut that must fail
    ({}, {"n_vertex": 5}, "three STRAW tracks"),
    ({"hole_clearance": 63.9}, {"hole_clearance": 63.7}, "STRAW acceptance"),
    ({}, {"lkr_2": 0}, "acceptance of each"),
    ({}, {"chod_1": 0}, "acceptance of each"),
    ({}, {"newchod_3": 0}, "acceptance of each"),
    ({"z": 105.01e3}, {"z": 104.99e3}, "vertex"),
    ({"z": 179.9e3}, {"z": 180.01e3}, "vertex"),
    ({"chi2": 24.9}, {"chi2": 25.1}, "vertex"),
    ({"pair_distance": 15.1}, {"pair_distance": 14.9}, "15 mm"),
    ({"pt": 29.9}, {"pt": 30.1}, "pT"),
    ({"ktag_sectors": 5}, {"ktag_sectors": 4}, "KTAG"),
]


@pytest.mark.parametrize("name", ["kpimumu", "kpiee", "k3pi-lkr"])
@pytest.mark.parametrize(("inside", "outside", "word"), CUTS)
def test_cuts(bench: Any, name: str, inside: dict[str, float], outside: dict[str, float], word: str) -> None:
    selection = find_selection(name, bench.detector)
    assert passes(selection, row(name, **inside)).startswith("in ")
    assert word in passes(selection, row(name, **outside))


def test_momentum_and_mass(bench: Any) -> None:
    """Total momentum to 2.5 GeV/c, mass to 8 MeV: a common scale of all momenta moves both."""
    selection = find_selection("k3pi-lkr", bench.detector)
    for p, word in ((77.4e3, "in none"), (77.6e3, "total momentum"), (72.6e3, "in none"), (72.4e3, "total momentum")):
        assert word in passes(selection, row("k3pi-lkr", p=p))
    for off, word in ((7.9, "in none"), (8.1, "m(3pi)"), (-7.9, "in none"), (-8.1, "m(3pi)")):
        assert word in passes(selection, row("k3pi-lkr", m_3pi=KAON + off))
    for name in ("kpimumu", "kpiee"):
        good = row(name)
        for off, word in ((6.0, "in pi+"), (10.0, "m(pi"), (-10.0, "m(pi")):
            # E^2 - p^2 moves by 2 m_K off: by the total momentum alone
            p = float(np.sqrt(good["p"][0] ** 2 - 2.0 * KAON * off - off * off))
            assert word in passes(find_selection(name, bench.detector), row(name, p=p)), (name, off)


@pytest.mark.parametrize(("name", "wrong"), [("kpimumu", "muv3"), ("kpiee", "eop")])
def test_one_pion_and_two_leptons(bench: Any, name: str, wrong: str) -> None:
    """Whatever the slot; not with one lepton, three, or a track that is neither."""
    selection = find_selection(name, bench.detector)
    for pion, region in ((0, "in pi+"), (1, "in pi+"), (2, "in pi-")):
        assert passes(selection, row(name, pion)).startswith(region)
    lepton, other = (1.0, 0.0) if wrong == "muv3" else (1.0, 0.3)
    assert "two tracks with" in passes(selection, row(name, **{f"{wrong}_1": lepton}))
    assert "two tracks with" in passes(selection, row(name, **{f"{wrong}_2": other}))
    for track, eop in ((1, 0.86), (2, 0.89 if name == "kpiee" else 0.86), (2, 1.11)):
        assert "two tracks with" in passes(selection, row(name, **{f"eop_{track}": eop}))
    assert "two tracks with" in passes(selection, row(name, eop_1=-1.0))  # the cluster of another track


def test_electrons_above_the_pi0(bench: Any) -> None:
    """pi+ e+ e- above 140 MeV; pi- e+ e+ and muons at any mass."""
    electrons, muons = (find_selection(name, bench.detector) for name in ("kpiee", "kpimumu"))
    assert passes(electrons, row("kpiee", m_pair=141.0)).startswith("in pi+")
    assert passes(electrons, row("kpiee", m_pair=139.0)) == "in none"
    assert passes(electrons, row("kpiee", 2, m_pair=139.0)).startswith("in pi-")
    assert passes(muons, row("kpimumu", m_pair=212.0)).startswith("in pi+")


@pytest.mark.parametrize("name", ["kpimumu", "kpiee"])
@pytest.mark.parametrize("pion", [0, 1, 2])
def test_masses(bench: Any, name: str, pion: int) -> None:
    """Of the kaon and of the pair, as they were made; the selection hands out the same."""
    t = row(name, pion, m_pair=260.0)
    leptons = np.arange(3)[:, None] != pion
    assert three_track_mass(t, leptons, MASS[name])[0] == pytest.approx(KAON, abs=1e-4)
    assert dilepton_mass(t, leptons, MASS[name])[0] == pytest.approx(260.0, abs=1e-4)
    found = {key: f(t)[0] for key, f in find_selection(name, bench.detector).observables.items()}
    pair = name.removeprefix("kpi")
    assert found == pytest.approx({f"m_pi{pair}": KAON, f"m_{pair}": 260.0}, abs=1e-4)


@pytest.mark.parametrize(("particle", "charge"), [("pi+", 1.0), ("pi-", -1.0)])
def test_way_to_the_lkr(bench: Any, shoot: Any, particle: str, charge: float) -> None:
    """The transport without matter, through all fields, for 15 to 50 GeV/c: to 1 mm of metres."""
    p = np.array([15e3, 20e3, 30e3, 50e3])
    sx, sy, z = np.array([2e-3, -3e-3, 5e-3, 1e-3]), np.array([-4e-3, 2e-3, 1e-3, -6e-3]), 150e3
    crossings = bench.off("decays", "matter", "losses").carry(shoot(particle, p, 12.0, -7.0, z, sx, sy))
    fields = RECO_FIELDS["reco/vertices"]
    values = {f.name: np.zeros(4) for f in fields} | {"x": np.full(4, 12.0), "y": np.full(4, -7.0), "z": np.full(4, z)}
    pz = p / np.sqrt(1.0 + sx**2 + sy**2)
    for k in (1, 2, 3):
        values |= {f"px_{k}": pz * sx, f"py_{k}": pz * sy, f"pz_{k}": pz, f"charge_{k}": np.full(4, charge)}
    x, y = at_lkr(bench.detector)(Table(fields, values, np.arange(5)))
    assert crossings.x[LKR].shape == (4,)
    np.testing.assert_allclose(x[0], crossings.x[LKR], atol=1.0)
    np.testing.assert_allclose(y[2], crossings.y[LKR], atol=1.0)
    bent = x[0] - 12.0 - sx * (bench.detector.lkr.z_m * 1e3 - z)
    np.testing.assert_allclose(
        bent, -charge * 270.0 / p * (bench.detector.lkr.z_m - 196.995) * 1e3, rtol=0.03
    )  # a thin kick


def test_pairs_at_the_lkr(bench: Any) -> None:
    """Two tracks of one charge, momentum and direction stay together: 200 mm apart they pass, not closer."""
    selection = find_selection("k3pi-lkr", bench.detector)
    way = bench.detector.lkr.z_m * 1e3 - 140e3
    for distance, word in ((201.0, "in none"), (199.0, "200 mm")):
        t = row("k3pi-lkr", px_1=0.0, py_1=0.0, pz_1=2e4, px_2=0.0, py_2=2e4 * distance / way, pz_2=2e4)
        assert word in passes(selection, t)


def test_ledger(bench: Any) -> None:
    """What is looked at and nothing else; trigger and random veto stay outside."""
    words = {"kpimumu": "MUV3", "kpiee": "LKr cluster", "k3pi-lkr": ""}
    for name, word in words.items():
        losses = find_selection(name, bench.detector).ledger
        assert [x.value for x in losses if x.how == "factor"] == [None]
        assert len({x.name for x in losses}) == len(losses)
        for other in ("MUV3", "LKr cluster"):
            assert any(other in x.name for x in losses) == (other == word)


def test_older_geometry(bench: Any) -> None:
    """A sample may carry a geometry from before these selections: one line says so."""
    older = bench.detector.model_copy(update={"three_tracks": None})
    with pytest.raises(ValueError, match="selection 'kpiee': the geometry run1-2018-s2 has no block three_tracks"):
        find_selection("kpiee", older)


def test_select_is_acceptance(bench: Any) -> None:
    """Cut-flows of a stored sample and of the direct chain are equal; pi+ and pi- are told apart."""
    n = 3000
    process = Process("K+ -> pi- mu+ mu+", violates={"lepton"})
    direct = acceptance(process, "kpimumu", n, bench.detector, 7, chunk=1000, threads=1, decay_volume_m=VOLUME)
    stored = select(reconstruct(simulate(process, n, bench.detector, 7, threads=1, decay_volume_m=VOLUME)), "kpimumu")
    assert stored.rows() == direct.rows()
    assert stored.counts["pi- mu+ mu+"].n == direct.counts["pi- mu+ mu+"].n > 200
    assert direct.counts["pi+ mu+ mu-"].n < 0.02 * direct.counts["pi- mu+ mu+"].n
    # a mask that holds for accepted events: two muons outside the inner MUV3 tiles
    assert 0.7 < direct.trigger_efficiency["dimuon_multi_track"].value < 1.0


def test_muons_do_not_pass_as_electrons(bench: Any) -> None:
    """K+ -> pi+ mu+ mu- has no electrons, K+ -> pi+ pi+ pi- no muon pair of the kaon's mass but for decays in flight."""
    assert acceptance("kpimumu", "kpiee", 3000, bench.detector, threads=1, decay_volume_m=VOLUME).selected.n == 0
    assert acceptance("k3pi", "kpimumu", 3000, bench.detector, threads=1, decay_volume_m=VOLUME).acceptance.value < 2e-3
