"""Figures: all of them as PNG of the expected size, without touching the user's matplotlib."""

from __future__ import annotations

import struct
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import na62sim
from na62sim.report.figures import draw_all
from na62sim.report.figures.acceptance import acceptance_in_bins, draw_cut_flows
from na62sim.study.resolution.histograms import Histograms

SIZES = {
    "missing-mass-momentum.png": (1500, 1140),
    "missing-mass-spectra.png": (1500, 1050),
    "track-resolution.png": (1500, 1425),
    "missing-mass-resolution.png": (1500, 1275),
    "vertex.png": (2400, 840),
    "acceptance-momentum.png": (1500, 1050),
}


@pytest.fixture(scope="module")
def detector():
    return na62sim.load_detector("run1-2018-s2")


@pytest.fixture(scope="module")
def runs(detector):
    """Histograms and cut-flows of the three processes of the figures."""
    histograms, flows = {}, {}
    for name, selection in (("kpinunu", "pinunu"), ("k2pi", "k2pi"), ("kmu2", "pinunu")):
        h = Histograms(name, detector, selection)
        flows[name] = na62sim.acceptance(name, selection, 8_000, detector, keep=h.fill, threads=1)
        histograms[name] = h
    return histograms, flows


def size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_all_figures_are_drawn(runs, detector, tmp_path):
    before = dict(matplotlib.rcParams)
    paths = draw_all(tmp_path / "new" / "figures", *[runs[0], detector, runs[1]])
    assert {p.name for p in paths} == {*SIZES, "cut-flow.png"}
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)
    for path in paths:
        assert path.stat().st_size > 20_000
        if path.name in SIZES:
            assert size(path) == SIZES[path.name]
        assert size(path)[0] <= 2400 and size(path)[1] <= 1500  # of a slide
    assert dict(matplotlib.rcParams) == before


def test_cut_flows_share_an_axis(runs, detector, tmp_path, monkeypatch):
    """One panel whatever the processes are; all cuts in an order that each of them follows; shares of 0 to 1."""
    figures = []
    monkeypatch.setattr("na62sim.report.figures.acceptance.save", lambda fig, path, **_: figures.append(fig))
    draw_cut_flows(tmp_path, runs[1], detector)
    (ax,) = figures[0].axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    for line, flow in zip([line for line in ax.lines if line.get_label()[0] != "_"], runs[1].values(), strict=True):
        shown = [names[int(y)] for y in line.get_ydata()]
        left = [row["cut"].replace(">=", "≥") for row in flow.rows() if row["efficiency"] > 0.0]  # 0 has no place here
        assert shown[: len(left)] == left
        assert line.get_xdata()[1] == pytest.approx(flow.rows()[1]["efficiency"])
    assert ax.get_xscale() == "log" and ax.get_xlim()[1] < 2.0


def test_one_process_alone(runs, detector, tmp_path):
    paths = draw_all(tmp_path, {"kmu2": runs[0]["kmu2"]}, detector, {})
    assert {p.name for p in paths} == set(SIZES)  # kmu2 has a selection, though nothing passes it


def test_nothing_to_draw(detector, tmp_path):
    assert draw_all(tmp_path, {"kpinunu": Histograms("kpinunu", detector)}, detector, {}) == []


def test_points_of_the_acceptance_figure(runs):
    histograms, flows = runs
    h, flow = histograms["kpinunu"], flows["kpinunu"]
    edges = [float(e) for e in range(0, 76, 5)]
    value, below, above = acceptance_in_bins(h, edges, None)
    generated = h.histograms["generated_p"].values().reshape(15, 5).sum(axis=1)
    assert np.nansum(value * generated) / flow.generated.sumw == pytest.approx(flow.acceptance.value, rel=1e-9)
    assert np.nanmin(below) > 0.0 and np.nanmin(above) > 0.0
    parts = [acceptance_in_bins(h, edges, region)[0] for region in h.regions]
    assert np.allclose(np.nansum(parts, axis=0), np.nan_to_num(value))


def test_rare_backgrounds_stay_on_the_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of 3e-5 events is drawn inside the panel; of a refused row nothing but that it has no number."""
    from matplotlib.figure import Figure

    from na62sim.report.figures import background
    from na62sim.study.kaon.backgrounds import BackgroundRow, Backgrounds

    drawn: list[Figure] = []
    monkeypatch.setattr(background, "save", lambda fig, path, force: drawn.append(fig))
    rows = {
        "kl3": BackgroundRow("kl3", "K+ → π0ℓ+ν", 3e-5, 1e-5, 1e-5),
        "kmu2": BackgroundRow("kmu2", "K+ → μ+ν", parts={"photon": (0.01, 0.2)}, reason="it needs more events"),
    }
    background.draw_backgrounds(tmp_path / "b.png", Backgrounds("run1-2018-s1", 1, rows, None, None, {}, 1.0))
    left = drawn[0].axes[0]
    assert left.get_xlim() == (1e-5, 30.0)
    said = [text.get_text() for text in left.texts]
    assert "no number" in said and "photon" not in said
