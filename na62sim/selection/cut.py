"""Named cuts, and the selection that they make."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from na62sim.core.checks import in_range, mapping, number, whole_number
from na62sim.core.suggest import did_you_mean
from na62sim.sample.table import Table

Mask = npt.NDArray[np.bool_]


CutFunction = Callable[[Table], Mask]


TABLES = ("reco/events", "reco/vertices")


THROWN = {
    "ktag": "the kaon is seen by ktag.min_sectors sectors",
    "gtk": "a beam track, and its quality",
    "chanti": "no activity in CHANTI",
    "newchod": "a hit of the NewCHOD",
    "chod": "a hit of the CHOD",
    "rich": "the ring of a pion passes the likelihood",
    "ring": "rich.min_hits hits in the ring, and its mass in pinunu.rich_mass_MeV",
    "lkr": "the cluster of a pion is there and identified",
    "quiet": "no second cluster of a pion's shower, where lkr is asked for too",
}
"""What the response throws flat, by name: a cut may ask for it in ``Cut(..., thrown=)``."""


ANY = 1 << 30  # number of tracks: no upper end


@dataclass(frozen=True)
class Cut:
    """A named cut. ``factor`` (0 to 1) multiplies the weight of what passes: a loss carried as a weight.

    ``momentum`` (MeV/c) is the range outside which no track passes, of a cut that asks for one: where it is the first cut of
    a selection of one track, particles far outside are not carried through the spectrometer.

    ``thrown`` names what the response throws flat (`THROWN`), if nothing passes the cut without it: a selection of one track
    may then drop an event before it is carried through the spectrometer, see `Selection.complete_from`.

    Raises
    ------
    TypeError : a name that is no text, a function that cannot be called
    ValueError : a factor outside 0 to 1, an unknown name in ``thrown``
    """

    name: str
    function: CutFunction
    factor: float = 1.0
    momentum: tuple[float, float] | None = None
    thrown: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name of a cut = {self.name!r}: it must be text")
        if not callable(self.function):
            raise TypeError(f"function of cut '{self.name}' = {self.function!r}: it must be a function of a table")
        in_range(f"factor of cut '{self.name}'", self.factor, "[0, 1]")
        for name in self.thrown:
            if name not in THROWN:
                raise ValueError(f"thrown of cut '{self.name}' = '{name}': it must be one of {', '.join(THROWN)}")


@dataclass(frozen=True)
class Loss:
    """One line of the ledger: where signal is lost, how it enters, with value, uncertainty and source.

    ``how`` is ``simulated``, ``dice``, ``weight`` or ``factor`` (outside the acceptance). ``tracks`` says how many times
    the efficiency enters: the same number of a detector for every track, so that its error adds linearly.
    """

    name: str
    how: str
    value: float | None
    sigma: float
    tag: str
    source: str
    tracks: float = 1.0

    @property
    def relative(self) -> float:
        """Relative standard deviation of an acceptance from this loss; 0 for a factor outside and without a number."""
        return self.tracks * self.sigma / self.value if self.value and self.how != "factor" else 0.0


@dataclass(frozen=True)
class Selection:
    """Cuts in order, then regions that count separately, then bins of one column per region.

    Parameters
    ----------
    name : of the selection
    cuts : applied in order
    regions : name to function of the surviving candidates; the acceptance is the sum of ``signal``
    signal : names of the signal regions; all survivors when there are none
    control : names of regions reported beside them, not part of the acceptance
    bin_column, bin_edges : what to bin the signal regions in (in the column's unit)
    ledger : where the losses come from
    candidates : the table whose rows the cuts see, ``reco/events`` or ``reco/vertices``
    tracks : least and largest number of STRAW tracks of an event that the first cut can pass; events with others
        need no candidate. By default whatever makes a row of the table.
    observables : name to function of the candidates, what the selection measures beside the columns of the table:
        masses (MeV) with its own identification, for tables and figures
    """

    name: str
    cuts: Sequence[Cut]
    regions: Mapping[str, CutFunction] = field(default_factory=dict)
    signal: Sequence[str] = ()
    bin_column: str = ""
    bin_edges: Sequence[float] = ()
    ledger: Sequence[Loss] = ()
    candidates: str = "reco/events"
    tracks: tuple[int, int] = (0, ANY)
    observables: Mapping[str, Callable[[Table], npt.NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def single(self) -> bool:
        """Whether it is a selection of one track."""
        return self.candidates == "reco/events" and self.tracks == (1, 1)

    @property
    def momentum(self) -> tuple[float, float] | None:
        """Range (MeV/c) outside which the only track of an event does not pass the first cut; None where there is none."""
        return self.cuts[0].momentum if self.single and len(self.cuts) else None

    @property
    def thrown(self) -> tuple[str, ...]:
        """What the response throws flat and the cuts ask for, of a selection of one track."""
        return tuple(dict.fromkeys(name for cut in self.cuts for name in cut.thrown)) if self.single else ()

    @property
    def complete_from(self) -> int:
        """The first cut whose count does not change when events are dropped for what is thrown: the last that asks for it."""
        return max((k for k, cut in enumerate(self.cuts) if cut.thrown), default=0) if self.single else 0

    def __post_init__(self) -> None:
        what = f"selection '{self.name}'"
        if not isinstance(self.candidates, str):
            raise TypeError(f"{what}: candidates = {self.candidates!r}: it must be one of {', '.join(TABLES)}")
        name = self.candidates if self.candidates.startswith("reco/") else f"reco/{self.candidates}"
        if name not in TABLES:
            raise ValueError(f"candidates = '{self.candidates}': it must be one of {', '.join(TABLES)}")
        object.__setattr__(self, "candidates", name)
        for word, value in (("cuts", self.cuts), ("signal", self.signal), ("bin_edges", self.bin_edges)):
            if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
                raise TypeError(f"{what}: {word} = {value!r}: it must be a list")
        for cut in self.cuts:
            if not isinstance(cut, Cut):
                raise TypeError(f"{what}: cuts has {cut!r}: each must be a Cut")
        for region, function in mapping(f"{what}: regions", self.regions, "{'R1': function}").items():
            if not callable(function):
                raise TypeError(f"{what}: region '{region}' = {function!r}: it must be a function of a table")
        for region in self.signal:
            if region not in self.regions:
                raise ValueError(
                    f"{what}: signal = '{region}' is none of its regions{did_you_mean(str(region), self.regions)}"
                )
        self._check_bins(what)
        try:
            least, most = (whole_number("tracks", x, 0, ANY) for x in self.tracks)
        except (TypeError, ValueError):
            raise ValueError(
                f"{what}: tracks = {self.tracks!r}: it must be the least and the largest number, as in (1, 1)"
            ) from None
        if least > most:
            raise ValueError(f"{what}: tracks = {self.tracks!r}: the least number is above the largest")
        object.__setattr__(self, "tracks", (max(least, 1 + TABLES.index(name)), most))  # a vertex has two

    def _check_bins(self, what: str) -> None:
        """Bins have a column, and edges that increase."""
        edges = [number(f"{what}: bin_edges", edge) for edge in self.bin_edges]
        if bool(self.bin_column) != bool(edges):
            raise ValueError(f"{what}: bin_column = '{self.bin_column}' and bin_edges = {edges}: give both or none")
        if len(edges) == 1 or not all(a < b for a, b in pairwise(edges)):
            raise ValueError(f"{what}: bin_edges = {edges}: it must be two or more increasing numbers")

    def with_cut(self, cut: Cut, behind: str | None = None) -> Selection:
        """The same with one more cut: at the end, or behind the cut of that name.

        Raises
        ------
        ValueError : no cut has the name ``behind``
        """
        place = len(self.cuts) if behind is None else self._place(behind) + 1
        return replace(self, cuts=(*self.cuts[:place], cut, *self.cuts[place:]))

    def without(self, name: str) -> Selection:
        """The same without one of its cuts. The ledger stays: take out of it what the cut alone was for.

        Raises
        ------
        ValueError : no cut has that name
        """
        place = self._place(name)
        return replace(self, cuts=(*self.cuts[:place], *self.cuts[place + 1 :]))

    def accepted(self, table: Table) -> Mask:
        """Which candidates of a table pass every cut, and lie in a signal region where there are some.

        Parameters
        ----------
        table : of a reconstructed sample, ``sample["reco/events"]``
        """
        seen: Any = Survivors(table, np.arange(len(table)))  # whose columns cannot be changed
        wanted = [cut.function(seen) for cut in self.cuts]
        if self.signal:
            wanted.append(np.logical_or.reduce([self.regions[name](seen) for name in self.signal]))
        return np.asarray(np.logical_and.reduce([np.ones(len(table), dtype=np.bool_), *wanted]))

    def _place(self, name: str) -> int:
        names = [cut.name for cut in self.cuts]
        if name not in names:
            raise ValueError(f"selection '{self.name}' has no cut '{name}'{did_you_mean(str(name), names)}")
        return names.index(name)

    @property
    def factor(self) -> float:
        """What the cuts multiply the weight of an accepted candidate by."""
        return math.prod(cut.factor for cut in self.cuts)

    @property
    def systematic(self) -> float:
        """Relative standard deviation of the acceptance from the component efficiencies, uncorrelated."""
        return math.sqrt(sum(x.relative**2 for x in self.ledger))


class NotMadeError(Exception):
    """A column is asked for that is not made yet."""


class Candidates(Protocol):
    """Rows whose columns are made when a cut asks for one of them, for the rows that are left then."""

    def __len__(self) -> int:
        """Number of rows."""

    def __contains__(self, name: object) -> bool:
        """Whether there is such a column."""

    def column(self, name: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """A column of some rows; `NotMadeError` unless `make` was called with these and perhaps more."""

    def make(self, rows: npt.NDArray[np.int64]) -> None:
        """Make all columns of some rows, unless they are there."""

    @property
    def presumed(self) -> bool:
        """Whether the weights of rows are presumed until they are made."""

    def made_weight(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Weights of rows that are made, without the factors of cuts."""


class Survivors:
    """A Table seen through the rows that are left; a column is gathered when a cut asks for it, and cannot be changed."""

    __slots__ = ("rows", "table")

    def __init__(self, table: Table | Candidates, rows: npt.NDArray[np.int64]) -> None:
        self.table, self.rows = table, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.table

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if isinstance(self.table, Table):
            column = self.table[name]
            column = column if len(self.rows) == len(column) else column.take(self.rows)
        else:
            column = self.table.column(name, self.rows)
        column = column.view()
        column.flags.writeable = False  # a cut that changed one would change it for every cut behind it
        return column
