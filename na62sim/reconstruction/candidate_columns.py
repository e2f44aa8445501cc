"""The columns of ``reco/events``, and their rows in the array that the kernels fill."""

from __future__ import annotations

from na62sim.core.columns import index_of

NO_MASS = -1e9  # MeV^2: a missing mass that could not be formed

OF_TRACKS: tuple[tuple[str, str, str], ...] = (
    ("n_tracks", "", "STRAW tracks"),
    ("charge_sum", "", "sum of their charges"),
    ("charge", "", "charge of the candidate track, the first of the event"),
    ("p", "MeV", "its momentum"),
    ("chi2", "", "of its fit, 3 degrees of freedom"),
    ("n_views", "", "straw views on it"),
    ("x1", "mm", "position at STRAW 1"),
    ("y1", "mm", "position at STRAW 1"),
    ("x4", "mm", "position at STRAW 4"),
    ("y4", "mm", "position at STRAW 4"),
    ("r_chambers", "mm", "largest distance from x = y = 0 in the chambers"),
    ("hole_clearance", "mm", "smallest over the chambers of the distance from the hole, the larger of |x'| and |y|"),
    ("m2_beam", "MeV^2", "missing mass squared, nominal beam and STRAW"),
    ("collimator_x", "mm", "track extrapolated to the collimator plane"),
    ("collimator_y", "mm", "track extrapolated to the collimator plane"),
    ("beam_cda", "mm", "closest distance to the nominal beam"),
    ("rich_x_front", "mm", "track at the RICH front"),
    ("rich_y_front", "mm", "track at the RICH front"),
    ("rich_x_back", "mm", "track at the RICH back"),
    ("rich_y_back", "mm", "track at the RICH back"),
    ("newchod_r", "mm", "distance of the track from the axis at NewCHOD"),
    ("chod_r", "mm", "distance from the axis at CHOD"),
    ("lkr_x", "mm", "track at LKr"),
    ("lkr_y", "mm", "track at LKr"),
    ("muv3_x", "mm", "track at MUV3"),
    ("muv3_y", "mm", "track at MUV3"),
)
"""Columns that the STRAW tracks alone determine: name, unit, description."""

OF_EVENTS: tuple[tuple[str, str, str], ...] = (
    ("n_segments", "", "segments of two chambers away from the only track of an event"),
    ("ktag_sectors", "", "KTAG sectors of the kaon"),
    ("n_gtk", "", "beam tracks that may be the kaon: in time with KTAG, momentum and direction of the beam"),
    ("gtk_track", "", "which of the event's beam tracks is taken for the kaon, counted from 0; -1 for none"),
    ("gtk_p", "MeV", "momentum of the beam track"),
    ("gtk_x", "mm", "position of the beam track at GTK3"),
    ("gtk_y", "mm", "position of the beam track at GTK3"),
    ("gtk_dxdz", "", "slope of the beam track"),
    ("gtk_dydz", "", "slope of the beam track"),
    ("gtk_associated", "", "1 if the K-pi association succeeds"),
    ("gtk_dt", "ns", "GTK minus KTAG time"),
    ("rich_dt", "ns", "GTK minus RICH time; 0 without a ring"),
    ("kpi_ktag", "", "discriminant of the association, CDA and KTAG time: uniform times uniform for a true pair"),
    ("kpi_rich", "", "the same with the RICH time"),
    ("cda", "mm", "closest distance of beam track and STRAW track"),
    ("vertex_x", "mm", "vertex"),
    ("vertex_y", "mm", "vertex"),
    ("vertex_z", "mm", "vertex"),
    ("px", "MeV", "track momentum at the vertex"),
    ("py", "MeV", "track momentum at the vertex"),
    ("pz", "MeV", "track momentum at the vertex"),
    ("m2_miss", "MeV^2", "missing mass squared, GTK and STRAW, pion mass"),
    ("m2_miss_muon", "MeV^2", "missing mass squared, GTK and STRAW, muon mass"),
    ("m2_rich", "MeV^2", "missing mass squared, GTK and RICH momentum"),
    ("n_rings", "", "rings matched to the track"),
    ("ring_hits", "", "hits on the matched ring"),
    ("rich_mass", "MeV", "mass from ring radius and momentum; 0 if the ring is too large"),
    ("rich_pion_like", "", "1 if the likelihood prefers a pion"),
    ("newchod_matched", "", "NewCHOD hits at the track in time"),
    ("newchod_extra", "", "NewCHOD hits away from the track in time"),
    ("chod_matched", "", "CHOD hits at the track in time"),
    ("chod_extra", "", "CHOD hits away from the track in time, of two slabs each"),
    ("lkr_matched", "", "clusters at the track"),
    ("eop", "", "matched cluster energy over momentum"),
    ("lkr_pion_like", "", "1 if the calorimeters identify a pion"),
    ("lkr_extra", "", "clusters away from the track, in the veto window"),
    ("lkr_extra_energy", "MeV", "their energy"),
    ("lkr_merged", "", "energetic clusters in time near the track that are not its own"),
    ("muv_energy", "MeV", "energy in MUV1 and MUV2"),
    ("muv3_matched", "", "MUV3 hits near the track in time"),
    ("n_lav", "", "LAV hits in time"),
    ("n_irc_sac", "", "IRC and SAC hits in time"),
    ("n_hasc", "", "HASC hits in time"),
    ("n_muv0", "", "MUV0 hits in time"),
    ("n_coincidences", "", "pairs of hits in one place away from the track, in two of CHOD, NewCHOD and LKr"),
    ("n_chanti", "", "CHANTI hits in time"),
)
"""Columns that need the other detectors, or hits that are on no track."""

COLUMNS = OF_TRACKS + OF_EVENTS

_NAMES = [name for name, _, _ in OF_EVENTS]
OF_BEAM = (*_NAMES[_NAMES.index("n_gtk") : _NAMES.index("m2_rich") + 1],)
"""Names of those that the beam tracks have a part in."""

_NAMES_OF_TRACKS = [name for name, _, _ in OF_TRACKS]
_NAMES_OF_TRACKS += [
    "newchod_x",
    "newchod_y",
    "chod_x",
    "chod_y",
    "beam_z",
]  # at the counters, next to the nominal beam (mm)
_NAMES_OF_EVENTS = [name for name, _, _ in OF_EVENTS]
_NAMES_OF_EVENTS += ["kaon_x", "kaon_y", "kaon_z", "ring"]  # momentum at the vertex (MeV); the ring of the track
C = index_of(_NAMES_OF_TRACKS + _NAMES_OF_EVENTS)
"""Rows of the array that the kernels fill: columns, each part with its work space behind it."""
ROWS_OF_TRACKS, ROWS = len(_NAMES_OF_TRACKS), len(C)
