from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from sinks.schema import decimal
from stream.errors import UnsupportedValue
from stream.model import ArrowDocuments, Documents, FlatTable, RowDocuments
from stream.model.tables import JSON_MARK
from stream.normalize import Names, normalize
from stream.normalize.depth import MAX_DEPTH
from stream.normalize.row_ids import MAX_ID_LENGTH, child_id, child_ids, topic_mark
from support.relations import columnar, keys, loose

SYSTEM = ("_hr_", "_kafka_")


def flat(*documents: Documents, max_nesting: int | None = None) -> dict[str, FlatTable]:
    tables = normalize(documents, names=Names(), load_id="load-1", max_nesting=lambda topic: max_nesting)
    return {table.name: table for table in tables}


def rows(table: FlatTable) -> list[dict[str, Any]]:
    return [row for chunk in table.chunks for row in chunk.to_pylist()]


def data(table: FlatTable) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if not key.startswith(SYSTEM) and value is not None}
        for row in rows(table)
    ]


def test_an_object_becomes_columns() -> None:
    tables = flat(columnar([{"customer": {"firstName": "Ada", "geo": {"lat": 1.5}}}]))
    assert data(tables["orders"]) == [{"customer__first_name": "Ada", "customer__geo__lat": 1.5}]
    assert tables["orders"].origins["customer__first_name"] == ("customer", "firstName")


def test_a_list_of_objects_becomes_a_child_table() -> None:
    tables = flat(columnar([{"items": [{"sku": "a"}, {"sku": "b"}]}, {"items": []}, {"items": [{"sku": "c"}]}]))
    items = tables["orders__items"]
    assert (items.parent, items.source) == ("orders", ("items",))
    assert [(row["sku"], row["_hr_list_idx"]) for row in rows(items)] == [("a", 0), ("b", 1), ("c", 0)]


def test_scalars_in_a_list_become_the_column_value_and_a_null_keeps_its_place() -> None:
    tables = flat(columnar([{"tags": ["a", None, "b"]}]))
    assert [(row["_hr_list_idx"], row["value"]) for row in rows(tables["orders__tags"])] == [
        (0, "a"),
        (1, None),
        (2, "b"),
    ]


def test_a_list_in_a_list_becomes_a_child_of_the_child() -> None:
    tables = flat(columnar([{"grid": [[1, 2], [3]]}]))
    assert tables["orders__grid__list"].parent == "orders__grid"
    assert [row["value"] for row in rows(tables["orders__grid__list"])] == [1, 2, 3]


def test_root_rows_begin_with_where_they_come_from() -> None:
    (chunk,) = flat(columnar([{"id": 1}], first=7))["orders"].chunks
    assert chunk.column_names == [
        "_hr_id", "_hr_load_id", "_kafka_partition", "_kafka_offset", "_kafka_timestamp", "id",
    ]  # fmt: skip
    assert chunk["_hr_id"].to_pylist() == [f"{topic_mark('orders', '')}-0-7"]


def test_a_child_row_names_its_parent_and_its_root() -> None:
    tables = flat(columnar([{"a": [{"b": [1]}]}]))
    (root,), (parent,), (child,) = (rows(tables[name]) for name in ("orders", "orders__a", "orders__a__b"))
    assert (child["_hr_parent_id"], child["_hr_root_id"]) == (parent["_hr_id"], root["_hr_id"])


def test_the_list_in_a_null_object_makes_no_rows_even_where_arrow_keeps_its_elements() -> None:
    lists = pa.array([[1, 2], [3]])
    hidden = pa.StructArray.from_arrays([lists], names=["tags"], mask=pa.array([True, False]))
    tables = flat(Documents("orders", "orders", (ArrowDocuments(pa.table({"o": hidden}), keys([0, 1])),)))
    (row,) = rows(tables["orders__o__tags"])
    assert (row["value"], row["_hr_list_idx"], row["_hr_root_id"]) == (3, 0, f"{topic_mark('orders', '')}-0-1")


