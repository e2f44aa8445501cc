"""simulate, reconstruct, select, acceptance: the stages one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from na62sim.cli import options, reach
from na62sim.cli.output import check_name, emit, file_facts, file_text, kernels, opened
from na62sim.cli.progress import Ticker
from na62sim.core.remarks import remark_lines, remarks
from na62sim.core.units import UnitError, parse_count, parse_interval, parse_lifetimes, parse_precision
from na62sim.simulation.precision import MOST

if TYPE_CHECKING:
    from na62sim.generators.chain.process import Process as DecayProcess
    from na62sim.sample.compression import Compression
    from na62sim.selection.cut import Selection


def simulate(
    process: options.Process,
    out: Annotated[
        Path,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            parser=options.path,
            help="The sample to write, NAME.h5; of shards the folder.",
        ),
    ],
    events: options.Events = None,
    seed: options.Seed = 1,
    geometry: options.Geometry = "run1-2018-s2",
    parameter: options.Parameters = None,
    allow: options.Allow = None,
    stable: options.Stable = None,
    amplitude: options.Amplitude = None,
    unweighted: options.Unweighted = False,
    decay_volume: options.DecayVolume = None,
    intensity: options.Intensity = None,
    photons: options.Photons = "dice",
    as_weights: options.AsWeights = "",
    skim: options.Skim = "",
    keep: options.Keep = "",
    narrow: options.Narrow = False,
    compression: options.Compression = "none",
    threads: options.Threads = None,
    chunk: options.Chunk = None,
    shard_events: options.ShardEvents = None,
    shards: options.Shards = None,
    workers: options.Workers = None,
    dask: options.Dask = None,
    resume: options.Resume = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Simulate a process from the beam to the trigger and write a sample.

    With --shard-events, --shards, --workers, --dask or --resume the run is a folder of shards, one sample each, and
    manifest.json: what is finished stays after an interrupt or a crash, and --resume makes what is missing.
    """
    count, arguments = _arguments(
        _Asked(process, events, parameter, allow, stable, amplitude, unweighted), geometry, decay_volume, intensity,
        photons, as_weights, threads, chunk,
    )  # fmt: skip
    if resume or any(value is not None for value in (shard_events, shards, workers, dask)):
        from na62sim.cli.shards import simulate_folder

        simulate_folder(
            out, count, seed, arguments, as_json, compression=compression, shard_events=shard_events, shards=shards,
            workers=workers, dask=dask, resume=resume, force=force, skim=skim, keep=keep,
            narrow=narrow,
        )  # fmt: skip
        return
    check_name(out, force, ".h5", what=" (with --shard-events a folder)")
    from na62sim.simulation import stages

    with kernels(), Ticker(f"{process} in {arguments['detector'].name}", count) as ticker:
        sample = stages.simulate(
            events=count,
            seed=seed,
            path=out,
            force=force,
            progress=ticker,
            **arguments,
            skim=skim,
            keep=keep,
            narrow=narrow,
            compression=cast("Compression", compression),
        )
    with sample:
        payload = {**file_facts(sample, out), "photons": photons, "compression": compression}
    emit(payload, as_json, file_text(payload))


