"""Files made to mislead: what lies outside of them is not read, and what they only declare costs no memory."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from na62sim.geometry import GeometryError, load_detector
from na62sim.geometry.detector import detector_from_text
from na62sim.sample.manifest import read_run, sum_up
from na62sim.sample.merge import merge
from na62sim.sample.sample import Provenance, Sample, SampleError, read_sample, write_sample
from na62sim.sample.table import Column, Table

EVENTS = 3000


def make(path: Path, first: int = 0, compression: Any = "none") -> Path:
    rng = np.random.default_rng(first)
    events = Table(
        [Column("x", "float64", "mm", "a number"), Column("y", "float64", "mm", "another")],
        {"x": rng.random(EVENTS), "y": rng.random(EVENTS)},
    )
    hits = Table([Column("t", "int64", "", "time")], {"t": np.arange(EVENTS)}, np.arange(EVENTS + 1, dtype=np.int64))
    write_sample(Sample({"events": events, "hits/a": hits}, Provenance(), EVENTS, first), path, compression)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sample, and beside it another file with something in it."""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros(EVENTS)
        other.create_group("events")["x"] = np.zeros(EVENTS)
    return make(tmp_path / "a.h5")


def refused(path: Path) -> str:
    """The line, which names the file."""
    with pytest.raises(SampleError) as caught:
        read_sample(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def replace_column(file: Any, name: str) -> dict[str, Any]:
    """Remove a column; its attributes."""
    kept = dict(file[name].attrs)
    del file[name]
    return kept


def test_external_link(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        replace_column(file, "events/x")
        file["events/x"] = h5py.ExternalLink("other.h5", "x")
    assert "events/x is a link to another file (other.h5), which is not followed" in refused(path)


def test_external_link_of_a_group(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["events"]
        file["events"] = h5py.ExternalLink("other.h5", "events")
    assert "events is a link to another file (other.h5), which is not followed" in refused(path)


def test_soft_link(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["out"] = h5py.ExternalLink("other.h5", "/")
        replace_column(file, "events/x")
        file["events/x"] = h5py.SoftLink("/out/x")
    assert "events/x is a symbolic link (/out/x), which is not followed" in refused(path)


def test_external_storage(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 8 * EVENTS)
    with h5py.File(path, "r+") as file:
        kept = replace_column(file, "events/x")
        stored = file.create_dataset("events/x", (EVENTS,), "f8", external=[(str(secret), 0, 8 * EVENTS)])
        stored.attrs.update(kept)
    assert "events/x is stored outside of the file (external storage)" in refused(path)


@pytest.mark.parametrize(
    ("file_name", "name", "message"),
    [
        ("other.h5", "x", "events/x is a virtual column of another file (other.h5), which is not followed"),
        (".", "events/y", "events/x is a virtual column of events/y, which is no piece of a joined file"),
        (".", "events/x", "events/x is a virtual column of events/x, which is no piece of a joined file"),
        (".", "shards/0/x", "events/x: its piece shards/0/x is a virtual column itself"),
    ],
)
def test_virtual_column(path: Path, file_name: str, name: str, message: str) -> None:
    """Of another file, of another column, and of itself, which ends in a crash once it is read."""
    with h5py.File(path, "r+") as file:
        kept = replace_column(file, "events/x")
        for where in ("events/x", "shards/0/x"):
            layout = h5py.VirtualLayout((EVENTS,), "f8")
            layout[:] = h5py.VirtualSource(file_name, name, (EVENTS,), "f8")
            file.create_virtual_dataset(where, layout).attrs.update(kept)
    code = "import sys; from na62sim.sample.sample import read_sample; read_sample(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1  # an exception, not a signal
    assert message in done.stderr


def test_joined_files_are_read(tmp_path: Path) -> None:
    """Virtual columns of the file's own pieces are what merge writes."""
    one, two = make(tmp_path / "a.h5", 0, "gzip"), make(tmp_path / "b.h5", EVENTS, "gzip")
    merge([one, two], tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["events/x"].is_virtual
    assert len(read_sample(tmp_path / "c.h5")["events"]["x"]) == 2 * EVENTS


@pytest.mark.parametrize("what", ["column", "contiguous", "offsets", "digests", "chunk"])
def test_declared_rows_cost_no_memory(path: Path, what: str) -> None:
    """3e9 rows that are not there: refused with a line and below 100 MB."""
    n = 3_000_000_000
    with h5py.File(path, "r+") as file:
        name = {"offsets": "hits/a/offsets", "digests": "provenance/run_digests"}.get(what, "events/x")
        kept, dtype = dict(file[name].attrs), file[name].dtype
        del file[name]
        shape = (n, 32) if what == "digests" else (n,)
        chunks: Any = {"contiguous": None, "chunk": (1 << 28,), "digests": (1 << 15, 32)}.get(what, (1 << 15,))
        file.create_dataset(name, shape, dtype, chunks=chunks).attrs.update(kept)
        if what != "digests":
            file.attrs["n_events"] = n - (what == "offsets")
            file.attrs["groups"] = json.dumps(["hits/a" if what == "offsets" else "events"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = refused(path)
    assert "declares 3000000000 rows" in message or "chunks of" in message or "do not fit" in message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_nested_json(path: Path) -> None:
    deep = "[" * 30_000 + "]" * 30_000
    with h5py.File(path, "r+") as file:
        file.attrs["groups"] = deep
    assert "nested too deeply" in refused(path)
    path.unlink()
    make(path)
    with h5py.File(path, "r+") as file:
        file.attrs["extra"] = deep
    assert "'extra' is damaged: it is nested too deeply" in refused(path)


@pytest.mark.parametrize("names", ["3", '{"a": 1}', "[1]", '["events", ["x"]]', '["../events"]', '[""]'])
def test_names_of_groups(path: Path, names: str) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["groups"] = names
    assert "groups" in refused(path) or "is missing" in refused(path)


MANIFEST = {"format": "na62sim-run", "format_version": 1, "key": "x"}


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"events": 10**13, "shard_events": 1000}, "events = 10000000000000: it must be a whole number from 0 to 1e12"),
        ({"events": 10**12, "shard_events": 100}, "more than 1000000 shards"),
        ({"events": 1000, "shard_events": 0}, "shard_events = 0: it must be a whole number from 1 to 1e12"),
        ({"events": 1000, "shard_events": -5}, "shard_events = -5"),
        ({"events": "many", "shard_events": 1000}, "events = 'many'"),
        ({"events": True, "shard_events": 1000}, "events = True"),
        ({"events": 1e3, "shard_events": 1000}, "events = 1000.0"),
    ],
)
def test_forged_manifest(tmp_path: Path, run: dict[str, Any], message: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({**MANIFEST, "run": run}))
    with pytest.raises(SampleError, match=r"manifest\.json: damaged: ") as caught:
        read_run(tmp_path)
    assert message in str(caught.value)


def test_nested_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(SampleError, match="nested too deeply"):
        read_run(tmp_path)


def test_a_million_shards_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what lies in the folder is looked at."""
    from na62sim.sample import manifest

    looked: list[int] = []
    monkeypatch.setattr(manifest, "read_entry", lambda _folder, _run, shard: looked.append(shard))
    (tmp_path / "shard-000007.json").write_text("{}")
    (tmp_path / "shard-999999999.json").write_text("{}")
    assert sum_up(tmp_path, manifest.ShardRun({}, 10**9, 1000))["n_events"] == 0
    assert looked == [7]


def test_stored_geometry_extends_nothing() -> None:
    """The text of a sample needs no other file: one that it names is not read."""
    for name in ("/etc/passwd", "mine.toml", "run1-2018-s2", "../mine.toml"):
        with pytest.raises(GeometryError, match="extends no other file") as caught:
            detector_from_text(f'extends = "{name}"\nname = "x"\n', "x")
        assert name in str(caught.value)
    detector = load_detector("run1-2018-s2")
    assert detector_from_text(detector.text, detector.name) == detector


def test_the_sample_itself_is_sound(path: Path, tmp_path: Path) -> None:
    """What the changes above start from."""
    shutil.copy(path, tmp_path / "copy.h5")
    assert len(read_sample(tmp_path / "copy.h5")["events"]["x"]) == EVENTS
