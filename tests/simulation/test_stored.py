"""Skims and kept groups: the same events as in the whole sample, one hash however they are made, honest acceptances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import na62sim as na
from na62sim.sample.generated import Generated
from na62sim.sample.provenance import SampleError
from na62sim.sample.sample import Sample, read_sample, verify
from na62sim.simulation.chunks import RUN
from na62sim.simulation.on_demand import FIRST_RUNS
from na62sim.simulation.shards.make import simulate_shards
from na62sim.simulation.stored import Stored

EVENTS = 9_700


def simulated(path: Path | None = None, events: int = EVENTS, **how: Any) -> Sample:
    return na.simulate("kpinunu", events, seed=5, path=path, **how)


@pytest.fixture(scope="module")
def whole() -> Sample:
    return simulated()


@pytest.fixture(scope="module")
def skim() -> Sample:
    return simulated(skim="pinunu")


def assert_events_of(part: Sample, whole: Sample) -> None:
    """Every column of the part is that of the same events of the whole."""
    number = np.searchsorted(whole["events"]["number"], part["events"]["number"])
    for name in part.groups:
        there, here = whole[name].take_events(number), part[name]
        assert there.fields == here.fields
        for column in here.names:
            np.testing.assert_array_equal(there[column], here[column])
        if here.offsets is not None:
            np.testing.assert_array_equal(there.offsets, here.offsets)


def test_a_skim_has_the_events_that_pass(whole: Sample, skim: Sample) -> None:
    flow = na.select(na.reconstruct(whole), "pinunu")
    assert 0 < len(skim) == flow.selected.n < len(whole)
    assert_events_of(skim, whole)


def test_the_acceptance_is_per_generated_decay(whole: Sample, skim: Sample) -> None:
    """As of the sample of all events, with all that follows; the sum of weights is exact."""
    one, other = na.select(na.reconstruct(whole), "pinunu"), na.select(na.reconstruct(skim), "pinunu")
    assert other.generated.n == EVENTS and other.generated.total == one.generated.total
    assert other.acceptance == one.acceptance and other.acceptance.value < 0.2
    assert other.counted(other.selected) == one.counted(one.selected)
    assert other.bins() == one.bins() and other.trigger_efficiency == one.trigger_efficiency
    assert other.to_dict()["skim"] == {"selection": "pinunu", "cut": None} and "skim pinunu" in str(other)
    assert "skim" not in one.to_dict()


def test_as_far_as_a_cut(whole: Sample) -> None:
    cut = "CDA < 4 mm"
    part = simulated(skim=f"pinunu:{cut}")
    assert_events_of(part, whole)
    rows = {row["cut"]: row["n"] for row in na.select(na.reconstruct(whole), "pinunu").rows()}
    assert len(part) == rows[cut]
    assert part.provenance.skim == {"selection": "pinunu", "cut": cut}


def test_weights_are_summed_over_all_events() -> None:
    """With weights of the response, and of events of several tracks."""
    for process, selection in (("k2pi", "k2pi"), ("kpiaa", "kpiaa")):
        how: dict[str, Any] = {"as_weights": "efficiencies,photons"} if process == "k2pi" else {"m_a": 100.0}
        full = na.simulate(process, 3000, seed=2, **how)
        part = na.simulate(process, 3000, seed=2, skim=selection, **how)
        assert 0 < len(part) < len(full)
        assert_events_of(part, full)
        flows = [na.select(na.reconstruct(sample), selection) for sample in (full, part)]
        assert flows[0].acceptance == flows[1].acceptance


def test_events_that_are_dropped_early_are_none_of_a_skim() -> None:
    """Behind the first 20 000 events; what the stages make of the others is what they make without a skim."""
    n = RUN * (FIRST_RUNS + 6)
    full, part = (na.simulate("kpinunu", n, seed=6, skim=skim) for skim in ("", "pinunu"))
    assert_events_of(part, full)
    late = np.asarray(part["events"]["number"]) >= RUN * FIRST_RUNS
    reconstructed = na.reconstruct(full)
    assert 100 < late.sum() < len(part) == na.select(reconstructed, "pinunu").selected.n


def hash_of(folder: Path, **how: Any) -> str:
    done = simulate_shards("kpinunu", EVENTS, folder, seed=5, skim="pinunu", **{"threads": 1, **how})
    assert done["complete"] and done["run"]["skim"] == {"selection": "pinunu", "cut": None}
    assert done["n_events"] < EVENTS
    return str(done["content_sha256"])


def test_one_hash(tmp_path: Path, skim: Sample) -> None:
    """In memory, in a file, in any chunks, threads and shards, after an interrupt, merged, and reconstructed in any chunks."""
    expected = skim.content_sha256()
    for k, (chunk, threads) in enumerate(((1000, 2), (3000, 1))):
        path = tmp_path / f"{k}.h5"
        with simulated(path, skim="pinunu", chunk=chunk, threads=threads) as sample:
            assert sample.provenance.content_sha256 == expected == sample.content_sha256() == verify(path)
            assert Generated.from_dict(sample.provenance.generated or {}) == Generated.from_dict(
                skim.provenance.generated or {}
            )
            reconstructed = [na.reconstruct(sample, tmp_path / f"{k}-{n}.h5", chunk=n) for n in (1000, 5000)]
            hashes = {one.provenance.content_sha256 for one in reconstructed} | {verify(tmp_path / f"{k}-1000.h5")}
            assert len(hashes) == 1 and reconstructed[0].provenance.generated == skim.provenance.generated

    def interrupt(done: int) -> None:
        if done > 5000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hash_of(tmp_path / "none", shard_events=4000, chunk=1000, progress=interrupt)
    assert hash_of(tmp_path / "none", resume=True, threads=2) == expected
    assert hash_of(tmp_path / "gzip", shard_events=3000, compression="gzip") == expected
    for packed in ("none", "gzip"):
        out = tmp_path / f"merged-{packed}.h5"
        merged = na.merge([tmp_path / packed], out)
        assert merged.content_sha256 == expected == verify(out)
        assert merged.generated == skim.provenance.generated
        with Sample.open(out) as sample:
            assert_events_of(sample, skim)
            assert len(sample) == len(skim)


@pytest.mark.slow
def test_a_skim_made_by_workers(tmp_path: Path, skim: Sample) -> None:
    assert hash_of(tmp_path / "two", shard_events=3000, workers=2) == skim.content_sha256()


def test_a_skim_of_nothing(tmp_path: Path) -> None:
    """Shards without any event, and what is left of them."""
    done = simulate_shards("kmu2", 3000, tmp_path / "a", skim="pinunu", shard_events=1000, threads=1)
    assert (done["complete"], done["n_events"]) == (True, 0)
    assert na.merge([tmp_path / "a"], tmp_path / "a.h5").n_events == 0
    with Sample.open(tmp_path / "a.h5") as sample:
        flow = na.select(na.reconstruct(sample), "pinunu")
        assert (flow.generated.n, flow.selected.n, flow.acceptance.value) == (3000, 0, 0.0)


def test_a_gap_between_skims_is_noticed(tmp_path: Path) -> None:
    simulate_shards("kpinunu", 3000, tmp_path / "a", seed=5, skim="pinunu", shard_events=1000, threads=1)
    shards = [tmp_path / "a" / f"shard-00000{k}.h5" for k in (0, 2)]
    with pytest.raises(SampleError, match="leave a gap: one ends before event 1000, the other starts at 2000"):
        na.merge(shards, tmp_path / "m.h5")


def test_other_skims_are_other_runs(tmp_path: Path) -> None:
    how: dict[str, Any] = {"seed": 5, "shard_events": 1000, "threads": 1}
    simulate_shards("kpinunu", 2000, tmp_path / "a", skim="pinunu", shards=(0, 1), **how)
    with pytest.raises(SampleError, match="holds another run: skim"):
        simulate_shards("kpinunu", 2000, tmp_path / "a", resume=True, **how)
    simulate_shards("kpinunu", 2000, tmp_path / "b", skim="pinunu:CDA < 4 mm", shards=(1, 2), **how)
    files = [tmp_path / "a" / "shard-000000.h5", tmp_path / "b" / "shard-000001.h5"]
    with pytest.raises(SampleError, match="differ in skim"):
        na.merge(files, tmp_path / "m.h5")


def test_damage_is_noticed(tmp_path: Path) -> None:
    """A changed number of generated events, or of events per run, or an old program's reader."""
    for name, change in (
        ("generated", lambda file: file.attrs.modify("generated", file.attrs["generated"].replace("9700", "970"))),
        (
            "run",
            lambda file: file["provenance/run_events"].write_direct(np.array([1] * len(file["provenance/run_events"]))),
        ),
    ):
        path = tmp_path / f"{name}.h5"
        simulated(path, skim="pinunu").close()
        with h5py.File(path, "r+") as file:
            assert file.attrs["format_version"] == 2
            change(file)
        with pytest.raises(SampleError, match=str(path)):
            Sample.open(path)


