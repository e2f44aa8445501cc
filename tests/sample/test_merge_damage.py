"""Damaged, renamed and exchanged files are not joined: each is refused by name, and nothing is written."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from na62sim.sample.manifest import Entry, ShardRun, file_sha256, shard_name, write_entry, write_manifest
from na62sim.sample.merge import merge
from na62sim.sample.provenance import Provenance, SampleError
from na62sim.sample.sample import Sample, verify, write_sample
from na62sim.sample.table import Column, Table

WHO = Provenance(seed=3, process="kpinunu", geometry_name="g", geometry_sha256="00", decay_volume_m=(105.0, 170.0))
EVENTS, SIZE = 6500, 3000
RUN = ShardRun({"seed": 3}, EVENTS, SIZE)


def make() -> Sample:
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 4, EVENTS))]).astype(np.int64)
    events = Table([Column("weight", "float64", "", "weight")], {"weight": rng.random(EVENTS)})
    hits = Table([Column("x", "float32", "mm", "x")], {"x": rng.random(offsets[-1], dtype=np.float32)}, offsets)
    return Sample({"hits/straw": hits, "events": events}, WHO, EVENTS)


def finish(folder: Path, shard: int, piece: Sample, compression: Any) -> None:
    """Write a shard and its entry."""
    path = folder / f"{shard_name(shard)}.h5"
    done = write_sample(piece, path, compression)
    with h5py.File(path) as file:
        digests = [row.tobytes().hex() for row in file["provenance/run_digests"][:]]
    entry = Entry(
        path.name, piece.first_event, piece.n_events, path.stat().st_size, file_sha256(path), done.content_sha256,
        digests, RUN.key,
    )  # fmt: skip
    write_entry(folder, entry)


@pytest.fixture(scope="module", params=["none", "gzip"])
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three shards, with entries and a manifest; two shards of another run beside it."""
    folder, sample = tmp_path_factory.mktemp("good") / "run", make()
    for name, who in (("run", WHO), ("other", replace(WHO, seed=4))):
        here = folder.with_name(name)
        here.mkdir()
        for shard in range(RUN.n_shards):
            first, n = RUN.events_of(shard)
            piece = sample.slice_events(first, first + n)
            finish(here, shard, Sample(piece.groups, who, n, first), request.param)
        write_manifest(here, RUN)
    return folder


def shard(folder: Path, k: int) -> Path:
    return folder / f"{shard_name(k)}.h5"


def entry(folder: Path, k: int) -> Path:
    return shard(folder, k).with_suffix(".json")


def edited(edit: Callable[[Any], Any]) -> Callable[[Path], None]:
    """The second shard changed with h5py."""

    def change(folder: Path) -> None:
        with h5py.File(shard(folder, 1), "r+") as file:
            edit(file)

    return change


def cut(folder: Path) -> None:
    path = shard(folder, 1)
    path.write_bytes(path.read_bytes()[:-200])


def empty(folder: Path) -> None:
    shard(folder, 1).write_bytes(b"")


def zeros(folder: Path) -> None:
    """A block of the middle of the file."""
    path = shard(folder, 1)
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 512] = bytes(512)
    path.write_bytes(whole)


def text(folder: Path) -> None:
    shard(folder, 1).write_text("hello")


def pipe_like(folder: Path) -> None:
    shard(folder, 1).unlink()
    shard(folder, 1).mkdir()


def gone(folder: Path) -> None:
    shard(folder, 1).unlink()


def copied(folder: Path) -> None:
    """The first shard under the name of the second."""
    shutil.copy(shard(folder, 0), shard(folder, 1))


def exchanged(folder: Path) -> None:
    a, b = shard(folder, 0), shard(folder, 1)
    a.rename(folder / "aside")
    b.rename(a)
    (folder / "aside").rename(b)


def foreign(folder: Path) -> None:
    """A shard of a run with another seed, with its entry."""
    for path in (shard(folder, 1), entry(folder, 1)):
        shutil.copy(folder.with_name("other") / path.name, path)


def entries(**values: Any) -> Callable[[Path], None]:
    """Entry of the second shard with other values, which fit each other."""

    def change(folder: Path) -> None:
        path = entry(folder, 1)
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def entries_exchanged(folder: Path) -> None:
    """Both say that their file has the events of the other."""
    a, b = (json.loads(entry(folder, k).read_text()) for k in (0, 1))
    a["first_event"], b["first_event"] = b["first_event"], a["first_event"]
    entry(folder, 0).write_text(json.dumps(a))
    entry(folder, 1).write_text(json.dumps(b))


def weight(file: Any) -> None:
    file["events/weight"][1700] += 1e-9


def exchange_rows(file: Any) -> None:
    x = file["hits/straw/x"]
    x[:2] = x[:2][::-1]


def one_offset(file: Any) -> None:
    file["hits/straw/offsets"][500] += 1


