"""What the response throws flat: decisions by the number of the event, and of the particle in it, alone.

They can be asked for before anything is carried through the detectors (`transport.early`). A decision is thrown by the
response in the file that its entry names; here is which uniform of which stream it is, and what it is compared with.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from na62sim.core.rng import STREAM_BEAM_DETECTORS, STREAM_CALORIMETER, STREAM_GTK, STREAM_RICH, STREAM_STRAW_POSITION
from na62sim.detector.response.respond import Response
from na62sim.detector.transport.early import Draws

_ALL = 2.0  # above any uniform


def build_draws(r: Response, names: Collection[str], beam: bool) -> Draws:
    """Draws by the names that cuts ask for (`selection.cut.THROWN`), and of the STRAW's quality, without which there is no track.

    Parameters
    ----------
    beam : whether KTAG, GTK and CHANTI see a beam
    """
    certain = r.carried.efficiencies  # they are in the weight
    # stream, of each particle, asked of exempt events, upper ends of its uniforms for any particle, for pions, for muons
    table: list[tuple[np.uint64, bool, bool, *tuple[dict[int, float], ...]]] = []
    if "lkr" in names:  # calorimeter.py
        seen, like = {2: r.calorimeter.efficiency}, _ALL if certain else r.calorimeter.pion_like
        table.append((STREAM_CALORIMETER, True, False, seen, seen | {3: like}, seen))
    if "gtk" in names and beam:  # gtk.py
        table.append((STREAM_GTK, False, False, *({3: r.gtk.quality},) * 3))
    if "rich" in names:  # cherenkov.py; muons carried as a weight are all taken for pions
        pion = _ALL if certain else r.rich.pion_like
        muon = _ALL if r.carried.identification else float(r.rich.muon_like.max())
        electron = _ALL if r.carried.identification else r.rich.electron_like
        table.append((STREAM_RICH, True, False, {1: max(pion, muon, electron)}, {1: pion}, {1: muon}))
    if "chanti" in names and beam:  # counter.py, with the uniforms of the KTAG
        table.append((STREAM_BEAM_DETECTORS, False, False, *({1: r.chanti_quiet},) * 3))
    # straw.py; the next uniform tells which hits are of the broad component
    table.append((STREAM_STRAW_POSITION, True, True, *({1: r.straw.quality, 2: _ALL},) * 3))
    stream, of_track, always = (np.array([row[k] for row in table]) for k in range(3))
    thrown = [sorted({k for ends in kinds for k in ends}) for _, _, _, *kinds in table]
    dice = np.array([(which[0], which[-1]) for which in thrown])
    high = np.array([
        [[ends.get(int(k), _ALL) for k in which] for ends in kinds]
        for which, (_, _, _, *kinds) in zip(dice, table, strict=True)
    ])  # fmt: skip
    return Draws(stream, of_track, always, dice, high, "lkr" in names)
