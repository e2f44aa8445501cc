"""Search with events of other generators: a point per file, normalised and limited as a declared search is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from na62sim.core.progress import Meter, silent
from na62sim.core.suggest import did_you_mean
from na62sim.core.units import parse_count
from na62sim.generators.registry import process_of
from na62sim.study.kaon.count import count
from na62sim.study.kaon.limits import point_limits
from na62sim.study.kaon.rows import ScanResult, row_of
from na62sim.study.plan import plan
from na62sim.study.search import SearchResult, available_searches, changed_limits, declared, in_data_sets, normalised

__all__ = ["FILE", "search_files"]

FILE = "file"
_SELECTION = "pi4e"  # of the declared searches, without windows about a mass, which a file does not tell


def search_files(
    files: Sequence[str | Path],
    data: str | None = None,
    *,
    selection: str = _SELECTION,
    events: int | None = None,
    seed: int = 1,
    method: str | None = None,
    cl: float | None = None,
    normalisation_events: int | None = None,
    threads: int | None = None,
    meter: Meter = silent,
    say: Callable[[str], None] | None = None,
) -> SearchResult:
    """Limits on the branching ratio of the process of each file.

    Parameters
    ----------
    files : of events, NAME.hepmc3 or NAME.lhe
    data, method, cl, normalisation_events : as of `na62sim.search`
    selection : without a mass window by default
    events : of each file; by default all of it, shared out over the data sets in proportion to their kaon decays

    Raises
    ------
    ValueError : in one line, for anything that is not allowed
    """
    from na62sim.selection.registry import SELECTIONS

    if selection not in SELECTIONS:
        raise ValueError(f"selection '{selection}' is unknown{did_you_mean(selection, SELECTIONS)}")
    names = [str(file) for file in files]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: the file is given twice")
    processes = [process_of(name, {}) for name in names]
    scenario = declared(next(iter(available_searches())), normalisation_events)
    limits = changed_limits(scenario.limits, method, cl)
    whole, limits, notes = in_data_sets(plan(scenario.with_seed(seed).changed({"limits": limits})), data)
    mixture = whole.scans[0].mixture
    numbers = [p.n_events or 0 if events is None else parse_count("events", events) for p in processes]
    normalisation = normalised(whole, threads, meter, say)
    rows, start = [], time.perf_counter()
    with meter(f"{len(names)} files in {mixture.name}", sum(numbers)) as progress:
        for name, process, number in zip(names, processes, numbers, strict=True):
            counted = count(process, selection, mixture, seed, number, trigger=whole.trigger, threads=threads)
            row = row_of(counted, {FILE: Path(name).name})
            rows.append(replace(row, limit=point_limits(row, limits, normalisation)))
            progress(sum(numbers[: len(rows)]))
            if number > (process.n_events or 0):
                notes.append(
                    f"{name}: {number - (process.n_events or 0)} events are used again, with other random numbers"
                )
    result = ScanResult(
        FILE, FILE, selection, mixture.name, max(numbers), (FILE,), limits.cl, tuple(rows), time.perf_counter() - start
    )
    return SearchResult(scenario.name, result, limits, normalisation, (), "", None, seed, tuple(notes))
