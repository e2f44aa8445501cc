"""The true particles of a sample: which were generated, and which were born in the detector."""

from __future__ import annotations

import re

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.sample.sample import Sample

__all__ = ["generated_particles"]


def generated_particles(sample: Sample) -> IntArray:
    """How many of the true particles of each event were generated; those behind them were born in the detector.

    A process has the same in every event, those of its descriptor; of a file of events the group ``record`` tells.
    """
    if "record" in sample:
        return np.asarray(sample["record"]["particles"], dtype=np.int64)
    process = sample.provenance.extra.get("process", {})
    names = [word for word in re.findall(r"[^\s()]+", str(process.get("descriptor", ""))) if word != "->"]
    return np.full(len(sample), len(names) or np.iinfo(np.int64).max)
