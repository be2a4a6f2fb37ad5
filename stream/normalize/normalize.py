"""Documents become relational rows: one root table each, one child table for each list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import pyarrow as pa

from stream.model import ArrowDocuments, Documents, FlatTable, RowDocuments
from stream.model.tables import Array, whole
from stream.normalize.depth import check_depth
from stream.normalize.flatten_columns import Flattener
from stream.normalize.flatten_rows import RowFlattener
from stream.normalize.naming import Names
from stream.normalize.row_ids import LOAD_ID, ROW_ID, root_ids
from stream.normalize.table_builders import TableBuilders


def normalize(
    documents: Sequence[Documents],
    *,
    names: Names,
    load_id: str,
    max_nesting: Callable[[str | None], int | None] = lambda topic: None,
    incarnations: Mapping[str, str] = MappingProxyType({}),
) -> tuple[FlatTable, ...]:
    """Return the tables these documents make, parents before children, those without rows left out.

    Pure: the same documents, names, load id and incarnations (of topics; see `root_ids`) give the same tables.
    `max_nesting` is asked by topic: so many levels of objects and lists are taken apart, what lies deeper stays JSON
    text; None is no bound. Raises `UnsupportedValue`.
    """
    drafts = TableBuilders(names)
    for one in documents:
        nesting = max_nesting(one.topic) if one.max_nesting is None else one.max_nesting
        ids = partial(root_ids, topic=one.topic, incarnation=incarnations.get(one.topic or "", ""))
        columns, rows = Flattener(drafts, nesting), RowFlattener(drafts, nesting)
        root = drafts.root(one.table)
        for columnar in filter(_has_rows, one.columnar):
            columns.flatten(columnar, root, _identity(columnar.keys, ids(columnar.keys), load_id))
        for loose in filter(_has_rows, one.loose):
            if one.topic is None:  # what comes from Kafka was bounded before it was decoded
                check_depth(loose.values)
            rows.flatten(loose, root, _identity(loose.keys, ids(loose.keys), load_id))
    return drafts.finished()


def _identity(keys: pa.Table, ids: Array, load_id: str) -> Mapping[str, Array]:
    """Return the columns that a root row has before its data."""
    brought = {name: whole(keys[name]) for name in keys.column_names if name != ROW_ID}
    return {ROW_ID: ids, LOAD_ID: pa.repeat(load_id, keys.num_rows), **brought}


def _has_rows(piece: ArrowDocuments | RowDocuments) -> bool:
    return bool(piece.keys.num_rows)
