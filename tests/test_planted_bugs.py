"""Bugs put in on purpose: the statistics behind the tests move out of tolerance, and the tests themselves fail."""

from __future__ import annotations

import ast
import math
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hepunits import m
from scipy.stats import truncnorm

import na62sim
from na62sim.core import rng
from na62sim.core.kernel import CACHE
from na62sim.core.kinematics import two_body_momentum
from na62sim.core.particles import Species, species
from na62sim.core.sampling import table_moment
from na62sim.core.sources import closure_hash
from na62sim.generators.amplitudes import form_factors, shapes
from na62sim.generators.amplitudes.phase_space import phase_space_volume
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.process import Process
from na62sim.generators.sources.kaon_beam import beam_arrays
from na62sim.geometry import load_detector
from na62sim.geometry.field import field_map, propagate, segment

# name: (reference, tolerance), as the tests of each module have them
REFERENCES = {
    "<q2> of pi nu nu (GeV2)": (0.0348905, 4e-7),
    "<c2> of pi nu nu": (0.2, 1e-5),
    "p* of pi pi0 (MeV)": (205.13791, 6e-6),
    "p* of mu nu (MeV)": (235.53182, 6e-6),
    "R3 of pi nu nu (GeV2)": (0.177311415, 2e-8),
    "decay length (m)": (563.817, 1e-3),
    "kick (MeV/c)": (-269.97, 0.05),
    "beam slope (mrad)": (1.2, 1e-9),
    "beam width (mm)": (13.0 * truncnorm(-2.0, 2.0).std(), 1e-4),
    "first word": (0x16554D9ECA36314C, 0),
}


