"""Scenarios: what to simulate, as TOML. The shipped ones are in shipped/, a user's own is a file.

A scenario is a list of ``[[sample]]`` blocks: a process in a geometry, seen through a selection. Its ``role``
says what the numbers are for: ``signal`` and ``normalisation`` make the single event sensitivity of their
geometry, ``figure`` is drawn, ``count`` is only counted. A ``[[scan]]`` makes a sample per point of a grid of
parameters, and with ``[limits]`` a limit at each; ``[normalisation]`` is the counted channel that limits and expected events
are normalised to. ``[backgrounds]`` asks for the
expected background of data sets, a block ``[exclusion]`` asks for the region of mass and coupling that a beam dump excludes,
``[measurement]`` for the branching ratio that counted events of K+ -> pi+ nu nubar give.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from na62sim.core.checks import one_line
from na62sim.core.suggest import did_you_mean
from na62sim.core.units import UnitError, parse_parameters
from na62sim.geometry.quantity import short
from na62sim.sample.formats.read import is_event_file
from na62sim.study.scenario.blocks import (
    LABEL,
    Axis,
    BackgroundBlock,
    Block,
    ExclusionBlock,
    Limits,
    MeasurementBlock,
    NormalisationBlock,
    ProcessBlock,
    RunBlock,
    SampleBlock,
    ScanBlock,
    geometries_of,
)
from na62sim.study.scenario.toml import BLOCKS, to_toml

__all__ = [
    "ExclusionBlock",
    "SampleBlock",
    "Scenario",
    "ScenarioError",
    "available_scenarios",
    "load_scenario",
]


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message is one line naming the file and the key."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Scenario(Block):
    """What to simulate; never changes. Load one with `load_scenario`."""

    name: str = Field(pattern=LABEL, max_length=60)
    title: str = ""
    seed: int = Field(1, ge=0, lt=2**64)
    run: RunBlock = Field(default_factory=RunBlock)
    limits: Limits | None = None
    normalisation: NormalisationBlock | None = None
    sample: Annotated[tuple[SampleBlock, ...], Field(strict=False)] = ()
    scan: Annotated[tuple[ScanBlock, ...], Field(strict=False)] = ()
    backgrounds: BackgroundBlock | None = None
    exclusion: ExclusionBlock | None = None
    measurement: MeasurementBlock | None = None

    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.chains and self.exclusion is None:
            raise ValueError("a scenario needs a [[sample]], a [[scan]] or an [exclusion]")
        if self.limits is None and any(
            (block.branching_ratio and block.kaons is None) or block.role == "search" for block in self.sample
        ):
            raise ValueError(
                "a sample with a branching_ratio needs the kaons of [limits], or kaons of its own; one to search in the former"
            )
        if self.limits and (self.limits.kaons is None) == (self.normalisation is None):
            raise ValueError("limits need kaons or a [normalisation], and not both")
        self._check_normalisation()
        labels = [block.label for block in self.chains]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two samples have the label {label!r}")
        for role in ("signal", "normalisation"):
            used = [block.geometry for block in self.sample if block.role == role]
            for geometry in used:
                if used.count(geometry) > 1:
                    raise ValueError(f"geometry {geometry!r} has two samples of role {role!r}")
        return self

    def _check_normalisation(self) -> None:
        """What is normalised is made in the same data sets and decay volume as the normalisation."""
        if (own := self.normalisation) is None:
            return
        samples = [block for block in self.sample if block.branching_ratio or block.role == "search"]
        for block in (*samples, *self.scan):
            if (block.geometry, block.decay_volume_m) != (own.geometry, own.decay_volume_m):
                raise ValueError(f"{block.label} needs the geometry and decay_volume_m of [normalisation]")

    @property
    def chains(self) -> list[ProcessBlock]:
        """Samples and scans."""
        return [*self.sample, *self.scan]

    @property
    def text(self) -> str:
        """The scenario as TOML; loading it gives this scenario again."""
        return to_toml(self)

    @property
    def sha256(self) -> str:
        """Digest of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def __str__(self) -> str:
        return self.text

    def with_seed(self, seed: int) -> Scenario:
        """The same scenario with another seed.

        Raises
        ------
        ScenarioError : outside 0 to 2**64 - 1
        """
        if not 0 <= seed < 2**64:
            raise ScenarioError(f"seed = {seed}: it must lie in 0 to 2**64 - 1")
        return self.changed({"seed": seed})

    def with_importance(self) -> Scenario:
        """The same scenario, K+ -> pi+ nu nubar drawn in the signal regions more often, with efficiencies as weights.

        Raises
        ------
        ScenarioError : no sample is kpinunu with the selection pinunu
        """
        update = {"importance": True, "as_weights": "efficiencies"}
        drawn = [(b.process, b.selection, b.role) == ("kpinunu", "pinunu", "signal") for b in self.sample]
        if not any(drawn):
            raise ScenarioError(
                f"importance: scenario {self.name} has no signal sample of kpinunu with the selection pinunu"
            )
        pairs = zip(self.sample, drawn, strict=True)
        return self.changed({"sample": tuple(b.model_copy(update=update) if yes else b for b, yes in pairs)})

    def scaled_to(self, events: int) -> Scenario:
        """The same scenario with ``events`` in its largest sample, the others and the normalisation in proportion."""
        region, normalisation = self.exclusion, self.normalisation
        wanted = [block.events for block in (*self.chains, *([region] if region else ()))]
        scale = events / max(wanted)

        def scaled(block: ProcessBlock | ExclusionBlock | NormalisationBlock) -> int:
            return max(round(block.events * scale), 1)

        samples = [
            b.model_copy(update={"events": scaled(b), "stored_events": min(b.stored_events, scaled(b))})
            for b in self.sample
        ]
        scans = [b.model_copy(update={"events": scaled(b)}) for b in self.scan]
        if region is not None:
            region = region.model_copy(update={"events": scaled(region)})
        if normalisation is not None:
            normalisation = normalisation.model_copy(update={"events": scaled(normalisation)})
        rows = self.backgrounds
        if rows is not None:
            rows = rows.model_copy(update={"share": min(rows.share * scale, 10.0)})
        changed = {
            "sample": tuple(samples),
            "scan": tuple(scans),
            "exclusion": region,
            "normalisation": normalisation,
            "backgrounds": rows,
        }
        return self.changed(changed)

    def changed(self, update: Mapping[str, Any]) -> Scenario:
        """The same scenario with other blocks; they are not checked again."""
        copy = self.model_copy(update=update)
        copy._folder = self._folder
        return copy

    def geometries_of(self, block: ProcessBlock | ExclusionBlock | NormalisationBlock) -> tuple[str, ...]:
        """The geometries to load: shipped names, or a path (relative to the scenario's file)."""
        if block.geometry.endswith(".toml") or "/" in block.geometry:
            return (str(self._folder / os.path.expanduser(block.geometry)),)
        return geometries_of(block.geometry)

    def counts_of(self, block: MeasurementBlock) -> str:
        """The data to fit: names, or a path (relative to the scenario's file)."""
        if block.data.endswith(".toml") or "/" in block.data:
            return str(self._folder / os.path.expanduser(block.data))
        return block.data

    def process_of(self, block: ProcessBlock) -> str:
        """The process to look up; a file of events is a path relative to the scenario's file, too."""
        if is_event_file(block.process):
            return str(self._folder / os.path.expanduser(block.process))
        return block.process

    def geometry_named(self, name: str) -> str:
        """A geometry to load: a shipped name, or a path (relative to the scenario's file)."""
        if name.endswith(".toml") or "/" in name:
            return str(self._folder / os.path.expanduser(name))
        return name


