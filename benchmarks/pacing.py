"""What the adaptive age of batches does: commits a second and freshness, over what a commit costs.

python -m benchmarks.pacing --write

The broker and the destination are in memory, so that a commit costs what it is told to cost.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from statistics import median
from typing import Final

import anyio

from benchmarks import report
from benchmarks.measure import ROOT
from checkpoints import Partition
from sinks import SinkOptions
from sinks.memory import MemorySink, MemoryWarehouse
from stream.config.models import Batching, Config, Kafka
from stream.observe.facts import BatchLoaded, Fact
from stream.runtime.service import serve
from stream.source.testing.memory import MemoryBroker, memory_source

COSTS: Final = (0.002, 0.01, 0.05, 0.2, 0.5)
MAX_AGE: Final = 2.0
RATE: Final = 500
PULSE_SECONDS: Final = 0.01
WARM_UP: Final = 0.5  # of each run: the pace settles meanwhile
HEADINGS: Final = (
    "a commit costs",
    "age",
    "commits a second",
    "event to visible, median",
    "records in a batch, median",
)
CHART: Final = ROOT / "docs" / "images" / "pacing.svg"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    cost_seconds: float
    adaptive: bool
    commits_a_second: float
    freshness_seconds: float
    records: float


def main() -> None:
    """Measure each cost with an age that adapts, and with one that does not."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    runs = [anyio.run(measured, cost, adaptive, given.seconds) for cost in COSTS for adaptive in (False, True)]
    rows = [
        (
            f"{run.cost_seconds * 1000:g} ms",
            "adapts" if run.adaptive else f"fixed, {MAX_AGE:g} s",
            f"{run.commits_a_second:.1f}",
            f"{run.freshness_seconds:.2f} s",
            f"{run.records:.0f}",
        )
        for run in runs
    ]
    report.show("the age of a batch", HEADINGS, rows)
    if given.write:
        note = f"{RATE} events a second for {given.seconds:g} seconds each; max_age_seconds = {MAX_AGE:g}."
        report.write("pacing", HEADINGS, rows, note)
        CHART.write_text(chart(runs), encoding="utf-8")


async def measured(cost: float, adaptive: bool, seconds: float) -> Measured:
    """Return what one run of so many seconds did, its beginning left out."""
    broker, orders = MemoryBroker(), Partition("orders", 0)
    broker.create("orders")
    sink = MemorySink(MemoryWarehouse(), SinkOptions("shop", "shop", "me"))
    sink.delay_seconds = cost
    least = Batching().min_age_seconds if adaptive else MAX_AGE
    config = Config(kafka=Kafka(topics=("orders",)), batching=Batching(max_age_seconds=MAX_AGE, min_age_seconds=least))
    seen: list[tuple[float, float, int]] = []

    def observe(fact: Fact) -> None:
        if isinstance(fact, BatchLoaded) and fact.oldest_event is not None:
            seen.append((time.monotonic(), time.time() - fact.oldest_event, sum(fact.receipt.rows.values())))

    stopping, began = anyio.Event(), time.monotonic()

    async def produce() -> None:
        sent = 0
        while (spent := time.monotonic() - began) < seconds:
            values = [json.dumps({"n": n}).encode() for n in range(sent, int(spent * RATE))]
            sent += len(values)
            if values:
                broker.produce(orders, values, timestamp=int(time.time() * 1000))
            await anyio.sleep(PULSE_SECONDS)
        stopping.set()

    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        await serve(
            "shop", config, sink, lambda config, budget: memory_source(broker, config.kafka, config.batching, budget),
            observe, stopping=stopping,
        )  # fmt: skip
    begin, end = began + seconds * WARM_UP, began + seconds
    late = [each for each in seen if begin <= each[0] <= end]
    return Measured(
        cost, adaptive, len(late) / (end - begin), median(age for _, age, _ in late), median(n for *_, n in late)
    )


def chart(runs: list[Measured]) -> str:
    """Return freshness over the cost of a commit as a picture: two lines, labelled."""
    top = max(run.freshness_seconds for run in runs) * 1.1
    lines = []
    for adaptive, color, y in ((False, "#b45309", 24), (True, "#0f766e", 42)):
        mine = [run for run in runs if run.adaptive is adaptive]
        dots = [(70 + 110 * place, 240 - 200 * run.freshness_seconds / top) for place, run in enumerate(mine)]
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in dots)
        name = "age adapts" if adaptive else f"age fixed at {MAX_AGE:g} s"
        lines.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"/>')
        lines += [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{color}"/>' for x, y in dots]
        lines += [
            f'<text x="{x:.0f}" y="{above - 7:.0f}" text-anchor="middle" fill="{color}">'
            f"{run.freshness_seconds:.2f} s</text>"
            for (x, above), run in zip(dots, mine, strict=True)
        ]
        lines.append(f'<text x="400" y="{y}" fill="{color}">{name}</text>')
    ticks = [
        f'<text x="{70 + 110 * place}" y="260" text-anchor="middle">{cost * 1000:g} ms</text>'
        for place, cost in enumerate(COSTS)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 290" font-family="sans-serif" font-size="12">'
        '<rect width="560" height="290" fill="#ffffff"/><path d="M40 20V240H540" fill="none" stroke="#999999"/>'
        f'{"".join(ticks)}<text x="290" y="282" text-anchor="middle">what a commit costs</text>'
        f'<text x="48" y="14">event to visible, median</text>{"".join(lines)}</svg>\n'
    )


if __name__ == "__main__":
    main()
