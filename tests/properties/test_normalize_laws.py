"""Laws of normalize and evolve: both paths agree, cuts do not matter, no value changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks import Schema, WidenColumn
from sinks.schema import DOUBLE
from stream.evolve import Evolved, Rules, evolve
from stream.model import Documents, FlatTable
from stream.model.identifiers import is_system
from stream.normalize import Names, normalize, normalize_key
from support.relations import Facts, columnar, expected, held, loose

slow_machines_are_fine = settings(deadline=None)
KEYS = st.sampled_from(["a", "b", "Ab", "ab", "user id", "userId", "value", "list", "a__b", "_hr_id", "x__v_text", "x"])
INTEGERS = st.sampled_from([0, 1, -7, 2**53 + 1, 2**60, 2**63 - 1, -(2**63)]) | st.integers(-5, 5)
DOUBLES = st.sampled_from([0.5, 1.0, 0.1, 1e300, -2.5, 2.0**60]) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from([
    "", "abc", "123", "007", "1.5", "1e5", "+5", "1_000", "a\0b", "true", "null", "2026-01-31", "0", "-0",
    "2026-01-01T10:00:00Z", "2026-01-01 10:00:00.5+02:00", "2026-02-30T00:00:00Z", "2026-01-01T10:00:00",
])  # fmt: skip
BEYOND = st.sampled_from([2**63, -(2**70), 10**37, 10**45])
DECIMALS = st.builds(
    lambda digits, scale: Decimal(f"{digits}e-{scale}"), st.integers(-(10**39), 10**39) | INTEGERS, st.integers(0, 40)
)
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, DOUBLES, TEXTS, BEYOND, DECIMALS)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(KEYS, values, max_size=4)


VALUES = st.recursive(SCALARS, lambda inner: objects(inner) | st.lists(inner, max_size=3), max_leaves=6)
DOCUMENTS = st.lists(objects(VALUES), min_size=1, max_size=8)


@st.composite
def regular_documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Documents of one shape, as one Arrow type holds them."""
    leaf = st.sampled_from([st.booleans(), INTEGERS, DOUBLES, TEXTS])
    shape = st.recursive(leaf, lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=1))
    fields = draw(st.dictionaries(KEYS, shape, max_size=4))
    return draw(st.lists(_of_shape(fields), min_size=1, max_size=6))


def _of_shape(shape: Any) -> st.SearchStrategy[Any]:
    if isinstance(shape, dict):
        members = {key: st.none() | _of_shape(inner) for key, inner in shape.items()}
        return st.fixed_dictionaries({}, optional=members)
    if isinstance(shape, list):
        return st.lists(st.none() | _of_shape(shape[0]), max_size=3) if shape else st.just([])
    assert isinstance(shape, st.SearchStrategy)
    return shape


def rows(tables: Sequence[FlatTable]) -> dict[str, dict[str, dict[str, Any]]]:
    """The values of each table by row id, nulls left out."""
    return {
        table.name: {
            row["_hr_id"]: {key: value for key, value in row.items() if value is not None}
            for chunk in table.chunks
            for row in chunk.to_pylist()
        }
        for table in tables
    }


@slow_machines_are_fine
@given(regular_documents(), st.none() | st.integers(0, 3))
def test_the_columnar_and_the_exact_path_give_the_same_rows(documents: list[dict[str, Any]], nesting: int) -> None:
    names = known_names(documents)
    fast = normalize([columnar(documents)], names=names, load_id="l", max_nesting=lambda topic: nesting)
    exact = normalize([loose(documents)], names=names, load_id="l", max_nesting=lambda topic: nesting)
    assert rows(fast) == rows(exact)


def known_names(documents: list[dict[str, Any]]) -> Names:
    """Names given beforehand, since keys that collide are named in order of appearance, which differs."""
    schema = Schema()
    for nesting in (None, 0, 1, 2, 3):
        flat = normalize([loose(documents)], names=Names(schema), load_id="l", max_nesting={None: nesting}.get)
        schema = evolve(schema, flat, Rules()).plan.target
    return Names(schema)


