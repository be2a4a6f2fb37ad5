"""The service as a running process that tells over HTTP what is durable."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import headrace_run
from benchmarks.contender import Options, now
from benchmarks.measure import ROOT, ContenderFailed
from benchmarks.servers import free_port

SCRAPE_SECONDS = 0.1  # shorter than the time between two commits
PATIENCE_SECONDS = 60.0
OFFSET = re.compile(r'^headrace_committed_offset\{.*partition="(\d+)".*\} (\S+)$', re.MULTILINE)
LAST_COMMIT = re.compile(r"^headrace_last_commit_timestamp_seconds\{.*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Durable:
    """At `at` (seconds since 1970) everything before these offsets, by partition, was in the destination."""

    at: float
    offsets: Mapping[int, int] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """Return how many events that is, in a topic without holes."""
        return sum(self.offsets.values())


@dataclass(frozen=True, slots=True)
class Service:
    """One life of the service. `started` is when its process was made."""

    process: subprocess.Popen[bytes]
    port: int
    started: float

    def until(self, events: int) -> list[Durable]:
        """Watch until that many events are durable, and return all steps on the way."""
        steps = [Durable(0.0)]
        while steps[-1].events < events:
            if self.process.poll() is not None or now() > max(self.started, steps[-1].at) + PATIENCE_SECONDS:
                raise ContenderFailed(f"the service stands at {steps[-1].events:,} of {events:,} events")
            time.sleep(SCRAPE_SECONDS)
            steps += self._newer(steps[-1])
        return steps

    def _newer(self, last: Durable) -> list[Durable]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                page = answer.read().decode()
        except OSError:  # not up yet
            return []
        offsets = {int(partition): int(float(offset)) for partition, offset in OFFSET.findall(page)}
        commit = LAST_COMMIT.search(page)
        committed = float(commit[1]) if commit else 0.0
        # A page made while a commit came in may hold its offsets with the time before: then ours is safe.
        step = Durable(committed if committed > last.at else now(), offsets)
        return [step] if step.events > last.events else []


@contextmanager
def running(given: Options, env: Mapping[str, str] | None = None) -> Iterator[Service]:
    """Start the service, and drain it after the block, unless that has killed it.

    Raises `ContenderFailed` when it does not exit with 0.
    """
    port = free_port()
    command = headrace_run.command(given, "--http", f"127.0.0.1:{port}")
    environment = {**os.environ, **headrace_run.ENVIRONMENT, **(env or {})}
    with tempfile.TemporaryFile("w+") as log:
        started = now()
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
        try:
            yield Service(process, port, started)
        finally:
            process.terminate()
            code = process.wait(PATIENCE_SECONDS)
        if code not in (0, -signal.SIGKILL):
            log.seek(0)
            raise ContenderFailed(f"the service exited with {code}:\n{log.read()[-3000:]}")
