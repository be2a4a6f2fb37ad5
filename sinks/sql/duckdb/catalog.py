"""What DuckDB knows of a dataset: of our own file alone, whatever else is attached."""

from __future__ import annotations

from typing import Final

from sinks.sql.statement import Statement

_DATASET_EXISTS: Final = "SELECT 1 FROM duckdb_schemas() WHERE database_name = current_database() AND schema_name = $1"

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

# An index of the table may be in the way wherever its columns stand; views are bound again when somebody reads them.
_DEPENDENTS: Final = """
SELECT 'index ' || index_name FROM duckdb_indexes()
WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2
UNION ALL
SELECT constraint_text FROM duckdb_constraints()
WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2
  AND constraint_type <> 'NOT NULL' AND list_contains(constraint_column_names, $3)
UNION ALL
SELECT 'a generated column' FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2
  AND contains(sql, 'GENERATED ALWAYS AS')
""".strip()


class DuckdbCatalog:
    """The questions to DuckDB's table functions; see `sinks.sql.catalog.Catalog`."""

    def dataset_exists(self, dataset: str) -> Statement:
        """Return the query that gives a row when the schema is there."""
        return Statement(_DATASET_EXISTS, (dataset,))

    def tables(self, dataset: str) -> Statement:
        """Return the query for all relations of a dataset."""
        return Statement(_TABLES, (dataset,))

    def columns(self, dataset: str) -> Statement:
        """Return the query for all columns of a dataset's tables."""
        return Statement(_COLUMNS, (dataset,))

    def dependents(self, dataset: str, table: str, column: str) -> Statement:
        """Return the query for what depends on a column."""
        return Statement(_DEPENDENTS, (dataset, table, column))

    def missing_rights(self, dataset: str) -> Statement:
        """Return the query for what this user may not do: whoever could open the file may do anything."""
        return Statement("SELECT '' WHERE false")
