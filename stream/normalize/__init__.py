"""Nested documents become relational tables: names, columns, child tables, row ids."""

from stream.normalize.naming import Names, normalize_key, normalize_path, snake_case
from stream.normalize.normalize import normalize
from stream.normalize.row_ids import root_ids

__all__ = ["Names", "normalize", "normalize_key", "normalize_path", "root_ids", "snake_case"]
