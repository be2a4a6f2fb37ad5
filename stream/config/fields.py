"""The settings of `Config` one by one: what settings, documentation and error texts are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from stream.config.models import Config

Path: TypeAlias = tuple[str, ...]

PREFIX: Final = "HEADRACE"
_BETWEEN: Final = "__"


@cache
def leaves() -> Mapping[Path, FieldInfo]:
    """Return every setting by its path, in the order of the model."""
    return dict(_leaves(Config, ()))


@cache
def sections() -> Mapping[Path, FieldInfo]:
    """Return every section (a group of settings) by its path, in the order of the model."""
    return dict(_sections(Config, ()))


def dotted(path: Path) -> str:
    """Return a path as it is written in texts: `kafka.brokers`."""
    return ".".join(path)


def variable(path: Path) -> str:
    """Return the environment variable of a setting: `HEADRACE__KAFKA__BROKERS`."""
    return _BETWEEN.join((PREFIX, *path)).upper()


def path_of(name: str) -> Path | None:
    """Return the path that an environment variable speaks of; None when it is not one of ours."""
    prefix, *path = name.split(_BETWEEN)
    return tuple(part.lower() for part in path) if prefix == PREFIX and path else None


def is_secret(path: Path) -> bool:
    """Return whether a setting's value must never be shown."""
    return path in leaves() and SecretStr in _types(leaves()[path])


def is_list(path: Path) -> bool:
    """Return whether a setting takes several values."""
    if path not in leaves():
        return False
    kind = leaves()[path].annotation
    return any(get_origin(each) is tuple for each in (kind, *get_args(kind)))  # `get_args`: or None


def is_mapping(path: Path) -> bool:
    """Return whether a setting takes settings by name."""
    return path in leaves() and get_origin(leaves()[path].annotation) is Mapping


def secret_of(path: Path) -> Path | None:
    """Return the secret that `path` names a file for: `password_file` for `password`; None for any other path."""
    if path in leaves() or not path[-1].endswith("_file"):
        return None
    secret = (*path[:-1], path[-1].removesuffix("_file"))
    return secret if is_secret(secret) else None


def nearest(path: Path) -> Path | None:
    """Return the setting or section that somebody who wrote `path` may have meant."""
    known = {dotted(other): other for other in (*leaves(), *sections())}
    elsewhere = [other for other in leaves() if other[-1] == path[-1]]
    if elsewhere:
        return elsewhere[0]
    close = get_close_matches(dotted(path), known, n=1, cutoff=0.7)
    return known[close[0]] if close else None


def _leaves(model: type[BaseModel], above: Path) -> Iterator[tuple[Path, FieldInfo]]:
    for name, field in model.model_fields.items():
        if (inner := _model(field)) is None:
            yield (*above, name), field
        else:
            yield from _leaves(inner, (*above, name))


def _sections(model: type[BaseModel], above: Path) -> Iterator[tuple[Path, FieldInfo]]:
    for name, field in model.model_fields.items():
        if (inner := _model(field)) is not None:
            yield (*above, name), field
            yield from _sections(inner, (*above, name))


def _model(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _types(field: FieldInfo) -> tuple[object, ...]:
    return get_args(field.annotation) or (field.annotation,)
