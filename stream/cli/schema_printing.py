"""Schemas and their history on stdout: text for people, YAML or JSON for machines."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from sinks import Table
    from stream.operate.schema_diff import Difference
    from stream.operate.schema_history import SchemaStep


class Form(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


def show_table(table: Table) -> None:
    """Print one table: how it is written, then its columns."""
    from stream.cli.printing import print_table
    from stream.operate.schema_diff import written

    below = f", below {table.parent}" if table.parent else ""
    print(f"\n{table.name}: {written(table)}{below}")
    print_table(
        ("column", "type", "null", "from"),
        (
            (c.name, str(c.type), c.nullable, f"variant of {c.variant_of}" if c.variant_of else ".".join(c.source))
            for c in table.columns.values()
        ),
    )


def lines_of(step: SchemaStep, tables: Collection[str]) -> Iterator[str]:
    """Yield what a person reads of one version; of its changes those to `tables`, where some are named."""
    from stream.cli.printing import instant

    yield f"version {step.version}, {instant(step.created_at) or 'at an unknown time'}, by {step.pipeline}"
    places = ", ".join(f"{each.topic}[{each.partition}] {each.start}..{each.stop}" for each in step.ranges)
    yield f"  load {step.load_id}{f': {places}' if places else ''}" if step.load_id else "  no load under it is known"
    if step.changes is None:
        yield "  the versions before it are not kept any more"
    for change in step.changes or ():
        if not tables or change.table in tables:
            yield f"  {change.text}"


def difference_of(value: Difference) -> Any:
    """Return one difference as JSON values."""
    from dataclasses import asdict

    return {**asdict(value), "text": value.text}


def step_of(step: SchemaStep) -> Any:
    """Return one version and its changes as JSON values."""
    from dataclasses import asdict

    changes = None if step.changes is None else [difference_of(each) for each in step.changes]
    return {**asdict(step), "changes": changes}


def text_of(content: Any, form: Form) -> str:
    """Return JSON values as text, in YAML or JSON."""
    import yaml

    plain = json.loads(json.dumps(content, default=_instant))
    if form is Form.JSON:
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _instant(value: datetime) -> str:
    return value.isoformat()
