"""The same orders in each format, from Kafka to DuckDB with `headrace run`, in turns: `python -m benchmarks.formats`.

Avro and Protobuf are bare, with a schema file, and need no registry. "exact" is Avro without `headrace[avro-fast]`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from confluent_kafka import Producer

from benchmarks import headrace_run, servers
from benchmarks.contender import Options, Outcome
from benchmarks.destinations import fresh
from benchmarks.measure import measured
from benchmarks.micro_formats import AVRO, PROTOBUF, avro_records, events, protobuf_records
from benchmarks.workload import PARTITIONS, create_topic, orders


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write the orders, and what `headrace run` is told of it."""

    name: str
    topic: str
    environment: Mapping[str, str]


def main() -> None:
    """Print events per second, CPU seconds per million events, and the ratio to JSON."""
    options = _options()
    with servers.kafka() as brokers, tempfile.TemporaryDirectory() as folder:
        formats = _formats(brokers, Path(folder), options.events)
        rounds = [[_run(each, brokers, options.events) for each in formats] for _ in range(options.rounds)]
    base = median(runs[0][0] for runs in rounds)
    for index, each in enumerate(formats):
        rate, cpu = (median(runs[index][part] for runs in rounds) for part in (0, 1))
        print(f"{each.name:16} {rate:10,.0f} events/s {cpu:6.1f} CPU s per million {rate / base:6.2f} of json")


def _formats(brokers: str, folder: Path, count: int) -> list[Format]:
    values = events(count)
    tag = uuid.uuid4().hex[:8]
    avsc, proto = folder / "order.avsc", folder / "order.proto"
    avsc.write_text(json.dumps(AVRO))
    proto.write_text(PROTOBUF)
    unknown = folder / "without" / "polars_avro-0.dist-info"
    unknown.mkdir(parents=True)
    (unknown / "METADATA").write_text("Metadata-Version: 2.1\nName: polars-avro\nVersion: 0\n")
    avro = {"HEADRACE__TABLES__FORMAT": "avro", "HEADRACE__TABLES__SCHEMA_FILE": str(avsc)}
    protobuf = {
        "HEADRACE__TABLES__FORMAT": "protobuf",
        "HEADRACE__TABLES__SCHEMA_FILE": str(proto),
        "HEADRACE__TABLES__MESSAGE": "Order",
    }
    topics = {
        "json": [event for event, _ in orders(count)],
        "avro": avro_records(values),
        "protobuf": [record[1:] for record in protobuf_records(values)],
    }
    for name, records in topics.items():
        _produce(brokers, f"{name}-{tag}", records)
    return [
        Format("json", f"json-{tag}", {}),
        Format("avro", f"avro-{tag}", avro),
        Format("avro, exact", f"avro-{tag}", {**avro, "PYTHONPATH": str(unknown.parent)}),
        Format("protobuf", f"protobuf-{tag}", protobuf),
    ]


def _produce(brokers: str, topic: str, records: Sequence[bytes]) -> None:
    create_topic(brokers, topic)
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 50, "queue.buffering.max.messages": 10_000_000})
    for number, record in enumerate(records):
        producer.produce(topic, record, partition=number % PARTITIONS)
    producer.flush(120)


def _run(each: Format, brokers: str, count: int) -> tuple[float, float]:
    with fresh("DuckDB", "") as url:
        given = Options(brokers, each.topic, url, count)
        usage = measured(headrace_run.until_latest(given), {**headrace_run.ENVIRONMENT, **each.environment})
    outcome: Outcome = headrace_run.outcome(given, usage.output)
    return outcome.events_per_second, usage.cpu_seconds / count * 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.formats", description=main.__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
