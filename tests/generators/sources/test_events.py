"""Events of a file are those of the process that made them, wherever they come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.core.constants import LIGHT
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.sample.formats.export import export_sample
from na62sim.sample.provenance import SampleError

VOLUME = (105e3, 170e3)
DETECTOR = "run1-2018-s2"
N = 2000


def generator(process: str | na.Process, volume: tuple[float, float] = VOLUME, **parameters: Any) -> Generator:
    return Generator(find_process(process, **parameters), na.load_detector(DETECTOR), volume)


def columns(truth: Truth) -> dict[str, Any]:
    """A generated process as arrays in the laboratory."""
    chain = truth.chain
    p, at = truth.p[: len(chain.particles)], truth.vertex[list(chain.vertex)]
    names = ("px", "py", "pz", "energy")
    return {
        "pdg": [s.pdg for s in chain.particles], "parent": list(chain.parents), "weight": truth.weight,
        "number": truth.events, **{name: p[:, c].T for c, name in enumerate(names)},
        **{name: at[:, c].T for c, name in enumerate(("x", "y", "z", "time"))},
    }  # fmt: skip


def at_rest(truth: Truth) -> dict[str, Any]:
    """The same in the rest frame of the kaon, whose decay is the origin."""
    given, kaon = columns(truth), truth.p[0]
    mass = truth.chain.particles[0].mass

    def boosted(v: Any) -> Any:
        along = (kaon[:3, :, None] * v[:3]).sum(axis=0)
        k = (along / (kaon[3] + mass)[:, None] - v[3]) / mass
        return (*(v[c] + k * kaon[c][:, None] for c in range(3)), (kaon[3][:, None] * v[3] - along) / mass)

    p = boosted(np.stack([given[name] for name in ("px", "py", "pz", "energy")]))
    at = np.stack([given[name] for name in ("x", "y", "z", "time")])
    at = at - truth.vertex[0][:, :, None]
    at[3] *= LIGHT
    at = np.stack(boosted(at))
    at[3] /= LIGHT
    at[np.abs(at) < 1e-9] = 0.0
    names = zip(("px", "py", "pz", "energy", "x", "y", "z", "time"), (*p, *at), strict=True)
    return {"pdg": given["pdg"], "parent": given["parent"], "number": given["number"], **dict(names)}


def assert_close(found: Truth, truth: Truth, momentum: float = 1e-3, place: float = 1e-6) -> None:
    """The same events: MeV, mm."""
    k = len(truth.chain.particles)
    assert np.array_equal(found.events, truth.events)
    assert np.abs(found.p[:k] - truth.p[:k]).max() < momentum
    at = [truth.vertex[v] for v in truth.chain.vertex]
    assert np.abs([found.vertex[v] for v in found.chain.vertex] - np.array(at)).max() < place
    assert np.allclose(found.gtk, truth.gtk, rtol=1e-12, atol=1e-9)
    assert np.allclose(found.weight, truth.weight, rtol=1e-12)


FLYING = {"m_X": 200.0, "tau_X": 3.0}


def test_in_the_laboratory() -> None:
    truth = generator("kpix", **FLYING).generate(4, 0, N)
    found = generator(na.Process.from_arrays(**columns(truth))).generate(4, 0, N)
    assert_close(found, truth, 1e-12, 1e-9)


def test_at_rest_with_the_kaons_of_the_beam() -> None:
    truth = generator("K+ -> pi+ (X -> e+ e-)", **FLYING).generate(4, 0, N)
    found = generator(na.Process.from_arrays(**at_rest(truth))).generate(4, 0, N)
    assert found.chain.n_vertices == 2  # X keeps the lifetime that it had
    assert_close(found, truth, 1e-3, 1e-3)


def test_a_decay_that_is_not_placed_is_drawn_in_the_volume() -> None:
    truth = generator("kmu2").generate(4, 0, 20_000)
    given = {k: v for k, v in columns(truth).items() if k not in ("x", "y", "z", "time", "weight")}
    found = generator(na.Process.from_arrays(**given)).generate(4, 0, 20_000)
    z, expected = found.vertex[0, 2], truth.vertex[0, 2]
    assert z.min() >= VOLUME[0] and z.max() <= VOLUME[1]
    assert z == pytest.approx(expected, abs=1e-3)  # the same law, the same random numbers
    assert found.weight == pytest.approx(truth.weight, rel=1e-9)
    assert found.vertex[0, 3] == pytest.approx(truth.vertex[0, 3], abs=1e-9)
    assert np.std(found.gtk[0]) == pytest.approx(np.std(truth.gtk[0]), rel=0.03)
    assert np.array_equal(found.p[0], truth.p[0])


def test_a_given_lifetime_is_drawn() -> None:
    p = np.zeros((4, 20_000, 5))
    p[3] = [493.677, 226.0556, 267.6214, 133.8107, 133.8107]  # K+ -> pi+ X(200 MeV), X -> e+ e-
    p[2, :, 1], p[2, :, 2] = -177.8236, 177.8236
    p[2, :, 3:] = 177.8236 / 2.0
    p[0, :, 3], p[0, :, 4] = 100.0, -100.0
    process = na.Process.from_arrays(
        [321, 211, 9900041, -11, 11], *p, parent=[-1, 0, 0, 2, 2], lifetime={"X": 0.2}, number=np.arange(20_000) * 3
    )
    truth = generator(process).generate(1, 0, 20_000)
    mass = process.mass["X"]
    assert mass == pytest.approx(200.0, abs=0.01)
    proper = (truth.vertex[1, 3] - truth.vertex[0, 3]) * mass / truth.p[2, 3]
    assert proper.mean() == pytest.approx(0.2, abs=4.0 * 0.2 / np.sqrt(20_000))  # p = 6e-5
    flown = truth.vertex[1, :3] - truth.vertex[0, :3]
    assert np.allclose(np.cross(flown.T, truth.p[2, :3].T), 0.0, atol=1e-3 * np.abs(truth.p[2, :3]).max())


def test_collisions_are_spread_evenly() -> None:
    p = np.zeros((4, 4000, 4))
    p[2], p[3] = [75e3, 0.0, 30e3, 40e3], [75e3 + 1.6, 938.3, 30e3, 40.1e3]
    process = na.Process.from_arrays([321, 2212, 211, 130], *p, parent=[-1, -1, 0, 0], status=[4, 4, 1, 1])
    truth = generator(process).generate(1, 0, 4000)
    z = (truth.vertex[0, 2] - VOLUME[0]) / (VOLUME[1] - VOLUME[0])
    assert abs(z.mean() - 0.5) < 4.0 / np.sqrt(12 * 4000) and np.all(truth.weight == 1.0)


def test_an_event_is_the_same_in_any_range_and_any_file() -> None:
    truth = generator("kpix", **FLYING).generate(4, 0, 50)
    given = columns(truth)
    whole = generator(na.Process.from_arrays(**given))
    last = {k: v if isinstance(v, list) else v[20:] for k, v in given.items()}
    part = generator(na.Process.from_arrays(**last))
    a, b, c = whole.generate(4, 20, 30), part.generate(4, 0, 30), whole.generate(4, 30, 5)
    for name in ("events", "p", "vertex", "gtk", "weight"):
        assert np.array_equal(getattr(a, name), getattr(b, name))
        assert np.array_equal(getattr(a, name)[..., 10:15], getattr(c, name))


def two_kinds(n: int = 60) -> na.Process:
    """K+ -> pi+ nu nubar and, in every third event, K+ -> mu+ nu, at rest."""
    pdg, p = [], []
    for i in range(n):
        pdg.append([321, -13, 14] if i % 3 == 0 else [321, 211, 14, -14])
        q = 235.53 if i % 3 == 0 else 100.0
        daughters = [(258.145, q), (235.53, -q)] if i % 3 == 0 else [(171.7, q), (150.0, 0.0), (172.0, -q)]
        p.append([(493.677, 0.0), *daughters])
    pz = [[z for _, z in event] for event in p]
    energy = [[e for e, _ in event] for event in p]
    zero = [[0.0] * len(event) for event in p]
    return na.Process.from_arrays(pdg, zero, zero, pz, energy, number=np.arange(n) * 7 + 3)


def test_kinds_of_events_come_in_the_order_of_the_file() -> None:
    process = two_kinds()
    parts = generator(process).parts(1, 0, 60)
    assert [part.rows.tolist()[:3] for part in parts if part.rows is not None] == [[0, 3, 6], [1, 2, 4]]
    sample = na.simulate(process, detector=DETECTOR)
    assert sample["events"]["number"].tolist() == [7 * i + 3 for i in range(60)]
    truth = sample["truth"]
    assert truth.offsets is not None
    second = [truth["pdg"][truth.offsets[i] + 1] for i in range(60)]
    assert second == [-13 if i % 3 == 0 else 211 for i in range(60)]
    assert sample["record"]["particles"].tolist() == [3 if i % 3 == 0 else 4 for i in range(60)]
    for i in (0, 1, 33):
        one = sample.slice_events(i, i + 1)
        straw = one["hits/straw"]
        assert straw.offsets is not None and len(straw) == straw.offsets[-1]
    with pytest.raises(ValueError, match="its events have different particles"):
        generator(process).generate(1, 0, 60)


def test_chunks_and_threads_do_not_matter() -> None:
    process = two_kinds(2500)
    hashes = {
        na.simulate(process, detector=DETECTOR, chunk=chunk, threads=threads).content_sha256()
        for chunk, threads in ((1000, 1), (1000, 2), (3000, 1))
    }
    flows = [na.acceptance(process, "pinunu", detector=DETECTOR, chunk=chunk).rows() for chunk in (1000, 3000)]
    assert len(hashes) == 1 and flows[0] == flows[1] and flows[0][0]["n"] == 2500


def test_events_used_again_are_counted_and_others() -> None:
    process = two_kinds(60)
    sample = na.simulate(process, 150, DETECTOR)
    number = sample["events"]["number"]
    assert len(np.unique(number)) == 150 and number[60] == number.min() + number[:60].max() + 1
    remark = "90 of 150 events are used again, with other random numbers; the file has 60"
    assert sample.provenance.extra["process"]["reused"] == [remark]
    flow = na.acceptance(process, "pinunu", 150, DETECTOR)
    assert flow.info["reused"] == [remark] and remark in str(flow)
    assert "reused" not in na.acceptance(process, "pinunu", detector=DETECTOR).info


def test_what_is_refused() -> None:
    truth = generator("kmu2").generate(4, 0, 20)
    process = na.Process.from_arrays(**columns(truth))
    with pytest.raises(
        SampleError, match=r"decays at z = .* m, outside of the decay volume 106 to 107 m; --decay-volume"
    ):
        generator(process, (106e3, 107e3))
    given = columns(truth)
    turned = na.Process.from_arrays(**{**given, "pz": -given["pz"]})
    with pytest.raises(SampleError, match=r"K\+ does not move along the beam: p_z / p = -1, at least 0\.9 is needed"):
        generator(turned)
    with pytest.raises(ValueError, match="lifetimes of a file of events cannot be scanned"):
        generator(process).spread("K+", 1.0, 2.0)
    with pytest.raises(SampleError, match=r"K\+ is at rest, and only a K\+ can be boosted with the kaon beam"):
        Generator(two_kinds(), na.load_detector("dump-2021"), (105e3, 170e3))
    with pytest.raises(ValueError, match="give their number; only a file of events has one of its own"):
        na.simulate("kmu2")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    na.simulate("kpinunu", 3000, DETECTOR, seed=2, path=folder / "pnn.h5").close()
    export_sample(folder / "pnn.h5", folder / "pnn.hepmc3.gz")
    return folder / "pnn.hepmc3.gz"


def test_a_file_in_place_of_a_process(
    exported: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = na.acceptance("kpinunu", "pinunu", 3000, DETECTOR, seed=2)
    flow = na.acceptance(str(exported), "pinunu", detector=DETECTOR, seed=2)
    assert flow.rows() == expected.rows()  # positions in a file of samples have 24 bits: no event of these sees it
    monkeypatch.chdir(tmp_path)
    assert main(["acceptance", str(exported), "-s", "pinunu", "--seed", "2", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert (out["process"], out["n_generated"], out["cutflow"]) == ("pnn.hepmc3.gz", 3000, expected.rows())
    words = ["simulate", str(exported), "-n", "10", "-o", "a.h5", "-p", "numbers=order", "-p", "weight=veto_weight"]
    assert main(words) == 0
    with na.Sample.open("a.h5") as sample:
        assert len(sample) == 10 and np.all(sample["events"]["weight"] == 1.0)
        about = sample.provenance.extra["process"]["events_of"]
        assert about["events"] == 10 and len(about["sha256"]) == 64


def test_a_file_of_chromo(tmp_path: Path) -> None:
    """Collisions of kaons of the beam with protons, written as HepMC3 by chromo (SIBYLL 2.1), read and simulated: what the
    file leaves at the end is there with its momentum, and the reconstruction takes it."""
    models = pytest.importorskip("chromo.models", reason="pip install chromo")
    kinematics, writer = pytest.importorskip("chromo.kinematics"), pytest.importorskip("chromo.writer")
    pyhepmc = pytest.importorskip("pyhepmc")
    path = tmp_path / "collisions.hepmc3"
    model = models.Sibyll21(kinematics.FixedTarget(75.0, "K+", "p"), seed=1)  # GeV
    for code in (310, 3112, 3122, 3222, 3312, 3322, 3334):  # what decays within the first metres
        model.set_unstable(code)
        if code != 310:
            model.set_unstable(-code)
    with writer.Hepmc(str(path), model) as file:
        for event in model(20):
            file.write(event)
    with pyhepmc.open(path) as file:
        read = list(file)
    sample = na.simulate(str(path), detector=DETECTOR, seed=2)
    assert len(sample) == len(read) == 20
    truth = sample["truth"]
    for k, event in enumerate(read):
        rows = slice(truth.offsets[k], truth.offsets[k + 1])
        stable = [particle for particle in event.particles if particle.status == 1]
        for particle in stable:
            pz = truth["pz"][rows][truth["pdg"][rows] == particle.pid]  # pions may decay in flight
            assert np.abs(pz - 1e3 * particle.momentum.pz).min() < 0.1 + 1e-4 * abs(1e3 * particle.momentum.pz)
    assert len(na.reconstruct(sample)) == 20


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("acceptance FILE -s pinunu -p weight=up", 1, "no weight 'up'; its weights are 'weight', 'veto_weight'"),
        (
            "acceptance FILE -s pinunu -p m_X=3MeV",
            1,
            "mass of 'X': no particle of that name in it, but K+, nu, nubar, pi+",
        ),
        ("acceptance FILE -s pinunu -p colour=red", 2, "parameter 'colour' of"),
        ("acceptance FILE -s pinunu --amplitude vector", 2, "an amplitude of one's own belongs to a decay"),
        ("acceptance FILE -s pinunu --allow lepton", 2, "belong to a decay, 'K+ -> …'"),
        ("acceptance no.hepmc3 -s pinunu", 1, "no.hepmc3: there is no such file"),
        ("acceptance kpinunu -s pinunu", 2, "give a number of events (-n 1e6) or a precision (--precision 0.5%)"),
        ("simulate kpinunu -o a.h5", 2, "give a number of events (-n 1e6)"),
    ],
)
def test_mistakes(
    exported: Path, words: str, code: int, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words.replace("FILE", str(exported)).split()) == code
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1 and not list(tmp_path.iterdir())
