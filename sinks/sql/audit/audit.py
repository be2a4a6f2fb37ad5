"""The `Audit` port over a SQL database: what it holds, and the transactions that steer it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from checkpoints import Fenced, Partition
from sinks.audit import REWOUND_BY, RejectFilter, Rewound, TopicScope
from sinks.contract import Batch, SinkOptions
from sinks.ledger import RejectRow
from sinks.sql.audit.changes import Changes
from sinks.sql.audit.merged import MergedHoldings
from sinks.sql.audit.questions import PAUSED
from sinks.sql.audit.rewinding import Rewinding
from sinks.sql.session import Session
from sinks.sql.statement import Statement
from sinks.sql.system import WATERMARKS
from sinks.sql.transactions import Transactions
from sinks.sql.worker import SessionThread

T = TypeVar("T")
_BEGIN: Final = Statement("BEGIN")


class SqlAudit(MergedHoldings):
    """An `Audit`: each method one transaction in the sink's thread."""

    def __init__(self, thread: SessionThread, transactions: Transactions, options: SinkOptions) -> None:
        super().__init__(thread, transactions, options)
        self._change = Changes(self._ask, options.dataset, options.pipeline)

    async def replay(self, batch: Batch, replayed: Sequence[RejectRow], load_id: str) -> None:
        """Write rows in the place of rejects, in one commit."""

        def write(session: Session) -> None:
            self._transactions.begin(session)
            self._transactions.write_rows(session, batch)
            self._take_back(session, replayed)
            self._transactions.commit(session)

        await self._write(write)

    async def drop_rejects(self, which: RejectFilter) -> int:
        """Delete rejects, and count them as skipped."""

        def drop(session: Session) -> int:
            ((count,),) = session.execute(self._ask.count_of(self._ask.chosen_rejects(which)))
            session.execute(self._change.recount_as_skipped(which))
            session.execute(self._change.drop_rejects(which))
            return int(count)

        return await self._alone(drop)

    async def rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int], by: str) -> Rewound:
        """Delete what was loaded from these offsets on, and set the positions there."""
        owner = f"{REWOUND_BY}{by}"
        return await self._alone(lambda session: self._rewinding(session).run(scopes, to, owner))

    async def rehearse_rewind(self, scopes: Collection[TopicScope], to: Mapping[Partition, int]) -> Rewound:
        """Return what `rewind` would do."""
        return await self._read(lambda session: self._rewinding(session).rehearse(scopes, to))

    async def pause(self, why: str | None) -> None:
        """Wish that all processes of the pipeline stop reading; None: that they go on."""
        statement = self._change.note(PAUSED, why)
        await self._alone(lambda session: session.execute(statement))

    async def advance_watermarks(self, event_times: Mapping[Partition, datetime], epoch: int) -> None:
        """Move watermarks forward, of partitions that `epoch` still owns."""
        statements = self._change.advance_watermarks(event_times, epoch)

        def write(session: Session) -> None:
            session.execute(_BEGIN)
            for statement in statements:
                session.execute(statement)
            self._transactions.commit(session)

        await self._write(write)

    async def _write(self, change: Callable[[Session], T]) -> T:
        def work(session: Session) -> T:
            self._look(session)
            return change(session)

        return await self._thread.run(work)

    async def _alone(self, change: Callable[[Session], T]) -> T:
        """Return what a change returns, made while nobody loads."""

        def work(session: Session) -> T:
            self._transactions.begin_alone(session)
            changed = change(session)
            self._transactions.commit(session)
            return changed

        return await self._write(work)

    def _take_back(self, session: Session, replayed: Sequence[RejectRow]) -> None:
        gone = sum(len(session.execute(statement)) for statement in self._change.delete_rejects(replayed))
        if gone != len(replayed):
            raise Fenced(
                f"{len(replayed) - gone} of {len(replayed)} rejects are none any more: somebody else replayed or "
                "dropped them, and nothing was written; list them again"
            )
        for row in replayed:
            session.execute(self._change.recount_as_row(Partition(row.topic, row.partition), row.offset))

    def _rewinding(self, session: Session) -> Rewinding:
        return Rewinding(session, self._ask, self._change, self._schema(session), WATERMARKS in self._tables)
