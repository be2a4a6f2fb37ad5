"""What hints say of the columns of data that is not Kafka, in the terms of a topic's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from stream.config.topics import ColumnHint, Contract, Topic
from stream.errors import ConfigError
from stream.model.hints import Hints

STOP: Final = "freeze: stop"
_PLAIN: Final = frozenset(ColumnHint.model_fields)
OF_COLUMNS: Final = _PLAIN | {"scale", "anonymize"}


def topic_settings(hints: Hints) -> Topic:
    """Return the contract and the columns that hints name. What is frozen ends a run: there is a caller to tell.

    Raises `ConfigError` for what no column can be.
    """
    modes = {entity: "freeze" if mode == STOP else mode for entity, mode in hints.schema_contract.items()}
    try:
        contract = Contract.model_validate({**modes, "freeze": "stop"}) if modes else None
        columns = {name: ColumnHint.model_validate(_column(said)) for name, said in hints.columns.items()}
    except ValidationError as error:
        reasons = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors(include_url=False))
        raise ConfigError(f"hints of table {hints.table or hints.resource!r}: {reasons}") from None
    return Topic(schema_contract=contract, columns=columns or None)


def _column(said: Mapping[str, Any]) -> Mapping[str, Any]:
    column = {name: value for name, value in said.items() if name in _PLAIN}
    if column.get("data_type") == "decimal":
        column["data_type"] = f"decimal({column.pop('precision', 38)},{said.get('scale', 9)})"
    return column
