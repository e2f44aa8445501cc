"""How work is run: what is refused, the order of chunks, and what is told of the progress."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from na62sim.simulation.conditions import Running


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"chunk": 0}, r"chunk = 0: it must be a whole number from 1000 to 1e12, a multiple of 1000"),
        ({"chunk": 1500}, r"chunk = 1500: it must be a positive multiple of 1000"),
        ({"workers": 0}, r"workers = 0: it must be a whole number from 1 to 4096"),
        ({"workers": 2, "dask": "local"}, r"workers = 2: the workers are those of the Dask cluster"),
    ],
)
def test_what_cannot_be(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Running(**how)


@pytest.mark.parametrize("threads", [1, 3])
def test_order_and_progress(threads: int) -> None:
    """Every event once, in order; a chunk counts as done when the caller is done with it."""
    seen: list[Any] = []

    def work(first: int, n: int) -> list[int]:
        if threads > 1 and first == 2000:  # the first chunk comes last
            assert later.wait(20)
        later.set()
        return list(range(first, first + n))

    later = threading.Event()
    running = Running(threads, chunk=1000, progress=seen.append)
    for events in running.in_order(work, range(2000, 5500)):
        seen.append(events)
    done = [item for item in seen if isinstance(item, int)]
    assert done == [3000, 4000, 5000, 5500]
    assert [event for item in seen if not isinstance(item, int) for event in item] == list(range(2000, 5500))
    assert [isinstance(item, int) for item in seen] == [False, True] * 4


def test_threads_of_each_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("na62sim.simulation.conditions.default_threads", lambda: 8)
    assert [Running(workers=w).threads_each for w in (1, 2, 3, 9)] == [8, 4, 2, 1]
    assert [Running(threads=5, workers=w).threads_each for w in (1, 2)] == [5, 5]
    assert [Running(workers=w).elsewhere for w in (1, 2)] == [False, True]
