"""Stopping at a precision: the same event everywhere, no bias worth naming, intervals that cover."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.core.units import UnitError, parse_precision
from na62sim.report.flow import precision_line
from na62sim.simulation.precision import EMPTY, MOST, Precision
from na62sim.statistics import clopper_pearson

NOTHING = na.Selection("nothing", [na.Cut("never", lambda t: t["n_tracks"] < 0)])


def stopped(truth: float, target: float, rng: np.random.Generator) -> tuple[float, float, int, int]:
    """Estimate, half-width, events and looks of one sample of a known acceptance."""
    wanted, done, passed, looks, relative = Precision(target), 0, 0, 0, math.inf
    while (total := wanted.total(done, relative)) > done:
        passed += int(rng.binomial(total - done, truth))
        done, looks = total, looks + 1
        interval = clopper_pearson(passed, done)
        relative = interval.stat / interval.value if passed else math.inf
    return interval.value, interval.stat, done, looks


@pytest.mark.parametrize(("truth", "target"), [(0.06, 0.02), (0.06, 0.005), (2e-4, 0.1), (0.9, 0.001)])
def test_estimate_is_unbiased_and_covered(truth: float, target: float) -> None:
    """3000 samples: mean within 4 sigma of the truth and 0.15 of an error; the 68.27 % interval covers."""
    rng = np.random.default_rng(11)
    found = np.array([stopped(truth, target, rng) for _ in range(3000)])
    value, width, events, looks = found.T
    assert np.all(width <= 1.000001 * target * value)
    bias = value.mean() / truth - 1.0
    assert abs(bias) < 0.15 * target
    assert abs(bias) < target**2 + 4.0 * target / math.sqrt(3000)
    covered = np.mean(np.abs(value - truth) <= width)
    assert 0.65 < covered < 0.75  # 4 sigma of the binomial is 0.034; Clopper-Pearson covers a little more
    needed = (1.0 - truth) / truth / target**2
    assert np.median(events) < max(1.3 * needed, 17_000)  # not many more than a binomial needs
    assert looks.max() <= 7


def test_bounds() -> None:
    assert Precision(0.01).total(0, math.inf) == 16_000
    assert Precision(0.01, most=5000).total(0, math.inf) == 5000
    assert Precision(0.01, most=5000).total(5000, 0.5) == 5000
    assert Precision(0.01).total(MOST, 0.02) == MOST
    assert Precision(0.01).total(EMPTY, math.inf) == EMPTY
    assert Precision(0.01, most=10**9).total(EMPTY, math.inf) == 10 * EMPTY
    assert Precision(0.01).total(EMPTY, 0.5) == MOST
    for n in (16_000, 123_000, 4_000_000):  # grows, by ten times at most, in whole thousands
        for relative in (0.0101, 0.02, 0.5, math.inf):
            total = Precision(0.01, most=10**12).total(n, relative)
            assert n < total <= 10 * n and total % 1000 == 0


@pytest.mark.parametrize(("chunk", "threads"), [(1000, 1), (3000, 2), (8000, 2)])
def test_the_same_everywhere(chunk: int, threads: int) -> None:
    """Chunks and threads change nothing; with as many events asked for, the counts are the same."""
    flow = na.acceptance("kpinunu", "pinunu", precision="2.4%", seed=3, chunk=chunk, threads=threads, importance=False)
    asked = flow.info["precision"]
    assert asked["met"] and asked["reached"] <= 0.024
    n = flow.generated.n
    assert n == 25_000
    plain = na.acceptance("kpinunu", "pinunu", n, seed=3)
    assert plain.rows() == flow.rows() and plain.bins() == flow.bins()


def test_weights_count() -> None:
    """Photon inefficiencies as weights: the error comes from sums of squares, the effective number is given."""
    flow = na.acceptance("kpinunu", "pinunu", precision="5%", photons="weight", seed=2, threads=1, importance=False)
    selected = flow.selected
    effective = flow.to_dict()["acceptance"]["n_effective"]
    assert effective == pytest.approx(selected.sumw**2 / selected.sumw2)
    assert effective <= selected.n
    assert flow.info["precision"]["reached"] == pytest.approx(1.0 / math.sqrt(effective), rel=0.05)


def test_nothing_accepted() -> None:
    flow = na.acceptance("kpinunu", NOTHING, 20_000, precision=0.01, threads=1)
    assert flow.generated.n == 20_000
    assert flow.info["precision"] == {"asked": 0.01, "reached": None, "met": False, "most": 20_000}
    line = precision_line(flow.info["precision"], flow.generated.n)
    assert line == "precision 1 % not reached: none of 20000 events is accepted, the most that were to be made"


def test_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["acceptance", "kpinunu", "--selection", "pinunu", "--precision", "0.1%", "-n", "20000", "--no-importance"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert (
        re.search(r"precision 0.1 % not reached: [23]\.\d+ %", out)
        and "with 20000 events, the most that were to be made" in out
    )
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["precision"]["met"] is False and found["n_generated"] == 20_000


@pytest.mark.parametrize("word", ["0", "0%", "-1%", "150%", "100%", "1", "abc", "%", "", "nan", "inf", "1e-400"])
def test_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnitError, match="precision = ") as caught:
        parse_precision("precision", word)
    assert "\n" not in str(caught.value)
    assert main(["acceptance", "kpinunu", "--selection", "pinunu", f"--precision={word}"]) == 2
    assert capsys.readouterr().err.startswith("error: precision = ")


def test_neither_nor(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="a number of events or a precision"):
        na.acceptance("kpinunu", "pinunu")
    assert main(["acceptance", "kpinunu", "--selection", "pinunu"]) == 2
    assert "give a number of events" in capsys.readouterr().err
    words = ["acceptance", "kpix", "--selection", "pinunu", "--precision", "1%", "--lifetimes", "ctau_X=1mm:1m:3"]
    assert main(words) == 2
    assert "not with --precision" in capsys.readouterr().err


def test_a_scan_point_stops() -> None:
    from na62sim.study.kaon.mixture import Mixture
    from na62sim.study.plan import PlannedScan
    from na62sim.study.scan import measure_point
    from na62sim.study.scenario.blocks import ScanBlock

    axes = {"m_X": {"start": 100.0, "stop": 100.0, "step": 1.0}}
    about = {"label": "x", "process": "kpix", "geometry": "run1-2018-s2", "selection": "pinunu", "events": 10**6}
    block = ScanBlock.model_validate({**about, "axes": axes, "precision": 0.05})
    scan = PlannedScan(block, Mixture.of(["run1-2018-s2"], None), tuple(block.points))
    row = measure_point(scan, block.points[0], seed=1, threads=1)
    assert row.n_generated < 100_000
    assert row.acceptance.stat <= 0.05 * row.acceptance.value
