"""Tables of other libraries as Arrow tables: pandas, polars, and whatever speaks Arrow's C stream protocol."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import pyarrow as pa

from stream.errors import ConfigError

# What pandas calls columns of type `object` whose values Arrow takes as they are.
_UNIFORM: Final = {"string", "boolean", "integer", "empty", "bytes"}


def is_tabular(data: Any) -> bool:
    """Return whether `data` has columns: an Arrow table, batch or reader, or a frame of pandas or polars."""
    arrow = isinstance(data, pa.Table | pa.RecordBatch | pa.RecordBatchReader)
    return arrow or _is(data, "pandas", "DataFrame") or _is(data, "polars", "DataFrame", "LazyFrame") or _streams(data)


def tables_of(data: Any) -> Iterator[pa.Table | list[Any]]:
    """Yield what `is_tabular` as Arrow tables; a pandas frame whose columns mix types as rows, which are exact.

    Raises `ConfigError` for what Arrow cannot take, with the library's own reason.
    """
    if isinstance(data, pa.Table):
        yield data
    elif isinstance(data, pa.RecordBatch):
        yield pa.Table.from_batches([data])
    elif isinstance(data, pa.RecordBatchReader):
        yield from (pa.Table.from_batches([batch]) for batch in data)
    elif _is(data, "pandas", "DataFrame"):
        yield _from_pandas(data)
    elif _is(data, "polars", "DataFrame", "LazyFrame"):
        yield _from_polars(data)
    else:
        yield from tables_of(pa.RecordBatchReader.from_stream(data))


def _from_pandas(frame: Any) -> pa.Table | list[Any]:
    infer_dtype = import_module("pandas.api.types").infer_dtype  # the user has it: the frame is its own

    named = [name for name in frame.index.names if name is not None]
    if named:
        frame = frame.reset_index(level=named)
    if not all(isinstance(name, str) for name in frame.columns):
        raise ConfigError(f"names of columns are text, not {[n for n in frame.columns if not isinstance(n, str)][:3]}")
    mixed = [
        name for name in frame.columns if frame.dtypes[name] == "object" and not _is_uniform(frame[name], infer_dtype)
    ]
    if mixed:
        return [_without_missing(row) for row in frame.to_dict("records")]
    try:
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowException, TypeError) as error:
        raise ConfigError(f"this pandas frame has what Arrow cannot take: {error}") from error


def _is_uniform(column: Any, infer_dtype: Any) -> bool:
    return infer_dtype(column, skipna=True) in _UNIFORM


def _without_missing(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with None where pandas says "missing" by a float that is no number."""
    return {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}


def _from_polars(frame: Any) -> pa.Table:
    try:
        table: pa.Table = (frame.collect() if hasattr(frame, "collect") else frame).to_arrow()
    except Exception as error:  # polars brings errors of its own, and a panic of its engine is one of them
        raise ConfigError(f"this polars frame has what Arrow cannot take: {error}") from error
    return table


def _is(data: Any, library: str, *names: str) -> bool:
    return any(kind.__name__ in names and kind.__module__.partition(".")[0] == library for kind in type(data).__mro__)


def _streams(data: Any) -> bool:
    return hasattr(data, "__arrow_c_stream__") and not any(kind.__name__ == "Series" for kind in type(data).__mro__)
