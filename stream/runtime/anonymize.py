"""Columns with the hint `anonymize`: each value becomes a keyed hash before a page is written anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from stream.model.hints import Hints
from stream.model.pages import Page
from stream.transform.pseudonyms import Replace, replaced

Hide = Callable[[Page], Page]


def private_columns(hints: Hints) -> tuple[str, ...]:
    """Return the columns to anonymize, by the paths of their keys (`email`, `customer.email`)."""
    return tuple(name for name, wishes in hints.columns.items() if wishes.get("anonymize"))


def anonymized(page: Page, paths: Sequence[str], replace: Replace) -> Page:
    """Return `page` with the values at `paths` replaced; null stays null."""
    if not isinstance(page, pa.Table):
        return [_row(row, paths, replace) for row in page]
    nested = [path for path in paths if path not in page.column_names and path.split(".")[0] in page.column_names]
    if nested:  # a member of a struct: rows are exact there, if slower
        return anonymized(page.to_pylist(), paths, replace)
    for path in paths:
        if path in page.column_names:
            index = page.column_names.index(path)
            column = pa.chunked_array([replaced(chunk, replace) for chunk in page[path].chunks], pa.string())
            page = page.set_column(index, path, column)
    return page


def _row(row: dict[str, Any], paths: Sequence[str], replace: Replace) -> dict[str, Any]:
    for path in paths:
        row = _replaced(row, (path,) if path in row else tuple(path.split(".")), replace)
    return row


def _replaced(value: Any, path: tuple[str, ...], replace: Replace) -> Any:
    if value is None:
        return None
    if not path:
        return replace(value)
    if isinstance(value, list):
        return [_replaced(element, path, replace) for element in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    return {**value, path[0]: _replaced(value[path[0]], path[1:], replace)}
