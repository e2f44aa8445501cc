"""One event in three dimensions: a page of its own (plotly), and the event for Phoenix.

z runs along the beam in m; x and y are drawn ten times as large. Everything that stands in a row of a table shows its
numbers and units under the pointer.
"""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import charge_of
from na62sim.geometry import Detector
from na62sim.geometry.straw import straw_arrays
from na62sim.report.figures.event import true_paths
from na62sim.report.figures.style import BLACK, GREEN, PURPLE, SKY, VERMILION, particle_colour
from na62sim.report.text import visible
from na62sim.sample.atomic import write_whole
from na62sim.sample.frames import needed
from na62sim.sample.sample import Sample
from na62sim.simulation.stages import detector_of

__all__ = ["draw_display", "phoenix_event"]

_NAMES = {
    321: "K⁺", -321: "K⁻", 211: "π⁺", -211: "π⁻", -13: "μ⁺", 13: "μ⁻", -11: "e⁺", 11: "e⁻", 22: "γ", 111: "π⁰",
    **{sign * code: "ν" for code in (12, 14, 16) for sign in (1, -1)},
}  # fmt: skip
# the picture as a whole has a name, the parts that plotly makes have none
_NAMED = """
document.querySelectorAll('.plot-container, #js-plotly-tester').forEach(part => part.setAttribute('aria-hidden', 'true'));
"""
_STRETCH = 10.0  # of x and y


def draw_display(sample: Sample, index: int, path: Path, *, force: bool = False) -> Path:
    """Write the page of an event; it needs nothing from a network.

    Parameters
    ----------
    sample : from `na62sim.simulate` or `na62sim.reconstruct`
    index : position of the event in the sample, from 0

    Raises
    ------
    ValueError : plotly is not installed; the message is the command that installs it
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    go = needed("plotly.graph_objects", "display")
    event, d = sample.slice_events(index, index + 1), detector_of(sample)
    traces = [*_detector(go, d), *_particles(go, event, d), *_hits(go, event, d), *_tracks(go, event, d)]
    number = int(event["events"]["number"][0])
    title = f"na62sim: {sample.provenance.process}, event {number}, {d.name} (x and y ten times as large)"
    axis = {"showbackground": False, "gridcolor": "#dddddd", "zeroline": False}
    layout = {
        "title": {"text": title},
        "scene": {
            "xaxis": {"title": {"text": "z [m]"}, **axis},
            "yaxis": {"title": {"text": "x [m]"}, "range": [-1.6, 1.6], **axis},
            "zaxis": {"title": {"text": "y [m]"}, "range": [-1.6, 1.6], **axis},
            "aspectmode": "manual",
            "aspectratio": {"x": 160.0 / (3.2 * _STRETCH), "y": 1.0, "z": 1.0},
            "camera": {"eye": {"x": 0.3, "y": -3.7, "z": 1.4}},
        },
        "margin": {"l": 0, "r": 0, "t": 50, "b": 0},
        "legend": {"itemsizing": "constant"},
    }
    figure = go.Figure(data=traces, layout=layout)
    config = {"displaylogo": False, "responsive": True}
    page = figure.to_html(include_plotlyjs=True, full_html=True, config=config, post_script=_NAMED, div_id="event")
    words = escape(visible(title), quote=True)
    page = page.replace("<html>", '<html lang="en">', 1).replace("<head>", f"<head><title>{words}</title>", 1)
    shown = ", ".join(dict.fromkeys(trace.name for trace in traces if trace.showlegend is not False))
    name = f'role="img" aria-label="{words}, in three dimensions: {escape(visible(shown), quote=True)}"'
    page = page.replace('class="plotly-graph-div"', f'class="plotly-graph-div" {name}', 1)
    write_whole(path, page, force=force)
    return path


def _line(go: Any, z: Any, x: Any, y: Any, name: str, colour: str, **look: Any) -> Any:
    """A line in the page's axes: z along, x and y across."""
    style = {"color": colour, "width": look.pop("width", 4), "dash": look.pop("dash", "solid")}
    return go.Scatter3d(x=list(z), y=list(x), z=list(y), mode="lines", name=name, line=style, **look)


# the detector