def reconstruct(
    file: options.SampleFile,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="OUT", parser=options.path, help="The sample to write; NAME.reco.h5 by default."
        ),
    ] = None,
    geometry: Annotated[
        str | None,
        typer.Option("-g", "--geometry", metavar="G", help="What the reconstruction believes in; that of the sample."),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Reconstruct a sample: tracks, vertices, identification. The input is not changed."""
    from na62sim.simulation import stages

    path = out or file.with_name(f"{file.name.removesuffix('.h5')}.reco.h5")
    check_name(path, force, ".h5")
    with opened(file) as sample:
        if path.exists() and path.samefile(file):
            raise ValueError(f"{path}: the result would replace its own input")
        with kernels(), Ticker(f"reconstructing {file.name}", len(sample)) as ticker:
            reconstructed = stages.reconstruct(sample, path, force=force, detector=geometry, progress=ticker)
    with reconstructed:
        payload = {
            **file_facts(reconstructed, path), "input": str(file), "n_candidates": len(reconstructed["reco/events"]),
        }  # fmt: skip
    emit(payload, as_json, file_text(payload))


def select(
    file: options.SampleFile,
    selection: options.SelectionName,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE.json", parser=options.path, help="Write the result there as JSON as well."
        ),
    ] = None,
    geometry: Annotated[
        str | None, typer.Option("-g", "--geometry", metavar="G", help="Whose windows to use; those of the sample.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", "--parameter", metavar="NAME=VALUE", help="Of the selection: m_a=50MeV; the sample's own masses."
        ),
    ] = None,
    cut: options.Cuts = None,
    without: options.Without = None,
    full: options.Full = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Apply a selection to a reconstructed sample; print acceptance and cut-flow."""
    import time

    from na62sim.core.units import parse_parameters
    from na62sim.geometry.detector import as_detector
    from na62sim.report.flow import flow_report
    from na62sim.selection.own import asked_selection
    from na62sim.simulation.acceptance import select as apply_selection
    from na62sim.simulation.stages import detector_of

    values: dict[str, Any] = parse_parameters(parameter or [])
    if out is not None:
        check_name(out, force, ".json")
    start = time.perf_counter()
    with opened(file) as sample:
        windows = detector_of(sample) if geometry is None else as_detector(geometry)
        masses = sample.provenance.extra.get("process", {}).get("mass_MeV", {})
        chosen = asked_selection(selection, windows, masses, cut or (), without or (), **values)
        flow = apply_selection(sample, chosen, detector=windows, **(values if isinstance(chosen, str) else {}))
    flow.info["events_per_second"] = flow.generated.n / (time.perf_counter() - start)
    payload = {**flow.to_dict(), "file": str(file)}
    if out is not None:
        from na62sim.report.as_json import to_json
        from na62sim.sample.atomic import write_whole

        write_whole(out, to_json(payload) + "\n", force=force)
    emit(payload, as_json, *flow_report(flow, full))


def acceptance(
    process: options.Process,
    selection: options.SelectionName,
    events: options.EventsOrMost = None,
    precision: options.Precision = None,
    seed: options.Seed = 1,
    geometry: options.Geometry = "run1-2018-s2",
    parameter: options.Parameters = None,
    allow: options.Allow = None,
    stable: options.Stable = None,
    amplitude: options.Amplitude = None,
    unweighted: options.Unweighted = False,
    decay_volume: options.DecayVolume = None,
    intensity: options.Intensity = None,
    photons: options.Photons = "dice",
    as_weights: options.AsWeights = "",
    importance: options.Importance = None,
    threads: options.Threads = None,
    chunk: options.Chunk = None,
    lifetimes: Annotated[
        str | None,
        typer.Option(
            "--lifetimes", metavar="NAME=LOW:HIGH:N", help="Acceptance against lifetime instead: ctau_a=0.01mm:10m:13."
        ),
    ] = None,
    cut: options.Cuts = None,
    without: options.Without = None,
    sensitivity: reach.Sensitivity = False,
    branching_ratio: reach.Branching = None,
    observed: reach.Observed = None,
    background: reach.Background = 0.0,
    background_error: reach.BackgroundError = 0.0,
    workers: options.Workers = None,
    dask: options.Dask = None,
    full: options.Full = False,
    as_json: options.Json = False,
) -> None:
    """Simulate, reconstruct and select without writing events; print acceptance and cut-flow.

    Give a number of events or a precision. With --sensitivity, --branching-ratio or --observed also SES, expected events and
    limit with the kaons of the data set.
    """
    from na62sim.selection.own import asked_selection

    if precision is not None:
        parse_precision("precision", precision)
    if lifetimes is not None:
        if precision is not None or events is None:
            raise UnitError("--lifetimes goes with a number of events, not with --precision")
        parse_lifetimes(lifetimes)
        parameter = [*(parameter or []), *_decaying(process, lifetimes, parameter or [])]
    asked = _Asked(
        process, events, parameter, allow, stable, amplitude, unweighted,
        None if precision is None else str(MOST), " or a precision (--precision 0.5%)",
    )  # fmt: skip
    count, arguments = _arguments(asked, geometry, decay_volume, intensity, photons, as_weights, threads, chunk)
    wanted = reach.ReachAsked(sensitivity, branching_ratio, observed, background, background_error)
    wanted.check(arguments["detector"])
    chosen = asked_selection(selection, arguments["detector"], arguments["process"].mass, cut or (), without or ())
    if lifetimes is not None:
        if workers or dask:
            raise ValueError("--lifetimes: one sample is reweighted here; it takes --threads, not --workers or --dask")
        if importance:
            raise ValueError("--lifetimes: it reweights decays to lifetimes, not with --importance")
        if wanted.wanted:
            raise ValueError("--lifetimes: it gives acceptances alone, without --sensitivity")
        _against_lifetime(lifetimes, process, chosen, count, seed, arguments, as_json)
        return
    from na62sim.report.flow import flow_report
    from na62sim.simulation.acceptance import acceptance as measure_acceptance

    most = None if events is None else count
    with kernels(), Ticker(f"{process} in {arguments['detector'].name}", count) as ticker:
        flow = measure_acceptance(
            selection=chosen,
            events=most,
            precision=precision,
            importance=importance,
            seed=seed,
            progress=ticker,
            workers=workers or 1,
            dask=dask,
            full_cutflow=full,
            **arguments,
        )
    found = wanted.of(flow, arguments["process"], arguments["detector"]) if wanted.wanted else None
    more, lines = ({}, []) if found is None else (reach.reach_dict(found), reach.reach_report(found))
    emit({**flow.to_dict(), "photons": photons, **more}, as_json, *lines, *flow_report(flow, full))


def _decaying(process: str, lifetimes: str, parameter: list[str]) -> list[str]:
    """A lifetime for the particle whose lifetime is scanned, where none is given: X of kpix is stable by default.

    The lifetime of a dump model follows from its coupling, so that its process may have no such parameter.
    """
    from na62sim.generators.registry import parameters_of

    name = lifetimes.partition("=")[0].partition("_")[2]
    known = parameters_of(process)
    if known is not None and f"tau_{name}" not in known:
        return []
    given = any(word.partition("=")[0].strip() in (f"tau_{name}", f"ctau_{name}") for word in parameter)
    return [] if given else [f"tau_{name}=1ns"]


def _against_lifetime(
    lifetimes: str,
    process: str,
    selection: str | Selection,
    events: int,
    seed: int,
    arguments: dict[str, Any],
    as_json: bool,
) -> None:
    """One sample, reweighted to each of the lifetimes."""
    from na62sim.report.flow import lifetime_table
    from na62sim.simulation.lifetimes import lifetime_acceptance

    particle, taus = parse_lifetimes(lifetimes)
    decay, detector = arguments["process"], arguments["detector"]
    with kernels(), Ticker(f"{process} in {detector.name}", events) as ticker:
        rows = lifetime_acceptance(
            decay, selection, taus, events, detector, seed, particle=particle, threads=arguments["threads"],
            decay_volume_m=arguments["decay_volume_m"], progress=ticker,
        )  # fmt: skip
    said = remarks(decay.describe())
    name = selection if isinstance(selection, str) else selection.name
    settings = {"process": decay.short, "selection": name, "geometry": detector.name, "seed": seed}
    payload = {**settings, **said, "n_generated": events, "particle": particle, "lifetimes": rows}
    emit(payload, as_json, lifetime_table(rows), *remark_lines(said))


@dataclass(frozen=True)
class _Asked:
    """What is to be made, as it stands on the command line.

    ``most`` : events where a precision is asked for; ``instead`` : what may be given instead of a number of events
    """

    process: str
    events: str | None
    parameter: list[str] | None
    allow: list[str] | None
    stable: list[str] | None
    amplitude: list[str] | None
    unweighted: bool
    most: str | None = None
    instead: str = ""

    def number(self) -> int | None:
        """The number of events; None if a file may give it."""
        from na62sim.sample.formats.read import is_event_file

        if self.events is None and self.most is None and not is_event_file(self.process):
            raise UnitError(f"give a number of events (-n 1e6){self.instead}")
        text = self.events or self.most
        return None if text is None else parse_count("events", text)

    def decay(self, count: int | None) -> DecayProcess:
        """The process; of a file no more events are read than there will be."""
        from na62sim.core.units import parse_parameters
        from na62sim.generators.registry import amplitudes_of, process_of
        from na62sim.sample.formats.read import is_event_file

        own = amplitudes_of(self.process, self.amplitude or ())
        given: dict[str, Any] = parse_parameters(self.parameter or [])
        if count is not None and is_event_file(self.process):
            given["events"] = count
        return process_of(self.process, given, self.allow or (), self.stable or (), own, self.unweighted)


def _arguments(
    asked: _Asked,
    geometry: str,
    decay_volume: str | None,
    intensity: float | None,
    photons: str,
    as_weights: str,
    threads: int | None,
    chunk: int | None,
) -> tuple[int, dict[str, Any]]:
    """What simulate and acceptance share, checked cheap things first."""
    count = asked.number()
    volume = None if decay_volume is None else parse_interval("decay volume", decay_volume)
    decay = asked.decay(count)
    from na62sim.geometry.detector import as_detector
    from na62sim.simulation.given import events_of

    return events_of(decay, count), {
        "process": decay,
        "detector": as_detector(geometry),
        "decay_volume_m": volume,
        "intensity": intensity,
        "photons": photons,
        "as_weights": as_weights,
        "threads": threads,
        **({} if chunk is None else {"chunk": chunk}),
    }
