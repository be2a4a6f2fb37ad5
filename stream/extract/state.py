"""The state of a pipeline while it extracts: a tree of plain values that commits with the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from stream.errors import ConfigError

_TAGS: Final = {datetime: "$datetime", date: "$date", time: "$time", Decimal: "$decimal"}
_READERS: Final = {
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$decimal": Decimal,
}
_current: ContextVar[dict[str, Any] | None] = ContextVar("headrace_state", default=None)


def dump_state(state: dict[str, Any]) -> str:
    """Return a state as JSON text; equal states give equal text. Raises `ConfigError` for what it cannot keep."""
    try:
        return json.dumps(_tagged(state), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the pipeline's state cannot be kept: {error}; it holds text, numbers, dates, lists and objects"
        ) from error


def load_state(text: str | None) -> dict[str, Any]:
    """Return the state that `dump_state` wrote; an empty one for None."""
    state: dict[str, Any] = json.loads(text, object_hook=_untagged) if text else {}
    return state


@contextmanager
def extracting_with(state: dict[str, Any]) -> Iterator[None]:
    """Let resources that run inside the block find `state`."""
    token = _current.set(state)
    try:
        yield
    finally:
        _current.reset(token)


def source_state() -> dict[str, Any]:
    """Return what the pipeline remembers for its sources: change it in place, and it commits with the rows.

    Raises `ConfigError` outside a run: no pipeline extracts there.
    """
    if (state := _current.get()) is None:
        raise ConfigError("there is state only while a pipeline extracts: call this inside a resource")
    sources: dict[str, Any] = state.setdefault("sources", {})
    return sources


def resource_state(name: str) -> dict[str, Any]:
    """Return what the pipeline remembers for the resource of that name; as `source_state`."""
    if (state := _current.get()) is None:
        raise ConfigError("there is state only while a pipeline extracts: call this inside a resource")
    mine: dict[str, Any] = state.setdefault("resources", {}).setdefault(name, {})
    return mine


def is_extracting() -> bool:
    """Return whether a pipeline extracts here."""
    return _current.get() is not None


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"the key {wrong[0]!r} is no text")
        return {key: _tagged(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_tagged(element) for element in value]
    if (tag := _TAGS.get(type(value))) is not None:
        return {tag: str(value) if isinstance(value, Decimal) else value.isoformat()}
    return value


def _untagged(members: dict[str, Any]) -> Any:
    if len(members) == 1:
        ((tag, text),) = members.items()
        if tag in _READERS:
            return _READERS[tag](text)
    return members
