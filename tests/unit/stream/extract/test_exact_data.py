"""No value is cut in silence: what Arrow, pandas, numpy and polars hand over is kept, or refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import headrace
from sinks.memory import warehouse
from stream.errors import ConfigError
from stream.extract.row_columns import as_columns

NANO = 1_700_000_000_123_456_789


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Any], list[dict[str, Any]]]:
    """Load data, and return the rows of its table without headrace's own columns and without what is null."""

    def run(data: Any) -> list[dict[str, Any]]:
        pipe = headrace.pipeline("exact", tmp_path, destination="memory", dataset_name=str(tmp_path))
        pipe.run(data, table_name="items")
        rows = warehouse("memory://exact", str(tmp_path)).table("items").to_pylist()
        return [{k: v for k, v in row.items() if not k.startswith("_hr_") and v is not None} for row in rows]

    return run


ARROW = {
    "nanoseconds": (pa.array([NANO], pa.timestamp("ns")), "2023-11-14 22:13:20.123456789"),
    "whole microseconds": (pa.array([1_000], pa.timestamp("ns")), datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
    "time in nanoseconds": (pa.array([1_001], pa.time64("ns")), "00:00:00.000001001"),
    "seconds": (pa.array([5], pa.timestamp("s", tz="Europe/Berlin")), datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)),
    "date64": (pa.array([86_400_000], pa.date64()), date(1970, 1, 2)),
    "dictionary": (pa.array(["a"]).dictionary_encode(), "a"),
    "large text": (pa.array(["a"], pa.large_string()), "a"),
    "text view": (pa.array(["a"], pa.string_view()), "a"),
    "binary view": (pa.array([b"a"], pa.binary_view()), b"a"),
    "fixed binary": (pa.array([b"ab"], pa.binary(2)), b"ab"),
    "half": (pa.array([np.float16(1.5)], pa.float16()), 1.5),
    "unsigned": (pa.array([2**64 - 1], pa.uint64()), Decimal(2**64 - 1)),
    "small decimal": (pa.array([Decimal("1.5")], pa.decimal32(5, 2)), Decimal("1.50")),
    "decimal of 60 digits": (pa.array([Decimal("9" * 60)], pa.decimal256(76, 0)), "9" * 60),
    "uuid": (pa.array([UUID(int=7).bytes], pa.uuid()), str(UUID(int=7))),
    "run-end": (pa.RunEndEncodedArray.from_arrays([1], ["a"]), "a"),
    "bool8": (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())), True),
}


@pytest.mark.parametrize("kind", ARROW)
def test_an_arrow_value_keeps_what_it_says(load: Callable[[Any], Any], kind: str) -> None:
    array, value = ARROW[kind]
    (row,) = load(pa.table({"x": array}))
    assert list(row.values()) == [value]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([[1, 2]], pa.list_view(pa.int64())),
        pa.array([[1, 2]], pa.large_list(pa.int64())),
        pa.array([[1, 2]], pa.list_(pa.int64(), 2)),
    ],
    ids=lambda array: str(array.type),
)
def test_every_kind_of_list_becomes_a_child_table(tmp_path: Path, array: Any) -> None:
    pipe = headrace.pipeline("exact", tmp_path, destination="memory", dataset_name=str(tmp_path))
    assert pipe.run(pa.table({"x": array}), table_name="t").rows == {"t": 1, "t__x": 2}


def test_nested_dictionaries_and_maps_are_plain(tmp_path: Path) -> None:
    inner = pa.StructArray.from_arrays([pa.array(["a"]).dictionary_encode()], names=["c"])
    mapped = pa.array([[("k", 1), ("l", 2)]], pa.map_(pa.string(), pa.int64()))
    pipe = headrace.pipeline("exact", tmp_path, destination="memory", dataset_name=str(tmp_path))
    assert pipe.run(pa.table({"s": inner, "m": mapped}), table_name="t").rows == {"t": 1, "t__m": 2}


@pytest.mark.parametrize(
    "array", [pa.array([1], pa.duration("s")), pa.array([(1, 2, 3)], pa.month_day_nano_interval())], ids=str
)
def test_a_type_without_a_column_is_refused_by_its_name(load: Callable[[Any], Any], array: Any) -> None:
    with pytest.raises(ConfigError, match=r"column deep\.x: there is no column type"):
        load(pa.table({"deep": pa.StructArray.from_arrays([array], names=["x"])}))


