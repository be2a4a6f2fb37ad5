"""From what a user says of a destination to a URL that a sink can be opened with."""

from __future__ import annotations

import os
import re
import socket
import uuid
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import quote, unquote

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sinks import Sink, SinkError, SinkOptions
from sinks.registry import connect, schemes
from stream.api.credentials import configured_credentials, credentials_url
from stream.api.options import MakeSink
from stream.config import fields
from stream.config.lookup import require
from stream.config.models import Config, Destination
from stream.config.redaction import MASK
from stream.config.secret_files import FileSecret, newest
from stream.config.urls import check_password, masked
from stream.errors import ConfigError
from stream.runtime.staging import Staging

# Need nothing but a file in the current folder. Not the name alone: a dataset of that name, the default, would make
# `name.table` ambiguous in the DuckDB shell, where the file has its own name as a catalog.
_FILES: Final = {"duckdb": "duckdb:///{name}_data.duckdb"}
_RELATIVE_FILE: Final = re.compile(r"duckdb:///(?P<path>[^/:?#][^?#]*)(?P<rest>.*)")
_URL_VARIABLE: Final = fields.variable(("destination", "url"))


def resolve_destination(
    destination: Any, credentials: Any, pipeline_name: str, *, otherwise: SecretStr | None
) -> tuple[SecretStr | None, MakeSink | None]:
    """Return the URL for `destination` and `credentials`, and what makes the sink where `destination` is an object.

    `destination`: a name, a URL, a module of a sink, or an object that is called with `SinkOptions` and returns a
    `Sink`. `credentials`: a connection string, an object of its parts, or a spec; else those that configuration has
    for a destination of that name. `otherwise` is taken when nothing says where. Raises `ConfigError`, without a
    password in its text, for what is no destination.
    """
    if isinstance(destination, ModuleType):
        destination = destination.__name__.rpartition(".")[2]
    if destination is not None and not isinstance(destination, str):
        if not callable(destination):
            raise ConfigError(
                "destination is a name, a URL, a module or an object that is called with SinkOptions and returns a "
                f"Sink, not a {type(destination).__name__}"
            )
        return SecretStr(f"object://{getattr(destination, '__name__', type(destination).__name__)}"), destination
    kind = _scheme(destination) if destination else None
    given = credentials_url(credentials, kind)
    if given is None and destination is not None and ":" not in destination:
        given = configured_credentials(destination, pipeline_name)
    return url_of(destination, given, pipeline_name, otherwise=otherwise), None


def staging_of(staging: Any, url: SecretStr | None) -> Staging | None:
    """Return the place where files land before `url` loads them; None for None.

    `staging`: a folder, the URL of one, the name `filesystem` with the URL configured as `staging.url`, or `Staging`.
    Raises `ConfigError` at once for a pair that cannot work.
    """
    if staging is None:
        return None
    if staging == "filesystem":
        staging = require("url", ("staging",), secret=False)
    if isinstance(staging, Path):
        staging = str(staging)
    if isinstance(staging, str) and _scheme(staging) in schemes():
        raise ConfigError(
            f"staging is a folder or an object store for Parquet files, and {_scheme(staging)} is a database"
        )
    if url is not None and _scheme(url.get_secret_value()) in ("memory", "object"):
        raise ConfigError("staging needs a destination that loads files, such as duckdb or postgresql")
    if not isinstance(staging, str | Staging):
        raise ConfigError(f"staging is a folder or the URL of an object store, not a {type(staging).__name__}")
    return Staging(staging) if isinstance(staging, str) else staging


