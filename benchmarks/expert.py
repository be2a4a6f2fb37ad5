"""The half that the experts' scripts share: Kafka's bytes to Arrow tables, and loading in a second thread.

This is what a good engineer writes for exactly one topic in an afternoon: the schema is known and fixed, one Arrow
parse per batch, offsets in the same transaction as the rows. It has no evolution, no fence, no rejects, no
rebalancing: one record that does not fit stops it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message
from pyarrow import json

from benchmarks.backlog import backlog, values
from benchmarks.contender import DATASET, ITEMS, ORDERS, Options, Outcome, now

ADDRESS = pa.struct({"city": pa.string(), "zip": pa.string()})
CUSTOMER = pa.struct({"id": pa.int64(), "name": pa.string(), "email": pa.string(), "address": ADDRESS})
ITEM = pa.struct({"sku": pa.string(), "name": pa.string(), "quantity": pa.int64(), "price": pa.float64()})
ORDER = pa.schema({
    "order_id": pa.int64(), "placed_at": pa.timestamp("us", "UTC"), "status": pa.string(), "currency": pa.string(),
    "total": pa.float64(), "gift": pa.bool_(), "customer": CUSTOMER, "items": pa.list_(ITEM),
})  # fmt: skip
PARSE = json.ParseOptions(explicit_schema=ORDER, unexpected_field_behavior="error")
READ = json.ReadOptions(block_size=4 * 1024 * 1024)

CREATE_TABLES = (
    f"create schema if not exists {DATASET}",
    f"set search_path = '{DATASET}'",
    f"create table if not exists {ORDERS} (order_id bigint, placed_at timestamptz, status text, currency text,"
    " total double precision, gift boolean, customer__id bigint, customer__name text, customer__email text,"
    " customer__address__city text, customer__address__zip text, kafka_partition integer, kafka_offset bigint)",
    f"create table if not exists {ITEMS} (order_id bigint, line integer, sku text, name text, quantity bigint,"
    " price double precision)",
    "create table if not exists offsets (kafka_partition integer primary key, next_offset bigint)",
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction loads: the rows of each table, and the offsets to go on from."""

    tables: Mapping[str, pa.Table]
    offsets: Mapping[int, int]


def stream(options: Options, start: Mapping[int, int], load: Callable[[Chunk], None]) -> Outcome:
    """Carry the backlog from `start` on through `load`, which runs beside reading and parsing."""
    events, ready = 0, now()
    loading: Future[None] | None = None
    with ThreadPoolExecutor(1) as loader:
        for messages in backlog(options.brokers, options.topic, start):
            chunk = prepare(messages)
            if loading:
                loading.result()
            loading = loader.submit(load, chunk)
            events += len(messages)
        if loading:
            loading.result()
    return Outcome(events, ready, now())


def prepare(messages: list[Message]) -> Chunk:
    """Return the rows of these messages, and the offsets that follow them."""
    partitions = [message.partition() for message in messages]
    offsets = [message.offset() for message in messages]
    tables = flatten(parse(values(messages)))
    orders = tables[ORDERS].append_column("kafka_partition", pa.array(partitions, pa.int32()))
    orders = orders.append_column("kafka_offset", pa.array(offsets, pa.int64()))
    following = {partition: offset + 1 for partition, offset in zip(partitions, offsets, strict=True)}
    return Chunk({**tables, ORDERS: orders}, following)


def parse(events: list[bytes]) -> pa.Table:
    """Return orders as they are nested in JSON."""
    return json.read_json(pa.BufferReader(b"\n".join(events)), READ, PARSE).combine_chunks()


def flatten(parsed: pa.Table) -> dict[str, pa.Table]:
    """Return nested objects as columns, and the list of items as a child table."""
    orders = parsed.drop_columns(["items"])
    while any(pa.types.is_struct(field.type) for field in orders.schema):
        orders = orders.flatten()
    orders = orders.rename_columns([name.replace(".", "__") for name in orders.column_names])
    return {ORDERS: orders, ITEMS: _items(parsed)}


def _items(parsed: pa.Table) -> pa.Table:
    lists = parsed["items"].chunk(0)
    parents = pc.list_parent_indices(lists)
    lines = pc.subtract(pa.arange(0, len(parents)), lists.offsets.take(parents))
    items = pa.Table.from_struct_array(lists.flatten())
    return items.add_column(0, "line", lines).add_column(0, "order_id", parsed["order_id"].take(parents))
