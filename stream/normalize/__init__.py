"""Nested documents become relational tables: names, columns, child tables, row ids."""

from stream.normalize.naming import Names, normalize_key, snake_case
from stream.normalize.normalize import normalize
from stream.normalize.row_ids import root_ids

__all__ = ["Names", "normalize", "normalize_key", "root_ids", "snake_case"]
