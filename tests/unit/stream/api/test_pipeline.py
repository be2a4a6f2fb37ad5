"""The Python face: what may be called how, what is refused with which reason, and what lands in DuckDB."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import duckdb
import pyarrow as pa
import pytest
from anyio import from_thread
from pydantic import SecretStr

import stream
from sinks import SinkError
from stream.api import create as api
from stream.api.destinations import default_group
from stream.config.models import Config, Destination, Kafka, Retry
from stream.errors import ConfigError, DestinationError, HeadraceError, PipelineStepFailed, SourceUnavailable

# As in the specification; `progress=None` stands for "no progress".
PIPELINE = (
    "(pipeline_name=None, pipelines_dir=None, pipeline_salt=None, destination=None, staging=None, dataset_name=None, "
    "import_schema_path=None, export_schema_path=None, full_refresh=False, credentials=None, progress=None)"
)
ATTACH = (
    "(pipeline_name=None, pipelines_dir=None, pipeline_salt=None, full_refresh=False, credentials=None, progress=None)"
)
RUN = (
    "(data, *, destination=None, staging=None, dataset_name=None, credentials=None, table_name=None, "
    "write_disposition=None, columns=None, schema=None, primary_key=None, merge_key=None, schema_contract=None)"
)

Rows = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and home; no pipeline was made yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("HEADRACE__")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(api, "_newest", [])
    return tmp_path


@pytest.fixture
def shop(here: Path) -> stream.Pipeline:
    """A pipeline into DuckDB."""
    return stream.pipeline("shop", destination="duckdb", dataset_name="sales")


@pytest.fixture
def rows(here: Path) -> Rows:
    """What a table of `shop` holds, without headrace's own columns, in the order of the rows' first value."""

    def read(table: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(here / "shop_data.duckdb"), read_only=True) as connection:
            found = connection.sql(f'select * from sales."{table}"').to_arrow_table().to_pylist()
        own = [{name: value for name, value in row.items() if not name.startswith("_hr_")} for row in found]
        return sorted(own, key=str)

    return read


def tables(here: Path) -> set[str]:
    """Return the tables of `shop` that are not headrace's own."""
    with duckdb.connect(str(here / "shop_data.duckdb"), read_only=True) as connection:
        found = connection.sql("select table_name from information_schema.tables").fetchall()
    return {name for (name,) in found if not name.startswith("_hr_")}


def signature(function: Callable[..., Any]) -> str:
    """Return names, order and defaults of the parameters."""
    found = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values() if p.name != "self"]
    return str(inspect.Signature(bare))


# -- pipelines


@pytest.mark.parametrize(
    ("function", "wanted"),
    [(stream.pipeline, PIPELINE), (stream.attach, ATTACH), (stream.run, RUN), (stream.Pipeline.run, RUN)],
)
def test_parameters_are_those_of_the_specification(function: Callable[..., Any], wanted: str) -> None:
    assert signature(function) == wanted


def test_the_module_offers_what_it_says() -> None:
    assert all(getattr(stream, name) for name in stream.__all__)


def test_a_pipeline_without_arguments_is_the_newest_one(shop: stream.Pipeline) -> None:
    assert stream.pipeline() is shop


def test_the_first_pipeline_without_arguments_is_named_after_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/jobs/Load Orders.py"])
    made = stream.pipeline()
    assert (made.pipeline_name, made.dataset_name, made.destination) == ("headrace_load_orders",) * 2 + (None,)


def test_a_pipeline_prints_in_one_line_and_without_its_password() -> None:
    made = stream.pipeline("shop", credentials="postgresql://me:hidden@db/shop?password=hidden", dataset_name="sales")
    assert repr(made).startswith("Pipeline('shop', destination='postgresql://me@db/shop', dataset_name='sales'")
    assert "hidden" not in repr(made)
    assert len(repr(made)) < 300


