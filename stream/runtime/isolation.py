"""Topics whose tables cannot take their rows: each is paused by itself and tried again, while the others go on.

A user's constraint, a revoked right, a trigger: the destination as a whole is well, since partitions can be claimed in
it. The state of a topic is a circuit breaker's: closed (it flows with the others), open (its partitions are paused at
the source, its position stays), half open (its next batch is tried alone).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import anyio

from checkpoints import Span
from sinks import DataRefused, InDoubt, SchemaConflict, SinkError, Transient
from stream.config.models import Retry
from stream.observe.facts import Observer, TopicPaused, TopicResumed

_FIRST_WAIT_SECONDS: Final = 5.0


class BatchBlocked(Exception):
    """The tables of `topics`, or some of them, cannot take rows: not an outage, and not the fault of single values."""

    def __init__(self, topics: frozenset[str], cause: Exception) -> None:
        super().__init__(str(cause))
        self.topics = topics
        self.cause = cause


@contextmanager
def naming_topics(spans: Collection[Span]) -> Iterator[None]:
    """Turn a permanent error of the destination into `BatchBlocked`, with the topics whose records were to be loaded.

    Without any record the error speaks of no table and passes as it is.
    """
    try:
        yield
    except (DataRefused, InDoubt, SchemaConflict, Transient):
        raise
    except SinkError as error:
        topics = frozenset(span.range.partition.topic for span in spans if span.records)
        if not topics:
            raise
        raise BatchBlocked(topics, error) from error


@dataclass(frozen=True, slots=True)
class _Paused:
    """A topic that waits for its next try; `tries` is 0 for one that is only suspected, and never waited yet."""

    error: Exception
    tries: int
    retry_at: float


class Isolation:
    """Which topics are paused. `endless`: whether the run goes on for ever; one with an end stops at such an error."""

    def __init__(
        self, policy: Retry, observe: Observer, *, endless: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._observe = observe
        self._pauses = endless and policy.blocked_table == "pause"
        self._clock = clock
        self._topics: dict[str, _Paused] = {}
        self._refused: Counter[str] = Counter()

    def refuse(self, topic: str, *, records: int) -> None:
        """Note that so many records of a topic were set aside, each refused by its table, and none landed."""
        self._refused[topic] += records

    def landed(self, spans: Collection[Span]) -> None:
        """Note that something of these topics landed, where it did."""
        for span in spans if self._refused else ():
            if span.records > span.rejected + span.skipped:
                self._refused.pop(span.range.partition.topic, None)

    def refused(self, topic: str) -> int:
        """Return how many records of a topic were refused since one of it landed."""
        return self._refused[topic]

    @property
    def paused(self) -> frozenset[str]:
        """Return the topics that are to be left out of what is read."""
        return frozenset(self._topics)

    def block(self, blocked: BatchBlocked) -> None:
        """Pause the topic of a batch; of several, suspect each, so that the next trials tell which it is.

        Raises the destination's own error where the run is to stop.
        """
        if not self._pauses:
            raise blocked.cause
        for topic in blocked.topics:
            self._refused.pop(topic, None)
        if len(blocked.topics) > 1:
            self._topics |= {topic: _Paused(blocked.cause, 0, self._clock()) for topic in blocked.topics}
            return
        (topic,) = blocked.topics
        tries = self._topics[topic].tries + 1 if topic in self._topics else 1
        wait_seconds = min(_FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 16), self._policy.blocked_wait_seconds)
        self._topics[topic] = _Paused(blocked.cause, tries, self._clock() + wait_seconds)
        self._observe(TopicPaused(topic, str(blocked.cause), wait_seconds, tries))

    def free(self, topic: str) -> None:
        """Let a topic flow with the others again."""
        paused = self._topics.pop(topic, None)
        if paused is not None and paused.tries:
            self._observe(TopicResumed(topic))

    def keep(self, topics: Collection[str]) -> None:
        """Forget those of whose partitions we own none any more: their new owner finds out by itself."""
        for topic in self._topics.keys() - set(topics):
            self.free(topic)

    def next_trial(self) -> str | None:
        """Return the topic to be tried now, if one is due."""
        due = [(paused.retry_at, topic) for topic, paused in self._topics.items() if paused.retry_at <= self._clock()]
        return min(due)[1] if due else None

    async def until_due(self) -> None:
        """Return when a topic is to be tried; never while none is paused."""
        if not self._topics:
            await anyio.sleep_forever()
        await anyio.sleep(max(0.0, min(paused.retry_at for paused in self._topics.values()) - self._clock()))
