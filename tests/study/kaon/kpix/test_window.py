"""Background in a window: counts by another sample, and shares by hand."""

from __future__ import annotations

import math

import pytest

import na62sim as na
from na62sim.geometry import load_detector
from na62sim.study.kaon.counts import published_background, published_counts, published_signal, published_upstream
from na62sim.study.kaon.kpix import window
from na62sim.study.kaon.kpix.window import STANDARD_MODEL, Windows


@pytest.fixture(scope="module")
def windows() -> Windows:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "EVENTS", 40_000)
        return Windows([load_detector("run1-2018-s2")], seed=1)


def test_standard_model(windows: Windows) -> None:
    """6.02 published events times the share of the window on another sample of K+ -> pi+ nu nubar (4.5 sigma, p = 7e-6)."""
    found = [b for row in windows.of(0, 220.0) for b in row if b.source == STANDARD_MODEL]
    flow = na.acceptance("kpinunu", "kpix", 40_000, "run1-2018-s2", 7, selection_parameters={"m_X": 220.0})
    whole = na.acceptance("kpinunu", "pinunu", 40_000, "run1-2018-s2", 7)
    expected = 6.02 * flow.acceptance.value / whole.acceptance.value
    assert len(found) == 4
    assert abs(sum(b.events for b in found) - expected) < 4.5 * expected * math.sqrt(2.0 / flow.selected.n)
    for b in found:  # 6.4 % of the signal, and 1.0 of 8.4 of the branching ratio
        assert b.up == b.down == pytest.approx(b.events * math.hypot(0.064, 1.0 / 8.4), rel=1e-6)
    assert windows.spectra[0].acceptance == pytest.approx(whole.acceptance.value, rel=0.06)


def test_published_background_is_spread_evenly(windows: Windows) -> None:
    """At 220 MeV four slices of one sigma in 0.052 GeV^2 of R1 and R2, of 4.31 +0.91 -0.72 events."""
    found = [b for row in windows.of(0, 220.0) for b in row if b.source != STANDARD_MODEL]
    d = load_detector("run1-2018-s2").pinunu
    share = (d.m2_resolution_GeV2 + d.m2_resolution_slope * 0.0484) / 0.052
    assert len(found) == 4
    for b in found:
        assert (b.events, b.up, b.down) == pytest.approx((4.31 * share, 0.91 * share, 0.72 * share))


def test_nothing_where_k2pi_is(windows: Windows) -> None:
    assert windows.of(0, 135.0) == [(), (), (), ()]


def test_published() -> None:
    """S1 and S2 add up to what was counted together; nothing is known of other geometries."""
    s1, s2 = (published_background(f"run1-2018-{half}") for half in ("s1", "s2"))
    assert (s1.events, s2.events) == (1.11, 4.31) and s1.source != s2.source
    assert published_background("run2-2022").events == 11.0
    assert published_upstream("run2-2022").down == 1.8  # type: ignore[union-attr]
    both = sum(published_signal(f"run1-2018-{half}").value for half in ("s1", "s2"))
    assert both == pytest.approx(published_counts("run1-2018").signal)
    assert published_signal("run2-2022").sigma == pytest.approx(0.034 * 9.91)
    assert published_upstream("run1-2017") is None
    for name in ("dump-2021", "run1-2018", "scales"):
        with pytest.raises(ValueError, match=f"data set {name}: no background"):
            published_background(name)
