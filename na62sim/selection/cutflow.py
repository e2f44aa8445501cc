"""Cuts, selections and the cut-flow.

A selection is a list of named cuts; a cut is a function of the candidates' Table that returns a mask. Counting is
exact and associative (`tally`), so that a cut-flow does not depend on chunks or threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.remarks import remark_lines
from na62sim.sample.table import Table
from na62sim.selection.cut import Candidates, Mask, NotMadeError, Selection, Survivors
from na62sim.selection.cutflow_text import row_lines
from na62sim.selection.tally import Counter, Counters, deepen, tally, tally_all, tally_regions
from na62sim.selection.trigger_words import TriggerWords
from na62sim.statistics import Interval, clopper_pearson, sampled_mean, weighted_efficiency
from na62sim.statistics.text import few, fraction

_SPARSE = 0.6  # share of survivors below which they are gathered


class CutFlow:
    """Counts of a selection; prints as a table.

    Attributes
    ----------
    selection : the selection
    info : what was selected (process, geometry, seed, decay volume), for printing and JSON
    importance : the largest weight of importance sampling, a factor that the candidates have, and what was generated has not;
        0 without
    """

    def __init__(self, selection: Selection, info: Mapping[str, Any] | None = None) -> None:
        self.selection = selection
        self.info: dict[str, Any] = dict(info or {})
        self.passed_rows = np.empty(0, dtype=np.int64)  # of the table filled last: what passes all cuts
        self.signal_rows = np.empty(0, dtype=np.int64)  # and what counts as accepted
        self.signal_weight = np.empty(0)  # of these rows, with the factors of the cuts
        self.importance = 0.0
        bins = max(len(selection.bin_edges) - 1, 0)
        self._width = 1 + bins  # counters of a region
        self._first = 1 + len(selection.cuts)  # of the first region
        self._counters = Counters(self._first + len(selection.regions) * self._width)
        self._followed: Counters | None = None  # of the events that every cut has seen, where these are not all
        self._signal_regions: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)  # of these rows, a bit per region
        self._words = TriggerWords()  # accepted candidates by trigger masks and regions

    @property
    def generated(self) -> Counter:
        """What was generated."""
        return self._counters.counter(0)

    @property
    def followed(self) -> Counter:
        """What was generated and followed to every cut: all, or every so many runs of events (`on_demand.is_followed`)."""
        return self.generated if self._followed is None else self._followed.counter(0)

    @property
    def cuts(self) -> list[Counter]:
        """What passed each cut, and those before.

        Where not every event was followed, the first of them (`Selection.complete_from`) are those of the events that were:
        their efficiencies (`rows`) are shares of `followed`, not of `generated`.
        """
        some = self._counted_in_some()
        return [*some, *(self._counters.counter(1 + k) for k in range(len(some), len(self.selection.cuts)))]

    def _counted_in_some(self) -> list[Counter]:
        """The first cuts in the events that every cut has seen, where these are not all."""
        if self._followed is None or self.followed.n == self.generated.n:
            return []
        return [self._followed.counter(1 + k) for k in range(self.selection.complete_from)]

    @property
    def counts(self) -> dict[str, Counter]:
        """What is in each region."""
        return {
            name: self._counters.counter(self._first + k * self._width) for k, name in enumerate(self.selection.regions)
        }

    @property
    def binned(self) -> dict[str, list[Counter]]:
        """What is in each bin of each region."""
        at = {name: self._first + k * self._width for k, name in enumerate(self.selection.regions)}
        return {
            name: [self._counters.counter(k) for k in range(first + 1, first + self._width)]
            for name, first in at.items()
        }

    @property
    def triggers(self) -> dict[str, Counter]:
        """Accepted candidates for which each trigger mask holds."""
        return self._words.masks

    def taken(self, kept: Mapping[str, float], region: str = "") -> Counter:
        """Accepted candidates, each with the probability that one of some trigger masks takes it.

        Parameters
        ----------
        kept : for each of these masks the share of the events that it keeps, 1 / downscaling
        region : candidates in this region alone

        Raises
        ------
        KeyError, ValueError : a mask or a region that is not there
        """
        return self._words.taken(kept, list(self.selection.regions).index(region) if region else None)

    def fill(
        self,
        table: Table | Candidates,
        weight: npt.NDArray[np.float64],
        generated: npt.NDArray[np.float64],
        followed: tuple[Mask, Mask] | None = None,
    ) -> npt.NDArray[np.int64]:
        """Count a chunk.

        Parameters
        ----------
        table : candidates
        weight : weight of each candidate
        generated : weight of every generated event of the chunk
        followed : which candidates, and which of the generated events, belong to events that were not dropped for what the
            response throws (`Selection.thrown`); None: none was

        Returns
        -------
        rows of the candidates that pass all cuts

        Raises
        ------
        ValueError : a weight that is not a finite number
        """
        self._counters.add(tally_all(generated))
        if followed is not None:
            self._followed = Counters(1 + len(self.selection.cuts))
            self._followed.add(tally_all(generated[followed[1]]))
        some = None if followed is None else followed[0]
        weight, counted = np.array(weight, dtype=float), 0
        rows: npt.NDArray[np.int64] = np.arange(len(table))  # what the cuts see
        alive = np.ones(len(table), dtype=np.bool_)  # and which of it passed so far
        depth = np.zeros(len(table), dtype=np.int64)  # cuts passed by each candidate
        for k, cut in enumerate(self.selection.cuts):
            if np.count_nonzero(alive) < _SPARSE * len(rows):  # gathering costs more than looking at a few too many
                rows, alive = rows[alive], np.ones(np.count_nonzero(alive), dtype=np.bool_)
            try:
                mask = cut.function(Survivors(table, rows))  # type: ignore[arg-type]
            except NotMadeError:
                rows, alive = rows[alive], np.ones(np.count_nonzero(alive), dtype=np.bool_)
                table.make(rows)  # type: ignore[union-attr]
                mask = cut.function(Survivors(table, rows))  # type: ignore[arg-type]
            alive &= _mask(cut.name, mask, len(rows))
            if cut.factor != 1.0:
                # counted apart: the cuts before it see the weight without the factor
                self._count(depth, weight, counted, k, some)
                weight[rows[alive]] *= cut.factor
                counted, depth[:] = k, k
            deepen(alive, rows, depth)
        rows = rows[alive]
        if not isinstance(table, Table):
            counted = self._weigh(table, rows, weight, depth, counted, some)
        self._count(depth, weight, counted, len(self.selection.cuts), some)
        self.signal_rows = self._regions(Survivors(table, rows), weight[rows])
        self.signal_weight = weight[self.signal_rows]
        self.passed_rows = rows
        return rows

    def _weigh(
        self,
        table: Candidates,
        rows: npt.NDArray[np.int64],
        weight: npt.NDArray[np.float64],
        depth: npt.NDArray[np.int64],
        counted: int,
        some: Mask | None,
    ) -> int:
        """Make the candidates that are left where regions or weights ask for it; the cuts that are counted.

        The cuts before the last see the weight that was presumed, if one was.
        """
        if self.selection.regions or table.presumed:
            table.make(rows)
        last = len(self.selection.cuts) - 1
        if table.presumed and last >= 0:
            self._count(np.minimum(depth, last), weight, counted, last, some)
            counted, depth[:] = last, last
            depth[rows] = last + 1
            weight[rows] = table.made_weight(rows) * self.selection.factor
        return counted

    def add_generated(self, counter: Counter) -> None:
        """Count generated events whose weights are not given to `fill`: those that a skim left out, and its own."""
        self._counters.add_to(0, counter)

    def count_triggers(self, masks: npt.NDArray[np.uint32], names: Sequence[str]) -> None:
        """Count which trigger masks hold for the accepted candidates of the chunk filled last.

        Parameters
        ----------
        masks : one word per accepted candidate (rows ``signal_rows`` of the table), bit k for ``names[k]``
        """
        self._words.count(masks, self._signal_regions, self.signal_weight, names)

    def _count(
        self,
        depth: npt.NDArray[np.int64],
        weight: npt.NDArray[np.float64],
        start: int,
        stop: int,
        followed: Mask | None,
    ) -> None:
        """Add the candidates to the cuts from ``start`` to below ``stop`` that they passed."""
        self._counters.add_reached(tally(weight, depth - start, stop - start + 1), 1 + start)
        if followed is not None and self._followed is not None:
            depth, weight = depth[followed], weight[followed]
            self._followed.add_reached(tally(weight, depth - start, stop - start + 1), 1 + start)

    def _regions(self, table: Survivors, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Count the regions and their bins; rows of the table that count as accepted."""
        s, n = self.selection, len(table)
        index = np.full(n, -1)
        if self._width > 1 and n:
            index = np.searchsorted(np.asarray(s.bin_edges), table[s.bin_column], side="right") - 1
        inside = np.zeros((len(s.regions), n), dtype=np.bool_)
        for row, (name, function) in zip(inside, s.regions.items(), strict=True):
            row[:] = _mask(name, function(table), n)  # type: ignore[arg-type]
        self._counters.add(tally_regions(weight, inside, index, self._width - 1), self._first)
        bits = np.zeros(n, dtype=np.int64)
        for k, row in enumerate(inside):
            bits |= row.astype(np.int64) << k
        signal = np.any(inside[[name in s.signal for name in s.regions]], axis=0) if s.signal else np.ones(n, np.bool_)
        self._signal_regions = bits[signal]
        return table.rows[signal]

    def merge(self, other: CutFlow) -> None:
        """Add the counts of another chunk of the same selection."""
        if self._followed is not None or other._followed is not None:
            self._followed = self._followed or self._counters.copy()
            self._followed.merge(other._followed or other._counters)
        self._counters.merge(other._counters)
        self.importance = max(self.importance, other.importance)
        self._words.merge(other._words)

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

        With importance sampling the mean of the candidates' weights, over what is generated, which hardly varies.

        Raises
        ------
        ValueError : nothing was generated, or only events of weight 0
        """
        g = self.generated
        if g.n == 0:
            raise ValueError("an acceptance needs at least one generated event")
        if g.total <= 0:
            raise ValueError(f"the {g.n} generated events have no weight above 0: there is nothing to divide by")
        if self.importance:
            return sampled_mean(*counter.over(g), g.n, self.importance)
        return share(counter, g)

    @property
    def trigger_efficiency(self) -> dict[str, Interval]:
        """Share of the accepted events for which each trigger mask holds, before downscaling. Not part of A."""
        total = self.selected
        return {name: share(c, total) for name, c in self.triggers.items()} if total.total > 0 else {}

    def rows(self) -> list[dict[str, Any]]:
        """The cut-flow as dictionaries: cut, n, sumw, efficiency relative to generated.

        Cuts that did not see every event (see `cuts`) have ``n_generated`` as well: n and sumw are those of so many events.
        """
        every, some = self.generated, self.followed
        rows: list[dict[str, Any]] = [{"cut": "generated", "n": every.n, "sumw": every.sumw, "efficiency": 1.0}]
        first = len(self._counted_in_some())
        for k, (cut, c) in enumerate(zip(self.selection.cuts, self.cuts, strict=True)):
            total = some.sumw if k < first else every.sumw
            row = {"cut": cut.name, "n": c.n, "sumw": c.sumw, "efficiency": c.sumw / total if total else 0.0}
            rows.append(row | {"n_generated": some.n} if k < first else row)
        return rows

    def bins(self) -> list[dict[str, Any]]:
        """Acceptance of the signal regions in bins, as dictionaries."""
        edges = self.selection.bin_edges
        rows = []
        binned = self.binned
        for k in range(len(edges) - 1):
            row: dict[str, Any] = {"low": edges[k], "high": edges[k + 1], "column": self.selection.bin_column}
            total = Counter()
            for name in self.selection.signal:
                total.merge(binned[name][k])
                row[name] = self.counted(binned[name][k])
            row |= self.counted(total)
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The result as the command line's JSON."""
        a = self.acceptance
        return {
            **self.info,
            "selection": self.selection.name,
            "n_generated": self.generated.n,
            "acceptance": {**self.counted(self.selected), "stat": a.stat, "syst": self.systematic},
            "cutflow": self.rows(),
            "regions": {name: self.counted(counter) for name, counter in self.counts.items()},
            "bins": self.bins(),
            "triggers": {
                name: {"value": i.value, "low": i.low, "high": i.high} for name, i in self.trigger_efficiency.items()
            },
        }

    def counted(self, counter: Counter) -> dict[str, float]:
        """A counter over what was generated, with how many events it rests on, for JSON."""
        interval = self.efficiency(counter)
        return {
            "value": interval.value,
            "low": interval.low,
            "high": interval.high,
            "n_effective": counter.n_effective,
            "largest_weight_share": counter.largest_weight_share,
        }

    def __str__(self) -> str:
        a = self.acceptance
        lines = row_lines(self.rows(), self.followed.n, self.generated.n)
        lines.append(
            f"acceptance {fraction(a.value)} ± {fraction(a.stat)} (stat) ± {fraction(self.systematic)} (components)"
            f"{few(self.selected.n_effective)}"
        )
        lines += remark_lines(self.info)
        lines += [
            f"  {name}: {fraction(i.value)} [{fraction(i.low)}, {fraction(i.high)}]{few(self.counts[name].n_effective)}"
            for name, i in self.regions.items()
        ]
        return "\n".join(lines)


def share(counter: Counter, of: Counter) -> Interval:
    """A counter over another, of which it is a part, with its 68 % interval.

    The sums are divided before they become floats: a common factor of all weights changes nothing.
    """
    if of.unweighted and counter.unweighted:
        return clopper_pearson(counter.n, of.n)
    return weighted_efficiency(*counter.over(of), *of.over(of))


def _mask(name: str, mask: Any, n: int) -> Mask:
    """Check what a user's cut returned."""
    out = np.asarray(mask)
    if out.dtype != np.bool_ or out.shape != (n,):
        raise ValueError(f"cut '{name}' must return a boolean mask of {n} candidates, got {out.dtype} {out.shape}")
    return out
