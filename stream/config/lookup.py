"""Values by name, from wherever a user keeps them: environment, mounted secrets, `secrets.toml`, `config.toml`."""

from __future__ import annotations

import inspect
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from stream.errors import ConfigError

SECRETS_DIR: Final = "HEADRACE_SECRETS_DIR"
_MOUNTED: Final = Path("/run/secrets")  # where Docker and Compose put secrets
_BETWEEN: Final = "__"
_NOTHING: Final = object()

pipeline_in_use: ContextVar[str | None] = ContextVar("headrace_pipeline", default=None)
"""The pipeline whose sections are looked at first."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A default that says: take this argument from configuration (`config.value`) or from secrets (`secrets.value`)."""

    secret: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A value and the place it was found in."""

    value: Any
    place: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look: the environment and the folders with files, the project's first."""

    environ: Mapping[str, str]
    folders: tuple[Path, ...]
    tried: list[str] = field(default_factory=list)

    def find(self, key: str, sections: Sequence[str], *, pipeline: str | None, secret: bool) -> Found | None:
        """Return the first value of `key`: place by place, in each from the most to the least specific section.

        Raises `ConfigError` for a secret that stands in a `config.toml`, and for a file that is no TOML.
        """
        paths = list(_paths(key, sections, pipeline))
        for path in paths:
            if found := self._in_environment(path):
                return found
        for path in paths:
            if found := self._mounted(path):
                return found
        for name in ("secrets.toml", "config.toml"):
            for folder in self.folders:
                if found := self._in_file(folder / name, paths, secret=secret):
                    return found
        return None

    def _in_environment(self, path: Sequence[str]) -> Found | None:
        name = _BETWEEN.join(path).upper()
        self.tried.append(f"environment variable {name}")
        if value := self.environ.get(name):
            return Found(value, name)
        if file := self.environ.get(f"{name}_FILE"):
            return Found(_secret_file(Path(file), f"{name}_FILE"), f"{name}_FILE")
        return None

    def _mounted(self, path: Sequence[str]) -> Found | None:
        folder = Path(self.environ.get(SECRETS_DIR) or _MOUNTED)
        name = _BETWEEN.join(path)
        for candidate in (folder / name.lower(), folder / name.upper()):
            if candidate.is_file():
                return Found(_secret_file(candidate, str(candidate)), str(candidate))
        if folder.is_dir():
            self.tried.append(f"mounted secret {folder / name.lower()}")
        return None

    def _in_file(self, file: Path, paths: Sequence[Sequence[str]], *, secret: bool) -> Found | None:
        content = _content(file)
        for path in paths:
            dotted = ".".join(path)
            self.tried.append(f"{file}: {dotted}" + ("" if content else " (no such file)" if not file.exists() else ""))
            value = _at(content, path)
            if value is _NOTHING:
                continue
            if secret and file.name == "config.toml":
                raise ConfigError(f"{file}: {dotted} is a secret: move it to {file.with_name('secrets.toml')}")
            return Found(value, f"{file}: {dotted}")
        return None


def places() -> Places:
    """Return where this process looks: `.headrace` in the current folder, then in the home folder."""
    folders = [Path.cwd() / ".headrace"]
    with suppress(RuntimeError):  # a user without a home has the project's folder alone
        folders.append(Path.home() / ".headrace")
    return Places(os.environ, tuple(dict.fromkeys(folders)))


def require(key: str, sections: Sequence[str] = (), *, secret: bool, wanted: str = "") -> Any:
    """Return the value of `key`. Raises `ConfigError` that lists every place that was tried."""
    where = places()
    found = where.find(key, sections, pipeline=pipeline_in_use.get(), secret=secret)
    if found is not None:
        return found.value
    kind = "secret" if secret else "setting"
    raise ConfigError(
        f"no value for the {kind} {wanted or '.'.join((*sections, key))}; looked for, in this order:\n  "
        + "\n  ".join(where.tried)
    )


def lookup_argument(parameter: inspect.Parameter, section: str | None, resource: str, *, secret: bool) -> Any:
    """Return the value of a resource's or source's parameter, in the parameter's type.

    Looked for under `sources.<section>.<resource>.<name>`, and less specific. Raises `ConfigError`.
    """
    sections = ("sources", *(part for part in (section, resource) if part))
    value = require(parameter.name, sections, secret=secret, wanted=f"{resource}({parameter.name})")
    return _typed(value, parameter.annotation, f"{resource}({parameter.name})")


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, with annotations as types where they can be resolved."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError:  # a name that only a type checker imports
        signature = inspect.signature(function)
    return list(signature.parameters.values())


class Values:
    """Values by dotted name: `headrace.config["sources.shop.page_size"]`, `headrace.secrets["shop.token"]`.

    `value`, as the default of a parameter, has the argument filled from configuration.
    """

    def __init__(self, *, secret: bool) -> None:
        self._secret = secret
        self.value: Any = Placeholder(secret)

    def __repr__(self) -> str:
        return f"headrace.{'secrets' if self._secret else 'config'}"

    def __getitem__(self, name: str) -> Any:
        *sections, key = name.split(".")
        return require(key, sections, secret=self._secret)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of that name, or `default`."""
        *sections, key = name.split(".")
        found = places().find(key, sections, pipeline=pipeline_in_use.get(), secret=self._secret)
        return default if found is None else found.value


config: Final = Values(secret=False)
secrets: Final = Values(secret=True)


def _paths(key: str, sections: Sequence[str], pipeline: str | None) -> Iterator[tuple[str, ...]]:
    for front in ((pipeline,), ()) if pipeline else ((),):
        for length in range(len(sections), -1, -1):
            yield (*front, *sections[:length], key)


def _at(content: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = content
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return _NOTHING
        value = value[part]
    return value


def _content(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from None


def _secret_file(path: Path, named: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the file that {named} names: {path}: {type(error).__name__}") from None


def _typed(value: Any, annotation: Any, named: str) -> Any:
    if annotation is inspect.Parameter.empty or isinstance(annotation, str):
        return value
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        reasons = "; ".join(each["msg"] for each in error.errors(include_input=False, include_url=False))
        raise ConfigError(f"{named}: {reasons}") from None
