"""HepMC3 files (Asciiv3), read: one pass over the lines, which are checked as they come.

The C++ readers end quietly where a file is cut off or damaged, and print on stdout; here that is an error which names the
line. Format: Buckley et al., "The HepMC3 event record library", CPC 260 (2021) 107310, and the library's writer.
"""

from __future__ import annotations

import math
from pathlib import Path

from na62sim.core.constants import LIGHT
from na62sim.sample.formats.record import MOST_PARTICLES, EventRecord, RecordBuilder, choose_weight
from na62sim.sample.formats.text import Lines, file_sha256, open_lines
from na62sim.sample.provenance import SampleError

__all__ = ["BEGIN", "DETECTOR", "END", "read_hepmc3"]

BEGIN, END = b"HepMC::Asciiv3-START_EVENT_LISTING", b"HepMC::Asciiv3-END_EVENT_LISTING"
DETECTOR = 201  # status of vertices from which on a simulation of the detector made the particles
_MOMENTUM = {b"MEV": 1.0, b"GEV": 1000.0}
_LENGTH = {b"MM": 1.0, b"CM": 10.0}
_LACKING = (math.nan,) * 4
_OF_DETECTOR = -2  # mother of what a simulation of the detector made
_Place = tuple[float, float, float, float]


def read_hepmc3(path: Path, most: int | None = None, weight: str | None = None, numbers: str = "file") -> EventRecord:
    """Read a file.

    Parameters
    ----------
    most : events to read; all by default
    weight : name of the weight; the first by default
    numbers : ``file`` or ``order``, see `RecordBuilder.record`

    Raises
    ------
    SampleError : anything wrong with it, in one line
    """
    with open_lines(path) as lines:
        reader = _Reader(lines, weight)
        reader.read(most)
    return reader.events.record(str(path), file_sha256(path), numbers)


