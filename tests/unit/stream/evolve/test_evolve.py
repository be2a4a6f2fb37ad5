from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from sinks import AddColumn, Column, CreateTable, Schema, SchemaConflict, Table, WidenColumn
from sinks.schema import BIGINT, BINARY, DOUBLE, TEXT, TIMESTAMP, DataType, decimal
from stream.errors import UnsupportedValue
from stream.evolve import Rules, TableRules, evolve
from stream.model import FlatTable
from stream.model.tables import DECLARED_MARK, JSON_MARK

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def flat(*chunks: dict[str, Any], name: str = "t") -> FlatTable:
    tables = tuple(chunk if isinstance(chunk, pa.Table) else pa.table(chunk) for chunk in chunks)
    return FlatTable(name, tables, origins={c: (c,) for chunk in tables for c in chunk.column_names})


def stored(**types: DataType) -> Schema:
    columns = {name: Column(name, kind, source=(name,)) for name, kind in types.items()}
    return Schema(1, {"t": Table("t", columns, source=("t",))})


def types(schema: Schema) -> dict[str, str]:
    return {column.name: str(column.type) for column in schema.tables["t"].columns.values()}


def grow(schema: Schema, *chunks: Any, rules: Rules = Rules()) -> tuple[dict[str, str], dict[str, list[Any]]]:  # noqa: B008
    evolved = evolve(schema, [flat(*chunks)], rules)
    table = evolved.tables["t"]
    assert table.schema == pa.schema([evolved.plan.target.tables["t"].arrow.field(name) for name in table.column_names])
    return types(evolved.plan.target), table.to_pydict()


def test_a_new_table_is_created_with_its_columns_in_order() -> None:
    evolved = evolve(Schema(), [flat({"_hr_id": ["a"], "b": [1], "a": ["x"]})], Rules())
    (change,) = evolved.plan.changes
    assert isinstance(change, CreateTable)
    assert list(change.table.columns) == ["_hr_id", "b", "a"]
    assert [c.nullable for c in change.table.columns.values()] == [False, True, True]
    assert evolved.plan.target.version == 1


def test_nothing_to_change_is_an_empty_plan() -> None:
    schema = stored(a=BIGINT, b=TEXT)
    evolved = evolve(schema, [flat({"a": [1]})], Rules())
    assert not evolved.plan
    assert evolved.plan.target is schema
    assert evolved.tables["t"].to_pydict() == {"a": [1]}


def test_a_column_without_a_value_is_left_out_and_the_others_keep_their_order() -> None:
    schema = stored(a=BIGINT, wide=TEXT, b=TEXT, c=TEXT)
    evolved = evolve(schema, [flat({"c": ["z"], "wide": pa.nulls(1), "b": ["y"]})], Rules())
    assert evolved.tables["t"].to_pydict() == {"b": ["y"], "c": ["z"]}


def test_a_column_that_must_have_a_value_stays_in_the_table() -> None:
    columns = {"_hr_id": Column("_hr_id", TEXT, nullable=False), "a": Column("a", BIGINT)}
    evolved = evolve(Schema(1, {"t": Table("t", columns)}), [flat({"_hr_id": ["r"], "a": pa.nulls(1)})], Rules())
    assert evolved.tables["t"].schema == pa.schema([pa.field("_hr_id", pa.string(), nullable=False)])


def test_a_new_column_is_added_at_the_end() -> None:
    evolved = evolve(stored(a=BIGINT), [flat({"b": [True], "a": [1]})], Rules())
    (change,) = evolved.plan.changes
    assert isinstance(change, AddColumn)
    assert list(evolved.plan.target.tables["t"].columns) == ["a", "b"]


def test_nulls_alone_make_no_column_unless_it_is_a_system_column() -> None:
    chunk = {"_kafka_timestamp": pa.nulls(1, pa.timestamp("us", "UTC")), "a": pa.nulls(1, pa.int64()), "b": [1]}
    assert grow(Schema(), chunk)[0] == {"_kafka_timestamp": "timestamp", "b": "bigint"}


def test_integers_and_doubles_are_one_double_where_every_value_is_exact() -> None:
    assert grow(Schema(), {"x": [1]}, {"x": [1.5]}) == ({"x": "double"}, {"x": [1.0, 1.5]})


