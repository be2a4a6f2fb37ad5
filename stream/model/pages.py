"""Data on its way from the user to a package: columns where Arrow holds it exactly, rows of Python values elsewhere."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

Page: TypeAlias = pa.Table | list[Any]
"""Some rows of one table, nested, in the order in which the data gave them.

Rows are objects (dicts) of plain values: None, bool, int, float, Decimal, str, bytes, datetime, date, time, UUID, dict
and list. What is no object stands in an object under the key `value`.
"""


def row_count(page: Page) -> int:
    """Return how many rows a page has."""
    return page.num_rows if isinstance(page, pa.Table) else len(page)
