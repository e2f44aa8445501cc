"""All blocks of a geometry file: the detector from the target to the last veto, and the windows of a data set."""

from __future__ import annotations

from typing import Annotated

from na62sim.geometry import blocks, dataset, detectors, gtk
from na62sim.geometry.blocks import Block, context
from na62sim.geometry.dump import Dilepton, Dump


class Layout(Block):
    """Blocks are attributes and hold plain numbers in the unit that their name ends in."""

    target: Annotated[blocks.Target, context]
    beam: blocks.Beam
    decay_volume: blocks.DecayVolume
    tube: blocks.Tube
    beam_pipe: Annotated[blocks.BeamPipe, context]
    field: blocks.Field
    material: dict[str, blocks.Material]
    hadronic: blocks.Hadronic
    ktag: detectors.Ktag
    gtk: gtk.Gtk
    chanti: blocks.Chanti
    anti0: Annotated[detectors.Anti0 | None, context] = None
    straw: blocks.Straw
    segments: detectors.Segments
    multiplicity: detectors.Multiplicity
    rich: detectors.Rich
    muv0: detectors.Muv0
    newchod: detectors.Newchod
    chod: detectors.Chod
    matching: detectors.Matching
    lkr: detectors.Lkr
    muv12: detectors.Muv12
    iron_wall: Annotated[detectors.IronWall, context]
    muv3: detectors.Muv3
    lav: detectors.Lav
    irc: detectors.Irc
    sac: detectors.Sac
    hasc: detectors.Hasc
    photon_inefficiency: detectors.PhotonInefficiencies
    upstream: dataset.Upstream
    trigger: dataset.Trigger
    veto: dataset.Veto
    random_veto: Annotated[dataset.RandomVeto, context]
    pinunu: dataset.PiNuNu
    vertices: dataset.Vertices
    pi4e: dataset.Pi4e
    three_tracks: dataset.ThreeTracks | None = None  # a sample may carry a geometry that is older
    dataset: dataset.DataSet
    dump: Dump | None = None
    dimuon: Dilepton | None = None
    dielectron: Dilepton | None = None
    dipion: Dilepton | None = None
    dikaon: Dilepton | None = None
