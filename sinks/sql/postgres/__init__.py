from sinks.sql.postgres.sink import connect

__all__ = ["connect"]
