"""Every key of a geometry is read by code that computes something, or is marked as context, on which no result depends.

The package's source is searched for what is read of a detector: `detector.straw.pitch_mm`, also by way of a name that was
assigned, a parameter or a result whose annotation is a block, and dotted names as in `quantity("ktag.efficiency")`. Figures
and tables of `report`, and the geometry's own checks, change no result: what they alone read is context.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, get_args

import pytest

import na62sim
from na62sim.geometry import blocks
from na62sim.geometry.blocks import Block, context, is_context
from na62sim.geometry.layout import Layout

PACKAGE = Path(na62sim.__file__).parent
NOT_READERS = {
    f"geometry/{name}.py" for name in ("blocks", "dataset", "detectors", "dump", "layout", "planes", "detector")
}
# A word that only a check reads, but not in vain: the check lets `inefficiency_end`, which is read, stand with one word alone.
DECIDED_BY_CHECK = {f"photon_inefficiency.{name}.interpolation" for name in ("lkr", "lav", "irc_sac")}

READ, UNREAD = "is read, so it is not context", "is read by nothing: read it, or mark it as context"

Places = frozenset[str]
"""Places in the geometry: "" for the detector, "straw." for a block, "straw.pitch_mm" for a key."""
NOWHERE: Places = frozenset()


class Schema:
    """Dotted names of all blocks and keys, * for a name that the user chooses, and which keys are context."""

    def __init__(self, layout: type[Block]) -> None:
        self.keys: dict[str, bool] = {}
        self.blocks: dict[str, type[Block]] = {}
        self._add(layout, "", False)

    def _add(self, block: type[Block], place: str, marked: bool) -> None:
        self.blocks[place] = block
        for key, item in block.model_fields.items():
            inner = [kind for kind in (item.annotation, *get_args(item.annotation)) if isinstance(kind, type)]
            inside = [kind for kind in inner if issubclass(kind, Block)]
            here = marked or is_context(item)
            named = "*." if getattr(item.annotation, "__origin__", None) is dict else ""
            for kind in inside:
                self._add(kind, f"{place}{key}.{named}", here)
            if not inside:
                self.keys[place + key] = here

    def annotated(self, annotation: ast.expr | None) -> Places:
        """Places of the blocks that an annotation names."""
        words = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} if annotation else set()
        detector = words & {"Detector", "Layout"}
        return frozenset(p for p, kind in self.blocks.items() if (detector if p == "" else kind.__name__ in words))


class Reader(ast.NodeVisitor):
    """Collects what a source file reads of the detector, in the order of its lines."""

    def __init__(self, schema: Schema, returns: Mapping[str, Places]) -> None:
        self.schema, self.returns = schema, returns
        self.names: dict[str, Places] = {"detector": frozenset({""})}
        self.read: set[str] = set()

    def places(self, node: ast.expr | None) -> Places:
        """Where in the geometry the value of an expression may come from."""
        match node:
            case ast.Name(id=name):
                return self.names.get(name, NOWHERE)
            case ast.Attribute(value=value, attr=attr):
                if attr == "detector":
                    return frozenset({""})
                return self._inside(self.places(value), attr)
            case ast.Call(func=ast.Attribute(value=value, attr="items" | "values" | "get")):
                return self.places(value)
            case ast.Call(func=ast.Name(id=name), args=args):
                inner = args if name in ("zip", "enumerate", "sorted", "list") else []
                return self.returns.get(name, NOWHERE).union(*map(self.places, inner))
            case ast.Subscript(value=value) | ast.NamedExpr(value=value):
                return self.places(value)
            case ast.IfExp(body=first, orelse=second):
                return self.places(first) | self.places(second)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
                return NOWHERE.union(*map(self.places, values))
        return NOWHERE

    def _inside(self, places: Places, attr: str) -> Places:
        """The keys or blocks of that name in the blocks at some places."""
        paths = [place + attr for place in places]
        keys = {path for path in paths if path in self.schema.keys}
        return frozenset(keys).union(
            block for path in paths for block in (f"{path}.", f"{path}.*.") if block in self.schema.blocks
        )

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.read |= self.places(node)
        if node.attr == "model_dump":
            self.read |= {
                key for place in self.places(node.value) if place for key in self.schema.keys if key.startswith(place)
            }
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value in self.schema.keys:
            self.read.add(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assign(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.names[node.target.id] = self.schema.annotated(node.annotation) | self.places(node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._assign(node.target, node.value)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._assign(node.target, node.iter)
        self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        for loop in node.generators:
            self._assign(loop.target, loop.iter)
        self.generic_visit(node)

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for name, item in zip(target.elts, value.elts, strict=True):
                self._assign(name, item)
        else:
            for name in (node.id for node in ast.walk(target) if isinstance(node, ast.Name)):
                self.names[name] = self.places(value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.Lambda) -> None:
        outside = self.names
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        given = {a.arg: self.schema.annotated(a.annotation) for a in arguments}
        self.names = {**outside, **{name: places for name, places in given.items() if places or name != "detector"}}
        self.generic_visit(node)
        self.names = outside

    visit_Lambda = visit_FunctionDef


def source_files() -> Iterator[ast.Module]:
    """The files that compute something."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in NOT_READERS and not name.startswith("report/"):
            yield ast.parse(path.read_text(encoding="utf-8"))


