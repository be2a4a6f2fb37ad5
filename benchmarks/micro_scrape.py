"""Milliseconds of one scrape with many partitions: python -m benchmarks.micro_scrape [partitions].

Beside it what the library would take to write the same samples.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from prometheus_client import generate_latest

from checkpoints import Checkpoint, Partition, Position
from sinks import Receipt
from stream.observe.facts import Assigned, BatchLoaded, Claimed, LagSeen, LogBounds, WatermarksMoved
from stream.observe.metrics import Metrics

ROUNDS = 15


def counted(partitions: int) -> Metrics:
    """Return the metrics of a run that owns this many partitions of one topic."""
    metrics = Metrics("shop")
    ours = [Partition("orders", number) for number in range(partitions)]
    position = Position(dict.fromkeys(ours, 10))
    metrics.observe(Assigned(frozenset(ours), {"orders": partitions}))
    metrics.observe(Claimed(Position(dict.fromkeys(ours, 0)), 1))
    receipt = Receipt(Checkpoint("shop", "x", position, position), {"orders": 5}, 100, 0.1)
    metrics.observe(BatchLoaded(receipt, {}, {}, dict.fromkeys(ours, 5.0), 4.0))
    metrics.observe(LagSeen(dict.fromkeys(ours, LogBounds(0, 100, 120))))
    metrics.observe(WatermarksMoved(dict.fromkeys(ours, 1.0)))
    return metrics


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def main() -> None:
    """Measure both."""
    partitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    metrics = counted(partitions)
    registry = metrics.instruments.registry
    print(f"{partitions:,} partitions, {len(metrics.render()):,} bytes")
    print(f"headrace {milliseconds(metrics.render):.1f} ms")
    print(f"library  {milliseconds(lambda: generate_latest(registry)):.1f} ms")


if __name__ == "__main__":
    main()
