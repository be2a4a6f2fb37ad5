"""The tables that headrace keeps for itself in each dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sinks.schema import BIGINT, BINARY, BOOL, TEXT, TIMESTAMP, Column, DataType, Table

OFFSETS: Final = "_hr_offsets"
LOADS: Final = "_hr_loads"
SCHEMAS: Final = "_hr_schemas"
STATE: Final = "_hr_state"
REJECTS: Final = "_hr_rejects"
WATERMARKS: Final = "_hr_watermarks"


def _table(name: str, required: Mapping[str, DataType], optional: Mapping[str, DataType] | None = None) -> Table:
    columns = [Column(column, kind, nullable=False) for column, kind in required.items()]
    columns += [Column(column, kind) for column, kind in (optional or {}).items()]
    return Table(name, {column.name: column for column in columns})


# One row for each load and partition: `sinks.ledger.LoadRow`.
_LOADS: Final = _table(
    LOADS,
    {
        "load_id": TEXT,
        "pipeline": TEXT,
        "topic": TEXT,
        "partition": BIGINT,
        "start_offset": BIGINT,
        "stop_offset": BIGINT,
        "records": BIGINT,
        "rows": BIGINT,
        "rejected": BIGINT,
        "skipped": BIGINT,
        "holes": BIGINT,
        "lost": BOOL,
        "status": TEXT,
        "schema_version": BIGINT,
        "epoch": BIGINT,
        "owner": TEXT,
        "committed_at": TIMESTAMP,
    },
)

# Where each partition stands, and who may move it. `attempts`: other owners that claimed it since it last moved.
_OFFSETS: Final = _table(
    OFFSETS,
    {
        "pipeline": TEXT,
        "topic": TEXT,
        "partition": BIGINT,
        "next_offset": BIGINT,
        "epoch": BIGINT,
        "owner": TEXT,
        "attempts": BIGINT,
        "origin": TEXT,
        "updated_at": TIMESTAMP,
    },
)

# Each version of the schema; the primary key makes storing one a compare-and-set.
_SCHEMAS: Final = _table(
    SCHEMAS, {"version": BIGINT, "version_hash": TEXT, "document": TEXT, "pipeline": TEXT, "created_at": TIMESTAMP}
)

_STATE: Final = _table(STATE, {"pipeline": TEXT, "key": TEXT, "document": TEXT, "updated_at": TIMESTAMP})

# Records set aside: `sinks.ledger.RejectRow`.
_REJECTS: Final = _table(
    REJECTS,
    {"load_id": TEXT, "pipeline": TEXT, "topic": TEXT, "partition": BIGINT, "offset": BIGINT},
    {
        "timestamp": TIMESTAMP,
        "key": BINARY,
        "value": BINARY,
        "reason": TEXT,
        "error": TEXT,
        "headers": TEXT,  # since 0.2, as all below
        "value_bytes": BIGINT,
        "value_sha256": TEXT,
    },
)

# The event time up to which a partition's records are in the tables; a topic's is the least of its partitions'.
_WATERMARKS: Final = _table(
    WATERMARKS,
    {"pipeline": TEXT, "topic": TEXT, "partition": BIGINT, "event_time": TIMESTAMP, "updated_at": TIMESTAMP},
)

TABLES: Final[Mapping[str, Table]] = {t.name: t for t in (_LOADS, _OFFSETS, _SCHEMAS, _STATE, _REJECTS, _WATERMARKS)}

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    LOADS: ("load_id", "topic", "partition"),
    OFFSETS: ("pipeline", "topic", "partition"),
    SCHEMAS: ("version",),
    STATE: ("pipeline", "key"),
    REJECTS: (),
    WATERMARKS: ("pipeline", "topic", "partition"),
}
