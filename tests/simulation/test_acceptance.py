"""What is sent to other processes, and how a stored sample is weighted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.core.version import source_hash
from na62sim.geometry import load_detector
from na62sim.sample.provenance import Provenance
from na62sim.sample.sample import Sample
from na62sim.sample.table import Column, Table
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection
from na62sim.simulation import acceptance as module
from na62sim.simulation.processes import Job


def test_other_processes_are_told_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed, process, detector, conditions and the parameters of the selection: those of the call, none a default."""
    sent: list[Job] = []
    detector = load_detector("run1-2018-s1")
    chosen = find_selection("kpiaa", detector, {}, m_a=80.0)

    def count(job: Job, part: range, running: Any) -> Iterator[CutFlow]:
        assert (part, running.workers) == (range(300_000), 3)
        sent.append(job)
        return iter([CutFlow(chosen)])

    monkeypatch.setattr(module, "count", count)
    monkeypatch.setattr(module, "warm_up", lambda *_: None)
    na.acceptance(
        "kpiaa", "kpiaa", 300_000, detector, 7, decay_volume_m=(106.0, 170.0), intensity=300.0, photons="weight",
        threads=2, chunk=3000, workers=3, selection_parameters={"m_a": 80.0}, m_a=90.0,
    )  # fmt: skip
    (job,) = sent
    assert (job.seed, job.threads, job.chunk, job.sources) == (7, 2, 3000, source_hash())
    assert (job.process.short, job.process.mass["a"], job.detector.name) == ("kpiaa", 90.0, "run1-2018-s1")
    assert job.conditions == module.Conditions((106.0, 170.0), 300.0, "weight")
    assert (job.selection, job.selection_parameters) == ("kpiaa", {"m_a": 80.0})


def stored() -> Sample:
    """Four events: candidates in the first, third and fourth, the first of which is cut away."""
    detector = load_detector("run1-2018-s2")
    weights = [Column("weight", "float64", "", "weight"), Column("veto_weight", "float64", "", "of the vetoes")]
    values = {"weight": np.array([1.0, 2.0, 4.0, 8.0]), "veto_weight": np.array([1.0, 0.5, 0.25, 0.5])}
    words = np.array([1, 2, 4, 8], dtype=np.uint32)  # event k holds mask k
    groups = {
        "events": Table(weights, values),
        "reco/events": Table(
            [Column("x", "float64", "", "a number")],
            {"x": np.array([-1.0, 1.0, 1.0])},
            offsets=np.array([0, 1, 1, 2, 3]),
        ),
        "trigger": Table([Column("masks", "uint32", "", "masks that hold")], {"masks": words}),
    }
    return Sample(groups, Provenance(geometry_name=detector.name, geometry_text=detector.text), 4)


def test_weights_and_triggers_of_a_stored_sample() -> None:
    """A candidate has the weight of its event times that of the vetoes, and the trigger word of its own event."""
    flow = na.select(stored(), na.Selection("positive", [na.Cut("positive", lambda t: t["x"] > 0.0)]))
    assert (flow.generated.n, flow.generated.sumw) == (4, 15.0)
    assert (flow.selected.n, flow.selected.sumw) == (2, 4.0 * 0.25 + 8.0 * 0.5)
    assert flow.selected.sumw2 == 1.0 + 16.0
    fired = [counter.sumw for counter in flow.triggers.values()]
    assert fired == [0.0, 0.0, 1.0, 4.0, *[0.0] * (len(fired) - 4)]
