"""The running service as its owners see it: signals, addresses, settings, logs and numbers that add up."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from servers.process import free_port
from support import events
from support.destinations import Query, duckdb_file, position, postgres, tables
from support.oracle import assert_exactly_once
from support.proxy import proxied
from support.service import fetch, headrace, running, wait_until

MANY = 20_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Working folders of pipelines go to a folder of the test."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A DuckDB file that does not exist yet."""
    return tmp_path / "orders.duckdb"


@pytest.fixture
def backlog(kafka, topic: Callable[..., str]) -> str:
    """A topic with more orders than a run commits before a test can stop it, some of them poison."""
    name = topic(partitions=2)
    events.produce(kafka.bootstrap, name, events.orders(MANY, seed=3, poison_every=400), partitions=2)
    return name


def landed(query: Query, dataset: str) -> Counter[int]:
    """Return how many records of each partition are in the table `orders` or in the rejects."""
    return Counter(
        partition
        for (partition,) in query(
            f'select _kafka_partition from "{dataset}".orders union all '
            f'select "partition" from "{dataset}"._hr_rejects where topic is not null'
        )
    )


# -- stopping, and starting again


def test_whoever_follows_a_killed_writer_of_a_file_does_not_wait_for_its_session(
    kafka, backlog: str, file: Path
) -> None:
    args = ("--brokers", kafka.bootstrap, "--topic", backlog, "--to", f"duckdb:///{file}", "--dataset", "shop")
    env = {"HEADRACE__KAFKA__SESSION_TIMEOUT_SECONDS": "300", "HEADRACE__BATCHING__MAX_ROWS": "200"}
    with running(*args, env=env, failpoints="commit.before_send=kill@3") as service:
        assert service.wait() == -signal.SIGKILL, service.log
    with running(*args, "--until", "latest", env=env) as service:
        assert service.wait() == 0, service.log


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_a_signal_drains_and_the_positions_are_what_is_in_the_tables(
    kafka, backlog: str, file: Path, postgres_dsn: str, dataset: str, kind: str, stop: signal.Signals
) -> None:
    address = f"127.0.0.1:{free_port()}"
    url, query = (
        (f"duckdb:///{file}", duckdb_file(file)) if kind == "duckdb" else (postgres_dsn, postgres(postgres_dsn))
    )
    args = ("--brokers", kafka.bootstrap, "--topic", backlog, "--to", url, "--dataset", dataset, "--http", address)
    env = {"HEADRACE__TABLES__NAME_TEMPLATE": "orders", "HEADRACE__BATCHING__MAX_ROWS": "200"}
    with running(*args, env=env) as service:
        service.until(lambda: status(address)["batches_committed"] > 2)
        service.send(stop)
        assert service.wait() == 0, service.log
    held = landed(query, dataset)
    assert Counter({partition: upto for (_, partition), upto in position(query, dataset).items()}) == held
    assert 0 < held.total() < MANY


def test_sigterm_while_the_destination_is_down_ends_within_the_grace_period(
    kafka, backlog: str, postgres_dsn: str, dataset: str
) -> None:
    args = ("--brokers", kafka.bootstrap, "--topic", backlog, "--dataset", dataset)
    env = {
        "HEADRACE__TABLES__NAME_TEMPLATE": "orders",
        "HEADRACE__BATCHING__MAX_ROWS": "200",
        "HEADRACE__SERVICE__GRACE_SECONDS": "2",
    }
    with proxied(postgres_dsn) as proxy, running(*args, "--to", proxy.dsn(postgres_dsn), env=env) as service:
        service.until(lambda: "schema changed" in service.log)
        proxy.weather.refuse = True
        proxy.cut()
        service.until(lambda: "cannot be reached" in service.log)
        service.drain()
    with running(*args, "--to", postgres_dsn, "--until", "latest", env=env) as service:
        assert service.wait() == 0, service.log
    assert_exactly_once(kafka.bootstrap, postgres(postgres_dsn), dataset, {backlog: "orders"})


# -- topics and tables


def test_each_topic_has_a_table_of_its_name(kafka, topic: Callable[..., str], file: Path) -> None:
    names = [topic("orders"), topic("shop.payments")]
    for name in names:
        events.produce(kafka.bootstrap, name, events.orders(10, seed=1))
    both = ("--topic", names[0], "--topic", names[1])
    done = run(kafka, *both, "--pipeline", "shop", "--to", f"duckdb:///{file}")
    assert roots(done, file, "shop") == {name.replace("-", "_").replace(".", "_"): 10 for name in names}


