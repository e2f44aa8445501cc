"""One sample of the dump at several lifetimes, against samples made at the coupling of each."""

from __future__ import annotations

import json

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.generators.processes.dark_photon import lifetime
from na62sim.generators.registry import find_process

N = 6000


@pytest.mark.parametrize("eps", [5e-7, 2e-6])
def test_the_acceptance_of_a_coupling(eps: float) -> None:
    """The same events with other weights: the acceptance of a sample made at the coupling, to rounding."""
    (row,) = na.lifetime_acceptance(
        find_process("aprime-brems"), "dimuon", [float(lifetime(300.0, eps))], N, "dump-2021", threads=1
    )  # fmt: skip
    direct = na.acceptance(find_process("aprime-brems", eps=eps), "dimuon", N, "dump-2021", threads=1)
    assert row["acceptance"] == pytest.approx(direct.acceptance.value, rel=1e-9)
    assert row["ctau_mm"] == pytest.approx(142.2 * (1e-6 / eps) ** 2, rel=3e-3)


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The particle is named as its parameters name it; too short a life leaves too few effective events."""
    words = ["acceptance", "aprime-meson", "-s", "dimuon", "-g", "dump-2021", "-n", "4000", "--json"]
    assert main([*words, "--lifetimes", "ctau_Aprime=0.00001mm:10m:3"]) == 0
    rows = json.loads(capsys.readouterr().out)["lifetimes"]
    assert rows[0]["acceptance"] is None and rows[0]["n_effective"] < 25.0
    assert 0.0 < rows[2]["acceptance"] < 1.0 and rows[2]["n_effective"] > 25.0
