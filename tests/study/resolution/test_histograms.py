"""Histograms against an independent computation, and resolutions against the published forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hepunits import GeV
from scipy import optimize, stats

import na62sim
from na62sim.selection.pinunu import GeV2, kmu2_band
from na62sim.study.resolution.gaussian_core import (
    MOMENTA,
    fit_resolutions,
    gaussian_core,
    published_angle,
    published_momentum,
)
from na62sim.study.resolution.histograms import Histograms

EVENTS = 60_000
WINDOW = 0.7737413035  # variance of a normal distribution cut at 2 standard deviations


@pytest.fixture(scope="module")
def detector():
    return na62sim.load_detector("run1-2018-s2")


@pytest.fixture(scope="module")
def run(detector):
    """K2pi: histograms, cut-flow, and the chunks they were filled with."""
    h, chunks = Histograms("k2pi", detector, "k2pi"), []

    def keep(*args):
        chunks.append(args)
        h.fill(*args)

    flow = na62sim.acceptance("k2pi", "k2pi", EVENTS, detector, keep=keep, threads=1)
    h.flush()
    return h, flow, chunks


def truncated_sigma(x):
    """Standard deviation of the core: of what lies within 2 of itself, corrected for the cut."""
    mean, sigma = np.median(x), 0.5 * np.diff(np.quantile(x, [0.16, 0.84]))[0]
    for _ in range(50):
        near = x[np.abs(x - mean) < 2.0 * sigma]
        mean, sigma = near.mean(), near.std() / np.sqrt(WINDOW)
    return sigma


def residuals(chunks):
    """True momentum, p and slope residuals of single tracks of pions, event by event without the histograms' code."""
    rows = []
    for chunk, candidates, _ in chunks:
        events = candidates.event_of_row()
        tracks, crossings = chunk.tracks, chunk.crossings
        for row in np.flatnonzero((candidates["n_tracks"] == 1) & (candidates["gtk_associated"] > 0)):
            i = events[row]
            c = np.searchsorted(crossings.event, i)
            if crossings.event[c] != i or crossings.pdg[0, c] != 211 or crossings.pdg[1, c] != 211:
                continue
            t = np.searchsorted(tracks["event"], i)
            p = np.linalg.norm(chunk.truth.p[1, :3, i]) / 1e3
            rows.append((p, candidates["p"][row] / crossings.p[0, c] - 1.0, tracks["u"][t] - crossings.u[0, c]))
    return np.array(rows).T


def test_momentum_and_angle_agree_with_an_independent_computation(run):
    h, _, chunks = run
    fitted, (p, dp, du) = fit_resolutions(h), residuals(chunks)
    for k in (3, 5, 7):  # 25, 35, 45 GeV/c
        near = np.abs(p - MOMENTA[k]) < 1.5
        for key, values in (("sigma_p_over_p", dp[near]), ("sigma_theta_x_urad", 1e6 * du[near])):
            value, error = fitted[key][k]["value"], fitted[key][k]["error"]
            assert value == pytest.approx(truncated_sigma(values), abs=2.0 * error + 0.01 * value)
            assert 0.5 < error / (value / np.sqrt(0.45 * near.sum())) < 2.5


def test_resolutions_are_the_published_ones(run, detector):
    fitted = fit_resolutions(run[0])
    for p, s, x, y in zip(
        fitted["p_GeV"],
        *(fitted[k] for k in ("sigma_p_over_p", "sigma_theta_x_urad", "sigma_theta_y_urad")),
        strict=True,
    ):
        if p < 15.0:  # few events at 10 GeV/c
            continue
        assert s["value"] == pytest.approx(float(published_momentum(detector, p)), abs=4.0 * s["error"], rel=0.05)
        for angle in (x, y):  # the fitted chamber constants give less than the published form at high momentum
            assert 0.65 < angle["value"] / float(published_angle(p)) < 1.15
    assert fitted["sigma_m2_GeV2"]["value"] == pytest.approx(1.0e-3, rel=0.1)
    assert fitted["m2_peak_GeV2"]["value"] == pytest.approx(
        0.1349768**2, abs=5.0 * fitted["m2_peak_GeV2"]["error"] + 1e-5
    )
    assert 0.1 < fitted["sigma_z_m"]["value"] < 0.4
    assert fitted["chi2_mean"]["value"] == pytest.approx(3.0, abs=0.15)
    json.dumps(fitted)


