"""A text has its name when it is whole, and an old one stays until then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from na62sim.sample.atomic import write_whole
from na62sim.sample.provenance import SampleError


def test_the_text_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in ("πνν\n", "shorter", ""):
        write_whole(path, text)
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
    write_whole(path, "new")
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
        write_whole(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.json", "old")]


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.json", "new")
    assert not list(tmp_path.iterdir())


def test_a_name_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no/a\.json: cannot be written: No such file or directory$"):
        write_whole(tmp_path / "no" / "a.json", "new")
