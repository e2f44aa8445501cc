"""Event displays: files of the expected size, paths that follow the truth, and errors in one line."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import na62sim
from na62sim.report.figures.event import draw_event, true_paths
from na62sim.report.figures.side_view import stops
from na62sim.simulation.stages import detector_of


@pytest.fixture(scope="module")
def k2pi():
    """400 K2pi events with what was reconstructed."""
    return na62sim.reconstruct(na62sim.simulate("k2pi", 400, "run1-2018-s2", seed=5, threads=1))


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


@pytest.mark.parametrize("process", ["kpinunu", "kmu2"])
def test_raw_events_of_other_processes(process, tmp_path):
    sample = na62sim.simulate(process, 20, "run2-2022", seed=2, threads=1)
    path = draw_event(sample, 3, tmp_path / "event.png")
    assert path == tmp_path / "event.png" and png_size(path) == (2550, 1590)
    assert [p.name for p in tmp_path.iterdir()] == ["event.png"]  # nothing half-written is left


def test_reconstructed_event_with_a_decay_in_flight(k2pi, tmp_path):
    particles = np.diff(k2pi["truth"].offsets)
    index = int(np.flatnonzero(particles > particles.min())[0])
    path = draw_event(k2pi, index, str(tmp_path / "flight.png"))
    assert png_size(path) == (2550, 1590) and path.stat().st_size > 50_000


@pytest.mark.parametrize("index", [-1, 400])
def test_an_event_that_is_not_there(k2pi, index, tmp_path):
    with pytest.raises(ValueError, match=f"^event {index}: the sample has events 0 to 399$"):
        draw_event(k2pi, index, tmp_path / "event.png")
    assert not list(tmp_path.iterdir())


def test_paths_begin_at_true_vertices_and_cross_the_straw_hits(k2pi):
    detector = detector_of(k2pi)
    z = np.array(detector.straw.chamber_z_m)
    distance = []
    for i in range(100):
        event = k2pi.slice_events(i, i + 1)
        paths, truth, straw = true_paths(event, detector), event["truth"], event["hits/straw"]
        assert paths[0][0] == 321 and np.allclose(paths[0][1][:, -1] * 1e3, [truth[c][0] for c in ("z", "x", "y")])
        assert {pdg for pdg, _ in paths} <= {321, 211, -13, -11, 11, 22}  # the pi0 has no visible length
        pion = next(path for pdg, path in paths if pdg == 211)
        assert np.allclose(pion[:, 0] * 1e3, [truth[c][1] for c in ("z", "x", "y")])
        if len(truth) == 5:  # no decay in flight
            for view, row in ((2, 1), (3, 2)):
                hit = straw["view"] == view
                at = np.interp(z[straw["chamber"][hit]], pion[0], pion[row])
                distance += list(straw["position"][hit] / 1e3 - at)
    assert len(distance) > 200
    assert np.quantile(np.abs(distance), 0.9) < 0.005  # m: thin kicks, and no scattering


def test_particles_end_where_the_detector_stops_them():
    detector = na62sim.load_detector("run1-2018-s2")
    z = np.arange(105.0, 263.0, 0.1)

    def end(kind, slope):
        x = slope * (z - 105.0)
        return z[np.flatnonzero(stops(detector, kind)(z, x, np.zeros_like(z)))[:1]].sum()

    assert 241.0 < end("photon", 0.004) < 241.6  # LKr
    assert 121.3 < end("photon", 0.040) < 122.0  # first LAV station
    assert 260.9 < end("photon", 0.0) < 261.2  # SAC, through the hole
    assert 243.0 < end("hadron", 0.004) < 244.0
    assert 246.8 < end("muon", 0.004) < 248.0
    assert end("neutrino", 0.1) == 0.0


def drawn(sample, index, monkeypatch):
    """Title, line of the RICH, and entries of the legend of an event."""
    figures = []
    monkeypatch.setattr("na62sim.report.figures.event.save", lambda fig, path, **_: figures.append(fig))
    draw_event(sample, index, "event.png")
    (fig,) = figures
    return fig._suptitle.get_text(), fig.texts[-1].get_text(), [text.get_text() for text in fig.legends[0].get_texts()]


def test_the_legend_names_what_there_is(k2pi, monkeypatch):
    """A veto that fired where one did; everything else likewise."""
    vetoes = [k2pi[f"hits/{name}"].offsets for name in ("lav", "irc", "sac")]
    fired = sum(np.diff(offsets) for offsets in vetoes) > 0
    for index, expected in ((int(np.argmax(fired)), True), (int(np.argmin(fired)), False)):
        title, rich, legend = drawn(k2pi, index, monkeypatch)
        assert ("veto that fired" in legend) == expected
        assert "event" in title and rich.startswith("RICH: ")


def test_an_event_of_five_tracks(monkeypatch):
    """Its title has the masses of five tracks, not the missing mass of one; electrons and positrons differ in colour."""
    sample = na62sim.reconstruct(na62sim.simulate("kpiaa", 4000, "run1-2017", seed=3, m_a=100.0))
    table = sample["reco/vertices"]
    row = int(np.flatnonzero(table["n_vertex"] == 5)[0])
    title, rich, legend = drawn(sample, int(table.event_of_row()[row]), monkeypatch)
    assert "vertex of 5 tracks" in title and r"m(\pi^{+}4e)" in title and "miss" not in title
    assert f"{table['m_pi4e'][row]:.1f} MeV" in title
    assert rich.count("R = ") >= 2
    assert {"$e^{+}$", "$e^{-}$", "fitted vertex"} <= {*legend}
    from na62sim.report.figures.style import particle_colour

    assert len({particle_colour(pdg) for pdg in (-11, 11, -13, 13, 211, -211, 22, 321)}) == 8
