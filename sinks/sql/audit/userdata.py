"""The rows of one topic as SQL sees them: a root table, what lies below it, and the conditions that choose rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from checkpoints import OffsetRange
from sinks.audit import TopicScope
from sinks.schema import Schema, Table
from sinks.sql.statement import quoted

PARTITION: Final = "_kafka_partition"
OFFSET: Final = "_kafka_offset"
TOPIC: Final = "_kafka_topic"
ROW_ID: Final = "_hr_id"
PARENT_ID: Final = "_hr_parent_id"
ROOT_ID: Final = "_hr_root_id"
LIST_INDEX: Final = "_hr_list_idx"
LOAD_ID: Final = "_hr_load_id"


def table_of(dataset: str, table: Table) -> sa.Table:
    """Return a table of the user's as SQLAlchemy sees it, without types."""
    columns: list[sa.Column[Any]] = [sa.Column(quoted(name)) for name in table.columns]
    return sa.Table(quoted(table.name), sa.MetaData(), *columns, schema=quoted(dataset))


def below(schema: Schema, root: str) -> Iterator[Table]:
    """Yield the child tables of `root`, parents before children."""
    for table in schema.tables.values():
        if table.parent == root:
            yield table
            yield from below(schema, table.name)


def of_topic(scope: TopicScope, rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that a row of the root table came from the topic, and that somebody asks for it."""
    wanted = [rows.c[TOPIC] == scope.topic] if scope.shared else []
    return sa.and_(rows.c[OFFSET].is_not(None), *wanted, since(scope, rows.c[PARTITION], rows.c[OFFSET]))


def since(scope: TopicScope, partition: Any, offset: Any) -> sa.ColumnElement[bool]:
    """Return the condition that an offset is not before what the scope says of its partition."""
    if not scope.since:
        return sa.true()
    return sa.or_(
        *(sa.and_(partition == number, offset >= start) for number, start in sorted(scope.since.items())),
        partition.not_in(sorted(scope.since)),
    )


def inside(within: OffsetRange, rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that a row of the root table came from a range of offsets."""
    return sa.and_(
        rows.c[PARTITION] == within.partition.number,
        rows.c[OFFSET] >= within.start,
        rows.c[OFFSET] < within.stop,
    )


def belongs(
    schema: Schema, dataset: str, child: Table, rows: sa.FromClause, roots: sa.Select[Any]
) -> sa.ColumnElement[bool]:
    """Return the condition that one of `rows`, of table `child`, is below a root row whose id `roots` selects."""
    if ROOT_ID in child.columns:
        return rows.c[ROOT_ID].in_(roots)
    parent = schema.tables[child.parent or ""]
    if parent.parent is None:
        return rows.c[PARENT_ID].in_(roots)
    above = table_of(dataset, parent)
    return rows.c[PARENT_ID].in_(sa.select(above.c[ROW_ID]).where(belongs(schema, dataset, parent, above, roots)))
