"""What a pipeline stands on, looked at piece by piece: each is well, or comes with what to do."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal

from sinks import Sink, SinkError
from stream.config.models import Config
from stream.errors import HeadraceError
from stream.source.contract import Bounds
from stream.source.log_reader import LogReader

_ENOUGH_FILES: Final = 1_024
_PACKAGES: Final = ("headrace", "aiokafka", "pyarrow", "duckdb", "psycopg", "sqlalchemy")

Verdict = Literal["well", "odd", "bad"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `text` says what was seen, and where it is not well, what to do."""

    name: str
    verdict: Verdict
    text: str


class Doctor:
    """Looks at brokers, topics, destination and machine, in this order; it changes nothing."""

    def __init__(self, config: Config, sink: Sink, has_dataset: Callable[[], Awaitable[object]]) -> None:
        self._config = config
        self._sink = sink
        self._has_dataset = has_dataset

    async def examine(self) -> AsyncIterator[Check]:
        """Yield one check after the other."""
        yield _versions()
        yield _files()
        async for check in self._kafka():
            yield check
        yield await self._destination()

    async def _kafka(self) -> AsyncIterator[Check]:
        kafka = self._config.kafka
        reader = LogReader(kafka)
        began = time.monotonic()
        try:
            await reader.connect()
        except HeadraceError as error:
            yield Check("brokers", "bad", str(error))
            return
        try:
            took = time.monotonic() - began
            how = kafka.security.mechanism or ("TLS" if kafka.security.tls else "plaintext")
            yield Check("brokers", "well", f"{kafka.brokers} answers after {took:.2f} s ({how})")
            for topic in kafka.topics:
                yield await self._topic(reader, topic)
        finally:
            await reader.aclose()

    async def _topic(self, reader: LogReader, topic: str) -> Check:
        name = f"topic {topic}"
        try:
            partitions = await reader.partitions(topic)
            if not partitions:
                return Check(name, "bad", "does not exist, or this user may not see it: create it, or grant Describe")
            bounds = await reader.bounds(partitions)
        except HeadraceError as error:
            return Check(name, "bad", str(error))
        return Check(name, "well", _told(bounds.values()))

    async def _destination(self) -> Check:
        kind = self._sink.capabilities.name
        began = time.monotonic()
        try:
            await self._has_dataset()
        except SinkError as error:
            new = "there is no dataset" in str(error)
            return Check(f"destination {kind}", "odd" if new else "bad", str(error))
        return Check(f"destination {kind}", "well", f"answers after {time.monotonic() - began:.2f} s")


def _told(logs: Iterable[Bounds]) -> str:
    known = list(logs)
    records = sum(log.end - log.start for log in known)
    return f"{len(known)} partitions, {records:,} offsets from the oldest to the newest record"


def _versions() -> Check:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return Check("versions", "well", f"Python {sys.version.partition(' ')[0]}, {', '.join(found)}")


def _files() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _ENOUGH_FILES:
        return Check("open files", "odd", f"{soft} may be open at once: raise it to {_ENOUGH_FILES}, ulimit -n")
    return Check("open files", "well", f"{soft} may be open at once")
