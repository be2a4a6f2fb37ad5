"""From an extracted package to table files that fit one schema: normalize, evolve, conform, page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from checkpoints import Partition
from checkpoints.failpoints import failpoint
from sinks import Reject, Schema, SchemaPlan
from sinks.document import from_document, to_document
from stream.errors import UnsupportedValue
from stream.evolve import Misfit, left_out
from stream.model import ArrowDocuments, Documents, RowDocuments
from stream.model.pages import Page, row_count
from stream.packages import Normalized, Package, Part
from stream.packages.manifest import RejectedRow
from stream.packages.tables import read_table, write_table
from stream.runtime.hint_wishes import wish_of_hints
from stream.runtime.hinted_columns import topic_settings
from stream.runtime.imported_schema import changes_between, with_imported
from stream.runtime.prepare import Preparer

_SHOWN = 10_000  # characters of a rejected row that are kept
_MOST_REJECTED = 10_000  # kept with their text; those beyond are counted, as they are while extracting


class NotExact(Exception):
    """A column, by table and name in `args`, cannot be widened: a page written before has values that would change."""


@dataclass(slots=True)
class _Draft:
    """Table files in the making: the schema so far, and the files of each table with the Arrow schema they have."""

    folder: Path
    schema: Schema
    files: dict[str, list[str]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    table_bytes: Counter[str] = field(default_factory=Counter)
    discarded: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedRow] = field(default_factory=list)

    def add(self, table: str, rows: pa.Table) -> None:
        names = self.files.setdefault(table, [])
        name = f"{list(self.files).index(table):04}-{len(names):06}.arrow"
        write_table(self.folder / name, rows)
        names.append(name)
        self.rows[table] += rows.num_rows
        self.table_bytes[table] += rows.nbytes

    def reject(self, table: str, number: int, row: Page, misfit: Misfit) -> None:
        if len(self.rejected) < _MOST_REJECTED:
            (value,) = row.to_pylist() if isinstance(row, pa.Table) else row
            self.rejected.append(RejectedRow(table, number, repr(value)[:_SHOWN], misfit.reason, misfit.error))
        else:
            self.discard(table, Counter([misfit.reason]))

    def discard(self, table: str, reasons: Counter[str]) -> None:
        if reasons:
            self.discarded.setdefault(table, Counter()).update(reasons)


def shape_package(
    package: Package,
    preparer: Preparer,
    base: Schema,
    imported: Schema | None = None,
    fixed: frozenset[tuple[str, str]] = frozenset(),
) -> Package:
    """Return the package with table files that lead from `base` to the schema it needs.

    Never more than a page is in memory. Safe to repeat: what an earlier try left is replaced. `imported`: tables and
    columns that a user wants, where `base` has none. `fixed`: the columns, by table and name, that cannot take another
    type. Rows that no table can hold are set aside. Raises what `evolve` does.
    """
    for hints in package.manifest.hints:
        preparer.hint(hints.table, topic_settings(hints))
    while True:
        try:
            normalized = _shaped(package, preparer, base, imported, fixed)
            break
        except NotExact as error:
            fixed |= {(error.args[0], error.args[1])}
    failpoint("normalize.before_note")
    package.note_normalized(normalized)
    failpoint("normalize.after_note")
    return package.moved_to("normalized") if package.state == "extracted" else package


def plan_of(normalized: Normalized) -> SchemaPlan:
    """Return the way to the schema that a package needs."""
    base = from_document(normalized.base_version, normalized.base)
    target = from_document(normalized.target_version, normalized.target)
    return SchemaPlan(base, target, tuple(changes_between(base, target)))


def tables_of(package: Package) -> Mapping[str, pa.Table]:
    """Return the tables of a normalized package, mapped into memory."""
    normalized = package.normalized
    folder = package.folder / normalized.tables
    return {
        table: pa.concat_tables([read_table(folder / file) for file in files])
        for table, files in normalized.files.items()
    }


def rejects_of(package: Package) -> tuple[Reject, ...]:
    """Return the rows that were set aside; their number in the package stands for an offset."""
    rows = (*package.manifest.rejected, *package.normalized.rejected)
    return tuple(
        Reject(Partition(row.table, 0), row.row, None, None, row.text.encode("utf-8", "replace"), row.reason, row.error)
        for row in rows
    )


def _shaped(
    package: Package,
    preparer: Preparer,
    base: Schema,
    imported: Schema | None,
    fixed: frozenset[tuple[str, str]],
) -> Normalized:
    draft = _Draft(package.tables_folder(), base if imported is None else with_imported(base, imported))
    for part in package.manifest.parts:
        page = package.page(part)
        _add_page(draft, package, part, page, part.first_row, preparer, fixed)
    _conform(draft)
    target = base if draft.schema.tables == base.tables else replace(draft.schema, version=base.version + 1)
    return Normalized(
        tables=draft.folder.name,
        files={table: tuple(names) for table, names in draft.files.items()},
        base_version=base.version,
        base=to_document(base),
        target_version=target.version,
        target=to_document(target),
        rows=dict(draft.rows),
        table_bytes=dict(draft.table_bytes),
        nbytes=draft.table_bytes.total(),
        discarded={table: dict(counts) for table, counts in draft.discarded.items()},
        left_out=dict(draft.left_out),
        rejected=tuple(draft.rejected),
    )


def _add_page(
    draft: _Draft,
    package: Package,
    part: Part,
    page: Page,
    first_row: int,
    preparer: Preparer,
    fixed: frozenset[tuple[str, str]],
) -> None:
    """Add a page; where a row of it is refused, its halves, down to that row, which is set aside."""
    hints = package.manifest.hints[part.hints]
    documents = _documents(part.table, page, package.load_id, first_row, hints.max_table_nesting)
    try:
        tables = preparer.normalize((documents,), draft.schema, package.load_id)
        evolved = preparer.evolve(draft.schema, tables, fixed, wish_of_hints(hints))
    except UnsupportedValue as error:
        if isinstance(page, pa.Table):
            raise
        if len(page) == 1:
            draft.reject(part.table, first_row, page, Misfit("unsupported_value", str(error)))
            return
        middle = len(page) // 2
        _add_page(draft, package, part, page[:middle], first_row, preparer, fixed)
        _add_page(draft, package, part, page[middle:], first_row + middle, preparer, fixed)
        return
    for row_id, misfit in evolved.refused.items():
        number = int(row_id.rpartition("-")[2])
        draft.reject(part.table, number, page[number - first_row : number - first_row + 1], misfit)
    draft.discard(part.table, Counter(misfit.reason for misfit in evolved.discarded.values()))
    draft.left_out.update(left_out(evolved))
    draft.schema = evolved.plan.target
    for table, rows in evolved.tables.items():
        draft.add(table, rows)


def _documents(table: str, page: Page, load_id: str, first_row: int, max_nesting: int | None) -> Documents:
    numbers = pa.array(range(first_row, first_row + row_count(page)), pa.int64())
    ids = pc.call_function("binary_join_element_wise", [load_id, numbers.cast(pa.string()), "-"])
    keys = pa.table({"_hr_id": ids})
    if isinstance(page, pa.Table):
        return Documents(table, columnar=(ArrowDocuments(page, keys),), max_nesting=max_nesting)
    return Documents(table, loose=(RowDocuments(page, keys),), max_nesting=max_nesting)


def _conform(draft: _Draft) -> None:
    """Bring the files of each table to the columns and types that its last page needed."""
    for table, names in draft.files.items():
        schemas = [_schema(draft.folder / name) for name in names]
        present = {name for schema in schemas for name in schema.names}
        wanted = pa.schema([field for field in draft.schema.tables[table].arrow if field.name in present])
        for name, schema in zip(names, schemas, strict=True):
            if schema != wanted:
                _rewrite(draft.folder / name, table, wanted)


def _schema(path: Path) -> pa.Schema:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).schema


def _rewrite(path: Path, table: str, wanted: pa.Schema) -> None:
    rows = read_table(path)
    columns = []
    for column in wanted:
        if column.name not in rows.column_names:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows).cast(column.type)]))
            continue
        try:
            columns.append(rows[column.name].cast(column.type))
        except pa.ArrowInvalid:
            raise NotExact(table, column.name) from None
    conformed = path.with_suffix(".conformed")
    write_table(conformed, pa.Table.from_arrays(columns, schema=wanted))
    conformed.replace(path)
