"""Facts in the log. INFO: a state changed. WARNING: odd, recovered, nothing lost. ERROR: someone must act.

A healthy stream is quiet: a batch that was loaded is DEBUG.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from stream.observe.facts import (
    Assigned,
    BatchAbandoned,
    BatchLoaded,
    Claimed,
    CommitFailed,
    Fact,
    FencedOut,
    GapAccepted,
    Isolated,
    Retrying,
    Revoked,
    SchemaChanged,
    SourceAnswered,
    SourceWaiting,
    StageMoves,
    StageStuck,
    Started,
    StateChanged,
    TopicPaused,
    TopicResumed,
    Unacknowledged,
)
from stream.observe.formatting import describe, listed

_REJECTS_EVERY_SECONDS: Final = 30.0  # a topic full of poison is one line in this time, not one per batch


class LogObserver:
    """An observer that writes what a person should know."""

    def __init__(self, log: FilteringBoundLogger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._rejects: Counter[str] = Counter()
        self._rejects_due = clock()
        self._unanswered_since: float | None = None

    def observe(self, fact: Fact) -> None:
        """Log one fact, or leave it to the metrics."""
        match fact:
            case BatchLoaded():
                self._loaded(fact)
            case Retrying(reason="source") | SourceAnswered() | SourceWaiting() | Unacknowledged():
                self._source(fact)
            case CommitFailed() | Retrying() | FencedOut() | GapAccepted() | Isolated() | BatchAbandoned():
                self._odd(fact)
            case StageStuck(stacks=stacks) if stacks:
                self._log.error("stuck", stage=fact.stage, seconds=round(fact.seconds), stacks=stacks)
            case TopicPaused(tries=1):
                self._log.error(
                    "topic paused: its table cannot take its rows; mend the table and it goes on by itself; "
                    "other topics go on",
                    topic=fact.topic,
                    error=fact.error,
                    next_try_seconds=round(fact.wait_seconds),
                )
            case TopicResumed():
                self._log.warning("topic resumed", topic=fact.topic)
            case StageMoves():
                self._log.warning("not stuck any more")
            case _:
                self._changed(fact)

    def _changed(self, fact: Fact) -> None:
        match fact:
            case Started():
                self._log.info(
                    "started",
                    sink=fact.sink,
                    dataset=fact.dataset,
                    topics=list(fact.topics),
                    schema=fact.schema_version,
                )
                for pattern in fact.unmatched:
                    self._log.warning("settings match no topic", setting=f'topics."{pattern}"')
            case StateChanged("failed", reason):
                self._tell_rejects()
                self._log.error("failed", **({"reason": reason} if reason else {}))
            case StateChanged(state, reason):
                if state == "stopped":
                    self._tell_rejects()
                self._log.info(state, **({"reason": reason} if reason else {}))
            case Assigned():
                self._log.info("assigned", partitions=listed(fact.partitions))
            case Revoked(partitions, lost=True):
                self._log.warning(
                    "partitions lost: this member was removed from the consumer group (session timeout)",
                    partitions=listed(partitions),
                )
            case Revoked():
                self._log.info("revoked", partitions=listed(fact.partitions))
            case Claimed():
                self._log.info("claimed", epoch=fact.epoch, partitions=listed(fact.position.next))
            case SchemaChanged():
                for change in fact.changes:
                    self._log.info("schema changed", change=describe(change), version=fact.version)
            case _:
                pass

    def _odd(self, fact: CommitFailed | Retrying | FencedOut | GapAccepted | Isolated | BatchAbandoned) -> None:
        match fact:
            case CommitFailed(outcome="failed"):
                pass  # the retry that follows says the same
            case CommitFailed():
                self._log.warning("commit not confirmed", outcome=fact.outcome, error=fact.error)
            case Retrying():
                self._log.warning("trying again", reason=fact.reason, wait_seconds=fact.wait_seconds, error=fact.error)
            case FencedOut():
                self._log.warning("fenced by a newer owner; claiming the partitions again", error=fact.error)
            case GapAccepted():
                lost = f"{fact.range.partition} {fact.range.start}..{fact.range.stop}"
                self._log.error(
                    "offsets missing from the log; continuing because accept_loss is set", kind=fact.kind, lost=lost
                )
            case Isolated():
                self._log.warning(
                    "earlier owners died here; taking records one at a time",
                    range=f"{fact.range.partition} {fact.range.start}..{fact.range.stop}",
                    attempts=fact.attempts,
                )
            case BatchAbandoned():
                self._log.info("batch abandoned; its next owner reads it again", records=sum(fact.records.values()))

    def _source(self, fact: Retrying | SourceAnswered | SourceWaiting | Unacknowledged) -> None:
        match fact:
            case SourceWaiting():
                self._log.warning("waiting for something to read", reason=fact.reason)
            case Unacknowledged():
                self._log.warning(
                    "could not commit consumer group offsets; only external lag monitoring is affected",
                    error=fact.error,
                )
            case Retrying() if self._unanswered_since is None:  # asked every few seconds: one line for each outage
                self._unanswered_since = self._clock()
                self._log.warning("the broker does not answer; going on as soon as it does", error=fact.error)
            case SourceAnswered() if self._unanswered_since is not None:
                silent = round(self._clock() - self._unanswered_since, 1)
                self._unanswered_since = None
                self._log.warning("the broker answers again", after_seconds=silent)
            case _:
                pass

    def _loaded(self, fact: BatchLoaded) -> None:
        self._log.debug(
            "loaded",
            load_id=fact.receipt.step.load_id,
            rows=dict(fact.receipt.rows),
            rejects=dict(fact.rejects),
            seconds=round(fact.receipt.seconds, 4),
        )
        self._rejects.update(fact.rejects)
        if self._clock() >= self._rejects_due:
            self._tell_rejects()

    def _tell_rejects(self) -> None:
        if self._rejects:
            self._log.warning("records set aside in _hr_rejects", records=dict(self._rejects))
            self._rejects.clear()
            self._rejects_due = self._clock() + _REJECTS_EVERY_SECONDS
