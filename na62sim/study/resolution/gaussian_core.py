"""Resolutions and peak positions from histograms: Gaussian cores with their errors, beside the published forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from hepunits import GeV

from na62sim.core.arrays import FloatArray
from na62sim.core.kernel import formula, kernel, step
from na62sim.geometry import Detector

if TYPE_CHECKING:
    from na62sim.study.resolution.histograms import Histograms

MOMENTA = (10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)  # GeV/c
M2_RESOLUTION = 1.0e-3  # GeV^2 at the K2pi peak; NA62, PLB 791 (2019) 156 and JHEP 06 (2021) 093 (recalled)
METHOD = "Gaussian core: binned likelihood within 2 standard deviations"
_FAR, _WIDE = 100.0, 3.0  # in widths of the first guess: a mean, or the logarithm of a width, that no core has
_FLAT, _STEPS, _HALVINGS = 1e-9, 60, 40  # of the gradient per event at a minimum; and the most that are tried
_ROUNDING, _TINY = 1e-14, 1e-150  # its square is a number
_NORMAL, _ROOT_HALF = 1.0 / np.sqrt(2.0 * np.pi), np.sqrt(0.5)
MIN_EVENTS = 50.0  # effective events in the window of a fit


@dataclass(frozen=True, slots=True)
class Core:
    """Mean and standard deviation of a Gaussian core with statistical errors; n is the effective number of events."""

    mean: float
    sigma: float
    mean_error: float
    sigma_error: float
    n: float


def published_momentum(detector: Detector, p: Any) -> Any:
    """Published sigma(p)/p at p (GeV/c): two terms in quadrature, from the geometry file."""
    s = detector.straw
    return np.hypot(s.published_momentum_constant, s.published_momentum_slope_per_GeV * np.asarray(p))


def published_angle(p: Any) -> Any:
    """Published track angle resolution (urad) at p (GeV/c).

    NA62, JINST 12 (2017) P05025 (recalled): 60 urad at 10 GeV/c to 20 urad at 50 GeV/c; between them a
    scattering term and a constant in quadrature.
    """
    return np.hypot(600.0 / np.asarray(p), 16.0)


def gaussian_core(edges: FloatArray, values: FloatArray, variances: FloatArray, width: float = 2.0) -> Core | None:
    """Fit a Gaussian to the bins within ``width`` standard deviations of its mean.

    The likelihood is that of the shape inside the window, with the Gaussian integrated over each bin; the window
    follows the fit until it stays. Errors of weighted events are scaled by the mean squared weight.

    Returns
    -------
    None if fewer than 50 effective events are in the window, or the fit does not converge
    """
    total = float(values.sum())
    if total <= 0.0 or total**2 / float(variances.sum()) < MIN_EVENTS:
        return None
    quantiles = np.interp([0.1587, 0.5, 0.8413], np.concatenate(([0.0], np.cumsum(values))) / total, edges)
    mean, sigma = float(quantiles[1]), max(0.5 * float(quantiles[2] - quantiles[0]), float(edges[1] - edges[0]))
    window, core = (-1, -1), None
    fitted: dict[tuple[int, int], Core | None] = {}  # a window may go to and fro
    for _ in range(20):
        a = int(np.clip(np.searchsorted(edges, mean - width * sigma) - 1, 0, len(values) - 3))
        b = int(np.clip(np.searchsorted(edges, mean + width * sigma), a + 3, len(values)))
        if (a, b) == window:
            break
        window = (a, b)
        if window not in fitted:
            fitted[window] = _fit(edges[a : b + 1], values[a:b], variances[a:b], mean, sigma)
        core = fitted[window]
        if core is None:
            return None
        mean, sigma = core.mean, core.sigma
    return core


def _fit(edges: FloatArray, values: FloatArray, variances: FloatArray, mean: float, sigma: float) -> Core | None:
    total, squares = float(values.sum()), float(variances.sum())
    if squares <= 0.0 or total**2 / squares < MIN_EVENTS:
        return None
    minimum = _minimum((edges - mean) / sigma, values / total)
    if minimum is None:
        return None
    a, b, (aa, ab, bb) = minimum
    width, scale = sigma * np.exp(b), np.sqrt(squares / (aa * bb - ab * ab)) / total
    mean_error, width_error = sigma * np.sqrt(bb) * scale, width * np.sqrt(aa) * scale
    return Core(mean + sigma * a, float(width), float(mean_error), float(width_error), total**2 / squares)


def _minimum(x: FloatArray, share: FloatArray) -> tuple[float, float, FloatArray] | None:
    """Mean a and logarithm b of the width of the most likely Gaussian, and the second derivatives (aa, ab, bb) there.

    Returns
    -------
    None if Newton's steps do not end at a minimum, or at a width that no core has
    """
    loss = np.empty((2, 6))
    place = np.zeros(2)
    return (float(place[0]), float(place[1]), loss[0, 3:]) if _newton(x, share, place, loss) else None


@kernel
def _newton(x: Any, share: Any, place: Any, loss: Any) -> bool:
    """Newton's steps from a = b = 0, along the gradient where the likelihood is not convex, halved until they gain."""
    here, trial = loss[0], loss[1]
    _loss(x, share, 0.0, 0.0, here)
    for _ in range(_STEPS):
        da, db, aa, ab, bb = here[1], here[2], here[3], here[4], here[5]
        determinant = aa * bb - ab * ab
        convex = aa > 0.0 and determinant > 0.0
        if convex and max(abs(da), abs(db)) < _FLAT:
            return True
        if convex:
            da, db = (bb * da - ab * db) / determinant, (aa * db - ab * da) / determinant
        part, gains = 1.0 / max(1.0, abs(da), abs(db)), False  # no step beyond a standard deviation
        for _ in range(_HALVINGS):
            _loss(x, share, place[0] - part * da, place[1] - part * db, trial)
            gains = trial[0] <= here[0] + _ROUNDING
            if gains:
                break
            part *= 0.5
        place[0] -= part * da
        place[1] -= part * db
        if not gains or abs(place[0]) > _FAR or abs(place[1]) > _WIDE:
            return False
        here[:] = trial
    return False


