"""Records that name their writer's schema, grouped by it: which schemas a batch needs, and whose bytes are whose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from sinks import Reject
from stream.decode.reasons import InvalidRecord, Reason
from stream.decode.rows import Rows
from stream.decode.wire_framing import PREFIX_BYTES, VALUE_HEADER, id_in, id_in_headers, is_framed
from stream.model import Headers, PartitionRecords, RawBatch
from stream.model.schemas import SchemaId

_NO_HEADERS: Final[Headers] = ()


@dataclass(slots=True)
class SchemaGroup:
    """Records of one writer's schema: their rows, and their bytes without the frame."""

    rows: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class FramedRecords:
    """The records of some parts, numbered from 0: by schema, without value, and without a frame."""

    groups: dict[SchemaId, SchemaGroup] = field(default_factory=dict)
    tombstones: list[int] = field(default_factory=list)
    invalid: dict[int, InvalidRecord] = field(default_factory=dict)


def schema_ids(parts: Iterable[PartitionRecords], header: str) -> frozenset[SchemaId]:
    """Return the ids of all schemas that these records name, in front of their bytes or in the header `header`."""
    ids: set[SchemaId] = set()
    for part in parts:
        if part.headers:
            ids.update(group for group in _grouped((part,), header).groups)
        else:
            prefixes = {value[:PREFIX_BYTES] for value in part.values if value is not None}
            ids.update(id_in(prefix) for prefix in prefixes if is_framed(prefix))
    return frozenset(ids)


def group_by_schema(parts: Iterable[PartitionRecords], header: str, *, max_bytes: int) -> FramedRecords:
    """Return the records of `parts` by the schema that each names; a larger one than `max_bytes` is invalid."""
    return _grouped(parts, header, max_bytes)


def _grouped(parts: Iterable[PartitionRecords], header: str, max_bytes: int | None = None) -> FramedRecords:
    found = FramedRecords()
    row = -1
    for part in parts:
        for index, value in enumerate(part.values):
            row += 1
            if value is None:
                found.tombstones.append(row)
            elif max_bytes is not None and len(value) > max_bytes:
                found.invalid[row] = too_large(value, max_bytes)
            else:
                _place(found, row, value, part.headers[index] if part.headers else _NO_HEADERS, header)
    return found


def _place(found: FramedRecords, row: int, value: bytes, headers: Headers, header: str) -> None:
    told = id_in_headers(headers, header) if headers else None
    if told is not None:
        id, payload = told[0], told[1] + value
    elif is_framed(value):
        id, payload = id_in(value), value[PREFIX_BYTES:]
    else:
        found.invalid[row] = InvalidRecord(Reason.NOT_FRAMED, _without_frame(value))
        return
    group = found.groups.get(id)
    if group is None:
        group = found.groups[id] = SchemaGroup()
    group.rows.append(row)
    group.payloads.append(payload)


def too_large(value: bytes, max_bytes: int) -> InvalidRecord:
    """Return why a record is not even looked at."""
    return InvalidRecord(Reason.TOO_LARGE, f"{len(value):,} bytes; the limit is {max_bytes:,}")


def _without_frame(value: bytes) -> str:
    shown = value[:PREFIX_BYTES].hex(" ") or "nothing"
    return (
        f"the record begins with {shown}, where a zero byte and the 4 bytes of a schema's id should be; "
        "for records without an id set schema_file"
    )


def without_frames(raw: RawBatch) -> tuple[RawBatch, tuple[Reject, ...]]:
    """Return `raw` with values that have no frame any more, without those that never had one, and these as rejects."""
    rejects: list[Reject] = []
    parts = []
    for part in raw.parts:
        rows = Rows((part,))
        records = _grouped((part,), VALUE_HEADER)
        rejects += [rows.reject(row, why) for row, why in records.invalid.items()]
        bare = dict(_payloads(records))
        fine = PartitionRecords(
            part.range,
            part.offsets,
            part.timestamps,
            part.keys,
            [bare.get(row) for row in range(len(part))],
            part.headers,
        )
        refused = {(part.range.partition, part.offsets[row]) for row in records.invalid}
        parts.append(fine.choosing(refused, among=False) if refused else fine)
    return replace(raw, parts=tuple(parts)), tuple(rejects)


def _payloads(records: FramedRecords) -> Iterator[tuple[int, bytes]]:
    """Yield each row with its payload."""
    for group in records.groups.values():
        yield from zip(group.rows, group.payloads, strict=True)
