"""How data that is not Kafka is written, as its hints say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sinks.write import Strategy
from stream.dispositions import Disposition, Wish
from stream.errors import ConfigError
from stream.model.hints import Hints

OF_WRITING: Final = frozenset({"name", "primary_key", "hard_delete", "dedup_sort"})

# All of a row and what is below it is replaced: without a merge key the two first say the same.
_STRATEGIES: Final[Mapping[object, Strategy]] = {
    "upsert": "upsert",
    "delete-insert": "delete-insert",
    "insert-only": "insert-only",
}


def wish_of_hints(hints: Hints) -> Wish | None:
    """Return the wish that hints say; None where they say nothing. Raises `ConfigError` for one that cannot be."""
    said = hints.write_disposition
    if said is None:
        return None
    options: Mapping[str, object] = {"disposition": said} if isinstance(said, str) else said
    disposition = options.get("disposition")
    strategy = options.get("strategy", "scd2" if disposition == "scd2" else "upsert")
    match disposition:
        case "append" | "skip":
            return Wish("append")
        case "replace":
            return Wish("replace")
        case "merge" | "scd2" if strategy == "scd2":
            return _keyed("scd2", "upsert", hints)
        case "merge" if strategy in _STRATEGIES:
            return _keyed("merge", _STRATEGIES[strategy], hints)
        case other:
            raise ConfigError(
                f"write_disposition {other!r} with strategy {strategy!r} is not built yet in this version of headrace: "
                "take append, replace, skip, or merge with the strategy upsert, delete-insert, insert-only or scd2"
            )


def _keyed(disposition: Disposition, strategy: Strategy, hints: Hints) -> Wish:
    key = hints.primary_key or _hinted(hints, "primary_key")
    if not key:
        raise ConfigError(
            f"table {hints.table!r} merges and has no key: give primary_key, or columns with one, as in "
            "columns={'id': {'primary_key': True}}"
        )
    if hints.merge_key or _hinted(hints, "merge_key"):
        raise ConfigError("merge_key is not built yet in this version of headrace: rows merge by primary_key")
    hard = _hinted(hints, "hard_delete")
    return Wish(disposition, strategy, key, tuple(_sorts(hints)), hard[0] if hard else None)


def wishes_of_hints(hints: Iterable[Hints]) -> Mapping[str, Wish]:
    """Return the wishes by the original name of their table."""
    return {each.table: wish for each in hints if (wish := wish_of_hints(each)) is not None}


def _hinted(hints: Hints, name: str) -> tuple[str, ...]:
    return tuple(column for column, said in hints.columns.items() if said.get(name))


def _sorts(hints: Hints) -> Iterable[str]:
    for column, said in hints.columns.items():
        if direction := said.get("dedup_sort"):
            yield f"{column} {direction}"
