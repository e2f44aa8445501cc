"""The uncertainty of what is made: other generators, scales and limits of the productions, as a region of their own.

Every production names variations of its parameters. For each of them events accepted by geometry alone are compared with
the nominal ones at every coupling; the smallest and the largest of these ratios scale the nominal signal. The rest of the
chain, and the numbers that are observed, stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry import Detector
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Geometric
from na62sim.study.dump.productions import own_parameters
from na62sim.study.dump.samples import Samples, mass_sample, sampled_process, stream_seed

__all__ = ["Ratios", "production_ratios", "variation_words"]

Ratios = dict[tuple[str, str, float], tuple[FloatArray, FloatArray]]
"""Per process, channel and mass (MeV) the smallest and the largest ratio to the nominal events at each coupling."""
_MOST = 20_000  # events of a variation: 1 % of the events, a quarter of it in a lower edge


def variation_words(model: DumpModel, production: str) -> list[str]:
    """What is varied, in words."""
    names = own_parameters(model, production, {})
    return [f"{model.words(name)}: {words}" for name in names for words in model.production(name).variations]


def production_ratios(
    model: DumpModel,
    samples: Samples,
    detector: Detector,
    couplings: FloatArray,
    production: str,
    events: int,
    seed: int,
    *,
    parameters: Mapping[str, Any] | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Ratios:
    """The ratios at the masses of some samples.

    Parameters
    ----------
    samples : per channel, whose masses and productions are wanted
    events : of a sample; 20 000 at most
    progress : called with the number of samples done
    """
    found: Ratios = {}
    own = own_parameters(model, production, parameters or {})
    names = {model.process_name(name): name for name in own}
    count = min(events, _MOST)
    for channel, of_channel in samples.items():
        for sample in of_channel:
            name = names[sample.production]
            variations = [{**own[name], **change} for change in model.production(name).variations.values()]
            made = [
                _events(model, sample, channel, name, chosen, detector, couplings, count, seed, threads)
                for chosen in [own[name], *variations]
            ]
            nominal = made[0]
            assert nominal is not None
            ratios = [
                np.divide(other, nominal, out=np.ones_like(nominal), where=nominal > 0.0)
                for other in made[1:]
                if other is not None
            ]
            ratios.append(np.ones_like(nominal))
            found[sample.production, channel, sample.mass] = np.min(ratios, axis=0), np.max(ratios, axis=0)
            if progress is not None:
                progress(len(found))
    return found


def _events(
    model: DumpModel, sample: MassSample, channel: str, production: str, parameters: Mapping[str, Any], detector: Detector,
    couplings: FloatArray, events: int, seed: int, threads: int | None,
) -> FloatArray | None:  # fmt: skip
    """Accepted by geometry per proton over the coupling squared; None where the variation is closed."""
    try:
        process, _ = sampled_process(model, sample.mass, channel, production, parameters)
        chain = Geometric(process, detector, stream_seed(seed, production, channel, sample.mass))
    except ClosedChannelError:
        return None
    made = mass_sample(chain, events, 1.0, threads=threads)
    return made.produced * made.probability(model.lengths(sample.mass, couplings))[0]