def test_an_integer_that_no_double_holds_keeps_its_value_beside_the_doubles() -> None:
    found, values = grow(Schema(), {"x": [1.5]}, {"x": [2**53 + 1]})
    assert found == {"x": "double", "x__v_bigint": "bigint"}
    assert values == {"x": [1.5, None], "x__v_bigint": [None, 2**53 + 1]}


@pytest.mark.parametrize("number", [10**16, -(10**16), 2**53 + 2, 10**18])
def test_an_integer_that_a_double_prints_back_is_a_double(number: int) -> None:
    assert grow(stored(x=DOUBLE), {"x": [number, None]}) == ({"x": "double"}, {"x": [float(number), None]})


def test_a_decimal_that_a_double_prints_back_is_a_double() -> None:
    big = pa.array([Decimal(10**20), Decimal(10**20 + 1)], decimal(38, 0).arrow)
    assert grow(stored(x=DOUBLE), {"x": big})[1] == {"x": [1e20, None], "x__v_decimal": [None, 10**20 + 1]}


@pytest.mark.parametrize("number", [2**53 + 1, 2**60, 52_011_965_437_747_856, 2**63 - 1, -(2**63)])
def test_an_integer_that_its_double_would_print_otherwise_goes_to_a_variant(number: int) -> None:
    assert grow(stored(x=DOUBLE), {"x": [number]})[1] == {"x__v_bigint": [number]}


@pytest.mark.parametrize(
    ("kind", "values", "fitting", "variant"),
    [
        (BIGINT, ["123", "007", "+5", "1_000", "-5"], [123, None, None, None, -5], "x__v_text"),
        (BIGINT, [1.0, 2.0], [1, 2], None),
        (BIGINT, [True], [None], "x__v_bool"),
        (DOUBLE, [7, 2**53 + 1], [7.0, None], "x__v_bigint"),
        (TEXT, [1.0, 0.5], ["1", "0.5"], None),
        (TEXT, [True], [None], "x__v_bool"),
        (TIMESTAMP, ["2026-01-01T12:00:00Z", "2026-01-01"], [NOON, None], "x__v_text"),
    ],
)
def test_a_known_column_takes_what_fits_without_loss(
    kind: DataType, values: list[Any], fitting: list[Any], variant: str | None
) -> None:
    found, held = grow(stored(x=kind), {"x": values})
    assert held.get("x", [None] * len(values)) == fitting
    assert list(found) == (["x", variant] if variant else ["x"])
    if variant:
        assert held[variant] == [
            None if fits is not None else value for value, fits in zip(values, fitting, strict=True)
        ]


@pytest.mark.parametrize(
    "text",
    ["2026-01-01T12:00:00Z", "2026-01-01 12:00", "2026-01-01T13:00:00.000000+01:00", "2026-01-01T12Z"],
)
def test_text_that_is_a_timestamp_becomes_one(text: str) -> None:
    assert grow(Schema(), {"x": [text, None]}) == ({"x": "timestamp"}, {"x": [NOON, None]})


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01", "2026-02-30T12:00:00Z", "2026-01-01T12:00:00.1234567Z", "12:00", "0000-01-01T00:00Z",
        "0001-01-01T00:00:00+02:00", "x 2026-01-01T12:00:00Z", "2026-01-01T24:00:00Z",
    ],
)  # fmt: skip
def test_text_that_is_no_timestamp_stays_text(text: str) -> None:
    assert grow(Schema(), {"x": ["2026-01-01T12:00:00Z", text]})[0] == {"x": "text"}


def test_timestamps_with_and_without_a_zone_go_together() -> None:
    assert grow(Schema(), {"x": ["2026-01-01T12:00:00", "2026-01-01T12:00:00Z"]})[1] == {"x": [NOON, NOON]}


def test_detection_can_be_switched_off() -> None:
    assert grow(Schema(), {"x": ["2026-01-01T12:00:00Z"]}, rules=Rules(detect_timestamps=False))[0] == {"x": "text"}


