"""The histograms of a run in UHI form, the one that boost-histogram, hist and uproot exchange: a JSON file per sample.

``hist.Hist(boost_histogram.serialization.from_uhi(…))``, or ``uhi.io.json``, makes a histogram of an entry again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from boost_histogram.serialization import to_uhi

from na62sim.sample.atomic import write_whole

if TYPE_CHECKING:
    from na62sim.study.run import CountedSample

__all__ = ["uhi_json", "write_uhi"]

_ARRAY = "\0array"  # stands for one while the rest is written: no name or label has it


def uhi_json(histograms: Mapping[str, Any]) -> str:
    """Histograms by name as JSON: axes with names, labels and edges, values and variances with their flow bins."""
    texts: list[str] = []

    def array(values: Any) -> str:
        texts.append(_array_text(np.asarray(values)))
        return _ARRAY

    around = json.dumps({name: to_uhi(h) for name, h in histograms.items()}, default=array).split(json.dumps(_ARRAY))
    return "".join(piece for pair in zip(around, [*texts, ""], strict=True) for piece in pair)


def _array_text(values: npt.NDArray[Any]) -> str:
    """An array as JSON. Most bins of most histograms are empty, and zeros need not be formatted one by one."""
    if values.dtype != np.float64 or not values.size:
        return json.dumps(values.tolist())
    filled = np.flatnonzero(values)
    words = ["0.0"] * values.size
    for k, word in zip(filled.tolist(), json.dumps(values.ravel()[filled].tolist())[1:-1].split(", "), strict=False):
        words[k] = word
    for length in values.shape[::-1]:
        words = ["[" + ", ".join(words[k : k + length]) + "]" for k in range(0, len(words), length)]
    return words[0]


def write_uhi(folder: Path, samples: Sequence[CountedSample]) -> None:
    """Write LABEL.json for every sample that has histograms."""
    for sample in samples:
        if sample.histograms is not None:
            folder.mkdir(exist_ok=True)
            sample.histograms.flush()
            text = uhi_json(sample.histograms.histograms)
            write_whole(folder / f"{sample.planned.block.label}.json", text + "\n")
