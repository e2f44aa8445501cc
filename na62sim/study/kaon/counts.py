"""Counted events of K+ -> pi+ nu nubar: the published ones, or those of a file of one's own.

A file of one's own has ``[[category]]`` blocks::

    [[category]]
    name = "15-20 GeV/c"
    observed = 3
    signal = 1.2               # expected events at the branching ratio 8.4e-11
    signal_error = 0.06        # relative; shared by categories of the same signal_source
    [[category.background]]
    events = 0.8
    up = 0.3
    down = 0.2
    source = "upstream"        # backgrounds of the same source rise and fall together
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from na62sim.core.suggest import did_you_mean
from na62sim.geometry.quantity import short
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.likelihood import Background, Category, Scale

__all__ = [
    "GEOMETRIES", "PERIODS", "REFERENCE", "is_file", "one_category", "published_background", "published_counts",
    "published_signal", "published_upstream", "read_counts", "wanted_counts",
]  # fmt: skip

REFERENCE = 8.4e-11
"""Branching ratio of the expected signal, as the papers give it (see `core.branching_ratios`)."""

PERIODS = {
    "run1": ("2016", "run1-2017", "run1-2018"),
    "2016-2022": ("2016", "run1-2017", "run1-2018", "run2-2022"),
}
"""Names that stand for several data sets."""

GEOMETRIES = {
    "run1-2017": ("run1-2017",),
    "run1-2018": ("run1-2018-s1", "run1-2018-s2"),
    "run2-2022": ("run2-2022",),
}
"""Geometries of the data sets that were counted; there is none of 2016."""

_HALVES = GEOMETRIES["run1-2018"]
_MOST = 1e5


@cache
def _table() -> dict[str, Any]:
    path = Path(__file__).resolve().with_name("counts.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def published_counts(name: str) -> Category:
    """What was counted and expected in a data set.

    Raises
    ------
    ValueError : no such data set, or one without a number of its own

    Examples
    --------
    >>> published_counts("run1-2018").observed
    17
    """
    table = _table()
    known = [key for key in table if key != "scales"]
    if name in _HALVES:
        raise ValueError(
            f"data '{name}': 2018 was counted as a whole, S1 and S2 have no observed number each; take run1-2018"
        )
    if name not in known:
        names = [*known, *PERIODS]
        raise ValueError(f"data '{name}' is unknown{did_you_mean(name, names)}")
    entry = table[name]
    scale = Scale(table["scales"][entry["scale"]]["error"], f"signal of {entry['scale']}")
    backgrounds = [
        Background(b["events"], b["up"], b["down"], " ".join(("background", name, *([b["of"]] if "of" in b else []))))
        for b in entry["background"]
    ]
    return Category(name, entry["observed"], entry["signal"], tuple(backgrounds), scale)


def published_background(geometry: str) -> Background:
    """Published background of the data set of a geometry; S1 and S2 of 2018 have theirs.

    Raises
    ------
    ValueError : none was published for it

    Examples
    --------
    >>> published_background("run1-2018-s2").events
    4.31
    """
    found = _of_geometry(geometry)
    if found is None:
        raise ValueError(f"data set {geometry}: no background of K+ -> pi+ nu nubar was published for it")
    _, entry = found
    return Background(entry["events"], entry["up"], entry["down"], f"background {geometry}")


def published_signal(geometry: str) -> Estimate:
    """Expected signal events, at the branching ratio `REFERENCE`, of the data set of a geometry; errors by period.

    Raises
    ------
    ValueError : none were published for it

    Examples
    --------
    >>> signal = published_signal("run1-2018-s2")
    >>> print(f"{signal.value:.2f} ± {signal.parts['signal of run1']:.3f}")
    6.02 ± 0.385
    """
    found = _of_geometry(geometry)
    if found is None:
        raise ValueError(f"data set {geometry}: no signal of K+ -> pi+ nu nubar was published for it")
    data, entry = found
    events = float(entry.get("signal", data["signal"]))
    error = _table()["scales"][data["scale"]]["error"]
    return Estimate(events, {f"signal of {data['scale']}": events * error})


def published_upstream(geometry: str) -> Background | None:
    """Published upstream background of the data set of a geometry, None where it is not known by itself.

    Examples
    --------
    >>> published_upstream("run1-2018-s2").events, published_upstream("run1-2017")
    (2.76, None)
    """
    found = _of_geometry(geometry)
    if found is None or "upstream" not in found[1]:
        return None
    events, up, down = found[1]["upstream"]
    return Background(events, up, down, f"upstream {geometry}")


def _of_geometry(geometry: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What is published of the data set of a geometry, and of its own background."""
    for name, geometries in GEOMETRIES.items():
        if geometry in geometries:
            data = _table()[name]
            return data, data["background"][geometries.index(geometry)]
    return None