def test_a_pattern_reads_every_topic_that_matches_and_a_template_names_the_tables(
    kafka, topic: Callable[..., str], file: Path
) -> None:
    names = [topic("pattern.orders"), topic("pattern.payments"), topic("other")]
    for name in names:
        events.produce(kafka.bootstrap, name, events.orders(10, seed=1))
    suffixes = "|".join(name.rpartition("-")[2] for name in names)
    done = run(
        kafka, "--pattern", rf"pattern\..*({suffixes})", "--pipeline", "all", "--to", f"duckdb:///{file}",
        HEADRACE__TABLES__NAME_TEMPLATE="raw_{topic}",
    )  # fmt: skip
    assert roots(done, file, "all") == {f"raw_{n.replace('-', '_').replace('.', '_')}": 10 for n in names[:2]}


def test_an_empty_topic_is_read_to_its_end_at_once(kafka, topic: Callable[..., str], file: Path) -> None:
    done = run(kafka, "--topic", topic(), "--to", f"duckdb:///{file}", "--dataset", "shop")
    assert done.returncode == 0, done.stderr
    assert {name for name in tables(duckdb_file(file), "shop") if not name.startswith("_hr_")} == set()


def run(kafka, *args: str, **env: str):
    return headrace("run", "--brokers", kafka.bootstrap, "--until", "latest", *args, env=env)


def roots(done, file: Path, dataset: str) -> dict[str, int]:
    """Return the rows of each root table."""
    assert done.returncode == 0, done.stderr
    query = duckdb_file(file)
    names = {name for name in tables(query, dataset) if not name.startswith("_hr_") and not name.endswith("__items")}
    return {name: query(f'select count(*) from "{dataset}"."{name}"')[0][0] for name in names}


# -- what it says of itself


def status(address: str) -> dict:
    """Return the status, or one of a service that has done nothing while it does not answer yet."""
    try:
        return json.loads(fetch(f"http://{address}/status"))
    except OSError:
        return {"batches_committed": 0, "state": "", "partitions": []}


def caught_up(address: str) -> bool:
    places = [(p["committed_offset"], p["log_end_offset"]) for p in status(address)["partitions"]]
    return bool(places) and all(end is not None and committed == end for committed, end in places)


def answer(url: str, accept: str = "*/*") -> tuple[int, str]:
    try:
        with urlopen(Request(url, headers={"Accept": accept}), timeout=5) as page:
            return page.status, page.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


def test_the_running_service_answers_over_http(kafka, backlog: str, file: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    args = ("--brokers", kafka.bootstrap, "--topic", backlog, "--to", f"duckdb:///{file}", "--http", address)
    with running(*args, "--pipeline", "shop", "--dataset", "shop") as service:
        service.until(lambda: caught_up(address))
        assert answer(f"http://{address}/livez") == (200, "ok\n")
        assert answer(f"http://{address}/readyz") == (200, "ok\n")
        assert "headrace_rows_committed_total" in answer(f"http://{address}/metrics")[1]
        assert status(address)["state"] == "running"
        assert "<h1 " in answer(f"http://{address}/status", "text/html")[1]
        assert answer(f"http://{address}/nowhere")[0] == 404
        service.drain()


def test_a_service_that_waits_for_its_destination_lives_and_is_not_ready(kafka, backlog: str, postgres_dsn) -> None:
    address = f"127.0.0.1:{free_port()}"
    parts = urlsplit(postgres_dsn)
    away = urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{free_port()}"))
    args = ("--brokers", kafka.bootstrap, "--topic", backlog, "--to", away, "--http", address)
    with running(*args) as service:
        service.until(lambda: "cannot be reached" in service.log)
        assert answer(f"http://{address}/livez")[0] == 200
        assert answer(f"http://{address}/readyz") == (503, "starting\n")


def test_the_metrics_add_up(kafka, topic: Callable[..., str], file: Path, dataset: str) -> None:
    names = {topic("a", partitions=2): "a", topic("b"): "b"}
    for name in names:
        values = [*events.orders(3_000, seed=4, drift=True, poison_every=70), *[None] * 20]
        events.produce(kafka.bootstrap, name, values)
    address = f"127.0.0.1:{free_port()}"
    env = {"HEADRACE__BATCHING__MAX_ROWS": "500", "HEADRACE__TABLES__NAME_TEMPLATE": "{topic}"}
    args = [word for name in names for word in ("--topic", name)]
    where = ("--brokers", kafka.bootstrap, "--to", f"duckdb:///{file}", "--dataset", dataset, "--pipeline", dataset)
    with running(*args, *where, "--http", address, env=env) as service:
        service.until(lambda: caught_up(address))
        wait_until(lambda: sum(counted(address)["records_consumed", name] for name in names) == 2 * 3_020)
        counts = counted(address)
        service.drain()
    query = duckdb_file(file)
    table = {name: name.replace("-", "_") for name in names}
    rows = {name: query(f'select count(*) from "{dataset}"."{table[name]}"')[0][0] for name in names}
    rejects = Counter(name for (name,) in query(f'select topic from "{dataset}"._hr_rejects'))
    assert rejects.total() == sum(count for (what, _), count in counts.items() if what == "rejected_records")
    for name in names:
        assert counts["rows_committed", table[name]] == rows[name]
        skipped = counts["records_skipped", name]
        assert counts["records_consumed", name] == rows[name] + rejects[name] + skipped
        assert skipped == 20


def counted(address: str) -> Counter[tuple[str, str]]:
    """Return the counters of records and rows, by name and by topic, table or reason; other labels are summed over."""
    counts: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(fetch(f"http://{address}/metrics")):
        for sample in family.samples:
            if sample.name.endswith("_total"):
                of = sample.labels.get("topic") or sample.labels.get("table") or sample.labels.get("reason", "")
                counts[sample.name.removeprefix("headrace_").removesuffix("_total"), of] += int(sample.value)
    return counts


def test_each_line_of_a_json_log_is_an_event(kafka, backlog: str, file: Path) -> None:
    done = run(kafka, "--topic", backlog, "--to", f"duckdb:///{file}", "--log-format", "json", "--log-level", "debug")
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"event", "level", "timestamp"} <= event.keys() for event in logged)
    assert {"started", "assigned", "claimed", "loaded", "stopped"} <= {event["event"] for event in logged}
    assert done.stdout == ""


