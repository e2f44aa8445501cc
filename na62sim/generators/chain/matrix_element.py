"""Matrix elements of one's own: a function of the daughters' momenta in the rest frame of their mother, over flat phase space.

An event gets the weight |M|^2 / <|M|^2>, or is accepted with the probability |M|^2 / bound. Mean and bound come from one
fixed sample of flat decays, a tenth above its largest value; an event above the bound keeps what is missing as a weight, so
that no distribution is wrong. A trial is a function of seed, event and its own number, as everything that is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.kernel import kernel
from na62sim.core.own_code import load_own
from na62sim.core.rng import STREAM_CHAIN, STREAM_VERTEX, fill_decays, fill_uniforms
from na62sim.generators.chain.steps import ChainArrays, run_chain

__all__ = ["Amplitude", "MatrixElement", "UserAmplitude", "evaluate", "load_amplitude", "name_of", "user_amplitude"]

Amplitude = Callable[..., Any]
"""``function(p1, p2, …)``: |M|^2 in any unit, (n,), from (4, n) arrays px, py, pz, E in MeV, in the order of the decay."""

PILOT = 100_000  # flat decays that mean and bound are measured with
_ABOVE = 1.1  # bound over the largest value seen
_EVENT_BITS = 40  # below are the events, 1e12 at most; above vertex and trial
_MOST_TRIALS = 2**18 - 1
_TOGETHER = 4096  # trials that are made together where few events are left
_BLOCK = 512


@dataclass(frozen=True)
class UserAmplitude:
    """A function of one's own, and whether its events are accepted or rejected instead of weighted."""

    function: Amplitude
    unweighted: bool = False

    def __str__(self) -> str:
        return name_of(self.function)


def user_amplitude(particle: str, given: Any, unweighted: bool) -> UserAmplitude:
    """A function as an amplitude.

    Raises
    ------
    TypeError : it is neither a name nor a function
    """
    if isinstance(given, UserAmplitude):
        return given
    if not callable(given):
        raise TypeError(f"amplitude of '{particle}' = {given!r}: it must be a name or a function of the momenta")
    return UserAmplitude(given, unweighted)


def name_of(function: Amplitude) -> str:
    """Module and name of a function, as ``--amplitude`` takes them."""
    module = getattr(function, "__module__", None) or "?"
    return f"{module}:{getattr(function, '__qualname__', type(function).__name__)}"


def load_amplitude(text: str) -> Amplitude:
    """The function ``module:function``; modules of the current folder are found.

    Raises
    ------
    ValueError : there is no such module or function, or it fails when it is imported
    """
    function: Amplitude = load_own("amplitude", text)
    return function


def evaluate(function: Amplitude, momenta: FloatArray) -> FloatArray:
    """Values of a function for momenta (daughters, 4, n) in MeV.

    Raises
    ------
    ValueError : it fails, or returns anything but n finite numbers that are not negative
    """
    n, name = momenta.shape[2], name_of(function)
    seen = momenta.view()
    seen.flags.writeable = False
    try:
        values = np.asarray(function(*seen), dtype=np.float64)
    except Exception as error:
        raise ValueError(f"amplitude {name}: {type(error).__name__}: {error}") from error
    if values.shape != (n,):
        raise ValueError(f"amplitude {name}: it must return one number per event, shape ({n},), not {values.shape}")
    wrong = ~(np.isfinite(values) & (values >= 0.0))
    if wrong.any():
        raise ValueError(f"amplitude {name}: it returns {values[wrong][0]:g}; |M|^2 must be finite, 0 or more")
    return values


@dataclass(frozen=True)
class Measured:
    """What the sample of flat decays says of a function: mean, largest value with its reserve, mean of the square."""

    mean: float
    bound: float
    square: float