def is_file(data: str) -> bool:
    """Whether a name of data is the path of a file."""
    return data.endswith(".toml") or "/" in data


def wanted_counts(data: str) -> list[Category]:
    """Categories of data sets joined by commas, of a period, or of a FILE.toml.

    Raises
    ------
    ValueError : an unknown data set, one that is named twice, or anything wrong in the file
    OSError : the file cannot be read
    """
    if is_file(data):
        return read_counts(Path(os.path.expanduser(data)))
    words = [word.strip() for word in data.split(",")]
    names = [name for word in words for name in PERIODS.get(word, (word,))]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"data '{data}': {name} is there twice")
    return [published_counts(name) for name in names]


def one_category(categories: list[Category]) -> list[Category]:
    """The categories as a single one: sums, the errors of what is shared added linearly, all others in quadrature."""
    sums: dict[str, list[float]] = {}
    for category in categories:
        for b in category.backgrounds:
            found = sums.setdefault(b.source, [0.0, 0.0, 0.0])
            for k, number in enumerate((b.events, b.up, b.down)):
                found[k] += number
    events, up, down = (
        sum(found[0] for found in sums.values()),
        sum(found[1] ** 2 for found in sums.values()) ** 0.5,
        sum(found[2] ** 2 for found in sums.values()) ** 0.5,
    )
    signal = sum(category.signal for category in categories)
    shares: dict[str, float] = {}
    for category in categories:
        if category.scale is not None:
            share = category.scale.error * category.signal / signal
            shares[category.scale.source] = shares.get(category.scale.source, 0.0) + share
    scale = Scale(sum(share**2 for share in shares.values()) ** 0.5, "signal") if shares else None
    observed = sum(category.observed for category in categories)
    return [Category("all", observed, signal, (Background(events, up, down, "background"),), scale)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _BackgroundBlock(_Block):
    events: float = Field(ge=0.0, le=_MOST)
    up: float = Field(ge=0.0, le=_MOST)
    down: float = Field(ge=0.0, le=_MOST)
    source: str = Field("", max_length=60)


class _CategoryBlock(_Block):
    name: str = Field(min_length=1, max_length=60)
    observed: int = Field(ge=0, le=_MOST)
    signal: float = Field(gt=0.0, le=_MOST)
    signal_error: float = Field(0.0, ge=0.0, lt=1.0)
    signal_source: str = Field("signal", min_length=1, max_length=60)
    background: Annotated[tuple[_BackgroundBlock, ...], Field(strict=False, min_length=1)]


class _CountsFile(_Block):
    category: Annotated[tuple[_CategoryBlock, ...], Field(strict=False, min_length=1, max_length=200)]


def read_counts(path: Path) -> list[Category]:
    """Categories of a file of one's own.

    Raises
    ------
    ValueError : in one line that names the file and the key
    OSError : it cannot be read
    """
    try:
        found = _CountsFile.model_validate(tomllib.loads(path.read_bytes().decode("utf-8")))
        categories = [_category(block) for block in found.category]
    except ValidationError as error:
        raise ValueError(f"{path.name}: {_explain(error)}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: is not a text file in UTF-8") from None
    except RecursionError:
        raise ValueError(f"{path.name}: is nested too deeply") from None
    except ValueError as error:  # also of tomllib
        raise ValueError(f"{path.name}: {' '.join(str(error).split())}") from None
    names = [category.name for category in categories]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path.name}: two categories have the name {name!r}")
    return categories


def _category(block: _CategoryBlock) -> Category:
    backgrounds = tuple(
        Background(b.events, b.up, b.down, b.source or f"background {k + 1} of {block.name}")
        for k, b in enumerate(block.background)
    )
    scale = Scale(block.signal_error, block.signal_source) if block.signal_error else None
    return Category(block.name, block.observed, block.signal, backgrounds, scale)


def _explain(error: ValidationError) -> str:
    """One line for the first thing the schema objects to."""
    problem = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    place = "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in problem["loc"]).lstrip(".")
    if problem["type"] == "extra_forbidden":
        return f"unknown key {place}{did_you_mean(str(problem['loc'][-1]), _keys_at(problem['loc']), listed=True)}"
    if problem["type"] == "missing":
        return f"{place} is missing"
    message = problem["msg"].replace("valid tuple", "list").replace("valid dictionary", "table")
    value = "" if isinstance(problem["input"], dict) else f" = {short(problem['input'])}"
    return f"{place or 'the file'}{value}: {message[:1].lower()}{message[1:]}"


def _keys_at(location: tuple[int | str, ...]) -> Iterable[str]:
    """The keys that are known where an unknown one was found."""
    words = [key for key in location[:-1] if isinstance(key, str)]
    blocks: tuple[type[_Block], ...] = (_CountsFile, _CategoryBlock, _BackgroundBlock)
    return blocks[len(words)].model_fields
