"""What the contenders' scripts have in common: their command line, and the line each prints at its end."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass

DATASET = "shop"
ORDERS = "orders"
ITEMS = "orders__items"


@dataclass(frozen=True, slots=True)
class Options:
    """What one run of a contender is to read, and the URL its rows go to."""

    brokers: str
    topic: str
    to: str
    events: int

    @property
    def file(self) -> str:
        """Return the path in a `duckdb:///` URL."""
        return self.to.removeprefix("duckdb:///")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script did: events carried, when it was ready to read, when all was committed (seconds since 1970)."""

    events: int
    ready: float
    done: float

    @property
    def events_per_second(self) -> float:
        """Return the rate from being ready to the last commit: starting and stopping do not count."""
        return self.events / (self.done - self.ready)

    def report(self) -> None:
        """Print this as the last line of a script's output."""
        print(json.dumps(asdict(self)), flush=True)

    @classmethod
    def reported(cls, output: str) -> Outcome:
        """Return what a script printed as its last line."""
        return cls(**json.loads(output.splitlines()[-1]))


def options(description: str | None) -> Options:
    """Return the command line of a contender's script."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--topic", default="orders")
    parser.add_argument("--to", default="")
    parser.add_argument("--events", type=int, default=1_000_000)
    return Options(**vars(parser.parse_args()))


def now() -> float:
    """Return the time in seconds since 1970: the one clock that parent and child share."""
    return time.time()
