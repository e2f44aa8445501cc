"""Reading is checking: nothing of a file is used that is not what was written, and old files are hashed first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from na62sim.cli import main
from na62sim.sample.merge import merge
from na62sim.sample.sample import Provenance, Sample, SampleError, SampleWriter, read_sample, verify, write_sample
from na62sim.sample.table import Column, Table

EVENTS = 4300
WHO = Provenance(
    seed=3, process="kpinunu", decay_volume_m=(105.0, 170.0), scenario="x = 1", command="me", extra={"a": 1.5}
)


def make(n: int = EVENTS) -> Sample:
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 4, n))]).astype(np.int64)
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
    return Sample({"hits/straw": hits, "events": events, "hits/empty": none}, WHO, n)


COLUMNS = ["events/weight", "events/ok", "hits/straw/x", "hits/straw/station", "hits/straw/offsets"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_sample(make(), tmp_path / "a.h5")
    return tmp_path / "a.h5"


def of_an_earlier_version(path: Path) -> Path:
    """The file as it was written before there were checksums."""
    with h5py.File(path, "r+") as file:
        del file["provenance/checksums"]
        del file.attrs["header_sha256"]
    return path


def change(path: Path, column: str, row: int) -> None:
    """One bit of one row."""
    with h5py.File(path, "r+") as file:
        values = file[column][:]
        values.view(np.uint8)[row * values.itemsize] ^= 1
        file[column][:] = values


def refused(path: Path, message: str) -> None:
    with pytest.raises(SampleError, match=message) as caught:
        read_sample(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def assert_same(one: Sample, two: Sample) -> None:
    for name in one.groups:
        offsets = one[name].offsets
        if offsets is not None:
            np.testing.assert_array_equal(offsets, two[name].offsets)
        for column in one[name].names:
            np.testing.assert_array_equal(one[name][column], two[name][column])


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", [0, 999, 1000, 2500, -1])
def test_a_changed_bit_is_found_where_it_is(path: Path, column: str, row: int) -> None:
    """By the column that is read; the others of the file stay good."""
    group, _, name = column.rpartition("/")
    table = make()[group]
    number = row if row >= 0 else (len(table) if name != "offsets" else EVENTS + 1) - 1
    change(path, column, number)
    offsets = table.offsets
    event = number if offsets is None or name == "offsets" else int(np.searchsorted(offsets, number, "right")) - 1
    runs = {event // 1000, max(event - 1, 0) // 1000} if name == "offsets" else {event // 1000}
    first = 1000 * min(runs)
    # the number of rows is what offsets end with
    message = "rows, expected" if (name, row) == ("offsets", -1) else f"{column} is damaged at or after event {first}:"
    refused(path, message)
    if name == "offsets":
        return
    with Sample.open(path) as sample:
        for other in [c for c in COLUMNS if c != column and not c.endswith("offsets")]:
            where, _, which = other.rpartition("/")
            np.testing.assert_array_equal(sample[where][which], make()[where][which])
        with pytest.raises(SampleError, match=f"{column} is damaged"):
            sample[group][name]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.attrs.update(seed=4), "its attributes are not those"),
        (lambda f: f.attrs.update(process="k2pi"), "its attributes are not those"),
        (lambda f: f.attrs.update(decay_volume_m=[105.0, 180.0]), "its attributes are not those"),
        (lambda f: f.attrs.pop("decay_volume_m"), "its attributes are not those"),
        (lambda f: f.attrs.update(extra='{"a": 1.25}'), "its attributes are not those"),
        (lambda f: f.attrs.update(scenario="x = 2"), "its attributes are not those"),
        (lambda f: f.attrs.update(command="you"), "its attributes are not those"),
        (lambda f: f.attrs.update(created="1970"), "its attributes are not those"),
        (lambda f: f.attrs.update(first_event=1000), "its attributes are not those"),
        (lambda f: f.attrs.update(groups='["events"]'), "its attributes are not those"),
        (lambda f: f.attrs.update(geometry_text="x", geometry_sha256="0"), "geometry_text is not the text"),
        (lambda f: f.attrs.update(geometry_name="other"), "its attributes are not those"),
        (lambda f: f.attrs.update(header_sha256="0" * 64), "its attributes are not those"),
        (lambda f: f.attrs.pop("header_sha256"), "its attributes are not those"),
        (lambda f: f["events/weight"].attrs.update(unit="kg"), "group 'events': damaged: its columns are not those"),
        (lambda f: f["events/weight"].attrs.update(description="?"), "group 'events': damaged: its columns"),
        (lambda f: f["events"].attrs.update(columns='["ok", "weight"]'), "group 'events': damaged: its columns"),
        (lambda f: f["provenance/checksums/events"].attrs.update(sha256="0"), "its attributes are not those"),
    ],
)
def test_what_a_file_says_is_sealed(path: Path, edit: Any, message: str) -> None:
    with h5py.File(path, "r+") as file:
        edit(file)
    refused(path, message)


def test_checksums_are_sealed(path: Path) -> None:
    """Those of another file, or changed with the column that they are of, are not believed."""
    with h5py.File(path, "r+") as file:
        file["provenance/checksums/events"][0, 0] += 1
    refused(path, "group 'events': damaged: its columns are not those")


def test_attributes_of_ones_own_are_not_in_the_way(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["remark"] = "mine"
        file.create_group("mine")["x"] = [1, 2]
    assert_same(make(), read_sample(path))


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_any_range_of_events(tmp_path: Path, compression: Any) -> None:
    """Read from the middle of a run, over several, and none at all."""
    sample, path = make(), tmp_path / "a.h5"
    write_sample(sample, path, compression)
    with Sample.open(path) as there:
        for a, b in [(0, EVENTS), (1, 2), (999, 1001), (1000, 2000), (1500, 4299), (4299, EVENTS), (7, 7), (0, 0)]:
            assert_same(sample.slice_events(a, b), there.slice_events(a, b))
            assert_same(sample.slice_events(a, b), there.slice_events(0, EVENTS).slice_events(a, b))


def test_checksums_do_not_depend_on_the_pieces(tmp_path: Path) -> None:
    """Of a file that is written in pieces of any length, or joined of several."""
    sample = make()
    write_sample(sample, tmp_path / "whole.h5")
    with SampleWriter(tmp_path / "pieces.h5", WHO) as writer:
        for a, b in [(0, 300), (300, 1400), (1400, 1400), (1400, 4000), (4000, EVENTS)]:
            piece = sample.slice_events(a, b)
            writer.append(piece.groups, piece.n_events)
    for compression in ("none", "lzf"):
        parts = [tmp_path / f"{compression}-{k}.h5" for k in range(2)]
        write_sample(sample.slice_events(0, 3000), parts[0], compression)  # type: ignore[arg-type]
        write_sample(sample.slice_events(3000, EVENTS), parts[1], compression)  # type: ignore[arg-type]
        merge(parts, tmp_path / f"{compression}.h5")
    with h5py.File(tmp_path / "whole.h5") as whole:
        assert whole["provenance/checksums/hits/straw"].shape == (5, 3)
        for name in ("pieces", "none", "lzf"):
            with h5py.File(tmp_path / f"{name}.h5") as file:
                for group in sample.groups:
                    stored = file[f"provenance/checksums/{group}"]
                    np.testing.assert_array_equal(stored[:], whole[stored.name][:])


def test_a_file_of_an_earlier_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is hashed once, when its first column is used."""
    whole = read_sample(path)
    of_an_earlier_version(path)
    with Sample.open(path) as sample:
        assert not sample.has_checksums
        assert_same(whole, sample)
        monkeypatch.setattr("na62sim.sample.content_hash.ContentHash.update", lambda *_: pytest.fail("hashed again"))
        sample.slice_events(1000, 2000)["events"]["weight"]
    monkeypatch.undo()
    assert verify(path) == whole.content_sha256()
    for column in COLUMNS:
        write_sample(make(), path, force=True)
        change(of_an_earlier_version(path), column, 2000)
        with Sample.open(path) as sample:
            for _ in range(2):
                with pytest.raises(SampleError, match=r"a\.h5: .*(the content hash differs|offsets|rows)") as caught:
                    sample["events"]["ok"]
                assert "\n" not in str(caught.value)


