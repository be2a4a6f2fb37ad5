"""Topics and data that merge: a whole run in memory and in DuckDB, and the tables of docs/write-dispositions.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import duckdb
import pytest

import stream
from checkpoints import Partition
from sinks import SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from stream.config.models import Batching, Config, Kafka
from stream.config.topics import Topic
from stream.dispositions import DispositionChanged
from stream.errors import ConfigError, PipelineStepFailed
from stream.observe.facts import BatchLoaded
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[4] / "docs" / "write-dispositions.md").read_text(encoding="utf-8")
ORDERS = Partition("orders", 0)
BY_ID = Topic(write_disposition="merge", primary_key=("id",), hard_delete="deleted")


class Shop:
    """The topic `orders` in a broker in memory, and the warehouse that it is loaded into."""

    def __init__(self) -> None:
        self.broker, self.warehouse, self.facts = MemoryBroker(), MemoryWarehouse(), []
        self.broker.create("orders", 1)

    async def load(self, settings: Topic, *records: tuple[Any, Any]) -> None:
        self.produce(*records)
        await self.run(settings)

    def produce(self, *records: tuple[Any, Any], at: str = "00:00") -> None:
        keys = [None if key is None else json.dumps(key).encode() for key, _ in records]
        values = [None if value is None else json.dumps(value).encode() for _, value in records]
        time = datetime.fromisoformat(f"2026-03-01T{at}Z")
        self.broker.produce(ORDERS, values, keys=keys, timestamp=round(time.timestamp() * 1000))

    async def run(self, settings: Topic) -> None:
        config = Config(
            kafka=Kafka(topics=("orders",), until="latest"),
            batching=Batching(max_age_seconds=0.01),
            topics={"orders": settings},
        )
        sink = MemorySink(self.warehouse, SinkOptions("shop", "shop", "me"))
        with anyio.fail_after(20):
            await serve("shop", config, sink, self._source, self.facts.append, stopping=anyio.Event())

    def _source(self, config, budget):
        return memory_source(self.broker, config.kafka, config.batching, budget)

    def rows(self, *columns: str, table: str = "orders") -> list[tuple[Any, ...]]:
        rows = self.warehouse.table(table).to_pylist()
        return sorted(tuple(row.get(column) for column in columns) for row in rows)


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def test_the_last_event_of_a_key_wins_in_a_batch_and_over_batches(shop):
    await shop.load(BY_ID, (1, {"id": 1, "n": 1}), (1, {"id": 1, "n": 2}), (2, {"id": 2, "n": 3}))
    await shop.load(BY_ID, (2, {"id": 2, "n": 4}))
    assert shop.rows("id", "n") == [(1, 2), (2, 4)]


async def test_a_tombstone_deletes_the_row_that_its_key_names(shop):
    await shop.load(BY_ID, (1, {"id": 1, "items": [1, 2]}), (2, {"id": 2, "items": [3]}))
    await shop.load(BY_ID, ({"id": 1}, None))
    assert (shop.rows("id"), shop.rows("value", table="orders__items")) == ([(2,)], [(3,)])


async def test_a_nested_field_may_be_the_key(shop):
    settings = Topic(write_disposition="merge", primary_key=("order.ID", "shop"))
    await shop.load(settings, (None, {"order": {"ID": 1}, "shop": "a", "n": 1}))
    await shop.load(
        settings, (None, {"order": {"ID": 1}, "shop": "a", "n": 2}), (None, {"order": {"ID": 1}, "shop": "b"})
    )
    assert shop.rows("order__id", "shop", "n", "_hr_id") == [(1, "a", 2, "1|a"), (1, "b", None, "1|b")]


async def test_the_kafka_key_may_be_the_key(shop):
    settings = Topic(write_disposition="merge", primary_key=("_kafka_key",), primary_key_format="json")
    await shop.load(settings, ({"b": 1, "a": 2}, {"n": 1}), ({"a": 2, "b": 1}, {"n": 2}), ("x", {"n": 3}))
    await shop.load(settings, ("x", None))
    assert shop.rows("_kafka_key", "n") == [('{"a":2,"b":1}', 2)]


async def test_the_schema_in_front_of_a_key_is_no_part_of_it(shop):
    settings = Topic(write_disposition="merge", primary_key=("_kafka_key",), primary_key_format="json")
    old, new = ({"schema": {"type": kind}, "payload": {"id": 1}} for kind in ("int32", "int64"))
    await shop.load(settings, (old, {"n": 1}), (new, {"n": 2}), ({"schema": {}, "payload": {"id": 2}}, {"n": 3}))
    await shop.load(settings, ({"payload": {"id": 2}, "schema": {}}, None))
    assert shop.rows("_kafka_key", "n") == [('{"id":1}', 2)]


async def test_an_event_without_a_key_is_set_aside_with_its_bytes(shop):
    await shop.load(
        BY_ID, (1, {"id": 1}), (2, {"id": None, "new": True}), (3, {"n": 1}), (4, {"id": "x"}), (None, None)
    )
    found = [(reject.offset, reject.reason) for reject in shop.warehouse.rejects]
    assert (shop.rows("id"), sorted(found)) == (
        [(1,)],
        [(1, "null_key"), (2, "null_key"), (3, "null_key"), (4, "null_key")],
    )


async def test_a_late_event_by_the_column_to_sort_by_changes_nothing(shop):
    settings = BY_ID.model_copy(update={"dedup_sort": ("at",)})
    await shop.load(settings, (1, {"id": 1, "at": 5, "n": 1}), (1, {"id": 1, "at": 4, "n": 2}))
    await shop.load(settings, (1, {"id": 1, "at": 3, "n": 3}), (1, {"id": 1, "at": 5, "n": 4}))
    assert shop.rows("id", "n") == [(1, 4)]


async def test_a_soft_delete_leaves_the_row_with_the_time(shop):
    settings = BY_ID.model_copy(update={"soft_delete": "deleted_at"})
    await shop.load(settings, (1, {"id": 1, "n": 1}), (2, {"id": 2, "n": 2}))
    await shop.load(settings, (1, None))
    assert [(id, n, at is None) for id, n, at in shop.rows("id", "n", "deleted_at")] == [(1, 1, False), (2, 2, True)]


async def test_insert_only_keeps_the_first_event(shop):
    settings = Topic(write_disposition="merge", primary_key=("id",), strategy="insert-only")
    await shop.load(settings, (1, {"id": 1, "n": 1}), (1, {"id": 1, "n": 2}))
    await shop.load(settings, (1, {"id": 1, "n": 3}), (1, None))
    assert shop.rows("id", "n") == [(1, 1)]


async def test_skip_loads_nothing_and_counts(shop):
    await shop.load(Topic(write_disposition="skip"), (1, {"id": 1}), (2, {"id": 2}))
    (loaded,) = [fact for fact in shop.facts if isinstance(fact, BatchLoaded)]
    assert (loaded.skipped, shop.warehouse.schema.tables) == ({"orders": {"write_disposition": 2}}, {})


async def test_another_disposition_for_a_table_that_is_there_is_refused(shop):
    await shop.load(Topic(), (1, {"id": 1}))
    with pytest.raises(DispositionChanged, match=r"made to be written with append.*merge \(upsert\) by id.*Put the"):
        await shop.load(BY_ID, (1, {"id": 1}))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Topic(write_disposition="merge"), "merges and has no key"),
        (Topic(primary_key=("id",)), "has primary_key, which only"),
        (BY_ID.model_copy(update={"strategy": "scd2", "soft_delete": "gone_at"}), "scd2 closes a version"),
        (Topic(write_disposition="scd2", strategy="upsert", primary_key=("id",)), "scd2 keeps all versions"),
        (BY_ID.model_copy(update={"strategy": "insert-only"}), "knows no deletes"),
    ],
)
async def test_settings_that_do_not_go_together_are_refused(shop, settings, told):
    with pytest.raises(ConfigError, match=told):
        await shop.load(settings, (1, {"id": 1}))


def cells(table: str) -> list[list[str]]:
    """Return the cells of a table in Markdown, without the line below its head."""
    lines = [line for line in table.splitlines() if "---" not in line]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def with_events() -> list[tuple[str, list[list[list[str]]]]]:
    """Return the sections of the page that have events, with their tables: before, events, after."""
    found = []
    for section in PAGE.split("\n## ")[1:]:
        tables = [cells(table) for table in re.findall(r"(?:^\|.*\|$\n?)+", section, re.MULTILINE)]
        if len(tables) == 3:
            found.append((section.partition("\n")[0], tables))
    return found


def sections() -> list[tuple[str, list[list[list[str]]]]]:
    """Return those in which each key has one row."""
    return [(title, tables) for title, tables in with_events() if title != "scd2"]


(HISTORY,) = (tables for title, tables in with_events() if title == "scd2")


def shown(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%H:%M}"


async def test_the_page_shows_which_versions_there_are(shop):
    before, events, after = HISTORY
    settings = BY_ID.model_copy(update={"write_disposition": "scd2"})
    for key, state, since, _ in before[1:]:
        shop.produce((int(key), {"id": int(key), "state": state}), at=since)
    await shop.run(settings)
    for _, time, key, value in events[1:]:
        shop.produce((int(key), json.loads(value) if value else None), at=time)
    await shop.run(settings)
    rows = shop.rows("id", "_hr_valid_from", "state", "_hr_valid_to")
    assert [[str(id), state, shown(since), shown(until)] for id, since, state, until in rows] == after[1:]


@pytest.mark.parametrize(("title", "tables"), sections(), ids=[title for title, _ in sections()])
async def test_the_page_shows_what_happens(shop, title, tables):
    before, events, after = tables
    await shop.load(BY_ID, *((row[0], {"id": int(row[0]), "state": row[1]}) for row in map(tuple, before[1:])))
    await shop.load(BY_ID, *((int(key), json.loads(value) if value else None) for _, key, value in events[1:]))
    assert [[str(id), state] for id, state in shop.rows("id", "state")] == after[1:]


@pytest.fixture
def sales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> stream.Pipeline:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return stream.pipeline("sales", destination="duckdb")


def merge(sales: stream.Pipeline, data: list[dict[str, Any]]) -> None:
    columns = {"id": {"primary_key": True}, "gone": {"hard_delete": True}}
    sales.run(data, table_name="orders", write_disposition="merge", columns=columns)


def test_data_that_is_not_kafka_merges_too(sales, tmp_path):
    merge(sales, [{"id": 1, "n": 1, "items": [1]}, {"id": 2, "n": 2}, {"id": 1, "n": 3, "items": [2, 3]}])
    merge(sales, [{"id": 2, "gone": True}, {"id": 3, "n": 4}])
    with duckdb.connect(str(tmp_path / "sales_data.duckdb"), read_only=True) as file:
        rows = file.sql("select id, n from sales.orders order by id").fetchall()
        items = file.sql('select "value" from sales.orders__items order by 1').fetchall()
    assert (rows, items) == ([(1, 3), (3, 4)], [(2,), (3,)])


def test_data_that_is_not_kafka_keeps_history_too(sales, tmp_path):
    how = {"disposition": "merge", "strategy": "scd2"}
    for data in ([{"id": 1, "n": 1, "items": [1]}, {"id": 2}], [{"id": 1, "n": 0}, {"id": 1, "n": 2}, {"id": 2}]):
        sales.run(data, table_name="orders", write_disposition=how, columns={"id": {"primary_key": True}})
    with duckdb.connect(str(tmp_path / "sales_data.duckdb"), read_only=True) as file:
        rows = file.sql("select id, n, _hr_valid_to is null from sales.orders order by 1, 2").fetchall()
        items = file.sql(
            "select n from sales.orders o join sales.orders__items i on i._hr_root_id = o._hr_id"
        ).fetchall()
    assert (rows, items) == ([(1, 1, False), (1, 2, True), (2, None, True)], [(1,)])


async def test_an_instant_to_sort_by_tells_from_when_a_version_is_valid(shop):
    settings = Topic(write_disposition="scd2", primary_key=("id",), dedup_sort=("at",))
    await shop.load(settings, *((1, {"id": 1, "at": f"2026-03-01T{at}Z"}) for at in ("12:00:00", "14:00:00")))
    shop.produce((1, {"id": 1, "at": "2026-03-01T13:00:00Z"}), at="20:00")
    await shop.run(settings)
    found = [(shown(since), shown(until)) for since, until in shop.rows("_hr_valid_from", "_hr_valid_to")]
    assert found == [("12:00", "13:00"), ("13:00", "14:00"), ("14:00", "")]


async def test_metadata_and_new_columns_without_a_value_open_no_version(shop):
    settings = Topic(write_disposition="scd2", primary_key=("id",), metadata=("topic", "key", "headers"))
    await shop.load(settings, (1, {"id": 1, "n": 1}), ("other", {"id": 1, "n": 1, "new": None}))
    await shop.load(settings, (2, {"id": 2, "new": 1, "n": 0.5}), (1, {"id": 1, "n": 1.0}))
    assert shop.rows("id", "n") == [(1, 1.0), (2, 0.5)]


def test_data_replaces_what_was_there_and_what_is_below_it(sales, tmp_path):
    def load(data: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
        sales.run(data, table_name="orders", write_disposition="replace")
        with duckdb.connect(str(tmp_path / "sales_data.duckdb"), read_only=True) as file:
            rows = file.sql("select id from sales.orders order by id").fetchall()
            return rows, file.sql('select "value" from sales.orders__items order by 1').fetchall()

    first = load([{"id": 1, "items": [1]}, {"id": 2, "items": [2]}])
    assert (first, load([{"id": 3}]), load([])) == (([(1,), (2,)], [(1,), (2,)]), ([(3,)], []), ([], []))


def test_data_without_a_key_cannot_merge(sales):
    with pytest.raises(ConfigError, match="merges and has no key"):
        sales.run([{"id": 1}], table_name="orders", write_disposition="merge")


def test_data_for_a_table_that_is_written_otherwise_is_refused(sales):
    sales.run([{"id": 1}], table_name="orders")
    with pytest.raises(PipelineStepFailed, match="made to be written with append"):
        merge(sales, [{"id": 1}])


def change(op: str, after: object = None) -> dict[str, Any]:
    source = {"connector": "postgresql", "ts_ms": 1, "lsn": 2}
    return {"before": None, "after": after, "source": source, "op": op, "ts_ms": 1}


@pytest.mark.parametrize("settings", [Topic(format="debezium"), Topic(format="debezium", primary_key=("id",))])
async def test_one_flag_makes_the_table_what_the_database_holds(shop, settings: Topic):
    one, two = {"id": 1}, {"id": 2}
    await shop.load(settings, (one, change("r", {"id": 1, "n": 1})), (two, change("c", {"id": 2, "n": 1})))
    await shop.load(settings, (two, change("u", {"id": 2, "n": 2})), (one, change("d")), (one, None))
    assert shop.rows("id", "n") == [(2, 2)]


async def test_a_key_that_changes_moves_its_row(shop):
    old, new = {"id": 1}, {"id": 9}
    await shop.load(Topic(format="debezium"), (old, change("c", {"id": 1, "n": 1})))
    await shop.load(Topic(format="debezium"), (old, change("d")), (old, None), (new, change("c", {"id": 9, "n": 1})))
    assert shop.rows("id", "n") == [(9, 1)]


async def test_changes_may_be_kept_as_a_log(shop):
    settings = Topic(format="debezium", write_disposition="append")
    await shop.load(settings, ({"id": 1}, change("c", {"id": 1, "n": 1})), ({"id": 1}, change("d")))
    assert shop.rows("_cdc_op", "id") == [("c", 1), ("d", 1)]
