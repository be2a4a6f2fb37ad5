"""Where the tables of a batch are in the events they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stream.model.field_paths import FieldPath, Path
from stream.model.tables import FlatTable


@dataclass(frozen=True, slots=True)
class TablePlace:
    """The root table that a table belongs to, by its name and by its original name, and the path of lists below it."""

    root: str
    original: str
    path: Path

    def field(self, table: FlatTable, column: str) -> FieldPath:
        """Return where the values of a column of `table` are in the event."""
        below = table.name.removeprefix(self.root).removeprefix("__")
        name = f"{below}__{column}" if below else column
        return FieldPath((*self.path, *table.origins.get(column, (column,))), name)


def places_of(tables: Iterable[FlatTable]) -> Mapping[str, TablePlace]:
    """Return the place of each table by its name; `tables` has parents before children."""
    places: dict[str, TablePlace] = {}
    for table in tables:
        if table.parent is None:
            places[table.name] = TablePlace(table.name, "__".join(table.source) or table.name, ())
        else:
            above = places[table.parent]
            places[table.name] = TablePlace(above.root, above.original, (*above.path, *table.source))
    return places
