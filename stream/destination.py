"""From what a user says of a destination to a URL that a sink can be opened with."""

from __future__ import annotations

import os
import socket
import uuid
from typing import Final

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sinks import Sink, SinkError, SinkOptions
from sinks.registry import connect, schemes
from stream.config import Config, Destination
from stream.errors import ConfigError
from stream.redact import redact

_FILES: Final = {"duckdb": "duckdb:///{name}.duckdb"}  # destinations that need nothing but a file beside the script


def url_of(destination: str | None, credentials: str | None, pipeline_name: str) -> SecretStr | None:
    """Return the URL for `destination` (a name or a URL) and `credentials` (a connection string); None when unsaid."""
    for name, value in (("destination", destination), ("credentials", credentials)):
        if not isinstance(value, str | None):
            raise ConfigError(f"{name} takes text in this version of headrace, not {type(value).__name__}")
    if credentials is not None:
        if destination is not None and _scheme(destination) != _scheme(credentials):
            raise ConfigError("destination and credentials name different kinds of destination: give one of the two")
        return SecretStr(credentials)
    if destination is None:
        return None
    if ":" in destination:
        return SecretStr(destination)
    if destination in _FILES:
        return SecretStr(_FILES[destination].format(name=pipeline_name))
    if destination == "memory":
        return SecretStr(f"memory://{pipeline_name}")
    if destination in schemes():
        raise ConfigError(
            f"destination {destination!r} needs to know where: give a URL ({destination}://user@host/database), "
            "credentials='...', or set HEADRACE__DESTINATION__URL"
        )
    raise ConfigError(f"no destination is called {destination!r}; there are: {', '.join(sorted(schemes()))}")


def _scheme(text: str) -> str:
    scheme = text.partition(":")[0].partition("+")[0]
    return "postgresql" if scheme == "postgres" else scheme


def redacted(url: SecretStr) -> str:
    """Return a URL without its password, for people and for files."""
    try:
        parsed = make_url(url.get_secret_value()).difference_update_query(("password", "sslpassword"))
        return redact(parsed._replace(password=None).render_as_string())  # set() takes None for "unchanged"
    except ArgumentError:
        return url.get_secret_value().partition(":")[0] + "://"


def open_sink(pipeline: str, config: Config) -> Sink:
    """Return the sink that `config` describes, not yet connected.

    Raises `ConfigError` when none is described, and when the URL or the installation has no sink for it.
    """
    where = config.destination
    if where.url is None:
        raise ConfigError(
            f"pipeline {pipeline!r} has no destination: give one (--to duckdb:///{pipeline}.duckdb), or set "
            "destination.url in the file, or HEADRACE__DESTINATION__URL"
        )
    try:
        return connect(_with_password(where.url, where.password), _options(pipeline, where))
    except SinkError as error:
        raise ConfigError(str(error)) from error


def _options(pipeline: str, where: Destination) -> SinkOptions:
    return SinkOptions(
        pipeline=pipeline,
        dataset=where.dataset or pipeline,
        owner=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}",
        connect_timeout_seconds=where.connect_timeout_seconds,
        statement_timeout_seconds=where.statement_timeout_seconds,
        lock_timeout_seconds=where.lock_timeout_seconds,
        idle_in_transaction_seconds=where.idle_in_transaction_seconds,
    )


def _with_password(url: SecretStr, password: SecretStr | None) -> str:
    if password is None:
        return url.get_secret_value()
    try:
        parsed = make_url(url.get_secret_value())
    except ArgumentError:
        raise ConfigError("destination.url is not a URL: it looks like scheme://user@host/database") from None
    if parsed.password is None:
        parsed = parsed.set(password=password.get_secret_value())
    return parsed.render_as_string(hide_password=False)
