"""Samples: round trips, the content hash, damage, atomic writing."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na62sim.sample.sample import (
    ContentHash,
    Provenance,
    Sample,
    SampleError,
    SampleWriter,
    read_sample,
    verify,
    write_sample,
)
from na62sim.sample.table import Column, Table

WHO = Provenance(
    program_version="0.1", command="na62sim simulate", seed=2**64 - 1, process="kpinunu",
    scenario="[a]\nb = 'μ'", geometry_name="g", geometry_text="x" * 100_000,
    geometry_sha256=hashlib.sha256(b"x" * 100_000).hexdigest(),
    decay_volume_m=(105.0, 165.0), extra={"note": [1, None]},
)  # fmt: skip


def make(n, seed=1, first_event=0, provenance=WHO):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, n)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    rows = int(offsets[-1])
    events = Table(
        [Column("weight", "float64", "", "weight"), Column("ok", "bool", "", "flag")],
        {"weight": rng.random(n), "ok": rng.random(n) < 0.5},
    )
    hits = Table(
        [Column("x", "float32", "mm", "position"), Column("station", "int8", "", "station")],
        {"x": rng.random(rows, dtype=np.float32), "station": rng.integers(0, 4, rows, dtype=np.int8)},
        offsets,
    )
    none = Table([Column("E", "float64", "MeV", "energy")], {"E": np.zeros(0)}, np.zeros(n + 1, np.int64))
    return Sample({"hits/straw": hits, "events": events, "hits/empty": none}, provenance, n, first_event)


def write(sample, path, chunk, compression="none"):
    with SampleWriter(path, sample.provenance, compression) as writer:
        for piece in sample.chunks(chunk):
            writer.append(piece.groups, piece.n_events)
    return path


def assert_same(one, two):
    assert list(one.groups) == list(two.groups)
    for name in one.groups:
        assert one[name].fields == two[name].fields
        assert (one[name].offsets is None) == (two[name].offsets is None)
        if one[name].offsets is not None:
            np.testing.assert_array_equal(one[name].offsets, two[name].offsets)
        for column in one[name].names:
            np.testing.assert_array_equal(one[name][column], two[name][column])


@pytest.fixture(scope="module")
def sample():
    return make(100_000)


@pytest.mark.parametrize("compression", ["none", "lzf", "gzip", "zstd", "blosc"])
@pytest.mark.parametrize("n", [0, 1, 2500, 100_000])
def test_round_trip(tmp_path, n, compression):
    sample = make(n)
    path = tmp_path / "a.h5"
    done = write_sample(sample, path, compression)
    back = read_sample(path)
    assert_same(sample, back)
    assert back.provenance == done
    assert (done.n_events, done.complete, done.content_sha256) == (n, True, sample.content_sha256())
    assert (done.seed, done.extra, done.decay_volume_m) == (WHO.seed, WHO.extra, WHO.decay_volume_m)
    assert done.scenario == WHO.scenario
    assert done.geometry_text == WHO.geometry_text
    assert verify(path) == done.content_sha256
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_file_is_read_in_pieces(tmp_path, sample):
    path = write(sample, tmp_path / "a.h5", 7000)
    with Sample.open(path) as stored:
        pieces = list(stored.chunks(33_000))
        assert [piece.first_event for piece in pieces] == [0, 33_000, 66_000, 99_000]
        for piece in pieces:
            start = piece.first_event
            assert_same(sample.slice_events(start, start + piece.n_events), piece)
        assert stored.with_groups({"reco/x": sample["events"]})["reco/x"] is sample["events"]
        with pytest.raises(SampleError, match=r"a\.h5: no group 'hits/strw'; did you mean 'hits/straw'"):
            stored["hits/strw"]
        late = stored["events"]
    with pytest.raises(SampleError, match="was closed"):
        late["weight"]


def test_plain_h5py_and_awkward_offsets(tmp_path, sample):
    path = write(sample, tmp_path / "a.h5", 7000)
    with h5py.File(path) as file:
        assert file.attrs["format"] == "na62sim-sample"
        assert file.attrs["format_version"] == 1
        assert file.attrs["decay_volume_m"].tolist() == [105.0, 165.0]
        hits = file["hits/straw"]
        offsets = hits["offsets"][:]
        assert offsets.dtype == np.int64
        assert len(offsets) == len(sample) + 1
        # What ak.unflatten needs: counts that add up to the length of the content.
        assert np.diff(offsets).sum() == len(hits["x"])
        assert hits["x"].attrs["unit"] == "mm"
        found = []

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                found.append(name)
                assert isinstance(item.attrs["unit"], str)
                assert isinstance(item.attrs["description"], str)

        file.visititems(visit)
        assert len(found) == 8 + len(sample.groups)  # columns, digests, checksums
        assert file["events/weight"].maxshape == (None,)


@pytest.mark.parametrize("chunk", [1000, 7000, 50_000, 100_000, 1, 333, 12_345])
def test_hash_does_not_depend_on_chunks(sample, chunk):
    n = 2500 if chunk == 1 else len(sample)
    part = sample.slice_events(0, n)
    content = ContentHash()
    for piece in part.chunks(chunk):
        content.update(piece.groups, piece.n_events)
    assert content.hexdigest() == part.content_sha256()
    assert len(content.run_digests) == -(-n // 1000)


@given(st.lists(st.integers(0, 1800), max_size=8))
@settings(max_examples=30, deadline=None)
def test_hash_does_not_depend_on_odd_chunks(sizes):
    sample = make(sum(sizes))
    content, start = ContentHash(), 0
    for size in sizes:
        piece = sample.slice_events(start, start + size)
        # A caller may use its arrays again: the hash keeps copies of what it has not digested.
        scratch = {name: Table.concatenate([table]) for name, table in piece.groups.items()}
        content.update(scratch, size)
        for table in scratch.values():
            for name in table.names:
                table[name][:] = 0
        start += size
    assert content.hexdigest() == sample.content_sha256()


def test_hash_sees_every_change():
    base = make(1500)
    hashes = {base.content_sha256(), make(1500, seed=2).content_sha256(), make(1499).content_sha256()}
    straw = base["hits/straw"]

    def changed(groups):
        return Sample({**base.groups, **groups}, WHO, 1500).content_sha256()

    counts = np.diff(straw.offsets)
    counts[[10, 11]] += [1, -1] if counts[11] else [-1, 1]
    moved = np.concatenate([[0], np.cumsum(counts)])
    columns = {name: straw[name] for name in straw.names}
    hashes.add(changed({"hits/straw": Table(straw.fields, columns, moved)}))
    hashes.add(changed({"hits/other": straw}))
    renamed = [Column("y", "float32", "mm", ""), straw.fields[1]]
    columns["y"] = columns.pop("x")
    hashes.add(changed({"hits/straw": Table(renamed, columns, straw.offsets)}))
    retyped = [Column("y", "int32", "mm", ""), straw.fields[1]]
    columns["y"] = columns["y"].view(np.int32)
    hashes.add(changed({"hits/straw": Table(retyped, columns, straw.offsets)}))
    assert len(hashes) == 7
    reordered = dict(reversed(base.groups.items()))
    assert Sample(reordered, Provenance(seed=5), 1500).content_sha256() == base.content_sha256()


def test_hash_and_writer_refuse_what_does_not_fit(tmp_path):
    with pytest.raises(ValueError, match="multiple of 1000"):
        ContentHash(500)
    content, sample = ContentHash(), make(10)
    content.update(sample.groups, 10)
    with pytest.raises(ValueError, match="differ"):
        content.update({"events": sample["events"]}, 10)
    with pytest.raises(ValueError, match="multiple of 1000"):
        content.extend([b"0" * 32], 1000)
    for joined in (lambda c: c.update(sample.groups, 10), lambda c: c.extend([b"0" * 32], 10)):
        partial = ContentHash()
        partial.extend([b"0" * 32], 10)  # ten events of a thousand: what would follow is not known to be the eleventh
        with pytest.raises(ValueError, match=r"no events can follow|joined at a multiple of 1000"):
            joined(partial)
    with pytest.raises(ValueError, match="has 10 events, expected 9"):
        ContentHash().update(sample.groups, 9)
    with pytest.raises(ValueError, match="compression"):
        SampleWriter(tmp_path / "a.h5", WHO, "zip")
    with SampleWriter(tmp_path / "a.h5", WHO) as writer:
        writer.append(sample.groups, 10)
        with pytest.raises(ValueError, match="some appends only"):
            writer.append({"events": sample["events"]}, 10)
        other = Table([Column("weight", "float64", "MeV", "")], {"weight": np.zeros(10)})
        with pytest.raises(ValueError, match="'events' differ"):
            writer.append({**sample.groups, "events": other}, 10)
    assert read_sample(tmp_path / "a.h5").n_events == 10
    with pytest.raises(SampleError, match="closed"):
        writer.append(sample.groups, 10)


def test_an_exception_leaves_nothing(tmp_path):
    path, sample = tmp_path / "a.h5", make(10)
    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error), SampleWriter(path, WHO) as writer:
            writer.append(sample.groups, 10)
            raise error
        assert os.listdir(tmp_path) == []
    write_sample(sample, path)
    with pytest.raises(RuntimeError), SampleWriter(path, WHO, force=True):
        raise RuntimeError
    assert verify(path) == sample.content_sha256()


def test_an_interrupt_when_the_file_has_its_name_keeps_it(tmp_path, monkeypatch):
    path, sample = tmp_path / "a.h5", make(10)
    rename = os.replace

    def interrupted(*names):
        rename(*names)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_sample(sample, path)
    assert verify(path) == sample.content_sha256()
    assert os.listdir(tmp_path) == ["a.h5"]


def test_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file itself, whole, then its name, then the folder: a power cut leaves the old file or the new one."""
    path, seen = tmp_path / "a.h5", list[tuple[str, int]]()
    sync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        seen.append(("sync", os.fstat(handle).st_ino))
        sync(handle)

    def replaced(source: Path, target: Path) -> None:
        with h5py.File(source, locking=False) as file:
            assert file.attrs["complete"]
        seen.append(("replace", os.stat(source).st_ino))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    table = Table([Column("x", "float64", "", "a number")], {"x": np.arange(5.0)})
    with SampleWriter(path, Provenance(seed=1)) as writer:
        writer.append({"events": table}, 5)
    file, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert seen == [("sync", file), ("replace", file), ("sync", folder)]