def _rings(d: Detector) -> list[tuple[str, tuple[float, float], float, float]]:
    """Name, extent in z (m), inner and outer radius (m) of what is drawn as circles."""
    straw, lav = d.straw, d.lav
    hole, rim = straw.hole_half_size_mm / 1e3, straw.radius_mm / 1e3
    found = [(f"STRAW{k + 1}", (z, z), hole, rim) for k, z in enumerate(straw.chamber_z_m)]
    found += [
        (f"LAV{k + 1}", (front, back), lav.radius_in_mm[k] / 1e3, lav.radius_out_mm[k] / 1e3)
        for k, (front, back) in enumerate(zip(lav.z_front_m, lav.z_back_m, strict=True))
    ]
    muv3 = d.muv3
    return [
        *found,
        ("RICH", (d.rich.front_z_m, d.rich.back_z_m), 0.09, d.rich.radius_max_mm / 1e3),
        (
            "NewCHOD",
            (d.newchod.z_front_m, d.newchod.z_back_m),
            d.newchod.radius_min_mm / 1e3,
            d.newchod.radius_max_mm / 1e3,
        ),
        ("CHOD", (d.chod.z_m[0], d.chod.z_m[1]), d.chod.radius_min_mm / 1e3, d.chod.radius_max_mm / 1e3),
        ("IRC", (d.irc.z_m, d.irc.z_m), d.irc.radius_min_mm / 1e3, d.irc.radius_max_mm / 1e3),
        ("LKr", (d.lkr.z_m, d.lkr.cryostat_z_max_m), d.lkr.hole_radius_mm / 1e3, d.lkr.apothem_mm / 1e3),
        ("MUV3", (muv3.z_m, muv3.z_m + muv3.thickness_mm / 1e3), muv3.radius_min_mm / 1e3, muv3.half_side_mm / 1e3),
        ("SAC", (d.sac.z_m, d.sac.z_m), 0.0, d.sac.half_side_mm / 1e3),
    ]


def _detector(go: Any, d: Detector) -> list[Any]:
    """Outlines: circles at front and back, of the hole and of the rim; the magnet as a frame."""
    phi = np.linspace(0.0, 2.0 * math.pi, 49)
    colours = {"STRAW": SKY, "LAV": PURPLE, "LKr": GREEN}
    traces = []
    for name, ends, inner, outer in _rings(d):
        z: list[Any] = []
        x: list[Any] = []
        y: list[Any] = []
        for at in dict.fromkeys(ends):
            for r in (inner, outer):
                z += [at] * len(phi) + [None]
                x += [*(r * np.cos(phi)), None]
                y += [*(r * np.sin(phi)), None]
        colour = next((c for start, c in colours.items() if name.startswith(start)), "#999999")
        text = f"{name}<br>z = {ends[0]:.2f} to {ends[1]:.2f} m<br>r = {inner:.3f} to {outer:.3f} m"
        traces.append(
            _line(
                go,
                z,
                x,
                y,
                name,
                colour,
                width=2,
                hovertext=text,
                hoverinfo="text",
                legendgroup="detector",
                showlegend=False,
            )
        )
    m = d.field.mnp33
    ends = (m.center_z_m - 1.25 * m.sigma_m, m.center_z_m + 1.25 * m.sigma_m)
    square = np.array([[-1.2, 1.2, 1.2, -1.2, -1.2], [-1.2, -1.2, 1.2, 1.2, -1.2]])
    zs = [*([ends[0]] * 5), None, *([ends[1]] * 5)]
    xs, ys = ([*row, None, *row] for row in square)
    text = f"MNP33<br>∫B dl = {m.integral_Tm:g} T m"
    traces.append(
        _line(go, zs, xs, ys, "MNP33", "#777777", width=3, hovertext=text, hoverinfo="text", showlegend=False)
    )
    return traces


# the event


def _particles(go: Any, event: Any, d: Detector) -> list[Any]:
    traces = []
    for pdg, path in true_paths(event, d):
        colour = particle_colour(pdg)
        name = _NAMES.get(pdg, f"PDG {pdg}")
        text = f"{name} (truth)<br>from z = {path[0, 0]:.2f} m to {path[0, -1]:.2f} m"
        dash = "solid" if charge_of(pdg) else ("dot" if abs(pdg) == 22 else "dash")
        traces.append(_line(go, path[0], path[1], path[2], name, colour, dash=dash, hovertext=text, hoverinfo="text"))
    return traces