def test_a_reader_is_read_batch_by_batch(load: Callable[[Any], Any]) -> None:
    batches = [pa.record_batch({"x": [1]}), pa.record_batch({"x": [2]})]
    assert load(pa.RecordBatchReader.from_batches(batches[0].schema, batches)) == [{"x": 1}, {"x": 2}]


def test_a_pandas_frame_keeps_its_values(load: Callable[[Any], Any]) -> None:
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime([NANO, None], unit="ns"),
            "kind": pd.Categorical(["a", None]),
            "count": pd.array([1, None], dtype="Int64"),
            "price": [1.5, float("nan")],
        }
    )
    assert [set(row.values()) for row in load(frame)] == [
        {"2023-11-14 22:13:20.123456789", "a", 1, 1.5},
        set(),
    ]


def test_a_pandas_column_of_dates_and_instants_keeps_both(load: Callable[[Any], Any]) -> None:
    rows = load(pd.DataFrame({"x": pd.Series([date(2026, 1, 2), datetime(2026, 1, 2, 3, 4)], dtype=object)}))
    assert [row["x"] for row in rows] == [
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    ]


def test_a_named_index_of_pandas_is_data(load: Callable[[Any], Any]) -> None:
    assert load(pd.DataFrame({"id": [7], "x": [1]}).set_index("id")) == [{"id": 7, "x": 1}]


def test_a_polars_frame_keeps_its_values(load: Callable[[Any], Any]) -> None:
    frame = pl.DataFrame({"a": [1], "b": ["x"], "c": [Decimal("1.25")], "d": [date(2026, 1, 2)]})
    assert load(frame) == [{"a": 1, "b": "x", "c": Decimal("1.25"), "d": date(2026, 1, 2)}]


def test_a_lazy_polars_frame_is_collected(load: Callable[[Any], Any]) -> None:
    assert load(pl.LazyFrame({"a": [1]})) == [{"a": 1}]


NUMPY = {
    "int": (np.int64(2**62), 2**62),
    "float": (np.float32(0.5), 0.5),
    "bool": (np.bool_(True), True),
    "text": (np.str_("a"), "a"),
    "day": (np.datetime64("2026-01-02"), date(2026, 1, 2)),
    "instant": (np.datetime64("2026-01-02T03:04:05.123456"), datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
    "nanoseconds": (np.datetime64(NANO, "ns"), "2023-11-14T22:13:20.123456789"),
    "timestamp": (pd.Timestamp(NANO), "2023-11-14T22:13:20.123456789"),
    "time with zone": (time(1, 2, tzinfo=UTC), "01:02:00+00:00"),
}


@pytest.mark.parametrize("kind", NUMPY)
def test_a_scalar_of_numpy_or_pandas_keeps_what_it_says(load: Callable[[Any], Any], kind: str) -> None:
    given, value = NUMPY[kind]
    assert load([{"x": given}]) == [{"x": value}]


@pytest.mark.parametrize("missing", [pd.NaT, pd.NA, np.datetime64("NaT")], ids=str)
def test_what_pandas_calls_missing_is_null(load: Callable[[Any], Any], missing: Any) -> None:
    assert load([{"id": 1, "x": missing}]) == [{"id": 1}]


def test_lists_and_tables_that_a_generator_yields_are_rows(load: Callable[[Any], Any]) -> None:
    def pages() -> Any:
        yield [{"id": 1}, None, {"id": 2}]
        yield pa.table({"id": [3]})
        yield pd.DataFrame({"id": [4]})

    assert [row["id"] for row in load(pages)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "rows",
    [
        [{"x": date(2026, 1, 2)}, {"x": datetime(2026, 1, 2, 3)}],
        [{"x": b"a"}, {"x": "a"}],
        [{"x": time(1, tzinfo=UTC)}],
        [{"x": float("inf")}],
        [{"x": {"y": Decimal("1")}}],
        [{"x": 2**63}],
        [{"x": True}, {"x": 1}],
        [{"x": [None, None]}],
    ],
    ids=str,
)
def test_rows_that_arrow_would_read_in_its_own_way_are_no_columns(rows: list[Any]) -> None:
    assert as_columns(rows) is None


def test_one_odd_row_does_not_slow_all_others_down(tmp_path: Path) -> None:
    rows = [{"x": number} for number in range(4_000)]
    rows[1_234] = {"x": {"odd": 2**70}}  # type: ignore[dict-item]
    pipe = headrace.pipeline("exact", tmp_path, destination="memory", dataset_name=str(tmp_path))
    assert sum(pipe.extract(rows, table_name="t").packages[0].rows.values()) == 4_000
