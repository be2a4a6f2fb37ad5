"""What a run is configured with: frozen values, checked once. `stream.config.loader` reads them from files and env."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, SecretStr, field_validator

from stream.config.frozen import Frozen
from stream.config.topics import Metadata, Topic
from stream.config.urls import check_password
from stream.config.validators import check_brokers, check_name_template, check_pattern, check_registry_urls, in_utc
from stream.config.writing import Writing

_MOST_SECONDS = 2_147_483  # what fits into 32 bits as milliseconds: Kafka and PostgreSQL take no more

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=_MOST_SECONDS, allow_inf_nan=False)]


class Security(Frozen):
    """How to reach a broker that is not plaintext."""

    tls: bool = False
    """Encrypt the connection and check the broker's certificate and name."""
    ca_file: Path | None = None
    """PEM file with the authority to trust; the system's when not set."""
    certificate_file: Path | None = None
    """PEM file with the client certificate, for mutual TLS."""
    key_file: Path | None = None
    """PEM file with the client certificate's key."""
    check_hostname: bool = True
    """Refuse a certificate that names another host."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """SASL mechanism; none when not set."""
    username: str | None = None
    """SASL user (PLAIN and SCRAM)."""
    password: SecretStr | None = None
    """SASL password (PLAIN and SCRAM)."""
    token_provider: str | None = None
    """OAUTHBEARER: `module:function`, called (awaited when async) for each token."""
    allow_plaintext_password: bool = False
    """Allow SASL PLAIN without TLS: the password then crosses the network readable."""


class Kafka(Frozen):
    """Where events come from."""

    brokers: Annotated[str, AfterValidator(check_brokers)] = "localhost:9092"
    """Bootstrap servers, `host:port` separated by commas."""
    topics: tuple[str, ...] = ()
    """Topics to read."""
    pattern: Annotated[str, AfterValidator(check_pattern)] | None = None
    """Regular expression for whole names of topics, instead of a list; topics that appear later are found."""
    group: str | None = None
    """Consumer group; when not set, the pipeline's name and a mark of destination and dataset, since two destinations
    of one topic must not share its partitions out between them."""
    instance_id: str | None = None
    """Static membership (`group.instance.id`): unique per replica, for fixed replica counts. A killed replica
    is then replaced immediately instead of after its session times out. When not set, there is one for destinations
    that only one process can fill (DuckDB), unless `group` is set."""
    client_id: str = "headrace"
    """Name under which the broker logs this client."""
    start: Literal["earliest", "latest"] | Annotated[datetime, AfterValidator(in_utc)] = "earliest"
    """Where to start in a topic that the destination has never seen: earliest, latest or an ISO 8601 timestamp (UTC
    when it names no zone)."""
    until: Literal["latest"] | None = None
    """Stop at the offsets that were latest when the run began; run for ever when not set."""
    accept_loss: bool = False
    """Go on past offsets that are gone from the log; each such gap is written into the ledger."""
    security: Security = Security()
    """TLS and SASL."""
    session_timeout_seconds: Seconds = 10.0
    """The group gives our partitions away after this long without a heartbeat."""
    max_poll_interval_seconds: Seconds = 300.0
    """The group gives our partitions away after this long without a poll."""
    request_timeout_seconds: Seconds = 40.0
    """How long one request to a broker may take."""
    max_partition_fetch_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    """How much one fetch brings per partition; a single larger record still comes through."""


class Registry(Frozen):
    """The schema registry that knows the schemas of Avro, JSON Schema and Protobuf records."""

    url: Annotated[str, AfterValidator(check_registry_urls)] | None = None
    """Where it answers, `https://registry:8081`; several that hold the same, separated by commas, are asked in turn.
    For Apicurio's own API end with its path: `https://registry/apis/registry/v3`."""
    api: Literal["confluent", "apicurio"] = "confluent"
    """Whose API it speaks. Apicurio, Karapace, Redpanda and others speak Confluent's too."""
    apicurio_ids: Literal["content", "global"] = "content"
    """What the numbers in records count, for Apicurio's own API."""
    username: str | None = None
    """User for basic authentication."""
    password: SecretStr | None = None
    """Password for basic authentication."""
    token: SecretStr | None = None
    """Bearer token, instead of user and password."""
    ca_file: Path | None = None
    """PEM file with the authority to trust; the system's when not set."""
    certificate_file: Path | None = None
    """PEM file with the client certificate, for mutual TLS."""
    key_file: Path | None = None
    """PEM file with the client certificate's key."""
    request_timeout_seconds: Seconds = 10.0
    """How long one request may take."""
    max_schema_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    """Size of a schema, and of all schemas that it refers to; records of a larger one are set aside."""