@pytest.mark.parametrize("documents", [columnar, loose])
def test_what_lies_deeper_than_max_nesting_stays_json(documents: Any) -> None:
    given = documents([{"b": {"z": 1, "a": [{"y": 1.0, "n": None}]}}])
    (chunk,) = flat(given, max_nesting=0)["orders"].chunks
    assert chunk["b"].to_pylist() == ['{"a":[{"y":1}],"z":1}']
    assert chunk.schema.field("b").metadata == JSON_MARK
    (chunk,) = flat(given, max_nesting=1)["orders"].chunks
    assert chunk["b__a"].to_pylist() == ['[{"y":1}]']


def test_a_column_of_nulls_alone_is_left_out() -> None:
    assert data(flat(columnar([{"a": None, "b": 1}]))["orders"]) == [{"b": 1}]
    assert "a" not in flat(columnar([{"a": None, "b": 1}]))["orders"].origins


def test_two_ways_to_one_table_name_make_two_tables() -> None:
    tables = flat(loose([{"x": {"b": [1]}}, {"x": [{"b": [2]}]}]))
    assert {(t.parent, t.source) for t in tables.values() if t.parent} == {
        ("orders", ("x", "b")), ("orders", ("x",)), ("orders__x", ("b",)),
    }  # fmt: skip


def test_python_values_keep_their_kind() -> None:
    stamp, clock = datetime(2026, 1, 1, 12), time(12, 30)
    values = {
        "big": 2**64, "price": Decimal("1.50"), "huge": 10**40, "at": stamp, "on": date(2026, 1, 1), "t": clock,
        "raw": b"\0\1", "uuid": UUID(int=1), "pair": (1, 2),
    }  # fmt: skip
    tables = flat(loose([values]))
    (chunk,) = tables["orders"].chunks
    assert chunk.schema.field("big").type == decimal(38, 0).arrow
    assert chunk.schema.field("price").type == decimal(38, 9).arrow
    assert data(tables["orders"]) == [
        {
            "big": 2**64, "price": Decimal("1.5"), "huge": str(10**40), "at": stamp.replace(tzinfo=UTC),
            "on": date(2026, 1, 1), "t": clock, "raw": b"\0\1", "uuid": "00000000-0000-0000-0000-000000000001",
        }
    ]  # fmt: skip
    assert [row["value"] for row in rows(tables["orders__pair"])] == [1, 2]


def test_each_type_under_a_name_has_its_own_column_in_one_chunk() -> None:
    (chunk,) = flat(loose([{"x": 1, "y": 1}, {"x": "a", "y": 2}, {"x": 3}]))["orders"].chunks
    columns = [(name, column.to_pylist()) for name, column in zip(chunk.column_names, chunk.columns, strict=True)]
    assert columns[-3:] == [("x", [1, None, 3]), ("x", [None, "a", None]), ("y", [1, 2, None])]


