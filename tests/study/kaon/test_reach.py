"""From one cut-flow to sensitivity, events and limit; shipped selections that are changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

import na62sim as na
from na62sim.geometry import load_detector


@pytest.fixture(scope="module")
def flow() -> na.CutFlow:
    return na.acceptance("kpinunu", "pinunu", events=4000, detector="run1-2018-s2", seed=2)


def test_it_is_the_formula(flow: na.CutFlow) -> None:
    """1/(N_K A eps_trig eps_RV) with the numbers of the data set: 1.91e12, 0.89, 0.66; the limit is 2.30 SES."""
    reach = na.sensitivity(flow, branching_ratio=8.4e-11, observed=0)
    ses = 1.0 / (1.91e12 * float(flow.acceptance) * 0.89 * 0.66)
    assert reach.ses.value == pytest.approx(ses, rel=1e-9)
    assert reach.expected_events is not None
    assert reach.expected_events.value == pytest.approx(8.4e-11 / ses, rel=1e-9)
    assert reach.expected_events.relative == pytest.approx(reach.ses.relative)
    assert reach.limit is not None
    assert 2.30 * ses < reach.limit.upper_limit < 2.45 * ses  # the error of the sensitivity weakens it
    assert reach.ses.relative > flow.acceptance.sigma / float(flow.acceptance)
    assert "SES" in str(reach)
    assert reach.to_dict()["ses"]["value"] == reach.ses.value


def test_without_an_accepted_event(flow: na.CutFlow) -> None:
    nothing = na.Selection("nothing", [na.Cut("none", lambda t: t["p"] < 0.0)])
    with pytest.raises(ValueError, match="selection 'nothing': no event is accepted"):
        na.sensitivity(na.acceptance("kpinunu", nothing, events=1000, seed=1))


def test_a_shipped_selection_that_is_changed() -> None:
    """One more cut can only lose events, one less only gain them; cut by cut as the order says."""
    d = load_detector("run1-2018-s2")
    shipped = na.load_selection("pinunu", d)
    names = [cut.name for cut in shipped.cuts]
    slow = na.Cut("p < 30 GeV/c", lambda t: t["p"] < 30e3)
    more, less = shipped.with_cut(slow, behind=names[2]), shipped.without(names[3])
    assert [cut.name for cut in more.cuts] == [*names[:3], slow.name, *names[3:]]
    assert [cut.name for cut in less.cuts] == [*names[:3], *names[4:]]
    counts = [na.acceptance("kpinunu", s, events=2000, detector=d, seed=3).selected.n for s in (more, shipped, less)]
    assert counts[0] < counts[1] <= counts[2]
    assert shipped.with_cut(slow).cuts[-1] is slow
    assert replace(shipped, name="x").cuts == shipped.cuts
    with pytest.raises(ValueError, match=r"selection 'pinunu' has no cut 'photon'"):
        shipped.without("photon")
    with pytest.raises(ValueError, match="selection 'pinnu' is unknown; did you mean 'pinunu'"):
        na.load_selection("pinnu")
