"""The `Detector`: a geometry that has been read and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import get_args, get_origin

from pydantic import PrivateAttr, ValidationError

from na62sim.core.checks import mapping
from na62sim.core.suggest import did_you_mean
from na62sim.geometry.blocks import Block, is_context
from na62sim.geometry.files import Files, available_detectors, read_files, read_text, shipped_folder, shipped_names
from na62sim.geometry.layout import Layout
from na62sim.geometry.planes import check_planes
from na62sim.geometry.quantity import TAGS, GeometryError, Quantity, Value, plain_value, short
from na62sim.geometry.retired import retired_message, retired_name

__all__ = ["Detector", "load_detector"]


class Detector(Layout):
    """Geometry and response of the detector, with the windows of one data set; never changes.

    Blocks are attributes and hold plain numbers in the unit that their name ends in.

    Examples
    --------
    >>> detector = load_detector("run1-2018-s2")
    >>> detector.straw.chamber_resolution_um
    73.0
    >>> detector.quantity("ktag.efficiency").tag
    'known'
    """

    _files: Files = PrivateAttr()

    @property
    def name(self) -> str:
        """Name of the geometry."""
        return self._files.name

    @property
    def description(self) -> str:
        """One line about the geometry."""
        return self._files.description

    @cached_property
    def text(self) -> str:
        """The merged geometry as one TOML text; loading it gives this detector again."""
        return self._files.to_toml()

    @cached_property
    def sha256(self) -> str:
        """Digest of `text`: it depends on values, tags and sources, not on comments or files."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Detector) and self.sha256 == other.sha256

    def __repr__(self) -> str:
        changed = f", changed without effect: {', '.join(self.context_changed)}" if self.context_changed else ""
        return f"<Detector {self.name}, {sum(self.counts().values())} numbers, sha256 {self.sha256[:12]}{changed}>"

    def __hash__(self) -> int:
        return hash(self.sha256)

    def quantity(self, path: str) -> Quantity:
        """One entry with its tag, source and uncertainty, by dotted name."""
        try:
            return self._files.entries[path]
        except KeyError:
            raise GeometryError(_unknown(path, self._files.entries)) from None

    def entries(self) -> Iterator[Quantity]:
        """All entries, numbers and words, in the order of the files."""
        return iter(self._files.entries.values())

    def quantities(self) -> Iterator[Quantity]:
        """All entries that are numbers, in the order of the files."""
        return (entry for entry in self.entries() if entry.numbers)

    def counts(self) -> dict[str, int]:
        """How many numbers carry each tag; the numbers of an array count one by one."""
        tags = [tag for entry in self.quantities() for tag in entry.each_tag]
        return {tag: tags.count(tag) for tag in TAGS}

    @property
    def context(self) -> tuple[str, ...]:
        """Dotted names of the entries that describe the experiment without any result depending on them."""
        return tuple(entry.path for entry in self._files.entries.values() if entry.context)

    @property
    def context_changed(self) -> tuple[str, ...]:
        """Those of `context` that a user's file or `with_values` changed, which has no effect.

        What counts is the value of the shipped geometry that the file extends; without one, of the first file.
        """
        start = self._files.start
        return tuple(path for path in self.context if self.quantity(path).value != start.get(path))

    def with_values(self, values: Mapping[str, object]) -> Detector:
        """A copy with some values replaced, checked like a file.

        Parameters
        ----------
        values
            Dotted names and their new values, in the unit of the name. `context_changed` of the copy
            names those on which no result depends.

        Raises
        ------
        GeometryError
            For an unknown name, or a value that the geometry may not have.
        """
        entries = dict(self._files.entries)
        for path, value in mapping("values", values, '{"ktag.efficiency": 0.97}').items():
            if path not in entries:
                raise GeometryError(_unknown(path, self._files.entries))
            source = f"assumed: set by hand in place of the value of {self.quantity(path).file or self.name}"
            plain = plain_value(value, path, "override")
            entries[path] = replace(entries[path], value=plain, tag="assumed", tags=(), source=source)
        return _build(replace(self._files, entries=entries), by_hand=frozenset(values))


