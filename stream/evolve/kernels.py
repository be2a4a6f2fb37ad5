"""Small vectorised steps over one column, in which null means: not here."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from stream.model.tables import Array


def call(kernel: str, *arguments: Array | pa.Scalar[pa.DataType]) -> Array:
    """Return what the kernel of that name gives for these arguments."""
    result: Array = pc.call_function(kernel, list(arguments))
    return result


def keep(values: Array, mask: Array) -> Array:
    """Return the values where `mask` is true, null elsewhere."""
    return call("if_else", mask, values, pa.scalar(None, values.type))


def without(values: Array, others: Array) -> Array:
    """Return the values where `others` is null, null elsewhere."""
    return keep(values, call("is_null", others))


def merged(first: Array, second: Array) -> Array:
    """Return `first` with its nulls filled from `second`."""
    return call("coalesce", first, second)


def matching(texts: Array, pattern: str) -> Array:
    """Return the texts that `pattern` (RE2) finds itself in, null elsewhere."""
    return keep(texts, matches(texts, pattern))


def matches(texts: Array, pattern: str) -> Array:
    """Return for each text whether `pattern` (RE2) is found in it."""
    mask: Array = pc.match_substring_regex(texts, pattern)
    return mask


def holds(mask: Array) -> bool:
    """Return whether `mask` is true anywhere."""
    return pc.any(mask).as_py() is True


def between(values: Array, least: pa.Scalar[pa.DataType], most: pa.Scalar[pa.DataType]) -> Array:
    """Return for each value whether it lies in `least`..`most`, both included."""
    return call("and", call("greater_equal", values, least), call("less_equal", values, most))


def joined(arrays: Sequence[Array]) -> Array:
    """Return arrays of one type as one, without a copy where there is one."""
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
