"""What keys and tables are called in the destination: snake_case, short enough, and never two alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from anyascii import anyascii

from sinks import Schema
from stream.model.identifiers import distinct, is_system

Path = tuple[str, ...]
Script: TypeAlias = Literal["ascii", "unicode"]

EMPTY: Final = "_empty"
SEPARATOR: Final = "__"

# What is no object has no keys: it stands where a key of this name would.
VALUE_KEY: Final = "value"
LIST_KEY: Final = "list"

_LOOK_ALIKES: Final = str.maketrans("+-*@|", "x_xal")
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_]+")
_FOREIGN_IN_ANY_SCRIPT: Final = re.compile(r"\W+")
_WORD: Final = re.compile(r"([^_])([A-Z][a-z]+)")
_HUMP: Final = re.compile(r"([a-z0-9])([A-Z])")
_TAIL: Final = re.compile(r"_+$")
_RUN: Final = re.compile(r"__+")


def snake_case(identifier: str) -> str:
    """Return one part of a name in snake_case, of ASCII letters, digits and single underscores; blank stays empty.

    The steps and their order are dlt's, so that tables of both look alike. Other scripts are written in Latin letters.
    """
    latin = identifier if identifier.isascii() else "".join(anyascii(c) or "_" for c in identifier)
    return _snake_case(latin, _FOREIGN)


def snake_case_in_any_script(identifier: str) -> str:
    """Return the same with the letters and digits of every script kept, in their composed form (NFC)."""
    return _snake_case(unicodedata.normalize("NFC", identifier), _FOREIGN_IN_ANY_SCRIPT)


def _snake_case(identifier: str, foreign: re.Pattern[str]) -> str:
    name = foreign.sub("_", identifier.strip().translate(_LOOK_ALIKES))
    name = _HUMP.sub(r"\1_\2", _WORD.sub(r"\1_\2", name)).lower()
    if name[:1].isdigit():
        name = f"_{name}"
    return _RUN.sub("_", _TAIL.sub(lambda tail: "x" * len(tail[0]), name))


@lru_cache(maxsize=16_384)
def normalize_key(key: str, script: Script = "ascii") -> str:
    """Return a key or table name, taken as a path of parts, in snake_case; `_empty` where nothing is left."""
    parts = [part for part in key.split(SEPARATOR) if part.strip()]
    return SEPARATOR.join(map(snake_case if script == "ascii" else snake_case_in_any_script, parts)) or EMPTY


def normalize_path(path: Path, script: Script = "ascii") -> str:
    """Return the name that a path of original keys asks for, clear of the names headrace keeps for itself."""
    name = SEPARATOR.join(normalize_key(key, script) for key in path)
    return f"x{name}" if is_system(name) else name


def dotted(path: Path) -> str:
    """Return a path of original keys for people to read."""
    return ".".join(path)


@dataclass(slots=True)
class Namespace:
    """Names in use in one place, by what they stand for. A name once given is kept; no two things share one."""

    given: dict[Hashable, str]
    taken: set[str]
    max_bytes: int
    script: Script = "ascii"

    def name(self, thing: Hashable, wanted: str, original: str) -> str:
        """Return the name of `thing`; a new one is `wanted`, cut and tagged by `original` where need be."""
        name = self.given.get(thing)
        if name is None:
            name = self.given[thing] = distinct(wanted, original, self.taken, self.max_bytes)
            self.taken.add(name)
        return name

    def column(self, path: Path) -> str:
        """Return the name of the column that holds the values at `path`."""
        return self.given.get(path) or self.name(path, normalize_path(path, self.script), SEPARATOR.join(path))


@dataclass(frozen=True, slots=True)
class Names:
    """The names a stored schema has given, and the limits for new ones. Make it anew whenever the schema changes.

    The stored names win. New ones depend on the schema and on the batch alone, so a replay gives them again. `reserved`
    are the names of columns that the destination keeps for itself.
    """

    schema: Schema = field(default_factory=Schema)
    max_bytes: int = 255
    reserved: frozenset[str] = frozenset()
    script: Script = "ascii"

    def tables(self) -> Namespace:
        """Return the names of all tables, by parent's name and path from there; a root's parent is None."""
        stored = self.schema.tables
        given: Mapping[Hashable, str] = {(t.parent, t.source or (t.name,)): t.name for t in stored.values()}
        return Namespace(dict(given), set(stored), self.max_bytes, self.script)

    def columns(self, table: str) -> Namespace:
        """Return the names of one table's columns, by path of original keys; of an unknown table: none yet."""
        stored = self.schema.tables[table].columns if table in self.schema.tables else {}
        given: Mapping[Hashable, str] = {
            column.source or (column.name,): column.name
            for column in stored.values()
            if column.variant_of is None and not is_system(column.name)
        }
        return Namespace(dict(given), {*stored, *self.reserved}, self.max_bytes, self.script)
