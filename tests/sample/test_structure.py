"""What is not rows of columns is compared before HDF5 looks at it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from na62sim.sample.merge import merge
from na62sim.sample.sample import Provenance, Sample, SampleError, read_sample, write_sample
from na62sim.sample.structure import chunks_of, is_whole
from na62sim.sample.table import Column, Table

EVENTS = 3000


def make(path: Path, first: int = 0, compression: str = "none") -> Path:
    rng = np.random.default_rng(1 + first)
    hits = Table(
        [Column("x", "float32", "mm", "x")], {"x": rng.random(EVENTS, dtype=np.float32)}, np.arange(EVENTS + 1)
    )
    events = Table([Column("y", "float64", "mm", "y")], {"y": rng.random(EVENTS)})
    sample = Sample({"events": events, "hits/a": hits}, Provenance(scenario="s" * 9000), EVENTS, first)
    write_sample(sample, path, compression)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("kind", ["none", "gzip", "joined"])
def test_each_byte_is_of_the_structure_or_of_a_column(kind: str, tmp_path: Path) -> None:
    """A change of one is seen before HDF5 opens the file, a change of the other is left to the checksums."""
    path = make(tmp_path / "a.h5", 0, "gzip" if kind == "joined" else kind)
    if kind == "joined":
        merge([path, make(tmp_path / "b.h5", EVENTS, "gzip")], tmp_path / "c.h5")
        path = tmp_path / "c.h5"
    whole = path.read_bytes()
    with h5py.File(path) as file:
        chunks = chunks_of(file)
    assert is_whole(path)
    assert sum(stop - start for start, stop in chunks) > 0.3 * len(whole)
    end = len(whole) - 16
    seen = set()
    for place in range(0, end, 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        of_a_column = any(start <= place < stop for start, stop in chunks)
        assert is_whole(path) == of_a_column, place
        seen.add(of_a_column)
    assert seen == {False, True}


def test_zeros_among_the_texts(tmp_path: Path) -> None:
    """HDF5 would read them without end."""
    path = make(tmp_path / "a.h5")
    whole = path.read_bytes()
    place = whole.index(b"GCOL") + 16
    path.write_bytes(whole[:place] + bytes(2000) + whole[place + 2000 :])
    with pytest.raises(SampleError, match=r"a\.h5: damaged: what is between its columns is not what was written$"):
        read_sample(path)


def test_others_neither_see_nor_keep_it(tmp_path: Path) -> None:
    """Plain h5py reads such a file; after a change with it nothing is known any more, but the seals are."""
    path = make(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        assert len(file["events/y"][:]) == EVENTS
        file.attrs["mine"] = 1
    assert not path.read_bytes().endswith(b"na62sim\n")
    assert is_whole(path) and read_sample(path).n_events == EVENTS
    (tmp_path / "short").write_bytes(b"na62sim\n")
    (tmp_path / "long").write_bytes(bytes(40) + (2**60).to_bytes(8, "little") + b"na62sim\n")
    (tmp_path / "text").write_bytes(bytes(40) + (20).to_bytes(8, "little") + b"na62sim\n")
    assert [is_whole(tmp_path / name) for name in ("short", "long", "text")] == [True, True, False]
