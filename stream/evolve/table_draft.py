"""One table of a batch with the columns that its values need, before anybody judges whether it may have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from sinks import AddColumn, Change, Column, CreateTable, DataType, SchemaConflict, Table, WidenColumn
from sinks.schema import NO_HINTS, ColumnHints
from stream.evolve.assign_columns import ColumnAssigner, Settled
from stream.evolve.contract import mode_for
from stream.evolve.infer import infer
from stream.evolve.overflow import folded
from stream.evolve.root_rows import ROW_ID
from stream.evolve.rules import Rules
from stream.evolve.table_rules import Contract, TableRules
from stream.evolve.typed_chunks import Piece, declared_types, pieces_of, type_of
from stream.model import FlatTable
from stream.model.identifiers import is_system
from stream.model.table_places import TablePlace


@dataclass(frozen=True, slots=True)
class TableDraft:
    """A table of the batch and its columns, new and stored. `known` is what is stored of it, None for a new table.

    `trimmed` counts the values that the contract discards, by column; these columns are not among `settled`.
    """

    flat: FlatTable
    place: TablePlace
    rules: TableRules
    known: Table | None
    settled: Sequence[Settled]
    trimmed: Mapping[str, int]

    @property
    def table(self) -> Table:
        """Return the table as it would be."""
        known = self.known or Table(self.flat.name, parent=self.flat.parent, source=self.flat.source)
        new = {each.column.name: each.column for each in self.settled if each.was != each.column.type}
        return replace(known, columns={**known.columns, **new}) if new else known

    @property
    def changes(self) -> list[Change]:
        """Return what would have to change in the destination."""
        if self.known is None:
            return [CreateTable(self.table)]
        name = self.flat.name
        return [
            AddColumn(name, each.column) if each.was is None else WidenColumn(name, each.column, each.was)
            for each in self.settled
            if each.was != each.column.type
        ]


def draft_table(known: Table | None, flat: FlatTable, place: TablePlace, rules: Rules) -> TableDraft:
    """Return the table that holds every value of `flat` exactly, but for those that the contract discards."""
    wishes = rules.of_table(place.original)
    settled: Sequence[Settled] = list(_Settling(known, flat, place, rules, wishes).columns())
    trimmed: Mapping[str, int] = {}
    if known is not None:
        settled, trimmed = _trimmed(settled, wishes.contract)
    if rules.overflow == "json":
        settled = folded(known or Table(flat.name), flat, settled, rules.max_columns)
    return TableDraft(flat, place, wishes, known, settled, trimmed)


def _trimmed(settled: Sequence[Settled], contract: Contract) -> tuple[Sequence[Settled], Mapping[str, int]]:
    gone = [each for each in settled if mode_for(each, contract) == "discard_value"]
    if not gone:
        return settled, {}
    counts = {each.column.name: sum(len(v) - v.null_count for v in each.values.values()) for each in gone}
    return [each for each in settled if each.column.name not in counts], counts


@dataclass(frozen=True, slots=True)
class _Settling:
    """What it takes to settle the columns of one table."""

    known: Table | None
    flat: FlatTable
    place: TablePlace
    rules: Rules
    wishes: TableRules

    def columns(self) -> Iterator[Settled]:
        """Yield all columns that have values or must be there, each with its values, a variant after its base."""
        stored = self.known or Table(self.flat.name)
        brought = pieces_of(self.flat, stores_nul_text=self.rules.stores_nul_text)
        taken = {*stored.columns, *brought}
        assigner = ColumnAssigner(
            stored, taken, self._fixed({*stored.columns, *brought}), self.rules.max_identifier_bytes
        )
        declared = declared_types(self.flat)
        for name, pieces in brought.items():
            column = stored.columns.get(name) or self._new_column(name, pieces, declared.get(name))
            if column is None:
                continue
            self._check_origin(column)
            for each in assigner.settle(column, pieces):
                taken.add(each.column.name)
                yield each
        yield from self._declared(brought)

    def _fixed(self, columns: Set[str]) -> set[str]:
        """Return the columns that never widen: the destination cannot, or a contract or a hint forbids it."""
        fixed = {column for table, column in self.rules.fixed if table == self.flat.name}
        if self.known is not None and self.wishes.contract.data_type != "evolve":
            fixed |= set(self.known.columns)
        return fixed | {name for name in columns if self._hinted(name) is not None}

    def _hinted(self, name: str) -> DataType | None:
        if is_system(name) or not (self.wishes.columns or self.wishes.preferred):
            return None
        return self.wishes.type_of(self.place.field(self.flat, name))

    def _required(self, name: str) -> bool:
        return name == ROW_ID or (self.known is None and self.wishes.requires(self.place.field(self.flat, name)))

    def _hints(self, name: str) -> ColumnHints:
        if is_system(name) or not (self.wishes.columns or self.flat.described):
            return NO_HINTS
        place = self.place.field(self.flat, name)
        wished, said = self.wishes.hints_of(place), self.flat.described.get(place.keys, NO_HINTS)
        return replace(wished, required=said.required, description=wished.description or said.description)

    def _new_column(self, name: str, pieces: Sequence[Piece], declared: DataType | None) -> Column | None:
        """Return the column that `pieces` need; None without values, except for a system column and one of a schema."""
        wanted = self.wishes.detect_timestamps
        detects = self.rules.detect_timestamps if wanted is None else wanted
        detects = detects and not is_system(name) and not declared
        if pieces:
            kind = self._hinted(name) or infer(pieces, detect_timestamps=detects)
            return Column(
                name,
                kind,
                nullable=not self._required(name),
                source=self.flat.origins.get(name, ()),
                hints=self._hints(name),
            )
        if declared:
            source = self.flat.origins.get(name, ())
            return Column(name, self._hinted(name) or declared, source=source, hints=self._hints(name))
        if not is_system(name):
            return None
        kept = next(type_of(c.schema.field(name).type) for c in self.flat.chunks if name in c.column_names)
        return Column(name, kept) if kept else None

    def _declared(self, there: Mapping[str, object]) -> Iterator[Settled]:
        """Yield the columns that a user wants in a new table and that the batch has no values for."""
        if self.known is None and self.flat.parent is None:
            for name, kind in self.wishes.declared().items():
                if name not in there:
                    column = Column(name, kind, nullable=not self._required(name), hints=self._hints(name))
                    yield Settled(column, {}, None)

    def _check_origin(self, column: Column) -> None:
        origin = self.flat.origins.get(column.name, ())
        if column.source and origin and column.source != origin:
            raise SchemaConflict(
                f"{self.flat.name}.{column.name} holds {'.'.join(column.source)}, not {'.'.join(origin)}: "
                "the batch was normalized with the names of another schema; normalize it again with this one"
            )