class Destination(Frozen):
    """Where tables go."""

    url: SecretStr | None = None
    """`duckdb:///file.duckdb`, `postgresql://user@host/db`, `memory://`. May hold a password: it is never printed."""
    dataset: str | None = None
    """Schema (namespace) of the tables; the pipeline's name when not set."""
    password: SecretStr | None = None
    """Put into the URL where it has none."""
    connect_timeout_seconds: Seconds = 10.0
    """How long connecting may take."""
    statement_timeout_seconds: Seconds = 120.0
    """How long one statement may take."""
    lock_timeout_seconds: Seconds = 30.0
    """How long one statement may wait for a lock."""
    idle_in_transaction_seconds: Seconds = 30.0
    """The destination ends a transaction of ours that sleeps this long (a frozen process must not hold locks)."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_password(url.get_secret_value())
        return url


class Batching(Frozen):
    """How events are cut into micro-batches: whichever bound is reached first."""

    max_rows: Annotated[int, Field(ge=1)] = 50_000
    """Records in a batch."""
    max_bytes: Annotated[int, Field(ge=1, le=1024**3)] = 12 * 1024 * 1024
    """Bytes of keys and values in a batch; one larger record makes a batch of its own."""
    max_age_seconds: Seconds = 0.25
    """Longest time from a batch's first record to its end. A batch fills for four times what one costs from bytes to
    commit, within these bounds: few large commits where one is dear, small ones where it is cheap."""
    min_age_seconds: Seconds = 0.05
    """Shortest such time; give it the value of `max_age_seconds` for an age that does not adapt."""
    buffer_bytes: Annotated[int, Field(ge=1)] = 64 * 1024 * 1024
    """Bytes of records in the whole process that are read and not yet committed."""


class Tables(Writing):
    """How events become tables. `topics` says otherwise for single topics."""

    format: str = "json"
    """What the values of records are: `json`, `json-schema`, `avro`, `protobuf`, `debezium` (JSON), `debezium-avro`,
    `text`, `bytes`, or a format that an installed package adds."""
    schema_file: Path | None = None
    """File with the schema of all records, which then have no schema id in front (Avro, Protobuf)."""
    message: str | None = None
    """Protobuf with `schema_file`: full name of the message type of all records."""
    key_format: str = "bytes"
    """What the keys are: `bytes` leaves them alone; any other format makes a column `_kafka_key` of text or JSON."""
    check_format: bool = True
    """Stop when the first records of a topic are all plainly of another format, instead of setting them aside."""
    name_template: Annotated[str, AfterValidator(check_name_template)] = "{topic}"
    """Name of a topic's table; `{topic}` stands for the topic. The result is normalized to snake_case."""
    names: Literal["ascii", "unicode"] = "ascii"
    """What becomes of keys in other scripts: `ascii` writes them in Latin letters (`Имя` becomes `imya`), `unicode`
    keeps their letters. Columns and tables that exist keep their names."""
    max_nesting: Annotated[int, Field(ge=0)] | None = None
    """Levels of objects and lists that are taken apart; deeper ones stay JSON, with sorted keys and without members
    that are null. No bound when not set."""
    detect_timestamps: bool = True
    """Text that is an ISO 8601 timestamp with a time becomes a timestamp column."""
    overflow: Literal["reject", "json"] = "reject"
    """What becomes of keys for which a table has no room, as the destination limits its columns: `reject` sets their
    records aside, `json` keeps them in one column `_hr_overflow`."""
    metadata: tuple[Metadata, ...] = ()
    """Further columns on root rows: `_kafka_topic`, `_kafka_key`, `_kafka_headers`."""
    widen_rows: Annotated[int, Field(ge=0)] = 1_000_000
    """A column's type is widened in place in tables up to this many rows (integers to doubles only where each is
    exact), else a variant column takes the value."""


class Privacy(Frozen):
    """How private fields are hidden; `topics` says which fields are."""

    salt: SecretStr | None = None
    """Key of the hashes that take the place of private values. When not set, it is derived from the pipeline's name,
    which anybody can guess: fit to tell values apart, unfit to keep them secret."""


class Limits(Frozen):
    """What one record may be; a record past a limit is set aside in `_hr_rejects`."""

    max_record_bytes: Annotated[int, Field(ge=1)] = 16 * 1024 * 1024
    """Size of a record's value."""
    max_depth: Annotated[int, Field(ge=1, le=250)] = 64
    """Levels of nesting."""
    max_keys: Annotated[int, Field(ge=1)] = 2_000
    """Different keys under which one record has values: columns that it needs. Elements of a list share theirs."""


