"""Rows per second of `headrace verify`, as its users start it, from the start of the process to its end.

python -m benchmarks.verify [events]

The same orders twice: in a topic written plainly, where rows account for each offset, and in one written by
transactions of 5,000 records, whose markers are holes, so that Kafka is asked which offsets have a record.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import uuid
from typing import Final

from confluent_kafka import Producer

from benchmarks import servers
from benchmarks.headrace_run import ENVIRONMENT, SERVICE
from benchmarks.measure import Usage, measured
from benchmarks.workload import PARTITIONS, create_topic, orders, produce

TRANSACTION: Final = 5_000


def produce_in_transactions(brokers: str, topic: str, count: int) -> None:
    """Create `topic` and fill it with `count` orders by transactions."""
    create_topic(brokers, topic)
    producer = Producer({"bootstrap.servers": brokers, "transactional.id": topic, "linger.ms": 50})
    producer.init_transactions(30)
    for number, (event, _) in enumerate(orders(count)):
        if number % TRANSACTION == 0:
            if number:
                producer.commit_transaction(60)
            producer.begin_transaction()
        producer.produce(topic, event, partition=number % PARTITIONS)
    producer.commit_transaction(60)


def verify(brokers: str, topic: str, url: str, *more: str) -> tuple[Usage, float]:
    """Load a topic, then return what the check of all of it took, and its seconds. Raises where something is found."""
    where = ("--brokers", brokers, "--topic", topic, "--to", url, "--dataset", topic.replace("-", "_"))
    measured([*SERVICE, "run", *where, "--until", "latest"], ENVIRONMENT)
    began = time.monotonic()
    usage = measured([*SERVICE, "verify", *where, "--json", *more], ENVIRONMENT)
    seconds = time.monotonic() - began
    report = json.loads(usage.output)
    assert report["holds"], report["findings"]
    return usage, seconds


def main() -> None:
    """Measure both topics in both destinations."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    print("| topic | destination | rows/s | rows/s per core | seconds | CPU s of verify | peak MiB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    with servers.kafka() as brokers, servers.postgresql() as postgres, tempfile.TemporaryDirectory() as folder:
        run = uuid.uuid4().hex[:8]
        produce(brokers, f"plain-{run}", count)
        produce_in_transactions(brokers, f"transactions-{run}", count)
        for topic in (f"plain-{run}", f"transactions-{run}"):
            for url in (f"duckdb:///{folder}/{topic}.duckdb", postgres):
                usage, seconds = verify(brokers, topic, url)
                line = f"{count / seconds:,.0f} | {count / usage.cpu_seconds:,.0f} | {seconds:.2f}"
                kind, where = topic.split("-")[0], url.split(":")[0]
                print(f"| {kind} | {where} | {line} | {usage.cpu_seconds:.2f} | {usage.peak_mib:.0f} |", flush=True)


if __name__ == "__main__":
    main()
