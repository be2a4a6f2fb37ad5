"""What the contenders' scripts have in common: their command line, and the line each prints at its end."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What one run of a contender is to read, and where its rows go (a DuckDB file or a PostgreSQL URL)."""

    brokers: str
    topic: str
    to: str
    events: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """When a contender had its first record and its last commit, in seconds since 1970."""

    events: int
    first_record: float
    last_commit: float

    @property
    def events_per_second(self) -> float:
        """Return the rate between the first record and the last commit."""
        return self.events / (self.last_commit - self.first_record)

    def report(self) -> None:
        """Print this as the last line of a script's output."""
        print(json.dumps(asdict(self)), flush=True)

    @classmethod
    def reported(cls, output: str) -> Timeline:
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
