"""The half that the experts' scripts share: Kafka's bytes to Arrow tables, and loading in a second thread.

This is what a good engineer writes for exactly one topic in an afternoon: the schema is known and fixed, one Arrow
parse per batch, offsets in the same transaction as the rows. It has no evolution, no fence, no rejects, no
rebalancing: one record that does not fit stops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message
from pyarrow import json

from benchmarks.backlog import backlog, values
from benchmarks.contender import Options, Timeline

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
    "create table if not exists orders (order_id bigint, placed_at timestamptz, status text, currency text,"
    " total double precision, gift boolean, customer__id bigint, customer__name text, customer__email text,"
    " customer__address__city text, customer__address__zip text, kafka_partition integer, kafka_offset bigint)",
    "create table if not exists orders__items (order_id bigint, line integer, sku text, name text, quantity bigint,"
    " price double precision)",
    "create table if not exists offsets (kafka_partition integer primary key, next_offset bigint)",
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction loads: rows of both tables, and the offsets to go on from."""

    orders: pa.Table
    items: pa.Table
    offsets: Mapping[int, int]


def stream(options: Options, start: Mapping[int, int], load: Callable[[Chunk], None]) -> Timeline:
    """Carry the backlog from `start` on through `load`, which runs beside reading and parsing; return when and how."""
    events, first_record = 0, 0.0
    loading: Future[None] | None = None
    with ThreadPoolExecutor(1) as loader:
        for messages in backlog(options.brokers, options.topic, start):
            first_record = first_record or time.time()
            chunk = prepare(messages)
            if loading:
                loading.result()
            loading = loader.submit(load, chunk)
            events += len(messages)
        if loading:
            loading.result()
    return Timeline(events, first_record, time.time())


def prepare(messages: list[Message]) -> Chunk:
    """Return the rows of these messages: nested objects as columns, lists as a child table."""
    parsed = json.read_json(pa.BufferReader(b"\n".join(values(messages))), READ, PARSE).combine_chunks()
    partitions = [message.partition() for message in messages]
    offsets = [message.offset() for message in messages]
    orders = _flatten(parsed.drop_columns(["items"]))
    orders = orders.append_column("kafka_partition", pa.array(partitions, pa.int32()))
    orders = orders.append_column("kafka_offset", pa.array(offsets, pa.int64()))
    following = {partition: offset + 1 for partition, offset in zip(partitions, offsets, strict=True)}
    return Chunk(orders, items_of(parsed), following)


def items_of(orders: pa.Table) -> pa.Table:
    """Return the child table: each item with its order's id and its line in the order."""
    lists = orders["items"].chunk(0)
    parents = pc.list_parent_indices(lists)
    first_line = lists.offsets.take(parents)
    lines = pc.subtract(pa.array(range(len(parents)), pa.int32()), pc.subtract(first_line, lists.offsets[0]))
    items = pa.Table.from_struct_array(lists.flatten())
    items = items.add_column(0, "line", lines)
    return items.add_column(0, "order_id", orders["order_id"].take(parents))


def _flatten(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table.rename_columns([name.replace(".", "__") for name in table.column_names])
