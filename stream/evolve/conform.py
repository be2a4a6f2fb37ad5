"""Rows with the columns of their table, as the sink takes them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from sinks import Table
from stream.evolve.assign_columns import Settled
from stream.model import FlatTable
from stream.model.tables import Array


def conform(table: Table, flat: FlatTable, settled: Sequence[Settled]) -> pa.Table:
    """Return the rows of all chunks, with the columns of `table` that have a value here; what a chunk lacks is null.

    A wide table has many columns and a batch uses few: nulls for the others would cost memory for each row.
    """
    values = {each.column.name: each.values for each in settled if each.values}
    present = [column for column in table.columns.values() if column.name in values or not column.nullable]
    columns = []
    for column in present:
        kind, brought = column.type.arrow, values.get(column.name, {})
        chunks: list[Array] = [
            brought[index] if index in brought else pa.nulls(chunk.num_rows).cast(kind)
            for index, chunk in enumerate(flat.chunks)
        ]
        columns.append(pa.chunked_array(chunks))
    return pa.Table.from_arrays(columns, schema=Table(table.name, {c.name: c for c in present}).arrow)
