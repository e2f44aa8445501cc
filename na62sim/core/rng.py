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

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.elementary import normal_pair
from na62sim.core.kernel import JIT, formula, kernel, step

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
STREAM_PHOTON = np.uint64(15)
STREAM_PHOTON_NOISE = np.uint64(16)
STREAM_TRIGGER = np.uint64(17)
STREAM_VERTEX = np.uint64(18)
STREAM_RADIATION = np.uint64(22)
STREAM_CONVERSION = np.uint64(23)
STREAM_RADIATED_PHOTON = np.uint64(24)
STREAM_RADIATED_NOISE = np.uint64(25)
STREAM_SINGLE = np.uint64(26)
STREAM_TURNED_PHOTONS = np.uint64(27)
STREAM_CHARGED_VETO = np.uint64(28)
STREAM_ONE_TRACK = np.uint64(29)
STREAM_COPIES = np.uint64(30)
STREAM_FORWARD = np.uint64(31)
STREAM_LIKELY = np.uint64(41)
STREAM_DUMP = np.uint64(32)
STREAM_DUMP_PROTON = np.uint64(33)
STREAM_DUMP_TRIAL = np.uint64(34)
STREAM_RECORD = np.uint64(40)

_M0 = np.uint64(0xD2E7470EE14C6C93)
_M1 = np.uint64(0xCA5A826395121157)
_W0 = np.uint64(0x9E3779B97F4A7C15)
_W1 = np.uint64(0xBB67AE8584CAA73B)
_ZERO = np.uint64(0)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT32 = np.uint64(32)
_SHIFT53 = np.uint64(11)
TO_UNIT = 2.0**-53
_ROWS = 512  # of a block that stays in the cache

if JIT:

    @intrinsic
    def multiply_wide(typingctx: Any, a: Any, b: Any) -> Any:
        """High and low 64 bits of a 64 x 64 bit product: one machine instruction through LLVM's i128."""
        from llvmlite import ir

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            i64, i128 = ir.IntType(64), ir.IntType(128)
            product = builder.mul(builder.zext(args[0], i128), builder.zext(args[1], i128))
            high = builder.trunc(builder.lshr(product, ir.Constant(i128, 64)), i64)
            return context.make_tuple(builder, signature.return_type, [high, builder.trunc(product, i64)])

        return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), codegen

else:  # NUMBA_DISABLE_JIT=1: the same numbers by Python integers

    def multiply_wide(a: Any, b: Any) -> Any:
        """High and low 64 bits of a 64 x 64 bit product."""
        product = int(a) * int(b)
        return np.uint64(product >> 64), np.uint64(product & (2**64 - 1))


@formula
def philox4x64(c0: int, c1: int, c2: int, c3: int, k0: int, k1: int) -> tuple[int, int, int, int]:
    """Ten Philox rounds: four 64-bit words from a 256-bit counter and a 128-bit key."""
    for _ in range(10):
        h0, l0 = multiply_wide(_M0, c0)
        h1, l1 = multiply_wide(_M1, c2)
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0 = k0 + _W0
        k1 = k1 + _W1
    return c0, c1, c2, c3


@formula
def multiply_wide_by_halves(a: Any, b: Any) -> Any:
    """High and low 64 bits of a 64 x 64 bit product, from four products of 32 x 32 bits.

    Alone slower than `multiply_wide`, but vector units multiply 32 bits at most: in a loop over rows LLVM takes
    as many rows at a time as a register holds. No sum overflows: (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
    """
    a0, a1, b0, b1 = a & _LOW, a >> _SHIFT32, b & _LOW, b >> _SHIFT32
    lowest = a0 * b0
    middle = a1 * b0 + (lowest >> _SHIFT32)
    carried = a0 * b1 + (middle & _LOW)
    return a1 * b1 + (middle >> _SHIFT32) + (carried >> _SHIFT32), (carried << _SHIFT32) | (lowest & _LOW)


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


@step
def _fill_words(
    seed: int, stream: int, block0: Any, shift: int, events: Any, w0: Any, w1: Any, w2: Any, w3: Any
) -> None:
    """The four words of block ``block0[i] + shift`` of every row i, as `words` gives them.

    The rounds of `philox4x64` stand here: a function of ten rounds is too long for LLVM to inline before it
    vectorises, and a loop with a call in it stays scalar.
    """
    for i in range(events.size):
        c0, c1, c2, c3 = np.uint64(block0[i] + shift), np.uint64(events[i]), np.uint64(stream), _ZERO
        k0, k1 = np.uint64(seed), _ZERO
        for _ in range(10):
            h0, l0 = multiply_wide_by_halves(_M0, c0)
            h1, l1 = multiply_wide_by_halves(_M1, c2)
            c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
            k0 = k0 + _W0
            k1 = k1 + _W1
        w0[i], w1[i], w2[i], w3[i] = c0, c1, c2, c3