@step
def _loss(x: Any, share: Any, a: float, b: float, loss: Any) -> None:
    """Minus the logarithm of the likelihood per event of a Gaussian with mean a and width exp(b) inside a window.

    Parameters
    ----------
    x : (n + 1,) edges of the bins
    share : (n,) of the events of the window, in each bin
    loss : (6,) takes the value, its derivatives by a and b, and by aa, ab and bb
    """
    first = below = _integral(x[0], a, b)
    value, of_a, of_b, of_aa, of_ab, of_bb = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(share.size):
        above = _integral(x[k + 1], a, b)
        w, p = share[k], max(above[0] - below[0], _TINY)
        da, db = (above[1] - below[1]) / p, (above[2] - below[2]) / p
        value -= w * np.log(p)
        of_a -= w * da
        of_b -= w * db
        of_aa -= w * ((above[3] - below[3]) / p - da * da)
        of_ab -= w * ((above[4] - below[4]) / p - da * db)
        of_bb -= w * ((above[5] - below[5]) / p - db * db)
        below = above
    norm = max(below[0] - first[0], _TINY)
    da, db = (below[1] - first[1]) / norm, (below[2] - first[2]) / norm
    loss[0], loss[1], loss[2] = value + np.log(norm), of_a + da, of_b + db
    loss[3] = of_aa + (below[3] - first[3]) / norm - da * da
    loss[4] = of_ab + (below[4] - first[4]) / norm - da * db
    loss[5] = of_bb + (below[5] - first[5]) / norm - db * db


@formula
def _integral(x: float, a: float, b: float) -> tuple[float, float, float, float, float, float]:
    """Integral of a Gaussian with mean a and width exp(b) up to x; its derivatives by a, b, aa, ab and bb."""
    s = np.exp(-b)
    t = (x - a) * s
    f, tail = _NORMAL * np.exp(-0.5 * t * t), 0.5 * math.erfc(abs(t) * _ROOT_HALF)
    tf, g = t * f, (1.0 - t * t) * f
    return (1.0 - tail if t > 0.0 else tail), -s * f, -tf, -s * s * tf, s * g, t * g


def core_near(h: Histograms, name: str, x: float, half_width: float, first: bool = True) -> Core | None:
    """Core of the second axis of a histogram in the bins of the first (or the other way) whose centres are near x."""
    key = name, x, half_width, first
    if key not in h.cores:
        h.cores[key] = _core_near(h.histograms[name], x, half_width, first)
    return h.cores[key]


def _core_near(histogram: Any, x: float, half_width: float, first: bool) -> Core | None:
    axis, other = (0, 1) if first else (1, 0)
    near = np.abs(histogram.axes[axis].centers - x) <= half_width * (1.0 + 1e-9)
    values, variances = (
        np.moveaxis(histogram.values(), axis, 0)[near],
        np.moveaxis(histogram.variances(), axis, 0)[near],
    )
    return gaussian_core(histogram.axes[other].edges, values.sum(axis=0), variances.sum(axis=0))


def cores(h: Histograms, name: str, points: Any, half_width: float, first: bool = True) -> list[Core | None]:
    """`core_near` at several points."""
    return [core_near(h, name, float(x), half_width, first) for x in points]


