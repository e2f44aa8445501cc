"""Where compiled kernels are kept: a folder of the package's own, whatever numba is told about other code.

What is stored there is unpickled, so code of others must not get in: a folder is used only if it is a real folder, belongs
to this user and can be written by no one else. Where there is none, a private temporary folder serves this process and
its children, and goes with it. Other programs' files are never touched: old versions are told by their name and a
marker file.
"""

from __future__ import annotations

import atexit
import glob
import hashlib
import inspect
import os
import pickle
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.serialize import dumps

from na62sim.core.sources import closure_hash, kernels_hash, module_name

__all__ = ["KernelCache", "kernel_cache", "open_cache"]

ROOT = "na62sim-kernels"
MARKER = ".na62sim-kernels"
_VERSION = re.compile(r"[0-9a-f]{16}")
_STAMP = re.compile(r"\.[0-9a-f]{16}$")
_UNUSED = 86400.0  # s: a younger folder may belong to a process that is running
_KEPT = 4  # earlier versions that stay, of a module or of what compiles, so that switching branches does not recompile


def open_cache(key: str) -> Path:
    """Create (or find) the cache folder of one version of the kernels.

    Parameters
    ----------
    key : 16 hexadecimal digits, different for kernels that must not be confused
    """
    for root in _roots():
        try:
            folder = _own_folder(_own_folder(root) / key)
            (folder / MARKER).touch()
            os.utime(folder)
        except OSError:
            continue
        _remove_old(root)
        return folder
    return _private_folder(key)


def _roots() -> Iterator[Path]:
    """Folders to try, the one the user chose first; without a home folder the temporary one."""
    chosen = os.environ.get("NA62SIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if chosen:
        yield Path(chosen).absolute() / ROOT
    else:
        with suppress(RuntimeError):  # nobody knows where the home of this user is
            yield Path.home() / ".cache" / ROOT
    yield Path(tempfile.gettempdir()) / f"{ROOT}-{os.getuid()}"


def _own_folder(path: Path) -> Path:
    """Make a folder that no one else can write to, or make sure that it is one.

    Raises
    ------
    OSError : it cannot be made, or it is a link, of another user, or open to others
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    about = path.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(0, "is not a folder of this user alone", str(path))
    return path


def _remove_old(root: Path) -> None:
    """Remove what earlier versions compiled, and nothing else that may lie there."""
    ours = []
    with suppress(OSError):
        for path in root.iterdir():
            if _VERSION.fullmatch(path.name) and not path.is_symlink() and (path / MARKER).is_file():
                ours.append(path)
    _remove_oldest(ours)


def _remove_oldest(folders: list[Path]) -> None:
    """Remove what has not been used for long, but for the last few."""
    dated = []
    with suppress(OSError):  # another process is doing the same
        dated = [(path.stat().st_mtime, path) for path in folders]
    for used, path in sorted(dated, reverse=True)[_KEPT:]:
        if time.time() - used > _UNUSED:
            shutil.rmtree(path, ignore_errors=True)


def _private_folder(key: str) -> Path:
    """A new temporary folder; processes started from here find it through the environment."""
    private = Path(tempfile.mkdtemp(prefix=f"{ROOT}-"))
    os.environ["NA62SIM_CACHE_DIR"] = str(private)
    maker = os.getpid()

    def remove() -> None:
        if os.getpid() == maker:  # not when a forked child ends
            shutil.rmtree(private, ignore_errors=True)

    atexit.register(remove)
    return _own_folder(_own_folder(private / ROOT) / key)


def _place(file: str) -> tuple[str, str]:
    """Name of the kernels' folder, and the hash of what they were compiled from, for a source file."""
    module = module_name(file)
    if module is not None:
        return module, closure_hash(module)
    path = Path(file)  # of the user: it may use any formula of the package
    about = hashlib.sha256(path.read_bytes() + kernels_hash().encode()).hexdigest()[:16]
    return f"{path.stem}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}", about


class _Locator(_CacheLocator):  # type: ignore[misc]  # numba has no types
    """Says where the kernels of a source file are kept, and what they were compiled from."""

    def __init__(self, function: Callable[..., Any], file: str, folder: Path) -> None:
        self._py_file = file  # numba names it in warnings
        self._line = function.__code__.co_firstlineno
        self._name, self._stamp = _place(file)
        self._path = folder / f"{self._name}.{self._stamp}"

    def ensure_cache_path(self) -> None:
        new = not self._path.exists()
        super().ensure_cache_path()
        if new:  # the versions before this one are told by the name
            versions = [p for p in self._path.parent.glob(f"{glob.escape(self._name)}.*") if _STAMP.search(p.name)]
            _remove_oldest(versions)

    def get_cache_path(self) -> str:
        return str(self._path)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Files:
    """One file for each version of a function, named after what it was compiled for.

    numba numbers the files and lists them in an index: of two processes that compile at the same time one could be left
    with the other's code.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder, self._name = folder, name

    def path(self, key: Any) -> str:
        """Where a version is."""
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:32]
        return os.path.join(self._folder, f"{self._name}.{digest}.nbc")

    def save(self, key: Any, data: Any) -> None:
        """Keep a version; the file has its name when it is whole."""
        path = self.path(key)
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".tmp")
        try:
            with open(handle, "wb") as file:
                file.write(dumps(data))
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def load(self, key: Any) -> Any:
        """A version; None if there is none, or a file that a crash of the machine left empty."""
        try:
            with open(self.path(key), "rb") as file:
                return pickle.load(file)
        except (FileNotFoundError, EOFError, pickle.UnpicklingError):
            return None


class KernelCache(FunctionCache):  # type: ignore[misc]  # numba has no types
    """numba's cache of one function, in a given folder instead of where the user's settings of numba say.

    ``kind`` tells apart what is compiled of one function in more than one way.
    """

    def __init__(self, function: Callable[..., Any], file: str, folder: Path, kind: str) -> None:
        class Implementation(CompileResultCacheImpl):  # type: ignore[misc]
            def __init__(self, function: Callable[..., Any]) -> None:  # without numba's search for a locator
                self._lineno = function.__code__.co_firstlineno
                self._locator = _Locator(function, file, folder)
                name = f"{Path(file).stem}.{function.__qualname__}"
                self._filename_base = self.get_filename_base(name, kind)

        self._impl_class = Implementation
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base)

    def holds(self, types: Any, codegen: Any) -> bool:
        """Whether a version for these types of arguments is stored."""
        return os.path.exists(self._cache_file.path(self._index_key(types, codegen)))

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        """A kernel that cannot be stored or found is compiled again: that costs time, not the result."""
        with suppress(OSError):
            yield


def kernel_cache(function: Callable[..., Any], folder: Path, kind: str = "") -> KernelCache | None:
    """The cache of a function; None if it is in no file, as on a prompt."""
    file = inspect.getfile(function)
    return KernelCache(function, os.path.abspath(file), folder, kind) if os.path.isfile(file) else None