def test_kmu2_follows_its_band(detector):
    h = Histograms("kmu2", detector)
    na62sim.acceptance("kmu2", "pinunu", 40_000, detector, keep=h.fill, threads=1)
    fitted = fit_resolutions(h)
    assert fitted["m2_peak_GeV2"] is None
    for p, peak in zip(fitted["p_GeV"], fitted["m2_peak_in_p_GeV2"], strict=True):
        if p >= 20.0:
            assert peak["value"] == pytest.approx(kmu2_band(p * GeV) / GeV2, abs=5.0 * peak["error"])


def test_acceptance_is_that_of_the_cut_flow(run):
    h, flow, _ = run
    assert h.sumw_generated == pytest.approx(flow.generated.sumw)
    assert h.histograms["generated_p"].sum(flow=True).value == pytest.approx(flow.generated.sumw)
    selected = h.histograms["selected_p"].sum(flow=True)
    assert selected.value == pytest.approx(flow.selected.sumw, rel=1e-9)
    assert selected.variance == pytest.approx(flow.selected.sumw2, rel=1e-9)
    accepted = flow.cuts[[c.name for c in flow.selection.cuts].index("upstream: multivariate")]
    low, high = flow.selection.bin_edges[0] / 1e3, flow.selection.bin_edges[-1] / 1e3
    edges = h.histograms["m2_p"].axes["p"].edges
    inside = (edges[:-1] >= low) & (edges[1:] <= high)  # the momentum range comes before that cut
    assert h.histograms["m2_p"].values(flow=True)[:, 1:-1][:, inside].sum() == pytest.approx(accepted.sumw, rel=1e-9)


def test_what_is_filled_later_is_fitted_anew(run, detector):
    """Fits are kept for those who ask again, until an event comes in: by filling or by merging."""
    _, _, chunks = run
    half = len(chunks) // 2
    h, other = Histograms("k2pi", detector), Histograms("k2pi", detector)
    for args in chunks[:half]:
        h.fill(*args)
    other.fill(*chunks[half])
    first = fit_resolutions(h)["sigma_m2_GeV2"]
    assert fit_resolutions(h)["sigma_m2_GeV2"] == first
    second = fit_resolutions(h.merge(other))["sigma_m2_GeV2"]
    assert second["error"] < first["error"]
    h.fill(*chunks[-1])
    assert fit_resolutions(h)["sigma_m2_GeV2"]["error"] < second["error"]


def test_merging_parts_gives_the_whole(run, detector):
    h, _, chunks = run
    parts = [Histograms("k2pi", detector, "k2pi") for _ in range(2)]
    for k, args in enumerate(chunks):
        parts[k % 2].fill(*args)
    merged = parts[0].merge(parts[1])
    for name, histogram in h.histograms.items():
        assert np.allclose(merged.histograms[name].values(flow=True), histogram.values(flow=True))
        assert np.allclose(merged.histograms[name].variances(flow=True), histogram.variances(flow=True))
    assert merged.sumw_generated == pytest.approx(h.sumw_generated)
    assert merged.two_body_mass == h.two_body_mass == pytest.approx(134.9768, abs=1e-3)
    with pytest.raises(ValueError, match="cannot be added"):
        merged.merge(Histograms("kmu2", detector, "k2pi"))


def test_dictionary_is_json_of_the_same_numbers(run):
    h = run[0]
    back = json.loads(json.dumps(h.to_dict()))
    assert np.allclose(back["m2_p"]["values"], h.histograms["m2_p"].values())
    assert np.allclose(back["residual_p"]["variances"], h.histograms["residual_p"].variances())
    assert [a["name"] for a in back["selected_p"]["axes"]] == ["p", "region"]
    assert back["selected_p"]["axes"][1]["categories"] == ["normalisation"]