class Rejects(Frozen):
    """How many records may be set aside, and what is kept of them. Past a bound the stream stops with exit code 7."""

    max_consecutive: Annotated[int, Field(ge=0)] = 1_000
    """Records of one partition that may be set aside in a row; 0 is no bound."""
    max_ratio: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.5
    """Share of the last `window_records` that may be set aside; 1 is no bound."""
    window_records: Annotated[int, Field(ge=1)] = 10_000
    """How many records `max_ratio` looks back on; it is not judged before there were as many."""
    max_value_bytes: Annotated[int, Field(ge=0)] = 1_048_576
    """Of a larger value, this much is kept of its beginning, with its length and its SHA-256."""


class Retry(Frozen):
    """Retry settings for the destination."""

    first_wait_seconds: Seconds = 0.2
    """Wait after the first failure; it doubles each time, with jitter."""
    max_wait_seconds: Seconds = 15.0
    """Longest wait between two tries."""
    give_up_seconds: Seconds | None = None
    """Stop after this long without success; try for ever when not set."""
    start_seconds: Annotated[float, Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)] = 30.0
    """How long a start waits for broker and destination before it fails."""
    blocked_table: Literal["pause", "stop"] = "pause"
    """When a table cannot take rows (a right, a constraint, a trigger): `pause` its topics and try again, while the
    others go on, or `stop` the service. A run with an end (`kafka.until`) stops."""
    blocked_wait_seconds: Seconds = 60.0
    """Longest wait between two tries of a paused topic."""


class Ledger(Frozen):
    """What the destination keeps of each load, in `_hr_loads`."""

    keep_detail_seconds: Annotated[float, Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)] = 86_400.0
    """How long each load keeps a row per partition; older rows of contiguous ranges are folded into one."""


class Service(Frozen):
    """The process around the stream."""

    http: str | None = None
    """`host:port` or `:port` for /metrics, /livez, /readyz and /status; off when not set."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto`: console on a terminal, JSON elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important message that is logged."""
    grace_seconds: Seconds = 25.0
    """After SIGTERM: how long the batch in flight may take to commit before it is abandoned."""
    stuck_seconds: Seconds = 300.0
    """/livez fails when one stage has made no progress with its batch for this long; must be more than
    `destination.statement_timeout_seconds`."""
    heartbeat_seconds: Seconds = 60.0
    """/livez fails when the event loop has not moved for this long."""
    otlp_endpoint: str | None = None
    """Send a trace for each batch to this OpenTelemetry collector, as in `http://localhost:4318/v1/traces`; needs
    `headrace[otel]`. Off when not set."""
    show_rejects: bool = False
    """Show on the page and in /status the newest record set aside for each reason: error, place, and how its value
    begins. Whoever reaches the page reads it."""
    freshness_target_seconds: Seconds = 60.0
    """How old an event may be when it becomes visible in the destination: what alerts and the page compare with."""
    watermark_delay_seconds: Annotated[float, Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)] = 10.0
    """How far records may come out of the order of their event times: `_hr_watermarks` stays that far behind."""


class Config(Frozen):
    """Everything one `headrace run` needs."""

    pipeline: str | None = None
    """Name of the pipeline: it owns the positions in the destination. One topic gives its own name when this is not
    set; several topics, and a pattern, need one."""
    import_schema_path: Path | None = None
    """Folder of `<pipeline>.schema.yaml` with tables and columns that are wanted: made at the start of a run where the
    destination has none of them."""
    export_schema_path: Path | None = None
    """Folder into which `<pipeline>.schema.yaml` is written at the start of a run and after each change."""
    kafka: Kafka = Kafka()
    """Where events come from."""
    registry: Registry = Registry()
    """The schema registry that knows the schemas of Avro, JSON Schema and Protobuf records."""
    destination: Destination = Destination()
    """Where tables go."""
    batching: Batching = Batching()
    """How events are cut into micro-batches."""
    tables: Tables = Tables()
    """How events become tables."""
    topics: Mapping[str, Topic] = {}
    """What differs for single topics, by name or glob (`[topics."shop.*"]`)."""
    privacy: Privacy = Privacy()
    """How private fields are hidden."""
    limits: Limits = Limits()
    """What one record may be."""
    rejects: Rejects = Rejects()
    """How many records may be set aside, and what is kept of them."""
    retry: Retry = Retry()
    """Retry settings for the destination."""
    ledger: Ledger = Ledger()
    """What is kept of each load."""
    service: Service = Service()
    """The process around the stream."""
