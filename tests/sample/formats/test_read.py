"""Files of other generators: read as the reference libraries read them, and refused in one line where they are damaged."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from na62sim.sample.formats.arrays import record_of_arrays
from na62sim.sample.formats.read import read_events
from na62sim.sample.formats.text import MAX_LINE
from na62sim.sample.provenance import SampleError

HEPMC3 = """HepMC::Version 3.02.06
HepMC::Asciiv3-START_EVENT_LISTING
W nominal\\|up
T gen\\|1\\|words
E 7 2 5
U GEV CM
W 2.0 3.0
A 0 signal 9
P 1 0 321 0 0 75 75.001624 0.493677 4
V -1 0 [1] @ 1 2 12000 40
P 2 -1 211 0.1 0 40 40.0004 0.13957 1
P 3 -1 9900041 -0.1 0 35 35.0007 0.2 2
V -2 0 [3] @ 1.1 2 12500 45
P 4 -2 11 0.01 0 15 15.00001 0.000511 1
P 5 3 -11 -0.11 0 20 20.0003 0.000511 1
E 12 1 2
U MEV MM
W 1.0 0.5
P 1 0 321 0 0 0 493.677 493.677 4
P 2 1 -13 0 0 0 493.677 105.66 1
HepMC::Asciiv3-END_EVENT_LISTING

"""
LHE = """<LesHouchesEvents version="3.0">
<header>
<event> in a header </event>
</header>
<init>
321 0 0.493677 0.0 0 0 0 0 3 1
1.0 0.0 1.0 1
</init>
<event>
5 1 2.5 -1 -1 -1
 321 -1 0 0 0 0 0.0 0.0 0.0 4.93677D-01 0.493677 0. 9.
 211 1 1 1 0 0 0.1 0.0 0.0 0.17 0.13957 0. 9.
 9900041 2 1 1 0 0 -0.1 0.0 0.0 0.32 0.3 150.0 9.
 -13 1 3 3 0 0 -0.1 0.1 0.0 0.17 0.10566 0. 9.
 13 1 3 3 0 0 0.0 -0.1 0.0 0.15 0.10566 0. 9.
# a comment
<rwgt>
<wgt id='up'> 7.5 </wgt>
<wgt id="1002"> 1.25 </wgt>
</rwgt>
</event>
<event>
2 1 1.0 -1 -1 -1
 321 -1 0 0 0 0 0.0 0.0 0.0 0.493677 0.493677 0. 9.
 -13 1 1 1 0 0 0.1 0.0 0.0 0.17 0.10566 0. 9.
