"""Schemas as YAML files that people read, change and keep under version control."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from sinks import Schema
from sinks.document import from_document, to_document, version_hash
from stream.errors import ConfigError
from stream.packages.files import write_whole


def schema_file(folder: Path, name: str) -> Path:
    """Return where the schema of that name is: `<folder>/<name>.schema.yaml`."""
    return folder / f"{name}.schema.yaml"


def export_schema(folder: Path, name: str, schema: Schema) -> None:
    """Write `schema` into its file, if it is another one than there."""
    path = schema_file(folder, name)
    found = _content(path) if path.exists() else {}
    if found.get("version_hash") == version_hash(schema) and found.get("version") == schema.version:
        return
    content = {"name": name, "version": schema.version, "version_hash": version_hash(schema)}
    folder.mkdir(parents=True, exist_ok=True)
    document = json.loads(to_document(schema))
    write_whole(path, yaml.safe_dump({**content, **document}, sort_keys=False, allow_unicode=True))


def import_schema(folder: Path, name: str) -> Schema | None:
    """Return the schema in its file; None where there is no such file. Raises `ConfigError` for one that is damaged."""
    path = schema_file(folder, name)
    if not path.exists():
        return None
    content = _content(path)
    document = {key: value for key, value in content.items() if key not in ("name", "version", "version_hash")}
    try:
        return from_document(int(content.get("version", 0)), json.dumps(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path} is no schema: {error!r}; export one with export_schema_path and change that"
        ) from None


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is no schema: it holds a {type(content).__name__}, not tables")
    return content
