"""Nothing changes unnoticed: hashes of every process, cut-flows of every selection, counts of the scenarios.

The values were written by an earlier version; what they compare is two versions, not a version with physics. Who
changes physics runs ``pytest tests/golden -m 'slow or not slow' --update-golden`` and says in the commit what moved and why.
They hold on the platform that the first line of golden.txt names: elsewhere the last bits of a float may differ.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from na62sim.cli import main

GOLDEN = Path(__file__).with_name("golden.txt")

# Keys that are left out: when, where and how fast it was made, and texts that say the same in words.
LEFT_OUT = {
    "bytes", "command", "created", "events_per_second", "figures", "file", "folder", "input", "program_version", "seconds",
    "sources", "taken_over", "timings", "toml", "version", "help", "title", "source", "description", "what", "sha256",
}  # fmt: skip

KAON_PROCESSES = [
    "kpinunu", "kpix", "kpiaa", "kpis", "kpi4e", "k2pi", "k2pi-dalitz", "k2pi-4e", "k3pi", "k3pi0", "k3pi0-dd", "kmu2",
    "ke3", "kmu3", "ke4", "k2pig", "kpigg", "kpiee", "kpimumu",
    "kmu2g",
]  # fmt: skip
DUMP_PROCESSES = ["aprime-brems", "aprime-meson", "alp-b"]
# selection: the process that it is made for, further options
SELECTIONS = {
    "pinunu": ["kpinunu"],
    "pinunu/k2pi": ["k2pi"],
    "k2pi": ["k2pi"],
    "pi4e": ["kpi4e"],
    "kpiaa": ["kpiaa", "-p", "m_a=100MeV"],
    "kpix": ["kpix", "-p", "m_X=200MeV"],
    "kpis": ["kpis"],
    "k2pi-4e": ["k2pi-4e"],
    "k3pi": ["k3pi"],
    "k3pi-lkr": ["k3pi"],
    "kpimumu": ["kpimumu"],
    "kpiee": ["kpiee"],
    "dimuon": ["aprime-brems", "-g", "dump-2021"],
    "dielectron": ["aprime-meson", "-p", "channel=ee", "-p", "m_Aprime=50MeV", "-g", "dump-2021"],
    "pinunu/weight": ["k2pi", "--photons", "weight"],
    "pinunu/2017": ["kpinunu", "-g", "run1-2017"],
    "pinunu/2022": ["kpinunu", "-g", "run2-2022"],
    "pi4e/k3pi0-dd": ["k3pi0-dd", "-p", "bias=0.08", "--photons", "weight", "-n", "400000"],
    "pinunu/lifetimes": ["kpix", "-p", "m_X=200MeV", "--lifetimes", "ctau_X=1m:100m:3"],
}
RUNS = ["pinunu-2017", "pinunu-2018", "pinunu-2022", "dump-2021-mumu", "dump-2021-ee"]
SLOW = {"pinunu-2017", "dump-2021-ee"}
SCAN = """
[limits]
background = 0.18
background_sigma = 0.14
observed = 0
source = "assumed: golden"

[normalisation]
process = "k2pi-4e"
selection = "k2pi-4e"
geometry = "run1-2018-s2"
decay_volume_m = [105, 180]
events = 200_000
triggers = ["multi_track", "electron_multi_track"]
counted = 2039
counted_sigma = 45
branching_ratio = 6.904e-6
branching_ratio_sigma = 0.332e-6
kaons = 8.58e11
kaons_sigma = 0.46e11
tag = "assumed"
source = "assumed: golden"

[[sample]]
label = "k2pi-4e"
process = "k2pi-4e"
geometry = "run1-2018-s2"
decay_volume_m = [105, 180]
selection = "k2pi-4e"
events = 200_000
branching_ratio = 6.904e-6
branching_ratio_source = "assumed: golden"

