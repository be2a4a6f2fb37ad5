"""Schemas as YAML files that people read, change and keep under version control."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from sinks import Schema
from sinks.document import from_document, to_document, version_hash
from stream.errors import ConfigError
from stream.packages.files import write_whole
from stream.runtime.imported_schema import SchemaFiles

_FACTS: Final = ("name", "version", "version_hash", "previous_hashes")  # beside the document itself


def schema_file(folder: Path, name: str) -> Path:
    """Return where the schema of that name is: `<folder>/<name>.schema.yaml`."""
    return folder / f"{name}.schema.yaml"


def export_schema(folder: Path, name: str, schema: Schema) -> None:
    """Write `schema` into its file, if it is another one than there. Raises `ConfigError` when that cannot be."""
    path = schema_file(folder, name)
    found = _content(path) if path.exists() else {}
    if found.get("version_hash") == version_hash(schema) and found.get("version") == schema.version:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, as_yaml(content_of(name, schema)))
    except OSError as error:
        raise ConfigError(f"cannot write the schema {path} (export_schema_path): {error.strerror}") from None


def import_schema(folder: Path, name: str) -> Schema | None:
    """Return the schema in its file; None where there is no such file. Raises `ConfigError` for one that is damaged."""
    path = schema_file(folder, name)
    return read_schema(path) if path.exists() else None


def schema_files_of(name: str, imports: Path | None, exports: Path | None) -> SchemaFiles:
    """Return what a stream of that name reads and writes in these folders. Raises `ConfigError`."""
    imported = import_schema(imports, name) if imports is not None else None
    if exports is None:
        return SchemaFiles(imported)
    return SchemaFiles(imported, partial(export_schema, exports, name))


def content_of(name: str, schema: Schema, previous_hashes: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the file of a schema holds: its name, version and hashes, then the document."""
    facts: dict[str, Any] = {"name": name, "version": schema.version, "version_hash": version_hash(schema)}
    if previous_hashes:
        facts["previous_hashes"] = list(previous_hashes)
    return {**facts, **json.loads(to_document(schema))}


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return the text of such a file."""
    return str(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True))


def read_schema(path: Path) -> Schema:
    """Return the schema of a file, YAML or JSON, of this version or of 0.1. Raises `ConfigError`."""
    content = _content(path)
    document = {key: value for key, value in content.items() if key not in _FACTS}
    try:
        return from_document(int(content.get("version", 0)), json.dumps(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path} is no schema: {error!r}; export one with `headrace schema export` or export_schema_path, and "
            "change that"
        ) from None


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the schema {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is no schema: it holds a {type(content).__name__}, not tables")
    return content
