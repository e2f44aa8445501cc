"""The package as it is installed: one version, and the data files found wherever it is imported from."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import na62sim
from na62sim.geometry import available_detectors, load_detector
from na62sim.geometry.files import read_files, shipped_names

REPOSITORY = Path(__file__).resolve().parent.parent
GEOMETRY = sorted((REPOSITORY / "geometry").glob("*.toml"))
SCENARIOS = sorted((REPOSITORY / "na62sim" / "study" / "scenario" / "shipped").glob("*.toml"))
ALLOWED = {"pyproject.toml", "na62sim", "geometry", "tests", "benchmarks", "README.md", "LICENSE", "CITATION.cff"}


def installed_version() -> str:
    try:
        return importlib.metadata.version("na62sim")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("na62sim is imported from the source folder without being installed")


def test_one_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert installed_version() == project["version"] == na62sim.__version__


def test_top_level_is_short() -> None:
    """Nothing but these at the top: what a newcomer sees first."""
    listing = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listing.returncode:  # an export without history
        top = {path.name for path in REPOSITORY.iterdir()}
    else:
        top = {line.split("/")[0] for line in listing.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= ALLOWED


@pytest.mark.parametrize("path", GEOMETRY, ids=lambda path: path.stem)
def test_geometry_is_found_by_name(path: Path) -> None:
    assert path.stem in shipped_names()
    assert read_files(path.stem).entries == read_files(path).entries


def test_no_geometry_is_left_out() -> None:
    assert set(available_detectors()) | {"common"} == {path.stem for path in GEOMETRY}


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    """Built, unpacked and used from another folder: the same data files, the same detectors."""
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--quiet", "-w", tmp_path]
    subprocess.run(build, cwd=REPOSITORY, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    assert {f"na62sim/data/geometry/{path.name}" for path in GEOMETRY} <= names
    assert {f"na62sim/study/scenario/shipped/{path.name}" for path in SCENARIOS} <= names
    assert "na62sim/py.typed" in names
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"na62sim"}

    code = (
        "import json, na62sim; from na62sim.geometry import available_detectors, load_detector;"
        "names = available_detectors();"
        "print(json.dumps([na62sim.__file__, {name: load_detector(name).sha256 for name in names}]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    file, digests = json.loads(done.stdout)
    assert Path(file).is_relative_to(tmp_path / "site")
    assert digests == {name: load_detector(name).sha256 for name in available_detectors()}


def test_conda_environment() -> None:
    """The environment for conda asks for what pyproject.toml asks for, in the same versions."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    text = (REPOSITORY / ".github" / "environment.yml").read_text(encoding="utf-8")
    conda = dict(re.findall(r"^  - ([\w-]+)>=([\d.]+)$", text, flags=re.MULTILINE))
    conda["matplotlib"] = conda.pop("matplotlib-base")  # without the libraries of a window system
    extras = project["project"]["optional-dependencies"]
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    optional = [line for name in ("root", "parquet", "display", "stats") for line in extras[name]]
    wanted = dict(line.split(">=") for line in [*asked, *optional])
    assert conda == {**wanted, "python": project["project"]["requires-python"].removeprefix(">=")}


def test_every_extra_is_explained() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    text = (REPOSITORY / ".github" / "guide" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == set(extras) - {"test", "dev"}


def test_public_names() -> None:
    """What a user may rely on; a name more or less is a decision, and none hides a folder of the package."""
    assert dir(na62sim) == [
        "Cut", "CutFlow", "Detector", "DumpModel", "Measured", "Process", "Sample", "Selection", "Table", "__version__",
        "acceptance", "available_detectors", "backgrounds", "branching_ratio", "compare", "draw", "exclusion",
        "expected_events", "lifetime_acceptance", "load_detector", "load_selection", "merge", "read_sample", "reconstruct",
        "reweight", "run", "search", "select", "sensitivity", "simulate", "simulate_shards", "single_event_sensitivity",
        "upper_limit",
    ]  # fmt: skip
    for name in dir(na62sim):
        assert getattr(na62sim, name).__doc__
        assert not (REPOSITORY / "na62sim" / name).exists()
