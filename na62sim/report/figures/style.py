"""How figures look: fonts, colours that colour-blind people can tell apart, names of processes, files."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.geometry import Detector
from na62sim.sample.atomic import replacing

# Okabe and Ito (2008)
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#7A7A7A",
)  # fmt: skip
_COLOURS = {"kpinunu": BLUE, "k2pi": VERMILION, "kmu2": GREEN}
_SPARE = (PURPLE, ORANGE, SKY, GREY, "#8C564B", "#17BECF")
REGION_COLOURS = {"R1": "#F0E442", "R2": "#F5B041"}
"""Of the signal regions, where they are shaded."""
_LABELS = {
    "kpinunu": r"$K^{+}\to\pi^{+}\nu\bar{\nu}$",
    "k2pi": r"$K^{+}\to\pi^{+}\pi^{0}$",
    "kmu2": r"$K^{+}\to\mu^{+}\nu$",
    "kpix": r"$K^{+}\to\pi^{+}X$",
    "k3pi": r"$K^{+}\to\pi^{+}\pi^{+}\pi^{-}$",
    "ke3": r"$K^{+}\to\pi^{0}e^{+}\nu$",
    "kmu3": r"$K^{+}\to\pi^{0}\mu^{+}\nu$",
    "ke4": r"$K^{+}\to\pi^{+}\pi^{-}e^{+}\nu$",
    "k2pi-4e": r"$K^{+}\to\pi^{+}\pi^{0},\ \pi^{0}\to 4e$",
    "k2pi-dalitz": r"$K^{+}\to\pi^{+}\pi^{0},\ \pi^{0}\to e^{+}e^{-}\gamma$",
    "k3pi0-dd": r"$K^{+}\to\pi^{+}\pi^{0}\pi^{0},\ \pi^{0}\to e^{+}e^{-}\gamma$",
    "kpimumu": r"$K^{+}\to\pi^{+}\mu^{+}\mu^{-}$",
    "kpiee": r"$K^{+}\to\pi^{+}e^{+}e^{-}$",
    "K+ -> pi- mu+ mu+": r"$K^{+}\to\pi^{-}\mu^{+}\mu^{+}$",
    "K+ -> pi- e+ e+": r"$K^{+}\to\pi^{-}e^{+}e^{+}$",
    "kpigg": r"$K^{+}\to\pi^{+}\gamma\gamma$",
    "kpi4e": r"$K^{+}\to\pi^{+}4e$",
    "kpiaa": r"$K^{+}\to\pi^{+}aa,\ a\to e^{+}e^{-}$",
    "kpis": r"$K^{+}\to\pi^{+}S,\ S\to A'A',\ A'\to e^{+}e^{-}$",
}
_PARTICLES = {
    321: BLACK, 211: BLUE, -211: SKY, -13: GREEN, 13: "#00513B", -11: VERMILION, 11: "#8A2F00", 22: ORANGE, 12: GREY, 14: GREY,
    16: GREY,
}  # fmt: skip
MARKERS = "osD^vP"
M2_LABEL = r"$m^2_\mathrm{miss}$ [GeV$^2$/$c^4$]"
P_LABEL = r"Momentum [GeV/$c$]"
DPI = 150
_OBJECTS = 100_000  # of a few figures
_COMPRESSION = 3  # of PNG: a tenth larger than at 6, in two thirds of the time


def label_of(process: str) -> str:
    """A process as it is written in a legend."""
    return _LABELS.get(process, process.replace("_", " "))


def particle_colour(pdg: int) -> str:
    """The colour of a particle in an event; those of other charge have one of their own where both occur."""
    return _PARTICLES.get(pdg) or _PARTICLES.get(abs(pdg), PURPLE)


def power_of_ten(x: float, digits: int = 2) -> str:
    """A number for a legend: as it is from 0.001 on, else with a power of ten."""
    if x == 0.0 or abs(x) >= 1e-3:
        return f"{x:.{digits + 1}g}"
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    return rf"${mantissa}\times10^{{{int(exponent)}}}$"


def colours_of(processes: Iterable[str]) -> dict[str, str]:
    """A colour for each process: the known ones always have the same."""
    spare = list(_SPARE)
    return {p: _COLOURS.get(p) or (spare.pop(0) if spare else BLACK) for p in processes}


@contextmanager
def talk_style() -> Iterator[None]:
    """Settings of matplotlib for the figures, only inside the context: mplhep's, with fonts for a slide."""
    import matplotlib
    import mplhep

    settings: dict[str, Any] = {
        "font.size": 15, "axes.labelsize": 17, "axes.titlesize": 15, "xtick.labelsize": 14, "ytick.labelsize": 14,
        "legend.fontsize": 13.5, "legend.frameon": False, "axes.linewidth": 1.2, "lines.linewidth": 1.8,
        "savefig.bbox": None, "figure.facecolor": "white", "xaxis.labellocation": "right",
        "axes.unicode_minus": True,
        "yaxis.labellocation": "top", "axes.titley": 1.0,  # where it is found to belong after one more layout
        "xtick.major.size": 8, "xtick.minor.size": 4, "ytick.major.size": 8, "ytick.minor.size": 4,
    }  # fmt: skip
    with matplotlib.rc_context():
        rc: Any = matplotlib.rcParams
        rc.update(mplhep.style.ROOT)
        rc.update(settings)
        yield


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let Python look for garbage less often: a figure has so many objects that it would look a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def figure(
    width: float, height: float, left: float = 1.2, right: float = 0.3, bottom: float = 0.9, top: float = 0.5
) -> Any:
    """A figure of its own, drawn by Agg without touching the user's backend; size and margins in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), dpi=DPI)
    canvas: Any = FigureCanvasAgg(fig)
    renderer = canvas.get_renderer()
    renderer.mathtext_parser = _Formulas(renderer.mathtext_parser)
    fig.subplots_adjust(left=left / width, right=1.0 - right / width, bottom=bottom / height, top=1.0 - top / height)
    return fig


class _Formulas:
    """The parser of a renderer, whose formulas stay from one figure to the next: matplotlib takes 10 ms for one."""

    known: ClassVar[dict[Any, Any]] = {}  # by text, resolution, font and smoothing

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def parse(self, text: str, dpi: float = 72.0, prop: Any = None, *, antialiased: bool | None = None) -> Any:
        key = text, dpi, hash(prop), antialiased is not False
        if key not in self.known:
            self.known[key] = self._parser.parse(text, dpi, prop, antialiased=antialiased)
        return self.known[key]


def header(ax: Any, detector: Detector, right: str = "") -> None:
    """Name of the program on the left above the axes, the data set on the right."""
    ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
    ax.set_title(right or detector.name, loc="right")


def steps(ax: Any, values: FloatArray, edges: FloatArray, **style: Any) -> None:
    """A histogram as a line from 0 to 0: `stairs` takes as long as ten of them to find how far each of its corners goes."""
    ends = np.concatenate(([0.0], np.repeat(values, 2), [0.0]))
    ax.plot(np.repeat(edges, 2), ends, solid_joinstyle="miter", **style)


def save(fig: Any, path: Path, *, force: bool = False) -> Path:
    """Write a figure as PNG, or as PDF where the name ends so; the file has its name when it is whole.

    Raises
    ------
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    _draw_minor_ticks(fig)
    with replacing(path, force=force) as file:
        if path.suffix.lower() == ".pdf":
            fig.savefig(file, dpi=DPI, format="pdf")
        else:
            _write_png(fig, file)
    return path


