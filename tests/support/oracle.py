"""The judge: what Kafka holds against what a destination holds. Knows the ledger's columns, no code of headrace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from support.destinations import Query, position, tables
from support.documents import facts_of_document, facts_of_rows
from support.events import Stamp, stamp_of
from support.log import Log, Place, read_log


def assert_exactly_once(
    bootstrap: str, query: Query, dataset: str, topics: Mapping[str, str], *, set_aside: Collection[str] = ()
) -> Log:
    """Hold the topics' logs against tables, rejects and ledger (invariants I1, I3 and I6), and return what was read.

    `topics` gives the root table of each topic. Poison belongs into the rejects, and of the orders only those whose uid
    is in `set_aside`. Raises `AssertionError` with the first few differences.
    """
    log = read_log(bootstrap, topics)
    assert_each_landed_once(log, query, dataset, topics, set_aside=set_aside)
    assert_values_are_kept(log, query, dataset, topics, set_aside=set_aside)
    assert_ledger_adds_up(log, query, dataset, topics)
    return log


def assert_each_landed_once(
    log: Log, query: Query, dataset: str, topics: Mapping[str, str], *, set_aside: Collection[str] = ()
) -> None:
    """I1: the multisets of places and stamps in tables and in rejects are what Kafka delivers."""
    stamps = log.stamps
    rejected = [place for place, stamp in stamps.items() if stamp.uid is None or stamp.uid in set_aside]
    for where, found, places in (
        ("in the tables", _rows(query, dataset, topics), stamps.keys() - set(rejected)),
        ("among the rejects", _rejects(query, dataset), rejected),
    ):
        landed = Counter(found)
        wanted = Counter((place, stamps[place].uid, stamps[place].crc) for place in places)
        missing, surplus = wanted - landed, landed - wanted
        assert not missing, f"{missing.total()} of {wanted.total()} are missing {where}: {_some(missing)}"
        assert not surplus, f"{surplus.total()} are twice or strangers {where}: {_some(surplus)}"


def assert_whole(log: Log, query: Query, dataset: str, topics: Mapping[str, str]) -> None:
    """I2: everything below the stored positions is there once, and nothing at or past them."""
    standing = position(query, dataset)
    if not standing:
        return
    landed = Counter(place for place, *_ in _rows(query, dataset, topics) + _rejects(query, dataset))
    wanted = Counter(p for p in log.stamps if p.offset < standing.get((p.topic, p.partition), 0))
    assert landed == wanted, f"torn at {standing}: {_some(wanted - landed)} missing, {_some(landed - wanted)} too many"


def assert_values_are_kept(
    log: Log, query: Query, dataset: str, topics: Mapping[str, str], *, set_aside: Collection[str] = ()
) -> None:
    """I6: put together again from the rows of all its tables, each order says what was produced."""
    for topic, table in topics.items():
        wanted = {
            (place.partition, place.offset): stamp.document
            for place, stamp in log.orders.items()
            if place.topic == topic and stamp.uid not in set_aside
        }
        held = facts_of_rows(query, dataset, table)
        assert held.keys() == wanted.keys()
        for event, document in wanted.items():
            differences = held[event].items() ^ facts_of_document(document).items()
            assert not differences, f"{topic}{event}: {sorted(differences, key=str)[:4]}"


def assert_ledger_adds_up(log: Log, query: Query, dataset: str, topics: Collection[str]) -> None:
    """I3: ranges are contiguous up to the position, epochs never fall, and the sums are those of the log."""
    rows = query(
        'select topic, "partition", start_offset, stop_offset, epoch, records, "rows", rejected, skipped, holes, lost '
        f'from "{dataset}"._hr_loads where topic <> \'\' order by topic, "partition", start_offset, stop_offset'
    )
    rows = [row for row in rows if row[0] in topics]
    for left, right in pairwise(rows):
        if left[:2] == right[:2]:
            assert left[3] == right[2], f"{left[:2]}: the ledger jumps from {left[3]} to {right[2]}"
            assert left[4] <= right[4], f"{left[:2]}: the epoch falls from {left[4]} to {right[4]}"
    last = {(topic, partition): stop for topic, partition, _, stop, *_ in rows}
    standing = position(query, dataset)
    assert {place: standing[place] for place in last} == last, "the position is not where the ledger ends"
    for _, _, start, stop, _, records, kept, rejected, skipped, holes, lost in rows:
        assert kept + rejected + skipped == records
        assert lost or records + holes == stop - start
    assert sum(row[5] for row in rows) == len(log.records)
    assert sum(row[7] for row in rows) == len(_rejects(query, dataset))
    assert sum(row[8] for row in rows) == log.tombstones


def _some(found: Counter[Any]) -> list[Any]:
    return sorted(found, key=str)[:3]


_Landed: TypeAlias = tuple[Place, str | None, int | None]


def _rows(query: Query, dataset: str, topics: Mapping[str, str]) -> list[_Landed]:
    known = tables(query, dataset)
    return [
        (Place(topic, partition, offset), uid, crc)
        for topic, table in topics.items()
        if table in known
        for partition, offset, uid, crc in query(
            f'select _kafka_partition, _kafka_offset, uid, crc from "{dataset}"."{table}"'
        )
    ]


def _rejects(query: Query, dataset: str) -> list[_Landed]:
    rows = query(f'select topic, "partition", "offset", "value" from "{dataset}"._hr_rejects')
    stamps = [(Place(*place), _stamp(value)) for *place, value in rows]
    return [(place, stamp.uid, stamp.crc) for place, stamp in stamps]


def _stamp(value: bytes | None) -> Stamp:
    return Stamp(None, None) if value is None else stamp_of(value)
