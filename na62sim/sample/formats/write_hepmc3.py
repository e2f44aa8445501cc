"""HepMC3 files (Asciiv3): all true particles of a sample, their vertices, weights, and what made them.

Vertices from which on the simulation of the detector made the particles have the status `hepmc3.DETECTOR`, so that a reader
can leave them out: then it finds what was generated. Numbers are written so that they are read as the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, BinaryIO

import numpy as np

from na62sim.core.constants import LIGHT
from na62sim.core.particles import species_of_code
from na62sim.sample.formats.hepmc3 import BEGIN, DETECTOR, END
from na62sim.sample.formats.record import invariant_mass
from na62sim.sample.sample import Sample
from na62sim.sample.truth import generated_particles

__all__ = ["NEEDED", "write_hepmc3"]

NEEDED = ("events", "truth")
_WEIGHTS = ("weight", "veto_weight")


def write_hepmc3(file: BinaryIO, chunks: Iterable[Sample], about: dict[str, Any], done: Callable[[int], None]) -> None:
    """Write the truth of a sample, chunk by chunk. Parameters are those of `write_root`."""
    lines = ["HepMC::Version 3.02.06", BEGIN.decode(), "W " + "\\|".join(_WEIGHTS)]
    lines.append(f"T na62sim\\|{_escaped(about.get('program_version', ''))}\\|fast simulation of NA62")
    lines += [f"A {name} {_escaped(value)}" for name, value in sorted(about.items()) if str(value)]
    file.write("\n".join([*lines, ""]).encode())
    for chunk in chunks:
        for text in _events(chunk):
            file.write(text.encode())
        done(len(chunk))
    file.write(END + b"\n\n")


def _escaped(value: Any) -> str:
    """A value as one line."""
    return str(value).replace("\\", "\\\\").replace("\n", "\\|")


@cache
def _mass(pdg: int) -> str | None:
    species = species_of_code(pdg)
    return None if species is None else repr(species.mass)


def _events(chunk: Sample) -> Iterator[str]:
    """The lines of each event."""
    truth, events = chunk["truth"], chunk["events"]
    if truth.offsets is None:
        return
    pdg, parent, status = (truth[name].tolist() for name in ("pdg", "parent", "status"))
    p = np.stack([truth[name] for name in ("px", "py", "pz", "energy")])
    px, py, pz, energy = (row.tolist() for row in p)
    x, y, z = (truth[name].astype(float).tolist() for name in ("x", "y", "z"))
    ct = (truth["time"].astype(float) * LIGHT).tolist()
    masses = invariant_mass(p).tolist()
    number, weights = events["number"].tolist(), [events[name].tolist() for name in _WEIGHTS]
    beam: list[list[float]] = []
    if "beam" in chunk:
        beam = [chunk["beam"][name].astype(float).tolist() for name in ("x", "y", "dxdz", "dydz", "p")]
    ends, born = truth.offsets.tolist(), generated_particles(chunk).tolist()
    for i, a in enumerate(ends[:-1]):
        body: list[str] = []
        vertices: dict[int, int] = {}
        for k in range(a, ends[i + 1]):
            mother = parent[k]
            if mother < 0:
                origin = 0
            else:
                origin = vertices.get(mother, 0)
                if not origin:
                    origin = vertices[mother] = -len(vertices) - 1
                    kind = DETECTOR if k - a >= born[i] else 0
                    body.append(f"V {origin} {kind} [{mother + 1}] @ {x[k]!r} {y[k]!r} {z[k]!r} {ct[k]!r}\n")
            code = pdg[k]
            body.append(
                f"P {k - a + 1} {origin} {code} {px[k]!r} {py[k]!r} {pz[k]!r} {energy[k]!r}"
                f" {_mass(code) or repr(masses[k])} {status[k]}\n"
            )
        head = f"E {number[i]} {len(vertices)} {ends[i + 1] - a}\nU MEV MM\nW {weights[0][i]!r} {weights[1][i]!r}\n"
        if beam:
            head += "A 0 beam {!r} {!r} {!r} {!r} {!r}\n".format(*(values[i] for values in beam))
        yield head + "".join(body)