def _write_png(fig: Any, file: Any) -> None:
    """Write a figure without matplotlib's fourth channel, which is full everywhere: smaller, in half the time."""
    from PIL import Image

    fig.canvas.draw()
    colours = np.asarray(fig.canvas.buffer_rgba())[..., :3]
    Image.fromarray(np.ascontiguousarray(colours)).save(file, "png", compress_level=_COMPRESSION, dpi=(DPI, DPI))


def _draw_minor_ticks(fig: Any) -> None:
    """Minor ticks as one line of markers for each side: matplotlib makes three lines and two texts of every tick.

    Ticks with a number, which a logarithmic axis may have, stay.
    """
    from matplotlib import rcParams
    from matplotlib.lines import Line2D
    from matplotlib.markers import TICKDOWN, TICKLEFT, TICKRIGHT, TICKUP
    from matplotlib.ticker import NullLocator

    rc: Any = rcParams
    sides: dict[str, Any] = {
        "x": (("bottom", 0.0, TICKUP), ("top", 1.0, TICKDOWN)),
        "y": (("left", 0.0, TICKRIGHT), ("right", 1.0, TICKLEFT)),
    }
    axes = [(ax, axis) for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)]
    places = [_minor_ticks(axis) for _, axis in axes]  # of all, before the first is changed: axes may share their ticks
    for (ax, axis), at in zip(axes, places, strict=True):
        name, shown = axis.axis_name, axis.get_tick_params(which="minor")
        look = {
            "ls": "none", "color": rc[f"{name}tick.color"], "ms": rc[f"{name}tick.minor.size"],
            "mew": rc[f"{name}tick.minor.width"], "zorder": axis.get_zorder(), "clip_on": False,
        }  # fmt: skip
        for side, edge, marker in sides[name]:
            if at and shown[side]:
                ticks = Line2D(
                    *((at, [edge] * len(at)) if name == "x" else ([edge] * len(at), at)), marker=marker, **look
                )
                ticks.set_transform(ax.get_xaxis_transform() if name == "x" else ax.get_yaxis_transform())
                ax.add_artist(ticks)
        if at:
            axis.set_minor_locator(NullLocator())


def _minor_ticks(axis: Any) -> list[float]:
    """Where an axis has minor ticks; nowhere if one of them has a number."""
    low, high = sorted(axis.get_view_interval())
    edge = 1e-10 * (high - low)
    at = [float(place) for place in axis.get_minorticklocs() if low - edge <= place <= high + edge]
    return [] if any(axis.get_minor_formatter().format_ticks(at)) else at
