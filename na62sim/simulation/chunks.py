"""Ranges of events side by side on threads, results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from na62sim.core.checks import whole_number

CHUNK = 24000  # events: large against the cost of the calls (1 ms), small enough for the memory that stays allocated

LARGE_CHUNK = 3 * CHUNK  # where most events are dropped before their particles cross the chambers

RUN = 1000  # chunks are multiples of the runs of events that the content hash is made of


T = TypeVar("T")


def check_events(events: int) -> int:
    """A number of events that can be simulated.

    Raises
    ------
    ValueError : if it is not a positive whole number
    """
    return whole_number("events", events, 1, 10**12, "1 to 1e12")


def check_chunk(chunk: int) -> int:
    """A chunk size.

    Raises
    ------
    ValueError : unless it is a positive multiple of 1000
    """
    size = whole_number("chunk", chunk, RUN, 10**12, f"{RUN} to 1e12, a multiple of {RUN}")
    if size % RUN:
        raise ValueError(f"chunk = {chunk}: it must be a positive multiple of {RUN} events")
    return size


def default_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chunks_of(first: int, events: int, chunk: int) -> Iterator[tuple[int, int]]:
    """First event and number of events of each chunk of a range."""
    for k in range(0, events, chunk):
        yield first + k, min(chunk, events - k)


def in_order(job: Callable[[int, int], T], first: int, events: int, chunk: int, threads: int) -> Iterator[T]:
    """Run ``job(first, n)`` over chunks on threads; results come in the order of events."""
    return side_by_side(job, chunks_of(first, events, chunk), threads)


def side_by_side(
    job: Callable[[int, int], T], ranges: Iterable[tuple[int, int]], threads: int
) -> Generator[T, None, None]:
    """Run ``job(first, n)`` over ranges of events on threads; results come in the order of the ranges.

    At most two chunks per thread wait at a time, so memory does not grow with the number of events.
    """
    if threads <= 1:
        for start, n in ranges:
            yield job(start, n)
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="chunk") as pool:
        try:
            for start, n in ranges:
                waiting.append(pool.submit(job, start, n))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
