"""The channel of a process follows from its leptons, whatever the mass."""

from __future__ import annotations

import pytest

from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.generators.registry import find_process
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.production import ClosedChannelError, MotherProduction
from na62sim.geometry import load_detector
from na62sim.study.dump.acceptance import Geometric
from na62sim.study.dump.channels import channel_of, open_masses


@pytest.mark.parametrize("channel", ["mumu", "ee"])
@pytest.mark.parametrize("name", ["aprime-brems", "aprime-meson", "alp-b"])
def test_channel_of_a_process(name: str, channel: str) -> None:
    assert channel_of(find_process(name, channel=channel)).name == channel


def test_protons_are_no_channel() -> None:
    process = Process(
        "A' -> p pbar", mass={"A'": 2000.0}, lifetime={"A'": 0.2}, production=MotherProduction(Bremsstrahlung(), "A'")
    )
    with pytest.raises(ValueError, match="'A' -> p pbar' is no decay to mu\\+ mu- or e\\+ e- or pi\\+ pi- or K\\+ K-"):
        Geometric(process, load_detector("dump-2021"))


def test_closed_masses() -> None:
    """Left out per channel; what is not about the mass is no closed channel."""
    assert open_masses(DARK_PHOTON, [100.0, 300.0, 1650.0], ["mumu", "ee"]) == {"mumu": [300.0], "ee": [100.0, 300.0]}
    for name, words in (("aprime-brems", {"m_Aprime": 200.0}), ("aprime-meson", {"m_Aprime": 850.0, "meson": "eta"})):
        with pytest.raises(ClosedChannelError, match="m_Aprime"):
            find_process(name, **words)
    with pytest.raises(ValueError, match="model") as caught:
        find_process("aprime-brems", model="qar")
    assert not isinstance(caught.value, ClosedChannelError)
