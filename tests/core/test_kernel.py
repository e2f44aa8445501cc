"""What the decorators compile."""

from __future__ import annotations

import subprocess
import sys

import pytest

from na62sim.core.kernel import JIT, formula, kernel, step

pytestmark = pytest.mark.skipif(not JIT, reason="nothing is compiled")


@formula
def _twice(n: int) -> int:
    return 2 * n


@step
def _add(k: int, odd: bool) -> int:
    return k + 1 if odd else k


@kernel
def _count(n: int) -> int:
    total = 0
    for _ in range(n):
        total = _add(total, True) + _twice(0)
    return int(total + _twice(7) + _twice(n) + _add(3, False))


def test_constants_make_no_versions_but_truth_values() -> None:
    """One version for 0, 7 and n; one each for True and False, which choose a branch before anything is typed."""
    assert _count(5) == 5 + 14 + 10 + 3
    assert len(_twice.inside().signatures) == 1
    assert len(_add.inside().signatures) == 2


def test_what_other_packages_add_to_numba_waits_for_who_wants_it() -> None:
    """A kernel does not import them, which takes longer than many a run; a function of a user's does."""
    pytest.importorskip("awkward")
    code = (
        "import sys; from na62sim.core.rng import fill_uniforms; import numpy as np, numba;"
        "a, b = np.zeros(1, dtype=np.int64), np.empty((4, 1), dtype=np.uint64);"
        "fill_uniforms(np.uint64(1), 1, a, a, b, np.empty((1, 1))); before = 'awkward' in sys.modules;"
        "numba.njit(lambda n: n + 1)(1); print(before, 'awkward' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
