"""Two results, samples or geometries side by side: what differs, and by how many standard deviations."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from na62sim.core.remarks import setting_text
from na62sim.geometry import Detector, load_detector
from na62sim.sample.sample import Sample

__all__ = ["Difference", "Differences", "compare"]

_LABELS = ("label", "cut", "key", "name", "geometry", "quantity", "loss")  # what tells the entries of a list apart
_SKIPPED = {
    "seconds",
    "timings",
    "events_per_second",
    "created",
    "bytes",
    "parts",
    "ledger",
    "files",
    "figures",
    "curve",
}
_INPUTS = (
    "process", "model", "channel", "production", "selection", "geometry", "seed", "n_generated", "events", "protons", "method",
    "cl", "program_version", "decay_volume_m",
)  # fmt: skip
_ERRORS = ("sigma", "stat", "error")
_FOUND = (
    "acceptance", "upper_limit", "lower_limit", "expected", "eps_low", "eps_high", "coupling_low", "coupling_high",
    "n_events_max",
)  # fmt: skip
_BANDS = {"minus1", "plus1", "minus2", "plus2"}  # they move with the median
_MOST = 200_000  # events of a sample that are compared
_FLAT = 0.5  # of the weight of an event, by which flat factors of cuts may lower it
_PRINTED = 20
_TAGS = {"known": "recalled"}  # how people see a tag


@dataclass(frozen=True, slots=True)
class Difference:
    """A quantity of both.

    Attributes
    ----------
    name : where it stands, ``S2-kpinunu.acceptance``
    a, b : both values
    a_sigma, b_sigma : their standard deviations, 0 where they are exact
    """

    name: str
    a: float
    b: float
    a_sigma: float = 0.0
    b_sigma: float = 0.0

    @property
    def pull(self) -> float | None:
        """(b - a) over the errors in quadrature; None where both are exact."""
        sigma = math.hypot(self.a_sigma, self.b_sigma)
        return (self.b - self.a) / sigma if sigma > 0.0 else None


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything that a comparison finds.

    Attributes
    ----------
    kind : ``result``, ``sample`` or ``geometry``
    a, b : names of what is compared
    inputs : what went in and differs, a line each
    rows : quantities of both, those that differ most first
    only_a, only_b : quantities that one of them lacks
    notes : how to read it
    """

    kind: str
    a: str
    b: str
    inputs: tuple[str, ...]
    rows: tuple[Difference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.a} and {self.b}", *self.inputs]
        for row in self.rows[:_PRINTED]:
            pull = "" if row.pull is None else f", {row.pull:+.1f} σ"
            lines.append(f"{row.name}: {row.a:.5g}, {row.b:.5g}{pull}")
        return "\n".join(lines)


def compare(a: str | Path, b: str | Path) -> Differences:
    """Compare two results, samples or geometries.

    Parameters
    ----------
    a, b : folders or JSON files of results; sample files; names or files of geometries

    Raises
    ------
    ValueError : they are of different kinds, or not what their names say
    OSError : one cannot be read
    """
    a, b = str(a), str(b)
    kinds = [_kind(name) for name in (a, b)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"{a} is a {kinds[0]} and {b} a {kinds[1]}: both must be of one kind")
    return {"result": _results, "sample": _samples, "geometry": _geometries}[kinds[0]](a, b)


def _kind(name: str) -> str:
    path = Path(name)
    if path.is_dir() or path.suffix == ".json":
        return "result"
    return "sample" if path.suffix in (".h5", ".hdf5") else "geometry"


def _ordered(rows: list[Difference]) -> tuple[Difference, ...]:
    """Largest difference first; exact ones that differ come before all, equal ones last."""

    def size(row: Difference) -> float:
        if row.pull is None:
            return math.inf if row.a != row.b else -1.0
        return abs(row.pull)

    return tuple(sorted(rows, key=size, reverse=True))


