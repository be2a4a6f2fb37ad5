"""Paths of fields as a user writes them: `customer.email`, `items.*.name`, `/.*mail/`, or the column `customer__email`.

A path stands for everything below it too: `customer` is the whole object. Lists are passed through: `items.price` is
the price of each item.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from stream.errors import ConfigError

Path: TypeAlias = tuple[str, ...]

_COLUMN: Final = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where a field is: the path of its keys in the event, and what it is called in the tables, root table left out."""

    keys: Path
    column: str


@dataclass(frozen=True, slots=True)
class PathPattern:
    """One pattern of a user; `text` is what was written."""

    text: str
    _matches: Callable[[str], bool]
    _keys: Path | None

    @property
    def column(self) -> str | None:
        """Return the column of the root table that the pattern names as such; None where it may be something else."""
        return self.text if _COLUMN.fullmatch(self.text) else None

    def covers(self, field: FieldPath) -> bool:
        """Return whether `field` is what the pattern names, or lies below it."""
        if self._keys is None:
            return any(self._matches(".".join(field.keys[: n + 1])) for n in range(len(field.keys)))
        if field.column == self.text or field.column.startswith(f"{self.text}__"):
            return True
        return len(field.keys) >= len(self._keys) and _alike(self._keys, field.keys)

    def reaches_below(self, keys: Path) -> bool:
        """Return whether the pattern may name something below the field at `keys`, which it does not cover itself."""
        return self._keys is None or (len(self._keys) > len(keys) and _alike(self._keys, keys))


def parse_patterns(texts: Iterable[str]) -> tuple[PathPattern, ...]:
    """Return patterns for what a user wrote. Raises `ConfigError` for what is none."""
    return tuple(map(parse_pattern, texts))


def parse_pattern(text: str) -> PathPattern:
    """Return the pattern that a user wrote. Raises `ConfigError` for what is none."""
    if len(text) > 2 and text[0] == text[-1] == "/":
        try:
            expression = re.compile(text[1:-1])
        except re.error as error:
            raise ConfigError(f"{text!r} is no regular expression for paths: {error}") from None
        return PathPattern(text, lambda path: expression.fullmatch(path) is not None, None)
    keys = tuple(text.split("."))
    if not all(keys):
        raise ConfigError(f"{text!r} is no path of a field: write keys separated by dots, as in customer.email")
    return PathPattern(text, text.__eq__, keys)


def _alike(pattern: Path, keys: Path) -> bool:
    return all(wanted in ("*", key) for wanted, key in zip(pattern, keys, strict=False))