def test_full_refresh_loads_into_a_dataset_of_its_own() -> None:
    made = stream.pipeline("shop", destination="duckdb", dataset_name="sales", full_refresh=True)
    assert datetime.strptime(made.dataset_name, "sales_%Y%m%d%H%M%S")


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "x" * 129, "ünï", "a\x00", 5])
def test_a_bad_name_is_refused_with_the_reason(name: Any) -> None:
    with pytest.raises(ConfigError, match="cannot name a pipeline: it names a folder"):
        stream.pipeline(name)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"destination": "duckbd"}, "no destination is called 'duckbd'; there are: duckdb, memory"),
        ({"destination": "postgres"}, "needs to know where"),
        ({"destination": object()}, "destination is a name, a URL, a module or an object that is called"),
        ({"credentials": {"host": "db"}}, "credentials need a 'drivername'"),
        ({"credentials": {"hosts": "db"}}, "credentials have no part 'hosts'"),
        ({"credentials": 5}, "credentials are a connection string, or an object with"),
        ({"destination": "duckdb", "credentials": "postgresql://db/x"}, "name different kinds of destination"),
        ({"destination": "postgresql://me:hid/den@db/x"}, "percent-encode it"),
        ({"credentials": "postgresql://me:hid@den@db/x"}, "percent-encode it"),
        ({"destination": "duckdb", "dataset_name": 5}, "dataset_name is a name, not 5"),
        ({"destination": "duckdb", "dataset_name": ""}, "dataset_name is a name, not ''"),
    ],
)
def test_a_destination_that_cannot_be_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        stream.pipeline("shop", **given)


@pytest.mark.parametrize("given", [None, "postgres"])
def test_a_destination_that_is_not_given_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setenv("HEADRACE__DESTINATION__URL", "postgresql://me@db/shop")
    monkeypatch.setenv("HEADRACE__DESTINATION__PASSWORD", "hidden-password")
    where = stream.pipeline("shop", destination=given).config.destination
    assert (where.url, where.password) == (SecretStr("postgresql://me@db/shop"), SecretStr("hidden-password"))


def test_a_destination_that_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE__DESTINATION__URL", "postgresql://me@db/shop")
    assert stream.pipeline("shop", destination="duckdb").destination == "duckdb:///shop_data.duckdb"


def test_a_pipeline_of_one_topic_has_the_name_of_the_topic() -> None:
    assert api.pipeline_of(Config(kafka=Kafka(topics=("shop.orders",)))).pipeline_name == "shop_orders"


@pytest.mark.parametrize("kafka", [Kafka(topics=("a", "b")), Kafka(pattern="a|b")], ids=["topics", "pattern"])
def test_a_pipeline_of_several_topics_needs_a_name(kafka: Kafka) -> None:
    with pytest.raises(ConfigError, match="needs a name for its pipeline"):
        api.pipeline_of(Config(kafka=kafka))


@pytest.mark.parametrize(
    "given",
    [{"columns": {"id": {"x_rays": True}}}, {"write_disposition": "merge", "columns": {"id": {"merge_key": True}}}],
)
def test_a_parameter_that_does_nothing_yet_is_refused_by_run(shop: stream.Pipeline, given: dict[str, Any]) -> None:
    for function in (shop.run, stream.run):
        with pytest.raises(ConfigError, match="is not built yet"):
            function([{"id": 1}], table_name="items", **given)


def test_attach_gives_a_pipeline_that_ran_before(shop: stream.Pipeline) -> None:
    shop.run([{"id": 1}], table_name="items")
    again = stream.attach("shop")
    assert (again.pipeline_name, again.dataset_name) == ("shop", "sales")
    assert not again.run([{"id": 2}], table_name="items").first_run


def test_attach_finds_a_relative_file_from_another_folder(
    shop: stream.Pipeline, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run([{"id": 1}], table_name="items")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert not stream.attach("shop").run([{"id": 2}], table_name="items").first_run


def test_attach_to_a_pipeline_that_never_ran_names_those_that_did(shop: stream.Pipeline) -> None:
    shop.run([{"id": 1}], table_name="items")
    with pytest.raises(ConfigError, match=r"no pipeline 'shpo' to attach to: .*known here: shop"):
        stream.attach("shpo")


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        "[]",
        '{"pipeline_name": "shop", "destination": 5, "dataset_name": "sales"}',
        '{"pipeline_name": "shop", "destination": "duckdb:///x.duckdb", "dataset_name": null}',
        '{"pipeline_name": "shop", "destination": "duckdb:///x.duckdb", "dataset_name": "sales", "version": 9}',
        '{"pipeline_name": "shop", "destination": "postgresql://me:a@b@c/d", "dataset_name": "sales"}',
    ],
)
def test_attach_refuses_a_state_that_is_damaged(here: Path, damage: str) -> None:
    state(here).write_text(damage)
    with pytest.raises(ConfigError, match="is not a valid pipeline state"):
        stream.attach("shop")


