"""A text has its name when it is whole, and an old one stays until then; what may be replaced, for every kind of file."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from na62sim.report.figures.style import figure, save
from na62sim.sample.atomic import Temporary, is_alive, replacing, target_of, write_whole
from na62sim.sample.manifest import ShardRun, read_run, write_manifest
from na62sim.sample.merge import merge
from na62sim.sample.provenance import Provenance, SampleError
from na62sim.sample.sample import Sample, SampleWriter, verify, write_sample
from na62sim.sample.sink import SampleSink
from na62sim.sample.table import Column, Table
from na62sim.simulation.shards.lock import locked

Write = Callable[[Path, bool], object]
SAMPLE = Sample(
    {"events": Table([Column("x", "int64", "", "a number")], {"x": np.arange(2000)})}, Provenance(seed=1), 2000
)


def _text(path: Path, force: bool) -> None:
    write_whole(path, "new", force=force)


def _sample(path: Path, force: bool) -> None:
    write_sample(SAMPLE, path, force=force)


def _sink(path: Path, force: bool) -> None:
    with SampleSink(path, Provenance(), force=force) as sink:
        sink.append(SAMPLE.groups, 2000)


def _merged(path: Path, force: bool) -> None:
    part = path.parent.parent / "part.h5"
    write_sample(SAMPLE, part, force=True)
    merge([part], path, force=force)


def _figure(path: Path, force: bool) -> None:
    save(figure(3.0, 3.0), path, force=force)


WRITERS = pytest.mark.parametrize("write", [_text, _sample, _sink, _merged, _figure])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def dead_process() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_the_text_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in ("πνν\n", "shorter", ""):
        write_whole(path, text, force=True)
        assert path.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "a.json", list[str]()
    path.write_text("old")
    sync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        seen.append("sync")
        assert path.read_text() == "old"
        sync(handle)

    def replaced(source: Path, target: Path) -> None:
        seen.append("replace")
        assert Path(source).read_text() == "new"
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_whole(path, "new", force=True)
    assert seen == ["sync", "replace"]
    assert path.read_text() == "new"


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_failure_keeps_the_old_text_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.json"
    path.write_text("old")
    monkeypatch.setattr(os, name, full)
    with pytest.raises(SampleError, match=r"a\.json: cannot be written: No space left on device$"):
        write_whole(path, "new", force=True)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "old")]


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.json", "new")
    assert not list(tmp_path.iterdir())


def test_a_name_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no/a\.json: there is no folder .*/no$"):
        write_whole(tmp_path / "no" / "a.json", "new")


@WRITERS
def test_a_file_is_replaced_only_on_demand(place: Path, write: Write) -> None:
    path = place / "out"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists already; give --force"):
        write(path, False)
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [("out", "mine")]
    write(path, True)
    assert path.read_bytes() != b"mine"
    assert list(place.iterdir()) == [path]


@WRITERS
@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_is_followed(place: Path, tmp_path: Path, write: Write, dangling: bool) -> None:
    """The link stays, and the file arrives where it points, complete at once."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    link, big = place / "out", scratch / "big"
    link.symlink_to(Path("..") / "scratch" / "big")
    if not dangling:
        big.write_text("mine")
        with pytest.raises(FileExistsError, match="exists already"):
            write(link, False)
        assert big.read_text() == "mine"
    before = os.stat(big).st_ino if not dangling else None
    write(link, not dangling)
    assert link.is_symlink() and list(place.iterdir()) == [link]
    assert list(scratch.iterdir()) == [big] and big.read_bytes() != b"mine"
    assert os.stat(big).st_ino != before  # a new file under the old name: no reader sees half of it


def test_a_link_into_nowhere(place: Path) -> None:
    link = place / "out"
    link.symlink_to("no/a.json")
    with pytest.raises(SampleError, match=r"out: there is no folder .*place/no$"):
        write_whole(link, "new")
    link.unlink()
    link.symlink_to("out")
    with pytest.raises(SampleError, match=r"out: cannot be written: Too many levels of symbolic links$"):
        write_whole(link, "new", force=True)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        there = os.getcwd()
        os.chdir(path.parent)  # such names must be short
        try:
            server.bind(path.name)
        finally:
            os.chdir(there)


def _device(path: Path) -> None:
    path.symlink_to(os.devnull)