def _marks(
    go: Any, rows: list[tuple[float, float, float, str]], name: str, colour: str, symbol: str, size: Any = 4
) -> list[Any]:
    """Points with a text each: z, x, y (m)."""
    if not rows:
        return []
    z, x, y, text = zip(*rows, strict=True)
    marker = {"color": colour, "symbol": symbol, "size": size, "line": {"color": BLACK, "width": 1}}
    return [go.Scatter3d(x=z, y=x, z=y, mode="markers", name=name, marker=marker, hovertext=text, hoverinfo="text")]


def _hits(go: Any, event: Any, d: Detector) -> list[Any]:
    planes = {"newchod": d.newchod.z_m, "chod": float(np.mean(d.chod.z_m)), "muv3": d.muv3.z_m, "hasc": d.hasc.z_m}
    counters = [
        (at, float(x) / 1e3, float(y) / 1e3, f"{name}<br>x = {x:.0f} mm, y = {y:.0f} mm<br>t = {t:.2f} ns")
        for name, at in planes.items()
        for x, y, t in zip(*(event[f"hits/{name}"][c] for c in ("x", "y", "time")), strict=True)
    ]
    lkr = event["hits/lkr"]
    clusters = [
        (
            d.lkr.z_m,
            float(x) / 1e3,
            float(y) / 1e3,
            f"LKr cluster<br>E = {e / 1e3:.2f} GeV<br>x = {x:.0f} mm, y = {y:.0f} mm<br>t = {t:.2f} ns",
        )
        for e, x, y, t in zip(*(lkr[c] for c in ("energy", "x", "y", "time")), strict=True)
    ]
    sizes = [5.0 + 2.0 * math.sqrt(e / 1e3) for e in lkr["energy"]]
    return [
        *_straws(go, event, d),
        *_marks(go, counters, "counter hit", "#F0E442", "square"),
        *_marks(go, clusters, "LKr cluster", VERMILION, "circle", sizes),
        *_lav(go, event, d),
    ]


def _straws(go: Any, event: Any, d: Detector) -> list[Any]:
    """A piece of each hit straw, along its direction."""
    hits = event["hits/straw"]
    arrays = straw_arrays(d)
    z: list[Any] = []
    x: list[Any] = []
    y: list[Any] = []
    text: list[str] = []
    for chamber, view, q in zip(*(hits[c] for c in ("chamber", "view", "position")), strict=True):
        nx, ny = float(arrays.cosine[int(view)]), float(arrays.sine[int(view)])
        at = d.straw.chamber_z_m[int(chamber)] + d.straw.view_offset_mm[int(view)] / 1e3
        half, s = 0.25, float(q) / 1e3  # m: a piece of the straw is enough
        z += [at, at, None]
        x += [s * nx - half * ny, s * nx + half * ny, None]
        y += [s * ny + half * nx, s * ny - half * nx, None]
        text += [f"straw hit, chamber {int(chamber) + 1}, view {'UVXY'[int(view)]}<br>{q:.2f} mm across the straws"] * 3
    if not z:
        return []
    return [_line(go, z, x, y, "straw hit", BLACK, width=3, hovertext=text, hoverinfo="text")]


def _lav(go: Any, event: Any, d: Detector) -> list[Any]:
    phi = np.linspace(0.0, 2.0 * math.pi, 49)
    traces = []
    for station, energy in zip(event["hits/lav"]["station"], event["hits/lav"]["energy"], strict=True):
        k = int(station) - 1
        z, r = 0.5 * (d.lav.z_front_m[k] + d.lav.z_back_m[k]), d.lav.radius_in_mm[k] / 1e3
        text = f"LAV{k + 1} fired<br>E = {energy / 1e3:.2f} GeV"
        circle = np.full(49, z), r * np.cos(phi), r * np.sin(phi)
        traces.append(_line(go, *circle, f"LAV{k + 1} fired", VERMILION, width=6, hovertext=text, hoverinfo="text"))
    return traces


