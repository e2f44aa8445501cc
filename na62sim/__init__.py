"""na62sim: what can NA62 see? Event generation, fast simulation, reconstruction and limits.

The public names load on first use, so that ``import na62sim`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "Cut": "na62sim.selection.cut",
    "CutFlow": "na62sim.selection.cutflow",
    "Detector": "na62sim.geometry",
    "DumpModel": "na62sim.generators.processes.dump_model",
    "Measured": "na62sim.statistics",
    "Process": "na62sim.generators.chain.process",
    "Sample": "na62sim.sample.sample",
    "Selection": "na62sim.selection.cut",
    "Table": "na62sim.sample.table",
    "acceptance": "na62sim.simulation.acceptance",
    "available_detectors": "na62sim.geometry",
    "backgrounds": "na62sim.study.kaon.backgrounds",
    "branching_ratio": "na62sim.study.kaon.branching_ratio",
    "compare": "na62sim.study.differences",
    "draw": "na62sim.report.draw",
    "exclusion": "na62sim.study.dump.region",
    "expected_events": "na62sim.statistics",
    "lifetime_acceptance": "na62sim.simulation.lifetimes",
    "load_detector": "na62sim.geometry",
    "load_selection": "na62sim.selection.registry",
    "merge": "na62sim.sample.merge",
    "read_sample": "na62sim.sample.sample",
    "reconstruct": "na62sim.simulation.stages",
    "reweight": "na62sim.simulation.reweight",
    "run": "na62sim.report.folder",
    "search": "na62sim.study.search",
    "select": "na62sim.simulation.acceptance",
    "sensitivity": "na62sim.study.kaon.reach",
    "simulate": "na62sim.simulation.stages",
    "simulate_shards": "na62sim.simulation.shards.make",
    "single_event_sensitivity": "na62sim.statistics",
    "upper_limit": "na62sim.statistics",
}

__all__ = [*_PUBLIC, "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from na62sim.generators.chain.process import Process as Process
    from na62sim.generators.processes.dump_model import DumpModel as DumpModel
    from na62sim.geometry import Detector as Detector
    from na62sim.geometry import available_detectors as available_detectors
    from na62sim.geometry import load_detector as load_detector
    from na62sim.report.draw import draw as draw
    from na62sim.report.folder import run as run
    from na62sim.sample.merge import merge as merge
    from na62sim.sample.sample import Sample as Sample
    from na62sim.sample.sample import read_sample as read_sample
    from na62sim.sample.table import Table as Table
    from na62sim.selection.cut import Cut as Cut
    from na62sim.selection.cut import Selection as Selection
    from na62sim.selection.cutflow import CutFlow as CutFlow
    from na62sim.selection.registry import load_selection as load_selection
    from na62sim.simulation.acceptance import acceptance as acceptance
    from na62sim.simulation.acceptance import select as select
    from na62sim.simulation.lifetimes import lifetime_acceptance as lifetime_acceptance
    from na62sim.simulation.reweight import reweight as reweight
    from na62sim.simulation.shards.make import simulate_shards as simulate_shards
    from na62sim.simulation.stages import reconstruct as reconstruct
    from na62sim.simulation.stages import simulate as simulate
    from na62sim.statistics import Measured as Measured
    from na62sim.statistics import expected_events as expected_events
    from na62sim.statistics import single_event_sensitivity as single_event_sensitivity
    from na62sim.statistics import upper_limit as upper_limit
    from na62sim.study.differences import compare as compare
    from na62sim.study.dump.region import exclusion as exclusion
    from na62sim.study.kaon.backgrounds import backgrounds as backgrounds
    from na62sim.study.kaon.branching_ratio import branching_ratio as branching_ratio
    from na62sim.study.kaon.reach import sensitivity as sensitivity
    from na62sim.study.search import search as search


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from na62sim.core.version import program_version

        return program_version()
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'na62sim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