class MatrixElement:
    """A vertex with a function of one's own: the sampler of `rest_frame.Vertex`.

    Parameters
    ----------
    amplitude : the function
    mass : of the mother (MeV)
    daughters : how many there are
    chain, turns, draws, slots : of the flat decay to them
    """

    def __init__(
        self,
        amplitude: UserAmplitude,
        mass: float,
        daughters: int,
        chain: ChainArrays,
        turns: int,
        draws: int,
        slots: int,
    ) -> None:
        self.amplitude, self.mass, self.daughters = amplitude, mass, daughters
        self._chain, self._turns, self._draws, self._slots = chain, turns, draws, slots

    def __call__(
        self,
        seed: int,
        events: IntArray,
        vertex: int,
        _parameters: Any,
        _table: Any,
        rest: FloatArray,
        weight: FloatArray,
    ) -> int:
        """Fill the momenta of the daughters and multiply the weights; no event can fail."""
        if self.amplitude.unweighted:
            self._accept(seed, events, vertex, rest, weight)
        else:
            rest[:] = self._flat(seed, events + ((vertex + 1) << _EVENT_BITS))
            weight *= evaluate(self.amplitude.function, rest) / self.measured.mean
        return 0

    @cached_property
    def measured(self) -> Measured:
        """Mean and bound.

        Raises
        ------
        ValueError : the function is 0 everywhere
        """
        values = evaluate(self.amplitude.function, self._flat(np.uint64(0), np.arange(PILOT)))
        if not values.any():
            raise ValueError(f"amplitude {self.amplitude}: it is 0 in all of {PILOT} decays")
        return Measured(float(values.mean()), _ABOVE * float(values.max()), float((values**2).mean()))

    @property
    def about(self) -> str:
        """The function, how it is used, and how efficient that is."""
        m = self.measured
        if self.amplitude.unweighted:
            return f"{self.amplitude}, unweighted with an efficiency of {m.mean / m.bound:.3g}"
        return f"{self.amplitude}, as weights; effective share of the events {m.mean**2 / m.square:.3g}"

    def _accept(self, seed: int, events: IntArray, vertex: int, rest: FloatArray, weight: FloatArray) -> None:
        """The first trial of each event that is accepted."""
        bound, left, trial = self.measured.bound, np.arange(len(events)), 0
        while len(left):
            many = min(max(1, _TOGETHER // len(left)), _MOST_TRIALS - trial)
            if many < 1:
                raise ValueError(
                    f"amplitude {self.amplitude}: no trial of {_MOST_TRIALS} is accepted; take weights instead"
                )
            high = ((trial + np.arange(many)) << 5 | (vertex + 1)) << _EVENT_BITS
            keys = (events[left] + high[:, None]).ravel()
            momenta, uniform = self._flat(seed, keys), np.empty((4, len(keys)))
            _uniforms(seed, keys, uniform)
            values = evaluate(self.amplitude.function, momenta)
            hit = (uniform[0] * bound < values).reshape(many, len(left))
            accepted = hit.any(axis=0)
            chosen = (hit.argmax(axis=0) * len(left) + np.arange(len(left)))[accepted]
            rest[:, :, left[accepted]] = momenta[:, :, chosen]
            weight[left[accepted]] *= np.maximum(values[chosen] / bound, 1.0)
            left, trial = left[~accepted], trial + many

    def _flat(self, seed: Any, keys: IntArray) -> FloatArray:
        """Flat decays at rest, (daughters, 4, n)."""
        p = np.zeros((self._slots, 4, len(keys)))
        p[0, 3] = self.mass
        failed = _decay_at_rest(np.uint64(seed), keys, self._chain, self._turns, self._draws, p)
        if failed:
            raise RuntimeError(f"{failed} events exceeded the bound of the trials")
        return p[1 : 1 + self.daughters]


@kernel
def _uniforms(seed: int, keys: Any, out: Any) -> None:
    fill_uniforms(
        seed, STREAM_VERTEX, np.zeros(keys.size, dtype=np.int64), keys, np.empty((4, keys.size), dtype=np.uint64), out
    )


@kernel
def _decay_at_rest(seed: int, keys: Any, chain: ChainArrays, turns: int, draws: int, p: Any) -> int:
    n, failed = keys.size, 0
    u, raw = np.empty((turns + draws, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    group, mass = np.zeros(_BLOCK, dtype=np.int64), np.empty((chain.mass.size, _BLOCK))
    rest, vertex = np.empty((0, 4, n)), np.zeros((1, 4, n))
    for begin in range(0, n, _BLOCK):
        end = min(begin + _BLOCK, n)
        fill_decays(seed, STREAM_CHAIN, group, keys[begin:end], raw, u, turns)
        failed += run_chain(seed, keys, begin, end, chain, u, rest, mass, p, vertex)
    return failed
