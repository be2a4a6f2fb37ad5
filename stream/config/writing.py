"""How rows are written to a table: what a user may say of it, for all topics or for some."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from stream.config.frozen import Frozen
from stream.config.validators import check_disposition, check_sort

Disposition: TypeAlias = Literal["append", "merge", "scd2", "skip"]
Strategy: TypeAlias = Literal["upsert", "delete-insert", "insert-only", "scd2"]
KeyFormat: TypeAlias = Literal["text", "json", "bytes"]


class Writing(Frozen):
    """Write disposition, keys and deletes. Fields are named by path (`customer.id`) or by column."""

    write_disposition: Annotated[Disposition | None, BeforeValidator(check_disposition)] = None
    """`append` keeps each event, `merge` one row for each key, `scd2` one row for each version of each key, `skip`
    nothing. `append` when not set."""
    strategy: Strategy | None = None
    """How `merge` writes: `upsert` keeps the newest event of a key, `delete-insert` too (child rows are replaced by
    both), `insert-only` keeps the first, `scd2` all versions. `upsert` when not set."""
    primary_key: tuple[str, ...] | None = None
    """Fields that no two rows share, or `_kafka_key`. An event without one of them is set aside."""
    primary_key_format: KeyFormat | None = None
    """What `_kafka_key` is, where it is the key: text, JSON or bytes. Text when not set."""
    dedup_sort: tuple[Annotated[str, AfterValidator(check_sort)], ...] | None = None
    """Fields that tell the newer of two events, before the order in Kafka does: the highest value wins, or the lowest
    with `field asc`."""
    hard_delete: str | None = None
    """An event in which this field is true, or has a value that is no bool, deletes its key, as a tombstone does."""
    soft_delete: str | None = None
    """Column that takes the time of a delete; the row then stays."""
