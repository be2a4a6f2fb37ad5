"""Positions and checkpoints as JSON text that says its version, for whoever has to keep or send one."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from checkpoints.checkpoint import Checkpoint, Span
from checkpoints.position import OffsetRange, Partition, Position

VERSION: Final = 1

D = TypeVar("D")
_PositionRow = tuple[str, int, int]  # topic, partition, next offset
_SpanRow = tuple[str, int, int, int, int, int, int, bool]  # topic, partition, start, stop, then the counts of a Span


class CodecError(ValueError):
    """The text is no position (or checkpoint) of this version; it is never guessed at."""


class _Versioned(msgspec.Struct, kw_only=True):
    version: int


class _PositionText(_Versioned, kw_only=True, forbid_unknown_fields=True):
    next: list[_PositionRow]


class _CheckpointText(_Versioned, kw_only=True, forbid_unknown_fields=True):
    pipeline: str
    load_id: str
    since: list[_PositionRow]
    upto: list[_PositionRow]
    epoch: int
    spans: list[_SpanRow]


def encode_position(position: Position) -> str:
    """Return `position` as one line of JSON; equal positions give equal text."""
    return _write(_PositionText(version=VERSION, next=_rows(position)))


def decode_position(text: str) -> Position:
    """Return the position that `encode_position` wrote; raises `CodecError` for any other text."""
    return _position(_read(text, _PositionText).next)


def encode_checkpoint(step: Checkpoint) -> str:
    """Return `step` as one line of JSON; equal checkpoints give equal text."""
    return _write(
        _CheckpointText(
            version=VERSION,
            pipeline=step.pipeline,
            load_id=step.load_id,
            since=_rows(step.since),
            upto=_rows(step.upto),
            epoch=step.epoch,
            spans=[_span_row(span) for span in step.spans],
        )
    )


def decode_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that `encode_checkpoint` wrote; raises `CodecError` for any other text."""
    document = _read(text, _CheckpointText)
    try:
        return Checkpoint(
            document.pipeline,
            document.load_id,
            since=_position(document.since),
            upto=_position(document.upto),
            epoch=document.epoch,
            spans=tuple(map(_span, document.spans)),
        )
    except ValueError as error:
        raise CodecError(f"damaged checkpoint: {error}") from error


def _write(document: _Versioned) -> str:
    return msgspec.json.encode(document).decode()


def _read(text: str, form: type[D]) -> D:
    try:
        version = msgspec.json.decode(text, type=_Versioned).version
        if version != VERSION:
            raise CodecError(f"written in version {version} of the format; this headrace reads version {VERSION} only")
        return msgspec.json.decode(text, type=form)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CodecError(f"no position or checkpoint of headrace: {error}") from error


def _rows(position: Position) -> list[_PositionRow]:
    return [(partition.topic, partition.number, offset) for partition, offset in position.next.items()]


def _position(rows: list[_PositionRow]) -> Position:
    return Position({Partition(topic, number): offset for topic, number, offset in rows})


def _span_row(span: Span) -> _SpanRow:
    partition = span.range.partition
    where = (partition.topic, partition.number, span.range.start, span.range.stop)
    return (*where, span.records, span.rejected, span.skipped, span.lost)


def _span(row: _SpanRow) -> Span:
    topic, number, start, stop, records, rejected, skipped, lost = row
    return Span(OffsetRange(Partition(topic, number), start, stop), records, rejected, skipped, lost)
