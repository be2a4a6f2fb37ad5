"""The one reader of files and environment: from what a user wrote, wherever, to one checked `Config`.

Precedence: command line, environment, file, default. An error names the place and the key, and never a secret's value.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from stream.config import fields
from stream.config.complaints import complaints
from stream.config.layers import Layer, Setting, from_command_line, from_environment, from_file, layer
from stream.config.models import Config, Destination
from stream.config.redaction import MASK
from stream.config.urls import masked, passwords
from stream.errors import ConfigError


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Config:
    """Return the configuration from a TOML or YAML file, the environment and `overrides`; the last one wins.

    `overrides` has dotted keys (`kafka.brokers`); None means not given. Raises `ConfigError` with one line for each
    thing that is wrong.
    """
    given = [
        layer(from_file(path) if path else ()),
        layer(from_environment(environ)),
        layer(from_command_line(overrides)),
    ]
    return _checked({place: setting for one in given for place, setting in one.items()})


def origins(path: Path | None, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return where each setting was written, by its dotted name; `topics` stands for all of its settings."""
    found = {**layer(from_file(path) if path else ()), **layer(from_environment(environ))}
    return {fields.dotted(place): _written(setting, path) for place, setting in found.items()}


def _written(setting: Setting, path: Path | None) -> str:
    whole = setting.path == ("topics",) and path is not None and setting.named.startswith(f"{path}: ")
    return str(path) if whole else setting.named


def destination_from(environ: Mapping[str, str]) -> Destination:
    """Return the destination that the environment alone describes; its other settings are not looked at.

    Raises `ConfigError` as `load` does.
    """
    section = (setting for setting in from_environment(environ) if setting.path[0] == "destination")
    return _checked(layer(section)).destination


def _checked(settings: Layer) -> Config:
    try:
        return Config.model_validate(_nested(settings))
    except ValidationError as error:
        raise ConfigError("\n".join(complaints(error, settings))) from None  # its own text may show a secret


def require_complete(config: Config) -> None:
    """Return quietly when a run has what it needs; raises `ConfigError` that says what is missing."""
    if bool(config.kafka.topics) == bool(config.kafka.pattern):
        raise ConfigError(
            "a run reads either topics or a pattern: give one of them (--topic orders, or --pattern '^shop-'; "
            "in a file kafka.topics or kafka.pattern)"
        )
    if config.destination.url is None:
        raise ConfigError(
            "a run needs a destination: --to duckdb:///orders.duckdb, or destination.url in a file, "
            f"or {fields.variable(('destination', 'url'))}"
        )


def public(config: Config) -> dict[str, Any]:
    """Return the configuration as plain values that JSON can hold, without its secrets."""
    shown: dict[str, Any] = config.model_dump(mode="json")
    for path in filter(fields.is_secret, fields.leaves()):
        secret = _value(config, path)
        if isinstance(secret, SecretStr):
            _put(shown, path, masked(secret.get_secret_value()) if path[-1] == "url" else MASK)
    return shown


def secrets(config: Config) -> tuple[str, ...]:
    """Return every secret of the configuration in the clear: for masking them wherever they turn up."""
    found = []
    for path in filter(fields.is_secret, fields.leaves()):
        secret = _value(config, path)
        if isinstance(secret, SecretStr):
            text = secret.get_secret_value()
            found += passwords(text) if path[-1] == "url" else [text]
    return tuple(found)


def _nested(settings: Layer) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for place, setting in settings.items():
        _put(tree, place, setting.value)
    return tree


def _put(tree: dict[str, Any], place: fields.Path, value: Any) -> None:
    *above, last = place
    for key in above:
        tree = tree.setdefault(key, {})
    tree[last] = value


def _value(config: Config, path: fields.Path) -> object:
    value: object = config
    for key in path:
        value = getattr(value, key)
    return value
