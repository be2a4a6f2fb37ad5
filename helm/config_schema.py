"""The part of `values.schema.json` that is headrace's own configuration, made from `headrace config schema`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

Node: TypeAlias = dict[str, Any]  # one JSON Schema

_PREFIX: Final = "config"
# The chart sets these itself. `until` ends a run, and a workload that ends is started again.
_OWNED: Final = frozenset({"Service.http", "Kafka.instance_id", "Kafka.until"})
# May stand in the ConfigMap: the chart refuses a password in it.
_PUBLIC: Final = "Destination.url"


def with_config(values_schema: Node, config_schema: Node) -> Node:
    """Return `values_schema` with its definitions of `config` and of `secrets` made anew from `config_schema`."""
    definitions = {name: node for name, node in values_schema["definitions"].items() if not _is_generated(name)}
    definitions["secretSetting"] = {"enum": sorted(_mountable(config_schema, config_schema, ""))}
    definitions[_PREFIX] = _section(config_schema, "Config")
    for name, node in config_schema["$defs"].items():
        definitions[f"{_PREFIX}.{name}"] = _section(node, name)
    return {**values_schema, "definitions": definitions}


def config_schema() -> Node:
    """Return what this checkout's `headrace config schema` prints."""
    command = [sys.executable, "-m", "stream.cli.main", "config", "schema"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # our own command
    schema: Node = json.loads(printed)
    return schema


def _is_generated(name: str) -> bool:
    return name in (_PREFIX, "secretSetting") or name.startswith(f"{_PREFIX}.")


def _section(node: Node, name: str) -> Node:
    if "properties" not in node:
        return _plain(node)
    properties = node["properties"]
    secrets = {key for key, child in properties.items() if _has_format(child, "password")}
    hidden = {f"{key}_file" for key in secrets} | {key for key in secrets if f"{name}.{key}" != _PUBLIC}
    shown = {
        key: _plain(child) for key, child in properties.items() if key not in hidden and f"{name}.{key}" not in _OWNED
    }
    return {**_plain({key: child for key, child in node.items() if key != "properties"}), "properties": shown}


def _plain(node: Any) -> Any:
    """Return a node in draft-07's dialect, without what `docs/configuration.md` tells people."""
    if isinstance(node, list):
        return [_plain(child) for child in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"].replace("#/$defs/", f"#/definitions/{_PREFIX}.")}
    left_out = ("title", "description", "default", "$defs", "writeOnly")
    return {key: _plain(child) for key, child in node.items() if key not in left_out}


def _mountable(schema: Node, section: Node, above: str) -> Iterator[str]:
    """Yield the settings whose values may come from a mounted secret: secrets and files."""
    for key, child in section["properties"].items():
        if "$ref" in child:
            inner = schema["$defs"][child["$ref"].rpartition("/")[2]]
            if "properties" in inner:
                yield from _mountable(schema, inner, f"{above}{key}.")
        elif _has_format(child, "password") or (_has_format(child, "path") and key.endswith("_file")):
            yield f"{above}{key}"


def _has_format(node: Node, name: str) -> bool:
    return any(kind.get("format") == name for kind in (node, *node.get("anyOf", ())))
