"""acceptance --sensitivity: SES, expected events and limit of an acceptance, in the same call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from na62sim.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.generators.chain.process import Process
    from na62sim.geometry import Detector
    from na62sim.selection.cutflow import CutFlow
    from na62sim.study.kaon.reach import Reach

Sensitivity = Annotated[
    bool,
    typer.Option(
        "--sensitivity", help="Also the SES with the kaons and efficiencies of the data set, events and limit."
    ),
]
Branching = Annotated[
    float | None,
    typer.Option(
        "--branching-ratio", metavar="BR", parser=options.number("branching ratio", "(0, 1]"),
        help="To expect events for; that of the process where it has one.",
    ),
]  # fmt: skip
Observed = Annotated[
    int | None,
    typer.Option(
        "--observed", metavar="N", parser=options.whole("observed", 0, 100_000), help="Counted events, for a limit."
    ),
]
Background = Annotated[
    float,
    typer.Option(
        "--background", metavar="B", parser=options.number("background", "[0, 100000]"), help="With --observed; 0."
    ),
]
BackgroundError = Annotated[
    float,
    typer.Option(
        "--background-error", metavar="S", parser=options.number("background error", "[0, 100000]"),
        help="With --observed; 0.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class ReachAsked:
    """What is asked for beside the acceptance."""

    sensitivity: bool
    branching: float | None
    observed: int | None
    background: float
    background_error: float

    @property
    def wanted(self) -> bool:
        """Whether anything is: a number that only a sensitivity needs asks for it as well."""
        given = (self.branching, self.observed, self.background or None, self.background_error or None)
        return self.sensitivity or any(value is not None for value in given)

    def check(self, detector: Detector) -> None:
        """Stop before the work.

        Raises
        ------
        ValueError : a background without a count, or the beam dump
        """
        if self.observed is None and (self.background or self.background_error):
            raise ValueError("--background goes with --observed N: without counted events there is no limit")
        if self.wanted and detector.dump is not None:
            raise ValueError(f"--sensitivity: {detector.name} has no kaon decays; see na62sim exclusion")

    def of(self, flow: CutFlow, process: Process, detector: Detector) -> Reach:
        """SES, expected events and limit."""
        from na62sim.study.kaon.reach import own_branching_ratio, sensitivity

        branching = self.branching if self.branching is not None else own_branching_ratio(process)
        return sensitivity(
            flow, detector, branching_ratio=branching, observed=self.observed, background=self.background,
            background_error=self.background_error,
        )  # fmt: skip


def reach_report(found: Reach) -> list[RenderableType]:
    """The same for people."""
    return [f"[bold]{str(found).replace('[', '(')}[/bold]"]


def reach_dict(found: Reach) -> dict[str, Any]:
    """The same for scripts."""
    return {"sensitivity": found.to_dict()}
