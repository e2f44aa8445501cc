"""Histograms of a run: filled chunk by chunk, independent in size of the number of events.

What the figures and the table of resolutions need: missing mass against momentum, acceptance against momentum, and
residuals of what was reconstructed against the truth.
"""

from __future__ import annotations

from typing import Any, Self

import hist
import numpy as np
from hepunits import GeV, m, mm, mrad

from na62sim.core.arrays import FloatArray
from na62sim.core.kernel import kernel
from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.sample.table import Table
from na62sim.selection.cut import Cut, Selection, Survivors
from na62sim.selection.pinunu import GeV2, beam_cuts, track_cuts
from na62sim.selection.registry import find_selection
from na62sim.simulation.on_demand import SelectedChunk
from na62sim.simulation.pipeline import Chunk

_BUFFER = 100_000  # events kept back (10 MB), so that the cost of a call does not matter
_CDA_MAX = 10.0  # mm
MICRORADIAN = 1e-6


# what is kept of a candidate (GeV, GeV^2, mm, m, urad, mrad)
_ROWS = (
    WEIGHT, P, P_TRUE, M2, CHI2, Z, SELECTED, REGION, FOLLOWS, RESIDUAL_P, RESIDUAL_U, RESIDUAL_V, RESIDUAL_M2, RESIDUAL_Z,
    Z_TRUE, ANGLE,
) = range(16)  # fmt: skip


_OF_CANDIDATES = (
    "m2_p", "accepted_p", "accepted_z", "residual_p", "residual_u", "residual_v", "residual_m2", "residual_z",
    "residual_z_angle", "cda", "chi2",
)  # fmt: skip


def _book(regions: tuple[str, ...]) -> dict[str, Any]:
    """Empty histograms. Bins of `p_bin` are centred on whole GeV/c."""
    axis = hist.axis.Regular
    m2 = axis(200, -0.06, 0.14, name="m2", label="m2_miss [GeV^2]")
    p = axis(120, 5.0, 65.0, name="p", label="p [GeV/c]")
    p_bin = axis(55, 5.5, 60.5, name="p", label="p [GeV/c]")
    p_true = axis(75, 0.0, 75.0, name="p", label="true p [GeV/c]")
    z = axis(80, 100.0, 180.0, name="z", label="z [m]")
    signal = hist.axis.StrCategory(regions, name="region", overflow=False)
    axes: dict[str, tuple[Any, ...]] = {
        "m2_p": (m2, p),
        "m2_p_selected": (m2, p),
        "generated_p": (p_true,),
        "accepted_p": (p_true,),
        "selected_p": (p_true, signal),
        "generated_z": (z,),
        "accepted_z": (z,),
        "selected_z": (z,),
        "residual_p": (p_bin, axis(240, -0.03, 0.03, name="residual", label="p/p_true - 1")),
        "residual_u": (p_bin, axis(300, -300.0, 300.0, name="residual", label="slope x - true [urad]")),
        "residual_v": (p_bin, axis(300, -300.0, 300.0, name="residual", label="slope y - true [urad]")),
        "residual_m2": (p_bin, axis(240, -0.012, 0.012, name="residual", label="m2_miss - true [GeV^2]")),
        "residual_z": (axis(16, 100.0, 180.0, name="z", label="z [m]"), _z_residual()),
        "residual_z_angle": (axis(20, 0.0, 20.0, name="angle", label="opening angle [mrad]"), _z_residual()),
        "cda": (axis(100, 0.0, _CDA_MAX, name="cda", label="CDA [mm]"),),
        "chi2": (axis(120, 0.0, 30.0, name="chi2", label="chi2"),),
    }
    return {name: hist.Hist(*a, storage=hist.storage.Weight()) for name, a in axes.items()}


def _z_residual() -> Any:
    return hist.axis.Regular(400, -4.0, 4.0, name="residual", label="z - true [m]")


