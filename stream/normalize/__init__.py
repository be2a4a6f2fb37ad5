"""Nested documents become relational tables: names, columns, child tables, row ids."""

from stream.normalize.naming import Names, normalize_key, snake_case
from stream.normalize.normalize import normalize

__all__ = ["Names", "normalize", "normalize_key", "snake_case"]
