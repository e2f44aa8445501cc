"""ROOT files through uproot: a TTree or an RNTuple ``events``, jagged groups as arrays with a common counter.

A branch is called GROUP_COLUMN; its title is what it holds and its unit. Beside it stand ``columns`` (the same for each
branch, JSON) and ``provenance`` (what made the sample, JSON).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import numpy as np

from na62sim.sample.formats.columns import Chosen, titles
from na62sim.sample.frames import awkward_group, needed
from na62sim.sample.sample import Sample

__all__ = ["COMPRESSIONS", "write_root"]

COMPRESSIONS = ("none", "zstd", "lz4", "zlib")
_LEVEL = {"zstd": 1, "lz4": 1, "zlib": 1}
_TREE = "events"
_BASKETS = 1024  # baskets that a tree has room for before its header moves


def write_root(
    file: BinaryIO,
    chunks: Iterable[Sample],
    chosen: Chosen,
    about: dict[str, Any],
    done: Callable[[int], None],
    compression: str = "none",
    rntuple: bool = False,
) -> None:
    """Write the chosen columns of a sample, chunk by chunk.

    Parameters
    ----------
    file : open for reading and writing
    about : provenance
    done : called with the number of events of each chunk
    rntuple : an RNTuple instead of a TTree

    Raises
    ------
    ValueError : uproot is not installed, or cannot write an RNTuple
    """
    uproot: Any = needed("uproot", "root")
    packing = None if compression == "none" else getattr(uproot, compression.upper())(_LEVEL[compression])
    named = titles(chosen, "_")
    with uproot.recreate(file, compression=packing) as root:
        if rntuple and not hasattr(root, "mkrntuple"):
            raise ValueError(f"uproot {uproot.__version__} writes no RNTuple: pip install --upgrade uproot")
        tree: Any = None
        for chunk in chunks:
            data = _branches(chunk, chosen, rntuple)
            if tree is None and rntuple:
                tree = root.mkrntuple(_TREE, needed("awkward", "root").Array(data).layout.form)
            elif tree is None:
                kinds = {name: a.type.content if hasattr(a, "layout") else a.dtype for name, a in data.items()}
                tree = root.mktree(_TREE, kinds, title="na62sim sample", initial_basket_capacity=_BASKETS)
                _set_titles(root, tree, named)
            tree.extend(data if not rntuple else needed("awkward", "root").Array(data))
            done(len(chunk))
        root["columns"] = json.dumps(named)
        root["provenance"] = json.dumps(about)


def _branches(chunk: Sample, chosen: Chosen, rntuple: bool) -> dict[str, Any]:
    """Arrays of a chunk by branch; of a jagged group one array of records, whose columns share a counter."""
    ak: Any = needed("awkward", "root")
    data: dict[str, Any] = {}
    for group, columns in chosen.items():
        table, name = chunk[group], group.replace("/", "_")
        if table.offsets is None:
            data |= {f"{name}_{column.name}": np.asarray(table[column.name]) for column in columns}
        elif rntuple:
            lists = ak.Array(awkward_group(table, columns))
            data |= {f"{name}_{column.name}": lists[column.name] for column in columns}
        else:
            data[name] = ak.Array(awkward_group(table, columns))
    return data


def _set_titles(root: Any, tree: Any, named: Any) -> None:
    """Give the branches their titles; uproot has no public way, and without its inner one they keep names as titles."""
    inner: Any = getattr(tree, "_cascading", None)
    if not hasattr(inner, "_branch_data") or not hasattr(inner, "_relocate"):
        return
    for branch in inner._branch_data:
        if branch.get("fName") in named:
            branch["fTitle"] = named[branch["fName"]]
    inner._relocate(root.file, root.file.sink)
