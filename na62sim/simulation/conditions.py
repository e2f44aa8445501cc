"""Under which conditions events are made, and how the work is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from na62sim.core.checks import whole_number
from na62sim.core.progress import Progress
from na62sim.detector.response.as_weights import AsWeights, as_weights
from na62sim.generators.chain.process import Process
from na62sim.generators.sources.importance import can_sample
from na62sim.geometry import Detector
from na62sim.selection.cut import Selection
from na62sim.simulation.chunks import CHUNK, check_chunk, chunks_of, default_threads, side_by_side
from na62sim.simulation.pipeline import Simulation

__all__ = ["Conditions", "Running", "sampling", "weights_asked"]

T = TypeVar("T")

MOST = 4096  # threads, or workers


def weights_asked(asked: str | Sequence[str]) -> str | tuple[str, ...]:
    """What is asked for, so that it can be compared and sent to processes."""
    return asked if isinstance(asked, str) else tuple(asked)


def sampling(
    importance: bool | None,
    carried: str | tuple[str, ...],
    process: Process,
    selection: str | Selection,
    by_itself: bool,
) -> tuple[bool, str | tuple[str, ...]]:
    """Whether to draw decays by importance, and what to carry as a weight.

    Parameters
    ----------
    importance : what is asked for; None: where it is known to help, if it is to be done by itself
    carried : kinds of weights asked for; where importance sampling is done by itself without any, efficiencies

    Raises
    ------
    ValueError : asked for with another process or selection
    """
    name = selection.name if isinstance(selection, Selection) else selection
    known = can_sample(process) and name == "pinunu"
    if importance and not known:
        raise ValueError(
            f"importance: it is for K+ -> pi+ nu nubar with the selection pinunu, not for {process.short} with {name}"
        )
    if importance is None and by_itself and known:
        return True, carried or "efficiencies"
    return bool(importance), carried


@dataclass(frozen=True)
class Conditions:
    """What holds for every event, beside process, detector and seed.

    Attributes
    ----------
    decay_volume_m : where the kaon decays (m); the data set's own by default
    intensity : beam intensity (MHz); the data set's mean by default
    photons : ``dice``, or ``weight``, short for the first of
    as_weights : what is carried as a weight: ``photons``, ``charged``, ``identification``, ``efficiencies``, joined by commas
        or in a list, or ``all``
    tails : kinematic tails are made more often, with weights
    importance : K+ -> pi+ nu nubar is drawn in the signal regions more often, with weights
    """

    decay_volume_m: tuple[float, float] | None = None
    intensity: float | None = None
    photons: str = "dice"
    as_weights: str | tuple[str, ...] = ""
    tails: bool = False
    importance: bool = False

    @property
    def carried(self) -> AsWeights:
        """What is carried as a weight."""
        return as_weights(self.as_weights, self.photons, self.tails)

    def simulation(self, process: Process, detector: Detector, seed: int) -> Simulation:
        """A process in a detector under these conditions.

        Raises
        ------
        ValueError : for a value outside its range
        """
        return Simulation(
            process, detector, seed, volume_m=self.decay_volume_m, intensity=self.intensity, as_weights=self.carried,
            importance=self.importance,
        )  # fmt: skip


@dataclass(frozen=True)
class Running:
    """How the work is run; no result depends on it.

    Attributes
    ----------
    threads : of each process; all processors by default, shared among the workers
    chunk : events at a time, a multiple of 1000
    workers : processes
    dask : ``local``, the address of a scheduler, or a ``distributed.Client``, whose workers do it
    progress : called with the number of events done

    Raises
    ------
    ValueError : a chunk or a number of threads or workers that cannot be, workers beside a cluster, or Dask is not installed
    """

    threads: int | None = None
    chunk: int = CHUNK
    workers: int = 1
    dask: Any = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        check_chunk(self.chunk)
        whole_number("workers", self.workers, 1, MOST)
        if self.threads is not None:
            whole_number("threads", self.threads, 1, MOST)
        if self.dask is None:
            return
        if self.workers > 1:
            raise ValueError(f"workers = {self.workers}: the workers are those of the Dask cluster, give one of both")
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise ValueError("dask is not installed: pip install 'na62sim[dask]'") from None
        if isinstance(self.dask, str) and self.dask == "local":
            try:
                import cryptography  # noqa: F401
            except ImportError:
                raise ValueError(
                    "cryptography, for a safe cluster, is not installed: pip install 'na62sim[dask]'"
                ) from None

    @property
    def elsewhere(self) -> bool:
        """Whether other processes do the work."""
        return self.workers > 1 or self.dask is not None

    @property
    def threads_each(self) -> int:
        """Threads of each process that does the work; one on a cluster, unless a number is given."""
        return self.threads or (1 if self.dask is not None else max(1, default_threads() // self.workers))

    def report(self, done: int) -> None:
        """Tell how many events are done."""
        if self.progress is not None:
            self.progress(done)

    def in_order(self, work: Callable[[int, int], T], events: range) -> Iterator[T]:
        """``work(first, n)`` over the chunks of a range of events, on threads of this process.

        Results come in the order of events; progress is reported once the caller is done with one.
        """
        chunks = list(chunks_of(events.start, len(events), self.chunk))
        results = side_by_side(work, chunks, self.threads or default_threads())
        for (first, n), result in zip(chunks, results, strict=True):
            yield result
            self.report(first + n)