def test_timestamps_can_be_text_in_one_table_alone() -> None:
    rules = Rules(of_table=lambda table: TableRules(detect_timestamps=False))
    assert grow(Schema(), {"x": ["2026-01-01T12:00:00Z"]}, rules=rules)[0] == {"x": "text"}


def test_a_known_text_column_keeps_its_text() -> None:
    assert grow(stored(x=TEXT), {"x": ["2026-01-01T12:00:00Z"]})[1] == {"x": ["2026-01-01T12:00:00Z"]}


def test_the_type_of_a_variant_is_the_one_in_its_name() -> None:
    found, _ = grow(stored(x=BIGINT), {"x": ["2026-01-01T12:00:00Z"]})
    assert found["x__v_text"] == "text"


def test_a_column_widens_where_its_table_may_be_rewritten() -> None:
    big = pa.array([Decimal(2**64)], decimal(38, 0).arrow)
    evolved = evolve(stored(x=BIGINT), [flat({"x": [1]}, {"x": big})], Rules())
    (change,) = evolved.plan.changes
    assert isinstance(change, WidenColumn)
    assert (change.was, change.column.type) == (BIGINT, decimal(38, 0))
    assert evolved.tables["t"].to_pydict() == {"x": [1, 2**64]}


FIXED = Rules(fixed=frozenset({("t", "x")}))


def test_a_column_that_cannot_widen_gets_a_variant_instead() -> None:
    big = pa.array([Decimal(2**64)], decimal(38, 0).arrow)
    found, _ = grow(stored(x=BIGINT), {"x": big}, rules=FIXED)
    assert found == {"x": "bigint", "x__v_decimal": "decimal(38,0)"}


def test_a_column_of_integers_takes_fractions_as_a_column_of_doubles() -> None:
    evolved = evolve(stored(x=BIGINT), [flat({"x": [1, 2**53]}, {"x": [0.5, 2.0]})], Rules())
    (change,) = evolved.plan.changes
    assert isinstance(change, WidenColumn)
    assert (change.was, change.column.type) == (BIGINT, DOUBLE)
    assert evolved.tables["t"].to_pydict() == {"x": [1.0, 2.0**53, 0.5, 2.0]}


def test_whole_doubles_are_integers_in_a_column_of_integers() -> None:
    assert grow(stored(x=BIGINT), {"x": [1.0, -3e15]}) == ({"x": "bigint"}, {"x": [1, -3 * 10**15]})


@pytest.mark.parametrize(
    ("chunks", "rules"),
    [([{"x": [0.5]}], FIXED), ([{"x": [2**53 + 1]}, {"x": [0.5]}], Rules())],
    ids=["the destination cannot", "an integer at hand is no double"],
)
def test_fractions_get_a_variant_where_integers_would_change(chunks: list[dict[str, list[Any]]], rules: Rules) -> None:
    assert grow(stored(x=BIGINT), *chunks, rules=rules)[0] == {"x": "bigint", "x__v_double": "double"}


def test_what_has_a_variant_goes_on_into_it() -> None:
    variant = Column("x__v_double", DOUBLE, variant_of="x")
    known = Schema(1, {"t": Table("t", {"x": Column("x", BIGINT), variant.name: variant})})
    evolved = evolve(known, [flat({"x": [0.5, 2.0]})], Rules())
    assert not evolved.plan
    assert evolved.tables["t"].to_pydict() == {"x": [None, 2], "x__v_double": [0.5, None]}


@pytest.mark.parametrize("far", [52011965437747856.0, 2.0**60, 1e18])
def test_a_double_beyond_the_exact_integers_is_none(far: float) -> None:
    found, values = grow(stored(x=BIGINT), {"x": [2**53 + 1]}, {"x": [far, 2.0**53]})
    assert found == {"x": "bigint", "x__v_double": "double"}
    assert values == {"x": [2**53 + 1, None, 2**53], "x__v_double": [None, far, None]}


def test_a_date_column_widens_to_timestamps() -> None:
    found, values = grow(Schema(), {"x": [date(2026, 1, 1)]}, {"x": pa.array([NOON], TIMESTAMP.arrow)})
    assert found == {"x": "timestamp"}
    assert values["x"] == [NOON.replace(hour=0), NOON]