WITH_ENTRIES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut off": (cut, "shard-000001.h5: damaged: it has"),
    "empty": (empty, "shard-000001.h5: damaged: it has 0 bytes"),
    "zeros": (zeros, "shard-000001.h5: damaged: the SHA-256"),
    "text": (text, "shard-000001.h5: damaged: it has 5 bytes"),
    "a folder": (pipe_like, "shard-000001.h5: "),
    "gone": (gone, "shard-000001.h5: is missing"),
    "copied": (copied, "shard-000001.h5: damaged: "),
    "exchanged": (exchanged, "shard-00000[01].h5: damaged: "),
    "a weight": (edited(weight), "shard-000001.h5: damaged: "),
    "the seed": (edited(lambda f: f.attrs.update(seed=4)), "shard-000001.h5: damaged: "),
    "of another run": (foreign, "shard-000001.h5 and .*shard-000000.h5 differ in seed: 4 and 3"),
    "an entry of other bytes": (entries(bytes=5), "shard-000001.h5: damaged: it has"),
    "an entry with another hash": (entries(sha256="0" * 64), "shard-000001.h5: damaged: the SHA-256"),
    "an entry of other events": (entries(n_events=2000), "shards are missing|gap|other events"),
    "entries exchanged": (entries_exchanged, "shards are missing|other events"),
    "an entry of another shard": (entries(file="shard-000000.h5"), "1 of 3 shards are missing"),
    "an entry of another run": (entries(run="0" * 16), "1 of 3 shards are missing"),
    "an entry with other digests": (entries(run_digests=["00" * 32] * 3), "1 of 3 shards are missing"),
    "no entry": (lambda folder: entry(folder, 1).unlink(), "1 of 3 shards are missing"),
    "an entry that is no JSON": (lambda folder: entry(folder, 1).write_text("{"), "1 of 3 shards are missing"),
}
"""What happens to a folder of shards, and what is said when it is merged."""

ALONE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut off": (cut, "1.h5: the file is truncated"),
    "empty": (empty, "1.h5: is not an HDF5 file"),
    "text": (text, "1.h5: is not an HDF5 file"),
    "a folder": (pipe_like, "1.h5: is a folder"),
    "gone": (gone, "1.h5: No such file"),
    "copied": (copied, "overlap: one ends before event 3000, the other starts at 0"),
    "of another run": (foreign, "1.h5 and .*0.h5 differ in seed: 4 and 3"),
    "a weight": (edited(weight), "1.h5: events/weight is damaged at or after event 4000"),
    "rows exchanged": (edited(exchange_rows), "1.h5: hits/straw/x is damaged at or after event 3000"),
    "an offset": (edited(one_offset), "1.h5: .*hits/straw/offsets is damaged at or after event 3000"),
    "the seed": (edited(lambda f: f.attrs.update(seed=4)), "1.h5: damaged: its attributes"),
    "the process": (edited(lambda f: f.attrs.update(process="k2pi")), "1.h5: damaged: its attributes"),
    "the decay volume": (edited(lambda f: f.attrs.update(decay_volume_m=[1.0, 2.0])), "1.h5: damaged: its attributes"),
    "the first event": (edited(lambda f: f.attrs.update(first_event=4000)), "1.h5: damaged: its attributes"),
    "fewer events": (edited(lambda f: f.attrs.update(n_events=2000)), "1.h5: "),
    "the geometry": (
        edited(lambda f: f.attrs.update(geometry_text="x")),
        "1.h5: damaged: geometry_text is not the text",
    ),
    "the content hash": (edited(lambda f: f.attrs.update(content_sha256="0")), "1.h5: .* do not give the content hash"),
    "digests": (
        edited(lambda f: f["provenance/run_digests"].__setitem__((0, 0), 1)),
        "1.h5: .* do not give the content",
    ),
    "checksums": (
        edited(lambda f: f["provenance/checksums/events"].__setitem__((0, 0), 1)),
        "1.h5: .*damaged: its columns",
    ),
    "a unit": (edited(lambda f: f["events/weight"].attrs.update(unit="kg")), "1.h5: .*damaged: its columns"),
    "a column less": (edited(lambda f: f.__delitem__("events/weight")), "1.h5: column events/weight is missing"),
    "not complete": (edited(lambda f: f.attrs.update(complete=False)), "1.h5: the file is not complete"),
    "another version": (edited(lambda f: f.attrs.update(format_version=9)), "1.h5: format version 9"),
}
"""What happens to a file that is merged without an entry beside it."""


def refused(paths: list[Path], message: str) -> None:
    out = paths[0].parent / "merged.h5"
    with pytest.raises(SampleError) as caught:
        merge(paths, out)
    said = str(caught.value)
    assert re.search(message, said), said
    assert "\n" not in said
    assert not list(out.parent.glob("merged*"))


@pytest.mark.parametrize("what", WITH_ENTRIES)
def test_a_folder(what: str, good: Path, tmp_path: Path) -> None:
    change, message = WITH_ENTRIES[what]
    shutil.copytree(good.parent, tmp_path / "all")
    change(tmp_path / "all" / "run")
    refused([tmp_path / "all" / "run"], message)


@pytest.mark.parametrize("what", ALONE)
def test_files_without_entries(what: str, good: Path, tmp_path: Path) -> None:
    """Under names of their own, in any order."""
    change, message = ALONE[what]
    shutil.copytree(good.parent, tmp_path / "all")
    folder = tmp_path / "all" / "run"
    change(folder)
    paths = []
    for k in (2, 0, 1):
        paths.append(folder / f"{k}.h5")
        if shard(folder, k).exists():
            shard(folder, k).rename(paths[-1])
    refused(paths, message)


def test_renamed_files_are_joined_by_what_is_in_them(good: Path, tmp_path: Path) -> None:
    """With names that say something else, and with the entries of others beside them."""
    for number, k in ((0, 2), (1, 0), (2, 1)):
        shutil.copy(shard(good, k), tmp_path / f"{shard_name(number)}.h5")
    paths = sorted(tmp_path.glob("shard*"))
    assert merge(paths, tmp_path / "m.h5").content_sha256 == make().content_sha256() == verify(tmp_path / "m.h5")
    for k in range(3):
        shutil.copy(entry(good, k), tmp_path)
    with pytest.raises(SampleError, match=r"shard-00000\d\.h5: damaged: "):
        merge(paths, tmp_path / "n.h5")
