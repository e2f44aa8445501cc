"""From one cut-flow of a kaon decay to its single event sensitivity, expected events and limit, in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process, registry
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.ledger import component_parts
from na62sim.statistics import Limit, Measured, upper_limit
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.yields import events_per_branching_ratio
from na62sim.study.kaon.sensitivity import data_set_input

__all__ = ["Reach", "own_branching_ratio", "sensitivity"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a selection reaches in a data set.

    Attributes
    ----------
    ses : branching ratio for which one event is expected
    expected_events : for the branching ratio that was given, else None
    branching_ratio : that one
    limit : on the branching ratio, for the events that were given, else None
    """

    ses: Measured
    expected_events: Measured | None
    limit: Limit | None
    branching_ratio: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        n = self.expected_events
        return {
            "ses": {"value": self.ses.value, "sigma": self.ses.sigma},
            "expected_events": None if n is None else {"value": n.value, "sigma": n.sigma},
            "branching_ratio": self.branching_ratio,
            "limit": None if self.limit is None else self.limit.to_dict(),
        }

    def __str__(self) -> str:
        lines = [f"SES {self.ses}"]
        if self.expected_events is not None:
            lines.append(f"expected events {self.expected_events} for a branching ratio of {self.branching_ratio:.3g}")
        if self.limit is not None:
            lines.append(f"branching ratio {self.limit}")
        return "\n".join(lines)


def own_branching_ratio(process: Process) -> float | None:
    """The branching ratio that events of a named process are expected for, as it is without parameters; None without one."""
    declaration = registry().get(process.short)
    if declaration is None or process != find_process(process.short):
        return None
    known = declaration.expected_for or declaration.branching
    return None if known is None else known[0]


def sensitivity(
    flow: CutFlow,
    detector: str | Detector | None = None,
    *,
    branching_ratio: float | None = None,
    observed: int | None = None,
    background: float = 0.0,
    background_error: float = 0.0,
    method: str = "cls",
    cl: float = 0.9,
) -> Reach:
    """SES = 1/(N_K A eps_trig eps_RV) of a cut-flow, with the kaons and efficiencies of its data set.

    Parameters
    ----------
    flow : of `na62sim.acceptance` or `na62sim.select`, of a shipped selection or one's own
    detector : the data set; that of the cut-flow by default, which must then be a shipped one
    branching_ratio : to expect events for
    observed, background, background_error : events of the counting experiment, for a limit
    method, cl : of the limit

    Raises
    ------
    ValueError : no event is accepted, or a number that cannot be
    """
    if not flow.selected.n:
        raise ValueError(f"selection '{flow.selection.name}': no event is accepted, so there is no sensitivity")
    d = as_detector(detector if detector is not None else flow.info.get("geometry"))
    efficiency = flow.acceptance
    parts = component_parts(efficiency.value, list(flow.selection.ledger))
    a = Estimate(efficiency.value, {"statistics": efficiency.stat, **parts})
    kaons = Estimate(d.dataset.kaons, {"N_K": d.quantity("dataset.kaons").standard_deviation or 0.0})
    factors = data_set_input(d, "dataset.trigger_efficiency") * data_set_input(d, "dataset.random_veto")
    inverse = events_per_branching_ratio(kaons, a, factors)
    per_branching = Measured(inverse.value, inverse.sigma)
    ses = 1.0 / per_branching
    expected = None if branching_ratio is None else branching_ratio * per_branching
    limit = None
    if observed is not None:
        limit = upper_limit(
            observed, background, background_error=background_error, efficiency_error=min(ses.relative, 0.5), ses=ses,
            method=method, cl=cl,
        )  # fmt: skip
    return Reach(ses, expected, limit, branching_ratio)