@step
def fill_uniforms(seed: int, stream: int, block0: Any, events: Any, raw: Any, out: Any) -> None:
    """Uniforms in [0, 1) of many rows at once, four to a block.

    Parameters
    ----------
    block0 : (n,) int64, the first block of each row (a row is an event, or a particle of an event)
    events : (n,) int64, the event number of each row
    raw : (4, >= n) uint64, work space
    out : (4 k, >= n) float64; rows 4 j to 4 j + 3 come from block ``block0 + j``
    """
    n = events.size
    for j in range(out.shape[0] // 4):
        _fill_words(seed, stream, block0, j, events, raw[0], raw[1], raw[2], raw[3])
        for k in range(4):
            _uniforms(raw[k, :n], out[4 * j + k, :n])


def uniforms_of(seed: int, stream: Any, events: IntArray, block: int = 0) -> FloatArray:
    """One uniform in [0, 1) of each event (n,), the first of a block."""
    raw, u = np.empty((4, len(events)), dtype=np.uint64), np.empty((4, len(events)))
    fill_uniforms(np.uint64(seed), stream, np.full(len(events), block), events, raw, u)
    return np.asarray(u[0])


@step
def _uniforms(words: Any, out: Any) -> None:
    """Uniforms with 53 bits. Its own function: vectorised."""
    for i in range(out.size):
        out[i] = np.float64(np.int64(words[i] >> _SHIFT53)) * TO_UNIT


@step
def _pairs(halves: Any, first: Any, second: Any) -> None:
    """Two normals from the high and the low half of each word (little-endian). Its own kernel: vectorised."""
    for i in range(first.size):
        first[i], second[i] = normal_pair(halves[2 * i + 1], halves[2 * i])


@step
def fill_normals(seed: int, stream: int, block0: Any, events: Any, raw: Any, out: Any) -> None:
    """Standard normals of many rows at once, eight to a block.

    Parameters
    ----------
    block0, events, raw : as in `fill_uniforms`
    out : (2 k, >= n) float32; rows 8 j to 8 j + 7 come from block ``block0 + j``
    """
    n = events.size
    pairs = out.shape[0] // 2
    for j in range((pairs + 3) // 4):
        _fill_words(seed, stream, block0, j, events, raw[0], raw[1], raw[2], raw[3])
        for k in range(min(4, pairs - 4 * j)):
            _pairs(raw[k].view(np.uint32), out[8 * j + 2 * k, :n], out[8 * j + 2 * k + 1, :n])


@step
def _dice(halves: Any, first: Any, second: Any) -> None:
    """Two uniforms in [0, 1) with 32 bits from the high and the low half of each word."""
    for i in range(first.size):
        first[i] = halves[2 * i + 1] * 2.0**-32
        second[i] = halves[2 * i] * 2.0**-32


@step
def fill_decays(seed: int, stream: int, block0: Any, events: Any, raw: Any, out: Any, n_turns: int) -> None:
    """Uniforms of decays of many rows at once: azimuths are well served by 32 bits, two to a word.

    Parameters
    ----------
    block0, events, raw : as in `fill_uniforms`
    out : (n_turns + k, >= n) float64; the first ``n_turns`` rows, an even number, with 32 bits, the others with 53
    """
    n, pairs = events.size, n_turns // 2
    for word in range(pairs + out.shape[0] - n_turns):
        k = word % 4
        if k == 0:
            _fill_words(seed, stream, block0, word // 4, events, raw[0], raw[1], raw[2], raw[3])
        if word < pairs:
            _dice(raw[k, :n].view(np.uint32), out[2 * word, :n], out[2 * word + 1, :n])
        else:
            _uniforms(raw[k, :n], out[pairs + word, :n])


@kernel
def fill_draws(seed: int, stream: int, block0: Any, events: Any, dice: Any, normals: Any) -> None:
    """Uniforms for decisions and normals for noise of many rows at once, from as few blocks as they need.

    A decision against an efficiency is well served by 32 bits: eight dice or normals to a block.

    Parameters
    ----------
    block0, events : as in `fill_uniforms`; a row uses blocks ``block0`` to ``block0 + (d + g - 1) // 4``
    dice : (2 d, n) float64, uniforms in [0, 1) with 32 bits, from the first d words
    normals : (2 g, n) float32, from the g words that follow
    """
    raw = np.empty((4, _ROWS), dtype=np.uint64)
    d, g = dice.shape[0] // 2, normals.shape[0] // 2
    for begin in range(0, events.size, _ROWS):
        end = min(begin + _ROWS, events.size)
        m = end - begin
        for word in range(d + g):
            k = word % 4
            if k == 0:
                _fill_words(
                    seed, stream, block0[begin:end], word // 4, events[begin:end], raw[0], raw[1], raw[2], raw[3]
                )
            halves = raw[k, :m].view(np.uint32)
            if word < d:
                _dice(halves, dice[2 * word, begin:end], dice[2 * word + 1, begin:end])
            else:
                _pairs(halves, normals[2 * (word - d), begin:end], normals[2 * (word - d) + 1, begin:end])
