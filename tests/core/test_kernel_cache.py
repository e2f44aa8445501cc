"""The cache of compiled kernels: whose folder it may be, what it may remove, and what it leaves to the user."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest

from na62sim.core import kernel_cache
from na62sim.core.kernel_cache import MARKER, ROOT, open_cache

KEY = "0123456789abcdef"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the user chose for the cache, and a temporary folder of its own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("NA62SIM_CACHE_DIR", str(tmp_path / "chosen"))
    return tmp_path / "chosen"


def test_only_this_user_can_write(place: Path) -> None:
    folder = open_cache(KEY)
    assert folder == place / ROOT / KEY
    for path in (folder, folder.parent):
        assert path.stat().st_mode & 0o777 == 0o700
    assert open_cache(KEY) == folder


def test_removes_nothing_but_old_versions_of_its_own(place: Path) -> None:
    """Folders beside the cache, and in it, that lack the name or the marker, and links, stay."""
    root = open_cache(KEY).parent
    kept = [place / "na62sim" / "docs", place / "results", root / "notes", root / "fedcba9876543210"]
    for path in kept:
        path.mkdir(parents=True)
        (path / "mine.txt").write_text("keep me")
        os.utime(path, (1, 1))
    outside = place / ("e" * 16)
    outside.mkdir()
    (outside / MARKER).touch()
    os.utime(outside, (1, 1))
    (root / ("d" * 16)).symlink_to(outside)
    old = [open_cache(f"{k:016x}") for k in range(6)]
    for k, path in enumerate(old):
        os.utime(path, (1000 + k, 1000 + k))
    open_cache(KEY)
    assert [path for path in old if path.exists()] == old[-3:]
    assert all((path / "mine.txt").exists() for path in kept)
    assert (outside / MARKER).exists()


def test_a_young_version_stays(place: Path) -> None:
    versions = [open_cache(f"{k:016x}") for k in range(9)]
    assert all(path.exists() for path in versions)


@pytest.mark.parametrize("level", ["root", "version"])
@pytest.mark.parametrize("fault", ["link", "file", "open"])
def test_a_folder_of_others_is_not_used(place: Path, level: str, fault: str) -> None:
    """What could hold the code of another user is left alone; the next place is used."""
    path = place / ROOT if level == "root" else place / ROOT / KEY
    path.parent.mkdir(parents=True, mode=0o700)
    if fault == "link":
        (place.parent / "elsewhere").mkdir()
        path.symlink_to(place.parent / "elsewhere")
    elif fault == "file":
        path.touch()
    else:
        path.mkdir()
        path.chmod(0o777)
    assert open_cache(KEY) == place.parent / "tmp" / f"{ROOT}-{os.getuid()}" / KEY


def test_a_taken_name_among_the_temporary_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another user was there first, a private folder serves this process and those that it starts."""
    place.touch()
    taken = place.parent / "tmp" / f"{ROOT}-{os.getuid()}"
    (taken / KEY).mkdir(parents=True)
    someone = os.getuid() + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getuid", lambda: someone)
        with pytest.raises(PermissionError):
            kernel_cache._own_folder(taken)
    taken.chmod(0o777)
    removals: list[object] = []
    monkeypatch.setattr(kernel_cache.atexit, "register", removals.append)
    private = open_cache(KEY)
    assert private.parents[1].parent == place.parent / "tmp"
    assert private.parents[1].stat().st_mode & 0o777 == 0o700
    assert open_cache(KEY) == private  # what a process that starts now does
    assert list((taken / KEY).iterdir()) == []
    (remove,) = removals
    remove()  # type: ignore[operator]
    assert not private.parents[1].exists()


