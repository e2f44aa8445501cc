"""What a selection looks at gives the counts of the full chain, whatever is left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from na62sim.detector.response.as_weights import as_weights
from na62sim.detector.trigger import trigger_bits
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.selection.cut import ANY, Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection
from na62sim.simulation.conditions import Running
from na62sim.simulation.on_demand import SelectedChunk, accepted, run_selected, select_chunk
from na62sim.simulation.pipeline import Simulation
from na62sim.simulation.tables import candidate_table

N = 4000
SEED = 11
CHAINS = [
    ("kpinunu", "pinunu", {}, ""),
    ("k2pi", "k2pi", {}, "photons"),
    ("k2pi", "pinunu", {}, "all"),
    ("kpiaa", "kpiaa", {"m_a": 100.0}, ""),
    ("k3pi", "k3pi", {}, ""),
    ("aprime-brems", "dimuon", {"m_Aprime": 400.0, "eps": 1e-6}, ""),
]


def both(name: str, selection: str, parameters: dict[str, float], kinds: str) -> tuple[CutFlow, SelectedChunk, CutFlow]:
    """The cut-flow of everything, what is made for the selection, and the cut-flow of events that are written."""
    process = find_process(name, **parameters)
    detector = load_detector("dump-2021" if name.startswith("aprime") else "run1-2018-s2")
    simulation = Simulation(process, detector, SEED, as_weights=as_weights(kinds, tails=kinds == "all"))
    chosen = find_selection(selection, detector, process.mass)
    chunk = simulation.run(0, N)
    found = simulation.reconstruction.table(chosen.candidates, N, chunk.hits, chunk.tracks)
    flow = CutFlow(chosen)
    weight = (chunk.truth.weight * chunk.veto_weight)[found["event"]]
    flow.fill(candidate_table(N, found, chosen.candidates), weight, chunk.truth.weight)
    flow.count_triggers(chunk.trigger["masks"][found["event"][flow.signal_rows]], list(detector.trigger.masks))
    return flow, run_selected(simulation, chosen, 0, N), select_chunk(simulation, chosen, chunk)


@pytest.mark.parametrize(("name", "selection", "parameters", "kinds"), CHAINS)
def test_counts_are_those_of_the_full_chain(
    name: str, selection: str, parameters: dict[str, float], kinds: str
) -> None:
    full, part, written = both(name, selection, parameters, kinds)
    assert full.cuts[0].n > 20
    assert part.flow.to_dict() == written.to_dict() == full.to_dict()  # bit by bit, triggers too
    assert [(c.n, c.total) for c in part.flow.cuts] == [(c.n, c.total) for c in full.cuts]
    assert len(part.event) == len(part.table) == len(part.weight)
    np.testing.assert_array_equal(part.table.event_of_row(), part.event)


@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_in_order_are_the_events_in_one_piece(threads: int) -> None:
    detector = load_detector("run1-2018-s2")
    simulation = Simulation(find_process("k2pi"), detector, SEED)
    chosen, total = find_selection("k2pi", detector), CutFlow(find_selection("k2pi", detector))
    events: list[int] = []

    def take(chunk: SelectedChunk) -> tuple[CutFlow, list[int]]:
        return chunk.flow, chunk.truth.events[chunk.event].tolist()

    for flow, numbers in accepted(simulation, chosen, range(1000, 4500), Running(threads, chunk=1000), take):
        total.merge(flow)
        events += numbers
    one = run_selected(simulation, chosen, 1000, 3500)
    assert events == one.truth.events[one.event].tolist()
    assert total.to_dict() == one.flow.to_dict()
    assert total.generated.n == 3500


def test_only_events_with_the_right_number_of_tracks_have_candidates() -> None:
    full, part, _ = both(*CHAINS[3])
    number = np.bincount(part.tracks["event"], minlength=N)
    assert set(part.event) <= set(np.flatnonzero(number >= 5))
    assert full.cuts[0].n <= len(part.event) < 0.05 * N


def test_a_selection_of_ones_own_sees_every_candidate() -> None:
    assert Selection("mine", []).tracks == (1, ANY)
    assert Selection("mine", [], candidates="vertices").tracks == (2, ANY)


def test_trigger_words_of_some_events() -> None:
    s = Simulation(find_process("k3pi"), load_detector("run1-2018-s2"), SEED)
    chunk = s.run(0, 1000)
    rows: npt.NDArray[np.int64] = np.arange(3, 1000, 7)
    some = trigger_bits(SEED, chunk.truth.events, chunk.hits, chunk.tracks, s.trigger, rows)
    assert len(set(some["l1"])) > 3
    for name, words in some.items():
        np.testing.assert_array_equal(words, chunk.trigger[name][rows])
