"""Cuts, selections and the cut-flow.

A selection is a list of named cuts; a cut is a function of the candidates' Table that returns a mask. Counting is
exact and associative: weights are summed as integers in units of 2^-72, so that a cut-flow does not depend on
chunks or threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from na62sim.kernel import kernel
from na62sim.statistics import Interval, clopper_pearson, weighted_efficiency
from na62sim.table import Table

Mask = npt.NDArray[np.bool_]
CutFunction = Callable[[Table], Mask]
TABLES = ("reco/events", "reco/vertices")
ANY = 1 << 30  # number of tracks: no upper end
_HIGH, _LOW = 2.0**32, 2.0**40
_SPARSE = 0.6  # share of survivors below which they are gathered


@dataclass(frozen=True)
class Cut:
    """A named cut. ``factor`` multiplies the weight of what passes: a loss carried as a weight."""

    name: str
    function: CutFunction
    factor: float = 1.0


@dataclass(frozen=True)
class Loss:
    """One line of the ledger: where signal is lost, how it enters, with value, uncertainty and source.

    ``how`` is ``simulated``, ``dice``, ``weight`` or ``factor`` (outside the acceptance).
    """

    name: str
    how: str
    value: float | None
    sigma: float
    tag: str
    source: str


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

    def __post_init__(self) -> None:
        name = self.candidates if self.candidates.startswith("reco/") else f"reco/{self.candidates}"
        if name not in TABLES:
            raise ValueError(f"candidates = '{self.candidates}': it must be one of {', '.join(TABLES)}")
        object.__setattr__(self, "candidates", name)
        least, most = self.tracks
        object.__setattr__(self, "tracks", (max(least, 1 + TABLES.index(name)), most))  # a vertex has two

    @property
    def systematic(self) -> float:
        """Relative standard deviation of the acceptance from the component efficiencies, uncorrelated."""
        inside = [x for x in self.ledger if x.how != "factor" and x.value]
        return math.sqrt(sum((x.sigma / x.value) ** 2 for x in inside if x.value))


class Counter:
    """Exact sum of weights and squared weights, and a count."""

    __slots__ = ("n", "parts")

    def __init__(self) -> None:
        self.n = 0
        self.parts = [0, 0, 0, 0]

    def add(self, sums: npt.NDArray[np.int64]) -> None:
        """Add one group of a `tally`: number, and the integer parts of the sums."""
        n, *parts = sums.tolist()
        self.n += n
        self.parts = [a + b for a, b in zip(self.parts, parts, strict=True)]

    def merge(self, other: Counter) -> None:
        """Add another counter."""
        self.n += other.n
        self.parts = [a + b for a, b in zip(self.parts, other.parts, strict=True)]

    @property
    def sumw(self) -> float:
        """Sum of weights."""
        return (self.parts[0] + self.parts[1] / _LOW) / _HIGH

    @property
    def sumw2(self) -> float:
        """Sum of squared weights."""
        return (self.parts[2] + self.parts[3] / _LOW) / _HIGH


@kernel
def tally(weight: Any, group: Any, n_groups: int) -> Any:
    """Exact sums per group: (5, groups) int64 with the number, and sum w, sum w^2 in high and low parts.

    A weight in [0, 1] becomes an integer in units of 2^-72, in two parts; integers add in any order.
    """
    out = np.zeros((5, n_groups), dtype=np.int64)
    for i in range(weight.size):
        g, w = group[i], weight[i]
        out[0, g] += 1
        for k in range(2):
            high = np.floor(w * 4294967296.0)
            out[1 + 2 * k, g] += np.int64(high)
            out[2 + 2 * k, g] += np.int64((w * 4294967296.0 - high) * 1099511627776.0)
            w = w * w
    return out


class Candidates(Protocol):
    """Rows of which a column is made when a cut asks for it, for the rows that are left then."""

    def __len__(self) -> int:
        """Number of rows."""

    def __contains__(self, name: object) -> bool:
        """Whether there is such a column."""

    def column(self, name: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """A column of some rows; never again of others than these."""


class Survivors:
    """A Table seen through the rows that are left; a column is gathered when a cut asks for it."""

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
            return column if len(self.rows) == len(column) else column.take(self.rows)
        return self.table.column(name, self.rows)


class CutFlow:
    """Counts of a selection; prints as a table.

    Attributes
    ----------
    selection : the selection
    info : what was selected (process, geometry, seed, decay volume), for printing and JSON
    """

    def __init__(self, selection: Selection, info: Mapping[str, Any] | None = None) -> None:
        self.selection = selection
        self.info: dict[str, Any] = dict(info or {})
        self.generated = Counter()
        self.triggers: dict[str, Counter] = {}
        self.signal_rows = np.empty(0, dtype=np.int64)  # of the table filled last
        self._signal_weight = np.empty(0)
        self._counted = 0
        self.cuts = [Counter() for _ in selection.cuts]
        self.counts = {name: Counter() for name in selection.regions}
        bins = max(len(selection.bin_edges) - 1, 0)
        self.binned = {name: [Counter() for _ in range(bins)] for name in selection.regions}

    def fill(
        self, table: Table | Candidates, weight: npt.NDArray[np.float64], generated: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        """Count a chunk.

        Parameters
        ----------
        table : candidates
        weight : weight of each candidate, in [0, 1]
        generated : weight of every generated event of the chunk, in [0, 1]

        Returns
        -------
        rows of the candidates that pass all cuts
        """
        self.generated.add(tally(generated, np.zeros(len(generated), dtype=np.int64), 1)[:, 0])
        weight = np.array(weight, dtype=float)
        rows = np.arange(len(table))  # what the cuts see
        alive = np.ones(len(table), dtype=bool)  # and which of it passed so far
        depth = np.zeros(len(table), dtype=np.int16)  # cuts passed by each candidate
        # gathering costs more than looking at a few too many, but less than making them
        sparse = _SPARSE if isinstance(table, Table) else 1.0
        for k, cut in enumerate(self.selection.cuts):
            if np.count_nonzero(alive) < sparse * len(rows):
                rows = rows[alive]
                alive = np.ones(len(rows), dtype=bool)
            alive &= _mask(cut.name, cut.function(Survivors(table, rows)), len(rows))  # type: ignore[arg-type]
            if cut.factor != 1.0:
                # counted apart: the cuts before it see the weight without the factor
                self._count(depth, weight, k)
                weight[rows[alive]] *= cut.factor
                depth[:] = k
            if len(rows) == len(depth):
                depth += alive.view(np.int8)
            else:
                depth[rows] += alive
        rows = rows[alive]
        self._count(depth, weight, len(self.selection.cuts))
        self.signal_rows = self._regions(Survivors(table, rows), weight[rows])
        self._signal_weight = weight[self.signal_rows]
        return rows

    def count_triggers(self, masks: npt.NDArray[np.uint32], names: Sequence[str]) -> None:
        """Count which trigger masks hold for the accepted candidates of the chunk filled last.

        Parameters
        ----------
        masks : one word per accepted candidate (rows ``signal_rows`` of the table), bit k for ``names[k]``
        """
        for k, name in enumerate(names):
            fired = (masks >> np.uint32(k) & np.uint32(1)).astype(np.int64)
            self.triggers.setdefault(name, Counter()).add(tally(self._signal_weight, fired, 2)[:, 1])

    def _count(self, depth: npt.NDArray[np.int16], weight: npt.NDArray[np.float64], stop: int) -> None:
        """Add the candidates to every cut below ``stop`` that they passed and that is not counted yet."""
        reached = np.cumsum(tally(weight, depth, stop + 1)[:, ::-1], axis=1)[:, ::-1]
        for k in range(self._counted, stop):
            self.cuts[k].add(reached[:, k + 1])
        self._counted = stop if stop < len(self.cuts) else 0

    def _regions(self, table: Survivors, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Count the regions and their bins; rows of the table that count as accepted."""
        accepted = np.full(len(table), not self.selection.signal)
        edges = np.asarray(self.selection.bin_edges)
        bins = max(len(edges) - 1, 0)
        index = np.full(len(table), bins)  # the last group: outside all bins
        if bins and len(table):
            index = np.searchsorted(edges, table[self.selection.bin_column], side="right") - 1
            index[index < 0] = bins
        for name, function in self.selection.regions.items():
            inside = np.flatnonzero(_mask(name, function(table), len(table)))  # type: ignore[arg-type]
            sums = tally(weight[inside], index[inside], bins + 1)
            self.counts[name].add(sums.sum(axis=1))
            for k, counter in enumerate(self.binned[name]):
                counter.add(sums[:, k])
            if name in self.selection.signal:
                accepted[inside] = True
        return table.rows[accepted]

    def merge(self, other: CutFlow) -> None:
        """Add the counts of another chunk of the same selection."""
        self.generated.merge(other.generated)
        for mine, theirs in zip(self.cuts, other.cuts, strict=True):
            mine.merge(theirs)
        for name, counter in other.triggers.items():
            self.triggers.setdefault(name, Counter()).merge(counter)
        for name in self.counts:
            self.counts[name].merge(other.counts[name])
            for mine, theirs in zip(self.binned[name], other.binned[name], strict=True):
                mine.merge(theirs)

    @property
    def selected(self) -> Counter:
        """What counts as accepted: the sum of the signal regions, or all that pass the cuts."""
        total = Counter()
        if not self.selection.signal:
            total.merge(self.cuts[-1] if self.cuts else self.generated)
        for name in self.selection.signal:
            total.merge(self.counts[name])
        return total

    @property
    def acceptance(self) -> Interval:
        """Acceptance with its statistical 68 % interval."""
        return self.efficiency(self.selected)

    @property
    def regions(self) -> dict[str, Interval]:
        """Acceptance of every region."""
        return {name: self.efficiency(counter) for name, counter in self.counts.items()}

    @property
    def systematic(self) -> float:
        """Standard deviation of the acceptance from the component efficiencies."""
        return self.acceptance.value * self.selection.systematic

    def efficiency(self, counter: Counter) -> Interval:
        """A counter over what was generated: exact binomial if all weights are 1, else effective counts.

        Raises
        ------
        ValueError : if nothing was generated
        """
        g = self.generated
        if g.n == 0:
            raise ValueError("an acceptance needs at least one generated event")
        if g.sumw == g.n and counter.sumw == counter.n:
            return clopper_pearson(counter.n, g.n)
        return weighted_efficiency(counter.sumw, counter.sumw2, g.sumw, g.sumw2)

    @property
    def trigger_efficiency(self) -> dict[str, Interval]:
        """Share of the accepted events for which each trigger mask holds, before downscaling. Not part of A."""
        total = self.selected
        if total.sumw <= 0.0:
            return {}
        return {
            name: weighted_efficiency(c.sumw, c.sumw2, total.sumw, total.sumw2) for name, c in self.triggers.items()
        }

    def rows(self) -> list[dict[str, Any]]:
        """The cut-flow as dictionaries: cut, n, sumw, efficiency relative to generated."""
        total = self.generated.sumw
        rows = [{"cut": "generated", "n": self.generated.n, "sumw": total, "efficiency": 1.0}]
        for cut, c in zip(self.selection.cuts, self.cuts, strict=True):
            rows.append({"cut": cut.name, "n": c.n, "sumw": c.sumw, "efficiency": c.sumw / total if total else 0.0})
        return rows

    def bins(self) -> list[dict[str, Any]]:
        """Acceptance of the signal regions in bins, as dictionaries."""
        edges = self.selection.bin_edges
        rows = []
        for k in range(len(edges) - 1):
            row: dict[str, Any] = {"low": edges[k], "high": edges[k + 1], "column": self.selection.bin_column}
            total = Counter()
            for name in self.selection.signal:
                total.merge(self.binned[name][k])
                row[name] = _triple(self.efficiency(self.binned[name][k]))
            row |= _triple(self.efficiency(total))
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The result as the command line's JSON."""
        a, selected = self.acceptance, self.selected
        effective = selected.sumw**2 / selected.sumw2 if selected.sumw2 else 0.0
        return {
            **self.info,
            "selection": self.selection.name,
            "n_generated": self.generated.n,
            "acceptance": {**_triple(a), "stat": a.stat, "syst": self.systematic, "n_effective": effective},
            "cutflow": self.rows(),
            "regions": {name: _triple(interval) for name, interval in self.regions.items()},
            "bins": self.bins(),
            "triggers": {name: _triple(i) for name, i in self.trigger_efficiency.items()},
        }

    def __str__(self) -> str:
        from na62sim.report import cutflow_text

        return cutflow_text(self)


def _triple(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _mask(name: str, mask: Any, n: int) -> Mask:
    """Check what a user's cut returned."""
    out = np.asarray(mask)
    if out.dtype != np.bool_ or out.shape != (n,):
        raise ValueError(f"cut '{name}' must return a boolean mask of {n} candidates, got {out.dtype} {out.shape}")
    return out
