"""The `Audit` port over a SQL database."""

from sinks.sql.audit.audit import SqlAudit

__all__ = ["SqlAudit"]