def test_text_with_nul_goes_to_a_binary_variant_where_text_cannot_hold_it() -> None:
    found, values = grow(stored(x=TEXT), {"x": ["a\0b", "c"]}, rules=Rules(stores_nul_text=False))
    assert found["x__v_binary"] == str(BINARY)
    assert values == {"x": [None, "c"], "x__v_binary": [b"a\0b", None]}


@pytest.mark.parametrize("chunks", [[["a\0b"]], [["a\0b"], ["c"]], [["2026-01-01T12:00:00Z", "a\0b"]]])
def test_a_new_column_of_text_with_nul_is_a_text_column(chunks: list[list[str]]) -> None:
    found, _ = grow(Schema(), *({"x": chunk} for chunk in chunks), rules=Rules(stores_nul_text=False))
    assert found == {"x": "text", "x__v_binary": "binary"}


def test_a_new_column_of_json_with_nul_is_a_json_column() -> None:
    chunk = pa.table([[r'{"a":"\u0000"}']], pa.schema([pa.field("x", pa.string(), metadata=JSON_MARK)]))
    assert grow(Schema(), chunk, rules=Rules(stores_nul_text=False))[0] == {"x": "json", "x__v_text": "text"}


def test_json_with_nul_goes_to_a_text_variant() -> None:
    field = pa.field("x", pa.string(), metadata=JSON_MARK)
    chunk = pa.table([["{}", r'{"a":"\u0000"}', r'{"a":"\\u0000"}']], pa.schema([field]))
    found, values = grow(Schema(), chunk, rules=Rules(stores_nul_text=False))
    assert found == {"x": "json", "x__v_text": "text"}
    assert values["x"] == ["{}", None, r'{"a":"\\u0000"}']


def test_a_variant_never_takes_the_name_of_a_field() -> None:
    found, values = grow(stored(x=BIGINT), {"x": ["a"], "x__v_text": ["user's"]})
    (variant,) = set(found) - {"x", "x__v_text"}
    assert (values[variant], values["x__v_text"]) == (["a"], ["user's"])


def test_a_row_with_more_columns_than_a_table_has_room_for_is_refused_and_its_neighbours_are_not() -> None:
    wide = {"_hr_id": ["1", "2", "3"], "a": [1, None, 3], "b": [None, 1, None], "c": [None, 1, None]}
    evolved = evolve(Schema(), [flat(wide)], Rules(max_columns=3))
    assert evolved.tables["t"].to_pydict() == {"_hr_id": ["1", "3"], "a": [1, 3]}
    assert evolved.refused["2"].reason == "too_many_columns"
    assert "t would need 4 columns, the destination allows 3" in evolved.refused["2"].error


def test_a_row_that_no_child_table_has_room_for_is_refused_with_all_its_rows() -> None:
    root = FlatTable("t", (pa.table({"_hr_id": ["1", "2"], "n": [1, 2]}),))
    lines = {"_hr_id": ["1-0", "2-0"], "_hr_root_id": ["1", "2"], "a": [1, 1], "b": [None, 1]}
    child = FlatTable("t__lines", (pa.table(lines),), parent="t")
    evolved = evolve(Schema(), [root, child], Rules(max_columns=3))
    assert evolved.tables["t"].to_pydict() == {"_hr_id": ["1"], "n": [1]}
    assert evolved.tables["t__lines"].to_pydict() == {"_hr_id": ["1-0"], "_hr_root_id": ["1"], "a": [1]}
    assert set(evolved.refused) == {"2"}


def test_rows_that_need_nothing_new_go_into_a_table_that_is_full() -> None:
    brought = flat({"_hr_id": ["1", "2"], "x": [1, 2], "new": [None, 1]})
    evolved = evolve(stored(_hr_id=TEXT, x=BIGINT), [brought], Rules(max_columns=2))
    assert (set(evolved.refused), evolved.tables["t"].to_pydict()) == ({"2"}, {"_hr_id": ["1"], "x": [1]})
    assert not evolved.plan


