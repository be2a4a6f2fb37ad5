"""Values taken as they are: one column `value`, of text or of bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from stream.decode.halving import ReadRecords, read_records
from stream.model.documents import NOTHING_SAID, Described


class PlainReader:
    """A `RecordReader` for text in UTF-8 (`pa.string()`) or for bytes (`pa.binary()`)."""

    described: Described = NOTHING_SAID

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = pa.struct([pa.field("value", kind)])
        self._read_value = bytes if kind == pa.binary() else _text

    def read(self, payloads: Sequence[bytes]) -> ReadRecords:
        """Return the values as arrays."""
        return read_records(payloads, self._kind, lambda payload: {"value": self._read_value(payload)})


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}: {error.reason}") from error