def _wide(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    product = int(a) * int(b)
    return np.uint64(product >> 64), np.uint64(product % 2**64)


def statistics(geometry: dict[str, object] | None = None, **changed: float) -> dict[str, float]:
    """The deterministic numbers of REFERENCES, with some masses (MeV), lifetimes (ns) or geometry values changed."""
    mass = {name: changed.get(f"m_{name}", species(name).mass) for name in ("K+", "pi+", "pi0", "mu+")}
    pinunu = Process("K+ -> pi+ nu nubar", amplitude={"K+": "vector"})
    altered = {name: replace(found, mass=mass.get(name, 0.0)) for name, found in pinunu.species.items()}
    tables = compile_chain(pinunu.tree, altered, pinunu.amplitude).arrays.tables
    detector = load_detector("run1-2018-s2").with_values(geometry or {})
    kaon = Species("K+", 321, mass["K+"], changed.get("tau", species("K+").lifetime), 1)
    beam = beam_arrays(detector, kaon, (105e3, 170e3))
    magnet = segment(field_map(detector), 183.508 * m, 218.885 * m)  # STRAW 1 to 4
    # the generator in plain Python: it reads its constants anew, and its products overflow as they should
    plain = getattr(rng.philox4x64, "py_func", rng.philox4x64)
    with np.errstate(over="ignore"), patch.object(rng, "multiply_wide", _wide):
        first = plain(*[np.uint64(0)] * 6)[0]
    return {
        "<q2> of pi nu nu (GeV2)": table_moment(tables[0], 1) * 1e-6,
        "<c2> of pi nu nu": table_moment(tables[1], 2),
        "p* of pi pi0 (MeV)": two_body_momentum(mass["K+"], mass["pi+"], mass["pi0"]),
        "p* of mu nu (MeV)": two_body_momentum(mass["K+"], mass["mu+"], 0.0),
        "R3 of pi nu nu (GeV2)": phase_space_volume(mass["K+"], [mass["pi+"], 0.0, 0.0]) * 1e-6,
        "decay length (m)": beam.momentum * beam.ctau / beam.mass / 1e3,
        "kick (MeV/c)": 20e3 * propagate(0.0, 0.0, 0.299792458 / 20e3, magnet)[0],
        "beam slope (mrad)": beam.slope_x * 1e3,
        "beam width (mm)": math.sqrt(table_moment(beam.x_table, 2)),
        "first word": int(first),
    }


def outside(values: dict[str, float]) -> set[str]:
    """What is out of tolerance."""
    return {name for name, (reference, tolerance) in REFERENCES.items() if abs(values[name] - reference) > tolerance}


def test_nothing_is_outside_without_a_bug() -> None:
    assert outside(statistics()) == set()


@pytest.mark.parametrize(
    ("changed", "caught"),
    [
        ({"m_pi+": 139.57039 * 1.001}, {"<q2> of pi nu nu (GeV2)", "p* of pi pi0 (MeV)", "R3 of pi nu nu (GeV2)"}),
        ({"m_K+": 493.677 * 1.001}, {"<q2> of pi nu nu (GeV2)", "p* of mu nu (MeV)", "decay length (m)"}),
        ({"m_pi0": 134.9768 * 0.999}, {"p* of pi pi0 (MeV)"}),
        ({"m_mu+": 105.6583755 * 1.001}, {"p* of mu nu (MeV)"}),
        ({"tau": 12.379386 * 1.001}, {"decay length (m)"}),
        ({"geometry": {"field.mnp33.integral_Tm": -0.9006}}, {"kick (MeV/c)"}),
        ({"geometry": {"field.mnp33.integral_Tm": 0.9006 * 1.001}}, {"kick (MeV/c)"}),
        ({"geometry": {"beam.slope_x_mrad": -1.2}}, {"beam slope (mrad)"}),
        ({"geometry": {"beam.sigma_x_mm": 13.13}}, {"beam width (mm)"}),
    ],
)
def test_a_wrong_number_is_caught(changed: dict[str, float], caught: set[str]) -> None:
    """Masses and lifetimes off by 0.1 %, the magnet's sign and strength, the beam's angle and width."""
    assert caught <= outside(statistics(**changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "name", "value", "caught"),
    [
        (form_factors, "QUADRATIC_SLOPES", (0.02589 * 1.01, 0.00186), "<q2> of pi nu nu (GeV2)"),
        (form_factors, "QUADRATIC_SLOPES", (0.02589, 0.00186 * 1.01), "<q2> of pi nu nu (GeV2)"),
        (form_factors, "QUADRATIC_SLOPES", (0.00186, 0.02589), "<q2> of pi nu nu (GeV2)"),
        (rng, "_M1", np.uint64(0xCA5A826395121159), "first word"),
        (rng, "_W0", np.uint64(0x9E3779B97F4A7C13), "first word"),
    ],
)
def test_a_wrong_constant_is_caught(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, value: object, caught: str
) -> None:
    """A slope off by 1 %, two slopes swapped, a bit of the generator."""
    monkeypatch.setattr(module, name, value)
    assert outside(statistics()) == {caught}


@pytest.mark.parametrize("shape", [shapes.tensor, shapes.scalar])
def test_a_wrong_shape_is_caught(monkeypatch: pytest.MonkeyPatch, shape: Callable[..., shapes.Shape]) -> None:
    """The q2 density of one current with the angle of the other, and the other way round."""

    def mixed(mass: float, daughters: list[float]) -> shapes.Shape:
        return shapes.Shape(shape(mass, daughters).mass2, shapes.vector(mass, daughters).cosine)

    def turned(mass: float, daughters: list[float]) -> shapes.Shape:
        return shapes.Shape(shapes.vector(mass, daughters).mass2, shapes.tensor(mass, daughters).cosine)

    monkeypatch.setitem(shapes.AMPLITUDES, "vector", mixed)
    assert outside(statistics()) == {"<q2> of pi nu nu (GeV2)"}
    monkeypatch.setitem(shapes.AMPLITUDES, "vector", turned)
    assert outside(statistics()) == {"<c2> of pi nu nu"}


# --- the tests themselves, on a copy of the package with a bug in it -----------------------------

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Bug:
    """One to plant.

    Parameters
    ----------
    file, text : where in the package
    becomes : what the text is replaced by
    tests, chosen : test file, and the words of the names of those that run (all of them by default)
    times : how often the text occurs
    """

    file: str
    text: str
    becomes: str
    tests: str
    chosen: str = ""
    times: int = 1


BUGS = [Bug(**bug) for bug in tomllib.loads((HERE / "planted_bugs.toml").read_text(encoding="utf-8"))["bug"]]
EACH_BUG = pytest.mark.parametrize("bug", BUGS, ids=[f"{k}-{bug.file}" for k, bug in enumerate(BUGS)])


def names_in(file: str) -> list[str]:
    """Names of the tests in a file."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@EACH_BUG
def test_the_bugs_can_be_planted(bug: Bug) -> None:
    """Their text is in the source, as often as they say, and the tests that must fail are there."""
    source = Path(na62sim.__path__[0], bug.file).read_text(encoding="utf-8")
    assert source.count(bug.text) == bug.times
    ast.parse(source.replace(bug.text, bug.becomes))
    assert bug.becomes != bug.text
    names = names_in(bug.tests)
    assert all(any(word in name for name in names) for word in bug.chosen.split(" or "))


def test_there_are_bugs_in_every_folder() -> None:
    package = Path(na62sim.__path__[0])
    folders = {path.name for path in package.iterdir() if (path / "__init__.py").is_file()}
    assert {bug.file.partition("/")[0] for bug in BUGS} == folders
    assert len(BUGS) >= 60


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache for the kernels of all copies, begun with those of this package that are compiled.

    They are kept by the text of what they were compiled from: a bug compiles again what it can reach, and nothing else.
    """
    folder = tmp_path_factory.mktemp("kernels")
    root = folder / CACHE.parent.name
    for path in (root, root / CACHE.name):
        path.mkdir(mode=0o700)
    for path in CACHE.glob("*.*"):
        module, _, stamp = path.name.rpartition(".")
        if module and closure_hash(module) == stamp:
            shutil.copytree(path, root / CACHE.name / path.name)
    yield folder
    shutil.rmtree(folder)


def run_tests(copy: Path, kernels: Path, chosen: str, file: str) -> subprocess.CompletedProcess[str]:
    """Run some tests of a file, unchanged, on the copy of the package."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "NA62SIM_CACHE_DIR": str(kernels)}
    options = ["-x", "-q", "-k", chosen, "-o", "addopts=", "-o", "markers=slow: several seconds"]
    options += ["-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(copy)]
    command = [sys.executable, "-m", "pytest", *options, str(HERE / file)]
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, errors="replace", timeout=1500
    )


def copy_package(target: Path) -> Path:
    """A copy of the package, with the geometry beside it."""
    package = Path(na62sim.__path__[0])
    shutil.copytree(package, target / "na62sim", ignore=shutil.ignore_patterns("__pycache__"))
    if (package.parent / "geometry").is_dir():
        shutil.copytree(package.parent / "geometry", target / "geometry")
    return target


@pytest.mark.planted
@pytest.mark.parametrize("file", sorted({bug.tests for bug in BUGS}))
def test_the_copy_passes(tmp_path: Path, kernels: Path, file: str) -> None:
    """Without a bug, the tests that must fail pass: that the copy is elsewhere is no failure."""
    chosen = {bug.chosen for bug in BUGS if bug.tests == file}
    words = "" if "" in chosen else " or ".join(sorted(chosen))
    result = run_tests(copy_package(tmp_path), kernels, words, file)
    assert result.returncode == 0, result.stdout


@pytest.mark.planted
@EACH_BUG
def test_the_tests_fail(tmp_path: Path, kernels: Path, bug: Bug) -> None:
    source = copy_package(tmp_path) / "na62sim" / bug.file
    before = source.read_text(encoding="utf-8")
    source.write_text(before.replace(bug.text, bug.becomes), encoding="utf-8")
    result = run_tests(tmp_path, kernels, bug.chosen, bug.tests)
    assert result.returncode == 1, result.stdout
    assert "1 failed" in result.stdout.splitlines()[-1]
