"""The likelihood curve of a branching ratio."""

from __future__ import annotations

from pathlib import Path

from na62sim.report.figures.style import BLACK, BLUE, GREY, VERMILION, figure, save, talk_style
from na62sim.study.kaon.branching_ratio import Measurement
from na62sim.study.kaon.counts import REFERENCE


def draw_likelihood(path: Path, found: Measurement, *, force: bool = False) -> Path:
    """-2 ln(L/L_max) against the branching ratio, with the 68 % interval and the published value.

    Raises
    ------
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    x, y = found.curve
    with talk_style():
        fig = figure(10.0, 7.5)
        ax = fig.subplots()
        for k in (1, 2, 3):
            ax.axhline(k * k, color=GREY, lw=1.0, ls=":")
            ax.text(1.005, k * k, rf"{k}$\sigma$", transform=ax.get_yaxis_transform(), va="center", color=GREY)
        ax.plot(1e11 * x, y, color=BLUE, lw=2.4, label="all errors profiled")
        ax.axvline(1e11 * REFERENCE, color=GREY, lw=1.6, ls="--", label=f"expected, {1e11 * REFERENCE:.1f} (2015)")
        fit = found.fit
        if fit.plus is not None and fit.minus is not None:
            ax.errorbar(
                [1e11 * found.value], [0.35],
                xerr=[[1e11 * REFERENCE * fit.minus], [1e11 * REFERENCE * fit.plus]],
                fmt="o", color=BLUE, ms=8, capsize=4, label="best fit, 68 %",
            )  # fmt: skip
        numbers = {row.key.split(".")[-1]: row.published for row in found.comparison}
        if {"branching_ratio", "branching_ratio_plus", "branching_ratio_minus"} <= set(numbers):
            ax.errorbar(
                [1e11 * numbers["branching_ratio"]], [0.8],
                xerr=[[1e11 * numbers["branching_ratio_minus"]], [1e11 * numbers["branching_ratio_plus"]]],
                fmt="D", color=VERMILION, ms=8, capsize=4, label="published",
            )  # fmt: skip
        ax.set(
            xlabel=r"BR($K^{+}\to\pi^{+}\nu\bar{\nu}$) $[10^{-11}]$",
            ylabel=r"$-2\,\ln(L/L_\mathrm{max})$",
            ylim=(0.0, 12.0), xlim=(1e11 * x.min(), 1e11 * x.max()),
        )  # fmt: skip
        ax.legend(loc="upper center")
        ax.set_title(r"$\bf{na62sim}$ $\it{fit}$", loc="left")
        ax.set_title(f"{found.data}: {found.observed} events", loc="right", color=BLACK)
        return save(fig, path, force=force)