def url_of(
    destination: str | None, credentials: str | None, pipeline_name: str, *, otherwise: SecretStr | None
) -> SecretStr | None:
    """Return the URL for `destination` (a name or a URL) and `credentials` (a connection string).

    `otherwise` is taken when neither is given, and when `destination` is the name of its kind without saying where.
    Raises `ConfigError`, without a password in its text, for what is no destination.
    """
    if credentials is not None:
        if destination is not None and _scheme(destination) != _scheme(credentials):
            raise ConfigError("destination and credentials name different kinds of destination: give one of the two")
        return _checked(credentials)
    if destination is None:
        return otherwise
    if ":" in destination:
        return _checked(destination)
    if destination in _FILES:
        return SecretStr(_FILES[destination].format(name=pipeline_name))
    if destination == "memory":
        return SecretStr(f"memory://{pipeline_name}")
    if destination in schemes():
        if otherwise and _scheme(otherwise.get_secret_value()) == _scheme(destination):
            return otherwise
        raise ConfigError(
            f"destination {destination!r} needs to know where: give a URL ({destination}://user@host/database), "
            f"credentials='...', or set {_URL_VARIABLE} or DESTINATION__{destination.upper()}__CREDENTIALS"
        )
    raise ConfigError(f"no destination is called {destination!r}; there are: {', '.join(sorted(schemes()))}")


def _checked(url: str) -> SecretStr:
    try:
        return SecretStr(check_password(url))
    except ValueError as error:
        raise ConfigError(f"destination: {error}") from None


def _scheme(text: str) -> str:
    scheme = text.partition(":")[0].partition("+")[0]
    return "postgresql" if scheme == "postgres" else scheme


def redacted(url: SecretStr) -> str:
    """Return a URL without its password, for people and for files."""
    text = url.get_secret_value()
    try:
        parsed = make_url(check_password(text)).difference_update_query(("password", "sslpassword"))
        return masked(parsed._replace(password=None).render_as_string())  # set() takes None for "unchanged"
    except (ArgumentError, ValueError):
        scheme, separator, _ = text.partition("://")
        return f"{scheme}://{MASK}" if separator else MASK


def absolute_url(url: str) -> str:
    """Return `url` so that it means the same in another folder: with the absolute path of a DuckDB file."""
    match = _RELATIVE_FILE.fullmatch(url)
    if match is None:
        return url
    return f"duckdb:///{quote(str(Path(unquote(match['path'])).absolute()))}{match['rest']}"


def default_group(pipeline: str, config: Config) -> str:
    """Return the name of the consumer group that reads for a pipeline, another one for each destination.

    In one group, two pipelines of one name that fill two destinations would each get half of the partitions.
    """
    url = SecretStr(absolute_url(require_destination(pipeline, config.destination).get_secret_value()))
    mark = blake2b(f"{redacted(url)} {config.destination.dataset}".encode(), digest_size=4).hexdigest()
    return f"{pipeline}-{mark}"


def require_destination(pipeline: str, where: Destination) -> SecretStr:
    """Return the URL of `where`; raises `ConfigError` that says how to give one when it has none."""
    if where.url is None:
        raise ConfigError(
            f"pipeline {pipeline!r} has no destination: give one, stream.pipeline(..., destination='duckdb') or a URL, "
            f"or set {_URL_VARIABLE} before the pipeline is made"
        )
    return where.url


def open_sink(pipeline: str, config: Config, make: MakeSink | None = None) -> Sink:
    """Return the sink that `config` describes, or that `make` makes; not yet connected.

    Raises `ConfigError` when none is described, and when the URL or the installation has no sink for it.
    """
    where = config.destination
    url = require_destination(pipeline, where)
    if make is not None:
        return make(_options(pipeline, config))
    try:
        return connect(
            _with_password(url, where.password), replace(_options(pipeline, config), newest_url=_again(where))
        )
    except SinkError as error:
        raise ConfigError(str(error)) from error


def _options(pipeline: str, config: Config) -> SinkOptions:
    where = config.destination
    return SinkOptions(
        pipeline=pipeline,
        dataset=where.dataset or pipeline,
        owner=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}",
        connect_timeout_seconds=where.connect_timeout_seconds,
        statement_timeout_seconds=where.statement_timeout_seconds,
        lock_timeout_seconds=where.lock_timeout_seconds,
        idle_in_transaction_seconds=where.idle_in_transaction_seconds,
        keep_detail_seconds=config.ledger.keep_detail_seconds,
    )


def _again(where: Destination) -> Callable[[], str] | None:
    """Return what reads URL and password again; None where neither is in a file."""
    url, password = where.url, where.password
    if url is None or not (isinstance(url, FileSecret) or isinstance(password, FileSecret)):
        return None
    return lambda: _with_password(SecretStr(newest(url)), SecretStr(newest(password)) if password else None)


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
