"""What a pipeline stands on, looked at piece by piece: each is well, or comes with what to do."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from checkpoints import OffsetRange, Partition
from sinks import Sink, SinkError
from sinks.audit import Audit
from stream.config.models import Config
from stream.errors import HeadraceError
from stream.operate.examination import Check, Verdict
from stream.operate.machine import file_limit, versions
from stream.registry import connect_registry
from stream.source.contract import Bounds
from stream.source.log_reader import LogReader

_MOST_SKEW: Final = timedelta(seconds=5)
_MOST_AHEAD: Final = timedelta(seconds=60)  # of a record's time, which a producer gives it
_LAST_RECORDS: Final = 10


class Doctor:
    """Looks at machine, brokers, topics, rights, registry and destination, in this order; it changes nothing."""

    def __init__(self, config: Config, group: str, sink: Sink, audit: Audit) -> None:
        self._config = config
        self._group = group
        self._sink = sink
        self._audit = audit

    async def examine(self) -> AsyncIterator[Check]:
        """Yield one check after the other."""
        yield versions()
        yield file_limit()
        async for check in self._kafka():
            yield check
        if self._config.registry.url is not None:
            yield await self._registry()
        async for check in self._destination():
            yield check

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
            yield await self._may_join(reader)
            if kafka.topics:
                yield await self._clock_of_kafka(reader, kafka.topics[0])
        finally:
            await reader.aclose()

    async def _topic(self, reader: LogReader, topic: str) -> Check:
        name = f"topic {topic}"
        try:
            partitions = await reader.partitions(topic)
            if not partitions:
                return Check(name, "bad", "does not exist, or this user may not see it: create it, or grant Describe")
            if missing := await reader.missing_rights(topic):
                operations = " ".join(f"--operation {right}" for right in missing)
                grant = f"kafka-acls --add --allow-principal User:{self._user} {operations} --topic '{topic}'"
                return Check(name, "bad", f"this user may not {' and '.join(missing)}: {grant}")
            bounds = await reader.bounds(partitions)
        except HeadraceError as error:
            return Check(name, "bad", str(error))
        return Check(name, "well", f"may be read; {_told(bounds.values())}")

    async def _may_join(self, reader: LogReader) -> Check:
        name = f"group {self._group}"
        try:
            allowed = await reader.may_join(self._group)
        except HeadraceError as error:
            return Check(name, "bad", str(error))
        if allowed:
            return Check(name, "well", "may be joined")
        grant = f"kafka-acls --add --allow-principal User:{self._user} --operation Read --group '{self._group}'"
        return Check(name, "bad", f"this user may not Read as a member of it: {grant}")

    @property
    def _user(self) -> str:
        return self._config.kafka.security.username or "WHO"

    async def _clock_of_kafka(self, reader: LogReader, topic: str) -> Check:
        """Compare the newest records' times with ours: Kafka tells no time of its own."""
        name = "clock and records"
        try:
            newest = await _newest_time(reader, topic)
        except HeadraceError as error:
            return Check(name, "odd", str(error))
        if newest is None:
            return Check(name, "well", f"{topic} has no record to compare with")
        ahead = newest - datetime.now(UTC)
        if ahead > _MOST_AHEAD:
            text = (
                f"the newest record of {topic} is {ahead.total_seconds():,.0f} s in the future: the clock of its "
                "producer, or of this machine, is wrong; freshness and watermarks follow it. Synchronize them (NTP)"
            )
            return Check(name, "odd", text)
        return Check(name, "well", f"the newest record of {topic} is of {newest.isoformat(timespec='seconds')}")

    async def _registry(self) -> Check:
        settings = self._config.registry
        name, began = "schema registry", time.monotonic()
        try:
            client = connect_registry(settings)
            try:
                known = await client.check()
            finally:
                await client.aclose()
        except HeadraceError as error:
            return Check(name, "bad", str(error))
        if not known:
            return Check(
                name, "bad", f"{settings.url} answers, but not as {settings.api}'s API: check registry.url, api"
            )
        return Check(name, "well", f"{settings.url} answers after {time.monotonic() - began:.2f} s")

    async def _destination(self) -> AsyncIterator[Check]:
        name = f"destination {self._sink.capabilities.name}"
        began = time.monotonic()
        try:
            skew = await self._audit.clock() - datetime.now(UTC)
            missing = await self._audit.missing_rights()
        except SinkError as error:
            yield Check(name, "bad", str(error))
            return
        yield Check(name, "well", f"answers after {time.monotonic() - began:.2f} s")
        if missing:
            yield Check("rights in the destination", "bad", f"this user {'; '.join(missing)}")
        else:
            yield Check("rights in the destination", "well", "may write, and change tables")
        yield _clock_check(skew)
        yield await self._dataset()

    async def _dataset(self) -> Check:
        name = f"dataset {self._config.destination.dataset}"
        try:
            states = await self._audit.states()
        except SinkError as error:
            if "there is no dataset" in str(error):
                again = "if it ran already, give the dataset that it wrote to (--dataset, --pipeline)"
                return Check(name, "odd", f"is not there yet: the first `headrace run` makes it; {again}")
            return Check(name, "bad", str(error))
        return Check(name, "well", f"{len(states)} partitions are stored")


def _clock_check(skew: timedelta) -> Check:
    seconds = abs(skew.total_seconds())
    verdict: Verdict = "odd" if abs(skew) > _MOST_SKEW else "well"
    where = "ahead of" if skew > timedelta() else "behind"
    text = f"the destination's is {seconds:,.1f} s {where} ours"
    remedy = ": synchronize both (NTP); deletes are remembered, and loads dated, by the destination's"
    return Check("clock of the destination", verdict, text + (remedy if verdict == "odd" else ""))


async def _newest_time(reader: LogReader, topic: str) -> datetime | None:
    """Return the latest time among the last records of the partition that has most."""
    bounds = await reader.bounds(await reader.partitions(topic))
    longest: Partition | None = max(bounds, key=lambda each: bounds[each].end - bounds[each].start, default=None)
    if longest is None or bounds[longest].end == bounds[longest].start:
        return None
    start = max(bounds[longest].start, bounds[longest].end - _LAST_RECORDS)
    times = [
        at async for part in reader.records(OffsetRange(longest, start, bounds[longest].end)) for at in part.timestamps
    ]
    newest = max(times, default=-1)
    return datetime.fromtimestamp(newest / 1000, UTC) if 0 <= newest < 2**45 else None


def _told(logs: Iterable[Bounds]) -> str:
    known = list(logs)
    records = sum(log.end - log.start for log in known)
    return f"{len(known)} partitions, {records:,} offsets from the oldest to the newest record"