class _Reader:
    """The state of reading: what holds for the event that the lines belong to."""

    def __init__(self, lines: Lines, weight: str | None) -> None:
        self.lines, self.wanted, self.events = lines, weight, RecordBuilder()
        self.index, self.number, self.weight = 0, -1, 1.0  # number: -1 outside of events
        self.momentum = self.length = 1.0
        self.start, self.expected = 0, 0  # first row of the event, particles that it announces
        self.place: _Place = _LACKING  # of the event, for vertices without one
        self.vertices: dict[int, tuple[int, _Place]] = {}
        self.rows: list[
            int
        ] = []  # of the particles of the file: their place among those kept; -1 for those of a detector

    def read(self, most: int | None) -> None:
        """All lines, up to the end of the event that is the last wanted."""
        listing, ended = False, False
        for line in self.lines:
            kind = line[:2]
            if not listing:
                listing = self._starts(line)
            elif kind == b"P ":
                self._particle(line.split())
            elif kind == b"V ":
                self._vertex(line)
            elif kind == b"E ":
                self._close()
                if most is not None and len(self.events) == most:
                    return
                self._event(line)
            elif kind == b"U ":
                self._units(line.split())
            elif kind == b"W ":
                self._weights(line)
            elif kind[:1] == b"H":
                if line.strip() == END:
                    self._close()
                    listing, ended = False, True
            elif kind not in (b"A ", b"T ", b"N ", b"F ", b"C ") and line.strip():
                raise self.lines.error("it is none of a HepMC3 file")
        if not ended or listing:
            raise SampleError(f"{self.lines.path}: the file is truncated: the line {END.decode()} is missing")

    def _starts(self, line: bytes) -> bool:
        """Whether events follow."""
        text = line.strip()
        if text == BEGIN:
            return True
        if text.startswith(b"HepMC::IO_GenEvent"):
            raise self.lines.error("the file is of HepMC 2; convert it to HepMC3, for example with pyhepmc")
        if text and not text.startswith(b"HepMC::"):
            raise self.lines.error("the file is no HepMC3 file (Asciiv3)")
        return False

    def _weights(self, line: bytes) -> None:
        """Names of weights before the first event, values inside an event."""
        text = line[2:].strip()
        if self.number < 0:
            if not len(self.events):
                names = text.decode("utf-8", "replace").split("\\|")
                self.index = choose_weight(str(self.lines.path), names, self.wanted)
            return
        values = text.split()
        if self.index >= len(values):
            raise self.lines.error(f"event {self.number} has {len(values)} weights, not {self.index + 1}")
        self.weight = float(values[self.index])

    def _event(self, line: bytes) -> None:
        words = line.split()
        self.number, self.expected = int(words[1]), int(words[3])
        if self.number < 0:
            raise self.lines.error(f"the event number {self.number} is below 0")
        self.start, self.weight, self.momentum, self.length = len(self.events.pdg), 1.0, 1.0, 1.0
        self.place = self._position(words[4:])
        self.vertices, self.rows = {}, []

    def _units(self, words: list[bytes]) -> None:
        if words[1] not in _MOMENTUM or words[2] not in _LENGTH:
            raise self.lines.error("units are MEV or GEV, and MM or CM")
        self.momentum, self.length = _MOMENTUM[words[1]], _LENGTH[words[2]]

    def _position(self, words: list[bytes]) -> _Place:
        """What stands behind ``@``, in mm and ns; a vertex at (0, 0, 0, 0) has no place."""
        if not words:
            return _LACKING
        if words[0] != b"@" or len(words) != 5:
            raise self.lines.error("a position is not of the form @ x y z t")
        x, y, z, t = (self.length * float(word) for word in words[1:])
        return (x, y, z, t / LIGHT) if (x, y, z, t) != (0.0, 0.0, 0.0, 0.0) else _LACKING

    def _vertex(self, line: bytes) -> None:
        before, _, after = line.partition(b"]")
        head, _, incoming = before.partition(b"[")
        words = head.split()
        identity, status = int(words[1]), int(words[2])
        mothers = [int(word) - 1 for word in incoming.split(b",") if word.strip()]
        place = self._position(after.split())
        if any(not 0 <= mother < len(self.rows) for mother in mothers):
            raise self.lines.error(f"vertex {identity} has an incoming particle that is not there yet")
        mother = self.rows[mothers[0]] if mothers else -1
        if status >= DETECTOR and mothers:
            if mother >= 0:
                self.events.final[self.start + mother] = 1  # the generator left it as it is
            mother = _OF_DETECTOR
        elif mothers and mother < 0:
            mother = _OF_DETECTOR
        self.vertices[identity] = (mother, place if place[0] == place[0] else self.place)

    def _particle(self, words: list[bytes]) -> None:
        events, rows = self.events, self.rows
        _, identity, origin, code, px, py, pz, energy, mass, status = words
        source, parent, place = int(origin), -1, _LACKING
        if int(identity) != len(rows) + 1:
            raise self.lines.error(f"particle {int(identity)} follows particle {len(rows)}")
        if source < 0:
            if source not in self.vertices:
                raise self.lines.error(f"particle {int(identity)} comes from vertex {source}, which is not there")
            parent, place = self.vertices[source]
        elif source > 0:
            if source > len(rows):
                raise self.lines.error(f"particle {int(identity)} comes from particle {source}, which is not there yet")
            parent, place = rows[source - 1], self.place
            parent = _OF_DETECTOR if parent < 0 else parent
        if len(rows) == MOST_PARTICLES:
            raise self.lines.error(f"an event has more than {MOST_PARTICLES} particles")
        if parent == _OF_DETECTOR:
            rows.append(-1)
            return
        rows.append(len(events.pdg) - self.start)
        events.pdg.append(int(code))
        events.parent.append(parent)
        events.final.append(int(status) == 1)
        unit = self.momentum
        events.p.extend((unit * float(px), unit * float(py), unit * float(pz), unit * float(energy)))
        events.vertex.extend(place)
        events.mass.append(unit * float(mass))

    def _close(self) -> None:
        """The event before this line is complete."""
        if self.number < 0:
            return
        found = len(self.rows)
        if found != self.expected:
            raise self.lines.error(f"event {self.number} announces {self.expected} particles and has {found}")
        self.events.close_event(self.number, self.weight)
        self.number = -1
