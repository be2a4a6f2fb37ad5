"""Values: each type's extremes go in and come out unchanged, to the last digit and byte."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

import pytest

from checkpoints.testing import A, at, step
from sinks.contract import Sink
from sinks.errors import DataRefused
from sinks.schema import BIGINT, BINARY, BOOL, DATE, DOUBLE, JSON, TEXT, TIME, TIMESTAMP, DataType, decimal
from sinks.testing.builders import ORDERS, batch, claimed, data_step, grown, reject, table
from sinks.testing.suite import SinkSuite, Warehouse

MEGABYTES: Final = 1024 * 1024
DIGITS: Final = "12345678901234567890123456789012345678"  # as many as a decimal can have

VALUES: Final[Mapping[str, tuple[DataType, Sequence[object]]]] = {
    "text": (
        TEXT,
        [
            "",
            " ",
            "plain",
            "NULL",
            "\\N",
            "a,b\t\"c\"'d'\\e\r\nf",
            "Zürich",
            "🦔👩‍👩‍👧",
            "e\u0301",
            "\u2028\ufeff\x01\x7f",
        ],
    ),
    "long text": (TEXT, ["x" * MEGABYTES, "🦔" * 100_000]),
    "bigint": (BIGINT, [0, -1, 2**53 + 1, -(2**63), 2**63 - 1]),
    "double": (
        DOUBLE,
        [0.0, -0.0, 0.1, 1e-7, 123456789.12345678, sys.float_info.max, sys.float_info.min, 5e-324, -5e-324],
    ),
    "double that is no number": (DOUBLE, [float("nan"), float("inf"), float("-inf")]),
    "bool": (BOOL, [True, False]),
    "timestamp": (
        TIMESTAMP,
        [
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
            datetime(2026, 3, 29, 1, 30, 0, 1, UTC),
            datetime(1900, 1, 1, 0, 0, 0, 1, UTC),
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        ],
    ),
    "date": (DATE, [date(1970, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)]),
    "time": (TIME, [time(0, 0), time(0, 0, 0, 1), time(12, 30, 15, 123_456), time(23, 59, 59, 999_999)]),
    "binary": (BINARY, [b"", b"\x00", b"\xff\xfe", bytes(range(256)), b"\\x41", b"NULL"]),
    "huge binary": (BINARY, [b"\x00\xffx\\" * (2 * MEGABYTES)]),
    "decimal of 38 digits": (decimal(38, 0), [Decimal(0), Decimal(DIGITS), Decimal(f"-{DIGITS}"), Decimal("9" * 38)]),
    "decimal with a fraction": (decimal(38, 10), [Decimal("0.0000000001"), Decimal(f"{DIGITS[:28]}.{DIGITS[28:]}")]),
    "decimal that is all fraction": (decimal(38, 38), [Decimal(f"0.{DIGITS}"), Decimal(f"-0.{DIGITS}")]),
    "json": (JSON, ["{}", "[]", "null", '""', "0", '"text"']),
}


class ValueContract(SinkSuite):
    """No value is changed by the sink."""

    @pytest.mark.parametrize("name", VALUES)
    async def test_values_come_back_unchanged(self, sink: Sink, warehouse: Warehouse, name: str) -> None:
        kind, values = VALUES[name]
        schema = await grown(sink, table("facts", n=BIGINT, v=kind))
        expected = [*values, None]
        await sink.load(batch(schema, {"facts": [{"n": n, "v": v} for n, v in enumerate(expected)]}), data_step("one"))
        found = {row["n"]: row["v"] for row in await warehouse.read("facts")}
        assert [_exactly(found[n]) for n in range(len(expected))] == [_exactly(value) for value in expected]

    async def test_a_row_may_be_all_nulls(self, sink: Sink, warehouse: Warehouse) -> None:
        schema = await grown(sink, ORDERS)
        await sink.load(batch(schema, {"orders": [{}, {}]}), data_step("one"))
        assert await warehouse.read("orders") == [{"n": None, "note": None}] * 2

    async def test_text_with_nul_is_kept_where_it_can_be_stored_and_refused_elsewhere(
        self, sink: Sink, warehouse: Warehouse
    ) -> None:
        schema = await grown(sink, ORDERS)
        rows = [{"n": 1, "note": "fine"}, {"n": 2, "note": "a\x00b\x00"}]
        forward = step(await claimed(sink, 0), {A: 2})
        if sink.capabilities.stores_nul_text:
            await sink.load(batch(schema, {"orders": rows}), forward)
            assert sorted(str(row["note"]) for row in await warehouse.read("orders")) == ["a\x00b\x00", "fine"]
            return
        with pytest.raises(DataRefused):
            await sink.load(batch(schema, {"orders": rows}), forward)
        assert (await warehouse.read("orders"), (await sink.positions(["orders"])).position) == ([], at(0))
        await sink.load(batch(schema, {"orders": rows[:1]}, rejects=[reject(A, 1, value=b"a\x00b\x00")]), forward)
        assert await warehouse.read("orders") == rows[:1]

    async def test_json_with_an_escaped_nul_is_kept_where_it_can_be_stored_and_refused_elsewhere(
        self, sink: Sink, warehouse: Warehouse
    ) -> None:
        schema = await grown(sink, table("facts", n=BIGINT, v=JSON))
        rows = [{"n": 1, "v": "{}"}, {"n": 2, "v": r'{"a": "x\u0000y"}'}]
        forward = step(await claimed(sink, 0), {A: 2})
        if sink.capabilities.stores_nul_text:
            await sink.load(batch(schema, {"facts": rows}), forward)
            found = sorted(json.loads(str(row["v"])).get("a", "") for row in await warehouse.read("facts"))
            assert found == ["", "x\x00y"]
            return
        with pytest.raises(DataRefused):
            await sink.load(batch(schema, {"facts": rows}), forward)
        assert (await warehouse.read("facts"), (await sink.positions(["orders"])).position) == ([], at(0))
        await sink.load(batch(schema, {"facts": rows[:1]}, rejects=[reject(A, 1)]), forward)
        assert await warehouse.read("facts") == rows[:1]


def _exactly(value: object) -> tuple[type, object]:
    """Return what tells `value` from all others: -0.0 from 0.0 and True from 1, but no NaN from another."""
    return type(value), repr(value) if isinstance(value, float) else value
