"""How figures look: fonts, colours that colour-blind people can tell apart, names of processes, files."""

from __future__ import annotations

import gc
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from cycler import cycler

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
_COMPRESSION = 3  # of PNG: as small as at 6, in less than half of the time


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


# mplhep's style ROOT, whose module would load all that draws interactively; sizes are those of a slide
_FONT = "TeX Gyre Heros"
_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif", "font.sans-serif": [_FONT, "Helvetica", "Arial"], "font.size": 15,
    "mathtext.fontset": "custom", "mathtext.rm": _FONT, "mathtext.bf": f"{_FONT}:bold", "mathtext.sf": _FONT,
    "mathtext.it": f"{_FONT}:italic", "mathtext.tt": _FONT, "mathtext.cal": _FONT, "mathtext.default": "regular",
    "axes.labelsize": 17, "axes.titlesize": 15, "axes.linewidth": 1.2, "axes.unicode_minus": True,
    "axes.titley": 1.0,  # where it is found to belong after one more layout
    "axes.prop_cycle": cycler("color", ["#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd"]),
    "lines.linewidth": 1.8, "grid.alpha": 0.8, "grid.linestyle": ":", "figure.facecolor": "white",
    "savefig.bbox": None, "savefig.transparent": False, "xaxis.labellocation": "right", "yaxis.labellocation": "top",
    "legend.fontsize": 13.5, "legend.handlelength": 1.5, "legend.borderpad": 0.5, "legend.frameon": False,
    **{
        f"{axis}tick.{name}": value
        for axis in "xy"
        for name, value in {
            "labelsize": 14, "direction": "in", "major.size": 8, "minor.size": 4, "minor.visible": True,
        }.items()
    },
    **{f"xtick.{name}": True for name in ("top", "major.top", "major.bottom", "minor.top", "minor.bottom")},
    **{f"ytick.{name}": True for name in ("right", "major.left", "major.right", "minor.left", "minor.right")},
    "xtick.major.pad": 6,
}  # fmt: skip


@contextmanager
def talk_style() -> Iterator[None]:
    """Settings of matplotlib for the figures, only inside the context: those of mplhep, with fonts for a slide."""
    import matplotlib

    _load_fonts()
    with matplotlib.rc_context():
        rc: Any = matplotlib.rcParams
        rc.update(_SETTINGS)
        yield


@cache
def _load_fonts() -> None:
    """Make the fonts of the figures known to matplotlib, once."""
    from matplotlib.font_manager import fontManager
    from mplhep_data import __file__ as place

    for kind in ("regular", "italic", "bold", "bolditalic"):
        fontManager.addfont(Path(place).parent / "fonts" / "texgyreheros" / f"texgyreheros-{kind}.otf")


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
    """Write a figure without matplotlib's fourth channel, which is full everywhere.

    Rows are packed as they are: to try filters on each, as libraries do, takes three times as long and gains nothing on lines
    and areas of one colour.
    """
    fig.canvas.draw()
    colours = np.asarray(fig.canvas.buffer_rgba())
    height, width, _ = colours.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # the first byte is the filter: none
    for channel in range(3):
        rows[:, 1 + channel :: 3] = colours[..., channel]
    per_m = round(DPI / 0.0254)
    file.write(b"\x89PNG\r\n\x1a\n")
    for name, content in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),  # 8 bits, red, green and blue
        (b"pHYs", struct.pack(">IIB", per_m, per_m, 1)),
        (b"IDAT", zlib.compress(rows.data, _COMPRESSION)),
        (b"IEND", b""),
    ):
        file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))


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