def test_gaussian_core_of_a_known_sample():
    rng = np.random.default_rng(7)
    edges = np.linspace(-6.0, 6.0, 121)
    pulls = []
    for _ in range(100):
        x = np.concatenate((rng.normal(0.3, 0.5, 3000), rng.normal(0.3, 4.0, 30)))
        values = np.histogram(x, edges)[0].astype(float)
        core = gaussian_core(edges, 0.1 * values, 0.01 * values)
        assert core is not None and core.n < 3000
        pulls.append(((core.mean - 0.3) / core.mean_error, (core.sigma - 0.5) / core.sigma_error))
    mean, rms = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert np.all(np.abs(mean) < 0.5)  # a per cent of broad background widens the core a little
    assert np.all((rms > 0.75) & (rms < 1.3))
    assert gaussian_core(edges, 0.001 * values / values.sum(), 1e-6 * values) is None  # too few


def minus_log_likelihood(x, values, mean, sigma):
    """Of a normal distribution inside the window, per event, with scipy's own integral."""
    inside = stats.norm(mean, sigma).cdf(x)
    return -values @ np.log(np.diff(inside) / (inside[-1] - inside[0])) / values.sum()


def lowest(window, mean, sigma, k):
    """The least -log L with one of the two parameters (k: 0 mean, 1 sigma) held at its value."""
    value = (mean, sigma)[k]
    around = (mean - sigma, mean + sigma) if k else (0.5 * sigma, 2.0 * sigma)
    found = optimize.minimize_scalar(
        lambda other: minus_log_likelihood(*window, *((other, value) if k else (value, other))), around
    )
    return window[1].sum() * found.fun


@pytest.mark.parametrize(("mean", "sigma", "wide"), [(0.2, 0.4, 0.0), (-0.5, 0.9, 0.2), (0.0, 0.15, 0.5)])
def test_the_fit_is_at_the_maximum_of_the_likelihood(mean, sigma, wide):
    """A simplex search over an independent likelihood ends where Newton's steps do, and -log L rises by 1/2 at the errors."""
    rng = np.random.default_rng(3)
    x = np.concatenate((rng.normal(mean, sigma, 4000), rng.uniform(-3.0, 3.0, int(4000 * wide))))
    edges = np.linspace(-3.0, 3.0, 151)
    values = np.histogram(x, edges)[0].astype(float)
    core = gaussian_core(edges, values, values)
    a, b = np.searchsorted(edges, [core.mean - 2.0 * core.sigma, core.mean + 2.0 * core.sigma])
    window = edges[a - 1 : b + 1], values[a - 1 : b]
    found = optimize.minimize(
        lambda q: minus_log_likelihood(*window, *q),
        (mean, sigma),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-14},
    )
    assert (core.mean, core.sigma) == pytest.approx(tuple(found.x), abs=1e-6)
    least = window[1].sum() * found.fun
    assert lowest(window, core.mean + core.mean_error, core.sigma, 0) - least == pytest.approx(0.5, abs=0.06)
    assert lowest(window, core.mean, core.sigma + core.sigma_error, 1) - least == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("shape", ["flat", "valley", "spike", "two bins"])
def test_what_has_no_core_gives_none_or_a_width_inside(shape):
    edges, values = np.linspace(-1.0, 1.0, 101), np.full(100, 10.0)
    if shape == "valley":
        values = 20.0 + 30.0 * np.linspace(-1.0, 1.0, 100) ** 2
    elif shape != "flat":
        values = np.where(np.arange(100) == 40, 1e5, 0.0) + np.where(np.arange(100) == 41, 1e5, 0.0) * (
            shape == "two bins"
        )
    core = gaussian_core(edges, values, values)
    assert core is None or (abs(core.mean) < 1.0 and 0.0 < core.sigma < 10.0 and np.isfinite(core.sigma_error))


def test_no_charged_particle_is_an_error(detector):
    h = Histograms("odd", detector)
    with pytest.raises(ValueError, match="no charged particle"):
        na62sim.acceptance("K+ -> pi+ pi0", "k2pi", 1000, detector, keep=_without_charge(h), threads=1, stable={"pi0"})


def _without_charge(h):
    from dataclasses import replace

    def keep(chunk, candidates, weight):
        chain = replace(chunk.truth.chain, particles=chunk.truth.chain.particles[-1:] * 3)
        h.fill(replace(chunk, truth=replace(chunk.truth, chain=chain)), candidates, weight)

    return keep