@WRITERS
@pytest.mark.parametrize(
    ("make", "what"),
    [(_fifo, "a named pipe"), (_socket, "a socket"), (_device, "a device"), (Path.mkdir, "a folder")],
)
@pytest.mark.parametrize("force", [True, False])
def test_only_files_are_replaced(
    place: Path, write: Write, make: Callable[[Path], None], what: str, force: bool
) -> None:
    path = place / "out"
    make(path)
    before = os.lstat(path)
    with pytest.raises((SampleError, OSError), match=f"is {what}, not a file") as caught:
        write(path, force)
    assert "out" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(OSError, match=f"is {what}, not a file"):  # before the work, in every verb
        target_of(path, force=force)
    assert os.path.samestat(before, os.lstat(path)) and stat.S_IFMT(before.st_mode) != stat.S_IFREG
    assert list(place.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_kept(place: Path) -> None:
    path = place / "out"
    with pytest.raises(FileExistsError, match="exists already"), replacing(path) as file:
        file.write(b"new")
        path.write_text("mine")
    with pytest.raises(FileExistsError), SampleWriter(place / "a.h5", Provenance()) as writer:
        writer.append(SAMPLE.groups, 2000)
        (place / "a.h5").write_text("mine")
    assert {p.name: p.read_text() for p in place.iterdir()} == {"out": "mine", "a.h5": "mine"}


@WRITERS
@pytest.mark.parametrize("name", ["out.tmp", ".out.part", "out.PID.tmp"])
def test_a_planted_link_is_not_followed(place: Path, tmp_path: Path, write: Write, name: str) -> None:
    """Whoever can guess the name of the temporary file does not choose what is overwritten."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    own = "PID" in name
    name = name.replace("PID", str(os.getpid()))
    (place / name).symlink_to(victim)
    if own:
        with pytest.raises(SampleError, match=rf"cannot be written: {name} is in the way$"):
            write(place / "out", False)
    else:
        write(place / "out", False)
    assert victim.read_text() == "precious"
    assert (place / name).is_symlink()


def test_links_in_a_folder_of_shards_are_replaced(place: Path, tmp_path: Path) -> None:
    """Names there are not the user's: a link is replaced by the file, and what it points to stays."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (place / "manifest.json").symlink_to(victim)
    run = ShardRun({"seed": 1}, 4000, 2000)
    write_manifest(place, run)
    assert read_run(place) == run
    with SampleWriter(place / "shard-000000.h5", Provenance(), own=True) as writer:
        writer.append(SAMPLE.groups, 2000)
        (place / "shard-000000.h5").symlink_to(victim)
    assert not (place / "shard-000000.h5").is_symlink() and verify(place / "shard-000000.h5")
    (place / ".lock-0-2").symlink_to(victim)
    with pytest.raises(SampleError, match="cannot be written"), locked(place, 0, 2):
        pass
    assert victim.read_text() == "precious"


@WRITERS
def test_what_killed_processes_left_goes(place: Path, write: Write) -> None:
    """And nothing else: not the files of a living process, not those of another name."""
    dead = dead_process()
    assert not is_alive(dead) and is_alive(os.getppid())
    left = [place / f"out.{pid}.tmp" for pid in (dead, os.getpid())]  # the second: numbers are used again
    stay = [place / name for name in (f"out.{os.getppid()}.tmp", f"other.{dead}.tmp", "out.tmp", "out.x.tmp")]
    for path in (*left, *stay):
        path.write_text("left behind")
    write(place / "out", False)
    assert {*place.iterdir()} == {place / "out", *stay}


@WRITERS
def test_two_writers_of_one_file(place: Path, write: Write) -> None:
    """The second one is told, and the first one is not disturbed."""
    first = Temporary(place / "out")
    os.write(first.handle, b"first")
    with pytest.raises(SampleError, match=rf"is being written by someone else \(out\.{os.getpid()}\.tmp\)$"):
        write(place / "out", False)
    elsewhere = place / f"out.{dead_process()}.tmp"
    first.path.rename(elsewhere)
    with pytest.raises(SampleError, match=rf"is being written by someone else \({elsewhere.name}\)$"):
        write(place / "out", False)
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [(elsewhere.name, "first")]
    os.close(first.handle)
    write(place / "out", False)
    assert list(place.iterdir()) == [place / "out"]


def test_the_target_of_a_name(place: Path) -> None:
    assert target_of(place / "a") == place.resolve() / "a"
    (place / "a").touch()
    assert target_of(place / "a", force=True) == place.resolve() / "a"
