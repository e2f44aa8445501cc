"""Two of a kind side by side: differences in standard deviations, and what went in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.study.differences import compare


def result(acceptance: float, stat: float, seed: int, n: int) -> dict[str, Any]:
    return {
        "process": "kpinunu", "selection": "pinunu", "geometry": "run1-2018-s2", "seed": seed, "n_generated": 1000,
        "acceptance": {"value": acceptance, "low": acceptance - stat, "high": acceptance + stat, "stat": stat},
        "cutflow": [{"cut": "generated", "n": 1000, "sumw": 1000.0, "efficiency": 1.0},
                    {"cut": "a cut", "n": n, "sumw": float(n), "efficiency": n / 1000.0}],
        "events_per_second": 1e5 * seed,
    }  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> list[str]:
    names = []
    for k, numbers in enumerate(((0.10, 0.003, 1, 400), (0.11, 0.004, 2, 425))):
        path = tmp_path / f"{k}.json"
        path.write_text(json.dumps(result(*numbers)))
        names.append(str(path))
    return names


def test_results(results: list[str]) -> None:
    """0.11 ± 0.004 and 0.10 ± 0.003 differ by 2 sigma; binomial errors of a cut-flow; speeds are no result."""
    found = compare(*results)
    rows = {row.name: row for row in found.rows}
    assert set(rows) == {"acceptance", "cutflow.generated", "cutflow.a cut"}
    assert rows["acceptance"].pull == pytest.approx(2.0)
    error = math.hypot(math.sqrt(0.4 * 0.6 / 1000.0), math.sqrt(0.425 * 0.575 / 1000.0))
    assert rows["cutflow.a cut"].pull == pytest.approx(0.025 / error, rel=0.05)
    assert found.rows[0].name == "acceptance"
    assert found.inputs == ("seed: 1 → 2",)
    assert compare(results[0], results[0]).notes[0].startswith("Both have one seed")


def test_rows_of_weighted_events_have_no_error(results: list[str], tmp_path: Path) -> None:
    """40 events of weight 1e-7 are not known to 16 %: such a row is left out, and said; flat factors of cuts stay."""
    weighted = result(1e-8, 2e-9, 3, 40)
    weighted["cutflow"] += [{"cut": "veto", "n": 40, "sumw": 4e-6, "efficiency": 4e-9}]
    weighted["cutflow"] += [{"cut": "factor", "n": 40, "sumw": 36.0, "efficiency": 0.036}]
    for row in weighted["cutflow"]:
        row["sumw"] *= 0.108  # the probability to decay in the volume, of every event
    path = tmp_path / "weighted.json"
    path.write_text(json.dumps(weighted))
    found = compare(path, path)
    assert {row.name for row in found.rows} == {"acceptance", "cutflow.generated", "cutflow.a cut", "cutflow.factor"}
    assert any("weighted events are left out" in note for note in found.notes)
    assert not any("left out" in note for note in compare(*results).notes)


def test_what_it_prints_and_writes(results: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *results]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "2 of 3 quantities differ, 0 by more than 3σ; the largest by 2.0σ"
    for name in ("both.png", "both.csv", "both.json"):
        assert main(["compare", *results, "-o", str(tmp_path / name)]) == 0
    assert "acceptance,0.1,0.003,0.11,0.004,2.000" in (tmp_path / "both.csv").read_text()
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert main(["compare", *results, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quantities"][0]["sigmas"] == pytest.approx(2.0)


def test_points_of_a_search_or_an_exclusion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per point: each number of the lists is a quantity of its point, with the error of the simulation."""
    one = {
        "protons": 1.4e17, "mass_GeV": [0.25, 0.35], "eps_low": [4e-7, None], "eps_high": [3e-6, 2e-6],
        "mc_error": {"eps_low": [0.03, None], "eps_high": [0.01, 0.02]}, "expected": {"median": {"eps_low": [4e-7, 5e-7]}},
    }  # fmt: skip
    two = {**one, "protons": 1e18, "eps_low": [3e-7, 4e-7], "mass_GeV": [0.25, 0.45]}
    names = [tmp_path / "a.json", tmp_path / "b.json"]
    for name, data in zip(names, (one, two), strict=True):
        name.write_text(json.dumps(data))
    found = compare(*names)
    rows = {row.name: row for row in found.rows}
    assert found.inputs == ("protons: 1.4e+17 → 1e+18",)
    assert set(rows) == {f"{n} (mass_GeV=0.25)" for n in ("eps_low", "eps_high", "expected.median.eps_low")}
    low = rows["eps_low (mass_GeV=0.25)"]
    assert low.pull == pytest.approx(-1e-7 / math.hypot(0.03 * 4e-7, 0.03 * 3e-7))
    assert "eps_high (mass_GeV=0.35)" in found.only_a and "eps_low (mass_GeV=0.45)" in found.only_b
    limits = [{"method": "cls", "scenario": "mine", "upper_limit": x, "expected": {"median": 3.0}} for x in (2.3, 3.9)]
    for name, data in zip(names, limits, strict=True):
        name.write_text(json.dumps(data))
    assert [(row.name, row.a, row.b) for row in compare(*names).rows] == [
        ("upper_limit", 2.3, 3.9), ("expected.median", 3.0, 3.0),
    ]  # fmt: skip
    names[1].write_text("{}")
    assert main(["compare", *map(str, names)]) == 0
    assert "no quantity is in both, nothing is compared" in " ".join(capsys.readouterr().out.split())


