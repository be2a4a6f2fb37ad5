"""What DuckDB knows of a dataset: of our own file alone, whatever else is attached."""

from __future__ import annotations

from typing import Final

from sinks.sql.statement import Statement

_TABLES: Final = """
SELECT table_name, true, '', true, false, '' FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = $1
UNION ALL
SELECT view_name, false, '', false, false, '' FROM duckdb_views()
WHERE database_name = current_database() AND schema_name = $1
""".strip()

_COLUMNS: Final = """
SELECT table_name, column_name, data_type, numeric_precision, numeric_scale, is_nullable, column_default IS NOT NULL
FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = $1
""".strip()


class DuckdbCatalog:
    """The questions to DuckDB's table functions; see `sinks.sql.catalog.Catalog`."""

    def tables(self, dataset: str) -> Statement:
        """Return the query for all relations of a dataset."""
        return Statement(_TABLES, (dataset,))

    def columns(self, dataset: str) -> Statement:
        """Return the query for all columns of a dataset's tables."""
        return Statement(_COLUMNS, (dataset,))
