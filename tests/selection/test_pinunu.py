"""The veto cuts of the K+ -> pi+ nu nubar selection: each quantity rejects on its own."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.geometry import load_detector
from na62sim.selection.pinunu import k2pi, pinunu, veto_cuts

QUANTITIES = ("lkr_extra", "n_lav", "n_irc_sac", "n_hasc", "newchod_extra")


@pytest.mark.parametrize("fired", [None, *QUANTITIES])
def test_each_veto_rejects_alone(fired: str | None) -> None:
    """One hit of a kind is enough, whatever the others say."""
    table = {name: np.array([0.0, float(name == fired)]) for name in QUANTITIES}
    passed = np.ones(2, dtype=bool)
    for cut in veto_cuts(load_detector("run1-2018-s2")):
        passed &= cut.function(table)  # type: ignore[arg-type]
    assert passed.tolist() == [True, fired is None]


def test_who_vetoes() -> None:
    """The signal does, the normalisation, whose pi0 fires the vetoes, does not."""
    d = load_detector("run1-2018-s2")
    vetoes = {cut.name for cut in veto_cuts(d)}
    assert vetoes <= {cut.name for cut in pinunu(d).cuts}
    assert not vetoes & {cut.name for cut in k2pi(d).cuts}
