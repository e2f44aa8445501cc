"""Tables: construction checks, picking, slicing, joining."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from na62sim.sample.table import Column, Table

P = Column("p", "float64", "MeV", "momentum")
N = Column("n", "int32", "", "count")


def flat(n=5):
    return Table([P, N], {"p": np.arange(n) * 1.5, "n": np.arange(n, dtype=np.int32)})


def jagged(counts):
    rows = int(sum(counts))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Table([P], {"p": np.arange(rows, dtype=float)}, offsets)


class Counting:
    """A source that counts how often it is read."""

    def __init__(self, values):
        self.values, self.reads = values, 0

    def __getitem__(self, rows):
        self.reads += 1
        return self.values[rows]


def test_the_parts_of_a_table():
    table = flat()
    assert len(table) == table.n_events == 5
    assert table.names == ("p", "n")
    assert table.fields == (P, N)
    assert table.offsets is None
    assert "p" in table
    assert "q" not in table
    assert table.event_of_row().tolist() == [0, 1, 2, 3, 4]
    assert repr(jagged([2, 0, 1])) == "Table(3 rows in 3 events: p)"


def test_an_unknown_column_gets_a_suggestion():
    table = Table([Column("momentum", "float64", "MeV", "")], {"momentum": np.zeros(1)})
    with pytest.raises(KeyError, match="did you mean 'momentum'"):
        table["momentun"]
    with pytest.raises(KeyError, match="known: momentum"):
        table["xyz"]


@pytest.mark.parametrize(
    ("fields", "columns", "offsets", "message"),
    [
        ([P], {"p": np.zeros(2, np.float32)}, None, "'p' is float32, declared float64"),
        ([P], {}, None, "'p' is missing"),
        ([P], {"p": [1.0]}, None, "'p' is missing or not"),
        ([P], {"p": np.zeros((2, 2))}, None, "1-D"),
        ([P], {"p": np.zeros(2), "q": np.zeros(2)}, None, "'q' has no field"),
        ([P, N], {"p": np.zeros(2), "n": np.zeros(3, np.int32)}, None, "'n' has 3 rows"),
        ([P, P], {"p": np.zeros(2)}, None, "twice"),
        ([Column("a/b", "float64", "", "")], {}, None, "identifier"),
        ([Column("offsets", "int64", "", "")], {}, None, "identifier"),
        ([Column("s", "U3", "", "")], {}, None, "boolean, integer or float"),
        ([P], {"p": np.zeros(2)}, np.array([0, 3]), "end at 3"),
        ([P], {"p": np.zeros(2)}, np.array([1, 2]), "start at 1"),
        ([P], {"p": np.zeros(2)}, np.array([0, 2, 1, 2]), "decrease"),
        ([P], {"p": np.zeros(2)}, np.array([0.0, 2.0]), "int64"),
    ],
)
def test_construction_is_checked(fields, columns, offsets, message):
    with pytest.raises(ValueError, match=message):
        Table(fields, columns, offsets)


def test_take_refuses_wrong_rows():
    table = flat()
    with pytest.raises(ValueError, match="mask"):
        table.take(np.ones(4, bool))
    with pytest.raises(IndexError, match="5"):
        table.take([0, 5])
    with pytest.raises(IndexError):
        table.take([-1])
    with pytest.raises(ValueError, match="integers"):
        table.take([0.5])
    assert len(table.take([])) == 0


def test_cut_after_cut_reads_only_what_is_used():
    used, unused = Counting(np.arange(100.0)), Counting(np.arange(100, dtype=np.int32))
    table = Table.from_sources([P, N], {"p": used, "n": unused}, 100)
    first = table.take(table["p"] > 10)
    second = first.take(first["p"] % 2 == 0).with_columns(
        [Column("twice", "float64", "MeV", "")], {"twice": np.arange(12, 101, 2)[:44] * 2.0}
    )
    third = second.take([1, 0])
    assert unused.reads == 0
    assert third["n"].tolist() == [14, 12]
    assert third["twice"].tolist() == [28.0, 24.0]
    assert (used.reads, unused.reads) == (1, 1)
    assert third["n"] is third["n"]


def test_slices_are_views_that_start_at_zero():
    table = jagged([2, 0, 3, 1])
    part = table.slice_events(1, 3)
    assert part.offsets.tolist() == [0, 0, 3]
    assert part["p"].tolist() == [2, 3, 4]
    assert np.shares_memory(part["p"], table["p"])
    lazy = flat().take([4, 3, 2]).slice_events(1, 3)
    assert lazy["n"].tolist() == [3, 2]
    with pytest.raises(IndexError):
        table.slice_events(2, 5)


def test_columns_are_added_to_a_new_table():
    table = jagged([1, 2])
    more = table.with_columns([N], {"n": np.arange(3, dtype=np.int32)})
    assert more.names == ("p", "n")
    assert table.names == ("p",)
    assert more.offsets is table.offsets
    with pytest.raises(ValueError, match="exists"):
        more.with_columns([P], {"p": np.zeros(3)})
    with pytest.raises(ValueError, match="has 2 rows"):
        table.with_columns([N], {"n": np.zeros(2, np.int32)})


def test_unlike_tables_are_not_joined():
    with pytest.raises(ValueError, match="at least one"):
        Table.concatenate([])
    with pytest.raises(ValueError, match=r"\['n'\]"):
        Table.concatenate([flat(), Table([P], {"p": np.zeros(1)})])
    with pytest.raises(ValueError, match="some"):
        Table.concatenate([jagged([1]), Table([P], {"p": np.zeros(1)})])


counts = st.lists(st.integers(0, 4), max_size=12)


@given(counts, st.data())
def test_slices_joined_are_the_table(rows, data):
    table = jagged(rows)
    cut = data.draw(st.integers(0, len(rows)))
    joined = Table.concatenate([table.slice_events(0, cut), table.slice_events(cut, len(rows))])
    assert joined.offsets.tolist() == table.offsets.tolist()
    assert joined["p"].tolist() == table["p"].tolist()
    assert np.bincount(table.event_of_row(), minlength=len(rows)).tolist() == rows


@given(st.data())
def test_picks_compose(data):
    table = flat(20)
    first = data.draw(st.lists(st.integers(0, 19), max_size=20))
    second = data.draw(st.lists(st.booleans(), min_size=len(first), max_size=len(first)))
    mask = np.array(second, dtype=bool)
    expected = np.array(first, dtype=int)[mask]
    assert table.take(first).take(mask)["n"].tolist() == expected.tolist()