def _fitted(event: Any, d: Detector) -> list[tuple[dict[str, float], FloatArray]]:
    """Numbers of each fitted track, and its (3, 3) points z, x, y (m) at STRAW 1, the magnet and STRAW 4."""
    if "reco/tracks" not in event:
        return []
    t = event["reco/tracks"]
    z1, z4, zm = d.straw.chamber_z_m[0], d.straw.chamber_z_m[3], d.field.mnp33.center_z_m
    found = []
    for k in range(len(t)):
        w = 1.0 / math.sqrt(1.0 - float(t["u"][k]) ** 2 - float(t["v"][k]) ** 2)
        points = [[z1, zm, z4]]
        for axis, direction in (("x", "u"), ("y", "v")):
            first = float(t[axis][k]) / 1e3
            points.append([first, first + float(t[direction][k]) * w * (zm - z1), float(t[f"{axis}_after"][k]) / 1e3])
        found.append(({name: float(t[name][k]) for name in ("p", "charge", "chi2", "time")}, np.array(points)))
    return found


def _tracks(go: Any, event: Any, d: Detector) -> list[Any]:
    """Fitted tracks and the vertex of kaon and pion."""
    traces = []
    for k, (numbers, points) in enumerate(_fitted(event, d)):
        text = (
            f"fitted track {k + 1}<br>p = {numbers['p'] / 1e3:.2f} GeV/c, charge {numbers['charge']:+.0f}"
            f"<br>χ² = {numbers['chi2']:.1f} for 3<br>t = {numbers['time']:.2f} ns"
        )
        traces.append(
            _line(
                go,
                points[0],
                points[1],
                points[2],
                f"fitted track {k + 1}",
                BLACK,
                width=3,
                dash="dash",
                hovertext=text,
                hoverinfo="text",
            )
        )
    if "reco/events" not in event:
        return traces
    found = event["reco/events"]
    if len(found) and found["n_gtk"][0] > 0:
        z, x, y = (float(found[f"vertex_{c}"][0]) / 1e3 for c in "zxy")
        mass = f"m²_miss = {found['m2_miss'][0] / 1e6:.4f} GeV²/c⁴"
        text = f"K–π vertex<br>z = {z:.2f} m<br>CDA = {found['cda'][0]:.2f} mm<br>{mass}"
        traces += _marks(go, [(z, x, y, text)], "K–π vertex", "#F0E442", "diamond", 7)
    return traces


def phoenix_event(sample: Sample, index: int) -> str:
    """An event as JSON for the event display Phoenix: tracks, hits and clusters, lengths in mm, energies in MeV.

    Parameters
    ----------
    sample, index : as of `draw_display`
    """
    event, d = sample.slice_events(index, index + 1), detector_of(sample)
    truth = [
        {"pos": [[1e3 * float(q) for q in (x, y, z)] for z, x, y in path.T], "color": "0x888888", "pdg": int(pdg)}
        for pdg, path in true_paths(event, d)
    ]
    tracks = [
        {
            "pos": [[1e3 * float(q) for q in (x, y, z)] for z, x, y in points.T],
            "mom": numbers["p"],
            "chi2": numbers["chi2"],
            "dof": 3,
        }
        for numbers, points in _fitted(event, d)
    ]
    lkr = event["hits/lkr"]
    clusters = [
        {"energy": float(e), "pos": [float(x), float(y), 1e3 * d.lkr.z_m]}
        for e, x, y in zip(*(lkr[c] for c in ("energy", "x", "y")), strict=True)
    ]
    hits = [
        [float(x), float(y), 1e3 * d.chod.z_m[0]]
        for x, y in zip(*(event["hits/chod"][c] for c in ("x", "y")), strict=True)
    ]
    number = int(event["events"]["number"][0])
    content = {
        "event number": number,
        "run number": sample.provenance.seed,
        "Tracks": {"Fitted tracks": tracks, "True particles": truth},
        "Hits": {"CHOD": hits},
        "CaloClusters": {"LKr": clusters},
    }
    return json.dumps({f"{sample.provenance.process} event {number}": content}, allow_nan=False) + "\n"