def test_attach_refuses_a_state_that_cannot_be_read(here: Path) -> None:
    state(here).mkdir()
    with pytest.raises(ConfigError, match=r"cannot read the pipeline state .*: Is a directory"):
        stream.attach("shop")


def state(here: Path) -> Path:
    """Return where the state of `shop` is, in a folder that exists."""
    path = here / ".headrace/pipelines/shop/pipeline.json"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No home folder can be found, as for a user without an entry in /etc/passwd."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_pipeline_runs_and_prints(shop: stream.Pipeline) -> None:
    assert shop.run([{"id": 1}], table_name="items").loads == 1
    assert "working_dir=None" in repr(shop)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_attach_asks_for_the_folder() -> None:
    with pytest.raises(ConfigError, match="give pipelines_dir"):
        stream.attach("shop")


def test_a_run_that_never_reached_its_destination_leaves_nothing_to_attach_to(here: Path) -> None:
    with pytest.raises(PipelineStepFailed):
        stream.pipeline("shop", destination=f"duckdb:///{here}").run([{"id": 1}], table_name="items")
    with pytest.raises(ConfigError, match="no pipeline 'shop' to attach to"):
        stream.attach("shop")


# -- data


def numbers() -> Iterator[dict[str, int]]:
    yield {"id": 1}
    yield {"id": 2}


class Numbers:
    async def __aiter__(self) -> Any:
        for number in numbers():
            yield number


async def asynchronous() -> Any:
    for number in numbers():
        yield number


@pytest.mark.parametrize(
    "data",
    [
        [{"id": 1}, {"id": 2}], ({"id": 1}, {"id": 2}), iter([{"id": 1}, {"id": 2}]), map(dict, [{"id": 1}, {"id": 2}]),
        numbers, numbers(), partial(numbers), asynchronous, asynchronous(), Numbers(), {"a": 1, "b": 2}.keys(),
        pa.table({"id": [1, 2]}), pa.record_batch({"id": [1, 2]}), lambda: pa.table({"id": [1, 2]}),
    ],
    ids=lambda data: type(data).__name__,
)  # fmt: skip
def test_data_may_be_anything_that_can_be_gone_through(shop: stream.Pipeline, rows: Rows, data: Any) -> None:
    shop.run(data, table_name="items")
    assert len(rows("items")) == 2


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (numbers, "numbers"),
        (numbers(), "numbers"),
        (asynchronous, "asynchronous"),
        (asynchronous(), "asynchronous"),
    ],
    ids=["function", "generator", "async function", "async generator"],
)
def test_a_generator_function_gives_its_name(shop: stream.Pipeline, data: Any, name: str) -> None:
    assert dict(shop.run(data).rows) == {name: 2}


def test_a_table_name_overrides_that_of_a_function(shop: stream.Pipeline) -> None:
    assert dict(shop.run(numbers, table_name="items").rows) == {"items": 2}


@pytest.mark.parametrize(
    "data", [[{"id": 1}], (row for row in numbers()), lambda: numbers()], ids=["list", "expression", "lambda"]
)
def test_data_without_a_name_needs_one(shop: stream.Pipeline, data: Any) -> None:
    with pytest.raises(ConfigError, match=r"table_name='\.\.\.'"):
        shop.run(data)


@pytest.mark.parametrize("name", [5, "", " "])
def test_a_table_name_that_is_none_is_refused(shop: stream.Pipeline, name: Any) -> None:
    with pytest.raises(ConfigError, match="table_name is the name of a table"):
        shop.run([{"id": 1}], table_name=name)


class Frame:
    """Like a data frame: going through it gives the names of its columns."""

    columns = ("id", "price")

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


def test_a_data_frame_is_refused_with_what_to_hand_over(shop: stream.Pipeline) -> None:
    with pytest.raises(ConfigError, match=r"hand over df\.to_dict\('records'\)"):
        shop.run(Frame(), table_name="items")


