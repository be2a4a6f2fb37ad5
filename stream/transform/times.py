"""Instants that events write as numbers or in a format of their own, as timestamps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from stream.model.tables import Array

EPOCHS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Units of time since 1970, by name, in microseconds."""

_TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
_MOST: Final = 253_402_300_799_999_999  # the last microsecond of the year 9999


def times_in(values: Array, form: str) -> Iterator[Array]:
    """Yield the values that are instants in `form` as timestamps in UTC, and the others as they are, null elsewhere.

    `form` is one of `EPOCHS`, for integers, or what `strptime` takes, for text; a format without a zone means UTC.
    """
    times = _from_epoch(values, EPOCHS[form]) if form in EPOCHS else _parsed(values, form)
    if times is None:
        yield values
        return
    yield times
    others = pc.if_else(pc.is_valid(times), pa.scalar(None, values.type), values)
    if others.null_count < len(others):
        yield others


def _from_epoch(values: Array, unit: int) -> Array | None:
    if not pa.types.is_integer(values.type):
        return None
    most = _MOST // unit
    inside = pc.if_else(
        pc.less_equal(pc.abs(values), pa.scalar(most, pa.int64())), values, pa.scalar(None, values.type)
    )
    scaled: Array = pc.multiply(inside.cast(pa.int64()), unit)
    return scaled.cast(_TIMESTAMP)


def _parsed(values: Array, form: str) -> Array | None:
    if not pa.types.is_string(values.type):
        return None
    parsed: Array = pc.strptime(values, format=form, unit="us", error_is_null=True)
    return parsed.cast(pa.timestamp("us")).cast(pa.int64()).cast(_TIMESTAMP)