def load(batches: Sequence[list[Any]], rules: Rules) -> Facts:
    """The rows that these batches become, one after the other, by whichever path takes them."""
    schema, loaded, first = Schema(), [], 0
    for batch in batches:
        flat = normalize([taken(batch, first)], names=Names(schema), load_id="l")
        evolved = evolve(schema, flat, rules)
        while inexact := rounded(evolved, loaded):
            rules = replace(rules, fixed=rules.fixed | inexact)
            evolved = evolve(schema, flat, rules)
        schema = evolved.plan.target
        for name, table in evolved.tables.items():
            table.validate(full=True)
            assert table.schema == pa.schema([schema.tables[name].arrow.field(column) for column in table.column_names])
        loaded.append(evolved.tables)
        first += len(batch)
    return held(schema, loaded)


def rounded(evolved: Evolved, loaded: Sequence[Mapping[str, pa.Table]]) -> set[tuple[str, str]]:
    """The columns that a destination would not let become doubles, for what is loaded."""
    widened = [(c.table, c.column.name) for c in evolved.plan.changes if isinstance(c, WidenColumn)]
    doubles = [
        (table, name) for table, name in widened if evolved.plan.target.tables[table].columns[name].type == DOUBLE
    ]
    return {column for column in doubles if any(abs(value) > 2**53 for value in stored(column, loaded))}


def stored(column: tuple[str, str], loaded: Sequence[Mapping[str, pa.Table]]) -> list[int]:
    table, name = column
    holding = [tables[table] for tables in loaded if table in tables and name in tables[table].column_names]
    return [value for each in holding for value in each[name].to_pylist() if value is not None]


def taken(batch: list[Any], first: int) -> Documents:
    try:
        return columnar(batch, first)
    except (pa.ArrowException, AssertionError, OverflowError):
        return loose(batch, first)


RULES = st.builds(
    Rules,
    detect_timestamps=st.booleans(),
    stores_nul_text=st.booleans(),
    max_identifier_bytes=st.sampled_from([24, 63, 255]),
    fixed=st.sampled_from([frozenset(), frozenset({("orders", "a"), ("orders", "x")})]),
)


@slow_machines_are_fine
@given(DOCUMENTS, RULES, st.lists(st.integers(0, 8), max_size=5))
def test_no_value_changes_however_the_events_are_cut(documents: list[Any], rules: Rules, cuts: list[int]) -> None:
    at = sorted({0, len(documents), *(cut for cut in cuts if cut < len(documents))})
    batches = [documents[start:stop] for start, stop in pairwise(at)]
    assert load(batches, rules) == expected(documents)


@slow_machines_are_fine
@given(DOCUMENTS, RULES)
def test_one_two_and_six_batches_give_the_same_rows(documents: list[Any], rules: Rules) -> None:
    whole = load([documents], rules)
    for parts in (2, 6):
        size = -(-len(documents) // parts)
        assert load([documents[at : at + size] for at in range(0, len(documents), size)], rules) == whole


@slow_machines_are_fine
@given(
    st.lists(st.integers(-(2**53), 2**53) | DOUBLES, min_size=1, max_size=8), st.lists(st.integers(0, 8), max_size=5)
)
def test_integers_and_fractions_share_a_column_however_they_are_cut(numbers: list[Any], cuts: list[int]) -> None:
    at = sorted({0, len(numbers), *(cut for cut in cuts if cut < len(numbers))})
    documents = [{"x": number} for number in numbers]
    schema = Schema()
    for start, stop in pairwise(at):
        flat = normalize([taken(documents[start:stop], start)], names=Names(schema), load_id="l")
        schema = evolve(schema, flat, Rules()).plan.target
    assert not [name for name in schema.tables["orders"].columns if name.startswith("x__v")]


@slow_machines_are_fine
@given(st.lists(VALUES | st.lists(VALUES, max_size=2), min_size=1, max_size=4))
def test_what_is_no_object_becomes_rows_too(documents: list[Any]) -> None:
    flat = normalize([loose(documents)], names=Names(), load_id="l")
    evolved = evolve(Schema(), flat, Rules())
    assert held(evolved.plan.target, [evolved.tables]) == expected(documents)


@slow_machines_are_fine
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=3), max_size=20))
def test_names_are_injective_and_fit(paths: list[list[str]]) -> None:
    columns = Names(max_bytes=24).columns("t")
    names = {tuple(path): columns.column(tuple(path)) for path in paths}
    assert len(set(names.values())) == len(names)
    assert all(len(name.encode()) <= 24 and name.lower() == name and not is_system(name) for name in names.values())


@slow_machines_are_fine
@given(st.text())
def test_a_normalized_key_is_normalized(key: str) -> None:
    assert normalize_key(normalize_key(key)) == normalize_key(key)
