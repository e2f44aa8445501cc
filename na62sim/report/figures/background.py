"""Expected background events: rows beside the published, and signal region by momentum."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from na62sim.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    P_LABEL,
    PURPLE,
    SKY,
    VERMILION,
    figure,
    label_of,
    save,
    talk_style,
)

if TYPE_CHECKING:
    from na62sim.study.kaon.background_row import BackgroundRow
    from na62sim.study.kaon.backgrounds import Backgrounds

_COLOURS = {
    "k2pi": VERMILION,
    "kmu2": GREEN,
    "ke4": PURPLE,
    "k3pi": ORANGE,
    "kpigg": SKY,
    "kl3": GREY,
    "upstream": BLUE,
}
_LOWEST = 1e-4  # events at the left end of the axis, unless a row has fewer
_MOST = 30.0  # expected events that are shown
_TITLES = {"kl3": r"$K^{+}\to\pi^{0}\ell^{+}\nu$"}


def draw_backgrounds(path: Path, result: Backgrounds, *, force: bool = False) -> Path:
    """Rows with their errors beside the published numbers, and the events of each momentum bin.

    Raises
    ------
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    from matplotlib.ticker import NullLocator

    from na62sim.study.published import published_backgrounds

    published = published_backgrounds(result.geometry)
    with talk_style():
        fig = figure(13.0, 6.0)
        left, right = fig.subplots(1, 2, width_ratios=(1.2, 1.0))
        shown = list(result.rows.values())
        lowest = min([_LOWEST, *(row.events for row in shown if row.events)])
        low = 10.0 ** math.floor(math.log10(lowest))
        for k, row in enumerate(reversed(shown)):
            known = published.get(row.name)
            if known is not None and known.value:
                left.errorbar(known.value, k + 0.14, xerr=known.sigma, fmt="s", mfc="none", ms=8, color=BLACK)
            elif known is not None:
                left.annotate("", (known.high / 8.0, k + 0.14), (known.high, k + 0.14), arrowprops={"arrowstyle": "->"})
            if row.events:
                error = float(np.hypot(row.stat or 0.0, row.syst or 0.0))
                left.errorbar(row.events, k - 0.14, xerr=error, fmt="o", ms=8, color=_COLOURS[row.name])
            elif row.reason:
                left.text(2.0 * low, k - 0.08, "no number", va="center", fontsize=12, color=GREY)
            for name, part in row.parts.items():
                if isinstance(part, tuple) and row.events is not None:
                    left.plot(part, (k - 0.38, k - 0.38), color=_COLOURS[row.name], lw=2.0, ls=":")
                    room = _MOST / part[1] > part[0] / low  # where there is more room for its name
                    beside, align = (part[1] * 1.15, "left") if room else (part[0] / 1.15, "right")
                    left.text(beside, k - 0.39, name, fontsize=9.5, va="center", ha=align, color=_COLOURS[row.name])
        left.set(xscale="log", xlim=(low, _MOST), ylim=(-0.7, len(shown) - 0.3), xlabel="Expected events")
        left.set_yticks(range(len(shown)), [_title(row) for row in reversed(shown)])
        left.yaxis.set_minor_locator(NullLocator())
        left.plot([], [], "s", mfc="none", color=BLACK, label="published")
        left.plot([], [], "o", color=BLACK, label="this simulation")
        left.legend(loc="upper left", bbox_to_anchor=(0.22, 1.0), fontsize=11.5)
        left.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
        right.set_title(result.geometry, loc="right")
        _momentum(right, shown)
        fig.subplots_adjust(left=0.13, wspace=0.3)
        return save(fig, path, force=force)


def _title(row: BackgroundRow) -> str:
    """The decay in mathematics; what is no single decay as it is named."""
    known = label_of(row.name)
    return _TITLES.get(row.name, known if known.startswith("$") else row.title)


def _momentum(ax: Any, rows: Any) -> None:
    """Events by momentum, row upon row."""
    bottom: Any = 0.0
    for row in rows:
        if not row.bins or row.events is None:
            continue
        edges = [row.bins[0].low_GeV, *(b.high_GeV for b in row.bins)]
        events = np.array([b.events for b in row.bins])
        ax.stairs(bottom + events, edges, baseline=bottom, fill=True, color=_COLOURS[row.name], label=_title(row))
        bottom = bottom + events
    ax.set(xlabel=P_LABEL, ylabel="Expected events in R1 and R2 / bin")
    if not np.isscalar(bottom):
        ax.set_ylim(0.0, 1.35 * float(np.max(bottom)))
        ax.legend(loc="upper left", ncols=2, fontsize=11.5)
    else:
        ax.set(xticks=[], yticks=[])
        ax.text(0.5, 0.5, "no row has a number", transform=ax.transAxes, ha="center", color=GREY)
