"""The same work for many numbers, spread over processes of this machine or over the workers of a Dask cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from na62sim.core.version import source_hash
from na62sim.generators.chain.process import Process
from na62sim.geometry import Detector
from na62sim.sample.provenance import SampleError
from na62sim.selection.cut import Selection
from na62sim.selection.registry import find_selection
from na62sim.simulation.chunks import default_threads
from na62sim.simulation.conditions import Conditions, Running
from na62sim.simulation.pipeline import Simulation, warm_up

__all__ = ["Job", "elsewhere", "in_processes", "on_dask", "prepared"]

PATIENCE = 20  # s, for a scheduler to answer
_RETRIES = 3  # of a piece of work whose worker is lost or fails
T = TypeVar("T")
J = TypeVar("J")
N = TypeVar("N")


@dataclass(frozen=True, eq=False)
class Job:
    """All that it takes to make any range of events in any process, and to count a selection in it if one is given."""

    key: str  # the same for all work of one call, or of one run
    process: Process
    detector: Detector
    seed: int
    conditions: Conditions
    threads: int
    chunk: int
    sources: str  # hash of the program: a worker with another one would make other events
    selection: str | Selection | None = None
    selection_parameters: Mapping[str, float] = field(default_factory=dict)
    early: bool = False  # see `on_demand.run_selected`


_prepared: dict[str, tuple[Simulation, Selection | None]] = {}  # of the job that this process works for


def prepared(job: Job) -> tuple[Simulation, Selection | None]:
    """The simulation and the selection of a job, its kernels compiled: made once in each process.

    Raises
    ------
    SampleError : this process runs another version of the program
    """
    if job.key not in _prepared:
        if source_hash() != job.sources:
            raise SampleError(f"the worker on {socket.gethostname()} runs another version of na62sim")
        simulation, selection = job.conditions.simulation(job.process, job.detector, job.seed), None
        if job.selection is None:
            warm_up(simulation)
        else:
            selection = find_selection(job.selection, job.detector, job.process.mass, **job.selection_parameters)
            warm_up(simulation, selection.candidates)
        _prepared.clear()
        _prepared[job.key] = simulation, selection
    return _prepared[job.key]


def elsewhere(work: Callable[[J, N], T], job: J, numbers: Sequence[N], running: Running) -> Iterator[T]:
    """``work(job, number)`` on a cluster or in processes; results come as they are done.

    Raises
    ------
    SampleError : workers are lost, or no cluster answers
    """
    if running.dask is not None:
        return on_dask(work, job, numbers, running.dask)
    return in_processes(work, job, numbers, running.workers)


def in_processes(work: Callable[[J, N], T], job: J, numbers: Sequence[N], workers: int) -> Iterator[T]:
    """``work(job, number)`` in processes of their own; results come as they are done.

    Raises
    ------
    SampleError : a process died
    """
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    others = set(active_children())
    _track_semaphores()
    pool = ProcessPoolExecutor(
        max(1, min(workers, len(numbers))), mp_context=get_context("spawn"), initializer=_begin_worker
    )
    try:
        for future in as_completed([pool.submit(work, job, number) for number in numbers]):
            yield future.result()
    except BrokenProcessPool:
        raise SampleError("a worker process died: killed, or out of memory (fewer --workers take less)") from None
    except BaseException:  # nobody waits for what the others are at
        for child in set(active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """An interrupt of the terminal is for the parent to handle; without a parent there is nothing to do."""
    from multiprocessing import parent_process

    for number in (signal.SIGINT, signal.SIGHUP):  # the parent hears them, too, and ends the workers
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def on_dask(work: Callable[[J, N], T], job: J, numbers: Sequence[N], dask: Any) -> Iterator[T]:
    """``work(job, number)`` on the workers of a cluster; results come as they are done.

    Parameters
    ----------
    dask : ``local``, the address of a scheduler, or a ``distributed.Client``

    Raises
    ------
    SampleError : no cluster answers, or it lost several workers over the same piece of work
    """
    distributed: Any = import_module("distributed")
    with _client(dask) as client:
        sent = client.submit(_itself, job, pure=False)  # once, and made again where it is lost
        futures = [
            client.submit(work, sent, number, pure=False, retries=_RETRIES, priority=-k)  # in order
            for k, number in enumerate(numbers)
        ]
        try:
            for _, result in distributed.as_completed(futures, loop=client.loop, with_results=True):
                yield result
        except distributed.KilledWorker as error:
            raise SampleError(f"the cluster lost its workers again and again: {str(error).splitlines()[0]}") from None
        finally:
            client.cancel([future for future in futures if not future.done()])


def _itself(job: J) -> J:
    return job


@contextmanager
def _client(dask: Any) -> Iterator[Any]:
    """A client of the cluster: the user's own, or one that is closed at the end."""
    if not isinstance(dask, str):
        yield dask
        return
    distributed: Any = import_module("distributed")
    if dask == "local":
        with _local_cluster() as cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = distributed.Client(dask, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SampleError(f"dask = {dask}: no scheduler answers there ({error})") from None
    with client:
        yield client


@contextmanager
def _local_cluster() -> Iterator[Any]:
    """A cluster of this process alone: on the loopback device, with certificates of its own, and without web pages."""
    config: Any = import_module("dask.config")
    distributed: Any = import_module("distributed")
    # It is closed here. At the exit of a process that was interrupted while its cluster started, distributed would close it
    # again and fail with a traceback; its workers end with this process.
    not_at_exit = {"shutdown_on_close": property(lambda _: False, lambda _, value: None)}
    local: Any = type("LocalCluster", (distributed.LocalCluster,), not_at_exit)
    pages: dict[str, list[str]] = {f"distributed.{role}.http.routes": [] for role in ("scheduler", "worker")}
    _track_semaphores()
    with config.set(pages):
        with _deaf():
            cluster = local(
                n_workers=default_threads(), threads_per_worker=1, host="127.0.0.1", security=True, silence_logs=50,
                dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False},
            )  # fmt: skip
        with cluster:
            yield cluster


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that start now ignore an interrupt or a hang-up of the terminal, which is for their parent."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _track_semaphores() -> None:
    """Start what multiprocessing keeps its semaphores in mind with, before it does so itself.

    It survives an interrupt, but not a hang-up of the terminal: the process that uses it would start another one, which
    prints its failures.
    """
    from multiprocessing.resource_tracker import ensure_running

    with _deaf():
        ensure_running()
