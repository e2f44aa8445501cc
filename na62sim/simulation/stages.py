"""What the README shows: simulate, reconstruct, select, acceptance."""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from na62sim.core.first_use import compile_first
from na62sim.core.progress import Progress
from na62sim.core.version import program_version, source_hash
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector, detector_from_text
from na62sim.sample.compression import Compression
from na62sim.sample.provenance import Provenance
from na62sim.sample.reader import FileGroups
from na62sim.sample.sample import Sample
from na62sim.sample.sink import SampleSink
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.simulation.chunks import CHUNK
from na62sim.simulation.conditions import Conditions, Running, weights_asked
from na62sim.simulation.given import events_of, reused
from na62sim.simulation.pipeline import Reconstruction, Simulation, warm_up
from na62sim.simulation.stored import ALL, Digested, Stored, Written, digested
from na62sim.simulation.tables import hits_of, reco_groups


def simulate(
    process: str | Process,
    events: int | None = None,
    detector: str | Detector | None = None,
    seed: int = 1,
    path: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    decay_volume_m: tuple[float, float] | None = None,
    intensity: float | None = None,
    photons: str = "dice",
    as_weights: str | Sequence[str] = "",
    skim: str | Selection = "",
    keep: str | Sequence[str] = (),
    narrow: bool = False,
    compression: Compression = "none",
    threads: int | None = None,
    chunk: int = CHUNK,
    progress: Progress | None = None,
    **parameters: Any,
) -> Sample:
    """Simulate a process from the beam to the trigger.

    Parameters
    ----------
    process : a name (``kpinunu``), a decay (``K+ -> pi+ (X -> mu+ mu-)``), a file of events (``kaons.hepmc3``) or a `Process`
        of your own
    events : number of events; of a file all by default
    detector : a data set's name, a geometry file, or a `Detector`; ``run1-2018-s2`` by default
    seed : the same seed gives the same events, on any number of threads and in any chunks
    path : file to write; None keeps the sample in memory
    force : a file of that name may be replaced
    decay_volume_m : where the kaon decays (m); the data set's own by default
    intensity : beam intensity (MHz); the data set's mean by default
    photons : ``dice``, or ``weight``, short for the first of
    as_weights : losses that multiply the weight instead of being thrown: photons, charged, identification, efficiencies, or all
    skim : ``SELECTION`` or ``SELECTION:CUT``: only events that pass it, or its cuts as far as that one, are stored; the sample
        says how many were generated, and an acceptance of it is per generated decay
    keep : names of groups, ``truth,hits,trigger``: what is stored beside the numbers and weights of the events; all by default
    narrow : momenta of true particles and of the beam in single precision; another content hash
    compression : ``none``, ``lzf`` or ``gzip``; ``zstd`` and ``blosc`` where hdf5plugin is installed
    threads, chunk : how to run; the result does not depend on them
    progress : called with the number of events done
    parameters : of the process, masses in MeV, lifetimes in ns, see `na62sim.generators.registry.find_process`

    Raises
    ------
    ValueError : for any value outside its range, in one line
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    conditions = Conditions(decay_volume_m, intensity, photons, weights_asked(as_weights))
    running = Running(threads, chunk, progress=progress)
    decay = find_process(process, **parameters)
    events = events_of(decay, events)
    simulation = conditions.simulation(decay, as_detector(detector), seed)
    written = Stored(skim, keep, narrow).of(simulation.process, simulation.detector)
    provenance, stored = (
        provenance_of(simulation, intensity, parameters, events, written),
        events if skim == "" else None,
    )

    def work(first: int, n: int) -> Digested:
        return digested(simulation, first, n, written, hashed=path is not None)

    with SampleSink(path, provenance, compression, stored, force) as sink:
        warm_up(simulation)
        written.warm_up(simulation)
        for part in replace(running, chunk=written.chunk(running.chunk)).in_order(work, range(events)):
            sink.append(part.groups, part.n_events, part.run_digests, generated=part.generated)
    return sink.sample()


def provenance_of(
    simulation: Simulation,
    intensity: float | None,
    parameters: Mapping[str, Any] | None = None,
    events: int = 0,
    written: Written = ALL,
) -> Provenance:
    """What a file says of where its events come from; ``events`` : how many the whole run has."""
    d = simulation.detector
    extra = {
        "process": simulation.process.describe() | reused(simulation.process, events),
        "intensity_MHz": intensity or d.beam.mean_intensity_MHz,
        "photons": "weight" if simulation.as_weights.photons else "dice",
        "as_weights": simulation.as_weights.names(),
        "parameters": {k: sorted(v) if isinstance(v, (set, frozenset)) else v for k, v in (parameters or {}).items()},
        "sources": source_hash(),
        **written.about(),
    }
    return Provenance(
        program_version=program_version(),
        command=shlex.join(sys.argv),
        seed=simulation.seed,
        process=simulation.process.short,
        geometry_name=d.name,
        geometry_text=d.text,
        geometry_sha256=d.sha256,
        decay_volume_m=simulation.volume_m,
        extra=extra,
    )


def detector_of(sample: Sample) -> Detector:
    """The detector a sample was made with, from the geometry text it carries."""
    return detector_from_text(sample.provenance.geometry_text, sample.provenance.geometry_name)


def check_beam(made: Provenance, believed: Detector) -> None:
    """Refuse the geometry of a beam dump for events of kaons, and the other way round."""
    if made.geometry_text and ("dump" in tomllib.loads(made.geometry_text)) is (believed.dump is None):
        of, has = ("of the kaon beam", "has a dump") if believed.dump is not None else ("of a beam dump", "has none")
        raise ValueError(f"the sample is {of} ({made.geometry_name}), and the geometry {believed.name} {has}")


def reconstruct(
    sample: Sample | str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    detector: str | Detector | None = None,
    chunk: int = CHUNK,
    progress: Progress | None = None,
) -> Sample:
    """Reconstruct tracks and candidates; adds the groups ``reco/tracks``, ``reco/events`` and ``reco/vertices``.

    Parameters
    ----------
    sample : a Sample, or the path of one
    path : file to write; None keeps the result in memory. The input is not changed.
    force : a file of that name may be replaced
    detector : what the reconstruction believes in; the one the sample was made with by default. Another one is named in
        ``provenance.extra["reconstructed_with"]``.

    Raises
    ------
    ValueError : the sample is reconstructed already, the result would replace it, or its events are of kaons and ``detector``
        is that of a beam dump, or the other way round
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    opened = sample if isinstance(sample, Sample) else Sample.open(sample)
    if opened.provenance.extra.get("reconstructed"):
        raise ValueError("the sample is reconstructed already (it has the group reco/events)")
    if path is not None and _is_file_of(opened, path):
        raise ValueError(f"{path}: the result would replace its own input")
    believed = detector_of(opened) if detector is None else as_detector(detector)
    check_beam(opened.provenance, believed)
    told: dict[str, Any] = {}
    if believed.sha256 != opened.provenance.geometry_sha256:
        told["reconstructed_with"] = {"geometry": believed.name, "sha256": believed.sha256}
    reco = Reconstruction(believed)
    provenance = replace(
        opened.provenance,
        command=shlex.join(sys.argv),
        first_event=opened.first_event,
        extra={**opened.provenance.extra, "reconstructed": True, **told},
    )
    running, done = Running(chunk=chunk, progress=progress), 0
    with SampleSink(path, provenance, force=force) as sink:
        for part in opened.chunks(running.chunk) if len(opened) else [opened]:  # the columns are worth having
            if not done:
                compile_first("reconstruct", partial(_reconstructed, reco, part))
            sink.append(_reconstructed(reco, part), len(part), known=part.groups)
            done += len(part)
            running.report(done)
    if path is not None:
        return sink.sample()
    return replace_provenance(opened.with_groups(sink.sample().groups), provenance)


def _reconstructed(reco: Reconstruction, part: Sample) -> dict[str, Table]:
    """What the reconstruction adds to a part of a sample."""
    n, hits = len(part), hits_of(part)
    tracks = reco.tracks(hits)
    return reco_groups(n, tracks, reco.candidates(n, hits, tracks), reco.vertices(n, hits, tracks))


def _is_file_of(sample: Sample, path: str | os.PathLike[str]) -> bool:
    """Whether a sample is read from the file of this name."""
    return isinstance(sample.groups, FileGroups) and os.path.exists(path) and sample.groups.path.samefile(path)


def replace_provenance(sample: Sample, provenance: Provenance) -> Sample:
    """The same events with another provenance."""
    return Sample(sample.groups, provenance, len(sample), sample.first_event)
