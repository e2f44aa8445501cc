"""HDF5 files that no program of ours writes: each is refused in one line that names the file, in time and memory."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from na62sim.sample.sample import Provenance, Sample, SampleError, read_sample, write_sample
from na62sim.sample.table import Column, Table

EVENTS = 2500


def make(path: Path) -> Path:
    rng = np.random.default_rng(1)
    events = Table(
        [Column("x", "float64", "mm", "a number"), Column("y", "float64", "mm", "another")],
        {"x": rng.random(EVENTS), "y": rng.random(EVENTS)},
    )
    hits = Table([Column("t", "int64", "", "time")], {"t": np.arange(EVENTS)}, np.arange(EVENTS + 1, dtype=np.int64))
    write_sample(Sample({"events": events, "hits/a": hits}, Provenance(seed=3), EVENTS), path)
    return path


def again(file: Any, name: str, data: Any = None, **how: Any) -> None:
    """Another dataset under the name of a column, with its attributes."""
    kept = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, data=data, **how).attrs.update(kept)


def _pieces(file: Any, source: str, shape: tuple[int, ...] = (EVENTS,)) -> None:
    """A virtual column over a piece that is not as it should be."""
    kept = dict(file["events/x"].attrs)
    del file["events/x"]
    layout = h5py.VirtualLayout((EVENTS,), "f8")
    layout[:] = h5py.VirtualSource(".", source, (EVENTS,), "f8")
    if source.startswith("shards"):
        file.create_dataset(source, shape, "f8")
    file.create_virtual_dataset("events/x", layout).attrs.update(kept)


def _loop(file: Any) -> None:
    """A group that contains itself."""
    file["events/events"] = file["events"]
    file.attrs["groups"] = json.dumps(["/".join(["events"] * 400)])


def _old(file: Any) -> None:
    """As an earlier version would have written it: nothing is sealed."""
    del file["provenance/checksums"]
    del file.attrs["header_sha256"]


def _link(file: Any, link: Any) -> None:
    del file["provenance/checksums"]
    file["provenance/checksums"] = link


def _many(file: Any) -> None:
    file.attrs["groups"] = json.dumps(["events"] * 100_000)


def _offsets(file: Any, values: Any) -> None:
    _old(file)
    file["hits/a/offsets"][:] = values


REFERENCE = h5py.special_dtype(ref=h5py.Reference)
OBJECT = np.dtype([("a", "f8"), ("b", "i4")])
HUGE = 2**62

HOSTILE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a group in a group without end": (_loop, ""),
    "a hundred thousand groups": (_many, "groups: a name is there twice"),
    "a group that is a column": (lambda f: f.attrs.update(groups='["events/x"]'), "'events/x' is missing"),
    "a column that is a group": (lambda f: (f.__delitem__("events/x"), f.create_group("events/x")), "is missing"),
    "the root as a group": (lambda f: f.attrs.update(groups='["/"]'), ""),
    "a column of two dimensions": (lambda f: again(f, "events/x", np.zeros((EVENTS, 2))), "events/x is missing"),
    "a column without dimension": (lambda f: again(f, "events/x", 1.0), "events/x is missing"),
    "a column of nothing": (lambda f: again(f, "events/x", h5py.Empty("f8")), ""),
    "a column of text": (lambda f: again(f, "events/x", [b"x"] * EVENTS), ""),
    "a column of text of any length": (lambda f: again(f, "events/x", ["x"] * EVENTS, dtype=h5py.string_dtype()), ""),
    "a column of references": (lambda f: again(f, "events/x", shape=(EVENTS,), dtype=REFERENCE), ""),
    "a column of structures": (lambda f: again(f, "events/x", np.zeros(EVENTS, dtype=OBJECT)), ""),
    "a column of complex numbers": (lambda f: again(f, "events/x", np.zeros(EVENTS, dtype=complex)), ""),
    "a column of opaque bytes": (lambda f: again(f, "events/x", np.zeros(EVENTS, dtype="V8")), ""),
    "numbers the other way round": (lambda f: again(f, "events/x", f["events/x"][:].astype(">f8")), ""),
    "numbers with less digits": (lambda f: again(f, "events/x", f["events/x"][:].astype("f4")), ""),
    "a column that is another": (lambda f: (f.__delitem__("events/x"), f.__setitem__("events/x", f["events/y"])), ""),
    "one row too many": (lambda f: again(f, "events/x", np.zeros(EVENTS + 1)), f"{EVENTS + 1} rows"),
    "a filter that nobody has": (
        lambda f: again(
            f, "events/x", shape=(EVENTS,), dtype="f8", chunks=(EVENTS,), compression=4000, allow_unknown_filter=True
        ),
        "",
    ),
    "chunks of gigabytes": (
        lambda f: again(f, "events/x", shape=(EVENTS,), dtype="f8", chunks=(1 << 28,), maxshape=(None,)),
        "",
    ),
    "a virtual column over a shorter piece": (lambda f: _pieces(f, "shards/0/x", (7,)), ""),
    "a virtual column over a table": (lambda f: _pieces(f, "shards/0/x", (EVENTS, 3)), ""),
    "a virtual column over the header": (lambda f: _pieces(f, "provenance/run_digests"), "no piece of a joined file"),
    "a virtual column over what is not there": (lambda f: _pieces(f, "elsewhere"), "no piece of a joined file"),
    "offsets that fall": (lambda f: _offsets(f, np.arange(EVENTS + 1)[::-1]), "rows"),
    "offsets below zero": (lambda f: _offsets(f, np.r_[-HUGE, np.arange(1, EVENTS + 1)]), ""),
    "offsets beyond the end": (lambda f: _offsets(f, np.r_[0, np.full(EVENTS - 1, HUGE), EVENTS]), ""),
    "offsets that are no whole numbers": (lambda f: again(f, "hits/a/offsets", np.arange(EVENTS + 1.0)), "offsets"),
    "a number of events below zero": (lambda f: f.attrs.update(n_events=-5), ""),
    "more events than there are numbers": (lambda f: f.attrs.update(n_events=HUGE), ""),
    "a number of events that is text": (lambda f: f.attrs.update(n_events="2500.0"), "'n_events' is damaged"),
    "a list of seeds": (lambda f: f.attrs.update(seed=[1, 2]), "'seed' is damaged"),
    "a seed below zero": (lambda f: f.attrs.update(seed=-1), "seed"),
    "a first event within a run": (lambda f: f.attrs.update(first_event=5), ""),
    "a decay volume of three numbers": (lambda f: f.attrs.update(decay_volume_m=[1.0, 2.0, 3.0]), "'decay_volume_m'"),
    "a decay volume that is text": (lambda f: f.attrs.update(decay_volume_m="ab"), "'decay_volume_m' is damaged"),
    "text that is a number": (lambda f: f.attrs.update(geometry_text=5), "'geometry_text' is damaged"),
    "no text": (lambda f: f.attrs.update(command=h5py.Empty("S1")), "'command' is damaged"),
    "text that is no UTF-8": (lambda f: f.attrs.update(process=np.bytes_(b"\xff\xfe")), "'process' is damaged"),
    "a reference as an attribute": (lambda f: f.attrs.create("seed", f.ref, dtype=REFERENCE), "'seed' is damaged"),
    "JSON of another kind": (lambda f: f.attrs.update(extra="[1]"), "'extra' is damaged"),
    "columns that are a number": (lambda f: f["events"].attrs.update(columns="7"), "not a list of names"),
    "columns above the group": (lambda f: f["events"].attrs.update(columns='["../hits/a/t"]'), "is missing"),
    "a column twice": (
        lambda f: f["events"].attrs.update(columns='["x", "x"]'),
        "columns of events: a name is there twice",
    ),
    "a column called offsets": (lambda f: f["events"].attrs.update(columns='["x", "y", "offsets"]'), "is missing"),
    "a unit that is a number": (lambda f: f["events/x"].attrs.update(unit=[1.0, 2.0]), ""),
    "checksums elsewhere": (lambda f: _link(f, h5py.ExternalLink("other.h5", "x")), "a link to another file"),
    "checksums by another name": (lambda f: _link(f, h5py.SoftLink("/events")), "a symbolic link"),
    "checksums of too few runs": (
        lambda f: again(f, "provenance/checksums/events", np.zeros((2, 2), "u8")),
        "do not fit",
    ),
    "checksums with signs": (lambda f: again(f, "provenance/checksums/events", np.zeros((3, 2), "i8")), "do not fit"),
    "checksums that are only declared": (
        lambda f: again(f, "provenance/checksums/events", shape=(3, 2), dtype="u8", chunks=(1, 1)),
        "not in the file",
    ),
    "digests of too few runs": (lambda f: again(f, "provenance/run_digests", np.zeros((1, 32), "u1")), "do not fit"),
}


SEALED = ("checksums", "offsets that fall", "offsets below", "offsets beyond", "numbers the other", "a unit")
"""What is of the seals, takes them away itself, or changes no number."""
UNSEALED = [what for what in HOSTILE if not what.startswith(SEALED)]


@pytest.mark.parametrize(("what", "earlier"), [*((w, False) for w in HOSTILE), *((w, True) for w in UNSEALED)])
def test_refused(what: str, earlier: bool, tmp_path: Path) -> None:
    """With the seals of this version, and as an earlier one would have written it."""
    edit, message = HOSTILE[what]
    path = make(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        if earlier:
            _old(file)
        edit(file)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(SampleError) as caught:
        read_sample(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ") and message in said
    assert "\n" not in said and len(said) < 400
    assert time.process_time() - start < 5.0  # of this process: others may be busy
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_there_are_enough() -> None:
    assert len(HOSTILE) >= 25