[[scan]]
label = "kpiaa"
process = "kpiaa"
geometry = "run1-2018-s2"
decay_volume_m = [105, 180]
selection = "kpiaa"
events = 20_000
axes = { m_a = { start = 50, stop = 150, step = 50, unit = "MeV" } }
"""
SCANNED = f'name = "golden-scan"\ntitle = "K+ -> pi+ aa"\nseed = 1\n{SCAN}\n[run]\nfigures = false\n'

CASES = [
    *(("simulate", name) for name in KAON_PROCESSES + DUMP_PROCESSES),
    *(("acceptance", name) for name in SELECTIONS),
    *(("run", name) for name in [*RUNS, "golden-scan"]),
    ("select", "kpinunu"), ("select", "kpiaa"), ("info", "all"), ("exclusion", "mumu"),
]  # fmt: skip


def platform_line() -> str:
    """What the last bits of a float may depend on."""
    version = [".".join(module.__version__.split(".")[:2]) for module in (numba, np)]
    return f"# {platform.machine()}, numba {version[0]}, numpy {version[1]}"


def flat(value: Any, path: str = "") -> Iterator[str]:
    """The leaves of a JSON value, one line each: path and value; of a long list of numbers its length and digest."""
    if isinstance(value, dict):
        for key in value:
            if key not in LEFT_OUT:
                yield from flat(value[key], f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any("{" in json.dumps(item) for item in value):
        for k, item in enumerate(value):
            yield from flat(item, f"{path}[{k}]")
    else:
        text = json.dumps(value)
        if isinstance(value, list) and len(text) > 100:
            text = f"{len(value)} values, {hashlib.sha256(text.encode()).hexdigest()[:16]}"
        yield f"{path} {text}"


class Command:
    """Run verbs and read the JSON that they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.capsys, self.folder = capsys, folder

    def __call__(self, *words: str) -> Any:
        assert main([*words, "--json"]) == 0, self.capsys.readouterr().err
        return json.loads(self.capsys.readouterr().out)


def values(kind: str, name: str, command: Command) -> Any:
    """What the golden file holds of one case."""
    folder = command.folder
    if kind == "simulate":
        geometry = "dump-2021" if name in DUMP_PROCESSES else "run1-2018-s2"
        return command("simulate", name, "-n", "2000", "--seed", "1", "-g", geometry, "-o", str(folder / "x.h5"))
    if kind == "acceptance":
        return command("acceptance", "-n", "20000", *SELECTIONS[name], "-s", name.split("/")[0], "--seed", "1")
    if kind == "select":
        first, second = str(folder / "x.h5"), str(folder / "x.reco.h5")
        command("simulate", name, "-n", "2000", "--seed", "1", "-o", first)
        about = command("reconstruct", first, "-o", second)
        return [about, command("select", second, "-s", "pinunu" if name == "kpinunu" else "kpiaa")]
    if kind == "exclusion":
        return command("exclusion", "--channel", "mumu", "--pot", "1.4e17", "--masses", "250,400", "-n", "5000")
    if kind == "info":
        return [command("info", thing) for thing in (*KAON_PROCESSES, *DUMP_PROCESSES, "run1-2018-s2", "pinunu")]
    if name == "golden-scan":
        text = SCANNED
    else:
        text = without_figures(command("info", name)["toml"])
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return command("run", str(folder / f"{name}.toml"), "-n", "2000", "-o", str(folder / "out"))


def without_figures(text: str) -> str:
    """A scenario that draws nothing."""
    assert "figures = true" in text
    return text.replace("figures = true", "figures = false")


def stored() -> dict[str, list[str]]:
    """The cases of the golden file."""
    cases: dict[str, list[str]] = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("== "):
            lines = cases.setdefault(line.removeprefix("== "), [])
        else:
            lines.append(line)
    return cases


def write(cases: dict[str, list[str]]) -> None:
    """Write the golden file: cases in the order of CASES."""
    order = [" ".join(case) for case in CASES]
    lines = [platform_line()]
    for case in (case for case in order if case in cases):
        lines += [f"== {case}", *cases[case]]
    GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "name"),
    [pytest.param(*case, marks=pytest.mark.slow if case[1] in SLOW else (), id="-".join(case)) for case in CASES],
)
def test_golden(
    kind: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("na62sim.study.kaon.background_row.LARGEST_SHARE", 1.0)  # of few events rows have numbers too
    update = request.config.getoption("--update-golden")
    if not update and GOLDEN.read_text(encoding="utf-8").splitlines()[0] != platform_line():
        pytest.skip(f"golden.txt was not written on {platform_line()[2:]}")
    found = list(flat(values(kind, name, Command(capsys, tmp_path))))
    if update:
        cases = stored() if GOLDEN.exists() else {}
        cases[f"{kind} {name}"] = found
        write(cases)
        return
    assert sorted(found) == sorted(stored()[f"{kind} {name}"])  # the order of keys means nothing


def test_golden_cases() -> None:
    """No case is in the file that nobody compares, and none is compared that is not in the file."""
    assert sorted(stored()) == sorted(" ".join(case) for case in CASES)