def test_an_earlier_version_is_told_of(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_an_earlier_version(path)
    said = f"{path}: no checksums (made by an earlier version): all of it is compared with its hash before it is used"
    assert main(["merge", str(path), "-o", str(tmp_path / "m.h5")]) == 0
    assert capsys.readouterr().err.splitlines() == [said]
    assert main(["info", str(path)]) == 0
    assert "no checksums (made by an earlier version)" in " ".join(capsys.readouterr().out.split())
    with Sample.open(tmp_path / "m.h5") as merged:  # what is written now has them
        assert merged.has_checksums
        assert_same(make(), merged)


def test_joining_earlier_versions(tmp_path: Path) -> None:
    """Compressed files without checksums are hashed, and the joined file has checksums."""
    sample, parts = make(), [tmp_path / "0.h5", tmp_path / "1.h5"]
    write_sample(sample.slice_events(0, 3000), parts[0], "lzf")
    write_sample(sample.slice_events(3000, EVENTS), parts[1], "lzf")
    of_an_earlier_version(parts[1])
    merge(parts, tmp_path / "m.h5")
    assert_same(sample, read_sample(tmp_path / "m.h5"))
    change(of_an_earlier_version(parts[0]), "events/weight", 5)
    with pytest.raises(SampleError, match=r"0\.h5: damaged, at or after event 0: the content hash differs"):
        merge(parts, tmp_path / "n.h5")
    assert not (tmp_path / "n.h5").exists()


def test_info_verify(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(path), "--verify"]) == 0
    assert "all events have the content hash" in capsys.readouterr().out
    change(path, "hits/straw/x", 3000)
    assert main(["info", str(path)]) == 0  # what it says of itself is right
    capsys.readouterr()
    assert main(["info", str(path), "--verify"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: hits/straw/x is damaged at or after event ")
    assert main(["info", "kpinunu", "--verify"]) == 2
    assert "--verify goes with a sample or a folder of shards; this is a process" in capsys.readouterr().err
