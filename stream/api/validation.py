"""What the Python face refuses to be called with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from stream.errors import ConfigError, HeadraceError
from stream.extract.resource import Resource
from stream.runtime.hint_wishes import OF_WRITING, wish_of_hints
from stream.runtime.hinted_columns import OF_COLUMNS, topic_settings


def refuse_running_loop() -> None:
    """Raise `HeadraceError` where an event loop runs: it would be blocked."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise HeadraceError("run() blocks, and an event loop runs here: write `await pipeline.run_async(data)` instead")


def refuse_no_name(**given: object) -> None:
    """Raise `ConfigError` for a name that was given and is none."""
    for name, value in given.items():
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise ConfigError(f"{name} is a name, not {value!r}")


def refuse_unbuilt(**given: object) -> None:
    """Raise `ConfigError` for a parameter that does nothing yet: it must not be ignored."""
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{name} is not built yet in this version of headrace: leave it out")


def refuse_unbuilt_hints(resources: Iterable[Resource]) -> None:
    """Raise `ConfigError` for a hint that would do nothing yet."""
    for resource in resources:
        hints = resource.hints
        topic_settings(hints)
        others = {name for said in hints.columns.values() for name in said} - OF_COLUMNS - OF_WRITING
        refuse_unbuilt(**{f"columns: {name}": True for name in sorted(others)})
        wish_of_hints(hints)
