"""Samples in the formats of others: read back with the formats' own libraries, value by value."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from na62sim.cli import main
from na62sim.core.constants import LIGHT
from na62sim.sample.formats import export as module
from na62sim.sample.formats.export import export_sample, format_of
from na62sim.sample.frames import needed
from na62sim.sample.provenance import Provenance
from na62sim.sample.sample import Sample, write_sample
from na62sim.sample.table import Column, Table
from na62sim.sample.truth import generated_particles

GEOMETRY = "a text\nof two lines with a back\\slash"
PROVENANCE = Provenance(
    program_version="1.2", seed=7, process="kmu2", geometry_text=GEOMETRY,
    geometry_sha256=hashlib.sha256(GEOMETRY.encode()).hexdigest(), decay_volume_m=(105.0, 170.0),
    extra={"process": {"descriptor": "K+ -> mu+ nu"}},
)  # fmt: skip


def column(name: str, dtype: str, unit: str = "") -> Column:
    return Column(name, dtype, unit, f"what {name} is")


def sample(n: int = 50, seed: int = 1) -> Sample:
    """K+ -> mu+ nu; in every third event the muon decays to an electron in the detector, and every fifth has no hit."""
    random = np.random.default_rng(seed)
    decays = np.arange(n) % 3 == 0
    counts = np.where(decays, 4, 3)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    start, last = offsets[:-1], offsets[1:][decays] - 1
    pdg, parent, status = (np.zeros(offsets[-1], dtype=kind) for kind in ("int32", "int16", "int8"))
    for k, (code, mother, state) in enumerate(((321, -1, 4), (-13, 0, 1), (14, 0, 1))):
        pdg[start + k], parent[start + k], status[start + k] = code, mother, state
    status[start[decays] + 1] = 2
    pdg[last], parent[last], status[last] = -11, 1, 1
    p = random.normal(0.0, 3e4, (3, offsets[-1]))
    place = random.uniform(1.0, 2e5, (4, offsets[-1])).astype(np.float32)
    for c in range(4):  # the daughters of the kaon have one vertex
        place[c, start + 1] = place[c, start + 2] = place[c, start]
    hits = np.arange(n) % 5
    rows = int(hits.sum())
    groups = {
        "events": Table(
            [column("number", "int64"), column("weight", "float64"), column("veto_weight", "float64")],
            {"number": np.arange(n) + 100, "weight": random.random(n), "veto_weight": random.random(n)},
        ),
        "truth": Table(
            [column("pdg", "int32"), column("parent", "int16"), column("status", "int8"),
             *(column(name, "float64", "MeV") for name in ("px", "py", "pz", "energy")),
             *(column(name, "float32", "mm") for name in ("x", "y", "z")), column("time", "float32", "ns")],
            {"pdg": pdg, "parent": parent, "status": status, "px": p[0], "py": p[1], "pz": p[2],
             "energy": np.sqrt((p**2).sum(axis=0) + 1e4), **dict(zip(("x", "y", "z", "time"), place, strict=True))},
            offsets,
        ),
        "hits/straw": Table(
            [column("view", "uint8"), column("position", "float32", "mm")],
            {"view": random.integers(0, 4, rows).astype(np.uint8), "position": random.normal(size=rows).astype(np.float32)},
            np.concatenate(([0], np.cumsum(hits))),
        ),
        "trigger": Table([column("l0", "uint32")], {"l0": random.integers(0, 2**32, n).astype(np.uint32)}),
    }  # fmt: skip
    return Sample(groups, PROVENANCE, n)


@pytest.fixture
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVENTS", 7)


def assert_same(found: Any, table: Table, name: str) -> None:
    """An array of awkward holds a column: the same values of the same type in the same events."""
    ak = pytest.importorskip("awkward")
    if table.offsets is not None:
        assert np.array_equal(ak.num(found), np.diff(table.offsets))
        found = ak.flatten(found)
    values = np.asarray(found)
    assert values.dtype == table[name].dtype and np.array_equal(values, table[name])


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_root_holds_every_value(tmp_path: Path, compression: str) -> None:
    uproot = pytest.importorskip("uproot")
    path, s = tmp_path / "a.root", sample()
    names = export_sample(s, path, compression=compression)
    with uproot.open(path) as file:
        tree = file["events"]
        assert tree.num_entries == 50 and len(names) == 17
        for group in s.groups:
            for c in s[group].fields:
                branch = tree[f"{group.replace('/', '_')}_{c.name}"]
                assert_same(branch.array(library="ak"), s[group], c.name)
                assert branch.title == f"what {c.name} is" + (f" [{c.unit}]" if c.unit else "")
        assert json.loads(str(file["columns"]))["truth_px"] == "what px is [MeV]"
        about = json.loads(str(file["provenance"]))
        assert about["seed"] == 7 and about["geometry_text"] == GEOMETRY


@pytest.mark.usefixtures("many_chunks")
def test_an_rntuple_holds_every_value(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    path, s = tmp_path / "a.root", sample()
    export_sample(s, path, rntuple=True)
    with uproot.open(path) as file:
        for group in s.groups:
            for c in s[group].fields:
                assert_same(file["events"][f"{group.replace('/', '_')}_{c.name}"].array(), s[group], c.name)


@pytest.mark.usefixtures("many_chunks")
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_parquet_holds_every_value(tmp_path: Path, compression: str) -> None:
    ak, parquet = pytest.importorskip("awkward"), pytest.importorskip("pyarrow.parquet")
    path, s = tmp_path / "a.parquet", sample()
    export_sample(s, path, compression=compression)
    array = ak.from_parquet(path)
    for group in s.groups:
        for c in s[group].fields:
            assert_same(array[(*group.split("/"), c.name)], s[group], c.name)
    schema = parquet.read_schema(path)
    field = schema.field("truth").type.value_type.field("px")
    assert field.metadata[b"unit"] == b"MeV" and not field.nullable
    assert json.loads(schema.metadata[b"columns"])["truth/px"] == "what px is [MeV]"
    assert json.loads(schema.metadata[b"provenance"])["process"] == "kmu2"


@pytest.mark.usefixtures("many_chunks")
def test_hepmc3_holds_every_particle_vertex_and_weight(tmp_path: Path) -> None:
    pyhepmc = pytest.importorskip("pyhepmc")
    path, s = tmp_path / "a.hepmc3", sample()
    export_sample(s, path)
    truth, events, n = s["truth"], s["events"], 0
    assert truth.offsets is not None
    with pyhepmc.open(path) as file:
        for i, event in enumerate(file):
            a, b = truth.offsets[i], truth.offsets[i + 1]
            assert event.event_number == events["number"][i]
            assert event.weights == [events["weight"][i], events["veto_weight"][i]]
            assert event.momentum_unit == pyhepmc.Units.MEV and event.length_unit == pyhepmc.Units.MM
            found = event.numpy.particles
            for name, of in (
                ("pid", "pdg"),
                ("status", "status"),
                ("px", "px"),
                ("py", "py"),
                ("pz", "pz"),
                ("e", "energy"),
            ):
                assert np.array_equal(getattr(found, name), truth[of][a:b])
            for k, particle in enumerate(event.particles):
                mother = truth["parent"][a + k]
                if mother < 0:
                    continue
                vertex = particle.production_vertex
                assert [p.id for p in vertex.particles_in] == [mother + 1]
                assert vertex.status == (201 if k == 3 else 0)
                at = vertex.position
                place = [np.float32(value) for value in (at.x, at.y, at.z, at.t / LIGHT)]
                assert place == [truth[name][a + k] for name in ("x", "y", "z", "time")]
            n += 1
    assert n == 50
    assert event.run_info.weight_names == ["weight", "veto_weight"]
    tool = event.run_info.tools[0]
    assert (tool.name, tool.version) == ("na62sim", "1.2")
    assert path.read_text().count("\nA geometry_text a text\\|of two lines with a back\\\\slash\n") == 1


def test_hepmc3_packed_is_the_same(tmp_path: Path) -> None:
    export_sample(sample(), tmp_path / "a.hepmc3")
    export_sample(sample(), tmp_path / "a.hepmc3.gz")
    assert gzip.decompress((tmp_path / "a.hepmc3.gz").read_bytes()) == (tmp_path / "a.hepmc3").read_bytes()


def test_what_the_detector_made_is_known() -> None:
    s = sample(6)
    assert generated_particles(s).tolist() == [3] * 6
    given = Table([column("particles", "int16")], {"particles": np.array([3, 2, 3, 3, 1, 3], dtype=np.int16)})
    assert generated_particles(s.with_groups({"record": given})).tolist() == [3, 2, 3, 3, 1, 3]


def test_some_columns(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    names = export_sample(sample(), tmp_path / "a.root", columns=["events/weight", "hits"])
    assert names == ["events/weight", "hits/straw/view", "hits/straw/position"]
    with uproot.open(tmp_path / "a.root") as file:
        assert set(file["events"].keys()) == {"events_weight", "nhits_straw", "hits_straw_view", "hits_straw_position"}


def test_a_sample_without_events(tmp_path: Path) -> None:
    for name in ("a.root", "a.parquet", "a.hepmc3"):
        assert export_sample(sample(50).slice_events(0, 0), tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100


def test_progress_ends_at_the_number_of_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVENTS", 20)
    done: list[int] = []
    export_sample(sample(), tmp_path / "a.hepmc3", progress=done.append)
    assert done == [20, 40, 50]


def test_awkward_and_pandas() -> None:
    pytest.importorskip("awkward")
    s = sample()
    array = s.to_awkward()
    for group in s.groups:
        for c in s[group].fields:
            assert_same(array[(*group.split("/"), c.name)], s[group], c.name)
    assert np.shares_memory(np.asarray(array.events.weight), s["events"]["weight"])
    pytest.importorskip("pandas")
    frame = s.to_pandas("hits/straw")
    assert frame.attrs["units"] == {"view": "", "position": "mm"}
    assert frame.loc[103, "position"].tolist() == s["hits/straw"].slice_events(3, 4)["position"].tolist()
    assert s.to_pandas().loc[107, "weight"] == s["events"]["weight"][7]


def test_a_missing_package_is_a_sentence_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("uproot", "pyarrow", "pyarrow.parquet", "awkward", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=r"^uproot is not installed: pip install 'na62sim\[root\]'$"):
        export_sample(sample(), tmp_path / "a.root")
    with pytest.raises(ValueError, match=r"^pyarrow is not installed: pip install 'na62sim\[parquet\]'$"):
        export_sample(sample(), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"^awkward is not installed: pip install 'na62sim\[root\]'$"):
        sample().to_awkward()
    with pytest.raises(ValueError, match=r"^pandas is not installed: pip install 'na62sim\[parquet\]'$"):
        sample().to_pandas()
    assert not list(tmp_path.iterdir())
    export_sample(sample(), tmp_path / "a.hepmc3")  # needs none
    assert needed("json", "root") is json


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("a.txt", {}, "a.txt: what is written here ends in .root or .hepmc3 or .parquet or .hepmc3.gz"),
        ("a.root.gz", {}, "what is written here ends in"),
        (
            "a.root",
            {"columns": ["truth/p"]},
            "column 'truth/p': the sample has none of that name; did you mean 'truth/p",
        ),
        ("a.root", {"compression": "gzip"}, "compression 'gzip' of root: it must be none, zstd, lz4, zlib"),
        ("a.hepmc3", {"compression": "zstd"}, "a name that ends in .hepmc3.gz is packed"),
        ("a.hepmc3", {"columns": ["truth"]}, "always all"),
        ("a.parquet", {"rntuple": True}, "an RNTuple is a thing of ROOT, not of parquet"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        export_sample(sample(), tmp_path / name, **keywords)
    assert message in str(error.value) and not list(tmp_path.iterdir())


def test_a_format_and_an_ending_agree() -> None:
    assert [format_of(f"x{ending}") for ending in module.ENDINGS] == ["root", "hepmc3", "parquet", "hepmc3"]
    with pytest.raises(ValueError, match=r"x\.root: the ending says root, --to says parquet"):
        format_of("x.root", "parquet")
    with pytest.raises(ValueError, match="--to rot: the formats are root, hepmc3, parquet; did you mean 'root'"):
        format_of("x.root", "rot")


def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_sample(sample(), "a.h5")
    assert main(["export", "a.h5", "--to", "hepmc3", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert (out["file"], out["format"], out["n_events"]) == ("a.hepmc3", "hepmc3", 50)
    assert out["bytes"] == Path("a.hepmc3").stat().st_size
    before = Path("a.hepmc3").read_bytes()
    assert main(["export", "a.h5", "-o", "a.hepmc3"]) == 1
    assert "give --force" in capsys.readouterr().err and Path("a.hepmc3").read_bytes() == before
    for words, code, message in (
        (["export", "a.h5"], 2, "give a format (--to root, hepmc3 or parquet)"),
        (["export", "a.h5", "--to", "csv"], 2, "--to csv: the formats are root, hepmc3, parquet"),
        (
            ["export", "a.h5", "--to", "root", "-o", "b.parquet"],
            2,
            "b.parquet: the ending says parquet, --to says root",
        ),
        (["export", "b.h5", "--to", "root"], 1, "b.h5: No such file"),
    ):
        assert main(words) == code
        err = capsys.readouterr().err
        assert message in err and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.hepmc3"]
