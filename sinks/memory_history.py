"""History in memory: all events of all keys, laid in order anew with each batch. What other sinks do with SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sinks.history import CONTENT, VALID_FROM, VALID_TO, history_of, tells_time
from sinks.merging import LOAD_ID, OFFSET, PARTITION, ROW_ID, TIME
from sinks.schema import Table
from sinks.write import SortBy

Row: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[Any, ...]


@dataclass(slots=True)
class History:
    """The events of one table, by key: rows, and deletes, which have no content."""

    events: dict[Key, list[Row]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row], table: Table) -> None:
        """Take events, rows or deletes."""
        for row in rows:
            self.events.setdefault(tuple(row[name] for name in history_of(table).key), []).append(row)

    def versions(self, table: Table) -> list[Row]:
        """Return the versions of all keys."""
        return [version for events in self.events.values() for version in _versions(events, table)]


def _versions(events: list[Row], table: Table) -> list[Row]:
    found: list[Row] = []
    content = latest = None
    for event in _in_order(events, table):
        since = event[VALID_FROM]
        latest = since if latest is None else max(since, latest)
        if event.get(CONTENT) == content:
            continue
        if content is not None:
            found[-1][VALID_TO] = latest
        content = event.get(CONTENT)
        if content is not None:
            found.append({**event, VALID_FROM: latest, VALID_TO: None})
    return found


def _in_order(events: list[Row], table: Table) -> list[Row]:
    times = _times(events)
    sort = [by for by in history_of(table).sort if by.column in table.columns]
    timed = tells_time(table)
    by_source = sorted(events, key=lambda event: (*times[event[ROW_ID]], event.get(LOAD_ID) or "", event[ROW_ID]))
    for by in reversed(sort[1:] if timed else sort):
        by_source = _sorted_by(by, by_source)
    return sorted(by_source, key=lambda event: event[VALID_FROM]) if timed else by_source


def _sorted_by(by: SortBy, events: list[Row]) -> list[Row]:
    missing = [event for event in events if event.get(by.column) is None]
    present = [event for event in events if event.get(by.column) is not None]
    return [*missing, *sorted(present, key=lambda event: event[by.column], reverse=by.lowest)]


def _times(events: list[Row]) -> Mapping[str, tuple[Any, ...]]:
    """Return the place of each event in Kafka: the latest time of its partition so far, partition, offset."""
    latest: dict[int, float] = {}
    found: dict[str, tuple[Any, ...]] = {}
    for event in sorted(events, key=lambda event: (event.get(OFFSET) or 0, event[ROW_ID])):
        partition, at = event.get(PARTITION), event.get(TIME)
        if partition is None:
            found[event[ROW_ID]] = (float("-inf"), -1, -1)
            continue
        time = float("-inf") if at is None else at.timestamp()
        latest[partition] = max(time, latest.get(partition, float("-inf")))
        found[event[ROW_ID]] = (latest[partition], partition, event[OFFSET])
    return found
