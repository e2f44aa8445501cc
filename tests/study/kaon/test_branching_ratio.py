"""Counts of K+ -> pi+ nu nubar: the published ones, and those of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from na62sim.cli import main
from na62sim.study.kaon import simulated_counts
from na62sim.study.kaon.backgrounds import BackgroundRow, Backgrounds
from na62sim.study.kaon.branching_ratio import branching_ratio
from na62sim.study.kaon.counts import wanted_counts

MINE = """
[[category]]
name = "low"
observed = 2
signal = 2.0
signal_error = 0.1
[[category.background]]
events = 1.0
up = 0.3
down = 0.2
source = "upstream"
[[category]]
name = "high"
observed = 4
signal = 3.0
signal_error = 0.1
[[category.background]]
events = 1.5
up = 0.4
down = 0.3
source = "upstream"
"""


def test_sums_of_the_published_counts() -> None:
    """NA62, JHEP 06 (2021) 093 and JHEP 02 (2025) 191: 20 events, 10.0 and 7.0; 51 events and a background of 18."""
    run1, everything = branching_ratio("run1"), branching_ratio("2016-2022")
    assert (run1.observed, everything.observed) == (20, 51)
    assert run1.expected_signal == pytest.approx(10.0, abs=0.05)
    assert run1.expected_background == pytest.approx(7.0, abs=0.05)
    assert (run1.background_up, run1.background_down) == pytest.approx((1.05, 0.82), abs=0.02)
    assert everything.expected_background == pytest.approx(18.0, abs=0.5)


@pytest.mark.parametrize(
    ("data", "bins", "value", "plus", "minus"),
    [("run1", "one", 10.9, 4.1, 3.6), ("2016-2022", "one", 13.9, 3.3, 3.0), ("run1", "default", 10.8, 4.1, 3.6),
     ("2016-2022", "default", 13.4, 3.3, 3.0)],
)  # fmt: skip
def test_reference_fits(data: str, bins: str, value: float, plus: float, minus: float) -> None:
    """Fits written apart from this program, with the signal known exactly; its 3 to 6 % widen the interval by 2 %."""
    found = branching_ratio(data, bins)
    assert 1e11 * found.value == pytest.approx(value, rel=0.01)
    assert 8.4 * found.fit.plus == pytest.approx(plus, rel=0.035)  # type: ignore[operator]
    assert 8.4 * found.fit.minus == pytest.approx(minus, rel=0.035)  # type: ignore[operator]


def test_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    assert main(["branching-ratio", str(tmp_path / "mine.toml"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["categories"]] == ["low", "high"]
    assert found["branching_ratio"]["value"] == pytest.approx(8.4e-11 * 3.5 / 5.0, rel=0.02)
    assert found["background_up"] == pytest.approx(0.7)  # one source: linear
    assert set(found) >= {"p0", "significance", "expected_signal", "expected_background", "observed"}


def test_what_it_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("curve.png", "curve.pdf", "curve.csv", "all.json"):
        assert (
            main(["branching-ratio", "run1", "-o", str(tmp_path / name), "--pyhf", str(tmp_path / f"{name}.hf.json")])
            == 0
        )
        assert (tmp_path / name).stat().st_size > 500
    assert (tmp_path / "curve.pdf").read_bytes().startswith(b"%PDF")
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    best = min((line.split(",") for line in lines[1:]), key=lambda row: float(row[1]))
    assert float(best[0]) == pytest.approx(10.8e-11, rel=0.05)
    assert main(["branching-ratio", "run1", "-o", str(tmp_path / "curve.png")]) == 1
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("run1-2018-s1", "data 'run1-2018-s1': 2018 was counted as a whole"),
        ("run3", "data 'run3' is unknown"),
        ("run1,2016", "2016 is there twice"),
        ("", "data '' is unknown"),
    ],
)
def test_wrong_data(data: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["branching-ratio", data]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("observed = 2", "observed = -2", r"category\[1\].observed = -2: input should be greater than or equal to 0"),
        ("observed = 2", "observed = 2.5", r"category\[1\].observed = 2.5: input should be a valid integer"),
        ("signal = 2.0", "signal = 0.0", r"category\[1\].signal = 0.0: input should be greater than 0"),
        ("up = 0.3\n", "", r"category\[1\].background\[1\].up is missing"),
        ("down = 0.2", "down = 1.0", "downward error of background 'upstream' = 1 is outside"),
        ("observed = 2", "observd = 2", r"unknown key category\[1\].observd; did you mean 'observed'"),
        ('name = "high"', 'name = "low"', "two categories have the name 'low'"),
        ("observed = 2", "observed = = 2", "mine.toml: "),
        (MINE, "", "category is missing"),
    ],
)
def test_a_wrong_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "mine.toml").write_text(MINE.replace(old, new, 1))
    with pytest.raises(ValueError, match=message) as caught:
        wanted_counts(str(tmp_path / "mine.toml"))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine.toml")


def rows(events: dict[str, float | None]) -> Backgrounds:
    """Rows of a background with 20 % of the events as statistical and 10 % as systematic error."""
    made = {
        name: BackgroundRow(name, name, n, None if n is None else 0.2 * n, None if n is None else 0.1 * n, reason="few")
        for name, n in events.items()
    }
    return Backgrounds("x", 1, made, None, None, {}, 0.0)


def test_simulated_backgrounds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows plus published upstream, where there is one; the published total elsewhere, and where a row is refused."""
    asked = []

    def made(names: tuple[str, ...], geometry: str, **_options: object) -> Backgrounds:
        asked.append((geometry, names))
        return rows({"k2pi": 0.3, "ke4": None if geometry == "run2-2022" else 0.4})

    monkeypatch.setattr(simulated_counts, "backgrounds", made)
    found = branching_ratio("2016-2022", background="simulated")
    assert [geometry for geometry, _ in asked] == ["run1-2018-s1", "run1-2018-s2", "run2-2022"]
    assert all("upstream" not in names and "kmu2" in names for _, names in asked)
    by_name = {c.name: c for c in found.categories}
    assert by_name["run1-2018"].background == pytest.approx(2 * 0.7 + 0.54 + 2.76)
    assert by_name["2016"].background == 0.152 and by_name["run1-2017"].background == 1.46
    assert by_name["run2-2022"].background == 11.0
    first = by_name["run1-2018"].backgrounds[0]
    assert first.up == pytest.approx((0.06**2 + 0.08**2 + 0.07**2) ** 0.5)  # statistics in quadrature, the rest added
    assert 1.0 - first.down / first.events == pytest.approx(1.0 / (1.0 + first.up / first.events))
    assert found.background_from["run1-2018"] == "simulated rows and published upstream"
    assert "upstream background was not published by itself" in found.background_from["run1-2017"]
    assert "row ke4: few" in found.background_from["run2-2022"]
    assert main(["branching-ratio", "run1", "--background", "simulated", "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["background_from"]["2016"] == "published (no geometry)"
    assert main(["branching-ratio", "run1", "--background", "simulated"]) == 0
    assert "Where the backgrounds are from" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run1", "--background", "mine"], "background = 'mine': it must be published or simulated"),
        (["mine.toml", "--background", "simulated"], "mine.toml has backgrounds of its own; name data sets instead"),
        (["run1", "-n", "100"], "-n: it is for --background simulated"),
    ],
)
def test_wrong_backgrounds(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(MINE)
    assert main(["branching-ratio", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_words_from_python() -> None:
    with pytest.raises(ValueError, match="bins = 'two': it must be default or one"):
        branching_ratio("run1", "two")
    with pytest.raises(TypeError, match="data = None"):
        branching_ratio(None)  # type: ignore[arg-type]