def test_columns_grow_with_the_types_and_not_with_their_combinations() -> None:
    kinds = (7, "seven", True)
    given = [{f"c{column}": kinds[row // 3**column % 3] for column in range(6)} for row in range(3**6)]
    (chunk,) = flat(loose(given))["orders"].chunks
    assert (chunk.num_rows, chunk.num_columns) == (3**6, 5 + 6 * 3)


def test_a_topic_made_anew_gives_its_events_other_ids_and_the_same_one_the_same() -> None:
    def ids(incarnation: str) -> set[str]:
        given = [columnar([{"tags": ["a"]}])]
        tables = normalize(given, names=Names(), load_id="l", incarnations={"orders": incarnation})
        return {row["_hr_id"] for table in tables for row in rows(table)}

    assert ids("one").isdisjoint(ids("other"))
    assert ids("one") == ids("one")


def test_the_id_of_a_deep_row_stays_short_and_is_its_own() -> None:
    tables = normalize([columnar([{"a": nested([[1, 2], [3]], levels=60)}])], names=Names(), load_id="load-1")
    ids = [row["_hr_id"] for table in tables for row in rows(table)]
    assert max(map(len, ids)) <= MAX_ID_LENGTH
    assert len(set(ids)) == len(ids)


def test_both_paths_give_a_deep_row_the_same_ids() -> None:
    given = [{"a": nested([[1, 2], [3]], levels=60)}, {"a": nested([], levels=3)}]
    fast, exact = (normalize([way(given)], names=Names(), load_id="load-1") for way in (columnar, loose))
    assert [rows(table) for table in fast] == [rows(table) for table in exact]


def test_rows_by_columns_get_the_ids_that_rows_one_by_one_get() -> None:
    parents = ["p" * length for length in range(MAX_ID_LENGTH - 12, MAX_ID_LENGTH + 2)] * 2
    indices = list(range(len(parents)))
    assert child_ids(pa.array(parents), "abcdef", pa.array(indices)).to_pylist() == [
        child_id(parent, "abcdef", index) for parent, index in zip(parents, indices, strict=True)
    ]


def nested(value: Any, *, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("max_nesting", [None, 0])
@pytest.mark.parametrize("wrap", [lambda inner: {"b": inner}, lambda inner: [inner], lambda inner: [{"b": inner}]])
def test_data_is_refused_by_its_paths_beginning_where_it_is_nested_too_deep(wrap: Any, max_nesting: int | None) -> None:
    value: Any = 1
    for _ in range(1_000):
        value = wrap(value)
    with pytest.raises(UnsupportedValue, match=r"^order\.a\.\w+\.\w+\.\.\.: nested deeper than 250 levels"):
        flat(brought([{"order": {"a": value}}]), max_nesting=max_nesting)


def test_data_that_holds_itself_is_refused() -> None:
    ring: list[Any] = []
    ring += [ring, ring]
    with pytest.raises(UnsupportedValue, match="in itself"):
        flat(brought([{"ring": ring}]))


@pytest.mark.parametrize("max_nesting", [None, 0])
@pytest.mark.parametrize("wrap", [lambda inner: {"b": inner}, lambda inner: [inner]])
def test_data_may_be_nested_as_deep_as_the_bound(wrap: Any, max_nesting: int | None) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = wrap(value)
    assert flat(brought([{"a": value}]), max_nesting=max_nesting)


def brought(values: list[Any]) -> Documents:
    return Documents(
        "things", loose=(RowDocuments(values, pa.table({"_hr_id": [str(n) for n in range(len(values))]})),)
    )


@pytest.mark.parametrize(
    "value", [float("nan"), Decimal("inf"), timedelta(1), {1: 2}, "\ud800", 10**5000], ids=lambda v: type(v).__name__
)
def test_a_value_that_no_column_holds_is_refused_by_its_path(value: object) -> None:
    with pytest.raises(UnsupportedValue, match=r"^order\.amount"):
        flat(loose([{"order": {"amount": value}}]))


def test_data_that_is_not_from_kafka_brings_its_ids() -> None:
    brought = pa.table({"_hr_id": ["one", "two"]})
    tables = flat(Documents("things", loose=(RowDocuments([{"t": [1]}, 5], brought),)))
    assert [row["_hr_id"] for row in rows(tables["things"])] == ["one", "two"]
    assert [row["_hr_parent_id"] for row in rows(tables["things__t"])] == ["one"]


def test_several_documents_may_share_a_table() -> None:
    tables = flat(
        Documents("all", "eu", loose=(RowDocuments([{"a": 1}], keys([0])),)),
        Documents("all", "us", loose=(RowDocuments([{"a": 2}], keys([0])),)),
    )
    ids: Sequence[str] = [row["_hr_id"] for row in rows(tables["all"])]
    assert len(set(ids)) == 2