def load_detector(name_or_path: str | os.PathLike[str], *, override: Mapping[str, object] | None = None) -> Detector:
    """Load a shipped geometry by name, or a geometry file of one's own by path.

    Parameters
    ----------
    name_or_path
        A name of `available_detectors`, or the path of a .toml file. What such a file
        `extends` is a shipped name, or a path relative to the file.
    override
        Values to replace after reading, for example ``{"ktag.efficiency": 0.97}``, see `Detector.with_values`.

    Returns
    -------
    Detector
        The checked geometry.

    Raises
    ------
    GeometryError
        For anything wrong with the files, in one line.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise GeometryError(
            f"geometry = {short(name_or_path)}: it must be the path of a file or one of {', '.join(available_detectors())}"
        )
    if override is not None:
        mapping("override", override, '{"ktag.efficiency": 0.97}')
    if not isinstance(name_or_path, str):
        name_or_path = Path(name_or_path)
    if name_or_path in shipped_names():
        stamps = tuple((path, path.stat().st_mtime_ns) for path in sorted(shipped_folder().glob("*.toml")))
        detector = _shipped(str(name_or_path), stamps)
    else:  # a file of one's own may extend any other: read each time
        detector = _build(read_files(name_or_path))
    return detector.with_values(override) if override else detector


@lru_cache(maxsize=16)
def _shipped(name: str, stamps: tuple[tuple[Path, int], ...]) -> Detector:
    """A shipped geometry, read once as long as no shipped file changes; all callers share it, as it never changes."""
    return _build(read_files(name))


@lru_cache(maxsize=16)
def detector_from_text(text: str, name: str) -> Detector:
    """Load a geometry from the text that `Detector.text` gave, as samples carry it; all callers share it.

    Keys that a later version has retired stay in the text, and so in its digest, but are not read.

    Raises
    ------
    GeometryError
        For anything wrong with the text.
    """
    return _build(read_text(text, name))


def _build(files: Files, by_hand: frozenset[str] = frozenset()) -> Detector:
    """Check the blocks and make the detector."""
    files.refuse_retired()
    try:
        detector = Detector.model_validate(files.nested())
    except ValidationError as error:
        raise GeometryError(_explain(error, files, by_hand)) from None
    entries = dict(files.entries)
    for path, value, context in _values(detector):
        if path in entries:  # not so an optional key that was not given
            entries[path] = replace(entries[path], value=value, context=context)
    detector._files = replace(files, entries=entries)
    for path, problem in check_planes(detector):
        raise GeometryError(f"{_file_of(path, files, by_hand)}: {path}: {problem}")
    return detector


def _values(block: Block, above: str = "", context: bool = False) -> Iterator[tuple[str, Value, bool]]:
    """Dotted name, checked value (a whole number may have become a float) and whether no result depends on it."""
    for key, item in type(block).model_fields.items():
        value, path = getattr(block, key), f"{above}{key}"
        marked = context or is_context(item)
        named = value.items() if isinstance(value, dict) else [("", value)]
        for name, inner in named:
            place = f"{path}.{name}" if name else path
            if isinstance(inner, Block):
                yield from _values(inner, f"{place}.", marked)
            elif inner is not None:
                yield place, inner, marked


def _explain(error: ValidationError, files: Files, by_hand: frozenset[str]) -> str:
    """One line for the first thing the schema objects to."""
    problems = error.errors(include_url=False)
    # An unknown key first: it usually is why another one is missing.
    problem = min(problems, key=lambda item: item["type"] != "extra_forbidden")
    keys = [str(key) for key in problem["loc"] if isinstance(key, str)]
    path = ".".join(keys)
    place = path + "".join(f"[{key}]" for key in problem["loc"] if isinstance(key, int))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    file = _file_of(path, files, by_hand)
    if problem["type"] == "extra_forbidden":
        return f"{file}: {_unknown(path, _schema_paths(Detector))}{more}"
    if problem["type"] == "missing":
        return f"{file}: {path} is missing{more}"
    message = problem["msg"].removeprefix("Value error, ").replace("valid tuple", "list")
    message = message[:1].lower() + message[1:]
    if isinstance(problem["input"], dict | Block):
        return f"{file}: {place}: {message}{more}"
    return f"{file}: {place} = {short(problem['input'])}: {message}{more}"


def _file_of(path: str, files: Files, by_hand: frozenset[str]) -> str:
    """The file to name for a path: the one that set it, or that opened the block it is in."""
    if path in by_hand or any(name.startswith(f"{path}.") for name in by_hand):
        return "override"
    if path in files.entries:
        return files.entries[path].file
    while path and path not in files.blocks:
        path = path.rpartition(".")[0]
    return files.blocks.get(path, files.file)


def _schema_paths(block: type[Block], above: str = "") -> Iterator[str]:
    """Dotted names of all blocks and keys the schema has; * stands for a name the user chooses."""
    for key, item in block.model_fields.items():
        path = f"{above}{key}"
        yield path
        for kind in (item.annotation, *get_args(item.annotation)):
            if isinstance(kind, type) and issubclass(kind, Block):
                named = get_origin(item.annotation) is dict
                yield from _schema_paths(kind, f"{path}.*." if named else f"{path}.")


def _unknown(path: str, known: Iterable[str]) -> str:
    """Message for a name that is not known: that it is retired, or the nearest one that is known."""
    name = retired_name(path)
    if name is not None:
        return retired_message(name)
    return f"unknown key {short(path)}{did_you_mean(path, known, listed=True)}"


DEFAULT_DETECTOR = "run1-2018-s2"


def as_detector(detector: str | os.PathLike[str] | Detector | None) -> Detector:
    """A detector by name, path or object; the default data set for None."""
    if isinstance(detector, Detector):
        return detector
    return load_detector(DEFAULT_DETECTOR if detector is None else detector)
