"""How soon an event is visible, how soon a restart commits, how soon commands answer.

python -m benchmarks.latency --seconds 30 --rate 5000
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import uuid
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles

from confluent_kafka import Message, Producer

from benchmarks import report, servers
from benchmarks.backlog import backlog
from benchmarks.contender import Options
from benchmarks.destinations import Kind, fresh
from benchmarks.measure import ROOT
from benchmarks.service import Durable, running
from benchmarks.workload import PARTITIONS, create_topic, orders

WARM_UP_EVENTS = 1_000  # so that tables exist and code is warm when the clock starts
PULSE_SECONDS = 0.01
COMMAND_RUNS = 5
STATIC = {"HEADRACE__KAFKA__INSTANCE_ID": "only"}
HEADINGS = ("what", "median", "p99")


def main() -> None:
    """Measure latency and start-up."""
    options = _options()
    with servers.kafka() as brokers, servers.postgresql() as postgres:
        rows = [
            row
            for kind in ("DuckDB", "PostgreSQL")
            for row in _destination(kind, brokers, postgres, options.rate, options.seconds)
        ]
    rows += [_command("`import stream`", "-c", "import stream")]
    rows += [_command("`headrace --help`", "-m", "stream.cli.main", "--help")]
    rows += [_command("for comparison: `python -c pass`", "-c", "pass")]
    report.show("latency and start-up", HEADINGS, rows)
    if options.write:
        note = f"{options.rate:,} events a second for {options.seconds} seconds."
        report.write("latency", HEADINGS, rows, note)


def pace(brokers: str, topic: str, rate: int, seconds: int) -> None:
    """Send `rate` events each second, in pulses of a hundredth of it."""
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5, "acks": "all"})
    events = orders(rate * seconds)
    begun = time.monotonic()
    for number, (event, _) in enumerate(events):
        producer.produce(topic, event, partition=number % PARTITIONS)
        due = begun + (number + 1) / rate
        if (ahead := due - time.monotonic()) > PULSE_SECONDS:
            producer.poll(0)
            time.sleep(ahead)
    producer.flush(30)


def latencies(messages: Sequence[Message], steps: Sequence[Durable]) -> list[float]:
    """Return for each message the seconds from its timestamp to the first step that covers it."""
    reached = {partition: [step.offsets.get(partition, 0) for step in steps] for partition in range(PARTITIONS)}
    return [
        steps[bisect_right(reached[message.partition()], message.offset())].at - message.timestamp()[1] / 1000
        for message in messages
    ]


def _destination(kind: Kind, brokers: str, postgres: str, rate: int, seconds: int) -> list[report.Row]:
    topic = f"latency-{uuid.uuid4().hex[:8]}"
    create_topic(brokers, topic)
    with fresh(kind, postgres) as url:
        given = Options(brokers, topic, url, rate * seconds)
        pace(brokers, topic, WARM_UP_EVENTS, 1)
        with running(given) as service, ThreadPoolExecutor(1) as producer:
            service.until(WARM_UP_EVENTS)
            pacing = producer.submit(pace, brokers, topic, rate, seconds)
            steps = service.until(WARM_UP_EVENTS + given.events)
            pacing.result()
        measured = [message for batch in backlog(brokers, topic, _warm()) for message in batch]
        cuts = quantiles(latencies(measured, steps), n=100)
        durable = steps[-1].events
        after_sigterm = _restart(given, durable, {})
        killed(given, {})
        after_sigkill = _restart(given, durable + WARM_UP_EVENTS, {})
        killed(given, STATIC)
        static = _restart(given, durable + 2 * WARM_UP_EVENTS, STATIC)
    return [
        (f"produced to visible in {kind}", f"{cuts[49]:.3f} s", f"{cuts[98]:.3f} s"),
        (f"restart to first commit, {kind}, after SIGTERM", f"{after_sigterm:.2f} s", ""),
        (f"the same after SIGKILL, {kind}", f"{after_sigkill:.2f} s", ""),
        (f"the same after SIGKILL, {kind}, with an instance_id", f"{static:.2f} s", ""),
    ]


def killed(given: Options, env: Mapping[str, str]) -> None:
    """Live one life that ends with SIGKILL while it owns its partitions."""
    with running(given, env) as service:
        service.until(1)
        service.process.kill()


def _restart(given: Options, durable: int, env: Mapping[str, str]) -> float:
    """Return the seconds from the start of a process to the first commit of new events."""
    pace(given.brokers, given.topic, WARM_UP_EVENTS, 1)
    with running(given, env) as service:
        steps = service.until(durable + WARM_UP_EVENTS)
        return next(step.at for step in steps if step.events > durable) - service.started


def _warm() -> dict[int, int]:
    return dict.fromkeys(range(PARTITIONS), WARM_UP_EVENTS // PARTITIONS)


def _command(name: str, *arguments: str) -> report.Row:
    seconds = []
    for _ in range(COMMAND_RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
        seconds.append(time.perf_counter() - begun)
    return (name, f"{median(seconds):.3f} s", "")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=main.__doc__)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/benchmarks.md alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
