"""Merging: the events and their hash stay, nothing is hashed or decompressed, and what does not fit is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

from na62sim.sample.manifest import Entry, ShardRun, shard_name, write_entry, write_manifest
from na62sim.sample.merge import merge
from na62sim.sample.provenance import Provenance, SampleError
from na62sim.sample.sample import Sample, read_sample, verify, write_sample
from na62sim.sample.table import Column, Table

WHO = Provenance(seed=3, process="kpinunu", geometry_name="g", geometry_sha256="00", extra={"photons": "dice"})
ALL = ["none", "lzf", "gzip", "zstd"]


def make(n: int) -> Sample:
    """Random events: one column per event, jagged ones, and a group that is empty."""
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 4, n))]).astype(np.int64)
    rows = int(offsets[-1])
    events = Table([Column("weight", "float64", "", "weight")], {"weight": rng.random(n)})
    hits = Table(
        [Column("x", "float32", "mm", "position"), Column("station", "int8", "", "station")],
        {"x": rng.random(rows, dtype=np.float32), "station": rng.integers(0, 4, rows, dtype=np.int8)},
        offsets,
    )
    none = Table([Column("E", "float64", "MeV", "energy")], {"E": np.zeros(0)}, np.zeros(n + 1, np.int64))
    return Sample({"hits/straw": hits, "events": events, "hits/empty": none}, WHO, n)


def pieces(sample: Sample, folder: Path, edges: list[int], compression: str) -> list[Path]:
    paths = []
    for a, b in pairwise(edges):
        paths.append(folder / f"{compression}-{a}.h5")
        write_sample(sample.slice_events(a, b), paths[-1], compression, force=True)  # type: ignore[arg-type]
    return paths


def assert_same(one: Sample, two: Sample) -> None:
    assert list(one.groups) == list(two.groups)
    for name in one.groups:
        assert one[name].fields == two[name].fields
        if one[name].offsets is not None:
            np.testing.assert_array_equal(one[name].offsets, two[name].offsets)
        for column in one[name].names:
            np.testing.assert_array_equal(one[name][column], two[name][column])


@pytest.mark.parametrize("compression", ALL)
def test_pieces_merge_into_the_whole(tmp_path: Path, compression: str) -> None:
    sample = make(112_500)
    parts = pieces(sample, tmp_path, [0, 5000, 9000, 112_500], compression)
    done = merge([parts[2], parts[0], parts[1]], tmp_path / "m.h5")
    assert done.content_sha256 == sample.content_sha256() == verify(tmp_path / "m.h5")
    assert_same(sample, read_sample(tmp_path / "m.h5"))
    with Sample.open(tmp_path / "m.h5") as merged:  # ranges that start, end and lie within pieces
        for a, b in [(0, 1), (4999, 5001), (5000, 9000), (8000, 60_000), (112_499, 112_500), (7, 7)]:
            assert_same(sample.slice_events(a, b), merged.slice_events(a, b))
    with h5py.File(tmp_path / "m.h5") as file:  # and plainly
        np.testing.assert_array_equal(file["hits/straw/x"][:], sample["hits/straw"]["x"])
        np.testing.assert_array_equal(file["hits/straw/offsets"][:], sample["hits/straw"].offsets)
        assert file["hits/straw/x"].attrs["unit"] == "mm"
        assert file["hits/straw/x"].is_virtual == (compression != "none")
        assert file["hits/empty/E"].shape == (0,)


@pytest.mark.parametrize("compression", ["lzf", "gzip", "zstd"])
def test_stored_bytes_are_copied(tmp_path: Path, compression: str) -> None:
    """The packed chunks of the merged file are those of its parts, bit for bit."""
    parts = pieces(make(60_000), tmp_path, [0, 40_000, 60_000], compression)
    merge(parts, tmp_path / "m.h5")

    def chunks(dataset: h5py.Dataset) -> list[bytes]:
        return [
            dataset.id.read_direct_chunk(dataset.id.get_chunk_info(k).chunk_offset)[1]
            for k in range(dataset.id.get_num_chunks())
        ]

    with h5py.File(tmp_path / "m.h5") as merged:
        for part, first in zip(parts, (0, 40_000), strict=True):
            with h5py.File(part) as file:
                assert chunks(merged[f"shards/{first:012d}/events/weight"]) == chunks(file["events/weight"])
        assert merged["hits/straw/offsets"].compression == {"zstd": "unknown"}.get(compression, compression)
    assert (tmp_path / "m.h5").stat().st_size < 1.05 * sum(part.stat().st_size for part in parts) + 20_000


def test_merged_files_merge_again(tmp_path: Path) -> None:
    sample = make(30_000)
    for compression in ("gzip", "none"):
        parts = pieces(sample, tmp_path, [0, 5000, 9000, 20_000, 30_000], compression)
        merge(parts[:3], tmp_path / "m.h5", force=True)
        merge([tmp_path / "m.h5", parts[3]], tmp_path / "mm.h5", force=True)
        assert verify(tmp_path / "mm.h5") == sample.content_sha256()
        assert_same(sample, read_sample(tmp_path / "mm.h5"))
    parts = [*pieces(sample, tmp_path, [0, 5000], "none"), *pieces(sample, tmp_path, [5000, 30_000], "lzf")]
    merge(parts, tmp_path / "mixed.h5")
    assert_same(sample, read_sample(tmp_path / "mixed.h5"))


def test_events_are_not_hashed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = make(20_000)
    parts = pieces(sample, tmp_path, [0, 5000, 20_000], "none")
    expected = sample.content_sha256()
    monkeypatch.setattr("na62sim.sample.content_hash.ContentHash.update", lambda *_: pytest.fail("hashed"))
    assert merge(parts, tmp_path / "m.h5").content_sha256 == expected


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    sample, out = make(20_000), tmp_path / "m.h5"
    parts = pieces(sample, tmp_path, [0, 5000, 9000, 20_000], "none")
    cases = [
        ([parts[0], parts[2]], r"none-0\.h5 and .*none-9000\.h5 leave a gap: one ends before event 5000, .* at 9000"),
        ([parts[0], parts[0]], "overlap"),
        ([], "nothing to merge"),
        ([tmp_path], r"is a folder without manifest\.json"),
        ([tmp_path / "no.h5"], "No such file"),
        ([parts[0], out], "would replace"),
    ]
    for paths, message in cases:
        with pytest.raises(SampleError, match=message) as caught:
            merge(paths, out)
        assert "\n" not in str(caught.value)
    others = {
        "seed": replace(WHO, seed=4), "photons": replace(WHO, extra={"photons": "weight"}),
        "geometry_sha256": replace(WHO, geometry_sha256="01"),
    }  # fmt: skip
    for name, who in others.items():
        piece = sample.slice_events(5000, 9000)
        write_sample(Sample(piece.groups, who, 4000, 5000), tmp_path / "b.h5", force=True)
        with pytest.raises(SampleError, match=f"differ in {name}"):
            merge([parts[0], tmp_path / "b.h5"], out)
    part = sample.slice_events(5000, 9000)
    write_sample(Sample({"events": part["events"]}, WHO, 4000, 5000), tmp_path / "b.h5", force=True)
    with pytest.raises(SampleError, match=r"b\.h5: groups"):
        merge([parts[0], tmp_path / "b.h5"], out)
    assert not list(tmp_path.glob("m.h5*"))


def folder_of_shards(tmp_path: Path, name: str, sample: Sample, shards: list[int]) -> Path:
    run = ShardRun({"seed": 3}, sample.n_events, 5000)
    folder = tmp_path / name
    folder.mkdir()
    for shard in shards:
        first, n = run.events_of(shard)
        path = folder / f"{shard_name(shard)}.h5"
        done = write_sample(sample.slice_events(first, first + n), path)
        with h5py.File(path) as file:
            digests = [row.tobytes().hex() for row in file["provenance/run_digests"][:]]
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        write_entry(
            folder, Entry(path.name, first, n, path.stat().st_size, sha256, done.content_sha256, digests, run.key)
        )
    write_manifest(folder, run)
    return folder


def test_folders(tmp_path: Path) -> None:
    """A folder must hold all shards, or several folders between them; each file is verified."""
    sample, out = make(23_000), tmp_path / "m.h5"
    one = folder_of_shards(tmp_path, "one", sample, [0, 1, 2])
    two = folder_of_shards(tmp_path, "two", sample, [2, 3, 4])
    with pytest.raises(SampleError, match=r"one: 2 of 5 shards are missing \(3, 4\)"):
        merge([one], out)
    assert merge([one, two], out).content_sha256 == sample.content_sha256() == verify(out)
    assert json.loads((one / "manifest.json").read_text())["complete"] is False
    path = two / "shard-000003.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    for paths in ([one, two], [one / "shard-000002.h5", path]):
        with pytest.raises(SampleError, match=r"shard-000003\.h5: damaged: the SHA-256"):
            merge(paths, tmp_path / "n.h5")
    assert not (tmp_path / "n.h5").exists()
    other = folder_of_shards(tmp_path, "other", make(10_000), [0])
    with pytest.raises(SampleError, match=r"other: is of another run than .*events is 10000 there, 23000 here"):
        merge([one, other], out)
    with pytest.raises(SampleError, match="one: is a folder, not a file; na62sim merge"):
        Sample.open(one)


def test_an_interrupted_merge_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = pieces(make(20_000), tmp_path, [0, 5000, 20_000], "lzf")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("na62sim.sample.writer.join_pieces", stop)
    with pytest.raises(KeyboardInterrupt):
        merge(parts, tmp_path / "m.h5")
    assert not list(tmp_path.glob("m.h5*"))
