"""The command line: every verb, exit codes, one line per error, one JSON object per result."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.report.as_json import to_json

EVENTS = 2000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small sample of each kind, and a reconstructed one."""
    folder = tmp_path_factory.mktemp("samples")
    paths = {"sample": folder / "a.h5", "reco": folder / "a.reco.h5", "truncated": folder / "cut.h5"}
    assert main(["simulate", "k2pi", "-n", str(EVENTS), "-o", str(paths["sample"])]) == 0
    assert main(["reconstruct", str(paths["sample"])]) == 0
    paths["truncated"].write_bytes(paths["reco"].read_bytes()[:300_000])
    paths["text"] = folder / "text.h5"
    paths["text"].write_text("not a sample")
    paths["foreign"] = folder / "foreign.h5"
    h5py.File(paths["foreign"], "w").close()
    return paths


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def result(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The JSON of a verb, which must be all there is on stdout."""
    code, out, err = run(capsys, *words, "--json")
    assert code == 0, err

    def refuse(word: str) -> None:
        raise ValueError(word)

    found = json.loads(out, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def refused(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """The one line of an error."""
    found, out, err = run(capsys, *words)
    assert found == code, err
    assert out == ""
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    return lines[0]


def test_help_is_quick_and_light() -> None:
    """Warm, below 0.4 s of CPU time, and without the packages that physics needs."""
    code = (
        "import sys; from na62sim.cli import main; code = main(['--help']);"
        "heavy = {'numpy', 'numba', 'scipy', 'pydantic', 'h5py', 'matplotlib', 'particle', 'rich'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else code)"
    )
    times = []
    for _ in range(3):
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
        assert done.returncode == 0, done.stderr
    assert "Usage: na62sim" in done.stdout
    assert min(times) < 0.4


def test_module_entry(tmp_path: Path) -> None:
    """`python -m na62sim`, with the exit codes of a shell."""
    environment = {**os.environ, "COLUMNS": "100"}
    for words, code in ((["--version"], 0), (["simulte"], 2), (["info", "no/such.h5"], 1)):
        done = subprocess.run(
            [sys.executable, "-m", "na62sim", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_words_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 0
    for verb in ("run", "simulate", "reconstruct", "select", "acceptance", "limit", "validate", "info", "show"):
        assert f"  {verb} " in out


def test_simulate(files: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first = result(
        capsys, "simulate", "k2pi", "-n", "2e3", "-o", str(tmp_path / "b.h5"), "--chunk", "1000", "--threads", "1"
    )
    assert first["n_events"] == EVENTS
    assert first["file"] == str(tmp_path / "b.h5")
    assert (first["process"], first["geometry"], first["seed"]) == ("k2pi", "run1-2018-s2", 1)
    with h5py.File(files["sample"]) as file:
        assert file.attrs["content_sha256"] == first["content_sha256"]
        assert str(file.attrs["command"]).startswith("na62sim simulate k2pi ")
    assert "exists already" in refused(capsys, 1, "simulate", "k2pi", "-n", "10", "-o", str(tmp_path / "b.h5"))
    other = result(capsys, "simulate", "k2pi", "-n", "2e3", "--seed", "2", "-o", str(tmp_path / "b.h5"), "--force")
    assert other["content_sha256"] != first["content_sha256"]


def test_simulate_a_process_of_ones_own(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["K+ -> pi+ (X -> mu+ mu-)", "-p", "m_X=250MeV", "-p", "ctau_X=30mm", "--decay-volume", "110", "160"]
    found = result(capsys, "simulate", *words, "-n", "100", "-o", str(tmp_path / "mine.h5"))
    assert found["decay_volume_m"] == [110.0, 160.0]
    about = result(capsys, "info", str(tmp_path / "mine.h5"))
    assert about["extra"]["process"]["mass_MeV"] == {"X": 250.0}


def test_what_is_allowed_and_stable_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In simulate, info, select and acceptance, as JSON and in words; refused without the options."""
    first, second = str(tmp_path / "lnv.h5"), str(tmp_path / "reco.h5")
    words = ["simulate", "K+ → pi- mu+ mu+", "-n", "100", "-o", first]
    assert "pi- mu+ mu+: lepton number 0 becomes -2" in refused(capsys, 2, *words)
    keys = {"phase_space": ["K+"], "violates": ["lepton"]}
    lines = ("K+: flat phase space", "lepton number may be violated")
    assert keys.items() <= result(capsys, *words, "--allow", "lepton").items()
    assert all(line in run(capsys, *words, "--allow", "lepton", "--force")[1] for line in lines)
    assert keys.items() <= result(capsys, "info", first).items()
    assert all(line in run(capsys, "info", first)[1] for line in lines)
    result(capsys, "reconstruct", first, "-o", second)
    assert keys.items() <= result(capsys, "select", second, "-s", "k3pi").items()
    assert all(line in run(capsys, "select", second, "-s", "k3pi")[1] for line in lines)
    words = ["acceptance", "K+ -> pi+ pi0", "-n", "100", "-s", "k2pi"]
    assert "write K+ -> pi+ (pi0 -> gamma gamma), or" in refused(capsys, 2, *words)
    assert result(capsys, *words, "--stable", "pi0")["stable"] == ["pi0"]
    assert "pi0: left undecayed, as asked for" in run(capsys, *words, "--stable", "pi0")[1]
    assert "not to a named process" in refused(capsys, 2, "acceptance", "k2pi", *words[2:], "--allow", "lepton")
    folder = ["simulate", "K+ -> pi+ pi- mu+ nu", "-n", "1000", "-o", str(tmp_path / "run"), "--shard-events", "1000"]
    assert "K+: flat phase space" in run(capsys, *folder)[1]


def test_flat_phase_space_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Where a process is described, and by a cut-flow that prints itself; not where there is an amplitude."""
    assert "K+: flat phase space" in run(capsys, "info", "kpiaa")[1]
    assert "flat phase space" not in run(capsys, "info", "kpinunu")[1]
    import na62sim

    flow = na62sim.acceptance("K+ -> pi+ nu nubar", "pinunu", 100, threads=1)
    assert "K+: flat phase space" in str(flow)


def test_a_decay_in_python_is_that_of_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same events, and a file that says how they were made."""
    import na62sim

    words = ["K+ -> pi0 mu+ (X -> gamma gamma)", "--stable", "pi0", "-p", "m_X=30MeV", "-p", "tau_X=1ns"]
    found = result(capsys, "simulate", *words, "-n", "100", "-o", str(tmp_path / "a.h5"))
    given: dict[str, Any] = {"mass": {"X": 30.0}, "tau_X": 1.0, "stable": {"pi0"}}
    with na62sim.simulate(words[0], 100, path=tmp_path / "b.h5", **given) as sample:
        assert sample.provenance.content_sha256 == found["content_sha256"]
        assert sample.provenance.extra["parameters"]["stable"] == ["pi0"]


def test_reconstruct_and_select(files: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = result(capsys, "reconstruct", str(files["sample"]), "-o", str(tmp_path / "r.h5"))
    assert found["n_events"] == EVENTS
    assert found["n_candidates"] > 0.5 * EVENTS
    flow = result(capsys, "select", str(files["reco"]), "--selection", "k2pi", "-o", str(tmp_path / "flow.json"))
    assert json.loads((tmp_path / "flow.json").read_text())["acceptance"] == flow["acceptance"]
    direct = result(capsys, "acceptance", "k2pi", "--selection", "k2pi", "-n", str(EVENTS))
    assert flow["cutflow"] == direct["cutflow"]
    assert "reconstructed already" in refused(
        capsys, 2, "reconstruct", str(files["reco"]), "-o", str(tmp_path / "x.h5")
    )
    assert "reconstruct it first" in refused(capsys, 2, "select", str(files["sample"]), "--selection", "k2pi")
    refused(capsys, 2, "reconstruct", str(files["sample"]), "-o", str(files["sample"]), "--force")


def test_acceptance(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "acceptance", "kpinunu", "--selection", "pinunu", "-n", "4000", "--geometry", "run1-2018-s1")
    assert found["n_generated"] == 4000
    assert found["decay_volume_m"] == [105.0, 165.0]
    assert found["events_per_second"] > 0.0
    a, regions = found["acceptance"], found["regions"]
    assert a["value"] == pytest.approx(regions["R1"]["value"] + regions["R2"]["value"])
    assert 0.0 < a["low"] < a["value"] < a["high"] < 1.0
    assert a["stat"] > 0.0 < a["syst"]
    assert set(found["cutflow"][0]) == {"cut", "n", "sumw", "efficiency"}
    code, out, err = run(capsys, "acceptance", "kpinunu", "--selection", "pinunu", "-n", "4000")
    assert code == 0
    assert out.startswith("acceptance 0.0") and "R2: 0.0" in out and "Cut-flow of pinunu" in out
    assert re.search(r"^Trigger masks .* pnn 0\.\d{3} ± 0\.\d{3}", out, flags=re.MULTILINE)
    assert "Ledger" not in out and "Momentum bins" not in out and "--full prints" in out
    assert "kpinunu in run1-2018-s2: 4000 events" in err
    assert max(map(len, out.splitlines())) <= 100
    code, full, _ = run(capsys, "acceptance", "kpinunu", "--selection", "pinunu", "-n", "4000", "--full")
    assert code == 0
    assert "Ledger: every loss once" in full and "Momentum bins" in full and "--full prints" not in full
    assert max(map(len, full.splitlines())) <= 100


def test_limit(capsys: pytest.CaptureFixture[str]) -> None:
    found = result(capsys, "limit", "--observed", "0", "--background", "0.18", "--ses", "1.4e-11")
    assert found["upper_limit"] == pytest.approx(3.22e-11, rel=1e-2)
    assert set(found["expected"]) == {"median", "minus1", "plus1", "minus2", "plus2"}
    assert found["lower_limit"] == 0.0
    assert "is not a whole number" in refused(capsys, 2, "limit", "--observed", "0.5", "--background", "0.18")
    assert "did you mean 'cls'" in refused(capsys, 2, "limit", "--observed", "0", "--background", "0", "--method", "cl")


def test_info(files: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = result(capsys, "info")
    assert {"kpinunu", "k2pi", "kmu2", "kpix"} <= {row["name"] for row in found["processes"]}
    assert {"pinunu", "k2pi", "pi4e", "kpiaa", "kpis", "k2pi-4e"} <= {row["name"] for row in found["selections"]}
    geometry = result(capsys, "info", "run1-2018-s2")
    numbers = geometry["numbers"]
    assert numbers["total"] == sum(
        numbers[tag] for tag in ("published", "recalled", "derived", "calibrated", "assumed")
    )
    assert {"pinunu", "k2pi", "pi4e"} == set(geometry["ledger"])
    assert "beam.spill_s" in geometry["context"] and "beam.momentum_GeV" not in geometry["context"]
    assert geometry["context_changed"] == []
    assert [row["tracks"] for row in geometry["ledger"]["pi4e"] if "per " in row["loss"]] == [5.0, 2.4]
    assert result(capsys, "info", "kpix")["parameters"][1]["default"] == "inf"
    assert result(capsys, "info", "k2pi")["selection"]["kind"] == "selection"
    assert result(capsys, "info", "pinunu")["signal_regions"] == ["R1", "R2"]
    assert result(capsys, "info", "pinunu-2018")["name"] == "pinunu-2018"
    sample = result(capsys, "info", str(files["reco"]))
    assert sample["n_events"] == EVENTS
    assert sample["complete"] is True
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "run1-2018-s2"\nname = "mine"\ndescription = "mine"\n')
    assert result(capsys, "info", str(mine))["name"] == "mine"
    for thing in ("", "geometries", "run1-2018-s2", "kpix", "k2pi", "pinunu", "pinunu-2018", str(files["reco"])):
        code, out, _ = run(capsys, "info", *([thing] if thing else []))
        assert code == 0
        assert max(map(len, out.splitlines())) <= 100
    assert "did you mean 'kpinunu'" in refused(capsys, 2, "info", "kpinun")


def test_show(files: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = result(capsys, "show", str(files["reco"]), "--event", "3", "-o", str(tmp_path / "event.png"))
    assert Path(found["picture"]).stat().st_size > 10_000
    line = refused(capsys, 2, "show", str(files["reco"]), "--event", str(EVENTS), "-o", str(tmp_path / "no.png"))
    assert f"0 to {EVENTS - 1}" in line


def test_show_names_the_event_of_a_skim_by_its_number_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Of a skim the fourth event is not the one of number 3."""
    file, picture = tmp_path / "skim.h5", tmp_path / "event.png"
    result(capsys, "simulate", "kpinunu", "--skim", "pinunu", "-n", "1000", "-o", str(file))
    with na.Sample.open(file) as sample:
        number = int(sample.slice_events(3, 4)["events"]["number"][0])
    assert number > 3
    code, out, _ = run(capsys, "show", str(file), "--event", "3", "-o", str(picture))
    assert code == 0 and " ".join(out.split()) == f"{picture}: event 3 of the file, number {number}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simulte"], "did you mean 'simulate'|Did you mean 'simulate'"),
        (["simulate", "kpinunu", "-n", "10"], "missing option '-o'"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--theads", "2"], "did you mean --shards, --threads?"),
        (
            ["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--threads", "0"],
            "threads = 0: it must be a whole number from 1 to 4096",
        ),
        (
            ["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--seed", "x"],
            "seed = x: it must be a whole number from 0 to 2**64 - 1",
        ),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--seed", "-1"], "seed = -1"),
        (["simulate", "kpinunu", "-n", "-5", "-o", "FILE"], "events = -5"),
        (["simulate", "kpinunu", "-n", "0", "-o", "FILE"], "events = 0"),
        (["simulate", "kpinunu", "-n", "1.5", "-o", "FILE"], "events = 1.5"),
        (["simulate", "kpinunu", "-n", "ten", "-o", "FILE"], "events = 'ten'"),
        (["simulate", "kpinun", "-n", "10", "-o", "FILE"], "did you mean 'kpinunu'"),
        (["simulate", "kpix", "-n", "10", "-o", "FILE", "-p", "m_X=400MeV"], "must be below 354.10661 MeV"),
        (["simulate", "kpix", "-n", "10", "-o", "FILE", "-p", "m_X=-1MeV"], "must not be negative"),
        (["simulate", "kpix", "-n", "10", "-o", "FILE", "-p", "m_X=10Mev"], "did you mean 'MeV'"),
        (["simulate", "kpix", "-n", "10", "-o", "FILE", "-p", "m_Y=10MeV"], "did you mean 'm_X'"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "-p", "shape=scalr"], "did you mean 'scalar'"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "-g", "run1-2018-s3"], "did you mean 'run1-2018-s2'"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--chunk", "7"], "chunk = 7"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--photons", "maybe"], "photons"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--compression", "zip"], "compression"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--intensity", "-1"], "intensity = -1"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--decay-volume", "170", "105"], "increasing"),
        (["simulate", "kpinunu", "-n", "10", "-o", "FILE", "--decay-volume", "0,900"], "decay volume"),
        (["acceptance", "kpinunu", "--selection", "pinun", "-n", "10"], "did you mean 'pinunu'"),
        (["run", "pinunu2018"], "did you mean 'pinunu-2018'"),
        (["run", "pinunu-2018", "-n", "0", "-o", "FILE"], "events = 0"),
        (["validate", "-n", "-1"], "events = -1"),
    ],
)
def test_wrong_use(words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = refused(capsys, 2, *(str(tmp_path / "out.h5") if word == "FILE" else word for word in words))
    assert any(part in line for part in message.split("|")), line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["truncated", "text", "foreign", "missing"])
def test_bad_files(kind: str, files: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = files.get(kind, tmp_path / "missing.h5")
    verbs = (
        ["info", str(path)],
        ["select", str(path), "--selection", "k2pi"],
        ["reconstruct", str(path), "-o", str(tmp_path / "out.h5")],
        ["show", str(path), "--event", "0", "-o", str(tmp_path / "out.png")],
    )
    for words in verbs:
        assert path.name in refused(capsys, 1, *words)
    assert not list(tmp_path.iterdir())


def test_what_is_no_file_is_not_replaced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """In every verb, before the work, with --force or not."""
    out, no = tmp_path / "out", str(tmp_path / "no.h5")
    os.mkfifo(out)
    verbs = (
        ["simulate", "k2pi", "-n", "10"], ["reconstruct", no], ["select", no, "-s", "k2pi"], ["merge", no],
        ["show", no], ["exclusion", "--channel", "mumu", "-n", "10"],
    )  # fmt: skip
    for words in verbs:
        for force in ([], ["--force"]):
            line = refused(capsys, 1, *words, "-o", str(out), *force)
            assert line.strip() == f"error: {out}: is a named pipe, not a file"
        missing = tmp_path / "missing" / "out"
        assert f"{missing}: there is no folder {missing.parent}" in refused(capsys, 1, *words, "-o", str(missing))
    assert out.is_fifo()


def test_bad_geometry_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    top = 'extends = "run1-2018-s2"\nname = "mine"\ndescription = "mine"\n'
    for text, message in (
        ("[ktag]\nsource = 'x'\ntag = 'assumed'\neficiency = 0.9\n", "did you mean 'ktag.efficiency'"),
        ("[ktag]\nefficiency = 0.9\n", "source"),
        ("[[", "mine.toml"),
    ):
        path = tmp_path / "mine.toml"
        path.write_text(top + text)
        assert message in refused(
            capsys, 2, "simulate", "kpinunu", "-n", "10", "-g", str(path), "-o", str(tmp_path / "o.h5")
        )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_unwritable_places(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such"
    assert "no" in refused(capsys, 1, "simulate", "kpinunu", "-n", "10", "-o", str(missing / "a.h5"))
    assert "no such folder" in refused(capsys, 1, "run", "pinunu-2018", "-o", str(missing / "out"))
    assert "is a folder" in refused(capsys, 1, "simulate", "kpinunu", "-n", "10", "-o", str(tmp_path))
    (tmp_path / "mine.txt").write_text("keep me")
    assert "is not empty" in refused(capsys, 1, "run", "pinunu-2018", "-o", str(tmp_path))
    assert "is not a folder" in refused(capsys, 1, "run", "pinunu-2018", "-o", str(tmp_path / "mine.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 1, "error: not enough memory"),
        (OSError(28, "No space left on device", "a.h5"), 1, "error: a.h5: No space left on device"),
        (ZeroDivisionError("division by zero"), 1, "internal error: ZeroDivisionError: division by zero"),
        (ValueError("one\nand two"), 2, "error: one and two"),
    ],
)
def test_failures_have_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("na62sim.report.describe.describe", fail)
    found, out, err = run(capsys, "info")
    assert (found, out, err.strip()) == (code, "", line)


def test_interrupted_production_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("na62sim.cli.progress.Ticker.__call__", interrupt)
    code, _, err = run(capsys, "simulate", "kpinunu", "-n", "2000", "-o", str(tmp_path / "a.h5"))
    assert code == 130
    assert err.strip().endswith("interrupted")
    code, _, _ = run(capsys, "run", "pinunu-2018", "-n", "1000", "-o", str(tmp_path / "out"))
    assert code == 130
    assert not list(tmp_path.iterdir())


def test_json_has_no_nan() -> None:
    import numpy as np

    text = to_json(
        {"a": np.float64("nan"), "b": [np.inf, 1], "c": np.int64(3), "d": np.array([1.5, np.nan]), "e": Path("x")}
    )
    assert json.loads(text) == {"a": None, "b": [None, 1], "c": 3, "d": [1.5, None], "e": "x"}
