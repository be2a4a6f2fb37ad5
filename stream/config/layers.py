"""What a user wrote, and where: settings from a file, from the environment, from the command line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from stream.config import fields
from stream.config.secret_files import FileSecret
from stream.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that somebody wrote, and the name it has where it was written."""

    path: fields.Path
    value: Any
    named: str


Layer: TypeAlias = Mapping[fields.Path, Setting]


def from_file(path: Path) -> Iterator[Setting]:
    """Yield what a TOML or YAML file says. Raises `ConfigError` when it cannot be read."""
    for place, value in _flat(_parsed(path), ()):
        yield Setting(place, value, f"{path}: {fields.dotted(place)}")


def from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Yield what variables named `HEADRACE__SECTION__SETTING` say; all others are none of our business."""
    for name, value in sorted(environ.items()):
        place = fields.path_of(name)
        if place is not None and value:  # empty is how compose files and charts say "not set"
            yield Setting(place, value, name)


def from_command_line(overrides: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield what the command line says, by dotted key; None means not given."""
    for key, value in overrides.items():
        if value is not None:
            yield Setting(tuple(key.split(".")), value, f"command line: {key}")


def _parsed(path: Path) -> Mapping[str, Any]:
    text = _text(path, "configuration file")
    try:
        match path.suffix.lower():
            case ".toml":
                return tomllib.loads(text)
            case ".yaml" | ".yml":
                content = yaml.load(text, _StrictLoader)  # noqa: S506  # a SafeLoader
            case other:
                raise ConfigError(f"{path}: a configuration file ends in .toml, .yaml or .yml, not {other!r}")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except _GivenTwice as error:
        raise ConfigError(f"{path}: {error.problem} is given twice{_line(error)}; keep one") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML{_line(error)}") from None  # the parser's text quotes the file: secrets
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a configuration file holds sections with settings, not a {type(content).__name__}")
    return content


class _StrictLoader(yaml.SafeLoader):
    """Takes no key twice, as TOML does not: YAML's rule is one key, its parser's the last value."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise _GivenTwice(problem=key.value, problem_mark=key.start_mark)
            seen.add(key.value)
        return node


class _GivenTwice(yaml.MarkedYAMLError):
    """A mapping has a key twice; `problem` is the key."""


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f": look at line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # editors of Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the {what} {path}: {reason}") from None


def _flat(content: Mapping[str, Any], above: fields.Path) -> Iterator[tuple[fields.Path, Any]]:
    for key, value in content.items():
        place = (*above, str(key))
        if place in fields.sections() and isinstance(value, dict):
            yield from _flat(value, place)
        elif place not in fields.sections() or value is not None:
            yield place, value


def layer(settings: Iterable[Setting]) -> Layer:
    """Return the settings of one place by path, with secrets read from their files.

    Raises `ConfigError` for what is no setting, with what may have been meant.
    """
    known: dict[fields.Path, Setting] = {}
    wrong: list[str] = []
    for setting in map(_without_file, settings):
        if setting.path in fields.sections():
            wrong.append(f"{setting.named} is a section: put settings into it")
        elif setting.path not in fields.leaves():
            wrong.append(_unknown(setting))
        elif setting.path in known:
            wrong.append(f"{setting.named} is given twice, by value and by file: keep one")
        else:
            known[setting.path] = _listed(setting)
    if wrong:
        raise ConfigError("\n".join(wrong))
    return known


def _without_file(setting: Setting) -> Setting:
    secret = fields.secret_of(setting.path)
    if secret is None:
        return setting
    path = Path(str(setting.value))
    text = _text(path, f"file for {setting.named},").rstrip("\r\n")
    return Setting(secret, FileSecret(text, path.absolute()), setting.named)


def _listed(setting: Setting) -> Setting:
    value = setting.value
    if not isinstance(value, str):
        return setting
    if fields.is_mapping(setting.path):
        return _from_json(setting, value)
    if not fields.is_list(setting.path):
        return setting
    try:
        many = json.loads(value) if value.lstrip().startswith("[") else [part.strip() for part in value.split(",")]
    except json.JSONDecodeError:
        raise ConfigError(f"{setting.named} starts like a JSON list and is none; or write a,b,c") from None
    return Setting(setting.path, many, setting.named)


def _from_json(setting: Setting, text: str) -> Setting:
    try:
        return Setting(setting.path, json.loads(text), setting.named)
    except json.JSONDecodeError:
        raise ConfigError(f"{setting.named} must be a JSON object of settings by name") from None


def _unknown(setting: Setting) -> str:
    near = fields.nearest(setting.path)
    if near is None:
        return f"{setting.named} is not a setting; `headrace config schema` lists them all"
    in_environment = fields.path_of(setting.named) is not None
    meant = fields.variable(near) if in_environment else fields.dotted(near)
    return f"{setting.named} is not a setting; did you mean {meant}?"
