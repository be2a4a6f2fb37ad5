"""What a sink accepts and what it promises. `sinks.testing.SinkContract` is the suite that says the same in code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from checkpoints import Checkpoint, Claim, Known, Partition, Position
from sinks.changes import SchemaPlan, WidenColumn
from sinks.schema import Schema


@dataclass(frozen=True, slots=True)
class Reject:
    """A record set aside, with its original bytes and the reason, for `_hr_rejects`.

    Of a value that is too large to be kept whole, `value` is the beginning, `value_bytes` the length of all of it and
    `value_sha256` its hash, in hexadecimal.
    """

    partition: Partition
    offset: int
    timestamp: datetime | None
    key: bytes | None
    value: bytes | None
    reason: str  # one of a short fixed list, a metric's label: "invalid_json", "too_deep", ...
    error: str  # for people
    headers: str | None = None  # as JSON: pairs of name and value, a value that is no text as {"base64": ...}
    value_bytes: int | None = None
    value_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one load writes. Every table fits the schema that was applied last: its columns, types and order exactly.

    A table of the schema without rows in this batch is left out, and a nullable column without a value may be.
    No value is changed by the sink.

    A table that merges has each key at most once, in `tables` or in `deletes`: `deletes` has, by root table, the rows
    that go, with the columns of `sinks.merging.deletes_of`. `_hr_id` of a row is a function of its key.
    `replaces` names root tables whose stored rows go, with those of their child tables, before the batch's come.
    """

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()
    schema_version: int = 0
    deletes: Mapping[str, pa.Table] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)  # documents for `_hr_state`, by key, in the same commit
    replaces: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """Return the number of rows over all tables."""
        return sum(table.num_rows for table in self.tables.values())

    @property
    def nbytes(self) -> int:
        """Return the size of all tables in memory, in bytes."""
        return sum(table.nbytes for table in self.tables.values())


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one load did."""

    step: Checkpoint
    rows: Mapping[str, int]  # by table
    nbytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a destination can hold. Limits are in force for names and types *before* a batch reaches the sink."""

    name: str
    max_identifier_bytes: int = 255
    max_columns: int = 1_500
    stores_nul_text: bool = True  # NUL in text, and its escape in a JSON document
    case_sensitive_names: bool = True  # `Orders` and `orders` are two tables
    single_process: bool = False  # only one process may write (a DuckDB file)
    reserved_columns: frozenset[str] = frozenset()  # names of columns that every table has already, in lower case
    reserved_datasets: frozenset[str] = frozenset()  # names of schemas that mean something else, in lower case
    reserved_dataset_prefix: str | None = None


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """What a sink is opened with. `owner` names this process in the ledger and differs for each start of one."""

    pipeline: str
    dataset: str
    owner: str
    connect_timeout_seconds: float = 10.0
    statement_timeout_seconds: float = 120.0
    lock_timeout_seconds: float = 30.0
    idle_in_transaction_seconds: float = 30.0
    keep_detail_seconds: float = 86_400.0  # older ledger rows of contiguous ranges are folded into one
    newest_url: Callable[[], str] | None = None  # the URL with its password as a file has it now: passwords are rotated


class Sink(Protocol):
    """A destination that takes rows, rejects and position in one commit.

    Any method may raise `Transient` (again later is right; the sink reconnects by itself) or `SinkError` (stop).
    Methods are never called concurrently on one sink, except `aclose`, which may interrupt the others.
    """

    @property
    def capabilities(self) -> Capabilities:
        """Return what this destination can hold."""
        ...

    async def open(self) -> None:
        """Connect and create dataset and system tables where they are missing. Safe to repeat, also by two at once."""
        ...

    async def positions(self, topics: Collection[str]) -> Known:
        """Return what the destination remembers of `topics`; see `CheckpointStore.positions`."""
        ...

    async def claim(self, partitions: Collection[Partition], starts: Position, origins: Mapping[str, str]) -> Claim:
        """Take `partitions` under a new epoch for the owner this sink was opened with; see `CheckpointStore.claim`."""
        ...

    async def schema(self) -> Schema:
        """Return the newest stored schema; the empty one at version 0 in a new dataset."""
        ...

    async def apply(self, plan: SchemaPlan) -> None:
        """Make the destination what `plan.target` says and store it as the newest schema, in one step where DDL allows.

        Additive and safe to repeat. Two writers are serialized by the destination. Raises `SchemaConflict` when the
        stored version is not `plan.base.version` (unless the stored schema already equals `plan.target`), or when a
        column that the plan widens cannot be widened any more; see `can_widen`.
        """
        ...

    async def can_widen(self, change: WidenColumn, *, max_rows: int) -> bool:
        """Return whether a column may take its new type now.

        Not in a table of more than `max_rows` rows where the change would rewrite and lock it, not where a view, an
        index or the like depends on the column's type, and not when a stored value would not be the same: a double
        holds few of the integers beyond 2**53.
        """
        ...

    async def load(self, batch: Batch, step: Checkpoint) -> Receipt:
        """Write rows, rejects, ledger and position in one commit; all or nothing.

        Raises `Fenced` (a newer claim, or not at `step.since`), `InDoubt` (the answer to the commit was lost),
        `DataRefused` (these values, for good), `SchemaConflict` (a newer schema is stored and the tables do not fit).
        A step that already landed is fenced, never applied twice.
        """
        ...

    async def state(self) -> Mapping[str, str]:
        """Return the newest committed state of the pipeline: what `Batch.state` brought, by key."""
        ...

    async def is_committed(self, load_id: str) -> bool:
        """Return whether the load of that id is in the ledger: the question after doubt. Reads only."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections, at once; a load in flight is rolled back or in doubt. Safe to repeat."""
        ...
