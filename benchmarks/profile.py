"""Where the service spends its time: py-spy's samples as microseconds per event, by stage.

    python -m benchmarks.profile --events 1000000 --keep hot.txt

`--keep` leaves the collapsed stacks (speedscope.app and flamegraph.pl read them).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import headrace_run, report, servers
from benchmarks.contender import Options
from benchmarks.destinations import Kind, fresh
from benchmarks.measure import ROOT
from benchmarks.workload import produce

SAMPLES_PER_SECOND = 200
HOT_FUNCTIONS = 3
HEADINGS = ("destination", "stage", "us per event", "share", "its hottest functions (us per event)")
FRAME = re.compile(r"^(?P<function>.*) \((?P<file>[^():]*):\d+\)$")
WAITING = re.compile(r"select \(selectors|wait \(threading|get \(queue")  # idle, whatever py-spy takes them for
STAGES = (
    ("stream/source", "read"), ("aiokafka", "read"), ("stream/decode", "decode"), ("stream/normalize", "normalize"),
    ("stream/evolve", "evolve"), ("stream/load", "load"), ("sinks", "load"), ("stream/observe", "observe"),
    ("stream/runtime", "run"), ("stream", "event loop and the rest"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """Stacks that were seen `count` times in one function of ours, in one stage."""

    stage: str
    function: str
    count: int


def main() -> None:
    """Profile the service on both destinations."""
    options = _options()
    rows: list[report.Row] = []
    with servers.kafka() as brokers, servers.postgresql() as postgres:
        backlog = produce(brokers, f"profile-{uuid.uuid4().hex[:8]}", options.events)
        for kind in ("DuckDB", "PostgreSQL"):
            with fresh(kind, postgres) as url:
                stacks = record(Options(brokers, backlog.topic, url, options.events))
            rows += stages(kind, samples(stacks), options.events)
            if options.keep:
                options.keep.with_suffix(f".{kind.lower()}.txt").write_text("\n".join(stacks), encoding="utf-8")
    report.show("CPU of the Python threads", HEADINGS, rows)
    if options.write:
        report.write("profile", HEADINGS, rows, f"{options.events:,} events, {SAMPLES_PER_SECOND} samples a second.")


def record(given: Options) -> list[str]:
    """Return the collapsed stacks of a service that carries the backlog: frames joined by `;`, a space, a count."""
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as stacks:
        spy = ["py-spy", "record", "--format", "raw", "--rate", str(SAMPLES_PER_SECOND), "--output", stacks.name, "--"]
        environment = {**os.environ, **headrace_run.ENVIRONMENT}
        subprocess.run(
            [*spy, *headrace_run.until_latest(given)], check=True, cwd=ROOT, env=environment, capture_output=True
        )
        return stacks.read().splitlines()


def samples(stacks: Iterable[str]) -> Iterator[Sample]:
    """Yield a sample for each stack that was at work."""
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if stack and not WAITING.search(frames[-1]):
            yield _sample(frames, int(count))


def stages(kind: Kind, seen: Iterable[Sample], events: int) -> list[report.Row]:
    """Return a row for each stage, the most expensive first."""
    by_stage: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sample in seen:
        by_stage[sample.stage][sample.function] += sample.count
    total = sum(map(Counter.total, by_stage.values()))
    each = 1_000_000 / SAMPLES_PER_SECOND / events
    return [
        (
            kind, stage, f"{functions.total() * each:.2f}", f"{functions.total() / total:.0%}",
            ", ".join(f"`{name}` {count * each:.2f}" for name, count in functions.most_common(HOT_FUNCTIONS)),
        )
        for stage, functions in sorted(by_stage.items(), key=lambda item: -item[1].total())
    ]  # fmt: skip


def _sample(frames: list[str], count: int) -> Sample:
    """Count for the innermost frame that is ours; imports are apart, they do not grow with the events."""
    if any(frame.startswith("_find_and_load") for frame in frames):
        return Sample("start-up", "imports", count)
    for match in filter(None, map(FRAME.match, reversed(frames))):
        for folder, stage in STAGES:
            if match["file"].startswith(f"{folder}/"):
                return Sample(stage, match["function"], count)
    return Sample("threads of libraries", frames[-1].partition(" (")[0], count)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=main.__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="where to leave the stacks, one file per destination")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/benchmarks.md alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
