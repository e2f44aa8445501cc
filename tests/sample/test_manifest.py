"""The manifest and its entries: what they say, and that damage is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from na62sim.sample.content_hash import ContentHash
from na62sim.sample.manifest import (
    Entry,
    ShardRun,
    drop,
    file_sha256,
    our_files,
    read_entry,
    read_run,
    write_entry,
    write_manifest,
)
from na62sim.sample.provenance import SampleError

RUN = ShardRun({"seed": 7, "process": {"name": "kpix", "mass_MeV": {"X": 100.0}}}, events=4500, shard_events=2000)


def finish(folder: Path, shard: int, run: ShardRun = RUN) -> Entry:
    first, n = run.events_of(shard)
    digests = [bytes([shard + 1, k] * 16) for k in range(-(-n // 1000))]
    path = folder / f"shard-{shard:06d}.h5"
    path.write_bytes(np.random.default_rng(shard).bytes(5000))
    entry = Entry(
        path.name, first, n, 5000, file_sha256(path), ContentHash.compose(digests), [d.hex() for d in digests], run.key
    )
    write_entry(folder, entry)
    return entry


def test_ranges() -> None:
    assert [RUN.events_of(shard) for shard in range(RUN.n_shards)] == [(0, 2000), (2000, 2000), (4000, 500)]
    assert ShardRun.from_dict(json.loads(json.dumps(RUN.to_dict()))) == RUN


def test_differences_are_named() -> None:
    def other(**values: object) -> ShardRun:
        return ShardRun.from_dict({**RUN.to_dict(), **values})

    assert RUN.difference(other()) == ""
    assert RUN.difference(other(seed=8)) == "seed is 8 there, 7 here"
    assert RUN.difference(other(events=9)) == "events is 9 there, 4500 here"
    changed = other(process={"name": "kpix", "mass_MeV": {"X": 200.0}})
    assert RUN.difference(changed) == "process.mass_MeV is {'X': 200.0} there, {'X': 100.0} here"
    assert RUN.difference(other(photons="dice")) == "photons is dice there, none here"
    skimmed = other(skim={"selection": "pinunu", "cut": "no LAV"}, keep=["beam", "truth"])
    assert RUN.difference(skimmed) == "skim is pinunu as far as 'no LAV' there, none here"
    assert RUN.difference(other(keep=["beam", "truth"])) == "keep is beam, truth there, none here"
    several = dict.fromkeys("zyxwvutsrq", 1)  # the first in order, not the first of a set, whose order varies
    assert RUN.difference(other(**several)) == "z is 1 there, none here"
    assert len({RUN.key, other(seed=8).key, other(events=9).key, changed.key, other().key}) == 4


def test_complete_only_when_every_shard_is(tmp_path: Path) -> None:
    entries = [finish(tmp_path, 0), finish(tmp_path, 2)]
    found = write_manifest(tmp_path, RUN)
    assert (found["complete"], found["content_sha256"], found["n_events"]) == (False, None, 2500)
    entries.insert(1, finish(tmp_path, 1))
    found = write_manifest(tmp_path, RUN)
    digests = [bytes.fromhex(digest) for entry in entries for digest in entry.run_digests]
    assert found["content_sha256"] == ContentHash.compose(digests)
    assert (found["complete"], found["n_events"], len(found["shards"])) == (True, 4500, 3)
    assert json.loads((tmp_path / "manifest.json").read_text()) == found
    assert read_run(tmp_path) == RUN


def test_200_corruptions_of_a_shard_are_detected(tmp_path: Path) -> None:
    """Bits flipped, bytes cut off or added: the whole file's SHA-256 sees all of it."""
    entry = finish(tmp_path, 1)
    assert entry.damage(tmp_path) == ""
    path, rng = tmp_path / entry.file, np.random.default_rng(5)
    whole = path.read_bytes()
    for trial in range(200):
        damaged, place = bytearray(whole), int(rng.integers(len(whole)))
        if trial % 4 == 0:
            del damaged[place:]
        elif trial % 4 == 1:
            damaged[place:place] = b"\0"
        else:
            damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        assert str(path) in entry.damage(tmp_path)
    path.unlink()
    assert entry.damage(tmp_path) == f"{path}: is missing"


def test_200_corruptions_of_an_entry_change_nothing(tmp_path: Path) -> None:
    """A damaged entry is none at all, or says the same, or does not fit the file any more."""
    finish(tmp_path, 1)
    path, rng = tmp_path / "shard-000001.json", np.random.default_rng(6)
    whole, good = path.read_bytes(), read_entry(tmp_path, RUN, 1)
    assert good is not None
    refused = 0
    for trial in range(200):
        damaged, place = bytearray(whole), int(rng.integers(len(whole)))
        if trial % 4 == 0:
            del damaged[place:]
        else:
            damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found = read_entry(tmp_path, RUN, 1)
        if found is None or found.damage(tmp_path):
            refused += 1
        else:
            same = [digest.lower() for digest in found.run_digests]
            assert (same, found.content_sha256) == (good.run_digests, good.content_sha256)
    assert refused > 150


def test_entries_of_another_run_do_not_count(tmp_path: Path) -> None:
    finish(tmp_path, 0)
    assert read_entry(tmp_path, RUN, 0) is not None
    assert read_entry(tmp_path, ShardRun({"seed": 8}, 4500, 2000), 0) is None
    assert read_entry(tmp_path, RUN, 1) is None


def test_only_our_files_go(tmp_path: Path) -> None:
    for shard in range(3):
        finish(tmp_path, shard)
    names = ["shard-000001.h5.tmp", "shard-000002.json.77.tmp", "manifest.json.77.tmp", ".lock-0-3"]
    foreign = ["shard-1.h5", "shard-000001.h5.bak", "notes.json", "shard-000001.png"]
    for name in [*names, *foreign]:
        (tmp_path / name).touch()
    assert len(list(our_files(tmp_path))) == 6 + len(names)
    drop(tmp_path, {1, 2}, only_unfinished=True)
    assert not (tmp_path / names[0]).exists() and not (tmp_path / names[1]).exists()
    assert len(list(tmp_path.glob("shard-??????.h5"))) == 3
    drop(tmp_path, {1, 2})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"shard-000000.h5", "shard-000000.json", *names[2:], *foreign}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"manifest\.json: damaged"),
        ("[]", r"manifest\.json: damaged"),
        ('{"format": "other"}', "not the manifest"),
        ('{"format": "na62sim-run", "format_version": 9}', "format version 9; this program reads version 1"),
        ('{"format": "na62sim-run", "format_version": 1, "run": {"events": 1}}', "shard_events"),
        (
            '{"format": "na62sim-run", "format_version": 1, "key": "0", "run": {"events": 1, "shard_events": 1000}}',
            "does not fit its key",
        ),
    ],
)
def test_wrong_manifests(tmp_path: Path, text: str, message: str) -> None:
    assert read_run(tmp_path) is None
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(SampleError, match=message):
        read_run(tmp_path)
