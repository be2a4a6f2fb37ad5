"""Everything side by side: `python -m benchmarks` (or `make bench`) measures, prints, and writes docs/benchmarks.md.

The contenders take turns (A B C A B C ...), each as a process of its own, so that a slow minute of the machine hits
all of them. Broker and PostgreSQL share the machine with whoever runs.
"""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Sequence

from rich.console import Console

from benchmarks import report, servers
from benchmarks.contenders import Contender, Run, all_contenders, prepare_dlt, run
from benchmarks.workload import Backlog, produce


def main() -> None:
    """Measure all contenders."""
    options = _options()
    contenders = [each for each in all_contenders() if options.only in f"{each.name} {each.destination}"]
    if any(each.small for each in contenders):
        prepare_dlt()
    with servers.kafka() as brokers, servers.postgresql() as postgres:
        large, small = _backlogs(brokers, options.events, options.small_events)
        rounds = [_round(contenders, large, small, postgres) for _ in range(options.rounds)]
    rows = report.comparison(rounds)
    report.show(f"{options.events:,} events, median of {options.rounds}", report.HEADINGS, rows)
    if options.write:
        report.write(options.section, report.HEADINGS, rows, _note(options))


def _round(contenders: Sequence[Contender], large: Backlog, small: Backlog, postgres: str) -> list[Run]:
    runs = []
    for contender in contenders:
        runs.append(run(contender, small if contender.small else large, postgres))
        rate = runs[-1].outcome.events_per_second
        Console(stderr=True).print(f"{contender.name}, {contender.destination}: {rate:,.0f} events/s")
    return runs


def _backlogs(brokers: str, events: int, small_events: int) -> tuple[Backlog, Backlog]:
    tag = uuid.uuid4().hex[:8]  # the broker may be somebody else's
    return produce(brokers, f"orders-{tag}", events), produce(brokers, f"orders-small-{tag}", small_events)


def _note(options: argparse.Namespace) -> str:
    return (
        f"A backlog of {options.events:,} events in 4 partitions ({options.small_events:,} for dlt), "
        f"median of {options.rounds} rounds in turns."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--small-events", type=int, default=100_000, help="events for dlt")
    parser.add_argument("--only", default="", help="part of a contender's name or destination")
    parser.add_argument("--section", default="comparison", help="where in docs/benchmarks.md: comparison or memory")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/benchmarks.md alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
