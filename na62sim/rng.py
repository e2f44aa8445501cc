"""Counter-based random numbers: Philox4x64-10 as a pure function of (seed, event, stream, counter).

A draw has no state. Key (seed, 0), counter (block, event, stream, 0); each block gives four 64-bit words,
that is four uniforms or eight normals. A stream is one purpose (beam, chain, one detector's response);
the block counts draw groups, trials, or particles times draw groups. Nothing else enters: no thread, no
chunk, no shared counter, so that event i is the same bits alone or in any batch.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11 (Random123).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from na62sim.elementary import normal_pair
from na62sim.kernel import JIT, formula, kernel

# One number per purpose. Never reuse or renumber one: samples of equal seed would change.
STREAM_BEAM = np.uint64(1)
STREAM_CHAIN = np.uint64(2)
STREAM_TRIAL = np.uint64(3)
STREAM_FLIGHT = np.uint64(4)
STREAM_SCATTER = np.uint64(5)
STREAM_DECAY = np.uint64(6)
STREAM_GTK = np.uint64(7)
STREAM_BEAM_DETECTORS = np.uint64(8)
STREAM_STRAW_POSITION = np.uint64(9)
STREAM_STRAW_EFFICIENCY = np.uint64(10)
STREAM_RICH = np.uint64(11)
STREAM_COUNTER = np.uint64(12)
STREAM_CALORIMETER = np.uint64(13)
STREAM_CALORIMETER_NOISE = np.uint64(14)
STREAM_PHOTON = np.uint64(15)
STREAM_PHOTON_NOISE = np.uint64(16)
STREAM_TRIGGER = np.uint64(17)

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)
_ZERO = np.uint64(0)
_SHIFT53 = np.uint64(11)
_SHIFT32 = np.uint64(32)
TO_UNIT = 2.0**-53

if JIT:

    @intrinsic
    def multiply_high(typingctx: Any, a: Any, b: Any) -> Any:
        """High 64 bits of a 64 x 64 bit product: one machine instruction through LLVM's i128."""
        from llvmlite import ir

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            i64, i128 = ir.IntType(64), ir.IntType(128)
            product = builder.mul(builder.zext(args[0], i128), builder.zext(args[1], i128))
            return builder.trunc(builder.lshr(product, ir.Constant(i128, 64)), i64)

        return types.uint64(types.uint64, types.uint64), codegen

else:  # NUMBA_DISABLE_JIT=1: the same number by Python integers

    def multiply_high(a: Any, b: Any) -> Any:
        """High 64 bits of a 64 x 64 bit product."""
        return np.uint64((int(a) * int(b)) >> 64)


@formula
def philox4x64(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> tuple[int, int, int, int]:
    """Ten Philox rounds: four 64-bit words from a 256-bit counter and a 128-bit key."""
    for _ in range(10):
        h0, l0 = multiply_high(_M0, c0), _M0 * c0
        h1, l1 = multiply_high(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 = k0 + _W0
        k1 = k1 + _W1
    return c0, c1, c2, c3


@formula
def words(seed: int, event: int, stream: int, block: int) -> tuple[int, int, int, int]:
    """The four 64-bit words of a draw group."""
    return philox4x64(np.uint64(block), np.uint64(event), np.uint64(stream), _ZERO, np.uint64(seed), _ZERO)


@formula
def uniforms4(seed: int, event: int, stream: int, block: int) -> tuple[float, float, float, float]:
    """Four uniforms in [0, 1) with 53 bits."""
    a, b, c, d = words(seed, event, stream, block)
    return (
        (a >> _SHIFT53) * TO_UNIT,
        (b >> _SHIFT53) * TO_UNIT,
        (c >> _SHIFT53) * TO_UNIT,
        (d >> _SHIFT53) * TO_UNIT,
    )


@kernel
def fill_uniforms(seed: int, stream: int, block0: int, events: Any, out: Any) -> None:
    """Uniforms in [0, 1) of many events at once.

    Parameters
    ----------
    events : (n,) int64, the event numbers
    out : (4 k, >= n) float64; rows 4 j to 4 j + 3 are the draws of block ``block0 + j``
    """
    for j in range(out.shape[0] // 4):
        block = np.uint64(block0 + j)
        for i in range(events.size):
            a, b, c, d = words(seed, events[i], stream, block)
            out[4 * j, i] = (a >> _SHIFT53) * TO_UNIT
            out[4 * j + 1, i] = (b >> _SHIFT53) * TO_UNIT
            out[4 * j + 2, i] = (c >> _SHIFT53) * TO_UNIT
            out[4 * j + 3, i] = (d >> _SHIFT53) * TO_UNIT


@kernel
def fill_normals(seed: int, stream: int, block0: Any, events: Any, buffer: Any, out: Any) -> None:
    """Standard normals of many rows at once, eight to a block.

    Parameters
    ----------
    block0 : (n,) int64, the first block of each row (a row is an event, or a particle of an event)
    events : (n,) int64, the event number of each row
    buffer : (8, >= n) uint32, work space
    out : (8 k, >= n) float32; rows 8 j to 8 j + 7 come from block ``block0 + j``
    """
    n = events.size
    for j in range(out.shape[0] // 8):
        for i in range(n):
            w = words(seed, events[i], stream, block0[i] + j)
            buffer[0, i] = np.uint32(w[0] >> _SHIFT32)
            buffer[1, i] = np.uint32(w[0])
            buffer[2, i] = np.uint32(w[1] >> _SHIFT32)
            buffer[3, i] = np.uint32(w[1])
            buffer[4, i] = np.uint32(w[2] >> _SHIFT32)
            buffer[5, i] = np.uint32(w[2])
            buffer[6, i] = np.uint32(w[3] >> _SHIFT32)
            buffer[7, i] = np.uint32(w[3])
        for k in range(4):
            a = buffer[2 * k]
            b = buffer[2 * k + 1]
            first = out[8 * j + 2 * k]
            second = out[8 * j + 2 * k + 1]
            for i in range(n):
                x, y = normal_pair(a[i], b[i])
                first[i] = x
                second[i] = y
