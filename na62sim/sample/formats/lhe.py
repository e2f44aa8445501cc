"""Les Houches event files, read: momenta in GeV, displaced decays by the distance in column VTIMUP, weights by name.

Format: Boos et al., hep-ph/0109068; Alwall et al., CPC 176 (2007) 300. A file has no vertices and no event numbers: events
are counted from 0.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from na62sim.core.constants import LIGHT
from na62sim.sample.formats.record import MOST_PARTICLES, EventRecord, RecordBuilder, choose_weight
from na62sim.sample.formats.text import Lines, file_sha256, open_lines
from na62sim.sample.provenance import SampleError

__all__ = ["read_lhe"]

_GEV = 1000.0
_WEIGHT = re.compile(rb"<wgt\s+id\s*=\s*['\"]([^'\"]*)['\"][^>]*>\s*([^<\s]+)\s*</wgt>")
_FINAL, _INCOMING = 1, -1


def read_lhe(path: Path, most: int | None = None, weight: str | None = None) -> EventRecord:
    """Read a file.

    Parameters
    ----------
    most : events to read; all by default
    weight : id of the weight, one of ``<rwgt>``; that of the event by default

    Raises
    ------
    SampleError : anything wrong with it, in one line
    """
    events = RecordBuilder()
    with open_lines(path) as lines:
        _read(lines, events, most, weight)
    return events.record(str(path), file_sha256(path))


def _read(lines: Lines, events: RecordBuilder, most: int | None, weight: str | None) -> None:
    known = header = ended = False
    source = iter(lines)
    for line in source:
        text = line.strip()
        if not known:
            if not text:
                continue
            if b"<LesHouchesEvents" not in text and not text.startswith(b"<?xml"):
                raise lines.error("the file is no Les Houches event file")
            known = b"<LesHouchesEvents" in text
        elif text.startswith((b"<header", b"<!--")) or header:
            header = not text.endswith((b"</header>", b"-->"))
        elif text.startswith(b"<event"):
            block = []
            for inner in source:
                if inner.strip() == b"</event>":
                    break
                block.append(inner)
                if len(block) > 2 * MOST_PARTICLES:
                    raise lines.error("an event does not end")
            else:
                break
            _event(lines, block, events, weight)
            if most is not None and len(events) == most:
                return
        elif text == b"</LesHouchesEvents>":
            ended = True
    if not ended:
        raise SampleError(f"{lines.path}: the file is truncated: the line </LesHouchesEvents> is missing")


def _event(lines: Lines, block: list[bytes], events: RecordBuilder, wanted: str | None) -> None:
    """One event: a line about it, one per particle, and what may follow."""
    head = block[0].split()
    number = int(head[0])
    if not 0 < number < len(block) or len(head) != 6:
        raise lines.error(f"an event announces {number} particles and has {len(block) - 1} lines")
    value = float(head[2])
    if wanted is not None:
        found = dict(_WEIGHT.findall(b"".join(block[number + 1 :])))
        names = [name.decode("utf-8", "replace") for name in found]
        choose_weight(str(lines.path), names, wanted)
        value = float(found[wanted.encode()])
    first = len(events.pdg)
    flown: list[tuple[float, ...]] = []  # distance of each particle's decay from that of the first, c t last; NaN: none
    for place, line in enumerate(block[1 : number + 1]):
        words = line.replace(b"D", b"E").split()
        if len(words) != 13:
            raise lines.error(f"particle {place + 1} of an event has {len(words)} columns, not 13")
        status, mother = int(words[1]), int(words[2]) - 1
        if not -1 <= mother < number:
            raise lines.error(f"particle {place + 1} of an event has the mother {mother + 1} of {number}")
        px, py, pz, energy, mass = (_GEV * float(word) for word in words[6:11])
        events.pdg.append(int(words[0]))
        events.parent.append(mother if status != _INCOMING else -1)
        events.final.append(status == _FINAL)
        events.p.extend((px, py, pz, energy))
        events.mass.append(abs(mass))
        origin = flown[mother] if 0 <= mother < place else (math.nan,) * 4
        x, y, z, t = origin
        events.vertex.extend((x, y, z, t / LIGHT))
        distance = float(words[11])
        if distance > 0.0 and mass > 0.0 and events.parent[first + place] >= 0:
            x, y, z, t = (0.0 if math.isnan(u) else u for u in origin)
            k = distance / mass
            flown.append((x + k * px, y + k * py, z + k * pz, t + k * energy))
        else:
            flown.append((math.nan,) * 4)
    events.close_event(len(events), value)
