"""The hints that a user gives, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from stream.errors import ConfigError
from stream.model.hints import Hints

_DISPOSITIONS: Final = ("append", "replace", "merge", "scd2", "skip")
_STRATEGIES: Final = ("upsert", "delete-insert", "scd2", "insert-only")
_MODES: Final = ("evolve", "freeze", "discard_row", "discard_value")
_ENTITIES: Final = ("tables", "columns", "data_type")


def hints_of(
    *,
    write_disposition: Any = None,
    columns: Any = None,
    primary_key: Any = None,
    merge_key: Any = None,
    schema_contract: Any = None,
    max_table_nesting: int | None = None,
) -> Hints:
    """Return hints from what a user wrote. Raises `ConfigError` with the valid values."""
    if max_table_nesting is not None and (not isinstance(max_table_nesting, int) or max_table_nesting < 0):
        raise ConfigError(f"max_table_nesting is a number of levels, 0 or more, not {max_table_nesting!r}")
    return Hints(
        write_disposition=_disposition(write_disposition),
        primary_key=_key("primary_key", primary_key),
        merge_key=_key("merge_key", merge_key),
        columns=_columns(columns),
        schema_contract=_contract(schema_contract),
        max_table_nesting=max_table_nesting,
    )


def _disposition(given: Any) -> str | Mapping[str, Any] | None:
    name = given.get("disposition") if isinstance(given, Mapping) else given
    if name is not None and name not in _DISPOSITIONS:
        raise ConfigError(f"write_disposition is one of {', '.join(_DISPOSITIONS)}, not {name!r}")
    if not isinstance(given, Mapping):
        return None if given is None else str(given)
    strategy = given.get("strategy")
    if strategy is not None and strategy not in _STRATEGIES:
        raise ConfigError(f"write_disposition: strategy is one of {', '.join(_STRATEGIES)}, not {strategy!r}")
    if name is None:
        raise ConfigError("write_disposition: an object needs a 'disposition', as in {'disposition': 'merge'}")
    return dict(given)


def _key(name: str, given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(each, str) and each for each in names):
        raise ConfigError(f"{name} is the name of a column or a list of names, not {given!r}")
    return names


def _columns(given: Any) -> Mapping[str, Mapping[str, Any]]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        pairs = given.items()
    elif isinstance(given, Sequence) and all(isinstance(each, Mapping) and "name" in each for each in given):
        pairs = {each["name"]: each for each in given}.items()
    else:
        raise ConfigError("columns is an object of hints by column, or a list of objects with a 'name'")
    if wrong := [name for name, hints in pairs if not isinstance(name, str) or not isinstance(hints, Mapping)]:
        raise ConfigError(f"columns: {wrong[0]!r} needs an object of hints, as in {{'data_type': 'text'}}")
    return {name: {hint: value for hint, value in hints.items() if hint != "name"} for name, hints in pairs}


def _contract(given: Any) -> Mapping[str, str]:
    if given is None:
        return {}
    if isinstance(given, str):
        given = dict.fromkeys(_ENTITIES, given)
    if not isinstance(given, Mapping):
        raise ConfigError(f"schema_contract is a mode or an object of modes, not {given!r}")
    for entity, mode in given.items():
        if entity not in _ENTITIES:
            raise ConfigError(f"schema_contract: {entity!r} is none of {', '.join(_ENTITIES)}")
        if mode not in _MODES and mode != "freeze: stop":
            raise ConfigError(f"schema_contract: {entity} is one of {', '.join(_MODES)}, not {mode!r}")
    return dict(given)
