"""What is read from a sample file: datasets that lie in the file itself, and that hold what they declare.

HDF5 follows links to other files, storage outside of the file and virtual columns without a word: a sample from
somebody else would carry the bytes of other files into the output, or a few bytes would ask for gigabytes.
"""

from __future__ import annotations

import json
import re
from typing import Any

import h5py

from na62sim.sample.pieces import Pieces

__all__ = ["check_filled", "own_column", "own_dataset", "own_group", "parse_json"]

MAX_CHUNK_BYTES = 1 << 26  # of a chunk, which is in memory as a whole; the writer makes 256 kB
_PIECE = re.compile(r"/?shards/\d+/[\w/]+")


def own_group(file: Any, path: str) -> Any:
    """A group of the file.

    Raises
    ------
    ValueError : it is missing, or the name is a link
    """
    found = _own(file, path)
    if not isinstance(found, h5py.Group):
        raise ValueError(f"group {path!r} is missing")  # noqa: TRY004 - the file is wrong, not a type
    return found


def own_dataset(file: Any, path: str, group: Any = None) -> Any:
    """A dataset stored in the file, virtual or not; ``group`` is that it lies in, if that is one of the file (`own_group`).

    Raises
    ------
    ValueError : it is missing, the name is a link, or its storage is outside of the file
    """
    found = _own(file, path, group)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"column {path} is missing")  # noqa: TRY004 - the file is wrong, not a type
    if found.id.get_create_plist().get_external_count():
        raise ValueError(f"{path} is stored outside of the file (external storage), which is not followed")
    return found


def own_column(file: Any, path: str, group: Any = None) -> Any:
    """A column of one dimension: a dataset, or the `Pieces` of a joined file, each of them stored in the file.

    Raises
    ------
    ValueError : it is missing, or anything of it is a link, lies outside of the file, or is not there
    """
    dataset = own_dataset(file, path, group)
    if dataset.ndim != 1:
        raise ValueError(f"column {path} is missing")
    if not dataset.is_virtual:
        check_filled(dataset, path)
        return dataset
    for source in dataset.virtual_sources():
        if source.file_name != ".":
            raise ValueError(f"{path} is a virtual column of another file ({source.file_name}), which is not followed")
        if not _PIECE.fullmatch(source.dset_name):
            raise ValueError(f"{path} is a virtual column of {source.dset_name}, which is no piece of a joined file")
        piece = own_dataset(file, source.dset_name)
        if piece.is_virtual or piece.ndim != 1:
            raise ValueError(f"{path}: its piece {source.dset_name} is a virtual column itself")
        check_filled(piece, source.dset_name)
    return Pieces(dataset)


def check_filled(dataset: Any, path: str) -> None:
    """Raise ValueError for a dataset that declares more than it holds, which HDF5 would fill in memory."""
    chunk, rows = dataset.chunks, dataset.shape[0] if dataset.ndim else 1
    if chunk is None:
        if dataset.size and dataset.id.get_storage_size() < dataset.size * dataset.dtype.itemsize:
            raise ValueError(f"{path} declares {rows} rows, which are not in the file")
        return
    number, size = 1, dataset.dtype.itemsize
    for length, part in zip(dataset.shape, chunk, strict=True):
        number, size = number * -(-length // part), size * part
    if size > MAX_CHUNK_BYTES:
        raise ValueError(f"{path} has chunks of {size} bytes, more than {MAX_CHUNK_BYTES}")
    if dataset.id.get_num_chunks() < number:
        raise ValueError(f"{path} declares {rows} rows, which are not in the file")


def parse_json(text: Any) -> Any:
    """JSON of a file.

    Raises
    ------
    ValueError : it is no JSON, or nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def _own(file: Any, path: str, group: Any = None) -> Any:
    """An object of the file, reached by names that are no links; None if there is none.

    ``group`` : that it lies in, where that has been found already
    """
    names = path.strip("/").split("/")
    here, names = (file, names) if group is None else (group, names[-1:])
    for name in names:
        if not isinstance(here, h5py.Group) or name in ("", ".") or not here.id.links.exists(name.encode()):
            return None
        if here.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:  # what h5py asks in a third of the time
            link = here.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise ValueError(f"{path} is a link to another file ({link.filename}), which is not followed")
            raise ValueError(f"{path} is a symbolic link ({getattr(link, 'path', '')}), which is not followed")
        here = _opened(h5py.h5o.open(here.id, name.encode()))
    return here


def _opened(found: Any) -> Any:
    """A group or dataset by its identifier, in half the time of ``group[name]``; None for anything else."""
    if isinstance(found, h5py.h5d.DatasetID):
        return h5py.Dataset(found)
    return h5py.Group(found) if isinstance(found, h5py.h5g.GroupID) else None
