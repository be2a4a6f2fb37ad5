"""Whether the tables of a dataset are still those that headrace made: asked at each start and after each refusal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sinks.errors import DataRefused, SinkError
from sinks.schema import Schema
from sinks.sql.catalog import Catalog, FoundColumn, FoundTable, differences
from sinks.sql.dialect import Dialect
from sinks.sql.session import Session
from sinks.sql.system import TABLES

_MOST_TOLD = 5


class TableAudit:
    """Looks at one dataset through the catalog of its database."""

    def __init__(self, catalog: Catalog, dialect: Dialect, dataset: str) -> None:
        self._catalog = catalog
        self._dialect = dialect
        self._dataset = dataset

    def dataset_exists(self, session: Session) -> bool:
        """Return whether the dataset is there."""
        return bool(session.execute(self._catalog.dataset_exists(self._dataset)))

    def has_table(self, session: Session, table: str) -> bool:
        """Return whether a table of that name is there."""
        return any(found.table == table for found in self._tables(session))

    def check(self, session: Session, schema: Schema) -> None:
        """Raise `SinkError` when a table, ours or the user's, is not what it was made as."""
        tables = self._tables(session)
        columns = [FoundColumn(*row) for row in session.execute(self._catalog.columns(self._dataset))]
        wrong = list(differences({**TABLES, **schema.tables}, tables, columns, self._dialect))
        if wrong:
            raise SinkError(
                f"dataset {self._dataset} was changed outside headrace: {'; '.join(wrong[:_MOST_TOLD])}. "
                "Put it back as it was, or load into a new dataset"
            )

    def refusal(self, session: Session, schema: Schema, table: str, error: SinkError) -> SinkError:
        """Return what it means that `table` took no rows: no value is to blame while the table is another one.

        Leaves the transaction in which they were refused.
        """
        session.rollback()
        self.check(session, schema)
        if not isinstance(error, DataRefused) or table in TABLES:
            return SinkError(f"table {self._dataset}.{table}: {error}")
        told = self._triggers(session, table)
        return DataRefused(f"{error}; {told}") if told else error

    def rows_kept_out(self, session: Session, table: str, sent: int, stored: int) -> SinkError:
        """Return the error for a table that took other rows than it was sent."""
        told = self._triggers(session, table) or "no trigger on it is known"
        return SinkError(
            f"table {self._dataset}.{table} stored {stored} of {sent} rows, nothing was committed; {told}. "
            "Events must not vanish: drop or disable what keeps rows out"
        )

    def dependents(self, session: Session, table: str, column: str) -> Sequence[str]:
        """Return, for people, what somebody made that depends on the type of a column."""
        return [what for (what,) in session.execute(self._catalog.dependents(self._dataset, table, column))]

    def _triggers(self, session: Session, table: str) -> str:
        names = [found.triggers for found in self._tables(session) if found.table == table and found.triggers]
        return f"it has triggers that somebody made: {names[0]}" if names else ""

    def _tables(self, session: Session) -> Collection[FoundTable]:
        return [FoundTable(*row) for row in session.execute(self._catalog.tables(self._dataset))]
