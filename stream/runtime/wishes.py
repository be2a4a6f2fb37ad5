"""What a user wishes for the columns of a table, as the evolver takes it: from a topic's settings, or from hints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sinks.schema import ColumnHints, DataType
from stream.config.topics import ColumnHint, Topic
from stream.config.topics import Contract as ContractSettings
from stream.evolve import ColumnRule, Contract, TableRules
from stream.model.field_paths import parse_pattern


def rules_of_topic(settings: Topic) -> TableRules:
    """Return what the settings of a topic say. Raises `ConfigError` for a path that is none."""
    hints = settings.columns or {}
    columns = tuple(
        ColumnRule(parse_pattern(name), _type(hint.data_type), hint.nullable, _hints(hint))
        for name, hint in hints.items()
    )
    preferred = ((re.compile(name), DataType.parse(kind)) for name, kind in (settings.preferred_types or {}).items())
    return TableRules(_contract(settings.schema_contract), columns, tuple(preferred), settings.detect_timestamps)


def _contract(said: ContractSettings | str | None) -> Contract:
    match said:
        case None:
            return Contract()
        case str():
            return contract_of(dict.fromkeys(("tables", "columns", "data_type"), said))
        case ContractSettings():
            return Contract(said.tables, said.columns, said.data_type, stop=said.freeze == "stop")


def contract_of(modes: Mapping[str, Any], *, stop: bool = False) -> Contract:
    """Return the contract with a mode for each kind of change."""
    return Contract(**modes, stop=stop)


def _hints(hint: ColumnHint) -> ColumnHints:
    return ColumnHints(
        unique=hint.unique,
        sort=hint.sort,
        cluster=hint.cluster,
        partition=hint.partition,
        precision=hint.precision,
        description=hint.description,
    )


def _type(text: str | None) -> DataType | None:
    return None if text is None else DataType.parse(text)