def test_a_killed_writer_leaves_no_file(tmp_path):
    path = tmp_path / "a.h5"
    code = (
        "import sys, numpy as np; from na62sim.sample.sample import *; from na62sim.sample.table import *\n"
        "t = Table([Column('x', 'float64', '', '')], {'x': np.zeros(100_000)})\n"
        f"w = SampleWriter({str(path)!r}, Provenance()); w.append({{'events': t}}, 100_000)\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, env=env) as child:
        assert child.stdout.readline() == b"ready\n"
        with pytest.raises(SampleError, match="being written by someone else"):
            SampleWriter(path, WHO)
        child.send_signal(signal.SIGKILL)
        child.wait()
    left = f"a.h5.{child.pid}.tmp"
    assert os.listdir(tmp_path) == [left]
    with pytest.raises(SampleError, match=rf"{left}: "):
        Sample.open(tmp_path / left)
    write_sample(make(5), path)
    assert os.listdir(tmp_path) == ["a.h5"]


def test_the_size_of_a_shard(tmp_path, sample):
    """Where the number of events is known, the last chunks are not half empty."""
    sizes = {}
    for events in (None, len(sample)):
        with SampleWriter(tmp_path / "a.h5", Provenance(), events=events, force=True) as writer:
            for piece in sample.chunks(8000):
                writer.append(piece.groups, piece.n_events)
        sizes[events] = (tmp_path / "a.h5").stat().st_size
        assert verify(tmp_path / "a.h5") == sample.content_sha256()
    columns = [(table, name) for table in sample.groups.values() for name in table.names]
    data = sum(table[name].nbytes for table, name in columns) + 2 * 8 * (len(sample) + 1)
    assert 1.0 < sizes[len(sample)] / data < 1.04
    assert sizes[len(sample)] < 0.95 * sizes[None]


def test_names_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for path, message in [
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.h5", "there is no folder"),
        (tmp_path / "file" / "a.h5", "there is no folder"),
        (tmp_path / ("a" * 300), "cannot be written: File name too long"),
    ]:
        with pytest.raises(SampleError, match=message) as caught:
            SampleWriter(path, WHO)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "Can't write data (file write failed: time\n, more)")

    writer = SampleWriter(tmp_path / "a.h5", WHO)
    monkeypatch.setattr("na62sim.sample.writer._GroupWriter.append", full)
    with pytest.raises(SampleError, match=r"cannot be written: No space left on device$"):
        writer.append(make(10).groups, 10)
    assert os.listdir(tmp_path) == []


