"""Credentials in all their forms, as one URL: text, an object of parts, a spec, or what configuration has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Final

from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import URL

from stream.config.lookup import places
from stream.errors import ConfigError

_PARTS: Final = ("drivername", "username", "password", "host", "port", "database", "query")


def credentials_url(credentials: Any, kind: str | None) -> str | None:
    """Return `credentials` as a URL of `kind`; None for None. Raises `ConfigError` that shows no value of them."""
    if credentials is None or isinstance(credentials, str):
        return credentials
    if isinstance(credentials, SecretStr):
        return credentials.get_secret_value()
    parts = _parts(credentials)
    if unknown := sorted(set(parts) - set(_PARTS)):
        raise ConfigError(f"credentials have no part {unknown[0]!r}; they have {', '.join(_PARTS)}")
    driver = parts.get("drivername") or kind
    if driver is None:
        raise ConfigError("credentials need a 'drivername' (postgresql, duckdb, ...) where no destination is given")
    plain = {name: _plain(value) for name, value in parts.items() if value is not None and name != "drivername"}
    if isinstance(plain.get("port"), str):
        plain["port"] = int(plain["port"])
    url = URL.create(str(driver), **plain)
    return url.render_as_string(hide_password=False)


def configured_credentials(kind: str, pipeline: str) -> str | None:
    """Return the credentials for a kind of destination that configuration has, as a URL; None where it has none.

    As a whole (`DESTINATION__POSTGRES__CREDENTIALS`, text or a table) or part by part (`...__CREDENTIALS__PASSWORD`).
    """
    found = places().find("credentials", ("destination", kind), pipeline=pipeline, secret=True)
    if found is not None and isinstance(found.value, str):
        return found.value
    parts = dict(found.value) if found is not None else {}
    for part in _PARTS:
        single = places().find(part, ("destination", kind, "credentials"), pipeline=None, secret=part == "password")
        if single is not None and single.place.lower().replace("__", ".").endswith(f"credentials.{part}"):
            parts[part] = single.value
    return credentials_url(parts, kind) if parts else None


def _parts(credentials: Any) -> dict[str, Any]:
    if isinstance(credentials, Mapping):
        return dict(credentials)
    if isinstance(credentials, BaseModel):
        return credentials.model_dump()
    if is_dataclass(credentials) and not isinstance(credentials, type):
        return asdict(credentials)
    parts = {name: getattr(credentials, name) for name in _PARTS if hasattr(credentials, name)}
    if not parts:
        raise ConfigError(
            f"credentials are a connection string, or an object with {', '.join(_PARTS)}, not a "
            f"{type(credentials).__name__}"
        )
    return parts


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
