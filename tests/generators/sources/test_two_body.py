"""Two-body decays of heavy mesons: kinematics, the sampling that favours what goes forward, spectra from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dump import ALP_FERMION, DARK_SCALAR
from na62sim.generators.sources.bmesons import BMesonDecays, b_meson_table
from na62sim.generators.sources.mesons import Spectrum
from na62sim.generators.sources.two_body import (
    TwoBodyDecays,
    draw_two_body,
    read_spectrum,
    two_body_arrays,
)
from na62sim.geometry import load_detector
from na62sim.study.dump.acceptance import Geometric, Reconstructed

BEAM = 400e3
PARENT, KAON, STAR = 5279.41, 493.677, 891.67
DECAYS = [(KAON, 0.4), (STAR, 0.6)]
N = 400_000


def drawn(plain_share: float, hidden: float = 300.0, n: int = N, second: float = 0.0, seed: int = 3) -> FloatArray:
    made = np.empty((9, n))
    arrays = two_body_arrays(PARENT, DECAYS, b_meson_table(), hidden, plain_share)
    assert draw_two_body(np.uint64(seed), np.arange(n), arrays, second, made) == 0
    return made


def test_kinematics() -> None:
    """What is left over is a K or a K*, in the ratio of the branching ratios; also of what a second collision makes."""
    hidden = 300.0
    for second in (0.0, 0.4):
        made = drawn(0.5, hidden, 50_000, second)
        energy = np.sqrt((made[0:3] ** 2).sum(axis=0) + hidden**2)
        recoil2 = (made[6] - energy) ** 2 - ((made[3:6] - made[0:3]) ** 2).sum(axis=0)
        star = np.abs(np.sqrt(np.maximum(recoil2, 0.0)) - STAR) < 30.0
        kaon = np.abs(np.sqrt(np.maximum(recoil2, 0.0)) - KAON) < 60.0
        assert (star | kaon).mean() > 0.99  # of energies of 100 GeV the rounding is seen
        weight = made[7]
        error = np.sqrt((weight[star] ** 2).sum()) / weight.sum()
        assert abs(weight[star].sum() / weight.sum() - 0.6) < 4.0 * error


def test_unbiased() -> None:
    """Weighted spectra in momentum, angle, azimuth and direction of the decay are those of the plain sampling; p above 1e-3
    for each of 20 bins taken together."""
    plain, favoured = drawn(1.0, seed=3), drawn(0.5, seed=4)
    assert (plain[7] == 1.0).all()

    def seen(made: FloatArray) -> list[FloatArray]:
        p = np.sqrt((made[0:3] ** 2).sum(axis=0))
        energy = np.sqrt(p**2 + 300.0**2)
        rest = (made[6] * energy - (made[3:6] * made[0:3]).sum(axis=0)) / PARENT
        momentum = np.sqrt((made[3:6] ** 2).sum(axis=0))
        along = (energy - made[6] / PARENT * rest) / (momentum / PARENT * np.sqrt(rest**2 - 300.0**2))
        angle = np.arctan2(np.hypot(made[0], made[1]), made[2])
        return [np.log(p), np.log(angle), np.arctan2(made[1], made[0]), along, np.log(momentum)]

    for one, other in zip(seen(plain), seen(favoured), strict=True):
        edges = np.quantile(one, np.linspace(0.0, 1.0, 21))
        edges[0], edges[-1] = -np.inf, np.inf
        sums, squares = (np.histogram(other, edges, weights=favoured[7] ** k)[0] for k in (1, 2))
        counts = np.histogram(one, edges)[0]
        chi2 = (((sums - counts) ** 2) / (squares + counts)).sum()
        assert stats.chi2.sf(chi2, 20) > 1e-3
    for low in (20e3, 50e3, 100e3):  # and of what goes forward, where it matters
        sums = []
        for made in (plain, favoured):
            logs, angles = seen(made)[:2]
            weight = made[7][(logs > np.log(low)) & (angles < np.log(8e-3))]
            sums.append((weight.sum(), (weight**2).sum()))
        assert abs(sums[1][0] - sums[0][0]) < 4.0 * np.sqrt(sums[0][1] + sums[1][1])


def test_weights_are_bounded() -> None:
    weight = drawn(0.5)[7]
    assert 0.0 < weight.min() and weight.max() <= BMesonDecays().largest_weight
    assert abs(weight.mean() - 1.0) < 4.0 * weight.std() / np.sqrt(N)


@pytest.mark.parametrize(
    ("model", "mass", "channel"),
    [(DARK_SCALAR, 240.0, "mumu"), (ALP_FERMION, 300.0, "mumu"), (ALP_FERMION, 100.0, "ee")],
)
def test_share_that_is_accepted(model: Any, mass: float, channel: str) -> None:
    """At least 5 % of what is made pass geometry and momentum; spread over the decay volume, whatever the lifetime."""
    chain = Geometric(model.process(mass, channel), load_detector("dump-2021"), 5)
    assert chain.run(0, 20_000).rows.size > 0.05 * 20_000


@pytest.mark.slow
@pytest.mark.parametrize(("model", "mass", "channel"), [(DARK_SCALAR, 240.0, "mumu"), (ALP_FERMION, 100.0, "ee")])
def test_share_that_is_selected(model: Any, mass: float, channel: str) -> None:
    """The same through the full chain, selection and trigger."""
    chain = Reconstructed(model.process(mass, channel), load_detector("dump-2021"), 5)
    assert chain.run(0, 20_000).rows.size > 0.05 * 20_000


SPECTRUM = """# a table
p_low_GeV,p_high_GeV,theta_low_rad,theta_high_rad,per_proton
10,20,0.001,0.01,1e-7
20,50,0.001,0.01,2e-7
20,50,0.01,0.1,3e-7
"""


def written(folder: Path, text: str) -> str:
    path = folder / "spectrum.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_spectrum(tmp_path: Path) -> None:
    """Edges and numbers; a bin that is left out is empty; the yield is their sum times the branching ratios."""
    found = read_spectrum(written(tmp_path, SPECTRUM))
    assert (10.0**found.log_p).tolist() == pytest.approx([10e3, 20e3, 50e3])
    assert (10.0**found.log_theta).tolist() == pytest.approx([0.001, 0.01, 0.1])
    assert found.counts.tolist() == [[1e-7, 0.0], [2e-7, 3e-7]]
    maker = TwoBodyDecays(1869.7, ((497.6, 0.25), (1500.0, 0.5)), written(tmp_path, SPECTRUM))
    assert maker.per_proton(300.0, BEAM) == pytest.approx(6e-7 * 0.75)
    assert maker.per_proton(500.0, BEAM) == pytest.approx(6e-7 * 0.25)
    with pytest.raises(ValueError, match=r"mass = 1400 MeV: the decay that makes it needs a mass below 1372\.1 MeV"):
        maker.check_open(1400.0)
    made = np.empty((9, 5000))
    assert maker.draw(np.uint64(1), np.arange(5000), maker.arrays(300.0, BEAM), 0.0, made) == 0
    momentum, angle = np.sqrt((made[3:6] ** 2).sum(axis=0)), np.arctan2(np.hypot(made[3], made[4]), made[5])
    assert 10e3 <= momentum.min() and momentum.max() <= 50e3 and angle.max() <= 0.1 * (1.0 + 1e-9)
    assert not ((momentum < 20e3) & (angle > 0.01 * (1.0 + 1e-9))).any()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("per_proton", "number", "needs the columns p_low_GeV, .*; per_proton is missing"),
        ("1e-7", "many", "every cell of the spectrum must be a number"),
        ("1e-7", "-1e-7", "bin 1 must have increasing edges above 0"),
        ("10,20,", "20,10,", "bin 1 must have increasing edges above 0"),
        ("10,20,", "15,25,", "must lie on one grid"),
        ("20,50,0.01,0.1", "20,50,0.001,0.01", "must lie on one grid, each of them once"),
    ],
)
def test_wrong_spectra(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_spectrum.__wrapped__(written(tmp_path, SPECTRUM.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, ((1.0, 1.0),), "x.csv"), "parent = 0 MeV: it must be a finite mass above 0"),
        ((5279.0, (), "x.csv"), "decays is empty"),
        ((5279.0, ((6000.0, 1.0),), "x.csv"), "must lie below that of the parent"),
        ((5279.0, ((493.0, -1.0),), "x.csv"), "neither may be negative"),
    ],
)
def test_wrong_decays(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TwoBodyDecays(*arguments)


def test_both_numbers_of_b_mesons() -> None:
    """With A^(1/3) of copper and without, as ALPINIST's plane of May 2023: 63.5^(1/3) = 3.99 apart; each names the other."""
    growing, flat = BMesonDecays(), BMesonDecays(exponent=0.0)
    assert growing.flux / flat.flux == pytest.approx(3.99, abs=0.01)
    assert growing.other_flux.ratio == pytest.approx(1.0 / 3.99, rel=1e-3)
    assert flat.other_flux.ratio == pytest.approx(3.99, rel=1e-3)
    assert "A^(1/3)" in growing.other_flux.drawn and "A^0, as in ALPINIST's plane" in growing.other_flux.other
    assert BMesonDecays(sigma_bb_nb=5.26).flux == pytest.approx(2.0 * growing.flux)
    for wrong in ({"sigma_bb_nb": 0.0}, {"exponent": 1.5}, {"decays": ((493.0, -1.0),)}):
        with pytest.raises(ValueError, match=r"must|negative"):
            BMesonDecays(**wrong)  # type: ignore[arg-type]


def test_a_spectrum_of_one_bin() -> None:
    """Nothing to choose between: the weight is of the direction alone, and its mean is 1."""
    grid = Spectrum(np.log10([50e3, 51e3]), np.log10([1e-3, 1.1e-3]), np.ones((1, 1)))
    made = np.empty((9, 200_000))
    draw_two_body(np.uint64(2), np.arange(200_000), two_body_arrays(PARENT, [(KAON, 1.0)], grid, 300.0), 0.0, made)
    assert abs(made[7].mean() - 1.0) < 4.0 * made[7].std() / np.sqrt(200_000)
