"""The ledger stays small: far back, contiguous ranges are one row, and its sums are what they were."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from checkpoints import Checkpoint, OffsetRange, Partition, Position, Span
from checkpoints.testing import ORIGINS, PIPELINE, A, B, at
from sinks import Batch, Column, SinkOptions
from sinks.schema import BIGINT, TEXT
from sinks.testing import ORDERS, batch, data_step, grown

pytestmark = pytest.mark.anyio


class Ledger:
    """A dataset whose sinks keep no detail, or all of it, and what its ledger says."""

    def __init__(self, kind: str, url: str, dataset: str) -> None:
        self._connect = import_module(f"sinks.sql.{kind}").connect
        self._url, self._options = url, SinkOptions(PIPELINE, dataset, "me", keep_detail_seconds=0)
        self.sink = self.connect()

    def connect(self, **options: Any) -> Any:
        return self._connect(self._url, replace(self._options, **options))

    async def rows(self, table: str = "_hr_loads") -> list[dict[str, Any]]:
        return (await self.sink.query(f"select * from {table} order by 1")).to_pylist()

    async def ranges(self, partition: Partition = A) -> list[dict[str, Any]]:
        rows = [row for row in await self.rows() if (row["topic"], row["partition"]) == tuple_of(partition)]
        return sorted(rows, key=lambda row: row["start_offset"])


def tuple_of(partition: Partition) -> tuple[str, int]:
    return partition.topic, partition.number


@pytest.fixture(params=["duckdb", "postgres"])
async def ledger(request: pytest.FixtureRequest, dataset: str, tmp_path: Path) -> AsyncIterator[Ledger]:
    url = f"duckdb:///{tmp_path}/a.duckdb"
    ledger = Ledger(
        request.param, request.getfixturevalue("postgres_dsn") if request.param == "postgres" else url, dataset
    )
    await ledger.sink.open()
    await grown(ledger.sink, ORDERS)
    yield ledger
    await ledger.sink.aclose()


async def loaded(sink: Any, start: Position, loads: int, *, lost: Sequence[int] = ()) -> Position:
    """Claim the partitions of `start`, load that often 10 offsets of each, and return where they stand then."""
    claim = await sink.claim(list(start.next), start, ORIGINS)
    here, schema = claim.position, await sink.schema()
    for n in range(loads):
        spans = tuple(
            Span(OffsetRange(p, offset, offset + 10), 0, lost=True)
            if n in lost
            else Span(OffsetRange(p, offset, offset + 10), 8, rejected=1, skipped=2)
            for p, offset in here.next.items()
        )
        upto = here.advanced_by(span.range for span in spans)
        step = Checkpoint(PIPELINE, f"{claim.epoch}-{n:03}", here, upto, claim.epoch, spans)
        await sink.load(Batch(schema_version=schema.version), step)
        here = upto
    return here


async def test_contiguous_ranges_become_one_and_the_sums_stay(ledger: Ledger) -> None:
    await loaded(ledger.sink, at(0, 100), loads=12)
    for partition, start in ((A, 0), (B, 100)):
        rows = await ledger.ranges(partition)
        sums = {name: sum(row[name] for row in rows) for name in ("records", "rows", "rejected", "skipped", "holes")}
        assert len(rows) == 2
        assert sums == {"records": 96, "rows": 60, "rejected": 12, "skipped": 24, "holes": 24}
        assert [(row["start_offset"], row["stop_offset"]) for row in rows] == [
            (start, start + 110),
            (start + 110, start + 120),
        ]


async def test_a_range_that_was_lost_keeps_its_row_and_parts_its_neighbours(ledger: Ledger) -> None:
    await loaded(ledger.sink, at(0), loads=9, lost=(4,))
    rows = await ledger.ranges()
    assert [(row["start_offset"], row["stop_offset"], row["lost"]) for row in rows] == [
        (0, 40, False),
        (40, 50, True),
        (50, 80, False),
        (80, 90, False),
    ]


async def test_each_epoch_keeps_a_row_and_epochs_never_fall(ledger: Ledger) -> None:
    here = at(0)
    for _ in range(3):
        here = await loaded(ledger.sink, here, loads=3)
    rows = await ledger.ranges()
    assert [(row["start_offset"], row["stop_offset"]) for row in rows[:2]] == [(0, 30), (30, 60)]
    assert all(a["epoch"] <= b["epoch"] and a["stop_offset"] == b["start_offset"] for a, b in pairwise(rows))


async def test_the_partitions_of_another_process_are_left_to_it(ledger: Ledger) -> None:
    other = ledger.connect(owner="other", keep_detail_seconds=86_400)
    await other.open()
    await loaded(other, Position({B: 0}), loads=3)
    await loaded(ledger.sink, Position({A: 0}), loads=3)
    await other.aclose()
    assert (len(await ledger.ranges(A)), len(await ledger.ranges(B))) == (2, 3)


async def test_within_the_time_that_detail_is_kept_each_load_has_its_row(ledger: Ledger) -> None:
    sink = ledger.connect(keep_detail_seconds=86_400)
    await sink.open()
    await loaded(sink, at(0), loads=5)
    await sink.aclose()
    assert len(await ledger.ranges()) == 5


async def test_loads_that_are_not_kafka_are_known_by_their_id_for_ever(ledger: Ledger) -> None:
    schema = await ledger.sink.schema()
    for n in range(3):
        await ledger.sink.load(batch(schema, {"orders": [{"n": n}]}), data_step(f"package-{n}"))
    await loaded(ledger.sink, at(0), loads=3)
    assert [await ledger.sink.is_committed(f"package-{n}") for n in range(3)] == [True] * 3


async def test_the_newest_load_is_known_by_its_id(ledger: Ledger) -> None:
    await loaded(ledger.sink, at(0), loads=5)
    ids = [row["load_id"] for row in await ledger.ranges()]
    assert [await ledger.sink.is_committed(load_id) for load_id in ids] == [True, True]


async def test_old_versions_of_the_schema_are_forgotten(ledger: Ledger) -> None:
    table = ORDERS
    for n in range(25):
        table = table.adding(Column(f"c{n}", TEXT if n % 2 else BIGINT))
        await grown(ledger.sink, table)
    await loaded(ledger.sink, at(0), loads=1)
    versions = [row["version"] for row in await ledger.rows("_hr_schemas")]
    assert versions == list(range(7, 27))
    assert (await ledger.sink.schema()).tables["orders"] == table
