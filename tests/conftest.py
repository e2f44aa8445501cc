"""Particles shot into the detector by hand, and what is not a number in a sample: what test files share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from na62sim.detector.response.respond import Hits, Response
    from na62sim.detector.transport.crossings import Crossings
    from na62sim.detector.transport.planes import Flight, Planes
    from na62sim.generators.chain.truth import Truth
    from na62sim.geometry import Detector
    from na62sim.sample.sample import Sample
    from na62sim.sample.table import Table
    from na62sim.simulation.pipeline import Reconstruction

GTK3 = 102_400.0  # mm
LIGHT = 299.792458  # mm/ns
# a decay whose other daughters are sent backwards, where nothing is simulated; and the slot of the particle
CARRIERS = {
    "pi+": ("K+ -> pi+ nu nubar", 1),
    "pi-": ("K+ -> pi+ pi+ pi-", 3),
    "mu+": ("K+ -> mu+ nu", 1),
    "e+": ("K+ -> e+ nu", 1),
    "gamma": ("K+ -> pi+ gamma", 2),
}


def shoot(name: str, p: Any, x: Any = 0.0, y: Any = 0.0, z: Any = 180e3, sx: Any = 0.0, sy: Any = 0.0) -> Truth:
    """One particle per event: momentum (MeV), start x, y, z (mm), slopes; at z / c after GTK3."""
    from na62sim.generators.chain.compile import compile_chain
    from na62sim.generators.chain.process import Process
    from na62sim.generators.chain.truth import Truth

    process = Process(CARRIERS[name][0])
    chain = compile_chain(process.tree, process.species, process.amplitude)
    p, x, y, z, sx, sy = (np.atleast_1d(a) for a in np.broadcast_arrays(np.zeros(1), p, x, y, z, sx, sy)[1:])
    n, slot = len(p), CARRIERS[name][1]
    w = 1.0 / np.sqrt(1.0 + sx**2 + sy**2)
    momenta = np.zeros((chain.n_slots, 4, n))
    momenta[:, 2] = -1.0
    momenta[slot] = [p * sx * w, p * sy * w, p * w, np.hypot(p, chain.particles[slot].mass)]
    vertex = np.array([[x, y, z, (z - GTK3) / LIGHT]], dtype=float)
    gtk = np.zeros((5, n))
    gtk[4] = 75e3
    return Truth(chain, np.arange(n, dtype=np.int64), momenta, vertex, gtk, np.ones(n))


@dataclass(frozen=True)
class Bench:
    """A detector to shoot at, with its physics switched on or off."""

    detector: Detector
    decays: bool = True
    matter: bool = True
    losses: bool = True
    seed: int = 1
    tails: bool = True
    forced: bool = False

    def off(self, *names: str) -> Bench:
        """The same without ``decays`` (in flight), ``matter`` (scattering, radiation, conversions), ``losses`` (hadronic), or
        ``tails`` (large single scatterings alone)."""
        on = {name: getattr(self, name) and name not in names for name in ("decays", "matter", "losses", "tails")}
        return replace(self, **on)

    def having(self, **values: Any) -> Bench:
        """The same with other numbers; ``__`` stands for the dot of a name."""
        changed = self.detector.with_values({name.replace("__", "."): value for name, value in values.items()})
        return replace(self, detector=changed)

    def without_field(self) -> Bench:
        """The same with all fields zero."""
        f = self.detector.field
        values = {"field.mnp33.integral_Tm": 0.0, "field.bend.integral_Tm": 0.0}
        lists = {
            "field.blue_tube.b_x_uT": len(f.blue_tube.b_x_uT),
            "field.blue_tube.b_y_uT": len(f.blue_tube.b_y_uT),
            "field.fringe.b_y_uT": len(f.fringe.b_y_uT),
        }
        changed = self.detector.with_values({**values, **{name: [0.0] * n for name, n in lists.items()}})
        return replace(self, detector=changed)

    @cached_property
    def _setup(self) -> tuple[Any, Planes, Flight]:
        from na62sim.detector.transport.planes import build_flight, build_planes
        from na62sim.geometry.field import field_map

        field = field_map(self.detector)
        planes, flight = build_planes(self.detector, self.forced), build_flight()
        if not self.matter:
            none = np.zeros_like(planes.theta0)
            planes = planes._replace(theta0=none, radiated=none, converted=none, single=np.zeros(4))
        if not self.tails:
            planes = planes._replace(single=np.zeros(4))
        if not self.losses:
            planes = planes._replace(lost=np.zeros_like(planes.lost))
        if not self.decays:
            flight = flight._replace(pion_ctau=1e30, muon_ctau=1e30)
        return field, planes, flight

    @cached_property
    def response(self) -> Response:
        """All response numbers."""
        from na62sim.detector.response.respond import build_response

        return build_response(self.detector)

    @cached_property
    def reconstruction(self) -> Reconstruction:
        """Track finding and candidates."""
        from na62sim.simulation.pipeline import Reconstruction

        return Reconstruction(self.detector)

    def carry(self, truth: Truth) -> Crossings:
        """Transport of the charged particles."""
        from na62sim.detector.transport.crossings import transport_charged

        field, planes, flight = self._setup
        return transport_charged(self.seed, truth, planes, flight, field)

    def generate(self, process: Any, n: int, volume: tuple[float, float] = (105e3, 170e3)) -> Truth:
        """Events of a process, decaying in the volume (mm)."""
        from na62sim.generators.generate import Generator
        from na62sim.generators.registry import find_process

        return Generator(find_process(process), self.detector, volume).generate(self.seed, 0, n)

    def hits(self, truth: Truth, **carried: bool) -> tuple[Hits, Any]:
        """Hits of all detectors, and the weight by what is ``carried`` as a weight (`AsWeights`)."""
        from na62sim.core.particles import species
        from na62sim.detector.response.as_weights import AsWeights
        from na62sim.detector.response.respond import build_response, respond
        from na62sim.generators.sources.kaon_beam import beam_arrays

        beam = beam_arrays(self.detector, species("K+"), (105e3, 170e3))
        response = build_response(self.detector, carried=AsWeights(**carried)) if carried else self.response
        return respond(self.seed, truth, self.carry(truth), beam, response)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update-golden``: write what the golden test compares."""
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/golden.txt anew (without -n)")


