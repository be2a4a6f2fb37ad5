"""The order of events of one batch: from the oldest to the newest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from sinks import SortBy
from sinks.merging import OFFSET, PARTITION, TIME
from stream.model.tables import Array

_TIME: Final = "time so far"
_RANK: Final = "rank among events"


def oldest_first(events: pa.Table, sort: Sequence[SortBy]) -> Array:
    """Return the indices of `events` in the order of the columns to sort by, then in the source's order.

    The source's order is the offset within a partition; between partitions Kafka's timestamp, taken as the latest of
    its partition so far, for times may run backwards and offsets do not. Events without offsets are in order already.
    """
    keys = [_key(by.column, lowest=by.lowest) for by in sort if by.column in events.column_names]
    if OFFSET in events.column_names:
        if pc.count_distinct(events[PARTITION], mode="all").as_py() > 1:
            events = events.append_column(_TIME, _time_so_far(events))
            keys += [_key(_TIME), _key(PARTITION)]
        keys.append(_key(OFFSET))
    if not keys:
        return pa.array(range(events.num_rows), pa.int64())
    ordered: Array = pc.sort_indices(events, sort_keys=keys)
    return ordered.cast(pa.int64())


def newest_of(events: pa.Table, by: Sequence[str], sort: Sequence[SortBy], *, first: bool = False) -> pa.Table:
    """Return the newest of the events that have the same values in the columns `by`; with `first` the oldest."""
    if _all_differ(events, by):
        return events
    order = oldest_first(events, sort)
    rank = pc.sort_indices(order).cast(pa.int64())
    groups = events.select(list(by)).append_column(_RANK, rank)
    chosen: Literal["min", "max"] = "min" if first else "max"
    best = groups.group_by(list(by), use_threads=False).aggregate([(_RANK, chosen)])
    return events.take(order.take(best[f"{_RANK}_{chosen}"].combine_chunks()))


def _all_differ(events: pa.Table, by: Sequence[str]) -> bool:
    """Return whether no two events are the same in these columns: then there is nothing to choose, or to sort."""
    if len(by) == 1:
        return bool(pc.count_distinct(events[by[0]], mode="all").as_py() == events.num_rows)
    groups = events.select(list(by)).group_by(list(by), use_threads=False).aggregate([])
    return groups.num_rows == events.num_rows


def _key(column: str, *, lowest: bool = False) -> Any:
    return column, "descending" if lowest else "ascending", "at_start"


def _time_so_far(events: pa.Table) -> pa.ChunkedArray[Any]:
    if TIME not in events.column_names:
        return pa.chunked_array([pa.nulls(events.num_rows, pa.int64())])
    by_offset = pc.sort_indices(events, sort_keys=[(PARTITION, "ascending"), (OFFSET, "ascending")])
    partitions, times = events[PARTITION].take(by_offset), events[TIME].take(by_offset).cast(pa.int64())
    latest = [
        pc.fill_null_forward(pc.cumulative_max(times.filter(pc.equal(partitions, number)), skip_nulls=True))
        for number in pc.unique(partitions).drop_null()
    ]
    missing = events.num_rows - sum(map(len, latest))  # rows without a partition come last in `by_offset`
    filled = pa.concat_arrays([*(each.combine_chunks() for each in latest), pa.nulls(missing, pa.int64())])
    return pa.chunked_array([filled.take(pc.sort_indices(by_offset))])