def test_geometries(tmp_path: Path) -> None:
    """A detector of one's own against the one that it extends: the numbers that were changed, and their sources."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'extends = "run1-2018-s2"\nname = "mine"\n[gtk]\nsource = "assumed: faster"\ntag = "assumed"\n'
        "angle_resolution_urad = 12\n"
    )
    found = compare("run1-2018-s2", str(mine))
    (row,) = found.rows
    assert (row.name, row.a, row.b) == ("gtk.angle_resolution_urad", 16.0, 12.0)
    assert found.inputs[0].startswith("gtk.angle_resolution_urad: 16.0 → 12")
    assert "assumed: faster" in found.inputs[0]
    s1 = compare("run1-2018-s1", "run1-2018-s2")
    assert "decay_volume.z_max_m: 165.0 → 170.0 (recalled: NA62, JHEP 06 (2021) 093 (recalled))" in s1.inputs
    assert (found.a, found.b, found.kind) == ("run1-2018-s2", "mine", "geometry")


def test_samples(tmp_path: Path) -> None:
    """The same events twice are equal; another seed gives means that agree; another mass does not."""
    for name, seed, mass in (("a", 1, 200.0), ("b", 1, 200.0), ("c", 2, 200.0), ("d", 1, 340.0)):
        na.simulate("kpix", events=1000, seed=seed, path=tmp_path / f"{name}.h5", m_X=mass)
    path = {name: str(tmp_path / f"{name}.h5") for name in "abcd"}
    same = compare(path["a"], path["b"])
    assert all(row.a == row.b for row in same.rows)
    assert same.notes[0] == "The events are the same, bit for bit."
    other = compare(path["a"], path["c"])
    pulls = {row.name: row.pull for row in other.rows if row.pull is not None}
    assert abs(pulls["truth/pz"]) < 4.0  # p = 6e-5
    assert "seed: 1 → 2" in other.inputs
    lighter = compare(path["a"], path["d"])
    assert max(abs(row.pull) for row in lighter.rows if row.pull is not None) > 10.0


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("run1-2018-s2", "0.json", "run1-2018-s2 is a geometry and .*0.json a result: both must be of one kind"),
        ("run1-2018-s3", "run1-2018-s2", "run1-2018-s3"),
        ("list.json", "0.json", "list.json: holds no result"),
        ("broken.json", "0.json", "broken.json: is no JSON of a result"),
        ("absent.json", "0.json", "No such file"),
        ("absent.h5", "absent.h5", "absent.h5"),
    ],
)
def test_what_cannot_be_compared(
    results: list[str], tmp_path: Path, a: str, b: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    names = [name if name.startswith("run") else str(tmp_path / name) for name in (a, b)]
    assert main(["compare", *names]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message, line)