SLOW = 1800.0  # s, that a slow test, or one with a planted bug, may take


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests have half an hour instead of the time limit of pyproject.toml, unless they say how long."""
    for item in items:
        long = item.get_closest_marker("slow") or item.get_closest_marker("planted")
        if long and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW))


@pytest.fixture(scope="session")
def bench() -> Bench:
    """The detector of 2018, S2."""
    from na62sim.geometry import load_detector

    return Bench(load_detector("run1-2018-s2"))


def unfinite_columns(sample: Sample) -> list[str]:
    """Columns with a value that is no finite number, where their description does not allow one."""
    found = []
    for group, table in sample.groups.items():
        for column in table.fields:
            values = table[column.name]
            allowed = "NaN" in column.description
            if values.dtype.kind == "f" and not allowed and not np.isfinite(values).all():
                found.append(f"{group}/{column.name}: {np.count_nonzero(~np.isfinite(values))} of {len(values)}")
    return found


@pytest.fixture(scope="session")
def unfinite() -> Any:
    """`unfinite_columns`, for the tests that look for what is not a number."""
    return unfinite_columns


@pytest.fixture(scope="session", name="shoot")
def _shoot() -> Any:
    """`shoot`: the fixture that test files without imports of each other can share."""
    return shoot


@pytest.fixture(scope="session")
def passes() -> dict[str, Callable[[Table], Any]]:
    """What a selection asks of candidates in ``run1-2018-s2``, by what of it the response throws (`selection.cut.THROWN`)."""
    from na62sim.geometry import load_detector

    d = load_detector("run1-2018-s2")

    def ring(t: Table) -> Any:
        low, high = d.pinunu.rich_mass_MeV
        hits = np.asarray((t["n_rings"] > 0) & (t["ring_hits"] >= d.rich.min_hits))
        return hits & (t["rich_mass"] >= low) & (t["rich_mass"] < high)

    return {
        "ktag": lambda t: np.asarray(t["ktag_sectors"] >= d.ktag.min_sectors),
        "gtk": lambda t: np.asarray(t["gtk_associated"] > 0),
        "chanti": lambda t: np.asarray(t["n_chanti"] == 0),
        "newchod": lambda t: np.asarray(t["newchod_matched"] > 0),
        "chod": lambda t: np.asarray(t["chod_matched"] > 0),
        "rich": lambda t: np.asarray(t["rich_pion_like"] > 0),
        "ring": ring,
        "lkr": lambda t: np.asarray(t["lkr_pion_like"] > 0),
        "quiet": lambda t: np.asarray((t["lkr_pion_like"] > 0) & (t["lkr_extra"] == 0) & (t["lkr_merged"] == 0)),
    }
