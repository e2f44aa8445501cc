"""What `na62sim bench` times: the keys scripts rely on, and that the numbers belong together."""

from __future__ import annotations

import cProfile
import json
from pathlib import Path
from typing import Any

import pytest

import na62sim
from na62sim.cli import main
from na62sim.report.bench import bench_report
from na62sim.report.text import as_text
from na62sim.simulation.benchmark import machine
from na62sim.simulation.benchmark.chains import CHAINS
from na62sim.simulation.benchmark.measure import _STAGES, stage_of, stage_times, time_chains

PACKAGE = Path(na62sim.__file__).resolve().parent


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "_WRITTEN", 1 << 23)
        return time_chains(events=4000, repeat=1, folder=tmp_path_factory.mktemp("disk"))


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


def test_stage_times() -> None:
    """What a function calls in another file is that file's time; what it calls elsewhere its own. A clock of the test's."""
    clock = [0]
    made: dict[str, Any] = {"clock": clock}
    for name, file, took in (
        ("cut", PACKAGE / "selection/cutflow.py", 3),
        ("hits", PACKAGE / "detector/response/lav.py", 5),
        ("cross", PACKAGE / "detector/transport/upstream.py", 7),
        ("take", Path("numpy.py"), 11),
        ("wrap", Path("numpy.py"), 13),
    ):
        text = f"def {name}(*calls):\n    clock[0] += {took}\n    for call, *below in calls: call(*below)"
        exec(compile(text, str(file), "exec"), made)
    cut, hits, cross, take, wrap = (made[name] for name in ("cut", "hits", "cross", "take", "wrap"))
    profile = cProfile.Profile(lambda: clock[0], 1.0, builtins=False)
    profile.runcall(cut, (hits,), (cross, (take,)), (hits, (wrap, (wrap,))))
    found = {name: seconds for name, seconds in stage_times(profile).items() if seconds}
    assert found == {"select": 3.0, "response": 10.0 + 26.0, "transport": 7.0 + 11.0}


def test_recursion_is_the_time_of_who_began_it() -> None:
    """A function of another package that mostly calls itself: all three calls belong to the detector that made the first."""
    clock = [0]
    made: dict[str, Any] = {"clock": clock}
    for name, file, took in (("hits", PACKAGE / "detector/response/lav.py", 5), ("wrap", Path("numpy.py"), 13)):
        text = f"def {name}(*calls):\n    clock[0] += {took}\n    for call, *below in calls: call(*below)"
        exec(compile(text, str(file), "exec"), made)
    hits, wrap = made["hits"], made["wrap"]
    profile = cProfile.Profile(lambda: clock[0], 1.0, builtins=False)
    profile.runcall(hits, (wrap, (wrap, (wrap,))))
    assert {name: seconds for name, seconds in stage_times(profile).items() if seconds} == {"response": 5.0 + 3 * 13.0}


def test_every_stage_has_its_files() -> None:
    """No name of a stage's files has gone, and nothing that an event passes is left over."""
    names = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
    for words in _STAGES.values():
        for word in words.split():
            assert any(name.startswith(word) for name in names), word
    for folder in ("generators", "detector", "reconstruction", "selection"):
        assert all(stage_of(str(path)) != "rest" for path in (PACKAGE / folder).rglob("*.py"))


def test_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'kpinunu-full'"):
        time_chains(chains=["kpinunu-ful"])
    with pytest.raises(ValueError, match="repeat = 0: it must be a whole number"):
        time_chains(repeat=0)
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