def rejected(path, match):
    with pytest.raises(SampleError, match=match) as caught:
        read_sample(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_samples(tmp_path):
    path = tmp_path / "a.h5"
    rejected(path, "No such file or directory$")
    rejected(tmp_path, "is a folder")
    path.write_text("hello")
    rejected(path, "not an HDF5 file")
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    rejected(path, "not a na62sim sample")
    write_sample(make(2000), path, force=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    rejected(path, "truncated")


def _drop(file, name):
    del file[name]


def _resize(file):
    file["hits/straw/x"].resize((5,))


def _offsets(file):
    file["hits/straw/offsets"][3] = 10**9


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.attrs.update(format_version=7), "format version 7; this program reads versions 1 and 2"),
        (lambda f: f.attrs.update(complete=False), "not complete"),
        (lambda f: f.attrs.pop("seed"), "'seed' is missing"),
        (lambda f: f.attrs.update(extra="{"), "'extra' is damaged"),
        (lambda f: f.attrs.update(content_sha256="0"), "do not give the content hash"),
        (lambda f: f.attrs.pop("groups"), "'groups' is missing"),
        (lambda f: _drop(f, "hits/straw"), "'hits/straw' is missing"),
        (lambda f: _drop(f, "hits/straw/x"), "hits/straw/x is missing"),
        (lambda f: _drop(f, "hits/straw/offsets"), "hits/straw/offsets is missing"),
        (lambda f: _drop(f, "provenance"), "run_digests is missing"),
        (lambda f: f["events/ok"].attrs.pop("unit"), "unit"),
        (_resize, "hits/straw/x has 5 rows"),
        (_offsets, "group 'hits/straw': hits/straw/offsets is damaged at or after event 0: its checksum differs"),
    ],
)
def test_wrong_samples_are_refused(tmp_path, edit, message):
    path = tmp_path / "a.h5"
    write_sample(make(2500), path)
    with h5py.File(path, "r+") as file:
        edit(file)
    rejected(path, message)