def keys_read(schema: Schema, trees: list[ast.Module]) -> set[str]:
    """All keys that some files read."""
    functions = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    returns = {n.name: places for n in functions if (places := schema.annotated(n.returns))}
    returns |= {"load_detector": frozenset({""}), "as_detector": frozenset({""})}
    read: set[str] = set()
    for tree in trees:
        reader = Reader(schema, returns)
        reader.visit(tree)
        read |= reader.read
    return read & set(schema.keys)


@pytest.fixture(scope="module")
def read() -> set[str]:
    """The keys that the package reads."""
    return keys_read(Schema(Layout), list(source_files()))


def complaints(schema: Schema, read: set[str]) -> dict[str, str]:
    """Keys whose mark does not fit whether they are read."""
    read = read | DECIDED_BY_CHECK
    return {key: READ if marked else UNREAD for key, marked in schema.keys.items() if marked == (key in read)}


def test_every_key_is_read_or_context(read: set[str]) -> None:
    assert complaints(Schema(Layout), read) == {}


class Beam(blocks.Beam):
    """A block with two keys that no code reads, one of them marked."""

    straggling_mm: blocks.Length
    humidity: Annotated[blocks.Length, context]


class WithNewKeys(Layout):
    """A geometry with new keys."""

    beam: Beam


def test_new_key_is_noticed(read: set[str]) -> None:
    assert complaints(Schema(WithNewKeys), read) == {"beam.straggling_mm": UNREAD}


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("def f(detector): return detector.beam.kaon_fraction", "beam.kaon_fraction"),
        ("def f(d: Detector): beam, lkr = d.beam, d.lkr; return [lkr.cell_mm for _ in range(3)]", "lkr.cell_mm"),
        ("def f(self): block = self.detector.random_veto; return lambda e: e * block.lav", "random_veto.lav"),
        ("def f(t: Trigger | None) -> float: return t.pair_cda_mm", "trigger.pair_cda_mm"),
        ("x = load_detector('mine.toml').quantity('veto.lkr_bunch_ns').value", "veto.lkr_bunch_ns"),
        ("def f(detector): return detector.anti0 and detector.anti0.z_m", "anti0.z_m"),
    ],
)
def test_context_key_that_is_read_is_noticed(source: str, key: str, read: set[str]) -> None:
    schema = Schema(Layout)
    assert complaints(schema, read | keys_read(schema, [ast.parse(source)])) == {key: READ}


def test_same_name_elsewhere_is_no_reading() -> None:
    """An array for the kernels may have a field of the same name as a key."""
    other = ast.parse("def f(straw: StrawArrays, detector): return straw.layers_per_view, detector.muv3.rate_kHz")
    assert keys_read(Schema(Layout), [other]) == set()