class Histograms:
    """Histograms of one process, for `na62sim.acceptance(..., keep=histograms.fill)`.

    Candidates enter with one positive track, a matched GTK track and CDA < 10 mm. Most histograms hold what passes
    the cuts on track and beam particle ("kinematic"), before particle identification and vetoes.

    Parameters
    ----------
    label : the process, as it is to be named in figures
    detector : windows and cuts
    selection : name of the selection whose signal regions are counted; none by default

    Attributes
    ----------
    histograms : name to `hist.Hist`, weighted; complete after `flush`
    cores : what has been fitted to them (`na62sim.study.resolution.gaussian_core.core_near`), until more is filled
    two_body_mass : mass (MeV) of what the charged particle leaves behind, None if that is not one particle
    particle : name of the charged particle
    """

    def __init__(self, label: str, detector: Detector, selection: str | None = None) -> None:
        self.label, self.detector = label, detector
        self.selection: Selection | None = find_selection(selection, detector) if selection else None
        track = track_cuts(detector)
        self.early: list[Cut] = [*beam_cuts(detector), *track[:2]]
        self.late: list[Cut] = track[2:]
        known = {cut.name: cut for cut in self.early + self.late}
        cuts = self.selection.cuts if self.selection else ()
        self.remaining = [cut for cut in cuts if not _same(cut, known.get(cut.name))]
        self.regions = tuple(self.selection.signal if self.selection else ()) or ("all",)
        self.histograms: dict[str, Any] = _book(self.regions)
        self.cores: dict[tuple[str, float, float, bool], Any] = {}
        self.two_body_mass: float | None = None
        self.particle = ""
        self.sumw_generated = 0.0
        self._sumw_filled, self._partly = 0.0, False  # of the decays whose candidates are there: not all
        self._rows: list[FloatArray] = []
        self._selected: list[FloatArray] = []
        self._generated: list[FloatArray] = []
        self._cda: list[FloatArray] = []
        self._waiting = 0

    def fill(self, chunk: Chunk | SelectedChunk, candidates: Table, weight: FloatArray) -> None:
        """Add a chunk.

        Parameters
        ----------
        chunk : truth, crossings and tracks
        candidates : the rows of ``reco/events``
        weight : of each candidate
        """
        truth, c, tracks = chunk.truth, chunk.crossings, chunk.tracks
        slot = self._charged(chunk)
        self._generate(chunk, slot)
        self._sumw_filled += float(truth.drawn_weight.sum())
        early = (candidates["n_tracks"] == 1) & (candidates["charge"] > 0) & (candidates["gtk_associated"] > 0)
        early &= candidates["cda"] < _CDA_MAX
        self._cda.append(np.stack((candidates["cda"][early] / mm, weight[early])))
        first = _apply(self.early, candidates)  # cheap cuts that leave half; the others see only what they leave
        rows = np.flatnonzero(first)
        table: Any = Survivors(candidates, rows)
        factor = first[rows] * _apply(self.late, table)
        out = np.zeros((len(_ROWS), len(rows)))
        out[WEIGHT], out[P], out[M2] = weight[rows] * factor, table["p"] / GeV, table["m2_miss"] / GeV2
        out[Z], out[CHI2] = table["vertex_z"] / m, table["chi2"]
        self._select(table, factor, out)
        _residuals(
            candidates.event_of_row()[rows], slot, truth.chain.particles[slot].pdg, species("pi+").mass, truth.p,
            truth.vertex, c.event, c.slot, c.pdg, c.p, c.u, c.v, tracks["event"], tracks["u"], tracks["v"], out,
        )  # fmt: skip
        self._rows.append(out[:, factor > 0.0])
        if self._waiting >= _BUFFER:
            self.flush()

    def fill_selected(self, chunk: SelectedChunk) -> None:
        """Add a chunk in which nothing is made but what passes all cuts, to the histograms of generated and selected decays.

        `complete` scales the others to the number of all decays.
        """
        assert self.selection is not None
        self._partly = True
        self._generate(chunk, self._charged(chunk))
        rows, p_true = chunk.flow.passed_rows, self._generated[-1][0]
        chunk.candidates.make(rows)
        table: Any = Survivors(chunk.candidates, rows)
        out = np.zeros((len(_ROWS), len(rows)))
        out[WEIGHT], out[SELECTED] = chunk.weight[rows], self.selection.factor
        out[P], out[M2], out[Z] = table["p"] / GeV, table["m2_miss"] / GeV2, table["vertex_z"] / m
        out[P_TRUE] = p_true[chunk.event[rows]]
        self._region_index(table, out)
        self._selected.append(out)
        if self._waiting >= _BUFFER:
            self.flush()

    def complete(self) -> None:
        """Fill what is waiting, and let candidates of some of the decays (`fill_selected`) stand for those of all."""
        self.flush()
        if self._partly and self._sumw_filled > 0.0:
            for name in _OF_CANDIDATES:
                self.histograms[name] *= self.sumw_generated / self._sumw_filled
            self._sumw_filled, self._partly = self.sumw_generated, False

    def _generate(self, chunk: Chunk | SelectedChunk, slot: int) -> None:
        """Add the decays themselves: momentum (GeV/c) of the charged particle, vertex (m), weight."""
        truth = chunk.truth
        px, py, pz = truth.p[slot, 0], truth.p[slot, 1], truth.p[slot, 2]
        p_true = np.sqrt(px * px + py * py + pz * pz)
        self._generated.append(np.stack((p_true / GeV, truth.vertex[0, 2] / m, truth.drawn_weight)))
        self._waiting += len(p_true)

    def _charged(self, chunk: Chunk | SelectedChunk) -> int:
        """Slot of the first charged particle that does not decay in the chain; also learn what the process is."""
        chain = chunk.truth.chain
        slots = [k for k, s in enumerate(chain.particles) if s.charge and not chain.decays[k]]
        if not slots:
            raise ValueError(f"histograms of {self.label}: the process has no charged particle")
        slot = slots[0]
        first = [k for k, parent in enumerate(chain.parents) if parent == 0]
        if len(first) == 2 and slot in first:
            self.two_body_mass = chain.particles[first[0] if slot == first[1] else first[1]].mass
        self.particle = chain.particles[slot].name
        return slot

    def _select(self, table: Table, kinematic: FloatArray, out: FloatArray) -> None:
        """Factor of the remaining cuts of the selection, and the index of the signal region."""
        if self.selection is None:
            return
        out[SELECTED] = _apply(self.remaining, table) * (kinematic > 0.0)
        self._region_index(table, out)

    def _region_index(self, table: Table, out: FloatArray) -> None:
        """The index of the signal region of each row, -1 outside."""
        assert self.selection is not None
        out[REGION] = -1.0
        if not self.selection.signal:
            out[REGION] = 0.0
        for k, name in enumerate(self.selection.signal):
            out[REGION, self.selection.regions[name](table)] = k

    def flush(self) -> None:
        """Fill what is waiting."""
        if not self._waiting:
            return
        self.cores.clear()
        h = self.histograms
        p, z, w = np.concatenate(self._generated, axis=1)
        h["generated_p"].fill(p, weight=w)
        h["generated_z"].fill(z, weight=w)
        self.sumw_generated += float(w.sum())
        self._flush_candidates()
        if self._selected:
            self._flush_selected(np.concatenate(self._selected, axis=1))
        self._selected, self._generated, self._waiting = [], [], 0

    def _flush_candidates(self) -> None:
        if not self._rows:
            return
        h = self.histograms
        cda, w = np.concatenate(self._cda, axis=1)
        h["cda"].fill(cda, weight=w)
        r = np.concatenate(self._rows, axis=1)
        self._rows, self._cda = [], []
        h["m2_p"].fill(r[M2], r[P], weight=r[WEIGHT])
        h["accepted_p"].fill(r[P_TRUE], weight=r[WEIGHT])
        h["accepted_z"].fill(r[Z], weight=r[WEIGHT])
        self._flush_selected(r[:, r[SELECTED] > 0.0])
        r = r[:, r[FOLLOWS] > 0.0]
        w = r[WEIGHT]
        h["chi2"].fill(r[CHI2], weight=w)
        h["residual_p"].fill(r[P_TRUE], r[RESIDUAL_P], weight=w)
        h["residual_u"].fill(r[P_TRUE], r[RESIDUAL_U], weight=w)
        h["residual_v"].fill(r[P_TRUE], r[RESIDUAL_V], weight=w)
        h["residual_m2"].fill(r[P_TRUE], r[RESIDUAL_M2], weight=w)
        h["residual_z"].fill(r[Z_TRUE], r[RESIDUAL_Z], weight=w)
        h["residual_z_angle"].fill(r[ANGLE], r[RESIDUAL_Z], weight=w)

    def _flush_selected(self, r: FloatArray) -> None:
        h, w = self.histograms, r[WEIGHT] * r[SELECTED]
        h["m2_p_selected"].fill(r[M2], r[P], weight=w)
        h["selected_z"].fill(r[Z], weight=w)
        for k, name in enumerate(self.regions):
            here = r[REGION] == k
            h["selected_p"].fill(r[P_TRUE, here], name, weight=w[here])

    def merge(self, other: Histograms) -> Self:
        """Add the histograms of other events of the same process.

        Raises
        ------
        ValueError : another process, or other signal regions
        """
        if (other.label, other.regions) != (self.label, self.regions):
            raise ValueError(
                f"histograms of {other.label} ({', '.join(other.regions)}) cannot be added to those of "
                f"{self.label} ({', '.join(self.regions)})"
            )
        self.flush()
        other.flush()
        self.cores.clear()
        for name, histogram in other.histograms.items():
            self.histograms[name] += histogram
        self.sumw_generated += other.sumw_generated
        self._sumw_filled, self._partly = self._sumw_filled + other._sumw_filled, self._partly or other._partly
        self.two_body_mass = other.two_body_mass if self.two_body_mass is None else self.two_body_mass
        self.particle = self.particle or other.particle
        return self

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, for JSON: per histogram its axes, values and variances (no overflow)."""
        self.flush()
        out: dict[str, Any] = {
            "label": self.label,
            "geometry": self.detector.name,
            "sumw_generated": self.sumw_generated,
        }
        for name, h in self.histograms.items():
            axes = [
                {"name": a.name, "label": a.label, "edges": np.asarray(a.edges).tolist()}
                if not isinstance(a, hist.axis.StrCategory)
                else {"name": a.name, "categories": list(a)}
                for a in h.axes
            ]
            out[name] = {"axes": axes, "values": h.values().tolist(), "variances": h.variances().tolist()}
        return out


def _same(cut: Cut, other: Cut | None) -> bool:
    """Whether two cuts of a data set come from the same line of code."""
    return other is not None and getattr(cut.function, "__code__", 1) is getattr(other.function, "__code__", 2)


def _apply(cuts: list[Cut], table: Table) -> FloatArray:
    """Product of the factors of all cuts, 0 where one fails."""
    mask, factor = np.ones(len(table), dtype=bool), 1.0
    for cut in cuts:
        mask &= cut.function(table)
        factor *= cut.factor
    return mask * factor


@kernel
def _residuals(
    event: Any, slot: int, pdg: int, pion: float, p4: Any, vertex: Any, crossing: Any, crossing_slot: Any, crossing_pdg: Any,
    crossing_p: Any, crossing_u: Any, crossing_v: Any, track_event: Any, track_u: Any, track_v: Any, out: Any,
) -> None:  # fmt: skip
    """Truth of each candidate, and what was reconstructed minus it. Rows of all arguments are in event order."""
    c, t = 0, 0
    for row in range(event.size):
        i = event[row]
        while c < crossing.size and crossing[c] < i:
            c += 1
        while track_event[t] < i:
            t += 1
        o = out[:, row]
        qx, qy, qz = p4[slot, 0, i], p4[slot, 1, i], p4[slot, 2, i]
        q2 = qx * qx + qy * qy + qz * qz
        o[P_TRUE] = np.sqrt(q2) / GeV
        if c == crossing.size or crossing[c] != i or crossing_slot[c] != slot:
            continue
        if crossing_pdg[0, c] != pdg or crossing_pdg[1, c] != pdg:  # decayed in flight
            continue
        kx, ky, kz, ke = p4[0, 0, i], p4[0, 1, i], p4[0, 2, i], p4[0, 3, i]
        missing = (ke - np.sqrt(q2 + pion * pion)) ** 2 - (kx - qx) ** 2 - (ky - qy) ** 2 - (kz - qz) ** 2
        o[FOLLOWS] = 1.0
        o[RESIDUAL_P] = o[P] * GeV / crossing_p[0, c] - 1.0
        o[RESIDUAL_U] = (track_u[t] - crossing_u[0, c]) / MICRORADIAN
        o[RESIDUAL_V] = (track_v[t] - crossing_v[0, c]) / MICRORADIAN
        o[RESIDUAL_M2] = o[M2] - missing / GeV2
        o[Z_TRUE] = vertex[0, 2, i] / m
        o[RESIDUAL_Z] = o[Z] - o[Z_TRUE]
        o[ANGLE] = np.sqrt((qx / qz - kx / kz) ** 2 + (qy / qz - ky / kz) ** 2) / mrad
