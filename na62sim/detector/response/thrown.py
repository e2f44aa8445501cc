"""What the response throws flat: decisions by the number of the event, and of the particle in it, alone.

They can be asked for before anything is carried through the detectors (`transport.early`). A decision is thrown by the
response in the file that its entry names; here is which uniform of which stream it is, and what it is compared with.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from na62sim.core.rng import STREAM_BEAM_DETECTORS, STREAM_CALORIMETER, STREAM_GTK, STREAM_RICH, STREAM_STRAW_POSITION
from na62sim.detector.response.respond import Response
from na62sim.detector.transport.early import N_DICE, Draws

_ALL = 2.0  # above any uniform


def build_draws(r: Response, names: Collection[str], beam: bool) -> Draws:
    """Draws by the names that cuts ask for (`selection.cut.THROWN`), and of the STRAW's quality, without which there is no track.

    Parameters
    ----------
    beam : whether KTAG, GTK and CHANTI see a beam
    """
    certain = r.carried.efficiencies  # they are in the weight
    # stream, of each particle, of pions alone, asked of exempt events, upper ends of its uniforms
    table = [(STREAM_STRAW_POSITION, True, False, True, {1: r.straw.quality})]  # straw.py
    if "lkr" in names:  # calorimeter.py
        like = _ALL if certain else r.calorimeter.pion_like
        table.append((STREAM_CALORIMETER, True, True, False, {2: r.calorimeter.efficiency, 3: like}))
    if "gtk" in names and beam:  # gtk.py
        table.append((STREAM_GTK, False, False, False, {3: r.gtk.quality}))
    if "rich" in names and not certain:  # cherenkov.py
        table.append((STREAM_RICH, True, True, False, {1: r.rich.pion_like}))
    if "chanti" in names and beam:  # counter.py, with the uniforms of the KTAG
        table.append((STREAM_BEAM_DETECTORS, False, False, False, {1: r.chanti_quiet}))
    high = np.full((len(table), N_DICE), _ALL)
    for row, (*_, ends) in zip(high, table, strict=True):
        for k, end in ends.items():
            row[k] = end
    stream, of_track, of_pion, always, _ = zip(*table, strict=True)
    return Draws(
        np.array(stream, dtype=np.uint64), np.array(of_track), np.array(of_pion), np.array(always), high, "lkr" in names
    )
