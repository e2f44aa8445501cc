"""Events of the full chain inside and outside the signal region."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.selection.dilepton import in_signal
from na62sim.study.dump.acceptance import Reconstructed
from na62sim.study.dump.channels import dilepton_block


@pytest.mark.parametrize("channel", ["mumu", "ee"])
def test_outside_the_signal_region(channel: str) -> None:
    """With what lies outside: the same cut-flow, the same events inside, and a few more."""
    detector = load_detector("dump-2021")
    process = find_process("aprime-brems", m_Aprime=300.0, channel=channel)
    inside, everything = (Reconstructed(process, detector, 1, outside=outside) for outside in (False, True))
    parts = []
    for chain in (inside, everything):
        parts.append(chain.run(0, 12_000))
        chain.keep(parts[-1])
    one, more = inside.flow.to_dict(), everything.flow.to_dict()
    assert one == more
    columns = parts[1].columns
    signal = in_signal(columns["z_tax"], columns["cda_tax"], dilepton_block(detector, channel))
    assert 0 < np.count_nonzero(~signal) < 0.05 * signal.size
    np.testing.assert_array_equal(parts[1].rows[signal], parts[0].rows)
    np.testing.assert_array_equal(columns["z"][signal], parts[0].columns["z"])
