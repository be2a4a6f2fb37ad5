"""Arrow's own check of values, and the years that calendars have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_FIRST_DAY: Final = -719_162  # 0001-01-01
_LAST_DAY: Final = 2_932_896  # 9999-12-31
_PER_DAY: Final = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}


def checked(array: pa.Array[Any]) -> pa.Array[Any]:
    """Return `array`. Raises `ValueError` when a value is not in the range of its type, or a year not in 1 to 9999.

    Neither Python nor most databases have another year, and Arrow prints a wrong one.
    """
    array.validate(full=True)
    for leaf in _temporal(array):
        first, last = _bounds(leaf.type)
        least, most = (bound.as_py() for bound in pc.min_max(_as_number(leaf)).values())
        if least is not None and (least < first or most > last):
            raise ValueError("a date or a timestamp is not in the years 1 to 9999")
    return array


def _temporal(array: Any) -> Iterator[Any]:
    kind = array.type
    if pa.types.is_date32(kind) or (pa.types.is_timestamp(kind) and kind.unit in _PER_DAY):
        yield array
    elif pa.types.is_struct(kind):
        for child in array.flatten():  # without what stands below a null
            yield from _temporal(child)
    elif pa.types.is_map(kind):
        yield from _temporal(array.keys)
        yield from _temporal(array.items)
    elif pa.types.is_list(kind):
        yield from _temporal(array.flatten())


def _bounds(kind: Any) -> tuple[int, int]:
    if pa.types.is_date32(kind):
        return _FIRST_DAY, _LAST_DAY
    unit = _PER_DAY[kind.unit]
    return _FIRST_DAY * unit, (_LAST_DAY + 1) * unit - 1


def _as_number(leaf: Any) -> Any:
    return leaf.cast(pa.int32() if pa.types.is_date32(leaf.type) else pa.int64())
