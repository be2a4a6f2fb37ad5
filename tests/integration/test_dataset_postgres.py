"""Reading PostgreSQL back: the same types in every batch, from one snapshot."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
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


def test_hints_are_an_index_a_comment_and_a_refusal_of_doubles(postgres_dsn: str, tmp_path: Path) -> None:
    dataset = f"d{uuid4().hex[:8]}"
    shop = headrace.pipeline("shop", tmp_path, destination=postgres_dsn, dataset_name=dataset)
    hints = {"id": {"unique": True, "description": "it's \\ a name"}, "at": {"sort": True}}
    shop.run([{"id": 1, "at": 5, "note": "x"}], table_name="items", columns=hints)
    shop.run([{"id": 2, "more": True}], table_name="items", columns=hints)
    assert shop.run([{"id": 1}], table_name="items", columns=hints).has_failed_jobs
    with psycopg.connect(postgres_dsn) as connection:
        indexes = connection.execute(
            "select indexdef from pg_indexes where schemaname = %s and tablename = 'items' order by 1", [dataset]
        ).fetchall()
        (comment,) = connection.execute(
            f"select col_description('{dataset}.items'::regclass, attnum) from pg_attribute "
            f"where attrelid = '{dataset}.items'::regclass and attname = 'id'"
        ).fetchone()  # type: ignore[misc]
    assert [("UNIQUE" in text, text.rpartition(" ")[2]) for (text,) in indexes] == [(False, "(at)"), (True, "(id)")]
    assert comment == "it's \\ a name"