def _matched(a: Mapping[str, tuple[float, float]], b: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    rows = [Difference(name, a[name][0], b[name][0], a[name][1], b[name][1]) for name in a if name in b]
    return {
        "rows": _ordered(rows),
        "only_a": tuple(name for name in a if name not in b),
        "only_b": tuple(name for name in b if name not in a),
    }


# results


def _results(a: str, b: str) -> Differences:
    left, right = _load(a), _load(b)
    inputs = [
        f"{key}: {_short(left[key])} → {_short(right[key])}"
        for key in _INPUTS
        if key in left and key in right and left[key] != right[key]
    ]
    shas = [{name: found["sha256"] for name, found in data.get("geometries", {}).items()} for data in (left, right)]
    inputs += [
        f"geometry {name}: other numbers under the same name"
        for name in shas[0]
        if shas[1].get(name, shas[0][name]) != shas[0][name]
    ]
    scenarios = [data.get("scenario") for data in (left, right)]  # of a search the name alone
    inputs += _changed_lines(*(str(found.get("toml", "")) if isinstance(found, Mapping) else "" for found in scenarios))
    notes = []
    if left.get("seed") == right.get("seed"):
        notes.append(
            "Both have one seed: where they share events they differ by less than their statistical errors say."
        )
    if _has_weights(left) or _has_weights(right):
        notes.append("Cut-flows of weighted events are left out: their counts do not say how well they are known.")
    found = _matched(*({**dict(_quantities(data)), **dict(_points(data))} for data in (left, right)))
    return Differences("result", a, b, tuple(inputs), notes=tuple(notes), **found)


def _has_weights(data: Any) -> bool:
    """Whether a cut-flow of a result has rows of weighted events."""
    if isinstance(data, Mapping):
        rows = data.get("cutflow", [])
        return len(_known_rows(rows)) < sum(bool(row.get("n")) for row in rows) or any(map(_has_weights, data.values()))
    return isinstance(data, list) and any(map(_has_weights, data))


def _load(name: str) -> dict[str, Any]:
    path = Path(name) / "result.json" if Path(name).is_dir() else Path(name)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: is no JSON of a result") from None
    if isinstance(found, dict):
        return found
    raise ValueError(f"{path}: holds no result")


def _short(value: object) -> str:
    return str(value) if len(str(value)) < 60 else f"{str(value)[:57]}..."


def _changed_lines(a: str, b: str) -> list[str]:
    """Lines of the scenarios that differ."""
    changed = difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm="", n=0)
    return [line for line in changed if line[:1] in "+-" and line[1:].strip() and not line.startswith(("---", "+++"))]


def _quantities(data: Any, name: str = "") -> Iterator[tuple[str, tuple[float, float]]]:
    """Every number with an error in a result, and the efficiencies of its cut-flows; by their place."""
    if isinstance(data, Mapping):
        value = data.get("value")
        if _is_number(value):
            yield name or "value", (float(value), _sigma(data))  # type: ignore[arg-type]
        elif _is_number(data.get("efficiency")) and _is_number(data.get("n")):
            yield name, _binomial(data)
        for key, item in data.items():
            item = _known_rows(item) if key == "cutflow" else item
            if key not in _SKIPPED and key not in ("value", "published"):
                yield from _quantities(item, f"{name}.{key}" if name else str(key))
    elif isinstance(data, list):
        for k, item in enumerate(data):
            if isinstance(item, Mapping):
                label = next((str(item[key]) for key in _LABELS if isinstance(item.get(key), str)), str(k))
                inner = name.removeprefix("productions").removeprefix("data_sets").lstrip(".")
                yield from _quantities(item, f"{inner}.{label}" if inner else label)


def _points(data: Mapping[str, Any]) -> Iterator[tuple[str, tuple[float, float]]]:
    """What a search, an exclusion or a limit found: numbers, or a row per point; by their place and their point."""
    axes = [
        key
        for key in data
        if (key.startswith("m") and key.endswith(("_MeV", "_GeV"))) or key in ("lifetime_ns", "file")
    ]
    axes = [key for key in axes if isinstance(data[key], list)]
    points = zip(*(data[key] for key in axes), strict=False)
    labels = [", ".join(f"{key}={x}" for key, x in zip(axes, point, strict=True) if x is not None) for point in points]
    errors = data.get("mc_error")
    for name, item in (leaf for key in _FOUND for leaf in _leaves(data.get(key), key)):
        if _is_number(item) and not axes:
            yield name, (float(item), 0.0)
        elif isinstance(item, list) and len(item) == len(labels):
            relative = errors.get(name.rpartition(".")[2]) if isinstance(errors, Mapping) else errors
            if not isinstance(relative, list) or name == "acceptance":  # they are of limits and edges
                relative = [0.0] * len(item)
            for value, label, error in zip(item, labels, relative, strict=True):
                if _is_number(value):
                    yield f"{name} ({label})", (float(value), abs(float(value) * (error or 0.0)))


