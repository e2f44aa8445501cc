"""Work spread over processes and over a Dask cluster: same bits, lost workers, interrupts."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

import na62sim as na
from na62sim.core.version import source_hash
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.sample.manifest import read_entries, read_run
from na62sim.sample.provenance import SampleError
from na62sim.simulation.conditions import Conditions
from na62sim.simulation.processes import Job, _client, in_processes, on_dask, prepared
from na62sim.simulation.shards.make import simulate_shards

EVENTS = 15_500


def run(folder: Path, **how: Any) -> dict[str, Any]:
    return simulate_shards("k2pi", EVENTS, folder, seed=5, **{"threads": 1, "shard_events": 2000, **how})


@pytest.fixture(scope="module")
def expected() -> str:
    return na.simulate("k2pi", EVENTS, seed=5).content_sha256()


def square(job: Path, number: int) -> int:
    """Number 3 ends its process the first time, or every time where there is a file of that name."""
    mark = job / "died"
    if number == 3 and (not mark.exists() or (job / "always").exists()):
        mark.touch()
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 100:
        raise SampleError("no room")
    return number * number


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="signals of another process are read from /proc")
def test_a_hang_up_does_not_end_what_keeps_semaphores_in_mind() -> None:
    code = """
from multiprocessing.resource_tracker import _resource_tracker
from na62sim.simulation.processes import _track_semaphores
_track_semaphores()
print(open(f"/proc/{_resource_tracker._pid}/status").read())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    ignored = int(next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("SigIgn")), 16)
    assert ignored & 1 << signal.SIGHUP - 1 and ignored & 1 << signal.SIGINT - 1


def test_processes(tmp_path: Path) -> None:
    """Results; all workers are gone afterwards."""
    assert sorted(in_processes(square, tmp_path, [1, 2, 4], 2)) == [1, 4, 16]
    assert not active_children()


@pytest.mark.slow
def test_a_failure_and_a_death_of_a_process(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="a worker process died"):
        list(in_processes(square, tmp_path, [3, 1], 2))
    with pytest.raises(SampleError, match="no room"):
        list(in_processes(square, tmp_path, [1, 100, 2], 2))
    assert not active_children()


@pytest.mark.slow
def test_shards_in_processes(tmp_path: Path, expected: str) -> None:
    """Two processes, interrupted when the first shard is there, and resumed."""

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", workers=2, progress=stop)
    found = read_run(tmp_path / "a")
    assert found is not None
    assert 1 <= len(read_entries(tmp_path / "a", found)) < 8
    assert not list((tmp_path / "a").glob("*.tmp"))
    assert run(tmp_path / "a", workers=2, resume=True)["content_sha256"] == expected


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers with a process each."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


def test_dask(tmp_path: Path, cluster: Any) -> None:
    """A worker that dies is replaced and its work done again; a failure is one line."""
    assert sorted(on_dask(square, tmp_path, [1, 2, 3, 4], cluster)) == [1, 4, 9, 16]
    assert (tmp_path / "died").exists()
    with pytest.raises(SampleError, match="no room"):
        list(on_dask(square, tmp_path, [1, 100, 2], cluster))
    assert sorted(on_dask(square, tmp_path, [5, 6], cluster)) == [25, 36]


@pytest.mark.slow
def test_dask_gives_up_on_what_kills_every_worker(tmp_path: Path, cluster: Any) -> None:
    (tmp_path / "always").touch()
    with pytest.raises(SampleError, match="lost its workers again and again"):
        list(on_dask(square, tmp_path, [1, 3], cluster))


