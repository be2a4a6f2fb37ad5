from sinks.sql.duckdb.sink import connect

__all__ = ["connect"]