def test_an_arrow_table_keeps_its_values(shop: stream.Pipeline, rows: Rows) -> None:
    row = {"id": 2**62, "price": Decimal("1.50"), "at": datetime(2026, 1, 2, tzinfo=UTC), "raw": b"\x00"}
    shop.run(pa.Table.from_pylist([row]), table_name="items")
    assert rows("items") == [row]


def test_an_arrow_table_with_columns_of_one_name_is_refused(shop: stream.Pipeline) -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    with pytest.raises(ConfigError, match="columns of one name: id"):
        shop.run(twice, table_name="items")


@pytest.mark.parametrize("data", [{"id": 1}, "text", b"bytes", 5, None])
def test_data_that_is_one_thing_is_refused(shop: stream.Pipeline, data: Any) -> None:
    with pytest.raises(ConfigError, match=f"not {type(data).__name__}: put it in a list"):
        shop.run(data, table_name="items")


def test_a_table_name_means_nothing_for_kafka(shop: stream.Pipeline) -> None:
    with pytest.raises(ConfigError, match=r"tables\.name_template maps topics to tables"):
        shop.run(stream.kafka("orders"), table_name="items")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"start": "yesterday"}, "stream.kafka.. cannot take start"),
        ({"until": "tomorrow"}, "stream.kafka.. cannot take until"),
        ({"pattern": "x"}, "either topics or a pattern"),
        ({"brokers": "localhost:abc"}, "cannot take brokers: 'localhost:abc' is no address"),
    ],
)
def test_events_that_cannot_be_are_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        stream.kafka("orders", **given)


def test_nothing_is_loaded_from_an_empty_list(shop: stream.Pipeline) -> None:
    info = shop.run([], table_name="items")
    assert (dict(info.rows), info.schema_changes) == ({}, ())


def test_none_is_counted_and_skipped(shop: stream.Pipeline, rows: Rows) -> None:
    info = shop.run([{"id": 1}, None, None], table_name="items")
    assert (dict(info.skipped), rows("items")) == ({"null": 2}, [{"id": 1}])


def test_a_scalar_becomes_a_row_with_a_value(shop: stream.Pipeline, rows: Rows) -> None:
    shop.run([3, 4], table_name="items")
    assert rows("items") == [{"value": 3}, {"value": 4}]


def test_values_of_python_keep_their_meaning(shop: stream.Pipeline, rows: Rows) -> None:
    row = {
        "binary": b"\x00\xff",
        "instant": datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=UTC),
        "day": date(1969, 7, 20),
        "hour": time(20, 17, 40, 123456),
        "price": Decimal("12.3456"),
        "huge": 2**70,
        "fraction": 0.1,
        "flag": True,
        "text": "☃ and 🦆",
    }
    shop.run([{**row, "id": UUID(int=7)}], table_name="items")
    assert rows("items") == [{**row, "id": str(UUID(int=7))}]


def test_a_naive_instant_is_utc(shop: stream.Pipeline, rows: Rows) -> None:
    shop.run([datetime(2026, 1, 2, 3, 4, 5)], table_name="items")
    assert rows("items") == [{"value": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}]


@pytest.mark.parametrize(("table", "name"), [("Größe", "grosse"), ("注文", "zhu_wen"), ("my-Table", "my_table")])
def test_a_table_name_is_made_plain(shop: stream.Pipeline, table: str, name: str) -> None:
    assert dict(shop.run([{"id": 1}], table_name=table).rows) == {name: 1}


def test_the_same_data_run_twice_is_appended_twice(shop: stream.Pipeline, rows: Rows) -> None:
    for _ in range(2):
        shop.run([{"id": 1}], table_name="items")
    assert len(rows("items")) == 2


# -- the answer


def test_the_answer_prints_for_people(shop: stream.Pipeline) -> None:
    lines = str(shop.run([{"id": 1, "tags": ["a", "b"]}, None], table_name="items")).splitlines()
    assert lines[0].startswith("Pipeline shop: 1 load into duckdb, dataset sales, in ")
    assert [re.sub(r"[\d,]+ bytes", "n bytes", line) for line in lines[1:]] == [
        "  items: 1 row, n bytes",
        "  items__tags: 2 rows, n bytes",
        "  skipped, null: 1 record",
        "  schema: new table items",
        "  schema: new table items__tags",
    ]


