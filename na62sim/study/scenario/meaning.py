"""What every key of a scenario means, in one line each; type, default and limits come from the blocks themselves."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from na62sim.study.scenario.blocks import Block
from na62sim.study.scenario.scenario import Scenario
from na62sim.study.scenario.toml import BLOCKS

__all__ = ["KEYS", "ROLES", "key_types"]

ROLES = {
    "signal": "its acceptance makes the single event sensitivity of its geometry",
    "normalisation": "its acceptance makes the number of kaon decays of its geometry",
    "figure": "drawn and counted, enters no result",
    "count": "counted; with a branching_ratio events are expected",
    "search": "a limit on its branching ratio",
}

_PROCESS = {
    "label": "name of the block in results and file names",
    "process": "a name that na62sim info lists, or a decay written out",
    "geometry": "a data set or a file, relative to the scenario; data sets joined by + are mixed by their kaons",
    "selection": "name of a selection",
    "events": "events to simulate; of a scan or a dump, per point",
    "parameters": 'of the process, with units: { m_X = "200MeV" }',
    "decay_volume_m": "where kaons decay, [from, to]; that of the data set by default",
    "allow": "of a decay written out: lepton or baryon number that its vertices may violate",
    "stable": "of a decay written out: short-lived particles that it leaves undecayed on purpose",
}
KEYS: dict[str, dict[str, str]] = {
    "": {
        "name": "name of the scenario and of the folder of its result",
        "title": "one line for people",
        "seed": "of all random numbers",
    },
    "run": {
        "branching_ratio": "that K+ -> pi+ nu nubar events are expected for",
        "branching_ratio_sigma": "its standard deviation, shown apart as external",
        "branching_ratio_source": "where it comes from",
        "figures": "whether to draw figures",
    },
    "sample": {
        **_PROCESS,
        "role": "what its numbers are for: " + ", ".join(ROLES),
        "photons": "dice throws photon inefficiencies, weight carries them",
        "as_weights": "losses that are carried as weights instead of thrown: photons, charged, identification, efficiencies",
        "importance": "K+ -> pi+ nu nubar is drawn in the signal regions of pinunu more often, with weights",
        "intensity_MHz": "beam intensity; the mean of the data set by default",
        "stored_events": "so many of the first events are written as a file",
        "branching_ratio": "that its events are expected for",
        "branching_ratio_source": "where that comes from",
        "trigger": "mask behind which it is counted",
        "kaons": "kaon decays behind that mask",
        "kaons_source": "where that number comes from",
    },
    "limits": {
        "kaons": "kaon decays in the decay volume; none with a [normalisation]",
        "kaons_relative_sigma": "relative standard deviation of the kaons",
        "background": "expected background events",
        "background_sigma": "their standard deviation",
        "observed": "counted events",
        "method": "cls, fc (Feldman-Cousins) or bayes",
        "cl": "confidence level",
        "source": "where the numbers come from",
        "normalisation": "label of the sample that kaons are counted in",
        "triggers": "masks that take signal and normalisation",
    },
    "normalisation": {
        "process": "the counted channel",
        "selection": "how it is selected",
        "geometry": "data sets of signal and normalisation, joined by +",
        "decay_volume_m": "of both",
        "events": "events of the normalisation",
        "triggers": "masks that take both",
        "counted": "counted events",
        "counted_sigma": "their standard deviation",
        "counted_range": "what else the number may be, [from, to]",
        "branching_ratio": "of the counted channel",
        "branching_ratio_sigma": "its standard deviation",
        "kaons": "published kaon decays, for a cross-check",
        "kaons_sigma": "their standard deviation",
        "tag": "published, known (recalled), derived or assumed",
        "source": "where the numbers come from",
    },
    "scan": {
        **_PROCESS,
        "axes": "one to three parameters with start, stop, step and unit",
        "precision": "relative statistical error at which a point stops; events is then the most",
        "lifetime": "parameter of the lifetime of what decays into tracks",
    },
    "backgrounds": {
        "geometries": "data sets whose expected background is made",
        "rows": "its rows, or all",
        "share": "share of the events that each row needs by itself",
    },
    "exclusion": {
        "model": "a named dump model, or a file",
        "channels": "decays that are looked for",
        "production": "how the particle is made, or all",
        "geometry": "a data set with a dump, or a file",
        "events": "per mass, production and channel",
        "masses_MeV": "masses",
        "eps_min": "smallest coupling of the grid",
        "eps_max": "largest coupling of the grid",
        "eps_points": "couplings, equidistant in the logarithm",
        "protons": "protons on the dump; those of the geometry by default",
        "parameters": "of the processes",
        "plane_masses_MeV": "of the masses: those for limits in lifetime and branching ratios",
        "alp_masses_MeV": "masses of ALPs for limits in lifetime and branching ratios",
    },
    "measurement": {
        "data": "data sets or a file, as of branching-ratio",
        "bins": "default: a category per published number; one: everything in one",
    },
}


def key_types() -> dict[str, dict[str, tuple[str, str]]]:
    """Type and default of every key, by block; the blocks themselves are no keys of the top."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    blocks: dict[str, type[Block]] = {"": Scenario, **BLOCKS}
    for name, block in blocks.items():
        fields = {key: field for key, field in block.model_fields.items() if name or key not in BLOCKS}
        found[name] = {key: (_words(field.annotation), _default(field)) for key, field in fields.items()}
    return found


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else repr(field.get_default(call_default_factory=True))


_TYPES = {
    "<class 'str'>": "text", "<class 'int'>": "whole number", "<class 'float'>": "number", "<class 'bool'>": "true or false",
    "dict[str, str]": "table", "Literal": "one of ", " | None": "",
}  # fmt: skip


def _words(annotation: object) -> str:
    """A type as a person says it."""
    text = str(annotation).replace("typing.", "")
    for old, new in _TYPES.items():
        text = text.replace(old, new)
    if text.startswith(("tuple", "Optional[tuple")):
        return "list"
    return "table" if text.startswith("dict") else text
