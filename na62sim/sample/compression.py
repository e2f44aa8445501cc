"""How the columns of a file are compressed: what h5py brings along, and what the package hdf5plugin adds."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal, get_args

import h5py

from na62sim.core.suggest import did_you_mean
from na62sim.sample.pieces import Pieces

__all__ = ["Compression", "column_filters", "compression_of"]

Compression = Literal["none", "lzf", "gzip", "zstd", "blosc"]

_BUILT_IN: dict[str, dict[str, Any]] = {
    "none": {},
    "lzf": {"compression": "lzf", "shuffle": True},
    "gzip": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
}
_INSTALL = "install the package hdf5plugin (pip install 'na62sim[zstd]')"
_NAMES = {1: "gzip", 32000: "lzf", 32015: "zstd", 32001: "blosc"}  # registered numbers of HDF5 filters


def column_filters(compression: str) -> dict[str, Any]:
    """What ``h5py.Group.create_dataset`` is told; nothing for an uncompressed file.

    Raises
    ------
    ValueError : unknown name, or a compression whose package is not installed

    Examples
    --------
    >>> column_filters("gzip")["compression_opts"]
    1
    """
    if compression in _BUILT_IN:
        return _BUILT_IN[compression]
    if compression not in get_args(Compression):
        hint = did_you_mean(str(compression), get_args(Compression), listed=True)
        raise ValueError(f"compression {compression!r} is none of {', '.join(get_args(Compression))}{hint}")
    try:
        import hdf5plugin
    except ImportError:
        raise ValueError(
            f"compression '{compression}' is not installed: {_INSTALL}, or choose none, lzf or gzip"
        ) from None
    if compression == "zstd":
        return {**hdf5plugin.Zstd(clevel=1), "shuffle": True}
    return dict(hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE))


def compression_of(dataset: Any) -> str:
    """The name of the compression of a dataset, ``none`` included; that of its first piece if it has any.

    Raises
    ------
    ValueError : it needs a package that is not installed
    """
    if isinstance(dataset, Pieces):
        return compression_of(dataset.piece(0))
    created = dataset.id.get_create_plist()
    name = "none"
    for k in range(created.get_nfilters()):
        number = created.get_filter(k)[0]
        name = _NAMES.get(number, name)
        if h5py.h5z.filter_avail(number):
            continue
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401  (its filters register themselves)
        if not h5py.h5z.filter_avail(number):
            missing = _NAMES.get(number, f"HDF5 filter {number}")
            raise ValueError(f"the events are compressed with {missing}: {_INSTALL} to read them")
    return name
