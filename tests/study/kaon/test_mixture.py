"""Data sets together: names, decays in a common volume, events in proportion."""

from __future__ import annotations

import math

import pytest

from na62sim.study.kaon.mixture import Mixture, data_sets

RUN1 = ("run1-2017", "run1-2018-s1", "run1-2018-s2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run1", RUN1),
        ("run1-2018, run1-2017", (*RUN1[1:], RUN1[0])),
        ("run1-2018-s2", RUN1[2:]),
        ("a.toml", ("a.toml",)),
    ],
)
def test_names_of_data(text: str, expected: tuple[str, ...]) -> None:
    assert data_sets(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run1-2019", "'run1-2019' is unknown; allowed are run1-2018, run1, "),
        ("run1,run1-2017", "named twice"),
        ("", "''"),
    ],
)
def test_wrong_names(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        data_sets(text)
    assert str(error.value).startswith(f"data = '{text}': ") and "\n" not in str(error.value)


def test_decays_in_a_common_volume() -> None:
    """By hand: c tau p / m is 563.8 m, so that 75 m of the tube hold 1.234 times the decays of its first 60 m, 1.143 of 65 m."""
    mixture = Mixture.of(RUN1, (105.0, 180.0))
    length = 563.82
    for decays, known, end in zip(mixture.decays, (1.5e12, 7.97e11, 1.91e12), (60.0, 60.0, 65.0), strict=True):
        ratio = (1.0 - math.exp(-75.0 / length)) / (1.0 - math.exp(-end / length))
        assert decays.value == pytest.approx(known * ratio, rel=1e-5)
        assert decays.sigma / decays.value > 0.05  # the error of N_K
    assert sum(d.value for d in mixture.decays) == pytest.approx(5.0e12, rel=0.01)  # a second calculation of it
    assert mixture.shares == pytest.approx([d.value / sum(x.value for x in mixture.decays) for d in mixture.decays])


def test_events_are_shared_out() -> None:
    mixture = Mixture.of(RUN1, (105.0, 180.0))
    before = (0, 0, 0)
    for events in (0, 1, 1000, 16_000, 160_000, 10**7):
        parts = mixture.split(events)
        assert sum(parts) == events and all(now >= then for now, then in zip(parts, before, strict=True))
        assert parts == pytest.approx([share * events for share in mixture.shares], abs=1.0)
        before = parts
    assert Mixture.of(RUN1[:1], None).split(7) == (7,)
    assert mixture.name == "run1-2017+run1-2018-s1+run1-2018-s2"


def test_several_data_sets_share_a_volume() -> None:
    with pytest.raises(
        ValueError, match=r"run1-2017\+run1-2018-s1: several data sets need a decay volume that they share"
    ):
        Mixture.of(RUN1[:2], None)
