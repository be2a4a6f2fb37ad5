"""What a run is configured with: frozen values, checked once. `stream.settings` reads them from files and env."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Security(_Frozen):
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


class Kafka(_Frozen):
    """Where events come from."""

    brokers: str = "localhost:9092"
    """Bootstrap servers, `host:port` separated by commas."""
    topics: tuple[str, ...] = ()
    """Topics to read."""
    pattern: str | None = None
    """Regular expression for topics, instead of a list; topics that appear later are found."""
    group: str | None = None
    """Consumer group; the pipeline's name when not set."""
    instance_id: str | None = None
    """Static membership (`group.instance.id`): unique per replica, for fixed replica counts."""
    client_id: str = "headrace"
    """Name under which the broker logs this client."""
    start: Literal["earliest", "latest"] | datetime = "earliest"
    """Where to start in a topic that the destination has never seen: earliest, latest or an ISO 8601 timestamp."""
    until: Literal["latest"] | None = None
    """Stop at the offsets that were latest when the run began; run for ever when not set."""
    accept_loss: bool = False
    """Go on past offsets that are gone from the log; each such gap is written into the ledger."""
    security: Security = Security()
    """TLS and SASL."""
    session_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    """The group gives our partitions away after this long without a heartbeat."""
    max_poll_interval_seconds: Annotated[float, Field(gt=0)] = 300.0
    """The group gives our partitions away after this long without a poll."""
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 40.0
    """How long one request to a broker may take."""
    max_partition_fetch_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    """How much one fetch brings per partition; a single larger record still comes through."""


class Destination(_Frozen):
    """Where tables go."""

    url: SecretStr | None = None
    """`duckdb:///file.duckdb`, `postgresql://user@host/db`, `memory://`. May hold a password: it is never printed."""
    dataset: str | None = None
    """Schema (namespace) of the tables; the pipeline's name when not set."""
    password: SecretStr | None = None
    """Put into the URL where it has none."""
    connect_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long connecting may take."""
    statement_timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    """How long one statement may take."""
    lock_timeout_seconds: Annotated[float, Field(gt=0)] = 30.0
    """How long one statement may wait for a lock."""
    idle_in_transaction_seconds: Annotated[float, Field(gt=0)] = 30.0
    """The destination ends a transaction of ours that sleeps this long (a frozen process must not hold locks)."""


class Batching(_Frozen):
    """How events are cut into micro-batches: whichever bound is reached first."""

    max_rows: Annotated[int, Field(ge=1)] = 50_000
    """Records in a batch."""
    max_bytes: Annotated[int, Field(ge=1, le=1024**3)] = 10 * 1024 * 1024
    """Bytes of keys and values in a batch; one larger record makes a batch of its own."""
    max_age_seconds: Annotated[float, Field(gt=0)] = 0.25
    """Time from a batch's first record to its end."""
    buffer_bytes: Annotated[int, Field(ge=1)] = 64 * 1024 * 1024
    """Bytes of records in the whole process that are read and not yet committed."""


class Tables(_Frozen):
    """How events become tables."""

    name_template: str = "{topic}"
    """Name of a topic's table; `{topic}` stands for the topic. The result is normalized to snake_case."""
    max_nesting: Annotated[int, Field(ge=0)] | None = None
    """Levels of objects and lists that are taken apart; deeper ones stay JSON. No bound when not set."""
    detect_timestamps: bool = True
    """Text that is an ISO 8601 timestamp with a time becomes a timestamp column."""
    include: tuple[Literal["topic", "key", "headers"], ...] = ()
    """Further columns on root rows: `_kafka_topic`, `_kafka_key`, `_kafka_headers`."""
    widen_rows: Annotated[int, Field(ge=0)] = 1_000_000
    """A column's type is widened in place in tables up to this many rows, else a variant column takes the value."""


class Limits(_Frozen):
    """What one record may be; a record past a limit is set aside in `_hr_rejects`."""

    max_record_bytes: Annotated[int, Field(ge=1)] = 16 * 1024 * 1024
    """Size of a record's value."""
    max_depth: Annotated[int, Field(ge=1, le=500)] = 64
    """Levels of nesting."""
    max_keys: Annotated[int, Field(ge=1)] = 2_000
    """Keys in one record, over all its objects."""


class Retry(_Frozen):
    """How an outage of the destination is sat out."""

    first_wait_seconds: Annotated[float, Field(gt=0)] = 0.2
    """Wait after the first failure; it doubles each time, with jitter."""
    max_wait_seconds: Annotated[float, Field(gt=0)] = 15.0
    """Longest wait between two tries."""
    give_up_seconds: Annotated[float, Field(gt=0)] | None = None
    """Stop after this long without success; try for ever when not set."""
    start_seconds: Annotated[float, Field(ge=0)] = 30.0
    """How long a start waits for broker and destination before it fails."""


class Service(_Frozen):
    """The process around the stream."""

    http: str | None = None
    """`host:port` or `:port` for /metrics, /livez, /readyz and /status; off when not set."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto`: console on a terminal, JSON elsewhere."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important message that is logged."""
    grace_seconds: Annotated[float, Field(gt=0)] = 25.0
    """After SIGTERM: how long the batch in flight may take to commit before it is abandoned."""
    heartbeat_seconds: Annotated[float, Field(gt=0)] = 60.0
    """/livez fails when the event loop has not moved for this long."""


class Config(_Frozen):
    """Everything one `headrace run` needs."""

    pipeline: str | None = None
    """Name of the pipeline: it owns the positions in the destination. From the topics when not set."""
    kafka: Kafka = Kafka()
    """Where events come from."""
    destination: Destination = Destination()
    """Where tables go."""
    batching: Batching = Batching()
    """How events are cut into micro-batches."""
    tables: Tables = Tables()
    """How events become tables."""
    limits: Limits = Limits()
    """What one record may be."""
    retry: Retry = Retry()
    """How an outage of the destination is sat out."""
    service: Service = Service()
    """The process around the stream."""
