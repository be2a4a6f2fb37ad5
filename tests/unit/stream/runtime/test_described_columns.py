"""What an Avro schema says of its fields, in the columns that they become."""

from __future__ import annotations

import json
from pathlib import Path

import fastavro
import pytest

from checkpoints import OffsetRange, Partition
from sinks import Schema
from sinks.memory import CAPABILITIES
from sinks.schema import ColumnHints
from stream.config.models import Config, Kafka
from stream.config.topics import ColumnHint, Topic
from stream.model import PartitionRecords, RawBatch
from stream.runtime.prepare import Preparer
from support.avro import written

ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "orderId", "type": "long", "doc": "the order's number"},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [
            {"name": "sku", "type": ["null", "string"], "doc": "what was bought"}]}}},
    ],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "order.avsc"
    path.write_text(json.dumps(ORDER))
    return path


def made(topic: Topic) -> Schema:
    record = written(fastavro.parse_schema(ORDER), {"orderId": 7, "lines": [{"sku": "a"}]})
    part = PartitionRecords(OffsetRange(Partition("orders", 0), 0, 1), range(1), [-1], [None], [record])
    preparer = Preparer(Config(kafka=Kafka(topics=("orders",)), topics={"orders": topic}), CAPABILITIES)
    documents = preparer.decode(RawBatch((part,))).documents
    return preparer.evolve(Schema(), preparer.normalize(documents, Schema(), "load")).plan.target


def test_the_documentation_of_fields_describes_their_columns_also_in_child_tables(file: Path) -> None:
    tables = made(Topic(format="avro", schema_file=file)).tables
    number = ColumnHints(required=True, description="the order's number")
    assert tables["orders"].columns["order_id"].hints == number
    assert tables["orders__lines"].columns["sku"].hints == ColumnHints(description="what was bought")


def test_a_user_describes_a_column_better_than_its_schema(file: Path) -> None:
    hint = ColumnHint(description="mine", sort=True)
    topic = Topic(format="avro", schema_file=file, columns={"orderId": hint})
    found = made(topic).tables["orders"].columns["order_id"].hints
    assert found == ColumnHints(sort=True, required=True, description="mine")
