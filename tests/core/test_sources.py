"""What a kernel was compiled from: its module and all that this imports, and nothing else."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

import na62sim
from na62sim.core import sources
from na62sim.core.sources import closure, closure_hash, kernels_hash, module_name

PACKAGE = Path(na62sim.__file__).parent
KERNELS = sorted(
    name
    for path in PACKAGE.rglob("*.py")
    if "\nfrom na62sim.core.kernel import" in path.read_text() and (name := module_name(path)) is not None
)


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that appends a comment to a module, for the hashes alone."""
    caches = (sources._digest, sources.closure_hash, sources.kernels_hash)
    plain = sources._source

    def edit(module: str) -> None:
        monkeypatch.setattr(sources, "_source", lambda name: plain(name) + b"# new" * (name == module))
        for each in caches:
            each.cache_clear()

    yield edit
    for each in caches:
        each.cache_clear()


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_call_what_their_closure_holds(name: str) -> None:
    """Each compiled function that a module can reach by name lies in a file that its hash covers."""
    module = importlib.import_module(f"na62sim.{name}")
    called = {found.py_func.__module__ for found in vars(module).values() if isinstance(found, Dispatcher)}
    assert called <= {f"na62sim.{found}" for found in closure(name)}


@pytest.mark.parametrize("name", ["reconstruction.tracks", "detector.response.respond", "generators.chain.steps"])
def test_what_an_import_loads_is_in_the_closure(name: str) -> None:
    """But for the packages' own __init__, which are loaded on the way."""
    code = f"import sys, na62sim.{name}; print(*(m for m in sys.modules if m.startswith('na62sim.')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    files = {
        m.removeprefix("na62sim.")
        for m in found
        if not hasattr(sys.modules.get(m) or importlib.import_module(m), "__path__")
    }
    assert len(files) > 5
    assert files <= set(closure(name)) | set(loaded_first())


def loaded_first() -> list[str]:
    """What ``import na62sim`` loads by itself."""
    code = "import sys, na62sim; print(*(m for m in sys.modules if m.startswith('na62sim.')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return [m.removeprefix("na62sim.") for m in found]


def test_an_edit_is_noticed_as_far_as_it_reaches(edited: object) -> None:
    """A formula deep below is part of the kernels that use it; a figure is part of none."""
    before = closure_hash("reconstruction.tracks"), closure_hash("core.sampling"), kernels_hash()
    edited("core.matter")  # type: ignore[operator]
    assert closure_hash("reconstruction.tracks") != before[0]
    assert closure_hash("core.sampling") == before[1]
    assert kernels_hash() != before[2]
    edited("report.figures.style")  # type: ignore[operator]
    assert (closure_hash("reconstruction.tracks"), closure_hash("core.sampling"), kernels_hash()) == before


def test_names_in_brackets_and_of_packages(tmp_path: Path) -> None:
    assert "geometry.field" in closure("detector.transport.planes")
    assert module_name(PACKAGE / "geometry" / "__init__.py") == "geometry"
    assert module_name(tmp_path / "mine.py") is None
    assert len(KERNELS) > 30