def scenario_folder() -> Path:
    """Folder of the shipped scenarios."""
    return Path(__file__).resolve().parent / "shipped"


def available_scenarios() -> list[str]:
    """Names of the shipped scenarios.

    Examples
    --------
    >>> [name for name in available_scenarios() if name.startswith("pinunu")]
    ['pinunu-2016-2022', 'pinunu-2017', 'pinunu-2018', 'pinunu-2022', 'pinunu-run1']
    """
    return sorted(path.stem for path in scenario_folder().glob("*.toml"))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Load a shipped scenario by name, or a scenario file of one's own by path.

    Raises
    ------
    ScenarioError : for anything wrong with it, in one line
    OSError : a file that cannot be read

    Examples
    --------
    >>> load_scenario("pinunu-2018").sample[0].process
    'kpinunu'
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        path = Path(os.path.expanduser(name_or_path))
    elif text in available_scenarios():
        path = scenario_folder() / f"{text}.toml"
    else:
        shipped = available_scenarios()
        raise ScenarioError(f"unknown scenario {text!r}{did_you_mean(text, shipped)}")
    return read_scenario(path.read_bytes(), path)


def read_scenario(content: bytes, path: Path) -> Scenario:
    """A scenario from the bytes of a file.

    Raises
    ------
    ScenarioError : in one line that names the file and the key
    """
    try:
        data = tomllib.loads(content.decode("utf-8"))
        scenario = Scenario.model_validate(data)
        for block in scenario.chains:
            parse_parameters(block.parameters)
    except ValidationError as error:
        raise ScenarioError(f"{path.name}: {_explain(error)}") from None
    except (UnitError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path.name}: {_line(error)}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path.name}: is not a text file in UTF-8") from None
    except RecursionError:
        raise ScenarioError(f"{path.name}: is nested too deeply") from None
    except ValueError as error:  # an integer of more than 4300 digits
        raise ScenarioError(f"{path.name}: {_line(error)}") from None
    scenario._folder = path.parent
    return scenario


def _explain(error: ValidationError) -> str:
    """One line for the first thing the schema objects to."""
    problems = error.errors(include_url=False)
    problem = min(problems, key=lambda item: item["type"] != "extra_forbidden")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    place, keys = "", problem["loc"]
    for key in keys:
        place += f"[{key + 1}]" if isinstance(key, int) else f"{'.' if place else ''}{_printable(key)}"
    if problem["type"] == "extra_forbidden":
        return f"unknown key {place}{did_you_mean(str(keys[-1]), _keys_at(keys), listed=True)}{more}"
    if problem["type"] == "missing":
        return f"{place} is missing{more}"
    message = (
        problem["msg"].removeprefix("Value error, ").replace("valid tuple", "list").replace("valid dictionary", "table")
    )
    value = "" if isinstance(problem["input"], dict) else f" = {short(problem['input'])}"
    return f"{place or 'scenario'}{value}: {_line(message[:1].lower() + message[1:])}{more}"


def _keys_at(location: tuple[int | str, ...]) -> Iterable[str]:
    """The keys that are known where an unknown one was found."""
    known = BLOCKS.get(str(location[0]), Scenario) if len(location) > 1 else Scenario
    return (Axis if "axes" in location[:-1] else known).model_fields


def _printable(key: str) -> str:
    return key if key.isidentifier() else short(key)


def _line(error: object) -> str:
    return " ".join(str(error).split())