def test_a_transaction_that_hangs_is_seen_beside_a_lag_of_nothing(kafka, topic: Callable[..., str], file: Path) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(20, seed=1))
    hanging = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": name})
    hanging.init_transactions(30)
    hanging.begin_transaction()
    events.send(hanging, name, events.orders(5, seed=2))
    address = f"127.0.0.1:{free_port()}"

    args = ("--brokers", kafka.bootstrap, "--topic", name, "--to", f"duckdb:///{file}", "--http", address)
    with running(*args) as service:
        service.until(lambda: caught_up(address))
        service.until(lambda: status(address)["partitions"][0]["held_back_records"] > 0)
        (seen,) = status(address)["partitions"]
        assert (seen["lag_records"], seen["high_watermark"] - seen["log_end_offset"]) == (0, 5)
        assert seen["held_back_since"]
        service.drain()


# -- settings


def test_settings_mean_the_same_wherever_they_are_written(
    kafka, topic: Callable[..., str], postgres_dsn: str, dataset: str, tmp_path: Path
) -> None:
    name = topic()
    events.produce(kafka.bootstrap, name, events.orders(50, seed=9, poison_every=10))
    parts = urlsplit(postgres_dsn)
    url = urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}"))
    (tmp_path / "password").write_text(f"{parts.password}\n")
    toml = (
        f'[kafka]\nbrokers = "{kafka.bootstrap}"\ntopics = ["{name}"]\nuntil = "latest"\n'
        f'[destination]\nurl = "{url}"\npassword = "{parts.password}"\n[tables]\nname_template = "events"\n'
    )
    yaml = (
        f"kafka: {{brokers: '{kafka.bootstrap}', topics: [{name}], until: latest}}\n"
        f"destination: {{url: '{url}', password_file: {tmp_path / 'password'}}}\ntables: {{name_template: events}}\n"
    )
    env = {
        "HEADRACE__KAFKA__BROKERS": kafka.bootstrap,
        "HEADRACE__KAFKA__TOPICS": name,
        "HEADRACE__KAFKA__UNTIL": "latest",
        "HEADRACE__DESTINATION__URL": url,
        "HEADRACE__DESTINATION__PASSWORD_FILE": str(tmp_path / "password"),
        "HEADRACE__TABLES__NAME_TEMPLATE": "events",
    }
    (tmp_path / "a.toml").write_text(toml)
    (tmp_path / "b.yaml").write_text(yaml)
    written = {"toml": (["-c", str(tmp_path / "a.toml")], {}), "yaml": (["-c", str(tmp_path / "b.yaml")], {})}
    for place, (args, variables) in {**written, "env": ([], env)}.items():
        own = f"{dataset}_{place}"
        done = headrace("run", *args, "--dataset", own, "--pipeline", own, env=variables)
        assert done.returncode == 0, done.stderr
    query = postgres(postgres_dsn)
    ask = 'select _hr_id, uid, crc from "{0}".events order by 1'
    answers = [query(ask.format(f"{dataset}_{place}")) for place in ("toml", "yaml", "env")]
    assert len(answers[0]) == 45
    assert answers[0] == answers[1] == answers[2]
