"""What a result may replace, and how a file gets its name: whole, or not at all.

Every file that the package writes goes this way. The data go to ``NAME.PID.tmp`` beside the place where they belong,
made exclusively and locked while it is written; it gets its name when it is whole and synced.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from na62sim.sample.provenance import SampleError

__all__ = ["NO_FOLLOW", "Temporary", "flock", "is_alive", "replacing", "target_of", "write_whole"]

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
"""Flag of `os.open`: a symbolic link is not followed."""


def target_of(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """The place that a result of this name goes to: where a symbolic link points, even if nothing is there yet.

    Parameters
    ----------
    path : the name that was asked for
    force : a file that is there may be replaced

    Raises
    ------
    FileExistsError : there is a file, and ``force`` is not given
    OSError : what is there is no file, or there is no folder to write into; never replaced, ``force`` or not
    """
    path = Path(path)
    mode: int | None = None
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise OSError(0, f"cannot be written: {error.strerror}", str(path)) from None
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(0, "is a folder, not a file", str(path))
    if mode is not None and not stat.S_ISREG(mode):
        raise OSError(0, f"is {_kind(mode)}, not a file", str(path))
    if mode is not None and not force:
        raise FileExistsError(0, "exists already; give --force (in Python force=True) to replace it", str(path))
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        folder = target.parent if path.is_symlink() else path.parent
        raise FileNotFoundError(0, f"there is no folder {folder}", str(path))
    return target


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


class Temporary:
    """A temporary file, open and locked, that becomes the file of a name or goes.

    Parameters
    ----------
    path : the name that was asked for
    force : as in `target_of`
    own : the name is the package's own, in a folder that is: it is replaced, a link of that name as well instead
        of being followed, and files that other processes left are not looked for

    Raises
    ------
    FileExistsError : there is a file, and neither ``force`` nor ``own`` is given
    SampleError : it cannot be written, or someone else is writing it
    """

    def __init__(self, path: str | os.PathLike[str], *, force: bool = False, own: bool = False) -> None:
        self._asked, self._force, self._own = Path(path), force, own
        try:
            self._target = self._check()
            self.path = self._target.with_name(f"{self._target.name}.{os.getpid()}.tmp")
            self.handle = self._create()
        except FileExistsError:
            raise
        except OSError as error:
            raise self.error(error) from None
        try:
            busy = not flock(self.handle) or not self._still_there()
            other = self.path.name if busy else "" if own else _clear(self._target, self.path)
            if other:
                raise self._busy(other)
        except BaseException:
            self.drop()
            raise

    def error(self, error: OSError) -> SampleError:
        """An error of the file system as one line that names the file."""
        why = f"cannot be written: {error.strerror}" if error.errno else error.strerror
        return SampleError(f"{self._asked}: {why}")

    def _busy(self, name: str) -> SampleError:
        return SampleError(f"{self._asked}: is being written by someone else ({name})")

    def check(self) -> None:
        """Make sure that the name may still be taken: it is free, or it is a file that may be replaced."""
        self._check()

    def keep(self) -> None:
        """Sync the file to the disk and give it its name."""
        os.fsync(self.handle)
        os.replace(self.path, self._target)

    def drop(self) -> None:
        """Close the file, and remove it if it did not get its name."""
        with suppress(OSError):
            if self._still_there():
                self.path.unlink()
        os.close(self.handle)

    def _check(self) -> Path:
        return self._asked if self._own else target_of(self._asked, force=self._force)

    def _create(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW
        try:
            return os.open(self.path, flags, 0o666)
        except FileExistsError:
            if _is_locked(self.path) is not False:
                if self.path.is_symlink():
                    raise SampleError(f"{self._asked}: cannot be written: {self.path.name} is in the way") from None
                raise self._busy(self.path.name) from None
        self.path.unlink()  # of a process that was killed and had the number of this one
        return os.open(self.path, flags, 0o666)

    def _still_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.handle), os.lstat(self.path))
        except FileNotFoundError:
            return False


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, force: bool = False, own: bool = False, readable: bool = False
) -> Iterator[BinaryIO]:
    """Give a binary file to write into (and to read, if ``readable``).

    It has its name, synced, when the context ends without an error. A reader sees an old file or the new one. Parameters and
    errors are those of `Temporary`; after an error no temporary file is left, and an old file stays as it was.
    """
    temporary = Temporary(path, force=force, own=own)
    try:
        with open(temporary.handle, "r+b" if readable else "wb", closefd=False) as file:
            yield file
        temporary.check()
        temporary.keep()
    except FileExistsError:
        raise
    except OSError as error:
        raise temporary.error(error) from None
    finally:
        temporary.drop()


def write_whole(path: str | os.PathLike[str], text: str, *, force: bool = False, own: bool = False) -> None:
    """Write a text file, in UTF-8, as `replacing` does."""
    with replacing(path, force=force, own=own) as file:
        file.write(text.encode())


def flock(handle: int, wait: bool = False) -> bool:
    """Take the lock of an open file; false if someone else has it. A file system without locks is used without them."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def is_alive(pid: int) -> bool:
    """Whether there is another process of this number on this machine."""
    if sys.platform == "win32":
        return True
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True


def _is_locked(path: Path) -> bool | None:
    """Whether someone holds the lock of a file; None if it is no file or cannot be opened."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        handle = os.open(path, os.O_RDWR | NO_FOLLOW)
    except OSError:
        return None
    try:
        return not flock(handle)
    finally:
        os.close(handle)


def _clear(target: Path, mine: Path) -> str:
    """Remove the temporary files that killed processes left; the name of one that is being written, if there is one."""
    name = re.compile(rf"{re.escape(target.name)}\.(\d{{1,9}})\.tmp")
    with suppress(OSError):
        for path in target.parent.iterdir():
            match = name.fullmatch(path.name)
            if match is None or path == mine:
                continue
            locked = _is_locked(path)
            if locked:
                return path.name
            if locked is False and not is_alive(int(match[1])):
                with suppress(OSError):
                    path.unlink()
    return ""