</event>
</LesHouchesEvents>
"""


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_hepmc3(tmp_path: Path) -> None:
    record = read_events(written(tmp_path, "a.hepmc3", HEPMC3))
    assert record.number.tolist() == [7, 12] and record.weight.tolist() == [2.0, 1.0]
    assert record.offsets.tolist() == [0, 5, 7]
    assert record.pdg.tolist() == [321, 211, 9900041, 11, -11, 321, -13]
    assert record.parent.tolist() == [-1, 0, 0, 2, 2, -1, 0]
    assert record.final.tolist() == [False, True, False, True, True, False, True]
    assert record.p[:, 1].tolist() == pytest.approx([100.0, 0.0, 40000.0, 40000.4])  # GeV
    assert record.vertex[:, 1].tolist() == pytest.approx([10.0, 20.0, 120000.0, 400.0 / 299.792458])  # cm
    assert record.vertex[2, 3] == pytest.approx(125000.0)
    assert np.isnan(record.vertex[:, [0, 4, 5, 6]]).all()  # of the first there is none, the others have no place
    assert record.mass[2] == pytest.approx(200.0)


def test_a_weight_by_name_and_some_events(tmp_path: Path) -> None:
    path = written(tmp_path, "a.hepmc3", HEPMC3)
    assert read_events(path, weight="up").weight.tolist() == [3.0, 0.5]
    assert read_events(path, 1).number.tolist() == [7]
    assert read_events(path, numbers="order").number.tolist() == [0, 1]
    with pytest.raises(SampleError, match="no weight 'down'; its weights are 'nominal', 'up'"):
        read_events(path, weight="down")


def test_hepmc3_as_the_reference_reads_it(tmp_path: Path) -> None:
    pyhepmc = pytest.importorskip("pyhepmc")
    random = np.random.default_rng(3)
    path, events = tmp_path / "a.hepmc3", []
    with pyhepmc.open(path, "w") as file:
        for number in (3, 1, 8):
            event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.CM)
            event.event_number = number
            momenta = random.normal(size=(6, 4))
            particles = [pyhepmc.GenParticle(tuple(p), code, status) for p, code, status in zip(
                momenta, (321, 211, 111, 22, 22, 2212), (4, 1, 2, 1, 1, 4), strict=True)]  # fmt: skip
            decay, photons = pyhepmc.GenVertex((1, 2, number, 4)), pyhepmc.GenVertex()
            for k, add in ((0, decay.add_particle_in), (5, decay.add_particle_in), (1, decay.add_particle_out)):
                add(particles[k])
            decay.add_particle_out(particles[2])
            photons.add_particle_in(particles[2])
            for k in (3, 4):
                photons.add_particle_out(particles[k])
            event.add_vertex(decay)
            event.add_vertex(photons)
            event.weights = [0.5 * number]
            file.write(event)
            events.append(event)
    record = read_events(path)
    assert record.number.tolist() == [3, 1, 8] and record.weight.tolist() == [1.5, 0.5, 4.0]
    for i, event in enumerate(events):
        a, b = record.offsets[i], record.offsets[i + 1]
        for k, particle in enumerate(event.particles):
            assert record.pdg[a + k] == particle.pid and record.final[a + k] == (particle.status == 1)
            p = particle.momentum
            assert record.p[:, a + k].tolist() == [1000.0 * value for value in (p.px, p.py, p.pz, p.e)]
            above = particle.parents
            assert record.parent[a + k] == (above[0].id - 1 if above else -1)
            if above and particle.production_vertex.has_set_position():
                at = particle.production_vertex.position
                assert record.vertex[:3, a + k].tolist() == [10.0 * value for value in (at.x, at.y, at.z)]
        assert b - a == len(event.particles)


def test_les_houches(tmp_path: Path) -> None:
    path = written(tmp_path, "a.lhe", LHE)
    record = read_events(path)
    assert record.number.tolist() == [0, 1] and record.weight.tolist() == [2.5, 1.0]
    assert record.parent.tolist() == [-1, 0, 0, 2, 2, -1, 0]
    assert record.p[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.0, 493.677])
    # X flies 150 mm of c tau: beta gamma = p / m = 1/3, gamma = E / m
    assert record.vertex[:, 3] == pytest.approx([-50.0, 0.0, 0.0, 160.0 / 299.792458])
    assert np.isnan(record.vertex[:, [0, 1, 2, 5, 6]]).all()
    with pytest.raises(SampleError, match="no weight 'down'; its weights are 'up', '1002'"):
        read_events(path, weight="down")
    one = written(tmp_path, "b.lhe", LHE.partition("<event>\n2")[0] + "</LesHouchesEvents>\n")
    assert read_events(one, weight="up").weight.tolist() == [7.5]


def test_les_houches_as_the_reference_reads_it(tmp_path: Path) -> None:
    pylhe = pytest.importorskip("pylhe")
    path = written(tmp_path, "a.lhe", LHE.replace("<event> in a header </event>\n", "").replace("D-01", "E-01"))
    record, row = read_events(path), 0
    for event in pylhe.LHEFile.fromfile(str(path)).events:
        for particle in event.particles:
            assert record.pdg[row] == particle.id
            assert record.p[:, row].tolist() == [
                1000.0 * x for x in (particle.px, particle.py, particle.pz, particle.e)
            ]
            row += 1
    assert row == len(record.pdg)


def test_packed_files_are_the_same(tmp_path: Path) -> None:
    for name, text in (("a.hepmc3", HEPMC3), ("a.lhe", LHE)):
        plain, packed = (
            read_events(written(tmp_path, name, text)),
            read_events(written(tmp_path, f"{name}.gz", gzip.compress(text.encode()))),
        )
        assert np.array_equal(plain.p, packed.p) and np.array_equal(plain.number, packed.number)


DAMAGED: list[tuple[str, str | bytes, str]] = [
    ("a.hepmc3", "", "truncated"),
    ("a.hepmc3", HEPMC3[: HEPMC3.index("E 12")], "the file is truncated: the line HepMC::Asciiv3-END_EVENT_LISTING"),
    ("a.hepmc3", HEPMC3[: HEPMC3.index("P 5 3")], "truncated"),
    ("a.hepmc3", HEPMC3[: HEPMC3.index("-0.11")], "line 15: it cannot be understood"),
    (
        "a.hepmc3",
        HEPMC3.replace("P 5 3 -11 -0.11 0 20 20.0003 0.000511 1\n", ""),
        "event 7 announces 5 particles and has 4",
    ),
    ("a.hepmc3", HEPMC3.replace("E 7 2 5", "E 7 2 2000000000"), "event 7 announces 2000000000 particles and has 5"),
    ("a.hepmc3", HEPMC3.replace("E 7 2 5", "E -7 2 5"), "line 5: the event number -7 is below 0"),
    ("a.hepmc3", HEPMC3.replace("E 12 ", "E 7 "), "event number 7 occurs twice; numbers='order' counts them anew"),
    ("a.hepmc3", HEPMC3.replace("E 12 ", f"E {10**30} "), "it cannot be understood"),
    ("a.hepmc3", HEPMC3.replace("-2 11 0.01", "-2 11000000000 0.01"), "particle 3 of event 0 (from 0) has a PDG code"),
    ("a.lhe", LHE.replace("</event>", "x\n" * 200_001), "an event does not end"),
    ("a.hepmc3", HEPMC3.replace("P 4 -2", "P 4 -9"), "particle 4 comes from vertex -9, which is not there"),
    ("a.hepmc3", HEPMC3.replace("P 5 3", "P 5 9"), "particle 5 comes from particle 9, which is not there yet"),
    ("a.hepmc3", HEPMC3.replace("P 2 1 -13", "P 2 2 -13"), "particle 2 comes from particle 2, which is not there yet"),
    ("a.hepmc3", HEPMC3.replace("[3]", "[77]"), "vertex -2 has an incoming particle that is not there yet"),
    ("a.hepmc3", HEPMC3.replace("U GEV CM", "U TEV CM"), "line 6: units are MEV or GEV, and MM or CM"),
    ("a.hepmc3", HEPMC3.replace("0.1 0 40 ", "0.1 nan 40 "), "particle 1 of event 0 (from 0) has a momentum"),
    ("a.hepmc3", HEPMC3.replace("@ 1 2 12000 40", "@ 1 2 inf 40"), "has a vertex that is not finite"),
    ("a.hepmc3", HEPMC3.replace("@ 1 2 12000 40", "@ 1 2"), "line 10: a position is not of the form @ x y z t"),
    ("a.hepmc3", HEPMC3.replace("W 2.0 3.0", "W inf"), "event 0 (from 0) has a weight that is not a finite number"),
    ("a.hepmc3", HEPMC3.replace("A 0 signal 9", "what is this"), "line 8: it is none of a HepMC3 file"),
    (
        "a.hepmc3",
        HEPMC3.replace("A 0 signal 9", "A 0 " + "x" * MAX_LINE),
        f"line 8: it is longer than {MAX_LINE} bytes",
    ),
    (
        "a.hepmc3",
        "HepMC::Version 2.06.09\nHepMC::IO_GenEvent-START_EVENT_LISTING\n",
        "the file is of HepMC 2; convert it",
    ),
    ("a.hepmc3", b"\x89HDF\r\n\x1a\n" + bytes(range(256)), "line 1: the file is no HepMC3 file"),
    ("a.hepmc3", bytes(5_000_000), "it is longer than"),
    ("a.hepmc3", "HepMC::Asciiv3-START_EVENT_LISTING\nHepMC::Asciiv3-END_EVENT_LISTING\n", "it holds no event"),
    ("a.hepmc3.gz", gzip.compress(HEPMC3.encode())[:-40], "a.hepmc3.gz: damaged"),
    ("a.hepmc3.gz", b"\x1f\x8b" + bytes(90), "a.hepmc3.gz: damaged"),
    ("a.lhe", LHE[: LHE.rindex("<event>")], "the file is truncated: the line </LesHouchesEvents> is missing"),
    ("a.lhe", LHE[: LHE.rindex("</event>")], "truncated"),
    ("a.lhe", LHE.replace("5 1 2.5 -1", "500 1 2.5 -1"), "an event announces 500 particles and has"),
    ("a.lhe", LHE.replace("5 1 2.5 -1", "-5 1 2.5 -1"), "an event announces -5 particles"),
    ("a.lhe", LHE.replace(" 13 1 3 3", " 13 1 30 3"), "particle 5 of an event has the mother 30 of 5"),
    ("a.lhe", LHE.replace(" 13 1 3 3 0 0", " 13 1 3 3 0"), "particle 5 of an event has 12 columns, not 13"),
    ("a.lhe", LHE.replace("4.93677D-01", "much"), "it cannot be understood"),
    ("a.lhe", '<!DOCTYPE x [<!ENTITY a "aa">]>', "line 1: the file is no Les Houches event file"),
    ("a.lhe", b"\x00" * 100, "line 1: the file is no Les Houches event file"),
    ("a.txt", HEPMC3, "a file of events ends in .hepmc3, .hepmc or .lhe"),
]


@pytest.mark.parametrize(("name", "text", "message"), DAMAGED)
def test_damaged_and_hostile_files(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(SampleError) as error:
        read_events(path)
    assert message in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("name", "text"), [("a.hepmc3", HEPMC3), ("a.lhe", LHE)])
def test_every_cut_of_a_file_is_noticed(tmp_path: Path, name: str, text: str) -> None:
    for end in range(0, len(text.rstrip()) - 1, 7):
        with pytest.raises(SampleError):
            read_events(written(tmp_path, name, text[:end]))


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.lhe").mkdir()
    with pytest.raises(SampleError, match=r"a\.lhe: is not a file"):
        read_events(tmp_path / "a.lhe")
    with pytest.raises(SampleError, match=r"b\.lhe: there is no such file"):
        read_events(tmp_path / "b.lhe")
    with pytest.raises(ValueError, match="numbers = 'mine': it must be 'file' or 'order'"):
        read_events(tmp_path / "a.hepmc3", numbers="mine")


def test_a_file_that_was_exported_is_read_as_it_was_generated(tmp_path: Path) -> None:
    lines = HEPMC3.replace("E 7 2 5", "E 7 3 8").replace(
        "211 0.1 0 40 40.0004 0.13957 1", "211 0.1 0 40 40.0004 0.13957 2"
    )
    detector = "V -3 201 [2] @ 1 2 13000 60\nP 6 -3 -13 0 0 30 30 0.1 2\nP 7 6 -11 0 0 9 9 0 1\nP 8 2 14 0 0 9 9 0 1\n"
    path = written(tmp_path, "a.hepmc3", lines.replace("E 12", detector.replace("P 8 2", "P 8 -3") + "E 12"))
    record, before = read_events(path), read_events(written(tmp_path, "b.hepmc3", HEPMC3))
    assert record.pdg.tolist() == before.pdg.tolist() and record.final.tolist() == before.final.tolist()
    assert record.parent.tolist() == before.parent.tolist()


def test_arrays_of_numpy_and_jagged_ones() -> None:
    p = np.arange(8.0).reshape(2, 4)
    record = record_of_arrays([321, 211, 14, -14], p, p + 1, p + 2, p + 90)
    assert record.pdg.tolist() == [321, 211, 14, -14] * 2 and record.parent.tolist() == [-1, 0, 0, 0] * 2
    assert record.final.tolist() == [False, True, True, True] * 2
    assert record.p[:, 5].tolist() == [5.0, 6.0, 7.0, 95.0] and np.isnan(record.vertex).all()
    lists: dict[str, Any] = {"pdg": [[321, 211, 111], [321, -13]], "parent": [[-1, 0, 0], [-1, 0]]}
    momenta: list[Any] = [[[1.0, 2.0, 3.0], [4.0, 5.0]]] * 4
    jagged = record_of_arrays(lists["pdg"], *momenta, parent=lists["parent"], number=[5, 9], weight=[1.0, 0.5])
    assert jagged.offsets.tolist() == [0, 3, 5] and jagged.number.tolist() == [5, 9]
    ak = pytest.importorskip("awkward")
    again = record_of_arrays(
        ak.Array(lists["pdg"]),
        *map(ak.Array, momenta),
        parent=ak.Array(lists["parent"]),
        number=[5, 9],
        weight=[1.0, 0.5],
    )
    assert np.array_equal(jagged.p, again.p) and np.array_equal(jagged.parent, again.parent)
    assert jagged.sha256 == again.sha256 != record.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"px": np.zeros(4)}, "px: it must have one row of particles per event"),
        ({"pz": np.zeros((2, 3))}, "pz: it does not have the particles of px in every event"),
        ({"pdg": [321, 211]}, "pdg: 2 values for events of 4 to 4 particles"),
        ({"number": [1]}, "number: 1 values for 2 events"),
        ({"number": [1, 1]}, "event number 1 occurs twice"),
        ({"weight": [1.0, np.nan]}, "event 1 (from 0) has a weight that is not a finite number"),
        ({"parent": [-1, 0, 7, 0]}, "particle 2 of event 0 (from 0) has a mother that is not in the event"),
        ({"x": np.zeros((2, 4))}, "x, y, z and time of the vertices go together"),
        ({"energy": np.full((2, 4), np.inf)}, "has a momentum that is not finite"),
    ],
)
def test_arrays_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "pdg": [321, 211, 14, -14],
        **{name: np.ones((2, 4)) for name in ("px", "py", "pz", "energy")},
    }
    with pytest.raises(ValueError) as error:
        record_of_arrays(**{**given, **change})
    assert message in str(error.value)
