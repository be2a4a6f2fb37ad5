"""The judge: what Kafka holds against what a destination holds. Knows the ledger's columns, and no code of headrace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from support.destinations import Query, position, tables
from support.events import Stamp, stamp_of
from support.log import Log, Place, read_log


def assert_exactly_once(bootstrap: str, query: Query, dataset: str, topics: Mapping[str, str]) -> Log:
    """Hold the topics' logs against tables, rejects and ledger (invariants I1 and I3), and return what was read.

    `topics` gives the root table of each topic. Raises `AssertionError` with the first few differences.
    """
    log = read_log(bootstrap, topics)
    assert_each_landed_once(log, query, dataset, topics)
    assert_children_are_whole(log, query, dataset, topics)
    assert_ledger_adds_up(log, query, dataset)
    return log


def assert_each_landed_once(log: Log, query: Query, dataset: str, topics: Mapping[str, str]) -> None:
    """I1: the multiset of places and stamps in tables and rejects is what Kafka delivers."""
    landed = Counter(_rows(query, dataset, topics) + _rejects(query, dataset))
    wanted = Counter((place, stamp.uid, stamp.crc) for place, stamp in log.stamps.items())
    missing, surplus = wanted - landed, landed - wanted
    assert not missing, f"{missing.total()} of {wanted.total()} records are missing: {sorted(missing, key=str)[:3]}"
    assert not surplus, f"{surplus.total()} rows are twice or strangers: {sorted(surplus, key=str)[:3]}"


def assert_children_are_whole(log: Log, query: Query, dataset: str, topics: Mapping[str, str]) -> None:
    """I1 for child tables: each order has as many rows in `<table>__items` as it has items, and none has no order."""
    rejected = {place for place, _, _ in _rejects(query, dataset)}
    for topic, table in topics.items():
        wanted = {p: s.items for p, s in log.stamps.items() if p.topic == topic and s.items and p not in rejected}
        if not wanted:
            continue
        rows = query(
            f'select r._kafka_partition, r._kafka_offset, count(*) from "{dataset}"."{table}__items" i '
            f'left join "{dataset}"."{table}" r on r._hr_id = i._hr_root_id group by 1, 2'
        )
        assert {Place(topic, partition, offset): count for partition, offset, count in rows} == wanted


def assert_ledger_adds_up(log: Log, query: Query, dataset: str) -> None:
    """I3: ranges are contiguous up to the position, epochs never fall, and the sums are those of the log."""
    rows = query(
        'select topic, "partition", start_offset, stop_offset, epoch, records, "rows", rejected, skipped, holes, lost '
        f'from "{dataset}"._hr_loads where topic <> \'\' order by topic, "partition", start_offset, stop_offset'
    )
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


_Landed = tuple[Place, str | None, int | None]


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
