"""Cursors: load only what is new since the last run that committed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from stream.errors import ConfigError
from stream.extract.frames import is_tabular, tables_of

_MOST_HASHES: Final = 200_000

OnMissing = Literal["raise", "include", "exclude"]


class incremental:  # reads like a type in the signature of a resource, as dlt's does
    """A cursor over rows, kept in the pipeline's state: `updated_at=headrace.incremental("updated_at")`.

    Rows at or past the highest value seen go on; those at exactly that value that were loaded before do not (by
    `primary_key`, else by their whole content). `last_value_func` is `max` or `min`, or takes a list of two values.
    `start_value` is where this run began, `last_value` the highest so far. The state commits with the rows.
    """

    def __init__(
        self,
        cursor_path: str,
        initial_value: Any = None,
        *,
        last_value_func: Callable[[Sequence[Any]], Any] = max,
        primary_key: str | Sequence[str] | None = None,
        end_value: Any = None,
        on_cursor_value_missing: OnMissing = "raise",
    ) -> None:
        if not isinstance(cursor_path, str) or not cursor_path:
            raise ConfigError(f"incremental takes the path of its cursor in a row, not {cursor_path!r}")
        if on_cursor_value_missing not in ("raise", "include", "exclude"):
            raise ConfigError("on_cursor_value_missing is one of raise, include, exclude")
        self.cursor_path = cursor_path
        self.initial_value = initial_value
        self.last_value_func = last_value_func
        self.primary_key = (primary_key,) if isinstance(primary_key, str) else tuple(primary_key or ())
        self.end_value = end_value
        self.on_cursor_value_missing: OnMissing = on_cursor_value_missing
        self.start_value = initial_value
        self.last_value = initial_value

    def __repr__(self) -> str:
        return f"incremental({self.cursor_path!r}, last_value={self.last_value!r})"

    def begun(self, memory: dict[str, Any], primary_key: Sequence[str]) -> Cursor:
        """Return the cursor of one extraction. `memory` is where the resource remembers; changed as rows pass."""
        live = incremental(
            self.cursor_path,
            self.initial_value,
            last_value_func=self.last_value_func,
            primary_key=self.primary_key or tuple(primary_key),
            end_value=self.end_value,
            on_cursor_value_missing=self.on_cursor_value_missing,
        )
        mine = memory.setdefault("incremental", {}).setdefault(self.cursor_path, {})
        live.start_value = live.last_value = mine.get("last_value", self.initial_value)
        remembers = self.end_value is None  # a backfill of a closed range leaves the cursor alone
        return Cursor(live, mine if remembers else {}, frozenset(mine.get("unique_hashes", ())))


@dataclass
class Cursor:
    """A cursor at work: a step that lets new rows pass and moves on with them."""

    given: incremental
    memory: dict[str, Any]
    seen: frozenset[str]
    _at_last: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._at_last = set(self.seen)

    def __call__(self, item: Any) -> Iterator[Any]:
        """Yield what is new of `item`."""
        if is_tabular(item):
            for table in tables_of(item):
                yield self._table(table) if isinstance(table, pa.Table) else [r for r in table if self._passes(r)]
        elif isinstance(item, list):
            yield [row for row in item if self._passes(row)]
        elif self._passes(item):
            yield item
        self._remember()

    def _passes(self, row: Any) -> bool:
        value = _at(row, self.given.cursor_path)
        if value is None:
            return self._without_value(row)
        if not self._in_range(value):
            return False
        start = self.given.start_value
        if start is not None and value == start and self._hash(row) in self.seen:
            return False
        self._advance(value, row)
        return True

    def _without_value(self, row: Any) -> bool:
        if self.given.on_cursor_value_missing == "raise":
            raise ConfigError(
                f"incremental: a row has no value at {self.given.cursor_path!r}: {str(row)[:200]}; set "
                "on_cursor_value_missing to 'include' or 'exclude'"
            )
        return self.given.on_cursor_value_missing == "include"

    def _in_range(self, value: Any) -> bool:
        start, end, later = self.given.start_value, self.given.end_value, self.given.last_value_func
        if start is not None and later((start, value)) != value:
            return False
        return end is None or (value != end and later((end, value)) == end)

    def _advance(self, value: Any, row: Any) -> None:
        last = self.given.last_value
        if last is None or (value != last and self.given.last_value_func((last, value)) == value):
            self.given.last_value = value
            self._at_last = {self._hash(row)}
        elif value == last and len(self._at_last) < _MOST_HASHES:
            self._at_last.add(self._hash(row))

    def _table(self, table: pa.Table) -> pa.Table:
        path = self.given.cursor_path
        if path not in table.column_names:
            raise ConfigError(f"incremental: the table has no column {path!r}; it has {', '.join(table.column_names)}")
        if self.given.last_value_func not in (max, min):
            raise ConfigError("incremental over tables takes max or min for last_value_func")
        kept = table.filter(self._mask(table[path]))
        if self.given.start_value is not None and self.seen:
            kept = self._without_seen(kept)
        self._advance_table(kept)
        return kept

    def _mask(self, values: pa.ChunkedArray[Any]) -> Any:
        missing = values.is_null()
        if self.given.on_cursor_value_missing == "raise" and pc.any(missing).as_py():
            self._without_value({self.given.cursor_path: None})
        rising = self.given.last_value_func is max
        masks = [pc.invert(missing)]
        if self.given.start_value is not None:
            masks.append(_compared("greater_equal" if rising else "less_equal", values, self.given.start_value))
        if self.given.end_value is not None:
            masks.append(_compared("less" if rising else "greater", values, self.given.end_value))
        mask: Any = reduce(lambda one, other: pc.call_function("and", [one, other]), masks)
        return pc.or_(mask, missing) if self.given.on_cursor_value_missing == "include" else mask

    def _without_seen(self, table: pa.Table) -> pa.Table:
        values = table[self.given.cursor_path]
        at_start = _compared("equal", values, self.given.start_value)
        rows = table.filter(at_start).to_pylist()
        new = iter([self._hash(row) not in self.seen for row in rows])
        return table.filter(pa.array([next(new) if old else True for old in at_start.to_pylist()], pa.bool_()))

    def _advance_table(self, table: pa.Table) -> None:
        path = self.given.cursor_path
        value = pc.call_function("max" if self.given.last_value_func is max else "min", [table[path]]).as_py()
        if value is None:
            return
        for row in table.filter(_compared("equal", table[path], value)).to_pylist():
            self._advance(row[path], row)

    def _hash(self, row: Any) -> str:
        keys = self.given.primary_key
        what = [_at(row, key) for key in keys] if keys else row
        return hashlib.blake2b(json.dumps(what, sort_keys=True, default=str).encode(), digest_size=12).hexdigest()

    def _remember(self) -> None:
        self.memory["last_value"] = self.given.last_value
        self.memory["unique_hashes"] = sorted(self._at_last)


def _at(row: Any, path: str) -> Any:
    if isinstance(row, dict) and path in row:
        return row[path]
    for key in path.removeprefix("$.").split("."):
        row = row.get(key) if isinstance(row, dict) else None
    return row


def _compared(how: str, values: pa.ChunkedArray[Any], value: Any) -> Any:
    scalar: pa.Scalar[Any] = pa.scalar(value)
    wanted = scalar if scalar.type == values.type else scalar.cast(values.type)
    return pc.call_function(how, [values, wanted]).fill_null(False)