def test_changed_events_are_found(tmp_path):
    path = tmp_path / "a.h5"
    write_sample(make(2500), path)
    with h5py.File(path, "r+") as file:
        file["events/weight"][1700] += 1e-9
    for read in (read_sample, verify):
        with pytest.raises(SampleError, match="events/weight is damaged at or after event 1000: its checksum differs"):
            read(path)


@pytest.mark.parametrize("compression", ["none", "lzf", "gzip", "zstd"])
def test_damage_is_rejected_detected_or_harmless(tmp_path, compression):
    sample, path = make(2500, provenance=Provenance()), tmp_path / "a.h5"
    write_sample(sample, path, compression)
    whole, rng = path.read_bytes(), np.random.default_rng(11)
    outcomes = {"rejected": 0, "same": 0}
    for trial in range(200):
        damaged = bytearray(whole)
        place = int(rng.integers(len(whole)))
        if trial % 4 == 0:
            del damaged[place:]
        else:
            damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            verify(path)
        except SampleError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            outcomes["rejected"] += 1
        else:
            back = read_sample(path)
            for name, table in sample.groups.items():
                for column in table.names:
                    np.testing.assert_array_equal(back[name][column], table[column])
            outcomes["same"] += 1
    assert outcomes["rejected"] > 100


def test_provenance_is_checked_and_sanitised(tmp_path):
    with pytest.raises(ValueError, match="seed = -1"):
        Provenance(seed=-1)
    odd = Provenance(command="a\0b \udce9")
    assert write_sample(make(1, provenance=odd), tmp_path / "a.h5").complete
    assert read_sample(tmp_path / "a.h5").provenance.command == "a\\0b \\udce9"