def test_the_answer_is_json_for_machines(shop: stream.Pipeline) -> None:
    info = shop.run([{"id": 1}], table_name="items")
    plain = json.loads(info.asjson())
    assert plain["rows"] == {"items": 1}
    assert plain["load_ids"] == list(info.load_ids)
    assert datetime.fromisoformat(plain["started_at"]) <= datetime.fromisoformat(plain["finished_at"])
    assert (info.first_run, info.has_failed_jobs) == (True, False)


def test_a_key_given_to_run_is_what_merges(shop: stream.Pipeline, rows: Rows) -> None:
    for name in ("old", "new"):
        shop.run([{"id": 1, "name": name}], table_name="users", write_disposition="merge", primary_key="id")
    assert rows("users") == [{"id": 1, "name": "new"}]


def test_a_contract_given_to_run_holds(shop: stream.Pipeline, rows: Rows) -> None:
    shop.run([{"id": 1}], table_name="users")
    shop.run([{"id": 2, "extra": True}], table_name="users", schema_contract={"columns": "discard_value"})
    assert rows("users") == [{"id": 1}, {"id": 2}]


# -- failures


def broken() -> Iterator[dict[str, int]]:
    yield {"id": 1}
    raise LookupError("the shop is closed")


def test_a_generator_that_raises_fails_the_extract_step(shop: stream.Pipeline, here: Path) -> None:
    with pytest.raises(PipelineStepFailed, match="extract failed: the shop is closed") as caught:
        shop.run(broken)
    assert (caught.value.step, type(caught.value.__cause__)) == ("extract", LookupError)
    assert (shop.has_pending_data, tables(here)) == (False, set())


@pytest.mark.parametrize("value", [float("nan"), timedelta(1), object()])
def test_a_row_that_no_table_can_hold_is_set_aside_and_the_others_are_loaded(
    shop: stream.Pipeline, rows: Rows, value: Any
) -> None:
    info = shop.run([{"id": 1}, {"deep": {"value": value}}, {"id": 2}], table_name="items")
    assert (dict(info.rejects), rows("items")) == ({"unsupported_value": 1}, [{"id": 1}, {"id": 2}])


