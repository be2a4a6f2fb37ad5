"""What a contract does with rows for which the tables would have to change, and what hints make of columns."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sinks import Schema
from sinks.schema import BIGINT, TEXT, TIMESTAMP, decimal
from stream.errors import SchemaRefused
from stream.evolve import ColumnRule, Contract, Evolved, Rules, TableRules, evolve
from stream.model.field_paths import parse_pattern
from stream.normalize import Names, normalize
from support.relations import loose

FIRST = {"id": 1, "items": [{"sku": "a"}]}


def batch(schema: Schema, rules: TableRules, *events: dict[str, Any]) -> Evolved:
    flat = normalize([loose(list(events))], names=Names(schema), load_id="l")
    return evolve(schema, flat, Rules(of_table=lambda table: rules))


@pytest.fixture
def schema() -> Schema:
    return batch(Schema(), TableRules(), FIRST).plan.target


def values(evolved: Evolved, table: str, column: str) -> list[Any]:
    return evolved.tables[table][column].to_pylist() if table in evolved.tables else []


def contract(**modes: Any) -> TableRules:
    return TableRules(Contract(**modes))


NEW_COLUMN = ({"id": 1}, {"id": 2, "note": "x"})
OTHER_TYPE = ({"id": 1}, {"id": "A2"})
NEW_TABLE = ({"id": 1}, {"id": 2, "tags": ["x"]})
CASES = {"columns": NEW_COLUMN, "data_type": OTHER_TYPE, "tables": NEW_TABLE}


@pytest.mark.parametrize("kind", CASES)
def test_what_is_frozen_refuses_the_rows_that_would_change_it_and_no_others(schema: Schema, kind: str) -> None:
    evolved = batch(schema, contract(**{kind: "freeze"}), *CASES[kind])
    assert (len(evolved.refused), evolved.plan.changes, values(evolved, "orders", "id")) == (1, (), [1])
    assert {misfit.reason for misfit in evolved.refused.values()} == {"schema_frozen"}


@pytest.mark.parametrize("kind", CASES)
def test_what_is_frozen_may_stop_the_run(schema: Schema, kind: str) -> None:
    with pytest.raises(SchemaRefused, match="frozen"):
        batch(schema, contract(**{kind: "freeze"}, stop=True), *CASES[kind])


@pytest.mark.parametrize("kind", ["columns", "data_type"])
def test_rows_that_would_change_something_are_discarded(schema: Schema, kind: str) -> None:
    evolved = batch(schema, contract(**{kind: "discard_row"}), *CASES[kind])
    assert (len(evolved.discarded), evolved.plan.changes, values(evolved, "orders", "id")) == (1, (), [1])


@pytest.mark.parametrize(("kind", "left"), [("columns", [1, 2]), ("data_type", [1, None])])
def test_only_the_values_that_would_change_something_are_discarded_and_counted(schema, kind: str, left) -> None:
    evolved = batch(schema, contract(**{kind: "discard_value"}), *CASES[kind])
    assert (evolved.plan.changes, values(evolved, "orders", "id")) == ((), left)
    assert sum(evolved.trimmed.values()) == 1


@pytest.mark.parametrize("mode", ["discard_row", "discard_value"])
def test_a_new_child_table_is_left_out_and_its_root_stays(schema: Schema, mode: str) -> None:
    evolved = batch(schema, contract(tables=mode), *NEW_TABLE)
    assert (values(evolved, "orders", "id"), evolved.plan.changes) == ([1, 2], ())
    assert evolved.dropped == {"orders__tags": 1}


def test_a_new_root_table_that_is_discarded_takes_its_rows_with_it() -> None:
    evolved = batch(Schema(), contract(tables="discard_row"), FIRST)
    assert (len(evolved.discarded), evolved.tables, evolved.plan.changes) == (1, {}, ())


def test_a_row_of_a_child_table_is_dropped_with_what_is_below_it_and_its_root_stays(schema: Schema) -> None:
    event = {"id": 3, "items": [{"sku": "b"}, {"sku": "c", "new": 1, "parts": [{"n": 1}]}]}
    evolved = batch(schema, contract(columns="discard_row"), event)
    assert (values(evolved, "orders", "id"), values(evolved, "orders__items", "sku")) == ([3], ["b"])
    assert "orders__items__parts" not in evolved.tables


def test_the_columns_of_a_new_table_are_not_judged() -> None:
    evolved = batch(Schema(), contract(columns="freeze", data_type="freeze"), FIRST)
    assert not evolved.refused


def test_a_type_that_is_frozen_does_not_widen(schema: Schema) -> None:
    evolved = batch(schema, contract(data_type="freeze"), {"id": 1}, {"id": 2**70})
    assert (len(evolved.refused), evolved.plan.target.tables["orders"].columns["id"].type) == (1, BIGINT)


def hints(**columns: dict[str, Any]) -> TableRules:
    return TableRules(columns=tuple(ColumnRule(parse_pattern(name), **rule) for name, rule in columns.items()))


def test_a_new_column_has_the_type_that_a_user_gave() -> None:
    rules = hints(price={"type": decimal(12, 2)}, id={"type": TEXT})
    evolved = batch(Schema(), rules, {"id": 7, "price": 2.5})
    columns = evolved.plan.target.tables["orders"].columns
    assert (columns["price"].type, columns["id"].type) == (decimal(12, 2), TEXT)
    assert values(evolved, "orders", "id") == ["7"]


def test_a_value_that_does_not_fit_the_given_type_goes_to_a_variant() -> None:
    evolved = batch(Schema(), hints(id={"type": BIGINT}), {"id": 1}, {"id": "x"})
    assert values(evolved, "orders", "id__v_text") == [None, "x"]


def test_a_column_that_a_user_named_is_there_from_the_start() -> None:
    evolved = batch(Schema(), hints(shipped_at={"type": TIMESTAMP}), FIRST)
    assert evolved.plan.target.tables["orders"].columns["shipped_at"].type == TIMESTAMP


@pytest.mark.parametrize("later", [{"id": None, "x": 1}, {"x": 1}])
def test_a_row_without_a_value_that_must_be_there_is_refused(later: dict[str, Any]) -> None:
    rules = hints(id={"type": BIGINT, "nullable": False})
    first = batch(Schema(), rules, {"id": 1}, later)
    again = batch(first.plan.target, rules, {"id": 2}, later)
    assert not first.plan.target.tables["orders"].columns["id"].nullable
    assert [len(each.refused) for each in (first, again)] == [1, 1]
    assert {misfit.reason for misfit in first.refused.values()} == {"required_missing"}


def test_names_may_ask_for_types() -> None:
    rules = TableRules(preferred=((re.compile(".*_id"), TEXT),))
    evolved = batch(Schema(), rules, {"customerId": 7, "n": 1})
    columns = evolved.plan.target.tables["orders"].columns
    assert (columns["customer_id"].type, columns["n"].type) == (TEXT, BIGINT)
