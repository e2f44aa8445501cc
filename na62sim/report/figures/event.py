"""One event in a side view of the detector."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import KICK_PER_TM
from na62sim.core.particles import charge_of
from na62sim.geometry import Detector
from na62sim.report.figures.side_view import SIDE, Z_RANGE, Outline, stops
from na62sim.report.figures.style import BLACK, VERMILION, figure, label_of, particle_colour, save, talk_style
from na62sim.sample.sample import Sample
from na62sim.simulation.stages import detector_of

Paths = list[tuple[int, FloatArray]]
_NAMES = {
    321: "$K^{+}$", -321: "$K^{-}$", 211: r"$\pi^{+}$", -211: r"$\pi^{-}$", -13: r"$\mu^{+}$", 13: r"$\mu^{-}$",
    -11: "$e^{+}$", 11: "$e^{-}$", 22: r"$\gamma$", 111: r"$\pi^{0}$",
    **{s * k: r"$\nu$" for k in (12, 14, 16) for s in (1, -1)},
}  # fmt: skip
_YELLOW = "#F0E442"


def draw_event(sample: Sample, index: int, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Draw an event: true particles, hits, and what was reconstructed if the sample holds it.

    Parameters
    ----------
    sample : from `na62sim.simulate` or `na62sim.reconstruct`
    index : position of the event in the sample, from 0
    path : the PNG to write
    force : a file of that name may be replaced

    Returns
    -------
    the path

    Raises
    ------
    ValueError : no such event
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    index = operator.index(index)
    if not 0 <= index < len(sample):
        raise ValueError(f"event {index}: the sample has events 0 to {len(sample) - 1}")
    event, detector = sample.slice_events(index, index + 1), detector_of(sample)
    paths = true_paths(event, detector)
    with talk_style():
        fig = figure(17.0, 10.6, 0.8, 0.95, 1.25, 1.75)
        upper, lower = fig.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.05})
        for ax, axis in ((upper, "x"), (lower, "y")):
            outline = Outline(ax, detector, axis)
            outline.draw()
            if axis == "x":
                outline.write_names()
            _draw_paths(ax, paths, 1 if axis == "x" else 2)
            _draw_hits(ax, event, detector, axis)
            _draw_reconstructed(ax, event, detector, axis)
            ax.set(xlim=Z_RANGE, ylim=(-SIDE, SIDE), ylabel=f"{axis} [m]")
            ax.minorticks_on()
        upper.text(112.6, 0.55, "decay volume\n(vacuum)", ha="center", va="center", fontsize=11.5, color="#555555")
        _legend(fig, paths, event)
        fig.suptitle(_title(sample, event), fontsize=16, x=0.02, y=0.985, ha="left")
        fig.text(0.02, 0.96, _rings(event), fontsize=12.5, va="top")
        ratio = _scale_ratio(upper)
        lower.set_xlabel(f"z [m]   (transverse scale {ratio:.0f} times as large)")
        return save(fig, Path(path), force=force)


def _scale_ratio(ax: Any) -> float:
    """How much larger the transverse scale is than that along the beam."""
    box = ax.get_window_extent()
    return float(box.height / (2.0 * SIDE) / (box.width / (Z_RANGE[1] - Z_RANGE[0])))


def true_paths(event: Any, detector: Detector) -> Paths:
    """Paths of all true particles of one event.

    Returns
    -------
    PDG code and (3, n) array of z, x, y (m) along the path, for each particle with a visible length
    """
    t, beam = event["truth"], event["beam"]
    vertex = np.stack([np.asarray(t[c], dtype=float) for c in ("z", "x", "y")]) / 1e3
    z0 = detector.beam.reference_z_m
    kaon = np.array([[z0, vertex[0, 0]], [beam["x"][0] / 1e3, vertex[1, 0]], [beam["y"][0] / 1e3, vertex[2, 0]]])
    paths: Paths = [(int(t["pdg"][0]), kaon)]
    for k in range(1, len(t)):
        children = np.flatnonzero(t["parent"] == k)
        pdg, momentum = int(t["pdg"][k]), np.array([t[c][k] for c in ("px", "py", "pz")])
        end = vertex[:, children[0]] if len(children) else None
        if end is not None and end[0] - vertex[0, k] < 0.05:
            continue
        if momentum[2] <= 0.0:
            continue
        paths.append((pdg, _trace(pdg, momentum, vertex[:, k], end, detector)))
    return paths


def _trace(pdg: int, momentum: FloatArray, start: FloatArray, end: FloatArray | None, d: Detector) -> FloatArray:
    """A path in steps of 0.1 m with thin kicks at MNP33 and BEND, to its end or to where the detector stops it."""
    z = np.arange(start[0], (end[0] if end is not None else Z_RANGE[1]) + 0.1, 0.1)
    slope = np.full(len(z), momentum[0] / momentum[2])
    for magnet in (d.field.mnp33, d.field.bend):
        kick = -charge_of(pdg) * KICK_PER_TM * magnet.integral_Tm / momentum[2]
        slope += np.where(z > magnet.center_z_m, kick if start[0] < magnet.center_z_m else 0.0, 0.0)
    x = start[1] + np.concatenate(([0.0], np.cumsum(slope[1:] * np.diff(z))))
    y = start[2] + momentum[1] / momentum[2] * (z - start[0])
    path = np.stack([z, x, y])
    if end is not None:  # the vertex of the decay in flight, which knows the whole field
        path += np.outer(end - path[:, -1], np.linspace(0.0, 1.0, len(z)))
        return path
    beyond = np.flatnonzero(stops(d, _kind(pdg))(*path))
    return path[:, : max(beyond[0] + 1, 2)] if len(beyond) else path


def _kind(pdg: int) -> str:
    a = abs(pdg)
    if a in (12, 14, 16) or (a > 9_000_000 and not charge_of(pdg)):
        return "neutrino"
    return {11: "electron", 13: "muon", 22: "photon"}.get(a, "hadron")


def _look(pdg: int) -> dict[str, Any]:
    style = {"neutrino": (0, (1, 2)), "photon": "-"}.get(_kind(pdg), "-")
    return {
        "color": particle_colour(pdg),
        "ls": style,
        "lw": 1.4 if _kind(pdg) in ("neutrino", "photon") else 2.2,
    }


def _draw_paths(ax: Any, paths: Paths, row: int) -> None:
    for pdg, path in paths:
        z, q = path[0], path[row]
        if _kind(pdg) == "photon":
            fine = np.arange(z[0], z[-1], 0.1)
            z, q = fine, np.interp(fine, z, q) + 0.022 * np.sin(2.0 * np.pi * (fine - z[0]) / 1.3)
        ax.plot(z, q, zorder=6, clip_on=True, **_look(pdg))
    for _, path in paths[1:]:
        ax.plot(path[0, 0], path[row, 0], "o", ms=5, color=BLACK, zorder=7)  # where it was born


def _draw_hits(ax: Any, event: Any, d: Detector, axis: str) -> None:
    """Straw hits, counters, clusters with their energy, and the veto blocks that fired."""
    straw = event["hits/straw"]
    z = (
        np.array(d.straw.chamber_z_m)[straw["chamber"].astype(int)]
        + np.array(d.straw.view_offset_mm)[straw["view"].astype(int)] / 1e3
    )
    own = straw["view"] == (2 if axis == "x" else 3)
    ax.plot(z[own], straw["position"][own] / 1e3, "x", ms=8, mew=2.0, color=BLACK, zorder=9)
    small = {"ms": 7, "mew": 1.0, "mec": BLACK, "zorder": 9, "ls": "none"}
    for name, at in (
        ("newchod", d.newchod.z_m),
        ("chod", float(np.mean(d.chod.z_m))),
        ("muv3", d.muv3.z_m),
        ("hasc", d.hasc.z_m),
    ):
        ax.plot(np.full(len(event[f"hits/{name}"]), at), event[f"hits/{name}"][axis] / 1e3, "s", mfc=_YELLOW, **small)
    outline = Outline(ax, d, axis)
    _clusters(ax, event["hits/lkr"], d, axis)
    lav = event["hits/lav"]
    fired: dict[int, float] = {}
    for station, energy in zip(lav["station"].astype(int) - 1, lav["energy"] / 1e3, strict=True):
        fired[station] = fired.get(station, 0.0) + float(energy)
    for k, energy in fired.items():
        depth = (d.lav.z_front_m[k], d.lav.z_back_m[k])
        outline.ring(depth, d.lav.radius_in_mm[k] / 1e3, d.lav.radius_out_mm[k] / 1e3, VERMILION, zorder=3)
        if axis == "x":
            _tag(ax, depth[1] + 0.5, -d.lav.radius_out_mm[k] / 1e3, f"LAV{k + 1}: {energy:.2f} GeV")
    for name, at, reach in (("irc", d.irc.z_m, d.irc.radius_max_mm), ("sac", d.sac.z_m, d.sac.half_side_mm)):
        energy = float(event[f"hits/{name}"]["energy"].sum()) / 1e3
        if energy > 0.0:
            outline.ring((at, at + 0.2), 0.06, reach / 1e3, VERMILION, zorder=5)
            if axis == "y":  # where no track comes
                _tag(ax, at - 6.0, -1.33, f"{name.upper()}: {energy:.1f} GeV")


def _clusters(ax: Any, clusters: Any, d: Detector, axis: str) -> None:
    """LKr clusters, larger for more energy, and the energies in the right margin."""
    order = np.argsort(clusters[axis])
    energy, q = clusters["energy"][order] / 1e3, clusters[axis][order].astype(float) / 1e3
    place, gap = q.copy(), 0.17  # m between the texts
    for _ in range(200):
        push = np.maximum(gap - np.diff(place), 0.0) * 0.5
        place[:-1] -= push
        place[1:] += push
    for e, at, text_at in zip(energy, q, place, strict=True):
        ax.plot(d.lkr.z_m, at, "o", ms=5.0 + 2.2 * np.sqrt(e), mfc=VERMILION, mec=BLACK, alpha=0.85, zorder=9)
        ax.annotate(
            f"{e:.1f} GeV", (d.lkr.z_m, at), (Z_RANGE[1] + 0.8, text_at), fontsize=12, va="center", color="#8A2F00",
            annotation_clip=False, zorder=8, arrowprops={"arrowstyle": "-", "lw": 0.7, "color": "#8A2F00", "shrinkA": 0},
        )  # fmt: skip


def _tag(ax: Any, z: float, q: float, text: str) -> None:
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}
    ax.text(z, q, text, fontsize=11, va="center", ha="left", color="#8A2F00", bbox=box, zorder=10)


def _rings(event: Any) -> str:
    """What the RICH has seen: hits and radius of each ring."""
    rich = event["hits/rich"]
    rings = [f"{n} hits, R = {r:.0f} mm" for n, r in zip(rich["n_hits"], rich["radius"], strict=True)]
    return "RICH: " + ("; ".join(rings) or "no ring")


def _draw_reconstructed(ax: Any, event: Any, d: Detector, axis: str) -> None:
    """Fitted tracks as broken lines, the vertex as a star."""
    if "reco/tracks" not in event or "reco/events" not in event:
        return
    tracks, found = event["reco/tracks"], event["reco/events"]
    z1, z4, zm = d.straw.chamber_z_m[0], d.straw.chamber_z_m[3], d.field.mnp33.center_z_m
    direction = "u" if axis == "x" else "v"
    for k in range(len(tracks)):
        w = 1.0 / np.sqrt(1.0 - tracks["u"][k] ** 2 - tracks["v"][k] ** 2)
        slope, first, last = tracks[direction][k] * w, tracks[axis][k] / 1e3, tracks[f"{axis}_after"][k] / 1e3
        z, q = [z1, zm, z4], [first, first + slope * (zm - z1), last]
        if k == 0 and len(found) and found["n_gtk"][0] > 0:
            z.insert(0, found["vertex_z"][0] / 1e3)
            q.insert(0, found[f"vertex_{axis}"][0] / 1e3)
        ax.plot(z, q, color=BLACK, lw=1.3, ls=(0, (4, 2)), zorder=8)
    place = _vertex(event)
    if place is not None:
        ax.plot(place["z"], place[axis], "*", ms=15, mfc=_YELLOW, mec=BLACK, zorder=11)


def _several(event: Any) -> Any:
    """The vertex candidate with most tracks, if one has more than one: a table of one row."""
    if "reco/vertices" not in event or not len(event["reco/vertices"]):
        return None
    table = event["reco/vertices"]
    return table.take(np.array([int(np.argmax(table["n_vertex"]))]))


def _vertex(event: Any) -> dict[str, float] | None:
    """Where the fitted vertex is (m): of several tracks, else of kaon and track."""
    several, found = _several(event), event["reco/events"]
    if several is not None:
        return {axis: float(several[axis][0]) / 1e3 for axis in "xyz"}
    if len(found) and found["n_gtk"][0] > 0:
        return {axis: float(found[f"vertex_{axis}"][0]) / 1e3 for axis in "xyz"}
    return None


def _legend(fig: Any, paths: Paths, event: Any) -> None:
    """What is drawn in this event, and nothing else."""
    from matplotlib.lines import Line2D

    handles = {}
    for pdg, _ in paths:
        name = _NAMES.get(pdg, f"PDG {pdg}")
        handles[name] = Line2D([], [], label=name + (" (wavy)" if _kind(pdg) == "photon" else ""), **_look(pdg))
    marks: dict[str, Any] = {"ls": "none", "mec": BLACK}
    rows = [*handles.values()]
    if len(event["hits/straw"]):
        rows.append(Line2D([], [], marker="x", color=BLACK, ls="none", ms=8, mew=2, label="straw hit"))
    if any(len(event[f"hits/{name}"]) for name in ("newchod", "chod", "muv3", "hasc")):
        rows.append(Line2D([], [], marker="s", mfc=_YELLOW, ms=7, label="counter hit", **marks))
    if len(event["hits/lkr"]):
        rows.append(Line2D([], [], marker="o", mfc=VERMILION, ms=10, label="LKr cluster", **marks))
    if any(len(event[f"hits/{name}"]) for name in ("lav", "irc", "sac")):
        rows.append(Line2D([], [], marker="s", mfc=VERMILION, ms=10, label="veto that fired", **marks))
    if "reco/events" in event and len(event["reco/tracks"]):
        rows.append(Line2D([], [], color=BLACK, ls=(0, (4, 2)), lw=1.3, label="fitted track"))
        if _vertex(event) is not None:
            rows.append(Line2D([], [], marker="*", mfc=_YELLOW, ms=14, label="fitted vertex", **marks))
    fig.legend(handles=rows, loc="lower center", ncols=len(rows), fontsize=12.5, columnspacing=1.6, handlelength=1.8)


def _title(sample: Sample, event: Any) -> str:
    provenance = sample.provenance
    text = rf"$\bf{{na62sim}}$ $\it{{simulation}}$   {label_of(provenance.process)}, event {int(event['events']['number'][0])}"
    text += f", {provenance.geometry_name}"
    if "reco/events" not in event:
        return text
    found = event["reco/events"]
    if not len(event["reco/tracks"]):
        return f"{text}     no track reconstructed"
    several = _several(event)
    if several is not None:
        return f"{text}     {_several_text(several)}"
    if not len(found):
        return f"{text}     {len(event['reco/tracks'])} tracks reconstructed, no vertex"
    text += rf"     $p$ = {found['p'][0] / 1e3:.2f} GeV/$c$"
    if found["n_gtk"][0] > 0:
        text += rf",  $m^2_\mathrm{{miss}}$ = {found['m2_miss'][0] / 1e6:.4f} GeV$^2$/$c^4$,  CDA = {found['cda'][0]:.1f} mm"
    return text


def _several_text(vertex: Any) -> str:
    """Of a vertex of several tracks: their number, total momentum, and the masses that they have by their number."""
    n = int(vertex["n_vertex"][0])
    masses = {
        5: {"m_pi4e": r"m(\pi^{+}4e)", "m_4e": "m(4e)"}, 3: {"m_3pi": r"m(3\pi)"}, 2: {"m_mumu": r"m(\mu\mu)", "m_4e": "m(ee)"},
    }  # fmt: skip
    words = [f"vertex of {n} tracks", rf"$\Sigma p$ = {vertex['p'][0] / 1e3:.2f} GeV/$c$"]
    words += [rf"${name}$ = {vertex[column][0]:.1f} MeV/$c^2$" for column, name in masses.get(n, {}).items()]
    return ",  ".join(words)
