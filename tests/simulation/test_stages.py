"""What simulate and reconstruct may replace: told before the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import na62sim as na
from na62sim.sample.provenance import Provenance
from na62sim.sample.sample import Sample, write_sample
from na62sim.sample.table import Column, Table
from na62sim.simulation import stages


class Started(Exception):
    """The work has begun."""


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is simulated or reconstructed here."""

    def start(*_: object) -> None:
        raise Started

    monkeypatch.setattr(stages, "warm_up", start)
    monkeypatch.setattr(stages, "compile_first", start)


@pytest.mark.usefixtures("stopped")
def test_a_file_is_replaced_only_on_demand(tmp_path: Path) -> None:
    path, sample = tmp_path / "mine.h5", tmp_path / "sample.h5"
    path.write_text("mine")
    events = Table([Column("x", "int64", "", "a number")], {"x": np.arange(10)})
    write_sample(Sample({"events": events}, Provenance(), 10), sample)
    whole = sample.read_bytes()
    with pytest.raises(FileExistsError, match=r"give --force \(in Python force=True\)"):
        na.simulate("k2pi", 10, path=path)
    with pytest.raises(FileExistsError, match="exists already"):
        na.reconstruct(sample, path, detector="run1-2018-s2")
    with pytest.raises(Started):
        na.simulate("k2pi", 10, path=path, force=True)
    with pytest.raises(Started):
        na.reconstruct(sample, path, detector="run1-2018-s2", force=True)
    link = tmp_path / "link.h5"
    link.symlink_to(sample)
    for name in (sample, link):
        with pytest.raises(ValueError, match="the result would replace its own input"):
            na.reconstruct(sample, name, detector="run1-2018-s2", force=True)
    assert (path.read_text(), sample.read_bytes()) == ("mine", whole)
    assert {p.name for p in tmp_path.iterdir()} == {"mine.h5", "sample.h5", "link.h5"}
