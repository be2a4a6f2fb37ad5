"""The configuration described for people and for machines, from the model alone."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

from stream.config import fields
from stream.config.models import Config
from stream.config.topics import Topic

_INTRO: Final = """\
# Configuration

Made from the model by `make docs`; a test fails when it is not up to date.

A run reads its settings from the command line, the environment, a file (`headrace run -c headrace.toml`; TOML and YAML
read the same model) and the defaults below; the first of these that has a setting wins. A key that does not exist is
refused. `headrace config check -c headrace.toml` shows what a run would have, `headrace config schema` prints the JSON
Schema for your editor.

- **Environment.** Every setting has a variable: `HEADRACE__`, then its path in capitals with `__` between the parts:
  `kafka.brokers` is `HEADRACE__KAFKA__BROKERS`. A list is written `a,b,c` or as JSON. An empty variable is not set.
- **Secrets** (type *secret*) are never printed. Each can be read from a file: add `_file` to its name
  (`password_file = "/run/secrets/pw"`) or `_FILE` to its variable
  (`HEADRACE__DESTINATION__PASSWORD_FILE=/run/secrets/pw`). A line break at the file's end does not count.

```toml
pipeline = "shop"

[kafka]
brokers = "localhost:9092"
topics = ["orders", "payments"]

[destination]
url = "postgresql://loader@localhost/warehouse"
password_file = "/run/secrets/warehouse"

[service]
http = ":9090"
```
"""
_TOPICS: Final = """\
## topics

What differs for single topics, by name or glob (`*`, `?`, `[...]`). Where several patterns match a topic, the most
specific one that has a setting wins: a whole name, then the pattern with the most literal characters; what none of them
says comes from `tables`. `headrace config check` shows what holds for each topic, and where it was written.

```toml
[topics."shop.*"]
metadata = ["topic"]

[topics."shop.orders"]
table = "orders"
```
"""
_FORMATS: Final = {"password": "secret", "date-time": "timestamp", "path": "path"}
_TYPES: Final = {"string": "text", "boolean": "bool"}
_BOUNDS: Final = {"exclusiveMinimum": ">", "minimum": "≥", "maximum": "≤"}

Node: TypeAlias = dict[str, Any]  # one JSON Schema


def configuration_page() -> str:
    """Return `docs/configuration.md`."""
    parts = [_INTRO, _table(())]
    for path, field in fields.sections().items():
        parts.append(f"## {fields.dotted(path)}\n\n{field.description}\n\n{_table(path)}")
    parts.append(f"{_TOPICS}\n{_rows(Topic.model_json_schema()['properties'])}")
    return "\n".join(parts)


def json_schema() -> Node:
    """Return the JSON Schema of a configuration file, with the `_file` names of the secrets."""
    schema: Node = Config.model_json_schema()
    for path in filter(fields.is_secret, fields.leaves()):
        properties = _definition(schema, path[:-1])["properties"]
        properties[f"{path[-1]}_file"] = {"type": "string", "description": f"File that holds `{path[-1]}`."}
    return schema


def _definition(schema: Node, section: fields.Path) -> Node:
    node = schema
    for key in section:
        reference: str = node["properties"][key]["$ref"]
        node = schema["$defs"][reference.rpartition("/")[2]]
    return node


def _table(section: fields.Path) -> str:
    properties = _definition(Config.model_json_schema(), section)["properties"]
    settings = [path[-1] for path in fields.leaves() if path[:-1] == section]
    return _rows({name: properties[name] for name in settings})


def _rows(properties: Node) -> str:
    rows = [_row(name, node) for name, node in properties.items()]
    return "\n".join(["| setting | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _row(name: str, node: Node) -> str:
    return f"| `{name}` | {_type(node)} | {_default(node.get('default'))} | {' '.join(node['description'].split())} |"


def _type(node: Node) -> str:
    if "anyOf" in node:
        return " or ".join(_type(kind) for kind in node["anyOf"] if kind.get("type") != "null")
    if values := node.get("enum") or ([node["const"]] if "const" in node else []):
        return ", ".join(f"`{value}`" for value in values)
    if "$ref" in node:
        return "settings"
    if "additionalProperties" in node:
        return "settings by name"
    if node["type"] == "array":
        return f"list of {_type(node['items'])}"
    plain: str = node["type"]
    name = _FORMATS.get(node.get("format", ""), _TYPES.get(plain, plain))
    return " ".join([name, *(f"{sign} {node[bound]:.15g}" for bound, sign in _BOUNDS.items() if bound in node)])


def _default(value: object) -> str:
    return "" if value in (None, [], {}) else f"`{json.dumps(value)}`"