def test_without_a_home(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A free user number in a container has no home."""
    monkeypatch.delenv("NA62SIM_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    assert open_cache(KEY) == place.parent / "tmp" / f"{ROOT}-{os.getuid()}" / KEY


def files_of(folder: Path) -> set[str]:
    return {path.name.split("-")[0] for path in folder.rglob("*.nbc")}


def python(code: str, **environment: str) -> str:
    """The output of a new process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMPILE = """
import os, sys, numba
before = os.environ.get("NUMBA_CACHE_DIR"), numba.config.CACHE_DIR
from na62sim.core.elementary import log
sys.path.insert(0, os.environ["MINE"])
import mine
first, second = log(2.0), mine.double(3)
assert before == (os.environ.get("NUMBA_CACHE_DIR"), numba.config.CACHE_DIR)
print(sum(log.stats.cache_hits.values()), sum(mine.double.stats.cache_hits.values()))
"""


def test_settings_of_numba_are_the_users(tmp_path: Path) -> None:
    """Code of one's own compiles into the folder that NUMBA_CACHE_DIR names, the kernels into theirs; both are found again."""
    mine, numbas, ours = tmp_path / "mine", tmp_path / "numba", tmp_path / "ours"
    mine.mkdir()
    (mine / "mine.py").write_text("import numba\n@numba.njit(cache=True)\ndef double(x):\n    return 2 * x\n")
    places = {"MINE": str(mine), "NUMBA_CACHE_DIR": str(numbas), "NA62SIM_CACHE_DIR": str(ours)}
    assert python(COMPILE, **places).split() == ["0", "0"]
    assert files_of(numbas) == {"mine.double"}
    assert "elementary.log" in files_of(ours / ROOT)
    assert "mine.double" not in files_of(ours)
    assert python(COMPILE, **places).split() == ["1", "1"]


CHILD = """
import multiprocessing, os, pathlib, tempfile
def where(_):
    from na62sim.core import kernel
    return str(kernel.CACHE)
if __name__ == "__main__":
    here = where(0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(where, [0]) == [here], here
    print(here)
"""


def test_processes_share_a_private_cache(tmp_path: Path) -> None:
    """One compiles, the others find it; at the end nothing is left among the temporary files."""
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "file").touch()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / f"{ROOT}-{os.getuid()}").touch()
    environment = {**os.environ, "NA62SIM_CACHE_DIR": str(tmp_path / "file"), "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "child.py")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path / "tmp")
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == [f"{ROOT}-{os.getuid()}"]


def test_a_full_disk_costs_time_and_not_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that cannot be stored is compiled and used."""
    source = tmp_path / "source.py"
    source.write_text("def triple(x):\n    return 3 * x\n")
    names: dict[str, object] = {}
    exec(compile(source.read_text(), str(source), "exec"), names)
    triple = numba.njit(names["triple"])
    triple._cache = kernel_cache.kernel_cache(names["triple"], tmp_path / "no")  # type: ignore[arg-type]
    (tmp_path / "no").touch()
    assert triple(2) == 6


def test_what_is_in_no_file_is_not_kept(tmp_path: Path) -> None:
    """A formula typed at a prompt is compiled, and kept nowhere."""
    code = "from na62sim.core.kernel import formula; print(formula(lambda x: 2 * x)(4))"
    assert python(code, NA62SIM_CACHE_DIR=str(tmp_path)).strip() == "8"
    assert not files_of(tmp_path)


def test_versions_of_a_module_lie_side_by_side(tmp_path: Path) -> None:
    """An edit starts a folder of its own; the last few stay, older ones go, what else lies there stays."""
    source = tmp_path / "source.py"
    cache = open_cache_at(tmp_path)
    (cache / "notes").mkdir()
    os.utime(cache / "notes", (1, 1))
    seen: list[Path] = []
    for k in range(7):
        source.write_text(f"def times(x):\n    return {k} * x\n")
        names: dict[str, object] = {}
        exec(compile(source.read_text(), str(source), "exec"), names)
        times = numba.njit(names["times"])
        times._cache = kernel_cache.kernel_cache(names["times"], cache)  # type: ignore[arg-type]
        assert times(2) == 2 * k
        (new,) = {path.parent for path in cache.rglob("*.nbc")} - set(seen)
        os.utime(new, (1000 + k, 1000 + k))
        seen.append(new)
    assert [path.exists() for path in seen] == [False, False, False, True, True, True, True]
    assert (cache / "notes").exists()


def open_cache_at(folder: Path) -> Path:
    """A cache folder without the search for one."""
    (folder / "cache").mkdir(mode=0o700)
    return folder / "cache"