def test_rows_set_aside_beyond_the_bound_are_counted(shop: stream.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.runtime.shape_package._MOST_REJECTED", 2)
    given = [{"id": None if number % 2 else number} for number in range(10)]
    info = shop.run(given, table_name="items", columns={"id": {"nullable": False}})
    assert (info.rows["items"], sum(info.rejects.values()), sum(info.skipped.values())) == (5, 2, 3)


def test_a_destination_that_cannot_be_opened_fails_the_sync_step(here: Path) -> None:
    shop = stream.pipeline("shop", destination=f"duckdb:///{here}/none/shop.duckdb")
    with pytest.raises(PipelineStepFailed, match=r"the folder .* does not exist; create it first") as caught:
        shop.run([{"id": 1}], table_name="items")
    assert (caught.value.step, isinstance(caught.value.__cause__, SinkError)) == ("sync", True)


def test_without_a_destination_nothing_is_gathered_and_the_text_says_how_to_give_one() -> None:
    with pytest.raises(
        ConfigError, match=r"has no destination: give one, stream\.pipeline.*HEADRACE__DESTINATION__URL"
    ):
        stream.pipeline("shop").run(broken)


def test_a_broker_that_is_not_there_fails_the_extract_step(shop: stream.Pipeline) -> None:
    with pytest.raises(PipelineStepFailed, match="extract failed: no broker answers") as caught:
        impatient(shop).run(stream.kafka("orders", brokers="127.0.0.1:1"))
    assert (caught.value.step, caught.value.exit_code) == ("extract", SourceUnavailable.exit_code)


def test_a_destination_that_a_stream_cannot_open_fails_the_sync_step(here: Path) -> None:
    shop = stream.pipeline("shop", destination=f"duckdb:///{here}/none/shop.duckdb")
    with pytest.raises(PipelineStepFailed) as caught:
        impatient(shop).run(stream.kafka("orders", brokers="127.0.0.1:1"))
    assert (caught.value.step, caught.value.exit_code) == ("sync", DestinationError.exit_code)


def impatient(made: stream.Pipeline) -> stream.Pipeline:
    """Return the same pipeline, which waits for nobody."""
    return replace(made, config=made.config.model_copy(update={"retry": Retry(start_seconds=0.01)}))


@pytest.mark.anyio
async def test_run_on_a_running_loop_says_what_to_call_instead(shop: stream.Pipeline) -> None:
    with pytest.raises(HeadraceError, match=r"await pipeline\.run_async"):
        shop.run([{"id": 1}], table_name="items")


@pytest.mark.anyio
async def test_run_async_does_the_same_on_a_running_loop(shop: stream.Pipeline) -> None:
    assert dict((await shop.run_async([{"id": 1}], table_name="items")).rows) == {"items": 1}


def test_the_module_runs_the_newest_pipeline(shop: stream.Pipeline, rows: Rows) -> None:
    stream.run([{"id": 1}], table_name="items")
    assert rows("items") == [{"id": 1}]


def test_a_run_may_go_elsewhere(shop: stream.Pipeline, here: Path) -> None:
    info = shop.run([{"id": 1}], table_name="items", destination=f"duckdb:///{here}/other.duckdb", dataset_name="else")
    assert (info.dataset_name, (here / "other.duckdb").exists(), shop.dataset_name) == ("else", True, "sales")


# -- stopping


def test_ctrl_c_ends_a_generator(shop: stream.Pipeline, here: Path) -> None:
    def interrupted() -> Iterator[dict[str, int]]:
        yield {"id": 1}
        signal.raise_signal(signal.SIGINT)
        yield {"id": 2}

    with pytest.raises(KeyboardInterrupt):
        shop.run(interrupted)
    assert (shop.has_pending_data, tables(here)) == (False, set())


def test_ctrl_c_ends_an_async_generator(shop: stream.Pipeline, here: Path) -> None:
    async def interrupted() -> Any:
        yield {"id": 1}
        os.kill(os.getpid(), signal.SIGINT)  # to the process, as a terminal does
        await anyio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        shop.run(interrupted)
    assert (shop.has_pending_data, tables(here)) == (False, set())


@pytest.mark.anyio
async def test_an_async_generator_is_given_up_when_told_to_stop(shop: stream.Pipeline, here: Path) -> None:
    stopping = anyio.Event()

    async def endless() -> Any:
        yield {"id": 1}
        stopping.set()
        await anyio.sleep_forever()

    info = await shop.run_async(endless, stopping=stopping)
    assert (info.loads, shop.has_pending_data, tables(here)) == (0, False, set())


@pytest.mark.anyio
async def test_an_async_generator_that_waits_for_nothing_is_given_up_too(shop: stream.Pipeline) -> None:
    stopping = anyio.Event()

    async def endless() -> Any:
        stopping.set()
        while True:
            yield None

    assert (await shop.run_async(endless, stopping=stopping)).loads == 0


@pytest.mark.anyio
async def test_an_endless_generator_is_given_up_when_told_to_stop(shop: stream.Pipeline) -> None:
    stopping = anyio.Event()

    def endless() -> Iterator[None]:
        from_thread.run_sync(stopping.set)  # also: it is not gone through on the event loop
        while True:
            yield None

    assert (await shop.run_async(endless, stopping=stopping)).loads == 0


def test_two_destinations_of_one_topic_read_it_in_two_groups() -> None:
    places = [("duckdb:///a.duckdb", "shop"), ("duckdb:///b.duckdb", "shop"), ("duckdb:///a.duckdb", "other")]
    groups = {
        default_group("orders", Config(destination=Destination(url=SecretStr(url), dataset=dataset)))
        for url, dataset in [*places, *places]
    }
    assert len(groups) == 3


def test_the_defaults_make_names_that_the_duckdb_shell_reads(here: Path) -> None:
    shop = stream.pipeline("shop", destination="duckdb")
    shop.run([{"id": 1}], table_name="items")
    with duckdb.connect(str(here / "shop_data.duckdb"), read_only=True) as shell:
        assert shell.execute("from shop.items select id").fetchall() == [(1,)]