def test_a_variant_for_which_there_is_no_room_refuses_its_row() -> None:
    brought = flat({"_hr_id": ["1"], "x": ["a"]}, {"_hr_id": ["2"], "x": [2]})
    evolved = evolve(stored(_hr_id=TEXT, x=BIGINT), [brought], Rules(max_columns=2))
    assert (set(evolved.refused), evolved.tables["t"].to_pydict()) == ({"1"}, {"_hr_id": ["2"], "x": [2]})


def test_keys_beyond_the_limit_go_into_one_json_column_by_their_original_paths() -> None:
    chunk = pa.table(
        {"_hr_id": ["1", "2"], "n": [1, 2], "ids__a": [1.5, None], "ids__b": [None, "x"], "at": [NOON, None]}
    )
    origins = {"n": ("n",), "ids__a": ("ids", "a"), "ids__b": ("ids", "b"), "at": ("At",)}
    evolved = evolve(Schema(), [FlatTable("t", (chunk,), origins=origins)], Rules(max_columns=3, overflow="json"))
    assert not evolved.refused
    table = evolved.tables["t"].to_pydict()
    assert (table["_hr_id"], table["n"]) == (["1", "2"], [1, 2])
    assert [json.loads(text) for text in table["_hr_overflow"]] == [
        {"ids": {"a": 1.5}, "At": "2026-01-01T12:00:00+00:00"}, {"ids": {"b": "x"}}
    ]  # fmt: skip


def test_names_given_under_another_schema_are_noticed() -> None:
    brought = FlatTable("t", (pa.table({"x": [1]}),), origins={"x": ("X",)})
    with pytest.raises(SchemaConflict, match="normalize it again"):
        evolve(stored(x=BIGINT), [brought], Rules())


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1], pa.int8()), "bigint"),
        (pa.array([2**63], pa.uint64()), "decimal(20,0)"),
        (pa.array([0.5], pa.float32()), "double"),
        (pa.array(["a"], pa.large_string()), "text"),
        (pa.array(["a"]).dictionary_encode(), "text"),
        (pa.array([b"ab"], pa.binary(2)), "binary"),
        (pa.array([1], pa.timestamp("s")), "timestamp"),
        (pa.array([1], pa.timestamp("ns")), "text"),
        (pa.array([Decimal("1.5")], pa.decimal128(5, 2)), "decimal(5,2)"),
    ],
)
def test_every_arrow_type_has_a_column_type(values: Any, kind: str) -> None:
    assert grow(Schema(), {"x": values})[0] == {"x": kind}


def test_a_decimal_beyond_38_digits_is_kept_as_plain_text() -> None:
    tiny = pa.array([Decimal("1e-39")], pa.decimal256(39, 39))
    assert grow(Schema(), {"x": tiny})[1] == {"x": ["0." + "0" * 38 + "1"]}


def test_a_decimal_that_a_finer_scale_has_no_room_for_goes_to_a_variant() -> None:
    brought = pa.array([Decimal(123), Decimal("0.5")], decimal(38, 9).arrow)
    held = grow(stored(x=decimal(38, 38)), {"x": brought})[1]
    assert held == {"x": [None, Decimal("0.5")], "x__v_decimal": [Decimal(123), None]}


def test_an_arrow_type_without_a_column_type_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedValue, match=r"t\.x: no column type for Arrow's duration"):
        grow(Schema(), {"x": pa.array([1], pa.duration("s"))})


def test_a_type_that_a_schema_declares_makes_a_column_of_nulls() -> None:
    fields = [pa.field("a", pa.int32(), metadata=DECLARED_MARK), pa.field("b", pa.int32())]
    chunk = pa.table([[None], [None]], pa.schema(fields))
    evolved = evolve(Schema(), [FlatTable("t", (chunk,))], Rules())
    assert {name: column.type for name, column in evolved.plan.target.tables["t"].columns.items()} == {"a": BIGINT}


def test_text_that_a_schema_declares_stays_text() -> None:
    chunk = pa.table([["2026-01-01T00:00:00Z"]], pa.schema([pa.field("a", pa.string(), metadata=DECLARED_MARK)]))
    evolved = evolve(Schema(), [FlatTable("t", (chunk,))], Rules())
    assert evolved.plan.target.tables["t"].columns["a"].type == TEXT
