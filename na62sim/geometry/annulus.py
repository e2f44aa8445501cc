"""Acceptance of a detector around the beam: between two radii."""

from __future__ import annotations

from typing import Any

from na62sim.core.kernel import formula


@formula
def in_annulus(r2: Any, low: float, high: float) -> Any:
    """Whether a point at the squared distance r2 (mm^2) from the centre lies between two radii (mm).

    Written with ``&``, so that `on_annulus` is the same formula.
    """
    return (low * low < r2) & (r2 < high * high)


on_annulus = getattr(in_annulus, "py_func", in_annulus)
"""`in_annulus` for arrays."""
