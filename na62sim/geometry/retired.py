"""Keys and blocks that earlier versions of the geometry had.

A sample carries the text of its geometry, so that a stored text may hold them: they are kept in it, and not read.
In a geometry file they are refused.
"""

from __future__ import annotations

from typing import NamedTuple


class Retired(NamedTuple):
    """Since which version a key is no longer read, and why, or what takes its place."""

    since: str
    reason: str


_ASSOCIATION = "the K-pi association is simulated (gtk.association); its efficiency and its wrong tracks are outcomes"
RETIRED: dict[str, Retired] = {
    "gtk.association_efficiency": Retired("0.2.0", _ASSOCIATION),
    "gtk.cda_efficiency": Retired("0.2.0", _ASSOCIATION),
    "gtk.wrong_track_probability": Retired("0.2.0", _ASSOCIATION),
    "gtk.wrong_track_intensity_MHz": Retired("0.2.0", _ASSOCIATION),
    "rich.muon_misid_tail": Retired("0.2.0", "rich.muon_misid gives the probability against momentum"),
    "segments.inefficiency": Retired("0.2.0", "it follows from straw.view_efficiency"),
    "segments.pair_inefficiency": Retired(
        "0.2.0", "segments are made of the points of two chambers; one point is none"
    ),
    **{
        f"pinunu.{guard}_GeV2": Retired("0.2.0", f"the window depends on momentum, see the block pinunu.{guard}")
        for guard in ("rich_guard_r1", "rich_guard_r2", "beam_guard_r1", "beam_guard_r2")
    },
}
"""By dotted name; the name of a block stands for all keys in it."""


def retired_name(path: str) -> str | None:
    """The entry of `RETIRED` that a dotted name falls under: its own, or that of a block it is in."""
    while path and path not in RETIRED:
        path = path.rpartition(".")[0]
    return path or None


def retired_message(name: str) -> str:
    """What to tell somebody who uses a retired name."""
    since, reason = RETIRED[name]
    return f"{name} is retired since version {since}: {reason}"
