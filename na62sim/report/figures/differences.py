"""Two results or samples overlaid: the quantities that differ most, and how far apart they are."""

from __future__ import annotations

from pathlib import Path

from na62sim.report.figures.style import BLUE, GREY, VERMILION, figure, save, talk_style
from na62sim.study.differences import Differences

_SHOWN = 20


def draw_differences(path: Path, found: Differences, *, force: bool = False) -> Path:
    """Ratios to A with their errors on the left, (B - A)/sigma on the right.

    Raises
    ------
    ValueError : nothing that both have, or nothing with an error
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    rows = [row for row in found.rows if row.a != 0.0 and (row.pull is not None or row.a != row.b)][:_SHOWN]
    if not rows:
        raise ValueError(f"{found.a} and {found.b}: they have no quantity in common that could be drawn")
    y = range(len(rows))[::-1]
    with talk_style():
        fig = figure(14.0, 2.2 + 0.36 * len(rows), left=5.2)
        left, right = fig.subplots(1, 2, sharey=True, width_ratios=(2.0, 1.0), gridspec_kw={"wspace": 0.04})
        for shift, colour, name, value, sigma in (
            (0.14, BLUE, f"A: {found.a}", [r.a for r in rows], [r.a_sigma for r in rows]),
            (-0.14, VERMILION, f"B: {found.b}", [r.b for r in rows], [r.b_sigma for r in rows]),
        ):
            ratio = [v / r.a for v, r in zip(value, rows, strict=True)]
            error = [abs(s / r.a) for s, r in zip(sigma, rows, strict=True)]
            left.errorbar(ratio, [k + shift for k in y], xerr=error, fmt="o", color=colour, ms=6, capsize=2, label=name)
        left.axvline(1.0, color=GREY, lw=1.2)
        left.set_yticks(list(y), [row.name[-48:] for row in rows], fontsize=11)
        left.set(xlabel="Ratio to A", ylim=(-0.7, len(rows) + 0.9))
        left.legend(loc="upper left", ncols=2, fontsize=11)
        right.barh(list(y), [row.pull or 0.0 for row in rows], color=GREY, height=0.5)
        right.axvline(0.0, color=GREY, lw=1.2)
        right.set(xlabel=r"$(B-A)/\sigma$")
        for ax in (left, right):
            ax.tick_params(axis="y", which="both", length=0)
        left.set_title(r"$\bf{na62sim}$", loc="left")
        return save(fig, path, force=force)
