"""The field and the closed-form transport against a numerical solution of the Lorentz force."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import solve_ivp

from na62sim.geometry import Detector, load_detector
from na62sim.geometry.field import FieldMap, field_components, field_map, plane_segments, propagate, segment, straight

KICK = 0.299792458  # MeV/c per T mm
CHAMBERS = [183508.0, 194066.0, 204459.0, 218885.0]  # mm
DIRECTIONS = [(0.0, 0.0), (0.02, 0.0), (-0.02, 0.01), (0.014, -0.014)]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("run1-2018-s2")


@pytest.fixture(scope="module")
def field(detector: Detector) -> FieldMap:
    return field_map(detector)


def jumps(detector: Detector) -> list[float]:
    """Positions (mm) where the field or its slope jumps."""
    f, c = detector.field, detector.field.mnp33.center_z_m
    edges = {*f.blue_tube.z_edges_m, *f.fringe.z_m, f.mnp33.map_z_min_m, f.mnp33.map_z_max_m, f.fringe.z_outer_max_m}
    return sorted(1e3 * z for z in edges | {2.0 * c - z for z in f.fringe.z_m})


def magnet_profile(detector: Detector) -> tuple[float, float]:
    """Peak (T) and length (m) of the profile: what the fringe field, in trapezia, leaves of the integral."""
    fringe, magnet = detector.field.fringe, detector.field.mnp33
    upstream = np.trapezoid([*fringe.b_y_uT, fringe.b_y_uT[-1]], [*fringe.z_m, magnet.map_z_min_m]) * 1e-6
    mirrored = 2.0 * magnet.center_z_m - fringe.z_m[0]
    rest = (fringe.z_outer_max_m - mirrored) * fringe.b_y_uT[0] * 1e-6  # beyond its mirrored edge the first value holds
    length = math.sqrt(12.0) / math.pi * magnet.sigma_m
    half = 0.5 * (magnet.map_z_max_m - magnet.map_z_min_m) / length
    return (magnet.integral_Tm - 2.0 * upstream - rest) / (2.0 * length * math.tanh(half)), length


def field_at(detector: Detector, z: float) -> tuple[float, float]:
    """(B_x, B_y) in T at z (mm), one point at a time from the blocks of the geometry."""
    tube, fringe, magnet = detector.field.blue_tube, detector.field.fringe, detector.field.mnp33
    zm, center = 1e-3 * z, magnet.center_z_m
    near = center - abs(zm - center)
    if magnet.map_z_min_m <= zm <= magnet.map_z_max_m:
        peak, length = magnet_profile(detector)
        return 0.0, peak / math.cosh((zm - center) / length) ** 2
    if fringe.z_outer_min_m <= zm <= fringe.z_outer_max_m:  # beyond its mirrored edge the first value holds
        return 0.0, 1e-6 * float(np.interp(near, fringe.z_m, fringe.b_y_uT))
    for (low, high), bx, by in zip(pairwise(tube.z_edges_m), tube.b_x_uT, tube.b_y_uT, strict=True):
        if low <= zm < high:
            return 1e-6 * bx, 1e-6 * by
    return 0.0, 0.0


def lorentz(
    detector: Detector, direction: tuple[float, float], charge: int, p: float, z1: float, z2: float
) -> npt.NDArray[np.float64]:
    """x, y (mm), p_x, p_y, p_z (MeV/c) and path (mm) at z2 by DOP853, piece by piece between the jumps."""
    u, v = direction
    state = np.array([0.0, 0.0, p * u, p * v, p * math.sqrt(1.0 - u * u - v * v), 0.0])
    stops = [z1, *[z for z in jumps(detector) if z1 < z < z2], z2]
    for a, b in pairwise(stops):

        def force(z: float, y: npt.NDArray[np.float64], a: float = a, b: float = b) -> list[float]:
            bx, by = field_at(detector, min(max(z, a + 1e-6), b - 1e-6))
            tx, ty = y[2] / y[4], y[3] / y[4]
            k = KICK * charge
            # q v x B per unit of z; the field has no z component
            return [tx, ty, -k * by, k * bx, k * (tx * by - ty * bx), math.sqrt(1.0 + tx * tx + ty * ty)]

        state = solve_ivp(force, (a, b), state, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    return state


def walk(field: FieldMap, direction: tuple[float, float], charge: int, p: float, stops: list[float]) -> list[float]:
    """x, y, u, v and path after the segments between the stops."""
    (u, v), x, y, path = direction, 0.0, 0.0, 0.0
    for a, b in pairwise(stops):
        u, v, dx, dy, ds = propagate(u, v, KICK * charge / p, segment(field, a, b))
        x, y, path = x + dx, y + dy, path + ds
    return [x, y, u, v, path]


# --- the field -----------------------------------------------------------------------------------


def test_field_components(detector: Detector) -> None:
    z = np.arange(102_400.5, 220_000.0, 37.0)
    bx, by = field_components(detector, z)
    np.testing.assert_allclose(np.transpose([bx, by]), [field_at(detector, value) for value in z], rtol=1e-6)


def test_kick_of_mnp33(detector: Detector, field: FieldMap) -> None:
    """270 MeV/c from the first chamber to the last, fringe field included: the published integral is that of the magnet."""
    assert KICK * segment(field, CHAMBERS[0], CHAMBERS[-1]).f == pytest.approx(270.0, abs=0.05)
    magnet, fringe = detector.field.mnp33, detector.field.fringe
    peak, length = magnet_profile(detector)
    assert peak == pytest.approx(0.36, abs=0.003)  # T, recalled
    assert length**2 * math.pi**2 / 12.0 == pytest.approx(magnet.sigma_m**2)  # the variance of 1/cosh^2
    outside = [
        (1e3 * fringe.z_outer_min_m, 1e3 * magnet.map_z_min_m),
        (1e3 * magnet.map_z_max_m, 1e3 * fringe.z_outer_max_m),
    ]
    kicks = [KICK * segment(field, *ends).f for ends in outside]
    assert all(0.5 < kick < 1.5 for kick in kicks)  # MeV/c: the fringe is not nothing


def test_the_profile_goes_over_into_the_fringe_field(detector: Detector) -> None:
    """At the edges of the map B_y jumps by less than a quarter: 2.3 mT outside, 2.7 mT inside."""
    magnet = detector.field.mnp33
    for edge, out in ((magnet.map_z_min_m, -1.0), (magnet.map_z_max_m, 1.0)):
        z = 1e3 * edge + np.array([out, -out])  # mm
        outside, inside = field_components(detector, z)[1]
        assert 2e-3 < outside < inside < 1.25 * outside, edge


def test_residual_field_of_the_tube(detector: Detector, field: FieldMap) -> None:
    tube = detector.field.blue_tube
    lengths = 1e3 * np.diff(tube.z_edges_m)
    s = segment(field, 1e3 * tube.z_edges_m[0], 1e3 * tube.z_edges_m[-1])
    assert s.f == pytest.approx(1e-6 * np.dot(lengths, tube.b_y_uT), rel=1e-4)
    assert s.g == pytest.approx(1e-6 * np.dot(lengths, tube.b_x_uT), rel=1e-4)


# --- transport -----------------------------------------------------------------------------------


def test_a_positive_particle_is_kicked_towards_negative_x(field: FieldMap) -> None:
    for charge in (1, -1):
        x, y, u, v, _ = walk(field, (0.0, 0.0), charge, 30e3, CHAMBERS)
        assert charge * u == pytest.approx(-0.270 / 30.0, rel=0.002) and charge * x < -150.0
        assert abs(y) < 1e-6 and abs(v) < 1e-10


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize(("p", "micrometre"), [(5e3, 2.5), (15e3, 0.1), (50e3, 0.01)])
def test_transport_solves_the_lorentz_force(
    detector: Detector, field: FieldMap, charge: int, p: float, micrometre: float
) -> None:
    """Chamber to chamber: 0.1 um at 15 GeV/c; at 5 GeV/c, slopes of 20 + 54 mrad, the series leaves 2 um."""
    for direction in DIRECTIONS:
        exact = lorentz(detector, direction, charge, p, CHAMBERS[0], CHAMBERS[-1])
        x, y, u, v, path = walk(field, direction, charge, p, CHAMBERS)
        assert np.hypot(x - exact[0], y - exact[1]) < 1e-3 * micrometre, direction
        np.testing.assert_allclose([u, v], exact[2:4] / p, rtol=0.0, atol=1e-10)
        assert path == pytest.approx(exact[5], rel=1e-6)
        assert np.linalg.norm(exact[2:5]) == pytest.approx(p, rel=1e-12)  # of the reference solution


@pytest.mark.parametrize("charge", [1, -1])
def test_short_segments_converge_at_5_gev(detector: Detector, field: FieldMap, charge: int) -> None:
    """The remainder of the series falls with the length of a segment: below 0.2 um for segments of a metre."""
    for direction in DIRECTIONS:
        exact = lorentz(detector, direction, charge, 5e3, CHAMBERS[0], CHAMBERS[-1])
        x, y, *_ = walk(field, direction, charge, 5e3, list(np.linspace(CHAMBERS[0], CHAMBERS[-1], 36)))
        assert np.hypot(x - exact[0], y - exact[1]) < 2e-4, direction


def test_decay_tube_solves_the_lorentz_force(detector: Detector, field: FieldMap) -> None:
    """Both components of the residual field, over 75 m: 0.01 um at 15 GeV/c."""
    exact = lorentz(detector, (0.003, -0.002), 1, 15e3, 106_000.0, 181_000.0)
    x, y, u, v, _ = walk(field, (0.003, -0.002), 1, 15e3, [106_000.0, 181_000.0])
    np.testing.assert_allclose([x, y], exact[:2], rtol=0.0, atol=1e-5)
    np.testing.assert_allclose([u, v], exact[2:4] / 15e3, rtol=0.0, atol=1e-12)
    assert abs(y + 0.002 * 75e3) > 0.1  # mm: the horizontal component acts


def test_segments_add_up(field: FieldMap) -> None:
    """Moments of a segment from its two halves, wherever it is cut; propagation agrees to 1e-9 of the kick."""
    for cut in (185_003.7, 196_995.0, 196_987.654, 210_000.0):
        whole, a, b = (segment(field, *z) for z in ((184e3, 212e3), (184e3, cut), (cut, 212e3)))
        parts = [
            a.dz + b.dz,
            a.f + b.f,
            a.m1 + b.m1 + a.f * b.dz,
            a.m2 + b.m2 + 2.0 * a.f * b.m1 + a.f**2 * b.dz,
            a.m3 + b.m3 + 3.0 * a.f * b.m2 + 3.0 * a.f**2 * b.m1 + a.f**3 * b.dz,
            a.g + b.g,
            a.n1 + b.n1 + a.g * b.dz,
        ]
        np.testing.assert_allclose(parts, whole, rtol=1e-7, atol=1e-12)
    rows = plane_segments(field, np.array(CHAMBERS))
    assert rows.shape == (4, 7) and not rows[0].any()
    np.testing.assert_array_equal(rows[2], segment(field, CHAMBERS[1], CHAMBERS[2]))


def test_straight_line_is_exact(field: FieldMap) -> None:
    """Without a field, and beyond the end of it: the series leaves 5/16 s^3 of the slope."""
    u, v, dz = 0.03, -0.02, 25e3
    w = math.sqrt(1.0 - u * u - v * v)
    for piece in (straight(dz), segment(field, 230e3, 230e3 + dz)):
        after = propagate(u, v, KICK / 15e3, piece)
        assert after[:2] == (u, v)
        assert after[2:] == pytest.approx((dz * u / w, dz * v / w, dz / w), rel=1e-9)
    assert propagate(0.0, 0.0, KICK / 15e3, straight(dz)) == (0.0, 0.0, 0.0, 0.0, dz)


def test_field_profile_against_thin_kick(detector: Detector, field: FieldMap) -> None:
    """The same bend; a thin kick misses the bend's finite length, micrometres to a tenth of a millimetre."""
    thin = field_map(detector, thin_kick=True)
    for p, largest in ((5e3, 0.3), (15e3, 0.05), (50e3, 0.02)):
        profile = walk(field, (0.01, 0.005), 1, p, CHAMBERS)
        kick = walk(thin, (0.01, 0.005), 1, p, CHAMBERS)
        assert kick[2:4] == pytest.approx(profile[2:4], abs=1e-6)
        difference = math.hypot(kick[0] - profile[0], kick[1] - profile[1])
        assert 1e-4 < difference < largest  # mm
    # between the chambers that enclose the magnet the thin kick shows: length of the profile, times the kick
    at_plane = [walk(f, (0.0, 0.0), 1, 15e3, [CHAMBERS[0], 196_995.0])[0] for f in (field, thin)]
    _, length = magnet_profile(detector)
    expected = -0.270 / 15.0 * 1e3 * length * 0.5 * math.log(2.0)  # mm: a ramp of 1/cosh^2 ahead of its centre
    assert at_plane[0] - at_plane[1] == pytest.approx(expected, rel=0.1)
