"""The histograms of a run in UHI form, the one that boost-histogram, hist and uproot exchange: a JSON file per sample.

``hist.Hist(boost_histogram.serialization.from_uhi(…))``, or ``uhi.io.json``, makes a histogram of an entry again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boost_histogram.serialization import to_uhi

from na62sim.sample.atomic import write_whole

if TYPE_CHECKING:
    from na62sim.study.run import CountedSample

__all__ = ["uhi_json", "write_uhi"]


def uhi_json(histograms: Mapping[str, Any]) -> str:
    """Histograms by name as JSON: axes with names, labels and edges, values and variances with their flow bins."""
    return json.dumps({name: to_uhi(h) for name, h in histograms.items()}, default=lambda array: array.tolist())


def write_uhi(folder: Path, samples: Sequence[CountedSample]) -> None:
    """Write LABEL.json for every sample that has histograms."""
    for sample in samples:
        if sample.histograms is not None:
            folder.mkdir(exist_ok=True)
            sample.histograms.flush()
            text = uhi_json(sample.histograms.histograms)
            write_whole(folder / f"{sample.planned.block.label}.json", text + "\n")
