"""Elementary functions as fixed polynomials: log, exp, sine and cosine, Box-Muller.

The libm of two machines may differ in the last bit, and its scalar and vector versions may differ on one
machine. These versions use only +, -, *, / and sqrt, which IEEE 754 rounds in one way, so that an event
has the same bits wherever it falls in a block; and LLVM vectorises the loops that call them.

Double precision: argument reductions and coefficients of fdlibm (log, exp) and Taylor series on
[-pi/4, pi/4] (sine, cosine), error below 2e-16 relative in the tests. Single precision: the Cephes
polynomials (Moshier), error below 2e-7; used for measurement noise only.
"""

from __future__ import annotations

import math

import numpy as np

from na62sim.core.kernel import formula

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_TWO52 = 2.0**52
_SQRT_HALF = 0.70710678118654752440

_f = np.float32
_F_HALF, _F_ONE, _F_TWO = _f(0.5), _f(1.0), _f(2.0)
_F_SQRT_HALF = _f(_SQRT_HALF)


@formula
def log(x: float) -> float:
    """Natural logarithm of a positive, normal double."""
    bits = np.float64(x).view(np.int64)
    # an integer below 2^52 becomes a double by its bits: there is no vector instruction for int64 to double
    exponent = np.int64((bits >> 52) | 0x4330000000000000).view(np.float64) - (_TWO52 + 1023.0)
    m = np.int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000).view(np.float64)
    big = m > 2.0 * _SQRT_HALF
    m = 0.5 * m if big else m
    k = exponent + 1.0 if big else exponent
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = z * (
        6.666666666666735130e-01
        + z
        * (
            3.999999999940941908e-01
            + z
            * (
                2.857142874366239149e-01
                + z
                * (
                    2.222219843214978396e-01
                    + z * (1.818357216161805012e-01 + z * (1.531383769920937332e-01 + z * 1.479819860511658591e-01))
                )
            )
        )
    )
    h = 0.5 * f * f
    return k * _LN2_HIGH - ((h - (s * (h + r) + k * _LN2_LOW)) - f)


@formula
def exp(x: float) -> float:
    """Exponential of a double between -700 and 700."""
    k = np.floor(x * 1.44269504088896338700 + 0.5)
    hi = x - k * _LN2_HIGH
    lo = k * _LN2_LOW
    r = hi - lo
    z = r * r
    c = r - z * (
        1.66666666666666019037e-01
        + z
        * (
            -2.77777777770155933842e-03
            + z * (6.61375632143793436117e-05 + z * (-1.65339022054652515390e-06 + z * 4.13813679705723846039e-08))
        )
    )
    y = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi)
    return y * np.int64(np.float64(k + (_TWO52 + 1023.0)).view(np.int64) << 52).view(np.float64)


@formula
def sincos_turns(u: float) -> tuple[float, float]:
    """Sine and cosine of 2 pi u, for u in [0, 1): the azimuth of a uniform draw."""
    q = np.floor(4.0 * u + 0.5)
    a = (u - 0.25 * q) * (2.0 * math.pi)
    z = a * a
    s = a * (
        1.0
        + z
        * (
            -1.0 / 6.0
            + z
            * (
                1.0 / 120.0
                + z
                * (
                    -1.0 / 5040.0
                    + z * (1.0 / 362880.0 + z * (-1.0 / 39916800.0 + z * (1.0 / 6227020800.0 - z / 1307674368000.0)))
                )
            )
        )
    )
    c = 1.0 + z * (
        -0.5
        + z
        * (
            1.0 / 24.0
            + z
            * (
                -1.0 / 720.0
                + z
                * (
                    1.0 / 40320.0
                    + z
                    * (-1.0 / 3628800.0 + z * (1.0 / 479001600.0 + z * (-1.0 / 87178291200.0 + z / 20922789888000.0)))
                )
            )
        )
    )
    half = np.floor(0.5 * q)
    odd = q - 2.0 * half  # quadrant by arithmetic, not by branches: LLVM then vectorises the loop
    sign = 1.0 - 2.0 * (half - 2.0 * np.floor(0.5 * half))
    return sign * (s + odd * (c - s)), sign * (c - odd * (c + s))


@formula
def log_single(x: np.float32) -> np.float32:
    """Natural logarithm of a positive float32 (Cephes logf)."""
    bits = np.float32(x).view(np.int32)
    e = np.int32((bits >> np.int32(23)) - np.int32(126))
    m = np.int32((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    small = m < _F_SQRT_HALF
    k = _f(np.int32(e - np.int32(1))) if small else _f(np.int32(e))
    f = (m + m if small else m) - _F_ONE
    z = f * f
    p = _f(7.0376836292e-2)
    p = p * f + _f(-1.1514610310e-1)
    p = p * f + _f(1.1676998740e-1)
    p = p * f + _f(-1.2420140846e-1)
    p = p * f + _f(1.4249322787e-1)
    p = p * f + _f(-1.6668057665e-1)
    p = p * f + _f(2.0000714765e-1)
    p = p * f + _f(-2.4999993993e-1)
    p = p * f + _f(3.3333331174e-1)
    y = f * z * p + k * _f(-2.12194440e-4) - _F_HALF * z
    return f + y + k * _f(0.693359375)


@formula
def normal_pair(a: np.uint32, b: np.uint32) -> tuple[np.float32, np.float32]:
    """Two standard normals from two 32-bit words (Box-Muller; reaches 6.6 standard deviations)."""
    u = (_f(np.int32(a >> np.uint32(1))) + _F_HALF) * _f(4.656612873077393e-10)
    r = np.sqrt(-_F_TWO * log_single(u))
    t = _f(np.int32(b >> np.uint32(8))) * _f(5.9604644775390625e-08)  # turns in [0, 1), exact
    q = np.int32(_f(4.0) * t + _F_HALF)
    x = (t - _f(0.25) * _f(q)) * _f(6.283185307179586)
    z = x * x
    s = x + x * z * (_f(-1.6666654611e-1) + z * (_f(8.3321608736e-3) - z * _f(1.9515295891e-4)))
    c = _F_ONE - _F_HALF * z
    c = c + z * z * (_f(4.166664568298827e-2) + z * (_f(-1.388731625493765e-3) + z * _f(2.443315711809948e-5)))
    # quadrant by arithmetic, not by branches: LLVM then vectorises the loop
    odd = _f(np.int32(q & np.int32(1)))
    sign = r * (_F_ONE - _f(np.int32(q & np.int32(2))))
    return sign * (s + odd * (c - s)), sign * (c - odd * (c + s))
