"""The columns of ``reco/events``, and their rows in the array that the kernels fill."""

from __future__ import annotations

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
    ("ktag_sectors", "", "KTAG sectors of the kaon"),
    ("n_gtk", "", "beam tracks at GTK3"),
    ("gtk_p", "MeV", "momentum of the beam track"),
    ("gtk_associated", "", "1 if the K-pi association succeeds"),
    ("gtk_dt", "ns", "GTK minus KTAG time"),
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
    ("newchod_extra", "", "other NewCHOD hits in time"),
    ("chod_matched", "", "CHOD hits at the track in time"),
    ("lkr_matched", "", "clusters at the track"),
    ("eop", "", "matched cluster energy over momentum"),
    ("lkr_pion_like", "", "1 if the calorimeters identify a pion"),
    ("lkr_extra", "", "clusters away from the track, in the veto window"),
    ("lkr_extra_energy", "MeV", "their energy"),
    ("muv_energy", "MeV", "energy in MUV1 and MUV2"),
    ("muv3_matched", "", "MUV3 hits near the track in time"),
    ("n_lav", "", "LAV hits in time"),
    ("n_irc_sac", "", "IRC and SAC hits in time"),
    ("n_hasc", "", "HASC hits in time"),
    ("n_chanti", "", "CHANTI hits in time"),
)
"""Columns that need the other detectors."""

COLUMNS = OF_TRACKS + OF_EVENTS

# rows of the array that the kernels fill: columns, each part with its work space behind it
(
    N_TRACKS, CHARGE_SUM, CHARGE, P, CHI2, N_VIEWS, X1, Y1, X4, Y4, R_CHAMBERS, HOLE_CLEARANCE, M2_BEAM, COLLIMATOR_X,
    COLLIMATOR_Y, BEAM_CDA, RICH_X_FRONT, RICH_Y_FRONT, RICH_X_BACK, RICH_Y_BACK, NEWCHOD_R, CHOD_R, LKR_X, LKR_Y,
    MUV3_X, MUV3_Y,
    NEWCHOD_X, NEWCHOD_Y, CHOD_X, CHOD_Y, BEAM_Z,  # the track at the counters and next to the nominal beam (mm)
) = range(len(OF_TRACKS) + 5)  # fmt: skip
(
    KTAG_SECTORS, N_GTK, GTK_P, GTK_ASSOCIATED, GTK_DT, CDA, VERTEX_X, VERTEX_Y, VERTEX_Z, PX, PY, PZ, M2_MISS,
    M2_MISS_MUON, M2_RICH, N_RINGS, RING_HITS, RICH_MASS, RICH_PION_LIKE, NEWCHOD_MATCHED, NEWCHOD_EXTRA,
    CHOD_MATCHED, LKR_MATCHED, EOP, LKR_PION_LIKE, LKR_EXTRA, LKR_EXTRA_ENERGY, MUV_ENERGY, MUV3_MATCHED, N_LAV,
    N_IRC_SAC, N_HASC, N_CHANTI,
    KAON_X, KAON_Y, KAON_Z,  # momentum at the vertex (MeV)
) = range(len(OF_TRACKS) + 5, len(COLUMNS) + 8)  # fmt: skip
ROWS_OF_TRACKS, ROWS = len(OF_TRACKS) + 5, len(COLUMNS) + 8
ROW = [*range(len(OF_TRACKS)), *range(ROWS_OF_TRACKS, ROWS - 3)]  # of each of the columns
