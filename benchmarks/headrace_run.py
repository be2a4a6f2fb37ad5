"""The service itself, as its users start it: `headrace run`, with everything on that is on by default, and metrics."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from benchmarks.contender import DATASET, ORDERS, Options, Outcome, options
from benchmarks.measure import measured

SERVICE = (sys.executable, "-m", "stream.cli.main")
# Whatever the topic's name is, the tables are those of the other contenders.
ENVIRONMENT = {"HEADRACE__TABLES__NAME_TEMPLATE": ORDERS, "HEADRACE__DESTINATION__DATASET": DATASET}


def command(given: Options, *more: str) -> list[str]:
    """Return the command line that carries a topic until it is stopped."""
    where = ["--brokers", given.brokers, "--topic", given.topic, "--to", given.to]
    return [*SERVICE, "run", *where, "--log-format", "json", *more]


def until_latest(given: Options) -> list[str]:
    """Return the command line that carries a backlog and exits."""
    return command(given, "--until", "latest", "--http", "127.0.0.1:0")


def outcome(given: Options, output: str) -> Outcome:
    """Return what the service's log tells: ready when it first claims partitions, done when it gives the last back."""
    log = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    claimed = [_time(entry["timestamp"]) for entry in log if entry["event"] == "claimed"]
    revoked = [_time(entry["timestamp"]) for entry in log if entry["event"] == "revoked"]
    return Outcome(given.events, claimed[0], revoked[-1])


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def main() -> None:
    """Carry a topic's backlog with headrace and say what it took."""
    given = options(main.__doc__)
    usage = measured(until_latest(given), ENVIRONMENT)
    carried = outcome(given, usage.output)
    print(f"{carried.events_per_second:,.0f} events/s, {usage.cpu_seconds:.1f} s CPU, {usage.peak_mib:.0f} MiB peak")


if __name__ == "__main__":
    main()