def _leaves(data: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What is in dictionaries inside each other, by its place."""
    if isinstance(data, Mapping):
        for key, item in data.items() if "value" not in data else ():  # that is a quantity with its error
            if key not in _BANDS:
                yield from _leaves(item, f"{name}.{key}")
    else:
        yield name, data


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sigma(data: Mapping[str, Any]) -> float:
    for key in _ERRORS:
        if _is_number(data.get(key)):
            return float(data[key])
    ends = [data.get("low"), data.get("high")]
    return 0.5 * (float(ends[1]) - float(ends[0])) if all(map(_is_number, ends)) else 0.0  # type: ignore[arg-type]


def _known_rows(cutflow: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows whose events have the weight that all generated ones have, but for flat factors of cuts.

    What else an event carries, a veto for one, makes some count far more than others: their number then says nothing of
    the error.
    """
    known = [row for row in cutflow if row.get("n") and _is_number(row.get("sumw"))]
    if not known:
        return []
    weight = known[0]["sumw"] / known[0]["n"]
    return [row for row in known if abs(row["sumw"] / row["n"] - weight) <= _FLAT * weight]


def _binomial(row: Mapping[str, Any]) -> tuple[float, float]:
    """Efficiency of a cut-flow's row with the error of its count."""
    efficiency, n = float(row["efficiency"]), float(row["n"])
    share = min(efficiency, 1.0)
    return efficiency, efficiency * math.sqrt(max(1.0 - share, 0.0) / n) if n > 0.0 else 0.0


# samples


def _samples(a: str, b: str) -> Differences:
    with Sample.open(Path(a)) as left, Sample.open(Path(b)) as right:
        first, second = left.provenance, right.provenance
        names = ("process", "geometry_name", "seed", "first_event", "n_events", "program_version", "decay_volume_m")
        inputs = [
            f"{name}: {getattr(first, name)} → {getattr(second, name)}"
            for name in names
            if getattr(first, name) != getattr(second, name)
        ]
        if first.skim != second.skim:
            inputs.append(f"skim: {setting_text(first.skim)} → {setting_text(second.skim)}")
        if first.geometry_sha256 != second.geometry_sha256:
            inputs += _changed_lines(first.geometry_text, second.geometry_text)
        notes = []
        if first.content_sha256 == second.content_sha256:
            notes.append("The events are the same, bit for bit.")
        elif first.seed == second.seed:
            notes.append(
                "Both have one seed: where they share events they differ by less than their statistical errors say."
            )
        if max(first.n_events, second.n_events) > _MOST:
            notes.append(f"Columns: of the first {_MOST} events.")
        found = _matched(_means(left), _means(right))
    return Differences("sample", a, b, tuple(inputs), notes=tuple(notes), **found)


def _means(sample: Sample) -> dict[str, tuple[float, float]]:
    """Mean of every column of numbers, and rows per event, with their statistical errors."""
    import numpy as np

    found = {}
    share = min(_MOST, len(sample))
    for group in sample.groups:
        whole = sample[group]
        table = whole if share == len(sample) else whole.slice_events(0, share)
        if len(table) != share:
            found[f"{group}, rows per event"] = (len(table) / share, math.sqrt(len(table)) / share)
        for name in table.names:
            values = np.asarray(table[name])
            if values.ndim != 1 or values.dtype.kind not in "fiub":
                continue
            finite = values[np.isfinite(values)].astype(float)
            if len(finite):
                found[f"{group}/{name}"] = (float(finite.mean()), float(finite.std() / math.sqrt(len(finite))))
    return found


# geometries


def _geometries(a: str, b: str) -> Differences:
    left, right = load_detector(a), load_detector(b)
    mine, other = _numbers(left), _numbers(right)
    entries = {entry.path: entry for entry in right.entries()}
    inputs = []
    for first in left.entries():
        second = entries.get(first.path, first)
        if first.value != second.value:
            sources = [f"{_TAGS.get(entry.tag, entry.tag)}: {entry.source}" for entry in (first, second)]
            where = sources[0] if sources[0] == sources[1] else " → ".join(sources)
            inputs.append(f"{first.path}: {_short(first.value)} → {_short(second.value)} ({where})")
    notes = ["Of numbers that are equal nothing is shown. Errors are those of the geometry, where it has them."]
    found = _matched(mine, other)
    found["rows"] = tuple(row for row in found["rows"] if row.a != row.b)
    return Differences("geometry", left.name, right.name, tuple(inputs), notes=tuple(notes), **found)


def _numbers(d: Detector) -> dict[str, tuple[float, float]]:
    """Every number of a geometry by its dotted name, those of arrays with their place."""
    found = {}
    for quantity in d.quantities():
        several = len(quantity.numbers) > 1
        for k, number in enumerate(quantity.numbers):
            found[f"{quantity.path}[{k}]" if several else quantity.path] = (float(number), 0.0)
    return found
