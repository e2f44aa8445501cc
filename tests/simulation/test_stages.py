"""What simulate and reconstruct may replace: told before the work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import na62sim as na
from na62sim.report.flow import acceptance_text
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


@pytest.fixture(scope="module")
def kaons() -> Sample:
    """A few kaon decays, in memory."""
    return na.simulate("k2pi", 1000)


def test_what_another_detector_did_is_told(kaons: Sample) -> None:
    """A reconstruction that believes in another field is named in the sample and in what is selected from it."""
    assert "reconstructed_with" not in na.reconstruct(kaons).provenance.extra
    weak = na.load_detector("run1-2018-s2").with_values({"field.mnp33.integral_Tm": 0.8})
    other = na.reconstruct(kaons, detector=weak)
    told = {"geometry": "run1-2018-s2", "sha256": weak.sha256}
    assert other.provenance.extra["reconstructed_with"] == told
    assert other.provenance.geometry_sha256 == kaons.provenance.geometry_sha256 != weak.sha256
    flow = na.select(other, "k2pi", detector="run2-2022")
    assert flow.to_dict()["reconstructed_with"] == told and flow.to_dict()["windows"] == "run2-2022"
    text = acceptance_text(flow.to_dict(), 0, flow.selection.signal)
    assert "; reconstructed with another geometry, run1-2018-s2; windows of run2-2022\n" in text
    plain = na.select(na.reconstruct(kaons), "k2pi").to_dict()
    assert not {"windows", "reconstructed_with"} & plain.keys()


def test_kaons_are_not_seen_by_a_dump(kaons: Sample, tmp_path: Path) -> None:
    """Neither the reconstruction nor the windows of the other kind of experiment: one line, and no file."""
    beam = r"^the sample is of the kaon beam \(run1-2018-s2\), and the geometry dump-2021 has a dump$"
    with pytest.raises(ValueError, match=beam):
        na.reconstruct(kaons, tmp_path / "a.h5", detector="dump-2021")
    with pytest.raises(ValueError, match=beam):
        na.select(na.reconstruct(kaons), "k2pi", detector="dump-2021")
    dump = Provenance(geometry_name="dump-2021", geometry_text=na.load_detector("dump-2021").text)
    with pytest.raises(ValueError, match=r"is of a beam dump \(dump-2021\), and the geometry run2-2022 has none"):
        na.reconstruct(Sample({}, dump, 0), detector="run2-2022")
    assert not list(tmp_path.iterdir())
