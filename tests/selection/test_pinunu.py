"""The veto cuts of the K+ -> pi+ nu nubar selection: each quantity rejects on its own."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.geometry import load_detector
from na62sim.selection.pinunu import k2pi, pinunu, veto_cuts

QUANTITIES = (
    "lkr_extra", "lkr_merged", "n_lav", "n_irc_sac", "n_hasc", "newchod_extra", "n_segments", "n_muv0", "n_coincidences",
)  # fmt: skip


@pytest.mark.parametrize("fired", [None, *QUANTITIES])
def test_each_veto_rejects_alone(fired: str | None) -> None:
    """One hit of a kind is enough, whatever the others say."""
    table = {name: np.array([0.0, float(name == fired)]) for name in (*QUANTITIES, "chod_extra")}
    passed = np.ones(2, dtype=bool)
    for cut in veto_cuts(load_detector("run1-2018-s2")):
        passed &= cut.function(table)  # type: ignore[arg-type]
    assert passed.tolist() == [True, fired is None]


def test_more_than_three_further_slabs_of_the_chod_reject() -> None:
    """A particle fires two."""
    n = np.arange(4.0)
    table = {name: np.zeros(4) for name in QUANTITIES} | {"chod_extra": n}
    passed = np.logical_and.reduce([cut.function(table) for cut in veto_cuts(load_detector("run1-2018-s2"))])  # type: ignore[arg-type]
    assert passed.tolist() == [True, True, False, False]


def test_who_vetoes() -> None:
    """The signal does, the normalisation, whose pi0 fires the vetoes, does not."""
    d = load_detector("run1-2018-s2")
    vetoes = {cut.name for cut in veto_cuts(d)}
    assert vetoes <= {cut.name for cut in pinunu(d).cuts}
    assert not vetoes & {cut.name for cut in k2pi(d).cuts}


@pytest.mark.parametrize(
    ("p", "rich", "beam"),
    [
        (18.0, (0.0, 0.010), (-0.005, 0.0135)),
        (22.0, (0.0, 0.020), (-0.005, 0.0135)),
        (30.0, (-0.005, 0.020), (0.0, 0.0135)),
    ],
)
def test_guards_of_r1_depend_on_momentum(p: float, rich: tuple[float, float], beam: tuple[float, float]) -> None:
    """Windows of the second missing masses (GeV^2) as in NA62's kinematic-tails tool: below 20, 20 to 25, above 25 GeV/c."""
    region = pinunu(load_detector("run1-2018-s2")).regions["R1"]
    good = 0.5 * (rich[0] + rich[1]), 0.5 * (beam[0] + beam[1])
    cases = [good, *((edge + sign * 1e-4, good[1]) for edge in rich for sign in (-1, 1))]
    cases += [(good[0], edge + sign * 1e-4) for edge in beam for sign in (-1, 1)]
    table = {
        "p": np.full(len(cases), p * 1e3),
        "m2_miss": np.full(len(cases), 0.005e6),
        "m2_rich": np.array([c[0] for c in cases]) * 1e6,
        "m2_beam": np.array([c[1] for c in cases]) * 1e6,
    }
    inside = [rich[0] < a < rich[1] and beam[0] < b < beam[1] for a, b in cases]
    assert region(table).tolist() == inside  # type: ignore[arg-type]
    assert inside == [True, False, True, True, False, False, True, True, False]
