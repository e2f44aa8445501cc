"""What `na62sim bench` times: the keys scripts rely on, and that the numbers belong together."""

from __future__ import annotations

import cProfile
import json
from pathlib import Path
from typing import Any

import pytest

from na62sim import machine
from na62sim.benchmark import measure
from na62sim.benchmark_chains import CHAINS, sub_times
from na62sim.cli import main
from na62sim.report import as_text
from na62sim.summary_bench import bench_report


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "_WRITTEN", 1 << 23)
        return measure(events=4000, repeat=1, folder=tmp_path_factory.mktemp("disk"))


def test_the_contract(result: dict[str, Any]) -> None:
    """design.md, section 3: what scripts read."""
    assert result["yardstick"]["numpy_philox_doubles_per_second"] > 1e6
    assert set(result["chains"]) == set(CHAINS)
    for chain in result["chains"].values():
        assert chain["events_per_second"] > 0.0
    assert {"generate", "transport", "tracks", "select"} <= set(result["stages"])
    for stage in result["stages"].values():
        assert stage["events_per_second"] * stage["ns_per_event"] == pytest.approx(1e9)


def test_stages_are_the_chain(result: dict[str, Any]) -> None:
    """The stages of a chain take what the chain takes; those shown by no more than their own smallness."""
    for chain in result["chains"].values():
        total = sum(stage["ns_per_event"] for stage in chain["stages"].values())
        assert total == pytest.approx(1e9 / chain["events_per_second"], rel=0.03)


def test_scaled_to_the_reference_core(result: dict[str, Any]) -> None:
    """One repetition: each scaled rate belongs to one measurement of the yardstick, close to the median one."""
    stick = result["yardstick"]["numpy_philox_doubles_per_second"]
    for chain in result["chains"].values():
        ratio = chain["scaled_events_per_second"] / chain["events_per_second"]
        assert ratio == pytest.approx(machine.REFERENCE / stick, rel=0.5)


def test_hash_and_sync_are_apart(result: dict[str, Any]) -> None:
    written = result["chains"]["kpinunu-write"]
    apart = sum(written["ns_per_event_of"].values())
    whole, rest = (1e9 / written[key] for key in ("events_per_second", "without_hash_and_sync"))
    assert whole - rest == pytest.approx(apart)
    assert 100.0 < written["bytes_per_event"] < 2000.0


def test_printed(result: dict[str, Any]) -> None:
    text = as_text(bench_report(result))
    for word in (*CHAINS, "without hash and sync", "yardstick", "disk, written and synced", "Stages of kpiaa-full"):
        assert word in text


def test_sub_times() -> None:
    """Two functions under a parent, one of them called by the other as well: only the parent's calls count."""
    clock = [0]

    def inner() -> None:
        clock[0] += 3

    def outer() -> None:
        inner()

    def parent() -> None:
        inner()
        outer()
        outer()

    profile = cProfile.Profile(lambda: clock[0], 1.0, builtins=False)
    profile.runcall(parent)
    assert sub_times(profile, (parent,)) == (9.0, {"inner": 3.0, "outer": 6.0})


def test_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'kpinunu-full'"):
        measure(chains=["kpinunu-ful"])
    with pytest.raises(ValueError, match="repeat = 0: it must be a whole number"):
        measure(repeat=0)
    assert main(["bench", "--folder", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
    assert main(["bench", "-n", "many"]) == 2
    assert "events = 'many' is not a number" in capsys.readouterr().err


def test_one_chain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_WRITTEN", 1 << 23)
    assert main(["bench", "-n", "1000", "--repeat", "1", "--chain", "kpis-generate", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["chains"]) == ["kpis-generate"]
    assert "threads" not in found


def test_against_an_earlier_run(
    result: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain that had ten times its rate fails, one that had a tenth does not; what is no result is refused."""
    monkeypatch.setattr(machine, "_WRITTEN", 1 << 23)
    path, words = tmp_path / "before.json", ["bench", "-n", "1000", "--repeat", "1", "--chain", "kpis-generate"]
    for factor, code in ((10.0, 1), (0.1, 0)):
        rate = factor * result["chains"]["kpis-generate"]["scaled_events_per_second"]
        path.write_text(json.dumps({"chains": {"kpis-generate": {"scaled_events_per_second": rate}}}))
        assert main([*words, "--against", str(path)]) == code
        out, err = capsys.readouterr()
        assert "kpis-generate against the earlier run" in out
        assert ("of its rate in" in err) == bool(code)
    for text in ("{", "[]", '{"chains": 3}', '{"chains": {"x": {}}}'):
        path.write_text(text)
        assert main([*words, "--against", str(path)]) == 2
        assert "is not what `na62sim bench --json` prints" in capsys.readouterr().err
