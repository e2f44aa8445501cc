"""A sample that is made chunk by chunk is the same in a file and in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from na62sim.sample.provenance import Provenance, SampleError
from na62sim.sample.sample import Sample
from na62sim.sample.sink import SampleSink
from na62sim.sample.table import Column, Table

X = Column("x", "int64", "", "a number")
E = Column("E", "float64", "MeV", "energy")
PROVENANCE = Provenance(seed=3, process="kpinunu")


def events(first: int, n: int) -> dict[str, Table]:
    """One x per event, and a jagged group of 0, 1, 2, 0, 1, 2 ... energies."""
    rows = np.arange(first, first + n) % 3
    energy = np.repeat(np.arange(first, first + n) + 0.5, rows)
    return {
        "events": Table([X], {"x": np.arange(first, first + n)}),
        "hits/lkr": Table([E], {"E": energy}, np.concatenate([[0], np.cumsum(rows)])),
    }


def made(path: Path | None) -> Sample:
    with SampleSink(path, PROVENANCE) as sink:
        for first, n in ((0, 2000), (2000, 1000), (3000, 500)):
            sink.append(events(first, n), n)
    return sink.sample()


def test_in_a_file_and_in_memory(tmp_path: Path) -> None:
    whole = Sample(events(0, 3500), PROVENANCE, 3500)
    with made(tmp_path / "a.h5") as file:
        memory = made(None)
        assert len(file) == len(memory) == memory.provenance.n_events == 3500
        assert file.content_sha256() == memory.content_sha256() == whole.content_sha256()
        assert file.provenance.content_sha256 == whole.content_sha256()
        assert list(file.groups) == list(memory.groups) == ["events", "hits/lkr"]


def test_known_groups_go_into_a_file_only(tmp_path: Path) -> None:
    def half(path: Path | None) -> Sample:
        with SampleSink(path, PROVENANCE) as sink:
            for first in (0, 1000):
                chunk = events(first, 1000)
                sink.append({"hits/lkr": chunk["hits/lkr"]}, 1000, known={"events": chunk["events"]})
        return sink.sample()

    with half(tmp_path / "a.h5") as file:
        assert list(file.groups) == ["events", "hits/lkr"]
        assert file["events"]["x"].tolist() == list(range(2000))
    assert list(half(None).groups) == ["hits/lkr"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_leaves_no_file_and_keeps_the_old_one(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.h5"
    path.write_text("old")
    with pytest.raises(error), SampleSink(path, PROVENANCE, force=True) as sink:
        sink.append(events(0, 1000), 1000)
        raise error
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.h5", "old")]


def test_the_file_is_reserved_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="there is no folder"):
        SampleSink(tmp_path / "no" / "a.h5", PROVENANCE)


def test_no_events_at_all() -> None:
    with SampleSink(None, PROVENANCE) as sink:
        pass
    assert (len(sink.sample()), dict(sink.sample().groups)) == (0, {})
