"""The contract of a schema, held against what a batch would change: evolve, freeze, discard rows or discard values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import pyarrow as pa

from sinks.schema import Column
from stream.errors import SchemaRefused
from stream.evolve.assign_columns import Settled
from stream.evolve.evolved import Misfit
from stream.evolve.kernels import joined
from stream.evolve.root_rows import ROW_ID, distinct_texts, root_ids, roots_with
from stream.evolve.table_rules import Contract, Mode, TableRules
from stream.evolve.verdict import Verdict
from stream.model import FlatTable
from stream.model.identifiers import is_system
from stream.model.table_places import TablePlace
from stream.model.tables import Array

_IdsOf: TypeAlias = Callable[[pa.Table], Array]

FROZEN = "schema_frozen"
DISCARDED = "schema_discarded"
REQUIRED = "required_missing"
REFUSALS = (FROZEN, REQUIRED)


def judge_table(flat: FlatTable, contract: Contract) -> Verdict:
    """Return what becomes of the rows of a table that is not there yet."""
    if contract.tables == "evolve":
        return Verdict()
    roots = [root for chunk in flat.chunks for root in distinct_texts(root_ids(chunk))]
    if contract.tables != "freeze" and flat.parent is not None:
        return Verdict(dropped=(flat.name, [i for c in flat.chunks for i in distinct_texts(joined(c[ROW_ID].chunks))]))
    return _verdict(contract, contract.tables, roots, f"table {flat.name} is new, and tables are frozen")


def judge_columns(flat: FlatTable, settled: Sequence[Settled], contract: Contract) -> Verdict:
    """Return what becomes of the rows of a table that is there, for which it would have to change."""
    for each in settled:
        mode = mode_for(each, contract)
        if mode in ("evolve", "discard_value") or not each.values:
            continue
        if mode == "discard_row" and flat.parent is not None:
            return Verdict(dropped=(flat.name, list(_having(flat, each, _row_ids))))
        return _verdict(contract, mode, _having(flat, each, root_ids), _change(flat, each))
    return Verdict()


def judge_required(
    flat: FlatTable, settled: Sequence[Settled], rules: TableRules, place: TablePlace, stored: Mapping[str, Column]
) -> Verdict:
    """Return what becomes of the rows that lack a value which a user, or the stored schema, says must be there."""
    columns = {**stored, **{each.column.name: each.column for each in settled}}
    required = [column for column in columns.values() if not (column.nullable or is_system(column.name))]
    if not required and all(rule.nullable for rule in rules.columns):
        return Verdict()
    values = {each.column.name: each.values for each in settled}
    for name, column in columns.items():
        if is_system(name) or column.variant_of:
            continue
        if column.nullable and not rules.requires(place.field(flat, name)):
            continue
        lacking = list(dict.fromkeys(_lacking(flat, values.get(name, {}))))
        if lacking:
            why = Misfit(REQUIRED, f"{flat.name}.{name} must have a value (nullable = false), and has none that fits")
            return _refused(rules.contract, lacking, why)
    return Verdict()


def mode_for(settled: Settled, contract: Contract) -> Mode:
    """Return the mode that a column's change falls under; `evolve` for one that does not change."""
    if settled.was is not None or is_system(settled.column.name):
        return "evolve"
    return contract.columns if settled.column.variant_of is None else contract.data_type


def _change(flat: FlatTable, each: Settled) -> str:
    if each.column.variant_of is None:
        return f"column {flat.name}.{each.column.name} ({each.column.type}) is new, and columns are frozen"
    return f"{flat.name}.{each.column.variant_of} does not hold {each.column.type} values, and data_type is frozen"


def _verdict(contract: Contract, mode: Mode, roots: Iterable[str], why: str) -> Verdict:
    if mode == "freeze":
        return _refused(contract, roots, Misfit(FROZEN, f"{why}; change schema_contract, or the producer"))
    return Verdict(discarded=dict.fromkeys(roots, Misfit(DISCARDED, why)))


def _refused(contract: Contract, roots: Iterable[str], why: Misfit) -> Verdict:
    if contract.stop:
        raise SchemaRefused(f"{why.error}. Nothing of this batch was written")
    return Verdict(refused=dict.fromkeys(roots, why))


def _having(flat: FlatTable, each: Settled, ids_of: _IdsOf) -> Iterator[str]:
    for index, values in each.values.items():
        yield from roots_with(ids_of(flat.chunks[index]), [values])


def _row_ids(chunk: pa.Table) -> Array:
    return joined(chunk[ROW_ID].chunks)


def _lacking(flat: FlatTable, values: Mapping[int, Array]) -> Iterator[str]:
    for index, chunk in enumerate(flat.chunks):
        roots = root_ids(chunk)
        yield from distinct_texts(roots.filter(values[index].is_null()) if index in values else roots)
