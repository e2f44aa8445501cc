"""How figures look: what is drawn in another way than matplotlib's looks the same."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from na62sim.report.figures import style
from na62sim.report.figures.style import figure, power_of_ten, save, steps, talk_style


def panels(scale: str, low: float, high: float) -> object:
    """Two panels that share an axis; the upper one without ticks on the right."""
    fig = figure(5.0, 4.0)
    upper, lower = fig.subplots(2, 1, sharex=True)
    for ax in (upper, lower):
        ax.plot([0.0, 47.0], [low, high])
        ax.set(yscale=scale, ylim=(low, high))
        ax.set_title("above", loc="left")
    upper.tick_params(axis="y", which="both", right=False)
    return fig


@pytest.mark.parametrize(("scale", "low", "high"), [("linear", -0.3, 0.45), ("log", 1e-5, 2.0), ("log", 2.0, 7.0)])
def test_minor_ticks_look_like_matplotlibs(
    scale: str, low: float, high: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the pixel; (2 to 7 in a logarithmic scale has numbers at its minor ticks)"""
    with talk_style():
        save(panels(scale, low, high), tmp_path / "ours.png")
        monkeypatch.setattr(style, "_draw_minor_ticks", lambda _: None)
        save(panels(scale, low, high), tmp_path / "theirs.png")
        bare = panels(scale, low, high)
        for ax in bare.axes:  # type: ignore[attr-defined]
            ax.minorticks_off()
        save(bare, tmp_path / "bare.png")
    ours, theirs, without = (matplotlib.image.imread(tmp_path / f"{name}.png") for name in ("ours", "theirs", "bare"))
    assert np.array_equal(ours, theirs)
    assert not np.array_equal(ours, without)


def test_powers_of_ten_in_legends() -> None:
    assert [power_of_ten(x) for x in (0.2067, 0.6356, 0.0)] == ["0.207", "0.636", "0"]
    assert power_of_ten(8.4e-11) == r"$8.4\times10^{-11}$"
    assert power_of_ten(4.247e-5) == r"$4.2\times10^{-5}$"


def test_formulas_of_earlier_figures_look_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula that another figure has set, in another colour and at another size, is drawn as if it were new."""

    def drawn(name: str) -> np.ndarray:
        with talk_style():
            for size, colour in ((12, "black"), (15, "red")):
                fig = figure(3.0, 2.0)
                fig.text(0.2, 0.5, r"$K^{+}\to\pi^{+}\nu\bar{\nu}$", fontsize=size, color=colour)
                save(fig, tmp_path / f"{name}-{size}.png")
        return np.stack([matplotlib.image.imread(tmp_path / f"{name}-{size}.png") for size in (12, 15)])

    ours = drawn("first"), drawn("again")
    monkeypatch.setattr(style, "_Formulas", lambda parser: parser)
    theirs = drawn("theirs")
    assert ours[0].min() < 0.5 and not np.array_equal(ours[0][0], ours[0][1])
    assert all(np.array_equal(one, theirs) for one in ours)


def test_a_histogram_as_a_line_covers_what_stairs_do() -> None:
    values, edges = np.array([1.0, 0.0, 3.0]), np.array([0.0, 1.0, 3.0, 4.0])
    ax = figure(3.0, 2.0).subplots()
    steps(ax, values, edges)
    x, y = ax.lines[0].get_data()
    outline = ax.stairs(values, edges).get_path().vertices
    assert {tuple(v) for v in outline} == set(zip(x.tolist(), y.tolist(), strict=True))
