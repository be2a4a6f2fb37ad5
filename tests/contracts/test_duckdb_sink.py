"""DuckDB passes the suite of all sinks, in a file and in memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from checkpoints.testing import PIPELINE
from sinks import Sink, SinkOptions
from sinks.schema import BIGINT, Column
from sinks.sql.duckdb import connect
from sinks.testing import AuditContract, Cut, PreviewContract, SinkContract, Warehouse
from sinks.testing.builders import data_step, grown
from sinks.testing.merges import UPSERT, Event, merge_batch, merging
from support.cuts import cut_at


class InFile:
    """A DuckDB file: one process may have it open several times."""

    def __init__(self, folder: Path) -> None:
        self._url = f"duckdb:///{folder}/test.duckdb"

    def connect(self, owner: str, pipeline: str = PIPELINE) -> Sink:
        return connect(self._url, SinkOptions(pipeline, "shop", owner))

    async def read(self, table: str) -> list[dict[str, object]]:
        reader = connect(self._url, SinkOptions(PIPELINE, "shop", "reader"))
        try:
            quoted = table.replace('"', '""')
            return (await reader.query(f'SELECT * FROM "shop"."{quoted}"')).to_pylist()
        finally:
            await reader.aclose()


class TestDuckdbSink(SinkContract, PreviewContract):
    @pytest.fixture
    def warehouse(self, tmp_path: Path) -> Warehouse:
        return InFile(tmp_path)

    @pytest.fixture
    def lose_request(self, monkeypatch: pytest.MonkeyPatch) -> Cut:
        return cut_at("commit.before_send", monkeypatch)

    @pytest.fixture
    def lose_answer(self, monkeypatch: pytest.MonkeyPatch) -> Cut:
        return cut_at("commit.after_send", monkeypatch)


class TestDuckdbAudit(AuditContract):
    @pytest.fixture
    def warehouse(self, tmp_path: Path) -> Warehouse:
        return InFile(tmp_path)


@pytest.mark.anyio
async def test_a_column_named_like_the_places_of_rows_does_not_mislead_a_merge(tmp_path: Path) -> None:
    orders, items = merging(UPSERT)
    orders = replace(orders, columns={**orders.columns, "rowid": Column("rowid", BIGINT)})
    sink = connect(f"duckdb:///{tmp_path}/orders.duckdb", SinkOptions(PIPELINE, "shop", "owner"))
    await sink.open()
    schema = await grown(sink, orders, items)
    for load_id, event in (("one", Event(1, 0, "a")), ("two", Event(1, 1, "b"))):
        await sink.load(merge_batch(schema, load_id, [event]), data_step(load_id))
    stored = await sink.query("SELECT id, note FROM orders")
    await sink.aclose()
    assert stored.to_pylist() == [{"id": 1, "note": "b"}]


@pytest.mark.anyio
async def test_what_does_not_fit_into_memory_is_spilled_beside_the_file(tmp_path: Path) -> None:
    sink = connect(f"duckdb:///{tmp_path}/orders.duckdb", SinkOptions(PIPELINE, "shop", "owner"))
    await sink.open()
    setting = await sink.query("SELECT current_setting('temp_directory') AS folder")
    await sink.aclose()
    assert setting.to_pylist() == [{"folder": f"{tmp_path.resolve()}/orders.duckdb.tmp"}]
