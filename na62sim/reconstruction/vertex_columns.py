"""The columns of vertex candidates."""

from __future__ import annotations

from na62sim.core.columns import index_of
from na62sim.reconstruction.vertex_fit import MAX_VERTEX_TRACKS

EVENT_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("n_tracks", "", "tracks of the event"),
    ("n_good", "", "of them with a good fit"),
    ("n_vertex", "", "tracks of the vertex: 5, 3 or 2"),
    ("charge", "", "sum of their charges"),
    ("x", "mm", "vertex"),
    ("y", "mm", "vertex"),
    ("z", "mm", "vertex, from T10"),
    ("chi2", "", "of the vertex, 2 n_vertex - 3 degrees of freedom"),
    ("sigma_x", "mm", "error of x"),
    ("sigma_y", "mm", "error of y"),
    ("sigma_z", "mm", "error of z"),
    ("px", "MeV", "total momentum at the vertex"),
    ("py", "MeV", "total momentum at the vertex"),
    ("pz", "MeV", "total momentum at the vertex"),
    ("p", "MeV", "total momentum"),
    ("pt", "MeV", "total momentum across the nominal beam"),
    ("beam_distance", "mm", "of the vertex from the nominal beam axis"),
    ("pair_distance", "mm", "smallest distance of two tracks of the vertex in STRAW 1"),
    ("track_chi2", "", "largest of the tracks, 3 degrees of freedom each"),
    ("p_min", "MeV", "smallest momentum"),
    ("r_max", "mm", "largest distance of a track from x = y = 0 in STRAW 1 and 4"),
    ("hole_clearance", "mm", "smallest distance from the hole, the larger of |x'| and |y|, in STRAW 1 and 4"),
    ("time", "ns", "mean of the tracks at STRAW 1, minus the flight from GTK3"),
    ("time_spread", "ns", "largest difference of a track from the mean"),
    ("ktag_sectors", "", "KTAG sectors of the kaon"),
    ("ktag_dt", "ns", "tracks minus KTAG time"),
    ("assignments", "", "pions equally well identified (1: unique)"),
    ("identification", "", "score of the assignment, see identification.py"),
    ("lkr_extra", "", "clusters in time away from tracks and from photons radiated before the magnet"),
    ("lkr_extra_energy", "MeV", "their energy"),
    ("lkr_radiated", "", "clusters on the line of a track before the magnet"),
    ("n_lav", "", "LAV hits in time"),
    ("n_irc_sac", "", "IRC and SAC hits in time"),
    ("m_pi4e", "MeV", "mass of five tracks; of three tracks m(pi e e)"),
    ("m_4e", "MeV", "mass of the electrons; of three or two tracks m(e e)"),
    ("m_ee1", "MeV", "larger mass of the pairing with the closer masses"),
    ("m_ee2", "MeV", "smaller mass of that pairing"),
    ("m_ee3", "MeV", "larger mass of the other pairing"),
    ("m_ee4", "MeV", "smaller mass of the other pairing"),
    ("m_3pi", "MeV", "mass of three tracks as pions"),
    ("m_mumu", "MeV", "mass of two tracks as muons"),
)


SLOT_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("charge", "", "charge"),
    ("p", "MeV", "momentum"),
    ("px", "MeV", "momentum at the vertex"),
    ("py", "MeV", "momentum at the vertex"),
    ("pz", "MeV", "momentum at the vertex"),
    ("eop", "", "cluster energy over momentum; 0 without cluster, -1 if another track has the cluster"),
    ("lkr", "", "1 if the track reaches the LKr"),
    ("chod", "", "1 if it reaches CHOD"),
    ("newchod", "", "1 if it reaches NewCHOD"),
    ("rich", "", "1 if it reaches the RICH"),
    ("ring_e", "", "ring radius minus that of an electron over its error; 99 without ring"),
    ("ring_pi", "", "ring radius minus that of a pion over its error; 99 without ring"),
    ("muv3", "", "MUV3 hits at the track"),
)


COLUMNS = EVENT_COLUMNS + tuple(
    (f"{name}_{k + 1}", unit, f"track {k + 1}: {text}")
    for k in range(MAX_VERTEX_TRACKS)
    for name, unit, text in SLOT_COLUMNS
)


V = index_of(name for name, _, _ in EVENT_COLUMNS)
SLOT = index_of(name for name, _, _ in SLOT_COLUMNS)