def test_reweighting_a_skim_is_refused(skim: Sample) -> None:
    with pytest.raises(ValueError, match="left out"):
        na.reweight(skim, lambda *p: np.ones(p[0].shape[1]))


def test_groups_that_are_kept(tmp_path: Path, whole: Sample) -> None:
    path = tmp_path / "a.h5"
    with simulated(path, keep="truth, hits/straw,trigger") as sample:
        assert set(sample.groups) == {"events", "truth", "hits/straw", "trigger"}
        assert_events_of(sample, whole)
        again = simulated(keep=["truth", "hits/straw", "trigger"]).content_sha256()
        assert verify(path) == sample.provenance.content_sha256 == again
        with pytest.raises(SampleError, match=r"no group 'hits/ktag': only hits/straw, trigger, truth was kept"):
            na.reconstruct(sample)
    assert "beam" not in read_sample(path)
    hits = simulated(keep="hits", skim="pinunu")
    assert len([name for name in hits.groups if name.startswith("hits/")]) == len(hits.groups) - 1
    assert len(na.reconstruct(hits)["reco/events"]) == len(hits)


def test_narrow_columns(tmp_path: Path, whole: Sample) -> None:
    """Momenta in single precision, everything else as it was; a version of the format that an old program refuses."""
    path = tmp_path / "a.h5"
    with simulated(path, narrow=True) as sample, h5py.File(path) as file:
        assert file.attrs["format_version"] == 2 and verify(path) == sample.provenance.content_sha256
        for name in whole.groups:
            for field, column in zip(
                sample[name].fields, (whole[name][f.name] for f in whole[name].fields), strict=True
            ):
                narrowed = name in ("truth", "beam") and column.dtype == np.float64
                assert field.dtype == ("float32" if narrowed else str(column.dtype))
                np.testing.assert_array_equal(sample[name][field.name], column.astype(field.dtype))
        assert na.select(na.reconstruct(sample), "pinunu").rows() == na.select(na.reconstruct(whole), "pinunu").rows()
    how: dict[str, Any] = {"seed": 5, "threads": 1, "narrow": True, "shard_events": 4000}
    assert simulate_shards("kpinunu", EVENTS, tmp_path / "b", **how)["content_sha256"] == verify(path)
    assert na.merge([tmp_path / "b"], tmp_path / "b.h5").content_sha256 == verify(path)
    assert simulated(events=RUN, narrow=True, skim="pinunu", keep="truth")["truth"]["px"].dtype == np.float32


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"skim": "pinunuu"}, "selection 'pinunuu' is unknown.*pinunu"),
        ({"skim": "pinunu:CDA"}, "selection pinunu has no cut 'CDA'"),
        ({"skim": "pinunu:"}, "give the name of a cut"),
        ({"skim": "pi4e"}, "selection pi4e asks for 5 tracks, kpinunu has 1 at most"),
        ({"skim": "no_such_module:f"}, "no_such_module"),
        ({"keep": "hit"}, "keep: there is no group 'hit'.*hits"),
        ({"keep": "hits/strow"}, "there is no group 'hits/strow'.*hits/straw"),
        ({"keep": ","}, "give names of groups"),
    ],
)
def test_wrong_use_is_one_line(asked: dict[str, Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=line) as caught:
        simulated(tmp_path / "a.h5", events=RUN, **asked)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_what_is_asked_for_goes_to_processes() -> None:
    assert Stored("pinunu", "truth").of(
        na.Process("K+ -> pi+ nu nubar", name="x"), na.load_detector("run1-2018-s2")
    ).about() == {
        "skim": {"selection": "pinunu", "cut": None},
        "keep": ["truth"],
    }
