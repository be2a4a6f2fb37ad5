"""Reading PostgreSQL back: the same types in every batch, from one snapshot."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

import headrace


def test_values_come_back_in_their_types_and_in_batches(postgres_dsn: str, tmp_path: Path) -> None:
    shop = headrace.pipeline("shop", tmp_path, destination=postgres_dsn, dataset_name=f"d{uuid4().hex[:8]}")
    row = {
        "id": 1, "price": Decimal("1.5"), "at": datetime(2026, 1, 2, tzinfo=UTC), "day": date(2026, 1, 2),
        "text": "a", "flag": True, "bytes": b"\x00", "ratio": 0.5,
    }  # fmt: skip
    shop.run([row, *({"id": number} for number in range(2, 6))], table_name="items")
    batches = list(shop.dataset().table("items").select(*row).batches(2))
    assert [batch.num_rows for batch in batches] == [2, 2, 1]
    assert pa.concat_tables(batches).to_pylist()[0] == row


def test_a_query_sees_the_tables_of_the_dataset(postgres_dsn: str, tmp_path: Path) -> None:
    shop = headrace.pipeline("shop", tmp_path, destination=postgres_dsn, dataset_name=f"d{uuid4().hex[:8]}")
    shop.run([{"id": 1}, {"id": 2}], table_name="items")
    assert shop.dataset().sql("select max(id) as newest from items").arrow().to_pydict() == {"newest": [2]}