@pytest.mark.slow
def test_shards_on_dask(tmp_path: Path, cluster: Any, expected: str) -> None:
    """A worker is killed when the first shard is there: same events."""
    killed: list[int] = []

    def kill(done: int) -> None:
        if not killed:
            killed.extend(cluster.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    done = run(tmp_path / "a", dask=cluster, progress=kill)
    assert killed
    assert (done["content_sha256"], done["complete"]) == (expected, True)
    assert len([f for f in (tmp_path / "a").iterdir() if f.suffix in (".h5", ".json")]) == 17
    address = cluster.scheduler.address
    assert run(tmp_path / "b", dask=address, shard_events=7000)["content_sha256"] == expected


def ears(job: None, number: int) -> list[bool]:
    """Whether this process is deaf to interrupts that its parent hears as well."""
    return [signal.getsignal(name) is signal.SIG_IGN for name in (signal.SIGINT, signal.SIGHUP)]


def test_workers_leave_interrupts_to_their_parent() -> None:
    """A closed terminal ends the parent in order, and not its workers under it."""
    assert list(in_processes(ears, None, [1], 2)) == [[True, True]]


def test_a_local_cluster_is_for_this_process_alone() -> None:
    """No socket that other machines reach, no web page, and no way in without the certificate."""
    distributed = pytest.importorskip("distributed")
    pytest.importorskip("cryptography")
    import urllib.error
    import urllib.request

    import psutil

    def listening() -> set[Any]:
        this = psutil.Process()
        return {
            connection.laddr
            for process in (this, *this.children(recursive=True))
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }

    before = listening()  # of the cluster of other tests
    with _client("local") as client:
        assert sorted(on_dask(square, Path(), [1, 2, 4], client)) == [1, 4, 16]
        heard = listening() - before
        assert {address.ip for address in heard} == {"127.0.0.1"}
        plain = client.scheduler.address.replace("tls://", "tcp://")
        stranger = distributed.Security.temporary()
        for address, security in ((plain, None), (client.scheduler.address, stranger)):
            with pytest.raises(OSError):
                distributed.Client(address, timeout=2, security=security, set_as_default=False)
        for page in ("", "/status", "/info/main/workers.html", "/json/identity.json", "/metrics"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(client.dashboard_link.replace("/status", page), timeout=5)


@pytest.mark.slow
def test_local_dask(tmp_path: Path, expected: str) -> None:
    assert run(tmp_path / "a", dask="local")["content_sha256"] == expected


@pytest.mark.slow
def test_acceptance_elsewhere(cluster: Any) -> None:
    """Counted in threads, in processes and on a cluster: the same exact sums, weights included."""
    events, how = 450_000, {"seed": 3, "photons": "weight"}
    here = na.acceptance("kpinunu", "pinunu", events, **how).to_dict()  # type: ignore[arg-type]
    for spread in ({"workers": 2}, {"dask": cluster}):
        there = na.acceptance("kpinunu", "pinunu", events, **how, **spread).to_dict()  # type: ignore[arg-type]
        assert {**there, "events_per_second": 0} == {**here, "events_per_second": 0}
    precise = [
        na.acceptance("kpinunu", "pinunu", precision=0.008, importance=False, **spread).to_dict()
        for spread in ({}, {"workers": 2})
    ]  # type: ignore[arg-type]
    assert {**precise[0], "events_per_second": 0} == {**precise[1], "events_per_second": 0}
    three = na.Selection("three tracks", [na.Cut("three", lambda t: t["n_tracks"] == 3)])
    flow = na.acceptance("k3pi", three, 210_000, dask=cluster)
    assert flow.to_dict()["cutflow"] == na.acceptance("k3pi", three, 210_000).to_dict()["cutflow"]
    with pytest.raises(ValueError, match="a selection of your own can be counted in threads or on a Dask cluster"):
        na.acceptance("k3pi", three, 20_000, workers=2)
    with pytest.raises(ValueError, match="keep"):
        na.acceptance("k3pi", three, 20_000, workers=2, keep=lambda *_: None)


def job(**changes: Any) -> Job:
    process, detector = find_process("kmu2"), load_detector("run1-2018-s2")
    values = {"key": "a", "seed": 3, "threads": 1, "chunk": 1000, "sources": source_hash(), **changes}
    return Job(process=process, detector=detector, conditions=Conditions((110.0, 160.0), photons="weight"), **values)


def test_a_job_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each process one simulation waits, of the last job; a job of another version is refused."""
    monkeypatch.setattr("na62sim.simulation.processes._prepared", {})
    first = job()
    simulation, selection = prepared(pickle.loads(pickle.dumps(first)))
    assert selection is None
    assert (simulation.seed, simulation.volume_m, simulation.as_weights.photons) == (3, (110.0, 160.0), True)
    assert prepared(first)[0] is simulation
    other, chosen = prepared(job(key="b", seed=4, selection="pinunu"))
    assert other.seed == 4
    assert chosen is not None and chosen.name == "pinunu"
    assert prepared(first)[0] is not simulation
    with pytest.raises(SampleError, match="runs another version of na62sim"):
        prepared(job(key="c", sources="0" * 64))
