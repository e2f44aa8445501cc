"""Decays in which a particle flies along the beam, or against it, made more often, with exact weights.

What flies along the beam goes down its pipe, and what flies against it in the kaon's frame is soft and meets the wall of the
tube: both are seen by little. The decay of a kaon has no direction: in half of the events it is turned, in the kaon's frame, so
that the angle of one of some particles to that direction is drawn evenly in the logarithm of t + `LEAST`, t being 1 minus its
cosine, and the others turn with it. The density of directions is 1/2 + 1/2 times the mean over these particles of the density
of t over the even one, and the weight is its inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from na62sim.core.elementary import exp, log, sincos_turns
from na62sim.core.kernel import kernel
from na62sim.core.rng import STREAM_FORWARD, uniforms4
from na62sim.generators.chain.truth import Truth

LEAST = 0.01


def turn_decays(seed: int, truth: Truth, along: Mapping[str, int]) -> None:
    """Turn half of the decays; ``p`` and ``weight`` of them all are changed.

    Parameters
    ----------
    truth : all particles come from the mother's decay
    along : names of particles, with 1 for along the mother's momentum, -1 for against it
    """
    chosen = [(k, along[s.name]) for k, s in enumerate(truth.chain.particles) if k > 0 and s.name in along]
    slots, signs = np.array(chosen, dtype=np.int64).T.copy()
    _turn(np.uint64(seed), truth.events, slots, signs, len(truth.chain.particles), truth.p, truth.weight)


@kernel
def _turn(seed: int, events: Any, slots: Any, signs: Any, particles: int, p: Any, weight: Any) -> None:
    at_rest, size = np.empty((particles, 3)), log(2.0 / LEAST + 1.0)
    for i in range(events.size):
        which, b, turn, _ = uniforms4(seed, events[i], STREAM_FORWARD, 0)
        kx, ky, kz, energy = p[0, 0, i], p[0, 1, i], p[0, 2, i], p[0, 3, i]
        momentum = np.sqrt(kx * kx + ky * ky + kz * kz)
        mass = np.sqrt(energy * energy - momentum * momentum)
        gamma, eta = energy / mass, momentum / mass
        kx, ky, kz = kx / momentum, ky / momentum, kz / momentum
        for k in range(1, particles):
            x, y, z, e = p[k, 0, i], p[k, 1, i], p[k, 2, i], p[k, 3, i]
            along = x * kx + y * ky + z * kz
            shift = gamma * along - eta * e - along
            at_rest[k, 0], at_rest[k, 1], at_rest[k, 2] = x + shift * kx, y + shift * ky, z + shift * kz
        if which >= 0.5:
            j = np.int64((2.0 * which - 1.0) * slots.size)
            x, y, z = at_rest[slots[j]]
            q = np.sqrt(x * x + y * y + z * z)
            x, y, z = x / q, y / q, z / q
            cosine = signs[j] * (1.0 - LEAST * (exp(b * size) - 1.0))
            sine = np.sqrt(max(1.0 - cosine * cosine, 0.0))
            s, c = sincos_turns(turn)
            r = np.sqrt(kx * kx + kz * kz)  # (kz, 0, -kx) / r and its product with the momentum are across it
            ax, az = kz / r, -kx / r
            bx, by, bz = ky * az, kz * ax - kx * az, -ky * ax
            nx, ny = cosine * kx + sine * (c * ax + s * bx), cosine * ky + sine * s * by
            nz = cosine * kz + sine * (c * az + s * bz)
            # the rotation that takes the particle there, about the direction across both
            wx, wy, wz, d = y * nz - z * ny, z * nx - x * nz, x * ny - y * nx, 1.0 + x * nx + y * ny + z * nz
            for k in range(1, particles):
                if d < 1e-9:
                    break
                x, y, z, e = at_rest[k, 0], at_rest[k, 1], at_rest[k, 2], p[k, 3, i]
                along = p[k, 0, i] * kx + p[k, 1, i] * ky + p[k, 2, i] * kz
                e = gamma * e - eta * along
                ux, uy, uz = wy * z - wz * y, wz * x - wx * z, wx * y - wy * x
                x, y, z = (
                    x + ux + (wy * uz - wz * uy) / d, y + uy + (wz * ux - wx * uz) / d, z + uz + (wx * uy - wy * ux) / d,
                )  # fmt: skip
                at_rest[k, 0], at_rest[k, 1], at_rest[k, 2] = x, y, z
                along = x * kx + y * ky + z * kz
                shift = gamma * along + eta * e - along
                p[k, 0, i], p[k, 1, i], p[k, 2, i] = x + shift * kx, y + shift * ky, z + shift * kz
                p[k, 3, i] = gamma * e + eta * along
        density = 0.0
        for j in range(slots.size):
            x, y, z = at_rest[slots[j]]
            t = 1.0 - signs[j] * (x * kx + y * ky + z * kz) / np.sqrt(x * x + y * y + z * z)
            density += 2.0 / ((t + LEAST) * size)
        weight[i] /= 0.5 + 0.5 * density / slots.size
