"""Counts that are made once: taken from their file as they are, made anew when anything does not fit."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from na62sim.study.kaon.kept import FOLDER, kept
from na62sim.study.kaon.rows import PointAcceptance, Rate, ScanRow

RATE = Rate(0.1, 0.01, 0.11)
ROW = ScanRow(
    {}, PointAcceptance(0.1, 0.09, 0.11, 0.01, 0.02), RATE, RATE, 10, 1, 1.0, 1.0, {"a": 0.5}, {"b": 0.1}, 5.0
)
WHAT = {"process": "k2pi-4e", "seed": 1, "shares": (0.25, 0.75)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NA62SIM_CACHE_DIR", str(tmp_path))
    return tmp_path / FOLDER


def never() -> ScanRow:
    raise AssertionError("made again")


def test_made_once(folder: Path) -> None:
    row, file, taken_over = kept(WHAT, lambda: ROW)
    assert row == ROW and not taken_over and Path(file).parent == folder
    assert folder.stat().st_mode & 0o077 == 0
    assert kept(WHAT, never) == (ROW, file, True)


@pytest.mark.parametrize("other", [{**WHAT, "seed": 2}, {**WHAT, "shares": (0.3, 0.7)}])
def test_another_key(folder: Path, other: dict[str, object]) -> None:
    kept(WHAT, lambda: ROW)
    second = replace(ROW, n_selected=2)
    assert kept(other, lambda: second)[0] == second
    assert kept(WHAT, never)[0] == ROW


@pytest.mark.parametrize("damage", ["digit", "cut", "empty", "list"])
def test_a_damaged_file_is_made_again(folder: Path, damage: str) -> None:
    _, file, _ = kept(WHAT, lambda: ROW)
    text = Path(file).read_text()
    changed = {"digit": text.replace("0.11", "0.12", 1), "cut": text[: len(text) // 2], "empty": "", "list": "[1]"}[
        damage
    ]
    assert changed != text
    Path(file).write_text(changed)
    second = replace(ROW, n_selected=2)
    assert kept(WHAT, lambda: second) == (second, file, False)
    assert kept(WHAT, never)[0] == second


def test_counts_of_another_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(WHAT, lambda: ROW)
    monkeypatch.setattr("na62sim.study.kaon.kept.closure_hash", lambda name: "another")
    assert not kept(WHAT, lambda: ROW)[2]


def test_few_files_stay(folder: Path) -> None:
    for seed in range(25):
        _, file, _ = kept({**WHAT, "seed": seed}, lambda: ROW)
        os.utime(file, (seed, seed))
    (folder / "mine.json").write_text(json.dumps({}))
    kept({**WHAT, "seed": 99}, lambda: ROW)
    assert len(list(folder.iterdir())) == 21 and (folder / "mine.json").exists()