def total_core(h: Histograms, name: str, low: float, high: float) -> Core | None:
    """Core of the residual of a histogram over a range of its first axis."""
    return core_near(h, name, 0.5 * (low + high), 0.5 * (high - low))


def momentum_range(detector: Detector) -> tuple[float, float]:
    """Momentum range (GeV/c) that holds both signal regions."""
    s = detector.pinunu
    return min(s.r1_p_GeV[0], s.r2_p_GeV[0]), max(s.r1_p_GeV[1], s.r2_p_GeV[1])


def fit_resolutions(h: Histograms) -> dict[str, Any]:
    """All resolutions of a set of histograms, for JSON.

    Returns
    -------
    ``p_GeV`` and lists over it: ``sigma_p_over_p``, ``sigma_theta_x_urad``, ``sigma_theta_y_urad`` (slopes before
    STRAW 1), ``sigma_m2_in_p_GeV2`` and, for a two-body decay, ``m2_peak_in_p_GeV2``; over the momentum range of the
    signal regions ``sigma_m2_GeV2`` and ``m2_peak_GeV2``; ``sigma_z_m`` (all vertices), ``z_bias_m``,
    ``sigma_z_in_angle_m`` over ``angle_mrad``; ``cda_68_mm`` that holds 68 % of the CDA below 10 mm; ``chi2_mean``.
    Each is {"value", "error"}, or None where fewer than 50 events are.
    """
    h.flush()
    low, high = momentum_range(h.detector)
    pairs = {"sigma_p_over_p": "residual_p", "sigma_theta_x_urad": "residual_u", "sigma_theta_y_urad": "residual_v"}
    out: dict[str, Any] = {"method": METHOD, "label": h.label, "p_GeV": list(MOMENTA)}
    for key, name in pairs.items():
        out[key] = [_sigma(c) for c in cores(h, name, MOMENTA, 1.0)]
    m2 = cores(h, "residual_m2", MOMENTA, 1.0)
    whole = total_core(h, "residual_m2", low, high)
    out["sigma_m2_in_p_GeV2"], out["sigma_m2_GeV2"] = [_sigma(c) for c in m2], _sigma(whole)
    out["m2_peak_in_p_GeV2"] = out["m2_peak_GeV2"] = None
    if h.two_body_mass is not None:
        out["m2_peak_in_p_GeV2"] = [_mean(c) for c in cores(h, "m2_p", MOMENTA, 0.25, first=False)]
        if h.particle == "pi+":  # a sharp peak: with another particle the mass is wrong, and it is a band
            out["m2_peak_GeV2"] = _mean(whole, h.two_body_mass**2 / GeV**2)
    z = total_core(h, "residual_z", 100.0, 180.0)
    out["sigma_z_m"], out["z_bias_m"] = _sigma(z), _mean(z)
    angle = h.histograms["residual_z_angle"].axes[0].centers
    out["angle_mrad"] = angle.tolist()
    out["sigma_z_in_angle_m"] = [_sigma(c) for c in cores(h, "residual_z_angle", angle, 0.5 * (angle[1] - angle[0]))]
    out["cda_68_mm"], out["chi2_mean"] = _quantile(h.histograms["cda"], 0.6827), _average(h.histograms["chi2"])
    return out


def _sigma(core: Core | None) -> dict[str, float] | None:
    return None if core is None else {"value": core.sigma, "error": core.sigma_error}


def _mean(core: Core | None, offset: float = 0.0) -> dict[str, float] | None:
    return None if core is None else {"value": core.mean + offset, "error": core.mean_error}


def _quantile(histogram: Any, share: float) -> dict[str, float] | None:
    values, edges = histogram.values(), histogram.axes[0].edges
    total, squares = float(values.sum()), float(histogram.variances().sum())
    if total <= 0.0 or total**2 / squares < MIN_EVENTS:
        return None
    cumulative = np.concatenate(([0.0], np.cumsum(values))) / total
    spread = np.sqrt(share * (1.0 - share) * squares) / total  # binomial, with effective events
    low, value, high = np.interp([share - spread, share, min(share + spread, 1.0)], cumulative, edges)
    return {"value": float(value), "error": float(0.5 * (high - low))}


def _average(histogram: Any) -> dict[str, float] | None:
    values, x = histogram.values(), histogram.axes[0].centers
    total, squares = float(values.sum()), float(histogram.variances().sum())
    if total <= 0.0 or total**2 / squares < MIN_EVENTS:
        return None
    mean = float(values @ x) / total
    rms = float(np.sqrt(values @ (x - mean) ** 2 / total))
    return {"value": mean, "error": rms * float(np.sqrt(squares)) / total}
